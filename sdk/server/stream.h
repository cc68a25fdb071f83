/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of events to a sidecar (InputBinding.Read), and the verdicts on
 * them. One receive, and one send, are under way at a time; events that come
 * meanwhile are queued, as many as may be without verdict.
 */
#ifndef SERVER_STREAM_H
#define SERVER_STREAM_H

#include "core/message.h"
#include "server/rpc.h"

struct stream {
    struct rpc rpc; /* its tag: until the call is over */
    struct dapr_reader reader;
    struct tag received;
    struct tag sent;
    struct tag ended;
    atomic_int references;
    LIST_ENTRY(stream) link; /* the server's, guarded by its lock */

    pthread_mutex_t lock; /* guards all below */
    STAILQ_HEAD(, outgoing) queue;
    struct outgoing *sending; /* at grpc core; NULL: none */
    bool over;                /* takes no more events; code and message stand */
    bool status_sent;
    int code;
    char message[MESSAGE_MAX + 1];
};

void stream_accept(struct rpc *rpc);

#endif
