/* SPDX-License-Identifier: Apache-2.0 */
/* The life of gRPC calls: large messages, flow control both ways, deadlines,
 * cancelling at every moment. */
#include "grpc_fixture.h"

#define MIB (1u << 20)

static const char zeros[8 * MIB];

static const char *const head[] = {":status", "200", "content-type",
                                   "application/grpc", NULL};

/* "/COUNT/SIZE/LAST": that many messages of that size, and, where it is given,
 * one more; "/never": nothing. */
static void reply(struct peer_stream *stream)
{
    char *at;
    unsigned long count = strtoul(stream->path + 1, &at, 10), size;

    if (*at != '/')
        return;
    size = strtoul(at + 1, &at, 10);
    peer_headers(stream, head, false);
    while (count--)
        peer_message(stream, zeros, size);
    if (*at)
        peer_message(stream, zeros, strtoul(at + 1, NULL, 10));
    peer_ok(stream);
}

static void start(struct fixture *fixture, struct outcome *outcome,
                  const char *path, bool stream, uint64_t timeout)
{
    assert_non_null(start_call(fixture, outcome,
                               (struct grpc_options){.path = path,
                                                     .stream = stream,
                                                     .timeout = timeout}));
    send_bytes(outcome, "x", 1, true);
}

static int set_up_connected(void **state)
{
    struct fixture *fixture;

    set_up(state);
    fixture = *state;
    fixture->peer.ended = reply;
    connect_to_peer(fixture);
    return 0;
}

/* A round trip: what was under way before has arrived. */
static void check_connection(struct fixture *fixture)
{
    struct outcome outcome = call_path(fixture, "/1/5", false);

    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.bytes, 5);
}

/* ---- receiving ----------------------------------------------------------- */

static void messages_may_be_larger_than_the_window(void **state)
{
    struct outcome outcome;

    outcome = call_path(*state, "/1/4194304", false);
    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.bytes, 4 * MIB);
    outcome = call_path(*state, "/3/4194304", true);
    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.bytes, 12 * MIB);
}

static void messages_have_a_limit(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = call_path(fixture, "/1/4194305", false);

    assert_int_equal(outcome.code, DAPR_RESOURCE_EXHAUSTED);
    assert_string_equal(outcome.text, "grpc: received message larger than max "
                                      "(4194305 vs. 4194304)");
    outcome = (struct outcome){0};
    start_call(
        fixture, &outcome,
        (struct grpc_options){.path = "/1/4194305", .max_message = 4194305});
    send_bytes(&outcome, "x", 1, true);
    run_until(fixture, outcome.ended);
    assert_int_equal(outcome.code, 0);
}

/* What is held stops the peer at the window; consuming it lets it go on. */
static void who_does_not_consume_stops_the_sender(void **state)
{
    struct fixture *fixture = *state;
    struct outcome held = {.hold = true};

    start(fixture, &held, "/64/100000", true, 0);
    for (int i = 0; i < 20; i++)
        check_connection(fixture);
    assert_int_equal(held.ended, 0);
    assert_in_range(held.bytes, 900000, MIB);
    held.hold = false;
    grpc_consumed(held.call, held.bytes);
    run_until(fixture, held.ended);
    assert_int_equal(held.messages, 64);
    assert_int_equal(held.code, 0);
}

/* A message that does not fit beside those that are held comes when they are
 * consumed. */
static void a_large_message_waits_behind_what_is_held(void **state)
{
    struct fixture *fixture = *state;
    struct outcome held = {.hold = true};

    start(fixture, &held, "/1/100000/2000000", true, 0);
    while (held.messages < 1)
        check_connection(fixture);
    for (int i = 0; i < 10; i++)
        check_connection(fixture);
    assert_int_equal(held.messages, 1);
    grpc_consumed(held.call, 100000);
    run_until(fixture, held.ended);
    assert_int_equal(held.messages, 2);
}

/* Else the connection's window would be used up by calls that are gone. */
static void a_call_that_ends_gives_all_back(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 20; i++) {
        struct outcome held = {.hold = true};

        start(fixture, &held, "/11/100000", true, 0);
        while (held.bytes < 900000)
            check_connection(fixture);
        grpc_cancel(held.call);
    }
    check_connection(fixture);
}

/* ---- sending ------------------------------------------------------------- */

static void large_messages_go_out(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = {0};

    start_call(fixture, &outcome,
               (struct grpc_options){.path = "/1/1", .stream = true});
    for (int i = 0; i < 3; i++)
        send_bytes(&outcome, zeros, sizeof zeros, false);
    assert_int_equal(grpc_send(outcome.call, NULL, true), 0);
    assert_true(grpc_unsent(outcome.call) > 3 * sizeof zeros);
    run_until(fixture, outcome.ended);
    assert_int_equal(outcome.code, 0);
}

static size_t gathered(const struct fixture *fixture)
{
    return fixture->h2.conn.out.size + fixture->h2.conn.flying.size;
}

static void count_body(struct peer_stream *stream)
{
    struct fixture *fixture = stream->peer->data;

    *(size_t *)fixture->data = stream->body.size;
    peer_headers(stream, head, false);
    peer_ok(stream);
}

/* The peer's windows are as good as endless: its socket alone stops us. What
 * has no room stays with the call, and is counted there. */
static void a_peer_that_does_not_read_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    nghttp2_session *peer = fixture->peer.session;
    const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                           INT32_MAX};
    struct outcome outcome = {0};
    size_t received = 0;

    nghttp2_submit_settings(peer, 0, &window, 1);
    nghttp2_session_set_local_window_size(peer, 0, 0, INT32_MAX);
    check_connection(fixture);
    check_connection(fixture);
    fixture->data = &received;
    fixture->peer.ended = count_body;
    conn_read_stop(&fixture->peer.conn);
    start_call(fixture, &outcome,
               (struct grpc_options){.path = "/", .stream = true});
    send_bytes(&outcome, zeros, sizeof zeros, true);
    while (!fixture->h2.conn.writing)
        uv_run(&fixture->net.loop.uv, UV_RUN_NOWAIT);
    assert_in_range(gathered(fixture), CONN_HIGH_WATER / 2,
                    CONN_HIGH_WATER + (64u << 10));
    assert_true(grpc_unsent(outcome.call) > sizeof zeros - 2 * MIB);
    conn_read_start(&fixture->peer.conn);
    run_until(fixture, outcome.ended);
    assert_true(received > sizeof zeros);
}

static void echo_begins(struct peer_stream *stream)
{
    peer_headers(stream, head, false);
}

static void echo_ends(struct peer_stream *stream)
{
    buffer_append(&stream->answer, stream->body.data, stream->body.size);
    peer_ok(stream);
}

/* Nothing to send for a while is not the end. */
static void a_stream_goes_on_after_a_pause(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = {0};

    fixture->peer.began = echo_begins;
    fixture->peer.ended = echo_ends;
    start_call(fixture, &outcome,
               (struct grpc_options){.path = "/", .stream = true});
    for (int i = 0; i < 3; i++) {
        struct outcome other = {0};

        start_call(fixture, &other, (struct grpc_options){.path = "/"});
        send_bytes(&other, "b", 1, true);
        run_until(fixture, other.ended);
        send_bytes(&outcome, "a", 1, false);
    }
    assert_int_equal(grpc_send(outcome.call, NULL, true), 0);
    run_until(fixture, outcome.ended);
    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.messages, 3);
}

/* ---- deadlines ----------------------------------------------------------- */

static void deadlines_end_calls(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = {0};

    start(fixture, &outcome, "/never", false, 30);
    run_until(fixture, outcome.ended);
    assert_int_equal(outcome.code, DAPR_DEADLINE_EXCEEDED);
    assert_string_equal(outcome.text, "context deadline exceeded");
    check_connection(fixture);
    assert_int_equal(fixture->peer.resets, 1);
}

static void a_call_in_time_has_no_deadline_left(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = {0}, later = {0};

    start(fixture, &outcome, "/1/1", false, 50);
    run_until(fixture, outcome.ended);
    assert_int_equal(outcome.code, 0);
    start(fixture, &later, "/never", false, 60);
    run_until(fixture, later.ended);
    assert_int_equal(outcome.ended, 1);
}

/* ---- cancelling ---------------------------------------------------------- */

static void cancel_when(struct fixture *fixture, enum moment moment,
                        unsigned messages, unsigned ended)
{
    struct outcome outcome = {.cancel = moment};

    start(fixture, &outcome, "/3/1", true, 1000);
    net_run(&fixture->net);
    check_connection(fixture);
    assert_int_equal(outcome.messages, messages);
    assert_int_equal(outcome.ended, ended);
    assert_int_equal(fixture->h2.stream_count, 0);
}

static void a_call_may_be_cancelled_in_headers(void **state)
{
    cancel_when(*state, HEADERS, 0, 0);
}

static void a_call_may_be_cancelled_in_message(void **state)
{
    cancel_when(*state, MESSAGE, 1, 0);
}

static void a_call_may_be_cancelled_in_end(void **state)
{
    cancel_when(*state, END, 3, 1);
}

static void a_call_may_be_cancelled_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = {0};

    start(fixture, &outcome, "/1/1", false, 1000);
    grpc_cancel(outcome.call);
    check_connection(fixture);
    assert_int_equal(outcome.ended, 0);
}

/* The other call's bytes stand in the same piece of input. */
static void cancel_another(struct fixture *fixture, enum moment moment)
{
    struct outcome first = {.cancel = moment}, second = {0};

    start(fixture, &first, "/1/1", false, 0);
    start(fixture, &second, "/1/1", false, 0);
    first.victim = second.call;
    run_until(fixture, first.ended);
    check_connection(fixture);
    assert_int_equal(second.ended, 0);
    assert_int_equal(first.code, 0);
}

static void a_call_may_cancel_another(void **state)
{
    cancel_another(*state, HEADERS);
    cancel_another(*state, MESSAGE);
    cancel_another(*state, END);
}

/* The connection may be closed there as well. */
static void close_in_message(struct grpc_call *call, struct dapr_bytes message)
{
    struct outcome *outcome = grpc_owner(call);

    (void)message;
    outcome->messages++;
    h2_close(&outcome->fixture->h2);
}

static void the_connection_may_be_closed_in_message(void **state)
{
    static const struct grpc_events events = {.message = close_in_message,
                                              .end = call_ends};
    struct fixture *fixture = *state;
    struct outcome outcome = {.fixture = fixture};

    outcome.call =
        grpc_start(&fixture->h2, &(struct grpc_options){.path = "/3/1",
                                                        .stream = true,
                                                        .events = &events,
                                                        .owner = &outcome});
    send_bytes(&outcome, "x", 1, true);
    run_until(fixture, fixture->closed);
    assert_int_equal(outcome.ended, 1);
}

int main(void)
{
#define TEST(test)                                                             \
    cmocka_unit_test_setup_teardown(test, set_up_connected, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(messages_may_be_larger_than_the_window),
        TEST(messages_have_a_limit),
        TEST(who_does_not_consume_stops_the_sender),
        TEST(a_large_message_waits_behind_what_is_held),
        TEST(a_call_that_ends_gives_all_back),
        TEST(large_messages_go_out),
        TEST(a_peer_that_does_not_read_is_waited_for),
        TEST(a_stream_goes_on_after_a_pause),
        TEST(deadlines_end_calls),
        TEST(a_call_in_time_has_no_deadline_left),
        TEST(a_call_may_be_cancelled_in_headers),
        TEST(a_call_may_be_cancelled_in_message),
        TEST(a_call_may_be_cancelled_in_end),
        TEST(a_call_may_be_cancelled_at_once),
        TEST(a_call_may_cancel_another),
        TEST(the_connection_may_be_closed_in_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
