/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for an app: one that is there, one that comes, names, giving up at
 * every stage. */
#include "app/app_wait.h"

#include "core/container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define PATIENCE 10000 /* ms for a whole test */

struct fixture {
    struct loop loop;
    struct loop_timer patience;
    struct loop_timer later;
    struct app_wait wait;
    uv_tcp_t app;
    int port;
    bool served;
    bool late;
    bool done;
    bool listening;
};

static void too_late(struct loop_timer *timer)
{
    container_of(timer, struct fixture, patience)->late = true;
}

static void waited(struct app_wait *wait, bool listening)
{
    struct fixture *fixture = container_of(wait, struct fixture, wait);

    assert_false(fixture->done);
    fixture->done = true;
    fixture->listening = listening;
}

static void run(struct fixture *fixture)
{
    while (!fixture->done && !fixture->late)
        uv_run(&fixture->loop.uv, UV_RUN_ONCE);
    assert_true(fixture->done);
}

static void came(uv_stream_t *listener, int status)
{
    (void)listener; /* that it listens is enough */
    (void)status;
}

static void serve(struct fixture *fixture)
{
    assert_int_equal(uv_listen((uv_stream_t *)&fixture->app, 8, came), 0);
    fixture->served = true;
}

static void serve_later(struct loop_timer *timer)
{
    serve(container_of(timer, struct fixture, later));
}

static void cancel_later(struct loop_timer *timer)
{
    app_wait_cancel(&container_of(timer, struct fixture, later)->wait);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct sockaddr_in address;
    int size = sizeof address;

    loop_init(&fixture->loop);
    fixture->patience.fire = too_late;
    loop_timer_start(&fixture->loop, &fixture->patience, PATIENCE);
    uv_tcp_init(&fixture->loop.uv, &fixture->app);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_bind(&fixture->app, (struct sockaddr *)&address, 0);
    uv_tcp_getsockname(&fixture->app, (struct sockaddr *)&address, &size);
    fixture->port = ntohs(address.sin_port);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    uv_close((uv_handle_t *)&fixture->app, NULL);
    loop_timer_stop(&fixture->loop, &fixture->patience);
    loop_timer_stop(&fixture->loop, &fixture->later);
    loop_done(&fixture->loop);
    free(fixture);
    return 0;
}

static void start(struct fixture *fixture, const char *address)
{
    app_wait_start(&fixture->wait, &fixture->loop, address, fixture->port,
                   waited);
    assert_false(fixture->done);
}

static void an_app_that_is_there(void **state)
{
    struct fixture *fixture = *state;

    serve(fixture);
    start(fixture, "127.0.0.1");
    run(fixture);
    assert_true(fixture->listening);
}

static void an_app_that_comes(void **state)
{
    struct fixture *fixture = *state;

    fixture->later.fire = serve_later;
    loop_timer_start(&fixture->loop, &fixture->later, 150);
    start(fixture, "127.0.0.1");
    run(fixture);
    assert_true(fixture->listening);
    assert_true(fixture->served);
}

static void an_app_by_name(void **state)
{
    struct fixture *fixture = *state;

    serve(fixture);
    start(fixture, "localhost");
    run(fixture);
    assert_true(fixture->listening);
}

static void giving_up(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "localhost",
                                            "no.such.name.invalid"};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        for (uint64_t after = 0; after < 4; after++) {
            fixture->done = false;
            fixture->later.fire = cancel_later;
            start(fixture, addresses[i]);
            loop_timer_start(&fixture->loop, &fixture->later, after);
            run(fixture);
            assert_false(fixture->listening);
        }
    }
}

static void giving_up_at_once(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, "127.0.0.1");
    app_wait_cancel(&fixture->wait);
    assert_true(fixture->done);
    assert_false(fixture->listening);
}

int main(void)
{
#define WAIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WAIT(an_app_that_is_there), WAIT(an_app_that_comes),
        WAIT(an_app_by_name),       WAIT(giving_up),
        WAIT(giving_up_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
