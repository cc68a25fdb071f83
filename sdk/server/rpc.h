/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One gRPC call that is served: what unary calls, streams of events and
 * reflection have in common, and the table of methods that names them.
 *
 *     rpc_await() ──> method->accept() ──> ... ──> rpc_free()
 *
 * What a completion queue reports is a tag, whose function runs on a completion
 * thread (the I/O threads of the public header).
 */
#ifndef SERVER_RPC_H
#define SERVER_RPC_H

#include "core/component.h"
#include "server/arena.h"

#include <grpc/grpc.h>

#define RPC_MESSAGE_MAX  (64u << 20)
#define RPC_METADATA_MAX (64 << 10)
#define RPC_INSTANCE_MAX 1024

struct tag {
    void (*done)(struct tag *tag, bool ok);
};

/* What was written before a tag is handed to grpc core is seen when it comes
 * back. TSan, which does not see into grpc core, has to be told. */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define TAG_GIVE(tag) __tsan_release(tag)
#define TAG_TAKE(tag) __tsan_acquire(tag)
#else
#define TAG_GIVE(tag) ((void)(tag))
#define TAG_TAKE(tag) ((void)(tag))
#endif

struct rpc;
struct server;

struct method {
    const char *name;
    size_t size;      /* of the struct that embeds a struct rpc first */
    unsigned awaited; /* calls asked for in advance */
    void (*accept)(struct rpc *rpc);
    bool unary;
    enum binding_kind binding; /* these two: of a unary one */
    enum call_kind kind;
};

#define SERVICE_ALWAYS (-1)

struct service {
    const char *name;
    int kind;                     /* enum binding_kind, or SERVICE_ALWAYS */
    const struct method *methods; /* the last one has no name */
};

extern const struct service services[]; /* the last one has no name */
extern const struct method unknown_method;

bool service_offered(const struct service *service,
                     const struct component *component);

struct rpc {
    struct tag tag;
    const struct method *method;
    struct server *server;
    void *registration; /* grpc core's; NULL: any method that is unknown */
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_call_details details; /* of an unknown method */
    grpc_byte_buffer *received;
    int cancelled; /* set by grpc core when the call is over */
};

/* Asks for the next call of a method. The struct is zeroed. Out of memory
 * aborts, as it does in grpc core itself. */
void rpc_await(struct server *server, const struct method *method,
               void *registration);

/* NULL members are fine: of a call that never came. */
void rpc_free(struct rpc *rpc);

/* Starts ops, whose end `tag` reports. What is wrong with them is our fault:
 * aborts. */
void rpc_batch(struct rpc *rpc, const grpc_op *ops, size_t count,
               struct tag *tag);

/* The op that ends a call; `text` is the caller's, to live until the batch is
 * started. */
grpc_op rpc_status_op(int code, const char *message, grpc_slice *text);

/* The op that tells when a call is over, and whether it was cancelled. */
grpc_op rpc_close_op(struct rpc *rpc);

/* Ends a call that was accepted and nothing more, and frees it. */
void rpc_refuse(struct rpc *rpc, int code, const char *message);

/* The first x-component-instance, or "". 0, or -1: too long, or not UTF-8. */
int rpc_instance(const struct rpc *rpc, char ret_id[static RPC_INSTANCE_MAX]);

/* ---- messages ------------------------------------------------------------ */

/* What is wrong with a message. */
struct flaw {
    int code;
    const char *text;
};

/* Decodes a message into the arena, which is initialised in any case, and
 * frees it. NULL with *ret_flaw set. */
void *rpc_decode(grpc_byte_buffer **message,
                 const ProtobufCMessageDescriptor *type, struct arena *arena,
                 struct flaw *ret_flaw);

/* A message to send, to be freed; NULL when it exceeds RPC_MESSAGE_MAX. */
grpc_byte_buffer *rpc_encode(const void *message);

#endif
