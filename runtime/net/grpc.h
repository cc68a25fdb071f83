/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC calls, client side, on an HTTP/2 connection (gRPC over HTTP2,
 * grpc/doc/PROTOCOL-HTTP2.md): framing, deadlines, metadata, status.
 * Owned by the loop's thread.
 */
#ifndef NET_GRPC_H
#define NET_GRPC_H

#include "core/pairs.h"
#include "net/grpc_text.h"
#include "net/h2.h"

#include <protobuf-c/protobuf-c.h>

/* grpc status codes are enum dapr_code; 0 is OK. */
struct grpc_status {
    int code;
    const char *message;       /* percent-decoded, valid UTF-8 */
    struct dapr_bytes details; /* grpc-status-details-bin, decoded */
};

struct grpc_call;

struct grpc_events {
    /* Initial metadata; the value of a -bin name is in base64. May be NULL. */
    void (*headers)(struct grpc_call *call, struct dapr_metadata metadata);
    /* One message, valid until it returns. Its bytes count against the peer's
     * window until grpc_consumed(): a unary call's are given back at once. */
    void (*message)(struct grpc_call *call, struct dapr_bytes message);
    /* The end, exactly once, also where the connection broke (UNAVAILABLE) or
     * the deadline passed. The call is gone when it returns: to cancel it
     * within is harmless. Not called after grpc_cancel(). */
    void (*end)(struct grpc_call *call, const struct grpc_status *status,
                struct dapr_metadata trailers);
};

struct grpc_options {
    const char *path; /* "/package.Service/Method" */
    /* Names in any case; the transport's own are left out. The value of a -bin
     * name is in base64. What must not be sent ends the call with INTERNAL. */
    struct dapr_metadata metadata;
    uint64_t timeout;   /* milliseconds; 0: none */
    size_t max_message; /* of what is received; 0: 4 MiB */
    bool stream;        /* several messages each way; else unary */
    const struct grpc_events *events;
    void *owner;
};

/* Starts a call; end() follows, never before it returns. NULL when memory is
 * short or the connection takes no more. */
struct grpc_call *grpc_start(struct h2 *h2, const struct grpc_options *options);

void *grpc_owner(struct grpc_call *call);

/* Queues a message; `last` half-closes. A unary call sends exactly one, last.
 * 0, or -1 when memory is short: cancel it. The form without message only
 * half-closes. */
int grpc_send(struct grpc_call *call, const ProtobufCMessage *message,
              bool last);

/* Bytes queued that the peer has not made room for. */
size_t grpc_unsent(const struct grpc_call *call);

/* Gives a message's bytes back to the peer's window (streams). */
void grpc_consumed(struct grpc_call *call, size_t message_size);

/* Ends the call at once (RST_STREAM CANCEL); no event follows. */
void grpc_cancel(struct grpc_call *call);

#endif
