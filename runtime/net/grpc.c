/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC call is an HTTP/2 stream with messages in it: five bytes of prefix
 * each, a status in the trailers. Owned by the loop's thread.
 */
#include "net/grpc.h"

#include "core/container.h"
#include "net/grpc_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_SIZE     5
#define DEFAULT_MESSAGE (4u << 20)
#define MESSAGE_LIMIT   (64u << 10) /* of a status: text and details each */
#define MAX_HEADERS     64          /* of a call's own */
#define NO_STATUS       (-1)

/* A message on its way out: its prefix and its bytes. */
struct outgoing {
    STAILQ_ENTRY(outgoing) link;
    size_t size;
    size_t sent;
    uint8_t bytes[];
};

struct grpc_call {
    struct h2_stream stream;
    const struct grpc_events *events;
    void *owner;
    struct loop_timer deadline;
    bool streaming;
    bool half_closed; /* after what is queued */
    STAILQ_HEAD(, outgoing) queue;
    size_t unsent;

    uint8_t prefix[PREFIX_SIZE];
    size_t prefix_have;
    struct buffer partial; /* of a message, while it is incomplete */
    unsigned messages;     /* that came */
    size_t owed;           /* bytes that came and were not given back */
    size_t held;           /* bytes of messages that the user holds */

    int http_status;
    int code; /* NO_STATUS until it is known */
    struct buffer message;
    struct buffer details;
    struct pairs metadata; /* of the last block of headers */
    bool *gone;            /* set when the call ends while it is read */
};

/* ---- the end ------------------------------------------------------------- */

static void free_call(struct grpc_call *call)
{
    struct outgoing *out;

    if (call->gone)
        *call->gone = true;
    loop_timer_stop(call->stream.h2->conn.loop, &call->deadline);
    while ((out = STAILQ_FIRST(&call->queue))) {
        STAILQ_REMOVE_HEAD(&call->queue, link);
        free(out);
    }
    buffer_done(&call->partial);
    buffer_done(&call->message);
    buffer_done(&call->details);
    pairs_done(&call->metadata);
    free(call);
}

/* The stream is gone, or will be reset by the caller. */
static void finish(struct grpc_call *call)
{
    const char *text = buffer_string(&call->message);
    const struct grpc_status status = {call->code, text ? text : "",
                                       buffer_bytes(&call->details)};

    loop_timer_stop(call->stream.h2->conn.loop, &call->deadline);
    call->events->end(call, &status, pairs_view(&call->metadata));
    free_call(call);
}

static void set_status(struct grpc_call *call, int code, const char *format,
                       ...) DAPR_PRINTF(3, 4);

static void set_status(struct grpc_call *call, int code, const char *format,
                       ...)
{
    va_list args;

    call->code = code;
    buffer_clear(&call->message);
    buffer_clear(&call->details);
    va_start(args, format);
    buffer_vprintf(&call->message, format, args);
    va_end(args);
}

/* Ends a call whose status was set here, not by the peer. */
static void cut(struct grpc_call *call)
{
    h2_reset(&call->stream, NGHTTP2_CANCEL);
    finish(call);
}

static void deadline_passed(struct loop_timer *timer)
{
    struct grpc_call *call = container_of(timer, struct grpc_call, deadline);

    set_status(call, DAPR_DEADLINE_EXCEEDED, "context deadline exceeded");
    cut(call);
}

void grpc_cancel(struct grpc_call *call)
{
    h2_reset(&call->stream, NGHTTP2_CANCEL);
    free_call(call);
}

/* ---- headers in ---------------------------------------------------------- */

static bool is(struct dapr_bytes name, const char *text)
{
    return name.size == strlen(text) && memcmp(name.data, text, name.size) == 0;
}

static int number(struct dapr_bytes text)
{
    const char *digits = text.data;
    int value = 0;

    if (!text.size || text.size > 6)
        return -1;
    for (size_t i = 0; i < text.size; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return -1;
        value = value * 10 + (digits[i] - '0');
    }
    return value;
}

static void read_status(struct grpc_call *call, struct dapr_bytes value)
{
    int code = number(value);

    if (code >= 0)
        call->code = code;
    else
        set_status(call, DAPR_UNKNOWN, "malformed grpc-status: \"%.*s\"",
                   (int)value.size, (const char *)value.data);
}

static void read_header(struct grpc_call *call, const struct h2_header *header)
{
    if (is(header->name, ":status")) {
        call->http_status = number(header->value);
    } else if (is(header->name, "grpc-status")) {
        read_status(call, header->value);
    } else if (is(header->name, "grpc-message")) {
        buffer_clear(&call->message);
        grpc_decode_message(&call->message, header->value);
    } else if (is(header->name, "grpc-status-details-bin")) {
        buffer_clear(&call->details);
        if (grpc_decode_binary(&call->details, header->value))
            buffer_clear(&call->details);
    } else if (!is(header->name, "content-type") &&
               !is(header->name, "grpc-encoding") &&
               !is(header->name, "grpc-accept-encoding")) {
        pairs_add_bytes(&call->metadata, header->name, header->value);
    }
}

static bool is_grpc(const struct h2_headers *headers)
{
    static const char type[] = "application/grpc";

    for (size_t i = 0; i < headers->count; i++) {
        const struct h2_header *header = &headers->items[i];

        if (is(header->name, "content-type"))
            return header->value.size >= sizeof type - 1 &&
                   memcmp(header->value.data, type, sizeof type - 1) == 0;
    }
    return false;
}

/* Who answers without gRPC's content type is no gRPC server: what its HTTP
 * status says counts. */
static void not_grpc(struct grpc_call *call)
{
    set_status(call, grpc_code_of_http(call->http_status),
               "unexpected HTTP status code received from server: %d, and no "
               "content-type of gRPC",
               call->http_status);
    cut(call);
}

static void headers_came(struct h2_stream *stream,
                         const struct h2_headers *headers, bool trailers,
                         bool end)
{
    struct grpc_call *call = container_of(stream, struct grpc_call, stream);

    pairs_done(&call->metadata);
    for (size_t i = 0; i < headers->count; i++)
        read_header(call, &headers->items[i]);
    if (!trailers && call->code == NO_STATUS && !is_grpc(headers)) {
        not_grpc(call);
        return;
    }
    if (!trailers && !end) {
        if (call->events->headers)
            call->events->headers(call, pairs_view(&call->metadata));
        return;
    }
    /* Trailers. With our side still open the stream would stay: it is cut. */
    if (!call->half_closed || call->unsent) {
        if (call->code == NO_STATUS)
            set_status(call, DAPR_INTERNAL, "trailers without grpc-status");
        cut(call);
    }
}

/* ---- messages in --------------------------------------------------------- */

/* Gives back what is neither held by the user nor part of a message while he
 * holds others: so a message may be larger than the window, and one that is
 * not consumed stops the peer. */
static void give_back(struct grpc_call *call)
{
    size_t keep = call->streaming ? call->held : 0;

    if (keep)
        keep += call->partial.size;
    if (call->owed > keep) {
        h2_consumed(&call->stream, call->owed - keep);
        call->owed = keep;
    }
}

void grpc_consumed(struct grpc_call *call, size_t message_size)
{
    if (!call->streaming)
        return;
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
        set_status(call, DAPR_INTERNAL,
                   "grpc: compressed flag set with identity or empty encoding");
    else if (length > call->partial.limit)
        set_status(call, DAPR_RESOURCE_EXHAUSTED,
                   "grpc: received message larger than max (%" PRIu32
                   " vs. %zu)",
                   length, call->partial.limit);
    else if (!call->streaming && call->messages)
        set_status(call, DAPR_INTERNAL,
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
        cut(call);
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

    if (take == need && !call->partial.size) {
        deliver(call, (struct dapr_bytes){data, take});
    } else if (buffer_append(&call->partial, data, take)) {
        set_status(call, DAPR_RESOURCE_EXHAUSTED, "out of memory");
        cut(call);
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

    (void)end; /* closed() follows */
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
    *end = call->half_closed && !call->unsent;
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

/* ---- the stream's end ---------------------------------------------------- */

static void explain_end(struct grpc_call *call, uint32_t error)
{
    struct h2 *h2 = call->stream.h2;

    if (h2->conn.closing)
        set_status(call, DAPR_UNAVAILABLE, "error reading from server: %s",
                   h2->why);
    else if (error)
        set_status(call, grpc_code_of_reset(error),
                   "stream terminated by RST_STREAM with error code: %s",
                   nghttp2_http2_strerror(error));
    else
        set_status(call, DAPR_INTERNAL,
                   "server closed the stream without sending trailers");
}

static void stream_closed(struct h2_stream *stream, uint32_t error)
{
    struct grpc_call *call = container_of(stream, struct grpc_call, stream);

    if (call->code == NO_STATUS)
        explain_end(call, error);
    else if (call->code == 0 && !call->streaming && !call->messages)
        set_status(call, DAPR_INTERNAL,
                   "cardinality violation: received no response message from "
                   "non-server-streaming RPC");
    finish(call);
}

/* ---- the beginning ------------------------------------------------------- */

struct headers {
    struct h2_header items[MAX_HEADERS];
    size_t count;
};

static void add(struct headers *headers, const char *name, const char *value,
                uint8_t flags)
{
    headers->items[headers->count++] =
        (struct h2_header){dapr_text(name), dapr_text(value), flags};
}

/* What a call's metadata must not name: the transport's own. */
static bool reserved(const char *name)
{
    return *name == ':' || strncmp(name, "grpc-", 5) == 0 ||
           strcmp(name, "te") == 0 || strcmp(name, "content-type") == 0 ||
           strcmp(name, "user-agent") == 0;
}

static int add_metadata(struct headers *headers, struct dapr_metadata metadata)
{
    for (size_t i = 0; i < metadata.count; i++) {
        const struct dapr_pair *pair = &metadata.pairs[i];

        if (reserved(pair->name) || headers->count == MAX_HEADERS ||
            !nghttp2_check_header_name((const uint8_t *)pair->name,
                                       strlen(pair->name)) ||
            !nghttp2_check_header_value((const uint8_t *)pair->value,
                                        strlen(pair->value)))
            return -1;
        add(headers, pair->name, pair->value, NGHTTP2_NV_FLAG_NONE);
    }
    return 0;
}

static int open_stream(struct grpc_call *call, struct h2 *h2,
                       const struct grpc_options *options)
{
    static const struct h2_stream_events events = {.headers = headers_came,
                                                   .data = data_came,
                                                   .produce = produce,
                                                   .closed = stream_closed};
    static const uint8_t fixed =
        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    struct headers headers = {.count = 0};
    char timeout[16];

    add(&headers, ":method", "POST", fixed);
    add(&headers, ":scheme", "http", fixed);
    add(&headers, ":path", options->path, NGHTTP2_NV_FLAG_NO_COPY_NAME);
    add(&headers, ":authority", "localhost", fixed);
    add(&headers, "te", "trailers", fixed);
    add(&headers, "content-type", "application/grpc", fixed);
    add(&headers, "user-agent", "cdapr/" CDAPR_VERSION, fixed);
    if (options->timeout) {
        grpc_write_timeout(timeout, options->timeout);
        add(&headers, "grpc-timeout", timeout, NGHTTP2_NV_FLAG_NO_COPY_NAME);
    }
    if (add_metadata(&headers, options->metadata))
        return -1;
    return h2_request(h2, &call->stream,
                      &(struct h2_headers){headers.items, headers.count}, true,
                      &events);
}

struct grpc_call *grpc_start(struct h2 *h2, const struct grpc_options *options)
{
    struct grpc_call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    STAILQ_INIT(&call->queue);
    buffer_init(&call->partial,
                options->max_message ? options->max_message : DEFAULT_MESSAGE);
    buffer_init(&call->message, MESSAGE_LIMIT);
    buffer_init(&call->details, MESSAGE_LIMIT);
    call->code = NO_STATUS;
    call->events = options->events;
    call->owner = options->owner;
    call->streaming = options->stream;
    call->deadline.fire = deadline_passed;
    if (open_stream(call, h2, options)) {
        free(call);
        return NULL;
    }
    if (options->timeout)
        loop_timer_start(h2->conn.loop, &call->deadline, options->timeout);
    return call;
}

void *grpc_owner(struct grpc_call *call)
{
    return call->owner;
}
