/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a module: dlopen and its main() run on libuv's pool, because they read
 * files and run foreign code; all else is the loop's thread's.
 *
 * main() is the entry because it is what a program has: no line of the source
 * differs. A module that registers nothing under its own name is refused.
 */
#include "host/module.h"

#include "core/log.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCOPE "dapr.runtime.modules"

struct module_provider {
    struct provider base;
    struct loop *loop;
    uv_work_t work;
    char *path;
    char *name;
    struct component *component;
    char why[512];
    bool opening;
    bool freed;
};

/* On libuv's pool. */
static void open_module(uv_work_t *work)
{
    struct module_provider *provider = work->data;
    char *args[] = {provider->name, NULL};
    void *library;
    int (*entry)(int, char **);

    if (access(provider->path, F_OK))
        return; /* not a failure: nothing is there */
    library = dlopen(provider->path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(provider->why, sizeof provider->why, "%s", dlerror());
        return;
    }
    *(void **)&entry = dlsym(library, "main");
    if (!entry) {
        snprintf(provider->why, sizeof provider->why, "it has no main()");
        return;
    }
    if (entry(1, args) != 0) {
        snprintf(provider->why, sizeof provider->why, "its main() failed");
        return;
    }
    provider->component = component_find(provider->name);
    if (!provider->component)
        snprintf(provider->why, sizeof provider->why,
                 "it registers no component \"%s\"", provider->name);
}

static void free_memory(struct module_provider *provider)
{
    free(provider->path);
    free(provider->name);
    free(provider->base.type);
    free(provider);
}

static void free_provider(struct provider *base)
{
    struct module_provider *provider = (struct module_provider *)base;

    provider->freed = true;
    if (provider->opening)
        return;
    base->events->freed(base);
    free_memory(provider);
}

static void opened(uv_work_t *work, int status)
{
    struct module_provider *provider = work->data;
    struct component *component = provider->component;

    (void)status;
    provider->opening = false;
    if (provider->freed) {
        free_provider(&provider->base);
        return;
    }
    if (component) {
        for (int kind = 0; kind < BINDING_KINDS; kind++)
            provider->base.kinds[kind] = component_has(component, kind);
        provider->base.up = true;
        provider->base.events->up(&provider->base);
    } else if (*provider->why) {
        log_message(LOG_ERROR, SCOPE, "could not load module %s: %s",
                    provider->path, provider->why);
    }
    provider->base.events->tried(&provider->base);
}

static struct instance *new_instance(struct provider *base,
                                     enum binding_kind kind, const char *id)
{
    struct module_provider *provider = (struct module_provider *)base;

    return module_instance(provider->loop, provider->component, kind, id);
}

static const char *why(const struct provider *base)
{
    const struct module_provider *provider =
        (const struct module_provider *)base;

    return provider->why;
}

struct provider *module_open(struct loop *loop, const char *folder,
                             const char *name, const char *type,
                             const struct provider_events *events, void *data)
{
    static const struct provider_ops ops = {
        .instance = new_instance, .why = why, .free = free_provider};
    struct module_provider *provider = calloc(1, sizeof *provider);

    if (!provider)
        return NULL;
    provider->base.ops = &ops;
    provider->base.data = data;
    TAILQ_INIT(&provider->base.bindings);
    provider->loop = loop;
    provider->base.events = events;
    provider->work.data = provider;
    provider->base.type = strdup(type);
    provider->name = strdup(name);
    if (asprintf(&provider->path, "%s/%s.so", folder, name) < 0)
        provider->path = NULL;
    if (!provider->base.type || !provider->name || !provider->path ||
        uv_queue_work(&loop->uv, &provider->work, open_module, opened)) {
        free_memory(provider);
        return NULL;
    }
    provider->opening = true;
    return &provider->base;
}
