/* SPDX-License-Identifier: Apache-2.0 */
/* A byte stream on libuv: output is gathered in `out`; once a turn it is given
 * to the kernel, and what the kernel does not take flies as one write request.
 * Owned by the loop's thread. */
#include "net/conn.h"

#include "core/container.h"

#include <string.h>
#include <sys/un.h>

/* ---- the end ------------------------------------------------------------- */

static void handle_closed(uv_handle_t *handle)
{
    struct conn *conn = container_of(handle, struct conn, handle);

    buffer_done(&conn->out);
    buffer_done(&conn->flying);
    conn->events->closed(conn, conn->status);
}

static void end(struct conn *conn, int status)
{
    if (conn->closing)
        return;
    conn->closing = true;
    conn->reading = false;
    conn->status = status;
    loop_timer_stop(conn->loop, &conn->deadline);
    loop_task_remove(conn->loop, &conn->flush);
    uv_close(&conn->handle.any, handle_closed);
}

void conn_close(struct conn *conn)
{
    end(conn, 0);
}

/* The deadline starts anew as long as the peer takes some. */
static void wait_for_last_bytes(struct conn *conn)
{
    size_t left =
        conn->out.size + uv_stream_get_write_queue_size(&conn->handle.stream);

    if (left >= conn->left) {
        end(conn, UV_ETIMEDOUT);
        return;
    }
    conn->left = left;
    loop_timer_start(conn->loop, &conn->deadline, CONN_LAST_BYTES_TIMEOUT);
}

static void deadline_passed(struct loop_timer *timer)
{
    struct conn *conn = container_of(timer, struct conn, deadline);

    if (conn->connected)
        wait_for_last_bytes(conn);
    else
        end(conn, UV_ETIMEDOUT);
}

void conn_close_after_write(struct conn *conn)
{
    if (conn->closing)
        return;
    conn_read_stop(conn);
    conn->ending = true;
    conn->left = SIZE_MAX;
    if (conn->connected)
        wait_for_last_bytes(conn);
    conn_flush_later(conn);
}

/* ---- writing ------------------------------------------------------------- */

static size_t waiting(const struct conn *conn)
{
    return conn->out.size + conn->flying.size;
}

bool conn_full(const struct conn *conn)
{
    return waiting(conn) > CONN_HIGH_WATER;
}

/* Large ones are rare: their memory is not kept. */
static void empty(struct buffer *buffer)
{
    if (buffer->capacity > CONN_HIGH_WATER)
        buffer_done(buffer);
    else
        buffer_clear(buffer);
}

/* Some has been written: what had to wait for it goes on. */
static void made_room(struct conn *conn, bool was_full)
{
    if (conn->closing)
        return;
    if (was_full && !conn_full(conn) && conn->events->drained)
        conn->events->drained(conn);
    if (waiting(conn) || conn->ending)
        conn_flush_later(conn);
}

static void written(uv_write_t *request, int status)
{
    struct conn *conn = container_of(request, struct conn, write);
    bool was_full = conn_full(conn);

    conn->writing = false;
    empty(&conn->flying);
    if (status)
        end(conn, status);
    else
        made_room(conn, was_full);
}

/* The rest of what the kernel took in part: the buffers change places, so that
 * nothing is copied. */
static void write_rest(struct conn *conn, size_t taken)
{
    struct buffer other = conn->flying;
    uv_buf_t piece;
    int status;

    conn->flying = conn->out;
    conn->out = other;
    piece = uv_buf_init((char *)conn->flying.data + taken,
                        (unsigned)(conn->flying.size - taken));
    status = uv_write(&conn->write, &conn->handle.stream, &piece, 1, written);
    if (status)
        end(conn, status);
    else
        conn->writing = true;
}

static void flush(struct conn *conn)
{
    uv_buf_t piece =
        uv_buf_init((char *)conn->out.data, (unsigned)conn->out.size);
    bool was_full = conn_full(conn);
    int size;

    if (!conn->connected || conn->writing || !conn->out.size)
        return;
    size = uv_try_write(&conn->handle.stream, &piece, 1);
    if (size < 0 && size != UV_EAGAIN) {
        end(conn, size);
    } else if (size == (int)conn->out.size) {
        empty(&conn->out);
        made_room(conn, was_full);
    } else {
        write_rest(conn, size > 0 ? (size_t)size : 0);
    }
}

static void flush_due(struct loop_task *task)
{
    struct conn *conn = container_of(task, struct conn, flush);

    if (conn->connected && !conn->ending && conn->events->fill)
        conn->events->fill(conn);
    loop_task_remove(conn->loop, task); /* what fill() wrote goes now */
    if (!conn->closing)
        flush(conn);
    if (conn->ending && !conn->closing && !waiting(conn))
        end(conn, 0);
}

void conn_flush_later(struct conn *conn)
{
    if (!conn->closing)
        loop_task_add(conn->loop, &conn->flush);
}

int conn_write(struct conn *conn, const void *data, size_t size)
{
    if (conn->closing || conn->ending)
        return -1;
    if (size > CONN_OUT_LIMIT - waiting(conn) ||
        buffer_append(&conn->out, data, size)) {
        end(conn, UV_ENOBUFS);
        return -1;
    }
    conn_flush_later(conn);
    return 0;
}

/* ---- reading ------------------------------------------------------------- */

static void lend_buffer(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    struct conn *conn = container_of(handle, struct conn, handle);

    (void)size;
    *buffer = uv_buf_init((char *)conn->loop->read_buffer,
                          sizeof conn->loop->read_buffer);
}

static void read_some(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct conn *conn = container_of(stream, struct conn, handle);

    if (size < 0)
        end(conn, (int)size);
    else if (size > 0)
        conn->events->data(conn, (const uint8_t *)buffer->base, (size_t)size);
}

void conn_read_stop(struct conn *conn)
{
    if (conn->reading)
        uv_read_stop(&conn->handle.stream);
    conn->reading = false;
}

void conn_read_start(struct conn *conn)
{
    if (conn->reading || conn->closing || conn->ending || !conn->connected)
        return;
    uv_read_start(&conn->handle.stream, lend_buffer, read_some);
    conn->reading = true;
}

/* ---- the beginning ------------------------------------------------------- */

static void prepare(struct conn *conn, struct loop *loop,
                    const struct conn_events *events)
{
    *conn = (struct conn){.loop = loop,
                          .events = events,
                          .flush.run = flush_due,
                          .deadline.fire = deadline_passed};
    buffer_init(&conn->out, CONN_OUT_LIMIT);
    buffer_init(&conn->flying, CONN_OUT_LIMIT);
}

static void begin(struct conn *conn)
{
    conn->connected = true;
    loop_timer_stop(conn->loop, &conn->deadline);
    if (conn->ending)
        wait_for_last_bytes(conn);
    conn_read_start(conn);
    conn_flush_later(conn);
}

static void connect_done(uv_connect_t *request, int status)
{
    struct conn *conn = container_of(request, struct conn, connect);

    if (status) { /* UV_ECANCELED where it is being closed */
        end(conn, status);
        return;
    }
    if (conn->handle.any.type == UV_TCP)
        uv_tcp_nodelay(&conn->handle.tcp, 1);
    begin(conn);
    conn->events->opened(conn);
}

int conn_connect_unix(struct conn *conn, struct loop *loop, const char *path,
                      uint64_t timeout, const struct conn_events *events)
{
    struct sockaddr_un address;

    if (strlen(path) >= sizeof address.sun_path)
        return UV_ENAMETOOLONG;
    prepare(conn, loop, events);
    uv_pipe_init(&loop->uv, &conn->handle.pipe, 0);
    uv_pipe_connect(&conn->connect, &conn->handle.pipe, path, connect_done);
    loop_timer_start(loop, &conn->deadline, timeout);
    return 0;
}

int conn_connect_tcp(struct conn *conn, struct loop *loop,
                     const struct sockaddr *address, uint64_t timeout,
                     const struct conn_events *events)
{
    int status;

    prepare(conn, loop, events);
    uv_tcp_init(&loop->uv, &conn->handle.tcp);
    status = uv_tcp_connect(&conn->connect, &conn->handle.tcp, address,
                            connect_done);
    if (status)
        end(conn, status); /* the handle must be closed: closed() tells it */
    else
        loop_timer_start(loop, &conn->deadline, timeout);
    return 0;
}

void conn_accept(struct conn *conn, struct loop *loop, uv_stream_t *listener,
                 const struct conn_events *events)
{
    int status;

    prepare(conn, loop, events);
    if (listener->type == UV_TCP)
        uv_tcp_init(&loop->uv, &conn->handle.tcp);
    else
        uv_pipe_init(&loop->uv, &conn->handle.pipe, 0);
    status = uv_accept(listener, &conn->handle.stream);
    if (status) {
        end(conn, status);
        return;
    }
    if (listener->type == UV_TCP)
        uv_tcp_nodelay(&conn->handle.tcp, 1);
    begin(conn);
}
