/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registered components, as their homes see them.
 *
 * A home is what carries calls and events to a component's callbacks: the gRPC
 * server of an author's own process (sdk/server), or cdaprd for a module
 * (runtime/host). The core knows instances, threads, concurrency and message
 * ids; it knows no transport. All functions may be called on any thread.
 *
 *     home ── call_start, reader_start, reader_verdict, reader_end ──> core
 *     core ── call_home: finish, release · reader_home: send, ... ──> home
 */
#ifndef CORE_COMPONENT_H
#define CORE_COMPONENT_H

#include "core/pairs.h"
#include "core/workers.h"

#include <stdatomic.h>

enum binding_kind { BINDING_INPUT, BINDING_OUTPUT, BINDING_KINDS };

struct component;

/* The registry. Components are never unregistered. component_next(NULL) is the
 * first; NULL when there are no more. */
struct component *component_next(struct component *component);
struct component *component_find(const char *name);
const char *component_name(const struct component *component);
bool component_has(const struct component *component, enum binding_kind kind);

/* The first misuse of dapr_register(), or NULL; valid for ever. */
const char *component_misuse(void);

/* ---- calls --------------------------------------------------------------- */

enum call_kind { CALL_INIT, CALL_INVOKE, CALL_OPERATIONS, CALL_PING };

/* How a call ended. Its pointers are valid while finish() runs. */
struct call_result {
    int code;               /* 0, or enum dapr_code */
    const char *message;    /* "" when code is 0 */
    struct dapr_bytes data; /* these three: CALL_INVOKE */
    struct dapr_metadata metadata;
    const char *content_type;      /* "" for none */
    const char *const *operations; /* CALL_OPERATIONS; ended by NULL */
};

/* On any thread, also on the one that is in call_start(). */
struct call_home {
    /* The answer; exactly once. */
    void (*finish)(struct dapr_call *call, const struct call_result *result);
    /* The core lets go of the call, after finish: its memory may go. */
    void (*release)(struct dapr_call *call);
};

/* Memory is the home's. The home fills the first part and leaves the second
 * zero; what `request` and `properties` point to lives until release. */
struct dapr_call {
    const struct call_home *home;
    enum call_kind kind;
    struct dapr_request request;     /* CALL_INVOKE */
    struct dapr_metadata properties; /* CALL_INIT */
    int64_t deadline;                /* CLOCK_MONOTONIC ns; 0: none */
    atomic_bool cancelled;           /* the home may set it while it runs */

    struct job job; /* from here on: the core's */
    struct slot *slot;
    struct dapr_instance *instance;
    struct pairs reply_metadata;
    char *reply_content_type;
    atomic_int references;
    atomic_bool finished;
};

/* Brings a call to an instance: at once on this thread when the table never
 * blocks, else on a worker. An instance that is being initialised is waited
 * for. `instance` is copied. */
void call_start(struct component *component, enum binding_kind kind,
                const char *instance, struct dapr_call *call);

/* ---- events -------------------------------------------------------------- */

struct reader_home {
    /* Sends one event under this id. 0, or -1 when the stream has ended. Any
     * thread, several at once. Its pointers are valid until it returns. */
    int (*send)(struct dapr_reader *reader, const char *message_id,
                const struct dapr_event *event);
    /* The stream should end with this status: read() ended with an error, the
     * instance is not initialised; or, with code 0, what reader_drain() asked
     * for is done. At most once; not after reader_end() has returned. */
    void (*finish)(struct dapr_reader *reader, int code, const char *message);
    /* The core lets go of the reader: its memory may go. Exactly once, after
     * reader_end() and, if any, finish(). */
    void (*release)(struct dapr_reader *reader);
};

/* Memory is the home's, as with calls. */
struct dapr_reader {
    const struct reader_home *home;

    struct reader_core *core; /* the core's */
};

/* Starts read() on a thread of its own. Every reader_start() is followed by
 * exactly one reader_end() from the home and one release() from the core. */
void reader_start(struct component *component, const char *instance,
                  struct dapr_reader *reader);

/* What became of an event. An id that is not awaited is counted and ignored.
 * Answer's pointers need live only until it returns. */
void reader_verdict(struct dapr_reader *reader, const char *message_id,
                    const struct dapr_answer *answer);

/* No more events: read() is told to return, and finish() follows when it has
 * and all events have their verdict. Before reader_end(). */
void reader_drain(struct dapr_reader *reader);

/* The stream is over: all events without verdict are lost, read() is told to
 * return. Does not wait for it. */
void reader_end(struct dapr_reader *reader);

/* ---- life ---------------------------------------------------------------- */

/* Destroys an instance's object, when its last call and stream have ended. */
void instance_close(struct component *component, enum binding_kind kind,
                    const char *instance);

/* Waits until no call and no stream is under way, at most that long. Whether
 * that is so. */
bool core_wait(int milliseconds);

/* Waits as core_wait(); then closes all instances and ends the worker threads,
 * which it gives a second. True when nothing was left under way. Components
 * stay registered. */
bool core_stop(int milliseconds);

#endif
