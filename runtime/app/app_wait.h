/* SPDX-License-Identifier: Apache-2.0 */
/* Waits until something listens on a TCP port. Owned by the loop's thread. */
#ifndef APP_APP_WAIT_H
#define APP_APP_WAIT_H

#include "net/conn.h"

struct app_wait {
    struct loop *loop;
    struct conn conn;
    uv_getaddrinfo_t lookup;
    struct loop_timer again;
    const char *address;
    int port;
    bool looking; /* up a name */
    bool connecting;
    bool listening;
    bool cancelled;
    void (*done)(struct app_wait *wait, bool listening);
};

/* Tries every 100 ms, for as long as it takes; done() once, with false after
 * app_wait_cancel(). Memory is the caller's until then. */
void app_wait_start(struct app_wait *wait, struct loop *loop,
                    const char *address, int port,
                    void (*done)(struct app_wait *wait, bool listening));
void app_wait_cancel(struct app_wait *wait);

#endif
