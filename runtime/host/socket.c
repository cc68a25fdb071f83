/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One socket: connect, list its services by reflection, be up until the
 * connection breaks, try again with growing pauses. Each change of state is one
 * log line; a state that goes on is none. Owned by the loop's thread.
 */
#include "host/socket.h"

#include "core/container.h"
#include "core/log.h"
#include "grpc/reflection/v1alpha/reflection.pb-c.h"
#include "host/remote.h"
#include "net/grpc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISCOVERY "pluggable-components-discovery"
#define CONNECTOR "pluggable-components-grpc-connector"

/* Cases of reflection's messages: the numbers of their fields. */
#define LIST_SERVICES          7
#define LIST_SERVICES_RESPONSE 6

#define ANSWER_TIMEOUT                                                         \
    2000                   /* ms to connect, and again to list the services    \
                            */
#define DRAIN_TIMEOUT 1000 /* ms for calls under way after GOAWAY */
#define FIRST_PAUSE   50   /* ms before the next attempt; doubled each time */
#define LONGEST_PAUSE 1000

static const char *const services[BINDING_KINDS] = {
    [BINDING_INPUT] = "dapr.proto.components.v1.InputBinding",
    [BINDING_OUTPUT] = "dapr.proto.components.v1.OutputBinding",
};

static const char *const reflections[] = {
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
};

struct socket {
    struct provider base;
    struct loop *loop;
    char *file;
    char *path;
    struct h2 h2;
    bool connected; /* the h2 is in use */
    struct grpc_call *listing;
    unsigned reflection; /* the version that is asked */
    struct loop_timer retry;
    struct loop_timer drain;
    uint64_t pause;
    char why[256];  /* it does not answer; "" while it does */
    char said[256]; /* the why of the last log line */
    bool was_lost;  /* that was said; what attempts bring is not */
    bool tried;
    bool freed;
};

static void try_connect(struct socket *socket);

/* ---- names --------------------------------------------------------------- */

/* As Go's filepath.Ext cuts: from the last dot, also where it is the first. */
static char *name_of(const char *file)
{
    const char *dot = strrchr(file, '.');

    return strndup(file, dot ? (size_t)(dot - file) : strlen(file));
}

char *socket_type(const char *file)
{
    char *name = name_of(file);
    char *type = NULL;

    if (name && *name && asprintf(&type, "bindings.%s", name) < 0)
        type = NULL;
    for (char *c = type; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    free(name);
    return type;
}

/* ---- changes of state ---------------------------------------------------- */

static void free_socket(struct socket *socket)
{
    free(socket->base.type);
    free(socket->file);
    free(socket->path);
    free(socket);
}

static void report_tried(struct socket *socket)
{
    if (socket->tried)
        return;
    socket->tried = true;
    socket->base.events->tried(&socket->base);
}

static void say_why(struct socket *socket, bool was_up)
{
    if (was_up)
        log_message(LOG_WARNING, CONNECTOR,
                    "lost the component at %s: %s; calls to it fail until it "
                    "answers again",
                    socket->path, socket->why);
    else if (!socket->was_lost && strcmp(socket->why, socket->said) != 0)
        log_message(LOG_WARNING, DISCOVERY,
                    "could not use socket %s: %s; it is tried again until it "
                    "answers",
                    socket->path, socket->why);
    snprintf(socket->said, sizeof socket->said, "%s", socket->why);
}

static void lost(struct h2 *h2, int status, const char *why)
{
    struct socket *socket = container_of(h2, struct socket, h2);
    bool was_up = socket->base.up;

    socket->connected = false;
    loop_timer_stop(socket->loop, &socket->drain);
    if (socket->freed) {
        socket->base.events->freed(&socket->base);
        free_socket(socket);
        return;
    }
    if (!*socket->why)
        snprintf(socket->why, sizeof socket->why, "%s",
                 status == UV_ECONNREFUSED
                     ? "connection refused: stale, nothing listens on it"
                     : why);
    say_why(socket, was_up);
    socket->was_lost |= was_up;
    socket->base.up = false;
    if (was_up) {
        socket->pause = FIRST_PAUSE;
        socket->base.events->down(&socket->base);
    }
    loop_timer_start(socket->loop, &socket->retry, socket->pause);
    if (socket->pause < LONGEST_PAUSE)
        socket->pause *= 2;
    report_tried(socket);
}

static void fail(struct socket *socket, const char *why)
{
    snprintf(socket->why, sizeof socket->why, "%s", why);
    h2_close(&socket->h2);
}

static void up(struct socket *socket)
{
    char *name = name_of(socket->file);

    for (int kind = 0; kind < BINDING_KINDS; kind++) {
        if (socket->base.kinds[kind])
            log_message(LOG_INFO, CONNECTOR,
                        "pluggable component '%s' was successfully registered "
                        "for '%s'",
                        name ? name : socket->file, services[kind]);
    }
    free(name);
    socket->base.up = true;
    socket->why[0] = socket->said[0] = 0;
    socket->was_lost = false;
    socket->pause = FIRST_PAUSE;
    socket->base.events->up(&socket->base);
    report_tried(socket);
}

/* ---- reflection ---------------------------------------------------------- */

static void list_services(struct socket *socket);

static int read_services(struct socket *socket, struct dapr_bytes bytes)
{
    ReflectionV1alpha__ServerReflectionResponse *answer =
        reflection_v1alpha__server_reflection_response__unpack(NULL, bytes.size,
                                                               bytes.data);
    const ReflectionV1alpha__ListServiceResponse *list;

    if (!answer || answer->message_response_case != LIST_SERVICES_RESPONSE) {
        reflection_v1alpha__server_reflection_response__free_unpacked(answer,
                                                                      NULL);
        return -1;
    }
    list = answer->list_services_response;
    for (int kind = 0; kind < BINDING_KINDS; kind++) {
        socket->base.kinds[kind] = false;
        for (size_t i = 0; i < list->n_service; i++)
            socket->base.kinds[kind] |=
                strcmp(list->service[i]->name, services[kind]) == 0;
    }
    reflection_v1alpha__server_reflection_response__free_unpacked(answer, NULL);
    return 0;
}

/* The answer is all that is needed: a server that does not end the stream is
 * not waited for, its call ends by its deadline. */
static void services_came(struct grpc_call *call, struct dapr_bytes bytes)
{
    struct socket *socket = grpc_owner(call);

    grpc_consumed(call, bytes.size);
    if (socket->base.up || *socket->why)
        return;
    if (read_services(socket, bytes))
        fail(socket, "its answer to gRPC reflection cannot be used");
    else
        up(socket);
}

static void listing_ended(struct grpc_call *call,
                          const struct grpc_status *status,
                          struct dapr_metadata trailers)
{
    struct socket *socket = grpc_owner(call);
    char why[sizeof socket->why];

    (void)trailers;
    socket->listing = NULL;
    if (socket->base.up || *socket->why || socket->freed)
        return;
    if (status->code == DAPR_UNIMPLEMENTED && socket->reflection == 0) {
        socket->reflection = 1;
        list_services(socket);
        return;
    }
    if (status->code == DAPR_UNAVAILABLE)
        return; /* the connection broke: lost() says why */
    if (status->code == DAPR_UNIMPLEMENTED)
        snprintf(why, sizeof why,
                 "it does not serve gRPC reflection (v1alpha or v1)");
    else
        snprintf(why, sizeof why, "gRPC reflection: %s: %s",
                 status->code ? grpc_code_name(status->code) : "no answer",
                 status->message);
    fail(socket, why);
}

static void list_services(struct socket *socket)
{
    static const struct grpc_events events = {.message = services_came,
                                              .end = listing_ended};
    const struct grpc_options options = {
        .path = reflections[socket->reflection],
        .timeout = ANSWER_TIMEOUT,
        .stream = true,
        .events = &events,
        .owner = socket,
    };
    ReflectionV1alpha__ServerReflectionRequest request =
        REFLECTION_V1ALPHA__SERVER_REFLECTION_REQUEST__INIT;

    request.message_request_case = LIST_SERVICES;
    request.list_services = (char *)"*";
    socket->listing = grpc_start(&socket->h2, &options);
    if (!socket->listing || grpc_send(socket->listing, &request.base, true))
        fail(socket, "gRPC reflection cannot be asked: out of memory");
}

/* ---- connecting ---------------------------------------------------------- */

static void connected(struct h2 *h2)
{
    struct socket *socket = container_of(h2, struct socket, h2);

    if (!socket->freed)
        list_services(socket);
}

/* The peer will close, or is given up. Calls under way may end; new ones fail,
 * but not for longer than DRAIN_TIMEOUT, since its successor may be there
 * already. */
static void going_away(struct h2 *h2)
{
    struct socket *socket = container_of(h2, struct socket, h2);

    loop_timer_start(socket->loop, &socket->drain, DRAIN_TIMEOUT);
}

static void drain_over(struct loop_timer *timer)
{
    fail(container_of(timer, struct socket, drain), "it went away");
}

static void try_connect(struct socket *socket)
{
    static const struct h2_events events = {
        .ready = connected, .going_away = going_away, .closed = lost};
    int status;

    socket->why[0] = 0;
    socket->reflection = 0;
    socket->connected = true;
    status = h2_connect_unix(&socket->h2, socket->loop, socket->path,
                             ANSWER_TIMEOUT, &events);
    if (status)
        lost(&socket->h2, status, uv_strerror(status));
}

static void retry_due(struct loop_timer *timer)
{
    try_connect(container_of(timer, struct socket, retry));
}

void socket_replaced(struct provider *base)
{
    struct socket *socket = (struct socket *)base;

    if (socket->connected)
        return;
    socket->pause = FIRST_PAUSE;
    loop_timer_start(socket->loop, &socket->retry, 0);
}

/* ---- life ---------------------------------------------------------------- */

static struct instance *new_instance(struct provider *base,
                                     enum binding_kind kind, const char *id)
{
    struct socket *socket = (struct socket *)base;

    return remote_new(socket->loop, &socket->h2, kind, id);
}

static const char *why(const struct provider *base)
{
    return ((const struct socket *)base)->why;
}

static void close_socket(struct provider *base)
{
    struct socket *socket = (struct socket *)base;

    loop_timer_stop(socket->loop, &socket->retry);
    socket->freed = true;
    if (socket->listing)
        grpc_cancel(socket->listing);
    if (socket->connected && !LIST_EMPTY(&socket->h2.streams)) {
        loop_timer_start(socket->loop, &socket->drain, DRAIN_TIMEOUT);
    } else if (socket->connected) {
        h2_close(&socket->h2);
    } else {
        socket->base.events->freed(base);
        free_socket(socket);
    }
}

struct provider *socket_open(struct loop *loop, const char *folder,
                             const char *file,
                             const struct provider_events *events, void *data)
{
    static const struct provider_ops ops = {
        .instance = new_instance, .why = why, .free = close_socket};
    struct socket *socket = calloc(1, sizeof *socket);

    if (!socket)
        return NULL;
    socket->base.ops = &ops;
    socket->base.data = data;
    TAILQ_INIT(&socket->base.bindings);
    socket->loop = loop;
    socket->base.events = events;
    socket->pause = FIRST_PAUSE;
    socket->retry.fire = retry_due;
    socket->drain.fire = drain_over;
    socket->base.type = socket_type(file);
    socket->base.file = socket->file = strdup(file);
    if (asprintf(&socket->path, "%s/%s", folder, file) < 0)
        socket->path = NULL;
    if (!socket->base.type || !socket->file || !socket->path) {
        free_socket(socket);
        return NULL;
    }
    loop_timer_start(loop, &socket->retry, 0);
    return &socket->base;
}
