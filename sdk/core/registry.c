/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dapr_register() and who asks what it made. It may be called again at any time
 * in cdaprd, which loads a module when a resource first names it; so a lock
 * guards the list, whose elements never go.
 */
#include "core/registry.h"

#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCOPE "dapr.components"

static struct {
    pthread_mutex_t lock; /* guards all below */
    STAILQ_HEAD(, component) components;
    STAILQ_HEAD(, table) tables;
    char *misuse;
} registry = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .components = STAILQ_HEAD_INITIALIZER(registry.components),
    .tables = STAILQ_HEAD_INITIALIZER(registry.tables),
};

/* With the lock held. */
static struct component *find(const char *name)
{
    struct component *component;

    STAILQ_FOREACH (component, &registry.components, link) {
        if (strcmp(component->name, name) == 0)
            return component;
    }
    return NULL;
}

static struct component *add(const char *name)
{
    struct component *component = calloc(1, sizeof *component);

    if (!component || !(component->name = strdup(name))) {
        free(component);
        return NULL;
    }
    pthread_mutex_init(&component->lock, NULL);
    LIST_INIT(&component->slots);
    STAILQ_INSERT_TAIL(&registry.components, component, link);
    return component;
}

/* The complete form of a public table, made when it is first used. */
static struct table *complete(const struct dapr_option *option,
                              const char **ret_misuse)
{
    struct table *table;

    STAILQ_FOREACH (table, &registry.tables, link) {
        if (table->public == option->table)
            return table;
    }
    table = table_new(option, ret_misuse);
    if (table)
        STAILQ_INSERT_TAIL(&registry.tables, table, link);
    return table;
}

static const char *check(const char *name, const struct dapr_option *option)
{
    if (!name || !name[0])
        return "the name is empty";
    if (name[0] == '.')
        return "the name begins with a dot";
    if (strchr(name, '/'))
        return "the name holds a slash";
    if (option->kind != 1 && option->kind != 2)
        return "this kind of component is unknown to this library";
    if (!option->table)
        return "the table is NULL";
    return NULL;
}

static const char *enter(const char *name, const struct dapr_option *option)
{
    const char *misuse = check(name, option);
    struct table *table;
    struct component *component;

    if (misuse)
        return misuse;
    table = complete(option, &misuse);
    if (!table)
        return misuse;
    component = find(name);
    if (!component)
        component = add(name);
    if (!component)
        return "out of memory";
    if (component->tables[table->kind])
        return "a binding of this kind is registered under this name already";
    component->tables[table->kind] = table;
    return NULL;
}

/* With the lock held. The first misuse is kept. */
static void report(const char *name, const char *misuse)
{
    char *text = NULL;

    if (asprintf(&text, "dapr_register(\"%s\"): %s", name ? name : "", misuse) <
        0)
        text = strdup(misuse);
    log_message(LOG_ERROR, SCOPE, "%s", text ? text : misuse);
    if (registry.misuse)
        free(text);
    else
        registry.misuse = text;
}

int dapr_register(const char *name, struct dapr_option option)
{
    const char *misuse;

    pthread_mutex_lock(&registry.lock);
    misuse = enter(name, &option);
    if (misuse)
        report(name, misuse);
    pthread_mutex_unlock(&registry.lock);
    return misuse ? -1 : 0;
}

/* ---- what homes ask ------------------------------------------------------ */

struct component *component_next(struct component *component)
{
    struct component *next;

    pthread_mutex_lock(&registry.lock);
    next = component ? STAILQ_NEXT(component, link)
                     : STAILQ_FIRST(&registry.components);
    pthread_mutex_unlock(&registry.lock);
    return next;
}

struct component *component_find(const char *name)
{
    struct component *component;

    pthread_mutex_lock(&registry.lock);
    component = find(name);
    pthread_mutex_unlock(&registry.lock);
    return component;
}

const char *component_name(const struct component *component)
{
    return component->name;
}

bool component_has(const struct component *component, enum binding_kind kind)
{
    return component->tables[kind] != NULL;
}

const char *component_misuse(void)
{
    const char *misuse;

    pthread_mutex_lock(&registry.lock);
    misuse = registry.misuse;
    pthread_mutex_unlock(&registry.lock);
    return misuse;
}
