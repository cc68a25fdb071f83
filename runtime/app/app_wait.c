/* SPDX-License-Identifier: Apache-2.0 */
/* A connection attempt every 100 ms, as daprd makes them, to an address or to
 * whatever a name stands for by then. Owned by the loop's thread. */
#include "app/app_wait.h"

#include "core/container.h"

#include <stdio.h>
#include <string.h>

#define CONNECT_TIMEOUT 500 /* ms */
#define PAUSE           100 /* ms between attempts */

static void try_again_later(struct app_wait *wait)
{
    wait->looking = wait->connecting = false;
    if (wait->cancelled)
        wait->done(wait, false);
    else
        loop_timer_start(wait->loop, &wait->again, PAUSE);
}

static void opened(struct conn *conn)
{
    struct app_wait *wait = container_of(conn, struct app_wait, conn);

    wait->listening = true;
    conn_close(conn);
}

static void no_data(struct conn *conn, const uint8_t *data, size_t size)
{
    (void)conn;
    (void)data;
    (void)size;
}

static void closed(struct conn *conn, int status)
{
    struct app_wait *wait = container_of(conn, struct app_wait, conn);

    (void)status;
    if (wait->listening && !wait->cancelled)
        wait->done(wait, true);
    else
        try_again_later(wait);
}

static void connect_to(struct app_wait *wait, const struct sockaddr *address)
{
    static const struct conn_events events = {
        .opened = opened, .data = no_data, .closed = closed};

    wait->looking = false;
    wait->connecting = true;
    if (conn_connect_tcp(&wait->conn, wait->loop, address, CONNECT_TIMEOUT,
                         &events))
        try_again_later(wait);
}

static void looked_up(uv_getaddrinfo_t *lookup, int status,
                      struct addrinfo *found)
{
    struct app_wait *wait = container_of(lookup, struct app_wait, lookup);

    if (status || wait->cancelled)
        try_again_later(wait);
    else
        connect_to(wait, found->ai_addr);
    uv_freeaddrinfo(found);
}

static void look_up(struct app_wait *wait)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char port[16];

    snprintf(port, sizeof port, "%d", wait->port);
    wait->looking = true;
    if (uv_getaddrinfo(&wait->loop->uv, &wait->lookup, looked_up, wait->address,
                       port, &hints))
        try_again_later(wait);
}

static void try_now(struct loop_timer *timer)
{
    struct app_wait *wait = container_of(timer, struct app_wait, again);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (uv_ip4_addr(wait->address, wait->port, &v4) == 0)
        connect_to(wait, (const struct sockaddr *)&v4);
    else if (uv_ip6_addr(wait->address, wait->port, &v6) == 0)
        connect_to(wait, (const struct sockaddr *)&v6);
    else
        look_up(wait);
}

void app_wait_start(struct app_wait *wait, struct loop *loop,
                    const char *address, int port,
                    void (*done)(struct app_wait *wait, bool listening))
{
    *wait = (struct app_wait){.loop = loop,
                              .address = address,
                              .port = port,
                              .again.fire = try_now,
                              .done = done};
    loop_timer_start(loop, &wait->again, 0);
}

/* A lookup that runs already cannot be cancelled: it is waited for. */
void app_wait_cancel(struct app_wait *wait)
{
    wait->cancelled = true;
    loop_timer_stop(wait->loop, &wait->again);
    if (wait->looking)
        uv_cancel((uv_req_t *)&wait->lookup);
    else if (wait->connecting)
        conn_close(&wait->conn);
    else
        wait->done(wait, false);
}
