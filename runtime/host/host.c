/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host: providers come and go, bindings (Component resources) are attached
 * to them. A provider's bindings are initialised one after the other, in the
 * order of the resources; different providers at the same time. Owned by the
 * loop's thread.
 */
#include "host/host.h"

#include "core/container.h"
#include "core/log.h"
#include "host/folder.h"
#include "host/module.h"
#include "host/socket.h"
#include "net/http_text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BINDINGS      "dapr.runtime.processor.binding"
#define ROOT          "dapr.runtime.processor.loops.root"

#define SOON          200  /* ms: a component that went away in Init */
#define FIRST_PAUSE   1000 /* ms after an Init that failed; doubled each time */
#define LONGEST_PAUSE 30000

struct host {
    struct loop *loop;
    struct host_options options;
    struct folder *folder;
    TAILQ_HEAD(, binding) bindings;
    TAILQ_HEAD(, provider) providers;
    bool looked;   /* the sockets folder has been read once */
    unsigned open; /* providers, and the folder */
    bool closing;
    void (*closed)(void *data);
    void *closed_data;
};

static void attach(struct binding *binding);
static void start_next(struct provider *provider);

/* ---- outcomes ------------------------------------------------------------ */

static void resolve(struct binding *binding, const char *error)
{
    struct host *host = binding->host;

    loop_timer_stop(host->loop, &binding->budget);
    if (binding->resolved)
        return;
    binding->resolved = true;
    host->options.events->resolved(binding, error, host->options.data);
}

/* The error of a binding that no provider takes, with what is known. */
static void resolve_not_found(struct binding *binding)
{
    const struct provider *provider = binding->provider;
    const char *why = provider ? provider->ops->why(provider) : "";
    char error[1024];

    snprintf(error, sizeof error, "couldn't find binding %s%s%s",
             resource_label(binding->resource), *why ? ": " : "", why);
    resolve(binding, error);
}

static void close_instances(struct binding *binding)
{
    for (int kind = 0; kind < BINDING_KINDS; kind++) {
        if (binding->instances[kind])
            binding->instances[kind]->ops->close(binding->instances[kind]);
        binding->instances[kind] = NULL;
    }
}

/* ---- starting ------------------------------------------------------------ */

static bool offered(const struct binding *binding, int kind)
{
    return binding->wanted[kind] && binding->provider->kinds[kind];
}

static void ready(struct binding *binding)
{
    struct host *host = binding->host;

    binding->state = BINDING_READY;
    binding->failures = 0;
    for (int kind = 0; kind < BINDING_KINDS; kind++)
        binding->offers[kind] = binding->instances[kind];
    log_message(LOG_INFO, ROOT, "Component %s: %s",
                binding->loaded ? "attached again" : "loaded",
                resource_label(binding->resource));
    binding->loaded = true;
    resolve(binding, NULL);
    host->options.events->ready(binding, host->options.data);
    start_next(binding->provider);
}

/* What went away in Init may be back soon, within the first attempt's time. */
static void failed(struct binding *binding, int code, const char *error)
{
    struct provider *provider = binding->provider;
    uint64_t pause = FIRST_PAUSE;

    close_instances(binding);
    binding->state = BINDING_RETRYING;
    for (unsigned i = 0; i < binding->failures && pause < LONGEST_PAUSE; i++)
        pause *= 2;
    if (code == DAPR_UNAVAILABLE && !binding->resolved && binding->budget.at) {
        pause = SOON;
    } else {
        binding->failures++;
        if (binding->resolved)
            log_message(LOG_ERROR, ROOT,
                        "Failed to init component %s: %s; tried again in %u s",
                        resource_label(binding->resource), error,
                        (unsigned)(pause / 1000));
        resolve(binding, error);
    }
    loop_timer_start(binding->host->loop, &binding->retry, pause);
    if (code != DAPR_UNAVAILABLE) /* else the connection may be breaking */
        start_next(provider);
}

static void start_kind(struct binding *binding, int kind);

static void initialised(struct instance *instance,
                        const struct outcome *outcome, bool timeout)
{
    struct binding *binding = instance->owner;
    const char *label = resource_label(binding->resource);
    char error[4096];

    if (outcome->code) {
        if (timeout)
            snprintf(error, sizeof error, "init timeout for component %s",
                     label);
        else
            snprintf(error, sizeof error,
                     "[INIT_COMPONENT_FAILURE]: initialization error occurred "
                     "for %s: %s",
                     label, outcome->error);
        failed(binding, timeout ? 0 : outcome->code, error);
        return;
    }
    if (!binding->loaded)
        log_message(LOG_INFO, BINDINGS, "successful init for %s binding (%s)",
                    instance->kind == BINDING_INPUT ? "input" : "output",
                    label);
    start_kind(binding, instance->kind + 1);
}

static void event_came(struct instance *instance, struct event *event)
{
    struct binding *binding = instance->owner;
    struct host *host = binding->host;

    host->options.events->event(binding, event, host->options.data);
}

static void read_ended(struct instance *instance, const char *why)
{
    struct binding *binding = instance->owner;
    struct host *host = binding->host;

    host->options.events->read_ended(binding, why, host->options.data);
}

static struct instance *new_instance(struct binding *binding, int kind)
{
    static const struct instance_events events = {
        .initialised = initialised,
        .event = event_came,
        .read_ended = read_ended,
    };
    struct provider *provider = binding->provider;
    struct instance *instance =
        provider->ops->instance(provider, kind, binding->resource->name);

    if (instance) {
        instance->events = &events;
        instance->owner = binding;
        binding->instances[kind] = instance;
    }
    return instance;
}

/* Initialises the kinds that are wanted and offered, from `kind` on. */
static void start_kind(struct binding *binding, int kind)
{
    struct instance *instance;

    while (kind < BINDING_KINDS && !offered(binding, kind))
        kind++;
    if (kind == BINDING_KINDS) {
        ready(binding);
        return;
    }
    instance = new_instance(binding, kind);
    if (!instance || instance->ops->init(
                         instance, pairs_view(&binding->resource->properties),
                         binding->resource->init_timeout))
        failed(binding, DAPR_UNAVAILABLE, "Init cannot be sent");
}

static void start(struct binding *binding)
{
    const struct provider *provider = binding->provider;

    loop_timer_stop(binding->host->loop, &binding->retry);
    if (!provider->kinds[BINDING_INPUT] && !provider->kinds[BINDING_OUTPUT]) {
        resolve_not_found(binding);
        return;
    }
    binding->state = BINDING_STARTING;
    start_kind(binding, 0);
}

/* The next binding in turn, unless one is being started. */
static void start_next(struct provider *provider)
{
    struct binding *binding;

    TAILQ_FOREACH (binding, &provider->bindings, at_link) {
        if (binding->state == BINDING_STARTING)
            return;
    }
    if (!provider->up)
        return;
    TAILQ_FOREACH (binding, &provider->bindings, at_link) {
        if (binding->state != BINDING_WAITING)
            continue;
        start(binding);
        return;
    }
}

/* ---- providers ----------------------------------------------------------- */

static void move_to(struct binding *binding, struct provider *provider)
{
    if (binding->provider == provider)
        return;
    if (binding->provider)
        TAILQ_REMOVE(&binding->provider->bindings, binding, at_link);
    binding->provider = provider;
    TAILQ_INSERT_TAIL(&provider->bindings, binding, at_link);
}

static void detach(struct binding *binding)
{
    struct host *host = binding->host;
    bool was_ready = binding->state == BINDING_READY;

    loop_timer_stop(host->loop, &binding->retry);
    binding->state = BINDING_WAITING;
    if (was_ready)
        host->options.events->lost(binding, host->options.data);
    close_instances(binding);
}

/* A new process has taken the name of one that still serves: its bindings move,
 * what it was asked before it may still answer. */
static void supersede(struct provider *old, struct provider *provider)
{
    struct host *host = provider->data;
    struct binding *binding;

    log_message(LOG_INFO, ROOT,
                "another process serves %s/%s now: its components move there",
                host->options.sockets_folder, provider->file);
    while ((binding = TAILQ_FIRST(&old->bindings))) {
        detach(binding);
        move_to(binding, provider);
    }
    TAILQ_REMOVE(&host->providers, old, link);
    old->ops->free(old);
}

static struct provider *find_other(struct provider *provider)
{
    struct host *host = provider->data;
    struct provider *other;

    TAILQ_FOREACH (other, &host->providers, link) {
        if (other != provider && other->file && provider->file &&
            strcmp(other->file, provider->file) == 0)
            return other;
    }
    return NULL;
}

static void provider_up(struct provider *provider)
{
    struct host *host = provider->data;
    struct provider *old;
    struct binding *binding;

    while ((old = find_other(provider)))
        supersede(old, provider);

    TAILQ_FOREACH (binding, &host->bindings, link) {
        attach(binding);
    }
    start_next(provider);
}

static void provider_down(struct provider *provider)
{
    struct binding *binding;

    TAILQ_FOREACH (binding, &provider->bindings, at_link) {
        detach(binding);
    }
}

/* A module that is not there, or a socket that does not answer, leaves its
 * type's bindings waiting. */
static void provider_tried(struct provider *provider)
{
    struct host *host = provider->data;
    struct binding *binding;

    TAILQ_FOREACH (binding, &host->bindings, link) {
        attach(binding);
    }
}

static void closed_one(void *data)
{
    struct host *host = data;

    host->open--;
    if (host->open || !host->closing)
        return;
    host->closed(host->closed_data);
    free(host);
}

static void provider_freed(struct provider *provider)
{
    closed_one(provider->data);
}

static const struct provider_events provider_events = {.up = provider_up,
                                                       .down = provider_down,
                                                       .tried = provider_tried,
                                                       .freed = provider_freed};

static void add_provider(struct host *host, struct provider *provider)
{
    TAILQ_INSERT_TAIL(&host->providers, provider, link);
    host->open++;
}

static struct provider *find_provider(struct host *host, const char *type)
{
    struct provider *provider, *found = NULL;

    TAILQ_FOREACH (provider, &host->providers, link) {
        if (strcmp(provider->type, type) != 0)
            continue;
        if (provider->up)
            return provider;
        if (!found)
            found = provider;
    }
    return found;
}

/* Modules are named as types are; a slash would leave their folder. */
static struct provider *try_module(struct host *host, const char *type)
{
    const char *name = type + strlen("bindings.");
    struct provider *provider;

    if (!host->options.modules_folder || strchr(name, '/'))
        return NULL;
    provider = module_open(host->loop, host->options.modules_folder, name, type,
                           &provider_events, host);
    if (provider)
        add_provider(host, provider);
    return provider;
}

/* Finds a provider for a binding that has none that answers: a socket of its
 * name; a module, once it is known that there is no such socket. */
static void attach(struct binding *binding)
{
    struct host *host = binding->host;
    struct provider *provider;

    if (host->closing || !binding->type ||
        (binding->provider && binding->provider->up))
        return;
    provider = find_provider(host, binding->type);
    if (!provider && host->looked)
        provider = try_module(host, binding->type);
    if (!provider)
        return;
    move_to(binding, provider);
    start_next(provider);
}

/* ---- the sockets folder -------------------------------------------------- */

/* One that does not answer, if there is one. */
static struct provider *find_down(struct host *host, const char *file)
{
    struct provider *provider;

    TAILQ_FOREACH (provider, &host->providers, link) {
        if (provider->file && strcmp(provider->file, file) == 0 &&
            !provider->up)
            return provider;
    }
    return NULL;
}

static void socket_appeared(const char *file, void *data)
{
    struct host *host = data;
    struct provider *provider = find_down(host, file);

    if (provider) {
        socket_replaced(provider);
        return;
    }
    provider = socket_open(host->loop, host->options.sockets_folder, file,
                           &provider_events, host);
    if (provider)
        add_provider(host, provider);
    else
        log_message(LOG_WARNING, "pluggable-components-discovery",
                    "could not use socket for file %s/%s",
                    host->options.sockets_folder, file);
}

static void socket_gone(const char *file, void *data)
{
    struct host *host = data;
    struct provider *provider = find_down(host, file);

    if (!provider || !TAILQ_EMPTY(&provider->bindings))
        return;
    TAILQ_REMOVE(&host->providers, provider, link);
    provider->ops->free(provider);
}

static void other_file(const char *file, void *data)
{
    struct host *host = data;

    log_message(LOG_WARNING, "pluggable-components-discovery",
                "could not use socket for file %s/%s",
                host->options.sockets_folder, file);
}

static void folder_looked(void *data)
{
    struct host *host = data;
    struct binding *binding;

    if (host->looked)
        return;
    host->looked = true;
    TAILQ_FOREACH (binding, &host->bindings, link) {
        attach(binding);
    }
}

/* ---- bindings ------------------------------------------------------------ */

static void budget_over(struct loop_timer *timer)
{
    struct binding *binding = container_of(timer, struct binding, budget);

    if (binding->state != BINDING_STARTING)
        resolve_not_found(binding);
}

static void retry_due(struct loop_timer *timer)
{
    struct binding *binding = container_of(timer, struct binding, retry);

    binding->state = BINDING_WAITING;
    start_next(binding->provider);
}

static void read_direction(struct binding *binding)
{
    const char *direction =
        pairs_find(pairs_view(&binding->resource->properties), "direction");

    binding->wanted[BINDING_INPUT] =
        !direction || http_list_has(direction, "input");
    binding->wanted[BINDING_OUTPUT] =
        !direction || http_list_has(direction, "output");
}

static char *lower(const char *text)
{
    char *copy = strdup(text);

    for (char *c = copy; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

static bool initial_version(const char *version)
{
    return !*version || strcasecmp(version, "v0") == 0 ||
           strcasecmp(version, "v1") == 0;
}

int host_add(struct host *host, const struct resource *resource)
{
    struct binding *binding = calloc(1, sizeof *binding);

    if (!binding || !(binding->type = lower(resource->type))) {
        free(binding);
        return -1;
    }
    binding->host = host;
    binding->resource = resource;
    binding->budget.fire = budget_over;
    binding->retry.fire = retry_due;
    read_direction(binding);
    TAILQ_INSERT_TAIL(&host->bindings, binding, link);
    if (!initial_version(resource->version)) {
        free(binding->type);
        binding->type = NULL;
        loop_timer_start(host->loop, &binding->budget, 0);
        return 0;
    }
    loop_timer_start(host->loop, &binding->budget, resource->init_timeout);
    attach(binding);
    return 0;
}

struct binding *host_first(struct host *host)
{
    return TAILQ_FIRST(&host->bindings);
}

struct binding *host_find(struct host *host, const char *name)
{
    struct binding *binding;

    TAILQ_FOREACH (binding, &host->bindings, link) {
        if (strcmp(binding->resource->name, name) == 0)
            return binding;
    }
    return NULL;
}

/* ---- life ---------------------------------------------------------------- */

struct host *host_new(struct loop *loop, const struct host_options *options)
{
    static const struct folder_events events = {.appeared = socket_appeared,
                                                .gone = socket_gone,
                                                .other = other_file,
                                                .looked = folder_looked};
    struct host *host = calloc(1, sizeof *host);

    if (!host)
        return NULL;
    host->loop = loop;
    host->options = *options;
    TAILQ_INIT(&host->bindings);
    TAILQ_INIT(&host->providers);
    host->folder = folder_watch(loop, options->sockets_folder, &events, host);
    if (!host->folder) {
        free(host);
        return NULL;
    }
    host->open = 1;
    return host;
}

void host_close(struct host *host, void (*closed)(void *data), void *data)
{
    struct binding *binding;
    struct provider *provider;

    host->closing = true;
    host->closed = closed;
    host->closed_data = data;
    while ((binding = TAILQ_FIRST(&host->bindings))) {
        TAILQ_REMOVE(&host->bindings, binding, link);
        if (binding->provider)
            TAILQ_REMOVE(&binding->provider->bindings, binding, at_link);
        loop_timer_stop(host->loop, &binding->budget);
        loop_timer_stop(host->loop, &binding->retry);
        close_instances(binding);
        free(binding->type);
        free(binding);
    }
    while ((provider = TAILQ_FIRST(&host->providers))) {
        TAILQ_REMOVE(&host->providers, provider, link);
        provider->ops->free(provider);
    }
    folder_close(host->folder, closed_one, host);
}
