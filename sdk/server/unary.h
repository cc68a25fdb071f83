/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unary call on its way to the core and back. It ends when the completion
 * thread that accepted it, the core, and the batches under way have let go.
 */
#ifndef SERVER_UNARY_H
#define SERVER_UNARY_H

#include "server/rpc.h"

struct unary {
    struct rpc rpc;
    struct dapr_call call;
    struct tag closed; /* the call is over, where that was asked early */
    atomic_bool close_asked;
    atomic_int references;
    size_t size;             /* its part of server->request_bytes */
    struct dapr_pair *pairs; /* of the request, or NULL */
    grpc_byte_buffer *reply;
    struct arena arena; /* what the request was decoded into */
};

void unary_accept(struct rpc *rpc);

#endif
