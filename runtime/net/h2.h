/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/2 connection on nghttp2. Streams know nothing of gRPC.
 *
 * Flow control reaches from end to end: bytes that were received count against
 * the peer's windows until the stream's user gives them back with
 * h2_consumed(). What is sent is pulled from the user when the peer has room.
 * Owned by the loop's thread.
 */
#ifndef NET_H2_H
#define NET_H2_H

#include "net/conn.h"

#include <nghttp2/nghttp2.h>

struct h2;
struct h2_stream;

struct h2_header {
    struct dapr_bytes name; /* lower case */
    struct dapr_bytes value;
    uint8_t flags; /* NGHTTP2_NV_FLAG_..., of what is sent */
};

struct h2_headers {
    const struct h2_header *items;
    size_t count;
};

struct h2_stream_events {
    /* A complete block of headers: first, or trailers. `end`: no more comes.
     * Valid until it returns. Interim (1xx) answers are left out. */
    void (*headers)(struct h2_stream *stream, const struct h2_headers *headers,
                    bool trailers, bool end);
    /* Bytes of the body, valid until it returns; to be given back with
     * h2_consumed(), now or later. `end` may come with none. */
    void (*data)(struct h2_stream *stream, const uint8_t *data, size_t size,
                 bool end);
    /* Room to send: fill at most `size` bytes. Returns how many; 0 with *end
     * false means: not now, h2_resume() will ask again. */
    size_t (*produce)(struct h2_stream *stream, uint8_t *into, size_t size,
                      bool *end);
    /* The end of the stream, exactly once; `error` is an HTTP/2 error code, 0
     * where both sides were done, or H2_LOST. `why` is a text for people where
     * there is more to say, else NULL. The stream's memory may go. Not called
     * after h2_reset(). */
    void (*closed)(struct h2_stream *stream, uint32_t error, const char *why);
};

/* The connection ended before the stream: no code of HTTP/2's. */
#define H2_LOST UINT32_MAX

/* Streams of one connection, with those that wait for the peer's consent. */
#define H2_STREAMS_LIMIT 8192u

/* Embedded in what it belongs to. The functions for streams leave one alone
 * that has ended, or never began. */
struct h2_stream {
    struct h2 *h2;
    int32_t id; /* 0: not open */
    const struct h2_stream_events *events;
    size_t unconsumed; /* from here on: the h2's */
    bool answered;     /* headers have come: the next are trailers */
    LIST_ENTRY(h2_stream) link;
};

struct h2_events {
    /* The peer's SETTINGS came: it does speak HTTP/2. */
    void (*ready)(struct h2 *h2);
    /* GOAWAY came, or stream ids ran out: start nothing new on it. */
    void (*going_away)(struct h2 *h2);
    /* The end; all its streams were closed before. `why` is a text for people,
     * valid until it returns. The memory may go. */
    void (*closed)(struct h2 *h2, int status, const char *why);
};

struct h2 {
    struct conn conn;
    const struct h2_events *events;
    nghttp2_session *session;
    struct h2_header_block *block; /* that comes in */
    LIST_HEAD(, h2_stream) streams;
    unsigned stream_count;
    struct loop_timer timer; /* of the handshake, and of closing */
    unsigned timeout;
    char why[160];
    bool ready;
    bool going_away;
    bool used_up; /* its stream ids: going_away() is due */
};

/* Connects as a client to a Unix socket: ready() or closed() follows, within
 * the timeout (milliseconds, for connecting and the peer's SETTINGS together).
 * 0, or a libuv error: then nothing follows. */
int h2_connect_unix(struct h2 *h2, struct loop *loop, const char *path,
                    uint64_t timeout, const struct h2_events *events);

/* Starts a stream; with `body`, produce() is called. 0, or -1 when the
 * connection takes no more. */
int h2_request(struct h2 *h2, struct h2_stream *stream,
               const struct h2_headers *headers, bool body,
               const struct h2_stream_events *events);

/* There is something to produce. */
void h2_resume(struct h2_stream *stream);

/* Gives received bytes back to the peer's windows. */
void h2_consumed(struct h2_stream *stream, size_t size);

/* Ends a stream with RST_STREAM; no event follows, its memory may go. */
void h2_reset(struct h2_stream *stream, uint32_t error);

/* GOAWAY, then closed(), not from within and within a second; streams that are
 * open end with it. */
void h2_close(struct h2 *h2);

#endif
