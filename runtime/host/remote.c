/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instance behind a socket. Every call names it in the metadata
 * x-component-instance; the connection belongs to the socket (socket.c) and
 * carries all instances of it. Owned by the loop's thread.
 */
#include "host/remote.h"

#include "dapr/proto/components/v1/bindings.pb-c.h"
#include "proto/map.h"

#include <stdio.h>

#define SERVICE(kind, method)                                                  \
    ((kind) == BINDING_INPUT                                                   \
         ? "/dapr.proto.components.v1.InputBinding/" method                    \
         : "/dapr.proto.components.v1.OutputBinding/" method)

/* Verdicts that a component has not made room for. More: it does not read. */
#define UNSENT_VERDICTS_LIMIT (4u << 20)
#define ERROR_LIMIT           (8u << 10)

/* Of what a component answers or sends. */
#define REMOTE_MESSAGE_LIMIT (64u << 20)

struct remote {
    struct instance base;
    struct loop *loop;
    struct h2 *h2;
    char *id;
    struct dapr_pair header;
    struct grpc_call *setup; /* Init, then ListOperations */
    uint64_t setup_end;      /* loop_now() */
    struct grpc_call *stream;
    unsigned epoch;  /* of the stream */
    unsigned events; /* without verdict */
    bool closed;
    LIST_HEAD(, remote_call) calls;
};

struct remote_call {
    struct remote *remote;
    struct invocation *invocation;
    struct grpc_call *call;
    Components__InvokeResponse *answer;
    LIST_ENTRY(remote_call) link;
};

struct remote_event {
    struct event base;
    Components__ReadResponse *message;
    struct dapr_pair *pairs;
    size_t size;
    unsigned epoch;
};

char *remote_error(const struct grpc_status *status)
{
    struct buffer text;

    buffer_init(&text, ERROR_LIMIT);
    buffer_printf(&text, "rpc error: code = %s desc = %s",
                  grpc_code_name(status->code), status->message);
    return buffer_take(&text);
}

static void free_remote(struct remote *remote)
{
    if (!remote->closed || remote->events || !LIST_EMPTY(&remote->calls))
        return;
    instance_drop_operations(&remote->base);
    free(remote->id);
    free(remote);
}

static struct grpc_call *start(struct remote *remote, const char *path,
                               const struct grpc_events *events,
                               uint64_t timeout, bool stream, void *owner)
{
    const struct grpc_options options = {
        .path = path,
        .metadata = {&remote->header, 1},
        .timeout = timeout,
        .max_message = REMOTE_MESSAGE_LIMIT,
        .stream = stream,
        .events = events,
        .owner = owner,
    };

    return grpc_start(remote->h2, &options);
}

/* A unary call: starts it and sends its one message. */
static struct grpc_call *ask(struct remote *remote, const char *path,
                             const struct grpc_events *events, uint64_t timeout,
                             const ProtobufCMessage *message, void *owner)
{
    struct grpc_call *call = start(remote, path, events, timeout, false, owner);

    if (call && grpc_send(call, message, true)) {
        grpc_cancel(call);
        call = NULL;
    }
    return call;
}

/* ---- Init and ListOperations --------------------------------------------- */

static void initialised(struct remote *remote, const struct grpc_status *status)
{
    bool late = status->code == DAPR_DEADLINE_EXCEEDED &&
                loop_now(remote->loop) >= remote->setup_end;
    char *error = status->code ? remote_error(status) : NULL;

    remote->base.events->initialised(
        &remote->base,
        &(struct outcome){.code = status->code,
                          .error = error ? error : status->message},
        late);
    free(error);
}

static void keep_operations(struct grpc_call *call, struct dapr_bytes bytes)
{
    struct remote *remote = grpc_owner(call);
    Components__ListOperationsResponse *list =
        components__list_operations_response__unpack(NULL, bytes.size,
                                                     bytes.data);

    if (list)
        instance_keep_operations(&remote->base,
                                 (const char *const *)list->operations,
                                 list->n_operations);
    components__list_operations_response__free_unpacked(list, NULL);
}

static void listed(struct grpc_call *call, const struct grpc_status *status,
                   struct dapr_metadata trailers)
{
    static const struct grpc_status broken = {
        DAPR_INTERNAL, "the answer to ListOperations cannot be read", {0}};
    struct remote *remote = grpc_owner(call);

    (void)trailers;
    remote->setup = NULL;
    if (!status->code && !remote->base.operations)
        status = &broken;
    initialised(remote, status);
}

static void list_operations(struct remote *remote)
{
    static const struct grpc_events events = {.message = keep_operations,
                                              .end = listed};
    static const struct grpc_status failed = {
        DAPR_UNAVAILABLE, "ListOperations cannot be sent", {0}};
    Components__ListOperationsRequest request =
        COMPONENTS__LIST_OPERATIONS_REQUEST__INIT;
    uint64_t now = loop_now(remote->loop);
    uint64_t left = remote->setup_end > now ? remote->setup_end - now : 1;

    remote->setup = ask(remote, SERVICE(BINDING_OUTPUT, "ListOperations"),
                        &events, left, &request.base, remote);
    if (!remote->setup)
        initialised(remote, &failed);
}

static void init_message(struct grpc_call *call, struct dapr_bytes message)
{
    (void)call;
    (void)message; /* holds nothing */
}

static void init_ended(struct grpc_call *call, const struct grpc_status *status,
                       struct dapr_metadata trailers)
{
    struct remote *remote = grpc_owner(call);

    (void)trailers;
    remote->setup = NULL;
    if (status->code == 0 && remote->base.kind == BINDING_OUTPUT)
        list_operations(remote);
    else
        initialised(remote, status);
}

/* The Init requests of both services have one field, the same. */
static int remote_init(struct instance *base, struct dapr_metadata properties,
                       uint64_t timeout)
{
    static const struct grpc_events events = {.message = init_message,
                                              .end = init_ended};
    struct remote *remote = (struct remote *)base;
    Components__OutputBindingInitRequest request =
        COMPONENTS__OUTPUT_BINDING_INIT_REQUEST__INIT;
    Components__MetadataRequest metadata = COMPONENTS__METADATA_REQUEST__INIT;

    metadata.properties =
        map_pack(&properties,
                 &components__metadata_request__properties_entry__descriptor);
    metadata.n_properties = metadata.properties ? properties.count : 0;
    request.metadata = &metadata;
    remote->setup_end = loop_now(remote->loop) + timeout;
    remote->setup = ask(remote, SERVICE(base->kind, "Init"), &events, timeout,
                        &request.base, remote);
    free(metadata.properties);
    return remote->setup ? 0 : -1;
}

/* ---- Invoke -------------------------------------------------------------- */

static void give_up(struct remote_call *call, int code, const char *why)
{
    const struct grpc_status status = {code, why, {0}};
    char *error = remote_error(&status);

    call->invocation->done(
        call->invocation,
        &(struct outcome){.code = code, .error = error ? error : why});
    free(error);
}

/* Kept until the status is known: an answer may be followed by an error. */
static void invoke_message(struct grpc_call *grpc, struct dapr_bytes bytes)
{
    struct remote_call *call = grpc_owner(grpc);

    call->answer =
        components__invoke_response__unpack(NULL, bytes.size, bytes.data);
}

static void succeed(struct remote_call *call)
{
    Components__InvokeResponse *answer = call->answer;
    struct outcome outcome = {0};
    struct dapr_pair *pairs = NULL;

    if (!answer || map_unpack(answer->metadata, answer->n_metadata, &pairs,
                              &outcome.metadata.count)) {
        give_up(call, DAPR_INTERNAL, "the component's answer cannot be read");
        return;
    }
    outcome.metadata.pairs = pairs;
    outcome.data = (struct dapr_bytes){answer->data.data, answer->data.len};
    call->invocation->done(call->invocation, &outcome);
    free(pairs);
}

static void free_call(struct remote_call *call)
{
    components__invoke_response__free_unpacked(call->answer, NULL);
    free(call);
}

static void invoke_ended(struct grpc_call *grpc,
                         const struct grpc_status *status,
                         struct dapr_metadata trailers)
{
    struct remote_call *call = grpc_owner(grpc);
    struct remote *remote = call->remote;

    (void)trailers;
    LIST_REMOVE(call, link);
    if (status->code)
        give_up(call, status->code, status->message);
    else
        succeed(call);
    free_call(call);
    free_remote(remote);
}

static bool send_invoke(struct remote_call *call)
{
    static const struct grpc_events events = {.message = invoke_message,
                                              .end = invoke_ended};
    const struct invocation *invocation = call->invocation;
    Components__InvokeRequest request = COMPONENTS__INVOKE_REQUEST__INIT;

    request.operation = (char *)invocation->operation;
    request.data.data = (uint8_t *)invocation->data.data;
    request.data.len = invocation->data.size;
    request.metadata =
        map_pack(&invocation->metadata,
                 &components__invoke_request__metadata_entry__descriptor);
    request.n_metadata = request.metadata ? invocation->metadata.count : 0;
    call->call = ask(call->remote, SERVICE(BINDING_OUTPUT, "Invoke"), &events,
                     0, &request.base, call);
    free(request.metadata);
    return call->call;
}

static void remote_invoke(struct instance *base, struct invocation *invocation)
{
    struct remote *remote = (struct remote *)base;
    struct remote_call *call = calloc(1, sizeof *call);

    if (!call) {
        invocation->done(invocation,
                         &(struct outcome){.code = DAPR_RESOURCE_EXHAUSTED,
                                           .error = "out of memory"});
        return;
    }
    call->remote = remote;
    call->invocation = invocation;
    if (send_invoke(call)) {
        LIST_INSERT_HEAD(&remote->calls, call, link);
        return;
    }
    give_up(call, DAPR_UNAVAILABLE,
            "the connection to the component takes no more calls");
    free(call);
}

/* ---- Read ---------------------------------------------------------------- */

static void free_event(struct remote_event *event)
{
    components__read_response__free_unpacked(event->message, NULL);
    free(event->pairs);
    free(event);
}

static void break_stream(struct remote *remote, const char *why)
{
    grpc_cancel(remote->stream);
    remote->stream = NULL;
    remote->base.events->read_ended(&remote->base, why);
}

static struct remote_event *unpack_event(struct remote *remote,
                                         struct dapr_bytes bytes)
{
    struct remote_event *event = calloc(1, sizeof *event);
    Components__ReadResponse *message =
        components__read_response__unpack(NULL, bytes.size, bytes.data);

    if (!event || !message ||
        map_unpack(message->metadata, message->n_metadata, &event->pairs,
                   &event->base.metadata.count)) {
        components__read_response__free_unpacked(message, NULL);
        free(event);
        return NULL;
    }
    event->message = message;
    event->size = bytes.size;
    event->epoch = remote->epoch;
    event->base.instance = &remote->base;
    event->base.data =
        (struct dapr_bytes){message->data.data, message->data.len};
    event->base.metadata.pairs = event->pairs;
    return event;
}

static void read_message(struct grpc_call *call, struct dapr_bytes bytes)
{
    struct remote *remote = grpc_owner(call);
    struct remote_event *event = unpack_event(remote, bytes);

    if (!event) {
        break_stream(remote, "an event cannot be read");
        return;
    }
    remote->events++;
    remote->base.events->event(&remote->base, &event->base);
}

/* Where the connection broke, what the socket says of it is enough. */
static void read_ended(struct grpc_call *call, const struct grpc_status *status,
                       struct dapr_metadata trailers)
{
    struct remote *remote = grpc_owner(call);
    char *why;

    (void)trailers;
    remote->stream = NULL;
    if (remote->h2->conn.closing)
        return;
    why = status->code ? remote_error(status) : NULL;
    remote->base.events->read_ended(&remote->base, why ? why : "EOF");
    free(why);
}

static int remote_read(struct instance *base)
{
    static const struct grpc_events events = {.message = read_message,
                                              .end = read_ended};
    struct remote *remote = (struct remote *)base;

    remote->epoch++;
    remote->stream =
        start(remote, SERVICE(BINDING_INPUT, "Read"), &events, 0, true, remote);
    return remote->stream ? 0 : -1;
}

static int send_verdict(struct remote *remote, const struct remote_event *event,
                        const struct dapr_answer *answer)
{
    Components__ReadRequest request = COMPONENTS__READ_REQUEST__INIT;
    Components__AckResponseError error = COMPONENTS__ACK_RESPONSE_ERROR__INIT;

    request.message_id = event->message->message_id;
    if (answer->verdict == DAPR_TAKEN) {
        request.response_data.data = (uint8_t *)answer->response.data;
        request.response_data.len = answer->response.size;
    } else {
        error.message = (char *)answer->error;
        request.response_error = &error;
    }
    return grpc_send(remote->stream, &request.base, false);
}

/* A verdict for a stream that has ended, or DAPR_LOST, reaches nobody: the
 * component counts the event as lost, and delivers it again. */
static void remote_verdict(struct event *base, const struct dapr_answer *answer)
{
    struct remote_event *event = (struct remote_event *)base;
    struct remote *remote = (struct remote *)base->instance;
    const char *why = NULL;

    if (remote->stream && event->epoch == remote->epoch) {
        if (answer->verdict != DAPR_LOST && send_verdict(remote, event, answer))
            why = "out of memory";
        else if (grpc_unsent(remote->stream) > UNSENT_VERDICTS_LIMIT)
            why = "the component does not read its verdicts";
        else
            grpc_consumed(remote->stream, event->size);
    }
    free_event(event);
    remote->events--;
    if (why)
        break_stream(remote, why);
    else
        free_remote(remote);
}

static void remote_stop_reading(struct instance *base)
{
    struct remote *remote = (struct remote *)base;

    if (remote->stream)
        grpc_cancel(remote->stream);
    remote->stream = NULL;
}

/* ---- life ---------------------------------------------------------------- */

/* Calls under way may still be answered, as long as the connection lives. */
static void remote_close(struct instance *base)
{
    struct remote *remote = (struct remote *)base;

    remote_stop_reading(base);
    if (remote->setup)
        grpc_cancel(remote->setup);
    remote->closed = true;
    free_remote(remote);
}

struct instance *remote_new(struct loop *loop, struct h2 *h2,
                            enum binding_kind kind, const char *id)
{
    static const struct instance_ops ops = {
        .init = remote_init,
        .invoke = remote_invoke,
        .read = remote_read,
        .verdict = remote_verdict,
        .stop_reading = remote_stop_reading,
        .close = remote_close,
    };
    struct remote *remote = calloc(1, sizeof *remote);

    if (!remote || !(remote->id = strdup(id))) {
        free(remote);
        return NULL;
    }
    remote->base.ops = &ops;
    remote->base.kind = kind;
    remote->loop = loop;
    remote->h2 = h2;
    remote->header = (struct dapr_pair){"x-component-instance", remote->id};
    LIST_INIT(&remote->calls);
    return &remote->base;
}
