/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of HTTP over real sockets: a loop that runs until something has
 * come true, peers that say bytes and gather what they are told, and a count
 * of descriptors.
 */
#ifndef SUPPORT_HTTP_PEER_H
#define SUPPORT_HTTP_PEER_H

#include "core/container.h"
#include "net/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>

#define PATIENCE 5000 /* ms that a test waits for what it expects */
#define TURNS    20   /* of the loop, in which all that can happen does */

/* Runs the loop until `condition` holds; fails where it takes too long. What
 * comes true in a task of the loop's must stop it, else it waits on. */
#define WAIT(loop_, condition)                                                 \
    do {                                                                       \
        struct loop_timer patience_ = {.fire = too_late};                      \
                                                                               \
        loop_timer_start((loop_), &patience_, PATIENCE);                       \
        while (!(condition) && patience_.at)                                   \
            uv_run(&(loop_)->uv, UV_RUN_ONCE);                                 \
        loop_timer_stop((loop_), &patience_);                                  \
        assert_true(condition);                                                \
    } while (0)

static inline void too_late(struct loop_timer *timer)
{
    (void)timer;
}

static inline void settle(struct loop *loop)
{
    for (int i = 0; i < TURNS; i++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
}

static inline int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* For a group's setup: what libuv opens once and keeps. */
static inline int warm_up(void **state)
{
    struct loop loop;

    (void)state;
    if (loop_init(&loop))
        return -1;
    loop_done(&loop);
    return 0;
}

struct peer {
    struct conn conn;
    struct buffer in;
    bool open;
    bool closed;
    int status; /* of the end */
};

static inline void peer_opened(struct conn *conn)
{
    container_of(conn, struct peer, conn)->open = true;
}

static inline void peer_data(struct conn *conn, const uint8_t *data,
                             size_t size)
{
    struct peer *peer = container_of(conn, struct peer, conn);

    assert_int_equal(buffer_append(&peer->in, data, size), 0);
}

static inline void peer_closed(struct conn *conn, int status)
{
    struct peer *peer = container_of(conn, struct peer, conn);

    peer->open = false;
    peer->closed = true;
    peer->status = status;
}

static const struct conn_events peer_events = {
    .opened = peer_opened, .data = peer_data, .closed = peer_closed};

static inline void peer_init(struct peer *peer)
{
    *peer = (struct peer){0};
    buffer_init(&peer->in, 64u << 20);
}

static inline void peer_connect(struct peer *peer, struct loop *loop, int port)
{
    struct sockaddr_in address;

    peer_init(peer);
    uv_ip4_addr("127.0.0.1", port, &address);
    assert_int_equal(conn_connect_tcp(&peer->conn, loop,
                                      (struct sockaddr *)&address, PATIENCE,
                                      &peer_events),
                     0);
    WAIT(loop, peer->open || peer->closed);
}

static inline void peer_say(struct peer *peer, const char *text)
{
    conn_write(&peer->conn, text, strlen(text));
}

/* Takes out the headers that differ from run to run. */
static inline const char *without_dates(struct buffer *text)
{
    static const char date[] = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
    char *at = (char *)buffer_string(text);

    while ((at = strstr(at, "Date: ")) && strlen(at) >= sizeof date - 1) {
        char *rest = at + sizeof date - 1;

        assert_memory_equal(rest - 6, " GMT\r\n", 6);
        memmove(at, rest, strlen(rest) + 1);
        text->size -= sizeof date - 1;
    }
    return (char *)text->data;
}

static inline const char *peer_heard(struct peer *peer)
{
    return without_dates(&peer->in);
}

static inline void peer_done(struct peer *peer)
{
    if (!peer->closed) {
        conn_close(&peer->conn);
        WAIT(peer->conn.loop, peer->closed);
    }
    buffer_done(&peer->in);
}

#endif
