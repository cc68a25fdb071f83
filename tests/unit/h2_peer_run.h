/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a scripted HTTP/2 server run: an nghttp2 server session on a Unix
 * socket in the test's own loop. */
#ifndef TESTS_H2_PEER_RUN_H
#define TESTS_H2_PEER_RUN_H

#include "h2_peer.h"

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
    (void)error;
    (void)user;
    if (peer_stream_of(session, id))
        peer_free_stream(peer_stream_of(session, id));
    return 0;
}

static inline void peer_came(struct conn *conn, const uint8_t *data,
                             size_t size)
{
    struct peer *peer = container_of(conn, struct peer, conn);

    if (peer->raw)
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

    if (peer->raw)
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

static inline void peer_begin_session(struct peer *peer)
{
    const nghttp2_settings_entry limit = {
        NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, peer->max_streams};
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;

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
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    nghttp2_submit_settings(peer->session, 0, &limit,
                            peer->max_streams ? 1 : 0);
}

static inline void peer_accept(uv_stream_t *listener, int status)
{
    static const struct conn_events events = {.data = peer_came,
                                              .fill = peer_fill,
                                              .drained = conn_flush_later,
                                              .closed = peer_closed};
    struct peer *peer = listener->data;

    (void)status;
    peer_begin_session(peer);
    conn_accept(&peer->conn, peer->loop, listener, &events);
    peer->connected = true;
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
