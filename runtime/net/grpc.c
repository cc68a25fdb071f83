/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC call is an HTTP/2 stream with messages in it: five bytes of prefix
 * each, a status in the trailers. Owned by the loop's thread.
 */
#include "net/grpc.h"

#include "core/container.h"
#include "net/grpc_headers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_SIZE     5
#define DEFAULT_MESSAGE (4u << 20)

/* Memory that a prefix alone can claim; more is taken as bytes come. */
#define FIRST_ROOM (1u << 20)

/* A message on its way out: its prefix and its bytes. */
struct outgoing {
    STAILQ_ENTRY(outgoing) link;
    size_t size;
    size_t sent;
    uint8_t bytes[];
};

struct grpc_call {
    struct h2_stream stream;
    struct loop *loop;
    const struct grpc_events *events;
    void *owner;
    struct loop_timer deadline;
    bool streaming;
    bool half_closed; /* after what is queued */
    bool sent;        /* all, with the half-close */
    bool ending;
    STAILQ_HEAD(, outgoing) queue;
    size_t unsent;

    uint8_t prefix[PREFIX_SIZE];
    size_t prefix_have;
    struct buffer partial; /* of a message, while it is incomplete */
    unsigned messages;     /* that came */
    size_t owed;           /* bytes that came and were not given back */
    size_t held;           /* bytes of messages that the user holds */
    struct grpc_answer answer;
    bool *gone; /* set when the call ends while it is read */
};

/* ---- the end ------------------------------------------------------------- */

static void free_call(struct grpc_call *call)
{
    struct outgoing *out;

    if (call->gone)
        *call->gone = true;
    loop_timer_stop(call->loop, &call->deadline);
    while ((out = STAILQ_FIRST(&call->queue))) {
        STAILQ_REMOVE_HEAD(&call->queue, link);
        free(out);
    }
    buffer_done(&call->partial);
    grpc_answer_done(&call->answer);
    free(call);
}

/* A good status is none where the messages are not what was called for. */
static void check_messages(struct grpc_call *call)
{
    if (call->answer.code)
        return;
    if (call->prefix_have)
        grpc_answer_set(&call->answer, DAPR_INTERNAL, "unexpected EOF");
    else if (!call->streaming && !call->messages)
        grpc_answer_set(&call->answer, DAPR_INTERNAL,
                        "cardinality violation: received no response message "
                        "from non-server-streaming RPC");
}

/* The status is known; the stream is gone or goes now. */
static void finish(struct grpc_call *call)
{
    struct grpc_answer *answer = &call->answer;
    const char *text;

    h2_reset(&call->stream, NGHTTP2_CANCEL);
    loop_timer_stop(call->loop, &call->deadline);
    check_messages(call);
    text = answer->message.size ? buffer_string(&answer->message) : "";
    call->ending = true;
    call->events->end(call,
                      &(struct grpc_status){answer->code, text ? text : "",
                                            buffer_bytes(&answer->details)},
                      pairs_view(&answer->metadata));
    free_call(call);
}

static void deadline_passed(struct loop_timer *timer)
{
    struct grpc_call *call = container_of(timer, struct grpc_call, deadline);

    grpc_answer_set(&call->answer, DAPR_DEADLINE_EXCEEDED,
                    "context deadline exceeded");
    finish(call);
}

void grpc_cancel(struct grpc_call *call)
{
    if (call->ending)
        return;
    h2_reset(&call->stream, NGHTTP2_CANCEL);
    free_call(call);
}

/* The peer has said its last word: closed() follows, but not while our side is
 * open. */
static void peer_ended(struct grpc_call *call)
{
    if (!call->sent)
        finish(call);
}

static void headers_came(struct h2_stream *stream,
                         const struct h2_headers *headers, bool trailers,
                         bool end)
{
    struct grpc_call *call = container_of(stream, struct grpc_call, stream);

    if (!trailers && !grpc_answer_begin(&call->answer, headers)) {
        finish(call);
    } else if (end) {
        grpc_answer_end(&call->answer, headers);
        peer_ended(call);
    } else if (call->events->headers) {
        call->events->headers(call, pairs_view(&call->answer.metadata));
    }
}

/* ---- the stream's end ---------------------------------------------------- */

static int code_of_reset(const struct grpc_call *call, uint32_t error)
{
    int code = grpc_code_of_reset(error);
    uint64_t deadline = call->deadline.at;

    if (code == DAPR_CANCELLED && deadline && deadline <= loop_now(call->loop))
        return DAPR_DEADLINE_EXCEEDED; /* the server's clock was first */
    return code;
}

/* No trailers came. */
static void explain_end(struct grpc_call *call, uint32_t error, const char *why)
{
    if (error == H2_LOST)
        grpc_answer_set(&call->answer, DAPR_UNAVAILABLE,
                        "error reading from server: %s", why);
    else if (why)
        grpc_answer_set(&call->answer, grpc_code_of_reset(error), "%s", why);
    else if (error)
        grpc_answer_set(&call->answer, code_of_reset(call, error),
                        "stream terminated by RST_STREAM with error code: %s",
                        nghttp2_http2_strerror(error));
    else
        grpc_answer_set(&call->answer, DAPR_INTERNAL,
                        "server closed the stream without sending trailers");
}

static void stream_closed(struct h2_stream *stream, uint32_t error,
                          const char *why)
{
    struct grpc_call *call = container_of(stream, struct grpc_call, stream);

    if (call->answer.code == GRPC_NO_STATUS)
        explain_end(call, error, why);
    finish(call);
}

/* ---- messages in --------------------------------------------------------- */

/* Gives back what is neither held by the user nor part of a message while he
 * holds others: so a message may be larger than the window, and one that is
 * not consumed stops the peer. */
static void give_back(struct grpc_call *call)
{
    size_t keep = call->held;

    if (keep)
        keep += call->partial.size;
    if (call->owed > keep) {
        h2_consumed(&call->stream, call->owed - keep);
        call->owed = keep;
    }
}

void grpc_consumed(struct grpc_call *call, size_t message_size)
{
    call->held -= message_size < call->held ? message_size : call->held;
    give_back(call);
}

static uint32_t prefix_length(const struct grpc_call *call)
{
    const uint8_t *p = call->prefix;

    return (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 |
           p[4];
}

/* The prefix is complete: whether its message can be taken. */
static bool acceptable(struct grpc_call *call)
{
    uint32_t length = prefix_length(call);

    if (call->prefix[0])
        grpc_answer_set(
            &call->answer, DAPR_INTERNAL,
            "grpc: compressed flag set with identity or empty encoding");
    else if (length > call->partial.limit)
        grpc_answer_set(&call->answer, DAPR_RESOURCE_EXHAUSTED,
                        "grpc: received message larger than max (%" PRIu32
                        " vs. %zu)",
                        length, call->partial.limit);
    else if (!call->streaming && call->messages)
        grpc_answer_set(&call->answer, DAPR_INTERNAL,
                        "cardinality violation: expected <EOF> for non "
                        "server-streaming RPCs, but received another message");
    else
        return true;
    return false;
}

static size_t take_prefix(struct grpc_call *call, const uint8_t *data,
                          size_t size)
{
    size_t need = PREFIX_SIZE - call->prefix_have;
    size_t take = size < need ? size : need;

    memcpy(call->prefix + call->prefix_have, data, take);
    call->prefix_have += take;
    if (take == need && !acceptable(call))
        finish(call);
    return take;
}

static void deliver(struct grpc_call *call, struct dapr_bytes message)
{
    call->prefix_have = 0;
    call->messages++;
    call->held += call->streaming ? message.size : 0;
    call->events->message(call, message);
}

/* A message that lies whole in what came is not copied. */
static size_t take_message(struct grpc_call *call, const uint8_t *data,
                           size_t size)
{
    size_t need = prefix_length(call) - call->partial.size;
    size_t take = size < need ? size : need;
    struct buffer whole;

    if (take < need && !call->partial.size)
        buffer_reserve(&call->partial, need < FIRST_ROOM ? need : FIRST_ROOM);
    if (take == need && !call->partial.size) {
        deliver(call, (struct dapr_bytes){data, take});
    } else if (buffer_append(&call->partial, data, take)) {
        grpc_answer_set(&call->answer, DAPR_RESOURCE_EXHAUSTED,
                        "out of memory");
        finish(call);
    } else if (take == need) {
        whole = call->partial;
        buffer_init(&call->partial, whole.limit);
        deliver(call, buffer_bytes(&whole));
        buffer_done(&whole);
    }
    return take;
}

/* A message without bytes is complete with its prefix. */
static bool empty_message(const struct grpc_call *call)
{
    return call->prefix_have == PREFIX_SIZE && !prefix_length(call);
}

static void data_came(struct h2_stream *stream, const uint8_t *data,
                      size_t size, bool end)
{
    struct grpc_call *call = container_of(stream, struct grpc_call, stream);
    bool gone = false;
    size_t taken;

    call->owed += size;
    call->gone = &gone;
    while (!gone && (size || empty_message(call))) {
        taken = call->prefix_have < PREFIX_SIZE
                    ? take_prefix(call, data, size)
                    : take_message(call, data, size);
        data += taken;
        size -= taken;
    }
    if (gone)
        return;
    call->gone = NULL;
    give_back(call);
    if (end) {
        explain_end(call, 0, NULL);
        peer_ended(call);
    }
}

/* ---- messages out -------------------------------------------------------- */

static size_t produce(struct h2_stream *stream, uint8_t *into, size_t size,
                      bool *end)
{
    struct grpc_call *call = container_of(stream, struct grpc_call, stream);
    struct outgoing *out;
    size_t made = 0, part;

    while (made < size && (out = STAILQ_FIRST(&call->queue))) {
        part = out->size - out->sent;
        if (part > size - made)
            part = size - made;
        memcpy(into + made, out->bytes + out->sent, part);
        made += part;
        out->sent += part;
        if (out->sent == out->size) {
            STAILQ_REMOVE_HEAD(&call->queue, link);
            free(out);
        }
    }
    call->unsent -= made;
    *end = call->sent = call->half_closed && !call->unsent;
    return made;
}

static int queue_message(struct grpc_call *call,
                         const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    struct outgoing *out;

    if (size > UINT32_MAX || !(out = malloc(sizeof *out + PREFIX_SIZE + size)))
        return -1;
    out->size = PREFIX_SIZE + size;
    out->sent = 0;
    out->bytes[0] = 0;
    for (int i = 0; i < 4; i++)
        out->bytes[1 + i] = (uint8_t)(size >> (24 - 8 * i));
    protobuf_c_message_pack(message, out->bytes + PREFIX_SIZE);
    STAILQ_INSERT_TAIL(&call->queue, out, link);
    call->unsent += out->size;
    return 0;
}

int grpc_send(struct grpc_call *call, const ProtobufCMessage *message,
              bool last)
{
    if (message && queue_message(call, message))
        return -1;
    call->half_closed |= last;
    h2_resume(&call->stream);
    return 0;
}

size_t grpc_unsent(const struct grpc_call *call)
{
    return call->unsent;
}

/* ---- the beginning ------------------------------------------------------- */

static struct grpc_call *new_call(struct loop *loop,
                                  const struct grpc_options *options)
{
    struct grpc_call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    STAILQ_INIT(&call->queue);
    buffer_init(&call->partial,
                options->max_message ? options->max_message : DEFAULT_MESSAGE);
    grpc_answer_init(&call->answer);
    call->loop = loop;
    call->events = options->events;
    call->owner = options->owner;
    call->streaming = options->stream;
    call->deadline.fire = deadline_passed;
    return call;
}

static void refused(struct loop_timer *timer)
{
    finish(container_of(timer, struct grpc_call, deadline));
}

/* The end must not come before grpc_start() has returned. */
static void refuse_later(struct grpc_call *call)
{
    call->answer.code = DAPR_INTERNAL;
    call->deadline.fire = refused;
    loop_timer_start(call->loop, &call->deadline, 0);
}

struct grpc_call *grpc_start(struct h2 *h2, const struct grpc_options *options)
{
    static const struct h2_stream_events events = {.headers = headers_came,
                                                   .data = data_came,
                                                   .produce = produce,
                                                   .closed = stream_closed};
    struct grpc_call *call = new_call(h2->conn.loop, options);
    struct grpc_request request;

    if (!call)
        return NULL;
    if (grpc_request_make(&request, options, &call->answer.message)) {
        refuse_later(call);
        return call;
    }
    if (h2_request(h2, &call->stream,
                   &(struct h2_headers){request.items, request.count}, true,
                   &events)) {
        free_call(call);
        return NULL;
    }
    if (options->timeout)
        loop_timer_start(call->loop, &call->deadline, options->timeout);
    return call;
}

void *grpc_owner(struct grpc_call *call)
{
    return call->owner;
}
