/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/2 connection: nghttp2 makes frames of streams and streams of frames,
 * conn carries the bytes. The session dies with the connection, never within
 * one of its callbacks. Owned by the loop's thread.
 */
#include "net/h2.h"

#include "core/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a peer may send before it is given back; 16 streams can fill it. */
#define STREAM_WINDOW      (1 << 20)
#define CONNECTION_WINDOW  (16 << 20)

#define HEADERS_LIMIT      (64u << 10) /* bytes of one block */
#define HEADER_COUNT_LIMIT 256
#define CLOSE_TIMEOUT      1000 /* ms for the last bytes to be written */

/* The headers that come in, until their block is complete: one for all streams,
 * since blocks never interleave. Names and values stand in one buffer, in turn.
 */
struct h2_header_block {
    struct buffer text;
    struct h2_header items[HEADER_COUNT_LIMIT];
    size_t count;
};

static void set_why(struct h2 *h2, const char *format, ...) DAPR_PRINTF(2, 3);

/* The first reason counts: what follows follows from it. A peer's own words may
 * be in it, so it is kept printable. */
static void set_why(struct h2 *h2, const char *format, ...)
{
    va_list args;

    if (*h2->why)
        return;
    va_start(args, format);
    vsnprintf(h2->why, sizeof h2->why, format, args);
    va_end(args);
    for (char *c = h2->why; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

/* ---- streams ------------------------------------------------------------- */

static struct h2_stream *stream_of(struct h2 *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2->session, id);
}

static void forget(struct h2_stream *stream)
{
    stream->id = 0;
    stream->h2->stream_count--;
    LIST_REMOVE(stream, link);
}

/* Takes a stream out; what it never gave back goes to the connection. */
static void detach(struct h2_stream *stream)
{
    nghttp2_session *session = stream->h2->session;

    nghttp2_session_consume_connection(session, stream->unconsumed);
    nghttp2_session_set_stream_user_data(session, stream->id, NULL);
    forget(stream);
}

static void end_stream(struct h2_stream *stream, uint32_t error,
                       const char *why)
{
    detach(stream);
    stream->events->closed(stream, error, why);
}

static void reset(struct h2 *h2, int32_t id, uint32_t error)
{
    nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, id, error);
    conn_flush_later(&h2->conn);
}

static ssize_t produce(nghttp2_session *session, int32_t id, uint8_t *into,
                       size_t size, uint32_t *flags,
                       nghttp2_data_source *source, void *user)
{
    struct h2_stream *stream = source->ptr;
    bool end = false;
    size_t made;

    (void)session;
    if (!stream_of(user, id))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    made = stream->events->produce(stream, into, size, &end);
    if (end)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return made || end ? (ssize_t)made : NGHTTP2_ERR_DEFERRED;
}

/* ---- what nghttp2 reports ------------------------------------------------ */

static int begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user)
{
    struct h2 *h2 = user;

    (void)session;
    (void)frame;
    buffer_clear(&h2->block->text);
    h2->block->count = 0;
    return 0;
}

/* The buffer may move while it grows: sizes alone are known until the end. What
 * is beyond the limits marks the buffer as failed. */
static int header(nghttp2_session *session, const nghttp2_frame *frame,
                  const uint8_t *name, size_t name_size, const uint8_t *value,
                  size_t value_size, uint8_t flags, void *user)
{
    struct h2_header_block *block = ((struct h2 *)user)->block;

    (void)session;
    (void)frame;
    (void)flags;
    if (block->count == HEADER_COUNT_LIMIT) {
        block->text.failed = true;
        return 0;
    }
    block->items[block->count].name.size = name_size;
    block->items[block->count++].value.size = value_size;
    buffer_append(&block->text, name, name_size);
    buffer_append(&block->text, value, value_size);
    return 0;
}

static void place_headers(struct h2_header_block *block)
{
    const uint8_t *at = block->text.data;

    for (size_t i = 0; i < block->count; i++) {
        block->items[i].name.data = at;
        at += block->items[i].name.size;
        block->items[i].value.data = at;
        at += block->items[i].value.size;
    }
}

static bool interim(const struct h2_header_block *block)
{
    const struct h2_header *first = block->items;

    return block->count && first->name.size == 7 &&
           memcmp(first->name.data, ":status", 7) == 0 &&
           *(const char *)first->value.data == '1';
}

static void headers_came(struct h2 *h2, const nghttp2_frame *frame)
{
    struct h2_stream *stream = stream_of(h2, frame->hd.stream_id);
    struct h2_headers headers = {h2->block->items, h2->block->count};
    bool trailers;

    if (!stream)
        return;
    if (h2->block->text.failed) {
        reset(h2, stream->id, NGHTTP2_ENHANCE_YOUR_CALM);
        end_stream(stream, NGHTTP2_INTERNAL_ERROR,
                   "peer header list size exceeded limit");
        return;
    }
    place_headers(h2->block);
    if (interim(h2->block))
        return;
    trailers = stream->answered;
    stream->answered = true;
    stream->events->headers(stream, &headers, trailers,
                            frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
}

static void settings_came(struct h2 *h2)
{
    if (h2->ready || h2->going_away)
        return;
    h2->ready = true;
    loop_timer_stop(h2->conn.loop, &h2->timer);
    h2->events->ready(h2);
}

static void go_away(struct h2 *h2)
{
    if (h2->going_away)
        return;
    h2->going_away = true;
    h2->events->going_away(h2);
}

static void goaway_came(struct h2 *h2, const nghttp2_goaway *goaway)
{
    if (goaway->error_code)
        set_why(h2, "it went away (GOAWAY, %s%s%.*s)",
                nghttp2_http2_strerror(goaway->error_code),
                goaway->opaque_data_len ? ": " : "",
                (int)goaway->opaque_data_len,
                (const char *)goaway->opaque_data);
    else
        set_why(h2, "it went away (GOAWAY)");
    go_away(h2);
}

static int frame_came(nghttp2_session *session, const nghttp2_frame *frame,
                      void *user)
{
    struct h2 *h2 = user;
    struct h2_stream *stream;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        headers_came(h2, frame);
        break;
    case NGHTTP2_DATA:
        stream = stream_of(h2, frame->hd.stream_id);
        if (stream && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
            stream->events->data(stream, NULL, 0, true);
        break;
    case NGHTTP2_SETTINGS:
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
            settings_came(h2);
        break;
    case NGHTTP2_GOAWAY:
        goaway_came(h2, &frame->goaway);
        break;
    default:
        break;
    }
    return 0;
}

static int data_came(nghttp2_session *session, uint8_t flags, int32_t id,
                     const uint8_t *data, size_t size, void *user)
{
    struct h2_stream *stream = stream_of(user, id);

    (void)flags;
    if (!stream) {
        nghttp2_session_consume(session, id, size);
        return 0;
    }
    stream->unconsumed += size;
    stream->events->data(stream, data, size, false);
    return 0;
}

static int stream_closed(nghttp2_session *session, int32_t id, uint32_t error,
                         void *user)
{
    struct h2_stream *stream = stream_of(user, id);

    (void)session;
    if (stream)
        end_stream(stream, error, NULL);
    return 0;
}

/* nghttp2's GOAWAY names the rule that the peer broke. */
static int frame_sent(nghttp2_session *session, const nghttp2_frame *frame,
                      void *user)
{
    struct h2 *h2 = user;
    const nghttp2_goaway *goaway = &frame->goaway;

    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY && goaway->error_code)
        set_why(h2, "%s: %s%s%.*s",
                h2->ready ? "it broke the rules of HTTP/2" : "not HTTP/2",
                nghttp2_http2_strerror(goaway->error_code),
                goaway->opaque_data_len ? ", " : "",
                (int)goaway->opaque_data_len,
                (const char *)goaway->opaque_data);
    return 0;
}

/* A request that never left. Where the peer takes no more, nghttp2 ends it with
 * REFUSED_STREAM: it may be sent elsewhere. */
static int frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame,
                          int error, void *user)
{
    struct h2_stream *stream = stream_of(user, frame->hd.stream_id);

    (void)session;
    if (stream && frame->hd.type == NGHTTP2_HEADERS &&
        error == NGHTTP2_ERR_FRAME_SIZE_ERROR)
        end_stream(stream, NGHTTP2_INTERNAL_ERROR,
                   "the headers are too large to be sent");
    return 0;
}

static void free_session(struct h2 *h2)
{
    nghttp2_session_del(h2->session);
    buffer_done(&h2->block->text);
    free(h2->block);
}

/* ---- the connection ------------------------------------------------------ */

static void fill(struct conn *conn)
{
    struct h2 *h2 = container_of(conn, struct h2, conn);
    const uint8_t *data;
    ssize_t size = 0;

    while (!conn_full(conn) &&
           (size = nghttp2_session_mem_send(h2->session, &data)) > 0)
        conn_write(conn, data, (size_t)size);
    if (size < 0) {
        set_why(h2, "%s", nghttp2_strerror((int)size));
        conn_close(conn);
    } else if (!nghttp2_session_want_read(h2->session) &&
               !nghttp2_session_want_write(h2->session)) {
        conn_close_after_write(conn);
    } else if (h2->used_up) {
        set_why(h2, "its stream ids are used up");
        go_away(h2);
    }
}

static void drained(struct conn *conn)
{
    conn_flush_later(conn);
}

/* The most likely wrong guess about what listens there. */
static void check_protocol(struct h2 *h2, const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\r', size);

    if (end && end - data > 5 && memcmp(data, "HTTP/", 5) == 0)
        set_why(h2, "not HTTP/2: it answered \"%.*s\"", (int)(end - data),
                (const char *)data);
}

static void bytes_came(struct conn *conn, const uint8_t *data, size_t size)
{
    struct h2 *h2 = container_of(conn, struct h2, conn);
    ssize_t used;

    if (!h2->ready)
        check_protocol(h2, data, size);
    used = nghttp2_session_mem_recv(h2->session, data, size);
    conn_flush_later(conn); /* answers, and the GOAWAY for an error */
    if (used >= 0)
        return;
    set_why(h2, "it broke the rules of HTTP/2: %s",
            nghttp2_strerror((int)used));
    conn_close(conn);
}

static void conn_opened(struct conn *conn)
{
    conn_flush_later(conn); /* the preface and SETTINGS */
}

static void conn_closed(struct conn *conn, int status)
{
    struct h2 *h2 = container_of(conn, struct h2, conn);
    struct h2_stream *stream;

    loop_timer_stop(conn->loop, &h2->timer);
    set_why(h2, "%s",
            status == UV_EOF ? "the peer closed the connection"
            : status         ? uv_strerror(status)
                             : "the connection was closed");
    h2->going_away = true;
    while ((stream = LIST_FIRST(&h2->streams))) {
        forget(stream);
        stream->events->closed(stream, H2_LOST, h2->why);
    }
    free_session(h2);
    h2->events->closed(h2, status, h2->why);
}

static void time_over(struct loop_timer *timer)
{
    struct h2 *h2 = container_of(timer, struct h2, timer);

    if (!h2->ready)
        set_why(h2, "timeout: no HTTP/2 SETTINGS within %u ms", h2->timeout);
    conn_close(&h2->conn);
}

static const struct conn_events conn_events = {.opened = conn_opened,
                                               .data = bytes_came,
                                               .fill = fill,
                                               .drained = drained,
                                               .closed = conn_closed};

/* ---- the session --------------------------------------------------------- */

static int make_callbacks(nghttp2_session_callbacks **ret)
{
    nghttp2_session_callbacks *callbacks;

    if (nghttp2_session_callbacks_new(&callbacks))
        return -1;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
                                                            begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_came);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                              data_came);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                           stream_closed);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks,
                                                             frame_not_sent);
    *ret = callbacks;
    return 0;
}

static int announce(nghttp2_session *session)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADERS_LIMIT},
    };

    return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof settings / sizeof *settings) ||
           nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                 CONNECTION_WINDOW);
}

/* Windows are given back by hand: a slow receiver stops its sender. Of what
 * makes us answer (PING, SETTINGS) nghttp2 itself takes no more than 1000
 * unanswered. */
static int make_session(struct h2 *h2)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option = NULL;
    int rc = -1;

    if (make_callbacks(&callbacks))
        return -1;
    if (nghttp2_option_new(&option))
        goto out;
    nghttp2_option_set_no_auto_window_update(option, 1);
    if (nghttp2_session_client_new2(&h2->session, callbacks, h2, option))
        goto out;
    rc = announce(h2->session);
    if (rc)
        nghttp2_session_del(h2->session);
out:
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return rc;
}

int h2_connect_unix(struct h2 *h2, struct loop *loop, const char *path,
                    uint64_t timeout, const struct h2_events *events)
{
    int status;

    *h2 = (struct h2){.events = events, .timer.fire = time_over};
    LIST_INIT(&h2->streams);
    h2->block = malloc(sizeof *h2->block);
    if (!h2->block)
        return UV_ENOMEM;
    buffer_init(&h2->block->text, HEADERS_LIMIT);
    if (make_session(h2)) {
        free(h2->block);
        return UV_ENOMEM;
    }
    status = conn_connect_unix(&h2->conn, loop, path, timeout, &conn_events);
    if (status) {
        free_session(h2);
        return status;
    }
    h2->timeout = (unsigned)timeout;
    loop_timer_start(loop, &h2->timer, timeout);
    return 0;
}

/* ---- for users of streams ------------------------------------------------ */

/* A stream that nghttp2 has an id for. */
static void attach(struct h2 *h2, struct h2_stream *stream, int32_t id,
                   const struct h2_stream_events *events)
{
    *stream = (struct h2_stream){.h2 = h2, .id = id, .events = events};
    LIST_INSERT_HEAD(&h2->streams, stream, link);
    h2->stream_count++;
    conn_flush_later(&h2->conn);
}

int h2_request(struct h2 *h2, struct h2_stream *stream,
               const struct h2_headers *headers, bool body,
               const struct h2_stream_events *events)
{
    nghttp2_data_provider provider = {{.ptr = stream}, produce};
    nghttp2_nv fields[HEADER_COUNT_LIMIT];
    int32_t id;

    if (h2->going_away || h2->conn.closing ||
        h2->stream_count == H2_STREAMS_LIMIT ||
        headers->count > HEADER_COUNT_LIMIT)
        return -1;
    for (size_t i = 0; i < headers->count; i++) {
        const struct h2_header *item = &headers->items[i];

        fields[i] = (nghttp2_nv){(uint8_t *)item->name.data,
                                 (uint8_t *)item->value.data, item->name.size,
                                 item->value.size, item->flags};
    }
    id = nghttp2_submit_request(h2->session, NULL, fields, headers->count,
                                body ? &provider : NULL, stream);
    if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE) {
        h2->used_up = true;
        conn_flush_later(&h2->conn); /* says so, but not from within */
    }
    if (id < 0)
        return -1;
    attach(h2, stream, id, events);
    return 0;
}

void h2_resume(struct h2_stream *stream)
{
    if (!stream->id)
        return;
    nghttp2_session_resume_data(stream->h2->session, stream->id);
    conn_flush_later(&stream->h2->conn);
}

void h2_consumed(struct h2_stream *stream, size_t size)
{
    if (!stream->id)
        return;
    if (size > stream->unconsumed)
        size = stream->unconsumed;
    stream->unconsumed -= size;
    nghttp2_session_consume(stream->h2->session, stream->id, size);
    conn_flush_later(&stream->h2->conn);
}

void h2_reset(struct h2_stream *stream, uint32_t error)
{
    int32_t id = stream->id;

    if (!id)
        return;
    detach(stream);
    reset(stream->h2, id, error);
}

void h2_close(struct h2 *h2)
{
    if (h2->conn.closing || h2->conn.ending)
        return;
    h2->going_away = true;
    set_why(h2, "the connection was closed");
    if (!h2->conn.connected) {
        conn_close(&h2->conn);
        return;
    }
    nghttp2_session_terminate_session(h2->session, NGHTTP2_NO_ERROR);
    loop_timer_start(h2->conn.loop, &h2->timer, CLOSE_TIMEOUT);
    conn_flush_later(&h2->conn);
}
