/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted HTTP/2 server for the tests of h2 and grpc, as scripts see it:
 * they say what to do with a stream, by its path, when its headers have come or
 * when it has ended. h2_peer_run.h makes it run.
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
    const void *raw; /* says this, then nothing, instead of HTTP/2 */
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
    if (stream->piece && left > stream->piece)
        left = stream->piece;
    if (left > size)
        left = size;
    if (left)
        memcpy(into, stream->answer.data + stream->sent, left);
    stream->sent += left;
    if (stream->sent == stream->answer.size) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream->has_trailers) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            nghttp2_submit_trailer(session, id, nv,
                                   peer_nv(nv, stream->trailers));
        }
    }
    return (ssize_t)left;
}

/* Sends stream->answer, then the trailers. */
static inline void peer_body(struct peer_stream *stream)
{
    nghttp2_data_provider provider = {{.ptr = stream}, peer_produce};

    nghttp2_submit_data(stream->peer->session, NGHTTP2_FLAG_END_STREAM,
                        stream->id, &provider);
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

/* Ends the answer well, after its body. */
static inline void peer_ok(struct peer_stream *stream)
{
    stream->has_trailers = true;
    stream->trailers[0] = "grpc-status";
    stream->trailers[1] = "0";
    peer_body(stream);
}

#endif
