/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One byte stream to a peer: TCP or a Unix socket, later TLS in it. What
 * speaks a protocol (h2, http1) embeds one and sees bytes come and go.
 *
 * Output is gathered and written once a turn of the loop. Owned by the loop's
 * thread. A connection ends exactly once, with closed(): after conn_close(),
 * or after the peer or the network ended it; its memory may go only then.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "core/buffer.h"
#include "net/loop.h"

struct conn;

struct conn_events {
    /* A conn_connect() came through. Not called where it failed. */
    void (*opened)(struct conn *conn);
    /* Bytes from the peer, valid until it returns. May close. */
    void (*data)(struct conn *conn, const uint8_t *data, size_t size);
    /* The last moment before a turn's output is written: produce more, with
     * conn_write(). May be NULL. */
    void (*fill)(struct conn *conn);
    /* Output that stood above the high-water mark has been written. May be
     * NULL. */
    void (*drained)(struct conn *conn);
    /* The end; status is 0 after conn_close(), UV_EOF when the peer closed,
     * else a libuv error (UV_ETIMEDOUT: connect took too long). */
    void (*closed)(struct conn *conn, int status);
};

struct conn {
    struct loop *loop;
    const struct conn_events *events;
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    uv_connect_t connect;
    uv_write_t write;
    struct buffer out;    /* gathered this turn */
    struct buffer flying; /* given to the kernel, not taken yet */
    struct loop_task flush;
    struct loop_timer deadline; /* of connecting, or of the last bytes */
    size_t left;                /* of the last bytes, when it was started */
    int status;
    bool connected;
    bool reading;
    bool writing;
    bool ending; /* after what is queued */
    bool closing;
};

/* Most bytes that may wait to be written; a conn_write() beyond it fails and
 * the connection ends with UV_ENOBUFS. conn_full() says to stop well before. */
#define CONN_OUT_LIMIT  (64u << 20)
#define CONN_HIGH_WATER (256u << 10)

/* How long (ms) a peer may take none of the last bytes; then the connection
 * ends with UV_ETIMEDOUT. */
#define CONN_LAST_BYTES_TIMEOUT 10000

/* Start connecting; opened() or closed() follows, never before these return.
 * 0, or a libuv error: then nothing follows. */
int conn_connect_unix(struct conn *conn, struct loop *loop, const char *path,
                      uint64_t timeout, const struct conn_events *events);
int conn_connect_tcp(struct conn *conn, struct loop *loop,
                     const struct sockaddr *address, uint64_t timeout,
                     const struct conn_events *events);

/* Takes the next connection of a listening handle (TCP or pipe); closed() tells
 * where that fails. Reading starts at once. */
void conn_accept(struct conn *conn, struct loop *loop, uv_stream_t *listener,
                 const struct conn_events *events);

/* Queues bytes. 0, or -1 when the connection is ending. */
int conn_write(struct conn *conn, const void *data, size_t size);

/* Asks for fill() and a write before the loop waits. */
void conn_flush_later(struct conn *conn);

/* Whether more than CONN_HIGH_WATER bytes wait; drained() will follow. */
bool conn_full(const struct conn *conn);

/* Stops and resumes data(): a slow receiver stops its sender. */
void conn_read_stop(struct conn *conn);
void conn_read_start(struct conn *conn);

/* Ends it after what is queued has been written, or at once; closed() follows
 * later, never from within. Calling it again is harmless. */
void conn_close(struct conn *conn);
void conn_close_after_write(struct conn *conn);

#endif
