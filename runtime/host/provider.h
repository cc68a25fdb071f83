/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What provides a component type: a socket of the sockets folder (socket.c) or
 * a module (module.c). Owned by the loop's thread.
 */
#ifndef HOST_PROVIDER_H
#define HOST_PROVIDER_H

#include "host/instance.h"

#include <sys/queue.h>

struct provider;
struct binding;

struct provider_ops {
    /* An instance of that kind with that id. NULL without memory. */
    struct instance *(*instance)(struct provider *provider,
                                 enum binding_kind kind, const char *id);
    /* Why it does not answer now, for people; valid until the next turn. */
    const char *(*why)(const struct provider *provider);
    /* Its instances must be closed. freed() follows, now or later. */
    void (*free)(struct provider *provider);
};

/* What the two kinds of provider report to the host. */
struct provider_events {
    /* It answers (again): `kinds` is set. */
    void (*up)(struct provider *provider);
    /* It does not answer any more: close its instances. */
    void (*down)(struct provider *provider);
    /* A first attempt has ended, well or not. */
    void (*tried)(struct provider *provider);
    /* After ops->free(): its memory goes. The last that is heard of it. */
    void (*freed)(struct provider *provider);
};

struct provider {
    const struct provider_ops *ops;
    const struct provider_events *events;
    void *data;                /* the host */
    const char *file;          /* of a socket; NULL: a module */
    char *type;                /* bindings.<name>, lower case */
    bool kinds[BINDING_KINDS]; /* what it offers, once it is up */
    bool up;                   /* it answers */
    TAILQ_HEAD(, binding) bindings;
    TAILQ_ENTRY(provider) link;
};

#endif
