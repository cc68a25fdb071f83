/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of runtime/net share: a loop that runs until the test stops it
 * or patience ends, and a folder for sockets. */
#ifndef UNIT_NET_FIXTURE_H
#define UNIT_NET_FIXTURE_H

#include "core/container.h"
#include "net/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE 10000 /* ms that a test waits for what it expects */

struct net_fixture {
    struct loop loop;
    struct loop_timer patience;
    bool late;
    char folder[80];
    char path[100]; /* of a socket in it */
};

static inline void net_too_late(struct loop_timer *timer)
{
    struct net_fixture *fixture =
        container_of(timer, struct net_fixture, patience);

    fixture->late = true;
    loop_stop(&fixture->loop);
}

/* Runs until loop_stop(). */
static inline void net_run(struct net_fixture *fixture)
{
    loop_timer_start(&fixture->loop, &fixture->patience, PATIENCE);
    loop_run(&fixture->loop);
    loop_timer_stop(&fixture->loop, &fixture->patience);
    assert_false(fixture->late);
}

static inline void net_init(struct net_fixture *fixture)
{
    const char *base = getenv("TMPDIR");

    fixture->late = false;
    fixture->patience = (struct loop_timer){.fire = net_too_late};
    assert_int_equal(loop_init(&fixture->loop), 0);
    snprintf(fixture->folder, sizeof fixture->folder, "%s/net-XXXXXX",
             base ? base : "/tmp");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/socket", fixture->folder);
    signal(SIGPIPE, SIG_IGN);
}

static inline void net_done(struct net_fixture *fixture)
{
    loop_done(&fixture->loop);
    unlink(fixture->path);
    assert_int_equal(rmdir(fixture->folder), 0);
}

#endif
