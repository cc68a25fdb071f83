/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dapr pluggable components in C.
 *
 * A component is a table of callbacks. dapr_register() gives it a name and
 * dapr_must_run() serves it over gRPC on <sockets folder>/<name>.sock, where a
 * Dapr sidecar finds it: Component resources of type bindings.<name> use it.
 * The wire contract is dapr/proto/components/v1 (bindings.proto).
 *
 *     register ─> run ─┬─> create ─> init ─┬─> invoke, operations ─┬─> destroy
 *                      │   once for each   └─> read ─> (stop) ─────┘
 *                      └─> ...    instance
 *
 * Instances. Several Component resources may use one component. Each is an
 * instance with an id (the resource's metadata.name) and an object of its own,
 * the `self` of every callback. The sidecar's Init makes it: create, then
 * init. A later Init for the same id (the sidecar restarted, the resource was
 * edited) makes a new one: the old object is destroyed first, or, where calls
 * or streams still use it, as soon as the last of them has ended. Before the
 * first Init, and after one that failed, calls are answered with
 * FAILED_PRECONDITION. What is left is destroyed when the process ends.
 *
 * Threads. Unless a table says otherwise (`concurrency`), all its callbacks
 * but read and stop run one at a time, so they need no locks among themselves.
 * They run on worker threads and may block. read has a thread of its own.
 *
 * Ownership. What a callback is given is the library's and valid until the
 * callback returns, or, where it returned DAPR_PENDING, until the call is
 * finished. What a function here is given is copied before it returns.
 *
 * Strings are UTF-8 and end with NUL; data is bytes and does not.
 */
#ifndef DAPR_COMPONENTS_H
#define DAPR_COMPONENTS_H

#include <stddef.h>

#define DAPR_COMPONENTS_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#define DAPR_PRINTF(format, first)                                             \
    __attribute__((__format__(__printf__, format, first)))
#else
#define DAPR_PRINTF(format, first)
#endif

/* ---- data ---------------------------------------------------------------- */

/* Some bytes; `data` may be NULL when `size` is 0. */
struct dapr_bytes {
    const void *data;
    size_t size;
};

/* The bytes of a string, without its NUL; NULL gives none. */
struct dapr_bytes dapr_text(const char *text);

struct dapr_pair {
    const char *name;
    const char *value;
};

/* Names and values: a resource's properties, a request's or event's metadata.
 * No name comes twice. */
struct dapr_metadata {
    const struct dapr_pair *pairs;
    size_t count;
};

/* The value of `name`, compared without regard to case as Dapr does; NULL when
 * there is none. */
const char *dapr_metadata_get(const struct dapr_metadata *metadata,
                              const char *name);

/* Structs of data may be named without the word. */
typedef struct dapr_bytes dapr_bytes;
typedef struct dapr_pair dapr_pair;
typedef struct dapr_metadata dapr_metadata;
typedef struct dapr_request dapr_request;
typedef struct dapr_event dapr_event;
typedef struct dapr_answer dapr_answer;

/* ---- handles ------------------------------------------------------------- */

/* One instance of a component; lives from before create until after destroy. */
typedef struct dapr_instance dapr_instance;

/* The metadata.name of the Component resource. "" when the caller named none.
 */
const char *dapr_instance_id(const dapr_instance *instance);

/* The name that the component was registered with. */
const char *dapr_instance_component(const dapr_instance *instance);

/* One call that waits for its answer. */
typedef struct dapr_call dapr_call;

dapr_instance *dapr_call_instance(dapr_call *call);

/* Milliseconds until the caller gives up, 0 when it has; -1: no deadline. */
long dapr_call_remaining_ms(const dapr_call *call);

/* Whether the caller has given up: an answer would reach nobody. */
int dapr_call_cancelled(const dapr_call *call);

/* ---- results ------------------------------------------------------------- */

/* gRPC's status codes (grpc.io/docs/guides/status-codes). */
enum dapr_code {
    DAPR_CANCELLED = 1,
    DAPR_UNKNOWN = 2,
    DAPR_INVALID_ARGUMENT = 3,
    DAPR_DEADLINE_EXCEEDED = 4,
    DAPR_NOT_FOUND = 5,
    DAPR_ALREADY_EXISTS = 6,
    DAPR_PERMISSION_DENIED = 7,
    DAPR_RESOURCE_EXHAUSTED = 8,
    DAPR_FAILED_PRECONDITION = 9,
    DAPR_ABORTED = 10,
    DAPR_OUT_OF_RANGE = 11,
    DAPR_UNIMPLEMENTED = 12,
    DAPR_INTERNAL = 13,
    DAPR_UNAVAILABLE = 14,
    DAPR_DATA_LOSS = 15,
    DAPR_UNAUTHENTICATED = 16
};

/* Returned by invoke: the answer comes later. Not an error. */
#define DAPR_PENDING 1

/* Ends the call with an error. The message, made valid UTF-8 and cut at 4 KiB,
 * reaches the caller of the sidecar's API. Returns -code, so that a callback
 * can `return dapr_fail(call, DAPR_NOT_FOUND, "no order %s", id)`. */
int dapr_fail(dapr_call *call, enum dapr_code code, const char *format, ...)
    DAPR_PRINTF(3, 4);

/* Ends an invoke with its result. Returns 0. */
int dapr_reply(dapr_call *call, struct dapr_bytes data);

/* Adds to the result before dapr_reply(): a metadata entry (the last one of a
 * name counts), and the data's content type. Return 0, or -1 without memory. */
int dapr_reply_metadata(dapr_call *call, const char *name, const char *value);
int dapr_reply_content_type(dapr_call *call, const char *content_type);

/* ---- the output binding -------------------------------------------------- */

/* dapr.proto.components.v1.InvokeRequest */
struct dapr_request {
    const char *operation; /* one of those that operations() lists */
    struct dapr_bytes data;
    struct dapr_metadata metadata;
};

/* How many callbacks of a table may run at once (read and stop apart). */
enum dapr_concurrency {
    DAPR_ONE_AT_A_TIME = 0, /* one for the whole table: needs no locks */
    DAPR_ONE_PER_INSTANCE, /* one for each instance: shared state needs locks */
    DAPR_PARALLEL          /* any number: all state needs locks */
};

/* Callbacks may be NULL where it says so. Tables may be const, must outlive
 * the run, and may serve under several names. Fill them by member name:
 * members are added at the end. */
struct dapr_output_binding {
    /* Makes an instance's object, before its init; what it returns is `self`.
     * NULL return: out of memory, Init fails. NULL member: self is NULL. */
    void *(*create)(dapr_instance *instance);

    /* The end of an object: no other callback has it any more. Also called
     * when init failed. NULL: nothing to do. */
    void (*destroy)(void *self);

    /* Takes the Component resource's properties (spec.metadata). Return 0, or
     * dapr_fail(): the sidecar logs the message and reports the component as
     * failed. The sidecar waits spec.initTimeout, 5 s by default. NULL: every
     * resource will do. */
    int (*init)(void *self, dapr_call *call,
                const struct dapr_metadata *properties);

    /* Performs one operation. Answer at once, with dapr_reply() or
     * dapr_fail(), and return what these return; or keep `call`, return
     * DAPR_PENDING, and call one of them later, from any thread, exactly once.
     * Returning 0 without an answer is an empty answer. Required. */
    int (*invoke)(void *self, dapr_call *call,
                  const struct dapr_request *request);

    /* The operations that invoke knows, ended by NULL; all others are refused
     * without asking. Called once, after init; the list must live as long as
     * the object. NULL: "create" alone. */
    const char *const *(*operations)(void *self);

    /* Whether the component is well: 0 or dapr_fail(). Called only with an
     * initialised object; before that a Ping succeeds. NULL: always well. */
    int (*ping)(void *self, dapr_call *call);

    /* enum dapr_concurrency */
    int concurrency;

    /* Nonzero: no callback ever blocks, so they run on the I/O thread, which
     * saves each call the way to a worker thread and back. (destroy may still
     * come on a worker: an object may end when no call is at hand.) */
    int never_blocks;
};

/* ---- the input binding --------------------------------------------------- */

/* One open stream of events to a sidecar. Valid from read until stop has
 * returned; or, where stop is NULL, until read has returned. */
typedef struct dapr_reader dapr_reader;

/* dapr.proto.components.v1.ReadResponse; its message id is the library's. */
struct dapr_event {
    struct dapr_bytes data;
    struct dapr_metadata metadata;
    const char *content_type; /* may be NULL; HTTP apps do not see it */
};

/* What became of an event. */
enum dapr_verdict {
    DAPR_LOST = 0, /* unknown: the stream ended first; deliver it again later */
    DAPR_TAKEN = 1, /* the app took it: commit */
    DAPR_REFUSED =
        2 /* the app, or the sidecar for it, answered with an error */
};

/* dapr.proto.components.v1.ReadRequest */
struct dapr_answer {
    enum dapr_verdict verdict;
    struct dapr_bytes response; /* what the app answered, when it took it */
    const char *error;          /* why it was refused; else NULL */
};

dapr_instance *dapr_reader_instance(dapr_reader *reader);

/* Sleeps for that many milliseconds, but wakes as soon as the stream ends.
 * Returns 1 while the stream is open, 0 when read should return. Any thread;
 * with 0 it only asks. */
int dapr_reader_wait(dapr_reader *reader, long milliseconds);

/* Sends one event and waits for the verdict: as long as the app takes, but
 * never longer than the stream lives. Any thread but the I/O thread. While
 * 1000 events of a stream are without verdict, it waits before it sends.
 * `answer` may be NULL; else it receives the whole answer, to be freed with
 * dapr_answer_free(), or NULL when memory is short. */
enum dapr_verdict dapr_deliver(dapr_reader *reader,
                               const struct dapr_event *event,
                               struct dapr_answer **answer);
void dapr_answer_free(struct dapr_answer *answer);

/* Sends one event; `done` gets the verdict, exactly once, on the I/O thread:
 * it must not block, and may deliver the next event. The answer is valid until
 * it returns. Returns 0; or -1 when 1000 events are without verdict, when the
 * stream has ended, or without memory: then `done` is not called. Any thread.
 */
int dapr_deliver_async(dapr_reader *reader, const struct dapr_event *event,
                       void (*done)(void *data,
                                    const struct dapr_answer *answer),
                       void *data);

/* Says why read() ends; returns -code for it to return. */
int dapr_reader_fail(dapr_reader *reader, enum dapr_code code,
                     const char *format, ...) DAPR_PRINTF(3, 4);

struct dapr_input_binding {
    /* As in struct dapr_output_binding. */
    void *(*create)(dapr_instance *instance);
    void (*destroy)(void *self);
    int (*init)(void *self, dapr_call *call,
                const struct dapr_metadata *properties);

    /* The sidecar wants events: it opened a stream. Runs on a thread of its
     * own, for each stream (several sidecars may open one each). Either
     * produce events until dapr_reader_wait() returns 0, and return 0; or set
     * something up that will deliver, and return 0 at once: then `stop` must
     * be there, and the reader is valid until it has returned. On failure
     * return dapr_reader_fail(): the sidecar logs the message, and cdaprd
     * opens the stream again after a while. Required. */
    int (*read)(void *self, dapr_reader *reader);

    /* The stream has ended: after its last verdict, when read has returned,
     * also with a failure. Forget the reader before returning. Runs on the same
     * thread as read. NULL: nothing to do. */
    void (*stop)(void *self, dapr_reader *reader);

    int (*ping)(void *self, dapr_call *call);
    int concurrency;
    int never_blocks;
};

/* ---- registering and running --------------------------------------------- */

/* What dapr_register() takes: made by the functions below. */
struct dapr_option {
    int kind;
    size_t size;
    const void *table;
};

/* The size is that of the caller's header, so that tables can grow. */
static inline struct dapr_option
dapr_with_output_binding(const struct dapr_output_binding *table)
{
    struct dapr_option option = {1, sizeof *table, table};
    return option;
}

static inline struct dapr_option
dapr_with_input_binding(const struct dapr_input_binding *table)
{
    struct dapr_option option = {2, sizeof *table, table};
    return option;
}

/* Short names; define DAPR_NO_SHORT_NAMES to do without. */
#ifndef DAPR_NO_SHORT_NAMES
#define with_output_binding dapr_with_output_binding
#define with_input_binding  dapr_with_input_binding
#endif

/*
 * Registers a component, before dapr_run(). The name becomes the socket's file
 * name and the type bindings.<name>; it must not be empty, begin with a dot or
 * hold a slash. A component that is both kinds is registered twice, with one
 * name. Returns 0, or -1: the reason is logged, and dapr_run() will refuse to
 * start, so the result need not be checked.
 */
int dapr_register(const char *name, struct dapr_option option);

/*
 * Where the sockets are, ahead of the environment:
 * DAPR_COMPONENT_SOCKETS_FOLDER, DAPR_COMPONENTS_SOCKETS_FOLDER,
 * DAPR_COMPONENT_SOCKET_FOLDER, and without these /tmp/dapr-components-sockets.
 * An empty one counts as none. The folder is made if it is missing. Before
 * dapr_run(). Returns 0, or -1 without memory.
 */
int dapr_set_sockets_folder(const char *path);

/*
 * Serves all registered components until SIGTERM or SIGINT, or until
 * dapr_stop(); then calls under way and streams get up to 5 s to finish, and
 * the sockets are removed. Returns 0, or -1 with the reason logged: nothing
 * registered, a name registered twice, a socket that another process serves, a
 * path that is too long. Takes the two signals over while it runs; call it on
 * the main thread, before other threads start.
 *
 * In a module that is loaded into cdaprd it returns 0 at once: the sidecar is
 * running already.
 */
int dapr_run(void);

/* dapr_run(), but a failure ends the process with exit code 1. */
void dapr_must_run(void);

/* Makes dapr_run() return, as SIGTERM does. Any thread, or a signal handler. */
void dapr_stop(void);

/* ---- log ----------------------------------------------------------------- */

enum dapr_level { DAPR_DEBUG = 0, DAPR_INFO, DAPR_WARNING, DAPR_ERROR };

/* Writes one line to standard output in Dapr's log format; in cdaprd, to its
 * log. The instance, which may be NULL, is named in it. Any thread. */
void dapr_log(dapr_instance *instance, enum dapr_level level,
              const char *format, ...) DAPR_PRINTF(3, 4);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
