/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of questions about the server, each answered before the next one is
 * read: one batch is under way at any time, and the stream is its own.
 */
#ifndef SERVER_REFLECTION_H
#define SERVER_REFLECTION_H

#include "server/rpc.h"

struct reflection {
    struct rpc rpc;
    grpc_byte_buffer *answer;
};

/* Serves v1 and v1alpha: their messages are the same. */
void reflection_accept(struct rpc *rpc);

#endif
