/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of one Component resource, wherever its code runs: behind a
 * socket (remote.c) or in a module in this process (module.c). The rest of the
 * runtime knows only this. Owned by the loop's thread; all callbacks come on
 * it.
 */
#ifndef HOST_INSTANCE_H
#define HOST_INSTANCE_H

#include "core/component.h"

struct instance;

/* How an invocation or an Init ended. Pointers are valid while the callback
 * runs. */
struct outcome {
    int code;          /* 0, or enum dapr_code */
    const char *error; /* NULL, or the text that a user is to read */
    struct dapr_bytes data;
    struct dapr_metadata metadata;
};

/* One call of an output binding; memory is the caller's until done(). */
struct invocation {
    const char *operation;
    struct dapr_bytes data;
    struct dapr_metadata metadata;
    /* Exactly once, maybe before instance_invoke() returns. */
    void (*done)(struct invocation *invocation, const struct outcome *outcome);
};

/* One event of an input binding. It belongs to the instance and is valid until
 * its verdict is given, exactly once, also after reading has stopped. */
struct event {
    struct instance *instance;
    struct dapr_bytes data;
    struct dapr_metadata metadata;
};

struct instance_events {
    /* Init (and for outputs the list of operations) is done, well or not.
     * `timeout`: it took too long. Never from within ops->init(). */
    void (*initialised)(struct instance *instance,
                        const struct outcome *outcome, bool timeout);
    /* One event; give the verdict now or later. */
    void (*event)(struct instance *instance, struct event *event);
    /* The component ended its stream, or it broke. Not after stop_reading. */
    void (*read_ended)(struct instance *instance, const char *why);
};

struct instance_ops {
    /* Starts Init; `timeout` in milliseconds. 0: initialised() follows; -1: it
     * could not be sent. */
    int (*init)(struct instance *instance, struct dapr_metadata properties,
                uint64_t timeout);
    /* done() follows, whatever happens to the component. */
    void (*invoke)(struct instance *instance, struct invocation *invocation);
    /* Opens the stream of events. 0, or -1: read_ended() will not come. */
    int (*read)(struct instance *instance);
    void (*verdict)(struct event *event, const struct dapr_answer *answer);
    /* Ends the stream of events. Verdicts may still be given, to nobody. */
    void (*stop_reading)(struct instance *instance);
    /* Frees it, once the calls under way are done and the events have their
     * verdicts. No callback follows but done(). */
    void (*close)(struct instance *instance);
};

/* Embedded first in what implements it. */
struct instance {
    const struct instance_ops *ops;
    const struct instance_events *events;
    void *owner;
    enum binding_kind kind;
    char **operations; /* outputs, after Init; ended by NULL */
};

/* Keeps a copy of a list of operations, ended by NULL. 0, or -1. */
int instance_keep_operations(struct instance *instance,
                             const char *const *operations, size_t count);
void instance_drop_operations(struct instance *instance);

#endif
