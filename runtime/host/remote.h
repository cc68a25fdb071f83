/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instance behind a socket: dapr.proto.components.v1 spoken as a client.
 */
#ifndef HOST_REMOTE_H
#define HOST_REMOTE_H

#include "host/instance.h"
#include "net/grpc.h"

/* On a connection that outlives the instance's close(). NULL without memory. */
struct instance *remote_new(struct loop *loop, struct h2 *h2,
                            enum binding_kind kind, const char *id);

/* "rpc error: code = X desc = Y", as users of Dapr know it; to be freed. NULL
 * without memory. */
char *remote_error(const struct grpc_status *status);

#endif
