/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers, and the completion thread they share; see server.h. Started and
 * stopped on the thread of dapr_run(); in between only the completion thread
 * touches them.
 */
#include "server/server.h"

#include "core/clock.h"
#include "core/container.h"
#include "core/log.h"
#include "server/stream.h"

#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>

#define SCOPE "dapr.components"

/* Calls of one connection; the rest wait in the sidecar. */
#define CALLS_MAX 4096

static void complete(grpc_completion_queue *queue)
{
    gpr_timespec forever = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    grpc_event event;
    struct tag *tag;

    for (;;) {
        event = grpc_completion_queue_next(queue, forever, NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return;
        tag = event.tag;
        TAG_TAKE(tag);
        tag->done(tag, event.success);
    }
}

static void *run_engine(void *arg)
{
    struct engine *engine = arg;

    complete(engine->queue);
    pthread_mutex_lock(&engine->lock);
    engine->has_ended = true;
    pthread_cond_signal(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    return NULL;
}

static void engine_free(struct engine *engine)
{
    grpc_completion_queue_destroy(engine->queue);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

struct engine *engine_start(void)
{
    struct engine *engine = calloc(1, sizeof *engine);

    if (!engine)
        return NULL;
    engine->queue = grpc_completion_queue_create_for_next(NULL);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->changed, NULL);
    if (pthread_create(&engine->thread, NULL, run_engine, engine) == 0)
        return engine;
    log_message(LOG_ERROR, SCOPE, "cannot start a thread");
    grpc_completion_queue_shutdown(engine->queue);
    engine_free(engine);
    return NULL;
}

/* Waits until a flag is set, which the lock guards. */
static bool await_flag(const bool *flag, pthread_mutex_t *lock,
                       pthread_cond_t *changed, int64_t deadline)
{
    struct timespec limit = clock_spec(deadline);
    bool set;
    int late = 0;

    pthread_mutex_lock(lock);
    while (!(set = *flag) && !late)
        late = pthread_cond_clockwait(changed, lock, CLOCK_MONOTONIC, &limit);
    pthread_mutex_unlock(lock);
    return set;
}

bool engine_stop(struct engine *engine, int64_t deadline)
{
    if (!engine)
        return true;
    grpc_completion_queue_shutdown(engine->queue);
    if (!await_flag(&engine->has_ended, &engine->lock, &engine->changed,
                    deadline))
        return false;
    pthread_join(engine->thread, NULL);
    engine_free(engine);
    return true;
}

/* ---- servers ------------------------------------------------------------- */

/* The limits are ours to check where the minimal stack does not. It saves a
 * fifth of a call; decompression is the one part of it that a caller may need.
 */
static grpc_server *create(void)
{
    static const struct {
        const char *name;
        int value;
    } settings[] = {
        {GRPC_ARG_MINIMAL_STACK, 1},
        {GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 1},
        {GRPC_ARG_ENABLE_CHANNELZ, 0},
        {GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, -1},
        {GRPC_ARG_MAX_METADATA_SIZE, RPC_METADATA_MAX},
        {GRPC_ARG_MAX_CONCURRENT_STREAMS, CALLS_MAX},
        {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
        {GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0},
    };
    grpc_arg args[sizeof settings / sizeof *settings];
    grpc_channel_args all = {sizeof args / sizeof *args, args};

    for (size_t i = 0; i < all.num_args; i++) {
        args[i].type = GRPC_ARG_INTEGER;
        args[i].key = (char *)settings[i].name;
        args[i].value.integer = settings[i].value;
    }
    return grpc_server_create(&all, NULL);
}

static int enroll_method(struct server *server, const struct service *service,
                         const struct method *method)
{
    struct registration *registration =
        &server->registrations[server->registration_count++];
    char path[128];

    snprintf(path, sizeof path, "/%s/%s", service->name, method->name);
    registration->method = method;
    registration->handle = grpc_server_register_method(
        server->grpc, path, NULL,
        method->unary ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER
                      : GRPC_SRM_PAYLOAD_NONE,
        0);
    return registration->handle ? 0 : -1;
}

static int enroll(struct server *server)
{
    const struct service *service;
    const struct method *method;

    for (service = services; service->name; service++) {
        if (!service_offered(service, server->component))
            continue;
        for (method = service->methods; method->name; method++) {
            if (enroll_method(server, service, method) != 0)
                return -1;
        }
    }
    return 0;
}

static void await_calls(struct server *server)
{
    const struct registration *registration = server->registrations;

    for (size_t i = 0; i < server->registration_count; i++) {
        for (unsigned n = 0; n < registration[i].method->awaited; n++)
            rpc_await(server, registration[i].method, registration[i].handle);
    }
    rpc_await(server, &unknown_method, NULL);
}

static int listen_at(struct server *server, const char *address)
{
    grpc_server_credentials *insecure =
        grpc_insecure_server_credentials_create();
    int rc = grpc_server_add_http2_port(server->grpc, address, insecure);

    grpc_server_credentials_release(insecure);
    return rc ? 0 : -1;
}

/* grpc core says that it stopped when the connections are gone; what calls had
 * under way may still come back after that. */
void server_unref(struct server *server)
{
    if (atomic_fetch_sub(&server->references, 1) > 1)
        return;
    pthread_mutex_lock(&server->lock);
    server->has_ended = true;
    pthread_cond_signal(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void stopped(struct tag *tag, bool ok)
{
    (void)ok;
    server_unref(container_of(tag, struct server, stopped));
}

struct server *server_start(struct component *component, struct engine *engine,
                            const char *address)
{
    struct server *server = calloc(1, sizeof *server);

    if (!server)
        return NULL;
    server->component = component;
    server->queue = engine->queue;
    server->grpc = create();
    server->stopped.done = stopped;
    atomic_init(&server->references, 1);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    LIST_INIT(&server->streams);
    grpc_server_register_completion_queue(server->grpc, engine->queue, NULL);
    if (enroll(server) != 0 || listen_at(server, address) != 0) {
        log_message(LOG_ERROR, SCOPE, "component %s: cannot listen at %s",
                    component_name(component), address);
        server_drain(server);
        server_free(server, clock_after(1000));
        return NULL;
    }
    grpc_server_start(server->grpc);
    await_calls(server);
    return server;
}

void server_drain(struct server *server)
{
    struct stream *stream;

    TAG_GIVE(&server->stopped);
    grpc_server_shutdown_and_notify(server->grpc, server->queue,
                                    &server->stopped);
    pthread_mutex_lock(&server->lock);
    server->draining = true;
    LIST_FOREACH (stream, &server->streams, link)
        reader_drain(&stream->reader);
    pthread_mutex_unlock(&server->lock);
}

void server_cancel(struct server *server)
{
    grpc_server_cancel_all_calls(server->grpc);
}

bool server_await(struct server *server, int64_t deadline)
{
    return await_flag(&server->has_ended, &server->lock, &server->changed,
                      deadline);
}

bool server_free(struct server *server, int64_t deadline)
{
    if (!server)
        return true;
    if (!server_await(server, deadline))
        return false;
    grpc_server_destroy(server->grpc);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
    return true;
}
