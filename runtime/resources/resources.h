/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Component resources, from YAML files to structs. Loading reads files: it runs
 * before the loop, or on libuv's pool. What it gives belongs to the caller and
 * does not change any more.
 */
#ifndef RESOURCES_RESOURCES_H
#define RESOURCES_RESOURCES_H

#include "core/buffer.h"
#include "core/pairs.h"

#include <sys/queue.h>

#define RESOURCE_FILE_MAX       (4 << 20) /* bytes of a file */
#define RESOURCE_PROPERTIES_MAX 1000
#define RESOURCE_INIT_TIMEOUT   5000 /* ms, when the resource says nothing */

/* Where the value of a property comes from that the file does not hold. */
struct reference {
    char *property;
    char *env;    /* envRef, or NULL */
    char *secret; /* secretKeyRef, or NULL */
    char *key;    /* of the secret */
    int line;
    STAILQ_ENTRY(reference) link;
};

struct resource {
    char *name; /* "" when the file gives none */
    char *type; /* as written; "" when absent */
    char *version;
    char *label;     /* NAME (TYPE/VERSION), as log lines name it */
    char *namespace; /* NULL: none */
    char *route;     /* the property as written; NULL: no such property */
    char *secret_store;
    bool ignore_errors;
    unsigned init_timeout; /* ms */
    struct pairs properties;
    STAILQ_HEAD(, reference) references;
    char *file;
    int line;
    TAILQ_ENTRY(resource) link;
};

TAILQ_HEAD(resources, resource);

static inline const char *resource_label(const struct resource *resource)
{
    return resource->label;
}

/* Where an app is asked whether it wants a binding's events, and where they
 * go: the same, but that an empty route asks at the root. */
static inline const char *resource_route(const struct resource *resource)
{
    return resource->route ? resource->route : resource->name;
}

static inline const char *
resource_delivery_route(const struct resource *resource)
{
    return resource->route && *resource->route ? resource->route
                                               : resource->name;
}

/* Who loads: decides what is in scope, and what templates stand for. */
struct resource_settings {
    const char *app_id;
    const char *namespace; /* NAMESPACE; NULL or "": any */
    const char *pod_name;  /* POD_NAME, or NULL */
};

/* Loads the Component resources of some folders, in daprd's order, into a list
 * that is empty. What is wrong with a file or a document is logged and stops
 * nothing else. 0; or -1 when the sidecar should not start, with the reason
 * appended to `error`. */
int resources_load(struct resources *ret, const char *const *paths,
                   size_t count, const struct resource_settings *settings,
                   struct buffer *error);

/* Frees the resources of a list. */
void resources_done(struct resources *resources);

#endif
