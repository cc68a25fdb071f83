/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 connections: who is none, how they end, and their limits; seen by the
 * calls on them. */
#include "grpc_fixture.h"

static void reply(struct peer_stream *stream)
{
    static const char *const head[] = {":status", "200", "content-type",
                                       "application/grpc", NULL};

    peer_headers(stream, head, false);
    buffer_append(&stream->answer, stream->body.data, stream->body.size);
    peer_ok(stream);
}

static void reply_but_to_never(struct peer_stream *stream)
{
    if (strcmp(stream->path, "/never") != 0)
        reply(stream);
}

static void start(struct fixture *fixture, struct outcome *outcome,
                  const char *path)
{
    assert_non_null(
        start_call(fixture, outcome, (struct grpc_options){.path = path}));
    send_bytes(outcome, "x", 1, true);
}

static bool takes_calls(struct fixture *fixture)
{
    struct outcome outcome = {0};
    struct grpc_call *call =
        start_call(fixture, &outcome, (struct grpc_options){.path = "/"});

    if (call)
        grpc_cancel(call);
    return call;
}

/* ---- who is no peer ------------------------------------------------------ */

#define SETTINGS "\0\0\0\4\0\0\0\0\0"

static void peers_that_are_none(void **state)
{
    static const struct {
        const char *raw;
        size_t size;
        const char *why;
    } table[] = {
        {"HTTP/1.1 400 Bad\x1b[m Request\r\nConnection: close\r\n\r\n", 50,
         "not HTTP/2: it answered \"HTTP/1.1 400 Bad?[m Request\""},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12,
         "not HTTP/2: PROTOCOL_ERROR, SETTINGS expected"},
        {"hello, who are you?\r\n", 21,
         "not HTTP/2: PROTOCOL_ERROR, SETTINGS expected"},
        {"", 0, "timeout: no HTTP/2 SETTINGS within 50 ms"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        fixture->peer.raw = table[i].raw;
        fixture->peer.raw_size = table[i].size;
        start_connecting(fixture, 50);
        run_until(fixture, fixture->closed);
        assert_string_equal(fixture->why, table[i].why);
    }
    assert_false(fixture->ready);
}

static void a_stale_socket(void **state)
{
    struct fixture *fixture = *state;

    unlink(fixture->net.path);
    start_connecting(fixture, 1000);
    run_until(fixture, fixture->closed);
    assert_string_equal(fixture->why, "no such file or directory");
}

static void a_peer_that_breaks_the_rules(void **state)
{
    static const struct {
        const char *raw;
        size_t size;
        const char *why;
    } table[] = {
        /* DATA on a stream that nobody opened */
        {SETTINGS "\0\0\1\0\0\0\0\0\1x", 19,
         "it broke the rules of HTTP/2: PROTOCOL_ERROR, DATA: stream in idle"},
        /* a frame that is larger than we said */
        {SETTINGS "\xff\xff\xff\0\0\0\0\0\1", 18,
         "it broke the rules of HTTP/2: FRAME_SIZE_ERROR, too large frame "
         "size"},
        /* PUSH_PROMISE on such a one */
        {SETTINGS "\0\0\4\5\4\0\0\0\1\0\0\0\2", 22,
         "it broke the rules of HTTP/2: PROTOCOL_ERROR, PUSH_PROMISE: "
         "stream in idle"},
        /* a window larger than there can be */
        {SETTINGS "\0\0\4\10\0\0\0\0\0\x7f\xff\xff\xff", 22,
         "it broke the rules of HTTP/2: FLOW_CONTROL_ERROR"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        fixture->peer.raw = table[i].raw;
        fixture->peer.raw_size = table[i].size;
        start_connecting(fixture, PATIENCE);
        run_until(fixture, fixture->closed);
        assert_string_equal(fixture->why, table[i].why);
    }
    assert_true(fixture->ready);
}

static void a_flood_of_pings(void **state)
{
    static const char ping[] = "\0\0\10\6\0\0\0\0\0abcdefgh";
    struct fixture *fixture = *state;
    struct buffer flood;

    buffer_init(&flood, 1u << 20);
    buffer_append(&flood, SETTINGS, 9);
    for (int i = 0; i < 5000; i++)
        buffer_append(&flood, ping, 17);
    fixture->peer.raw = flood.data;
    fixture->peer.raw_size = flood.size;
    start_connecting(fixture, PATIENCE);
    run_until(fixture, fixture->closed);
    assert_string_equal(fixture->why,
                        "it broke the rules of HTTP/2: Flooding was detected "
                        "in this HTTP/2 session, and it must be closed");
    buffer_done(&flood);
}

/* ---- the end ------------------------------------------------------------- */

static void break_connection(struct peer_stream *stream)
{
    if (strcmp(stream->path, "/break") == 0)
        conn_close(&stream->peer->conn);
}

static void a_broken_connection_ends_all_calls(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcomes[100] = {0};

    fixture->peer.ended = break_connection;
    connect_to_peer(fixture);
    for (int i = 0; i < 100; i++)
        start(fixture, &outcomes[i], i < 99 ? "/never" : "/break");
    run_until(fixture, fixture->closed);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(outcomes[i].ended, 1);
        assert_int_equal(outcomes[i].code, DAPR_UNAVAILABLE);
        assert_string_equal(outcomes[i].text,
                            "error reading from server: the peer closed the "
                            "connection");
    }
    assert_string_equal(fixture->why, "the peer closed the connection");
    assert_false(takes_calls(fixture));
}

static void closing_ends_all_calls(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcomes[2] = {0};

    fixture->peer.ended = reply_but_to_never;
    connect_to_peer(fixture);
    start(fixture, &outcomes[0], "/never");
    call_path(fixture, "/", false);
    start(fixture, &outcomes[1], "/never"); /* it never leaves */
    outcomes[0].inside = outcomes[1].inside = true;
    h2_close(&fixture->h2);
    h2_close(&fixture->h2);
    outcomes[0].inside = outcomes[1].inside = false;
    assert_false(fixture->closed);
    assert_false(takes_calls(fixture));
    run_until(fixture, fixture->closed);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(outcomes[i].ended, 1);
        assert_int_equal(outcomes[i].code, DAPR_UNAVAILABLE);
    }
    assert_string_equal(fixture->why, "the connection was closed");
}

static void closing_before_it_is_open(void **state)
{
    struct fixture *fixture = *state;

    start_connecting(fixture, PATIENCE);
    h2_close(&fixture->h2);
    run_until(fixture, fixture->closed);
    assert_false(fixture->ready);
}

/* The GOAWAY cannot leave: the peer does not read. */
static void closing_does_not_wait_for_who_does_not_read(void **state)
{
    static const char large[8 << 20];
    struct fixture *fixture = *state;
    struct outcome outcome = {0};

    fixture->peer.ended = reply_but_to_never;
    connect_to_peer(fixture);
    start(fixture, &outcome, "/never");
    call_path(fixture, "/", false);
    conn_read_stop(&fixture->peer.conn);
    assert_int_equal(conn_write(&fixture->h2.conn, large, sizeof large), 0);
    h2_close(&fixture->h2);
    run_until(fixture, fixture->closed);
    assert_int_equal(outcome.code, DAPR_UNAVAILABLE);
}

static void go_away(struct peer_stream *stream)
{
    if (strcmp(stream->path, "/going") != 0)
        return;
    nghttp2_submit_goaway(stream->peer->session, 0, stream->id, 0, NULL, 0);
    conn_flush_later(&stream->peer->conn);
}

static void goaway_lets_calls_end_and_starts_none(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = {0};

    fixture->peer.began = go_away;
    fixture->peer.ended = reply;
    connect_to_peer(fixture);
    start_call(fixture, &outcome, (struct grpc_options){.path = "/going"});
    run_until(fixture, fixture->going_away);
    assert_int_equal(outcome.ended, 0);
    assert_false(takes_calls(fixture));
    send_bytes(&outcome, "b", 1, true);
    run_until(fixture, outcome.ended);
    assert_int_equal(outcome.code, 0);
    run_until(fixture, fixture->closed);
    assert_string_equal(fixture->why, "it went away (GOAWAY)");
}

static void refuse_all(struct peer_stream *stream)
{
    nghttp2_submit_goaway(stream->peer->session, 0, 0,
                          NGHTTP2_ENHANCE_YOUR_CALM,
                          (const uint8_t *)"too_many\npings", 14);
    conn_flush_later(&stream->peer->conn);
}

static void goaway_ends_calls_that_were_not_begun(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcomes[3] = {0};

    fixture->peer.max_streams = 1;
    fixture->peer.began = refuse_all;
    connect_to_peer(fixture);
    for (int i = 0; i < 3; i++) /* the first alone leaves */
        start(fixture, &outcomes[i], "/");
    run_until(fixture, fixture->closed);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(outcomes[i].ended, 1);
        assert_int_equal(outcomes[i].code, DAPR_UNAVAILABLE);
    }
    assert_true(fixture->going_away);
    assert_string_equal(fixture->why, "it went away (GOAWAY, "
                                      "ENHANCE_YOUR_CALM: too_many?pings)");
}

static void stream_ids_run_out(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    fixture->peer.ended = reply;
    connect_to_peer(fixture);
    nghttp2_session_set_next_stream_id(fixture->h2.session, INT32_MAX);
    outcome = call_path(fixture, "/", false);
    assert_int_equal(outcome.code, 0);
    assert_false(takes_calls(fixture));
    assert_false(fixture->going_away); /* not from within */
    run_until(fixture, fixture->going_away);
    assert_false(takes_calls(fixture));
}

/* ---- limits -------------------------------------------------------------- */

static void more_streams_than_the_peer_takes_wait(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcomes[20] = {0};

    fixture->peer.max_streams = 2;
    fixture->peer.ended = reply;
    connect_to_peer(fixture);
    for (int i = 0; i < 20; i++)
        start(fixture, &outcomes[i], "/");
    grpc_cancel(outcomes[5].call); /* while it waits */
    for (int i = 0; i < 20; i++) {
        run_until(fixture, outcomes[i].ended || i == 5);
        assert_int_equal(outcomes[i].code, 0);
    }
    assert_int_equal(outcomes[5].ended, 0);
    assert_int_equal(fixture->h2.stream_count, 0);
}

static void no_more_streams_than_the_limit(void **state)
{
    struct fixture *fixture = *state;
    struct outcome *outcomes = calloc(H2_STREAMS_LIMIT, sizeof *outcomes);

    fixture->peer.ended = reply;
    connect_to_peer(fixture);
    for (unsigned i = 0; i < H2_STREAMS_LIMIT; i++)
        start(fixture, &outcomes[i], "/");
    assert_false(takes_calls(fixture));
    grpc_cancel(outcomes[0].call);
    assert_true(takes_calls(fixture));
    for (unsigned i = 1; i < H2_STREAMS_LIMIT; i++) {
        run_until(fixture, outcomes[i].ended);
        assert_int_equal(outcomes[i].code, 0);
    }
    free(outcomes);
}

static void answer_with_headers(struct peer_stream *stream, size_t count,
                                const char *value)
{
    nghttp2_nv *nv = calloc(count, sizeof *nv);

    for (size_t i = 0; i < count; i++)
        nv[i] = (nghttp2_nv){(uint8_t *)(i ? "x" : ":status"),
                             (uint8_t *)(i ? value : "200"), i ? 1 : 7,
                             i ? strlen(value) : 3, 0};
    nghttp2_submit_headers(stream->peer->session, NGHTTP2_FLAG_END_STREAM,
                           stream->id, NULL, nv, count, NULL);
    conn_flush_later(&stream->peer->conn);
    free(nv);
}

static void answer_with_many_headers(struct peer_stream *stream)
{
    answer_with_headers(stream, 257, "1");
}

static void answer_with_large_headers(struct peer_stream *stream)
{
    char value[8001] = {0};

    memset(value, 'v', 8000);
    answer_with_headers(stream, 10, value);
}

static void check_headers_refused(struct fixture *fixture)
{
    struct outcome outcome = call_path(fixture, "/", false);

    assert_int_equal(outcome.code, DAPR_INTERNAL);
    assert_string_equal(outcome.text, "peer header list size exceeded limit");
    fixture->peer.ended = reply;
    outcome = call_path(fixture, "/", false); /* the connection is well */
    assert_int_equal(outcome.code, 0);
}

static void no_more_headers_than_the_limit(void **state)
{
    struct fixture *fixture = *state;

    fixture->peer.ended = answer_with_many_headers;
    connect_to_peer(fixture);
    check_headers_refused(fixture);
}

static void no_larger_headers_than_the_limit(void **state)
{
    struct fixture *fixture = *state;

    fixture->peer.ended = answer_with_large_headers;
    connect_to_peer(fixture);
    check_headers_refused(fixture);
}

static void headers_too_large_to_be_sent(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = {0};
    char *value = calloc(1, 100001);
    struct dapr_pair pair = {"x", value};

    memset(value, 'v', 100000);
    fixture->peer.ended = reply;
    connect_to_peer(fixture);
    start_call(fixture, &outcome,
               (struct grpc_options){.path = "/", .metadata = {&pair, 1}});
    run_until(fixture, outcome.ended);
    assert_int_equal(outcome.code, DAPR_INTERNAL);
    assert_string_equal(outcome.text, "the headers are too large to be sent");
    outcome = call_path(fixture, "/", false);
    assert_int_equal(outcome.code, 0);
    free(value);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(peers_that_are_none),
        TEST(a_stale_socket),
        TEST(a_peer_that_breaks_the_rules),
        TEST(a_flood_of_pings),
        TEST(a_broken_connection_ends_all_calls),
        TEST(closing_ends_all_calls),
        TEST(closing_before_it_is_open),
        TEST(closing_does_not_wait_for_who_does_not_read),
        TEST(goaway_lets_calls_end_and_starts_none),
        TEST(goaway_ends_calls_that_were_not_begun),
        TEST(stream_ids_run_out),
        TEST(more_streams_than_the_peer_takes_wait),
        TEST(no_more_streams_than_the_limit),
        TEST(no_more_headers_than_the_limit),
        TEST(no_larger_headers_than_the_limit),
        TEST(headers_too_large_to_be_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
