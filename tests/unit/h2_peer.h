/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted HTTP/2 server for the tests of h2 and grpc: an nghttp2 server
 * session on a Unix socket in the test's own loop. The script says what to do
 * with a stream, by its path, when its headers have come or when it has ended.
 */
#ifndef TESTS_H2_PEER_H
#define TESTS_H2_PEER_H

#include "core/container.h"
#include "net/conn.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

struct peer;

/* One stream, as the script sees it. */
struct peer_stream {
    struct peer *peer;
    int32_t id;
    char path[64];
    char headers[2048]; /* "name: value\n" each */
    struct buffer body;
    struct buffer answer; /* of the script: what is sent as the body */
    size_t sent;
    size_t piece;            /* most bytes of a frame; 0: no limit */
    bool answer_open;        /* the script adds to it */
    const char *trailers[8]; /* name, value, ..., NULL; or none: plain end */
    bool has_trailers;
    LIST_ENTRY(peer_stream) link;
};

struct peer {
    void *data; /* the script's */
    struct loop *loop;
    struct conn conn;
    uv_pipe_t listener;
    nghttp2_session *session;
    bool connected;
    unsigned connections;
    bool mute;       /* accepts, and says nothing */
    const void *raw; /* says this instead of HTTP/2 */
    size_t raw_size;
    uint32_t max_streams; /* at once; 0: no limit */
    LIST_HEAD(, peer_stream) streams;
    void (*began)(struct peer_stream *stream);
    void (*ended)(struct peer_stream *stream);
    unsigned resets; /* RST_STREAM that came */
};

/* ---- for scripts --------------------------------------------------------- */

static inline size_t peer_nv(nghttp2_nv *nv, const char *const *pairs)
{
    size_t count = 0;

    for (; pairs[2 * count]; count++)
        nv[count] = (nghttp2_nv){
            (uint8_t *)pairs[2 * count], (uint8_t *)pairs[2 * count + 1],
            strlen(pairs[2 * count]), strlen(pairs[2 * count + 1]), 0};
    return count;
}

/* A block of headers: name, value, ..., NULL. */
static inline void peer_headers(struct peer_stream *stream,
                                const char *const *pairs, bool end)
{
    nghttp2_nv nv[16];

    nghttp2_submit_headers(stream->peer->session,
                           end ? NGHTTP2_FLAG_END_STREAM : 0, stream->id, NULL,
                           nv, peer_nv(nv, pairs), NULL);
    conn_flush_later(&stream->peer->conn);
}

static inline void peer_reset(struct peer_stream *stream, uint32_t error)
{
    nghttp2_submit_rst_stream(stream->peer->session, 0, stream->id, error);
    conn_flush_later(&stream->peer->conn);
}

static inline ssize_t peer_produce(nghttp2_session *session, int32_t id,
                                   uint8_t *into, size_t size, uint32_t *flags,
                                   nghttp2_data_source *source, void *user)
{
    struct peer_stream *stream = source->ptr;
    size_t left = stream->answer.size - stream->sent;
    nghttp2_nv nv[4];

    (void)user;
    if (!left && stream->answer_open)
        return NGHTTP2_ERR_DEFERRED;
    if (stream->piece && left > stream->piece)
        left = stream->piece;
    if (left > size)
        left = size;
    if (left)
        memcpy(into, stream->answer.data + stream->sent, left);
    stream->sent += left;
    if (stream->sent == stream->answer.size && !stream->answer_open) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream->has_trailers) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            nghttp2_submit_trailer(session, id, nv,
                                   peer_nv(nv, stream->trailers));
        }
    }
    return (ssize_t)left;
}

/* Sends stream->answer as it grows; resume with peer_more(). */
static inline void peer_body(struct peer_stream *stream)
{
    nghttp2_data_provider provider = {{.ptr = stream}, peer_produce};

    nghttp2_submit_data(stream->peer->session, NGHTTP2_FLAG_END_STREAM,
                        stream->id, &provider);
    conn_flush_later(&stream->peer->conn);
}

static inline void peer_more(struct peer_stream *stream)
{
    nghttp2_session_resume_data(stream->peer->session, stream->id);
    conn_flush_later(&stream->peer->conn);
}

/* A gRPC message in the answer. */
static inline void peer_message(struct peer_stream *stream, const void *data,
                                size_t size)
{
    uint8_t prefix[5] = {0, (uint8_t)(size >> 24), (uint8_t)(size >> 16),
                         (uint8_t)(size >> 8), (uint8_t)size};

    buffer_append(&stream->answer, prefix, 5);
    buffer_append(&stream->answer, data, size);
}

static inline void peer_status(struct peer_stream *stream, const char *code,
                               const char *message)
{
    stream->has_trailers = true;
    stream->trailers[0] = "grpc-status";
    stream->trailers[1] = code;
    stream->trailers[2] = message ? "grpc-message" : NULL;
    stream->trailers[3] = message;
}

/* ---- the peer ------------------------------------------------------------ */

static inline struct peer_stream *peer_stream_of(nghttp2_session *session,
                                                 int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static inline int peer_begin(nghttp2_session *session,
                             const nghttp2_frame *frame, void *user)
{
    struct peer_stream *stream = calloc(1, sizeof *stream);

    stream->peer = user;
    stream->id = frame->hd.stream_id;
    buffer_init(&stream->body, 1u << 30);
    buffer_init(&stream->answer, 1u << 30);
    LIST_INSERT_HEAD(&stream->peer->streams, stream, link);
    nghttp2_session_set_stream_user_data(session, stream->id, stream);
    return 0;
}

static inline int peer_header(nghttp2_session *session,
                              const nghttp2_frame *frame, const uint8_t *name,
                              size_t name_size, const uint8_t *value,
                              size_t value_size, uint8_t flags, void *user)
{
    struct peer_stream *stream = peer_stream_of(session, frame->hd.stream_id);
    size_t used = strlen(stream->headers);

    (void)flags;
    (void)user;
    (void)name_size;
    (void)value_size;
    snprintf(stream->headers + used, sizeof stream->headers - used, "%s: %s\n",
             (const char *)name, (const char *)value);
    if (strcmp((const char *)name, ":path") == 0)
        snprintf(stream->path, sizeof stream->path, "%s", (const char *)value);
    return 0;
}

static inline int peer_frame(nghttp2_session *session,
                             const nghttp2_frame *frame, void *user)
{
    struct peer *peer = user;
    struct peer_stream *stream;

    peer->resets += frame->hd.type == NGHTTP2_RST_STREAM;
    stream = frame->hd.stream_id ? peer_stream_of(session, frame->hd.stream_id)
                                 : NULL;
    if (!stream)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && peer->began)
        peer->began(stream);
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        frame->hd.flags & NGHTTP2_FLAG_END_STREAM && peer->ended)
        peer->ended(stream);
    return 0;
}

static inline int peer_data(nghttp2_session *session, uint8_t flags, int32_t id,
                            const uint8_t *data, size_t size, void *user)
{
    struct peer_stream *stream = peer_stream_of(session, id);

    (void)flags;
    (void)user;
    if (stream)
        buffer_append(&stream->body, data, size);
    return 0;
}

static inline void peer_free_stream(struct peer_stream *stream)
{
    LIST_REMOVE(stream, link);
    buffer_done(&stream->body);
    buffer_done(&stream->answer);
    free(stream);
}

static inline int peer_stream_closed(nghttp2_session *session, int32_t id,
                                     uint32_t error, void *user)
{
    struct peer_stream *stream = peer_stream_of(session, id);

    (void)error;
    (void)user;
    if (stream)
        peer_free_stream(stream);
    return 0;
}

static inline void peer_came(struct conn *conn, const uint8_t *data,
                             size_t size)
{
    struct peer *peer = container_of(conn, struct peer, conn);

    if (peer->mute || peer->raw)
        return;
    if (nghttp2_session_mem_recv(peer->session, data, size) < 0)
        conn_close(conn);
    conn_flush_later(conn);
}

static inline void peer_fill(struct conn *conn)
{
    struct peer *peer = container_of(conn, struct peer, conn);
    const uint8_t *data;
    ssize_t size;

    if (peer->mute || peer->raw)
        return;
    while (!conn_full(conn) &&
           (size = nghttp2_session_mem_send(peer->session, &data)) > 0)
        conn_write(conn, data, (size_t)size);
}

/* nghttp2 does not tell of streams that are open when a session goes. */
static inline void peer_closed(struct conn *conn, int status)
{
    struct peer *peer = container_of(conn, struct peer, conn);

    (void)status;
    while (!LIST_EMPTY(&peer->streams))
        peer_free_stream(LIST_FIRST(&peer->streams));
    nghttp2_session_del(peer->session);
    peer->connected = false;
}

static inline void peer_accept(uv_stream_t *listener, int status)
{
    static const struct conn_events events = {.data = peer_came,
                                              .fill = peer_fill,
                                              .drained = conn_flush_later,
                                              .closed = peer_closed};
    struct peer *peer = listener->data;
    const nghttp2_settings_entry limit = {
        NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, peer->max_streams};
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;

    (void)status;
    nghttp2_option_new(&option);
    nghttp2_option_set_max_send_header_block_length(option, 1u << 20);
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
                                                            peer_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, peer_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, peer_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                              peer_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                           peer_stream_closed);
    nghttp2_session_server_new2(&peer->session, callbacks, peer, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    if (!peer->mute && !peer->raw)
        nghttp2_submit_settings(peer->session, 0, &limit,
                                peer->max_streams ? 1 : 0);
    conn_accept(&peer->conn, peer->loop, listener, &events);
    peer->connected = true;
    peer->connections++;
    if (peer->raw)
        conn_write(&peer->conn, peer->raw, peer->raw_size);
}

static inline void peer_listen(struct peer *peer, struct loop *loop,
                               const char *path)
{
    peer->loop = loop;
    LIST_INIT(&peer->streams);
    uv_pipe_init(&loop->uv, &peer->listener, 0);
    peer->listener.data = peer;
    uv_pipe_bind(&peer->listener, path);
    uv_listen((uv_stream_t *)&peer->listener, 16, peer_accept);
}

static inline void peer_stop(struct peer *peer)
{
    if (peer->connected)
        conn_close(&peer->conn);
    uv_close((uv_handle_t *)&peer->listener, NULL);
}

#endif
