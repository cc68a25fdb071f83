/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of components: finds what provides them, makes each Component
 * resource of a binding live, and keeps it alive.
 *
 *     waiting ──> starting ──> ready ──> lost ─┐
 *        ^  no provider   │ Init failed   ^    │ the provider answers again
 *        └────────────────┴─> retry ──────┴────┘
 *
 * Each resource stands alone: what fails with one never stops another. Owned by
 * the loop's thread.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "host/provider.h"
#include "net/loop.h"
#include "resources/resources.h"

struct host;

enum binding_state {
    BINDING_WAITING,  /* nothing provides its type, or it does not answer */
    BINDING_STARTING, /* Init is under way */
    BINDING_READY,
    BINDING_RETRYING /* Init failed; tried again after a while */
};

/* A Component resource of a binding. */
struct binding {
    struct host *host;
    const struct resource *resource;
    enum binding_state state;
    bool wanted[BINDING_KINDS]; /* by its metadata `direction` */
    bool offers[BINDING_KINDS]; /* initialised, at least once */
    bool resolved;              /* the first attempt has ended */
    bool loaded;                /* it has been ready once */
    struct provider *provider;  /* NULL: not found yet */
    struct instance *instances[BINDING_KINDS];
    unsigned failures;
    char *type;               /* lower case; NULL: a version that nothing has */
    struct loop_timer budget; /* of the first attempt */
    struct loop_timer retry;
    void *input;                  /* the input pump's */
    TAILQ_ENTRY(binding) link;    /* host's, in the order of resources */
    TAILQ_ENTRY(binding) at_link; /* its provider's */
};

struct host_events {
    /* The first attempt has ended: error is NULL, or why it failed. Once for
     * each binding, in any order. */
    void (*resolved)(struct binding *binding, const char *error, void *data);
    /* Its instances answer, for the first time or again; or no more. */
    void (*ready)(struct binding *binding, void *data);
    void (*lost)(struct binding *binding, void *data);
    /* Of its input; see struct instance_events. */
    void (*event)(struct binding *binding, struct event *event, void *data);
    void (*read_ended)(struct binding *binding, const char *why, void *data);
};

struct host_options {
    const char *sockets_folder;
    const char *modules_folder; /* NULL: none */
    const struct host_events *events;
    void *data;
};

/* Starts to watch. The strings must outlive it. NULL without memory. */
struct host *host_new(struct loop *loop, const struct host_options *options);

/* Brings a resource to life; it must outlive the host. 0, or -1. */
int host_add(struct host *host, const struct resource *resource);

struct binding *host_first(struct host *host); /* then TAILQ_NEXT(b, link) */
struct binding *host_find(struct host *host, const char *name);

/* Closes all; `closed` is called when its memory is gone. */
void host_close(struct host *host, void (*closed)(void *data), void *data);

#endif
