/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grpc server of one component, on a socket of its own, so that each socket
 * shows its own services only. All share one engine: a completion queue and the
 * thread that works it off.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/rpc.h"

#include <pthread.h>

/* One thread completes 130k calls/s and answers a lone caller in 27 us. Two
 * need 60 us: they wake each other for every event. What may block is not run
 * by it.
 */
struct engine {
    grpc_completion_queue *queue;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    bool has_ended;
};

/* NULL with the reason logged. */
struct engine *engine_start(void);

/* When all its servers are gone: ends the thread and frees it; false when the
 * thread still runs at `deadline`. NULL is fine. */
bool engine_stop(struct engine *engine, int64_t deadline);

/* Of one component: both kinds, and reflection. */
#define SERVER_METHODS_MAX 16

struct registration {
    const struct method *method;
    void *handle; /* grpc core's */
};

struct stream;

struct server {
    struct component *component;
    grpc_server *grpc;
    grpc_completion_queue *queue; /* the engine's */
    struct registration registrations[SERVER_METHODS_MAX];
    size_t registration_count;
    atomic_size_t request_bytes; /* in memory, of unary calls under way */
    struct tag stopped;
    atomic_long references; /* of calls, also awaited ones; 1 until stopped */
    pthread_mutex_t lock;   /* guards all below */
    LIST_HEAD(, stream) streams;
    bool draining;
    bool has_ended; /* no references are left */
    pthread_cond_t changed;
};

/* Serves a component at an address as grpc core takes them. NULL with the
 * reason logged. */
struct server *server_start(struct component *component, struct engine *engine,
                            const char *address);

/* A call lets go of it. (It is taken by counting up.) */
void server_unref(struct server *server);

/* No new calls; asks streams to end when their last event has its verdict. */
void server_drain(struct server *server);

/* After server_drain(): waits until its last call has ended; whether it has. */
bool server_await(struct server *server, int64_t deadline);

/* After server_drain(): ends whatever is left. */
void server_cancel(struct server *server);

/* Waits as server_await(), and frees it. False: it is left. NULL is fine. */
bool server_free(struct server *server, int64_t deadline);

#endif
