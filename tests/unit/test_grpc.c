/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC calls against a scripted server: answers of every shape, faults, limits,
 * flow control both ways. */
#include "net/grpc.h"

#include "dapr/proto/components/v1/bindings.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/h2_peer.h"

#define PATIENCE 10000 /* ms for a whole test */

struct fixture {
    struct loop loop;
    struct peer peer;
    struct h2 h2;
    char path[64];
    struct loop_timer patience;
    bool late;
    bool ready;
    bool closed;
    bool going_away;
    char why[160];
};

/* A call and what became of it. */
struct outcome {
    struct fixture *fixture;
    struct grpc_call *call;
    struct buffer received; /* each message in < > */
    unsigned messages;
    size_t bytes;
    bool hold;   /* messages are not consumed */
    bool cancel; /* in message() */
    bool ended;
    int code;
    char text[256];
    char trailer[64];
};

static void message_came(struct grpc_call *call, struct dapr_bytes message)
{
    struct outcome *outcome = grpc_owner(call);

    outcome->messages++;
    outcome->bytes += message.size;
    if (message.size < 1000) {
        buffer_char(&outcome->received, '<');
        buffer_append(&outcome->received, message.data, message.size);
        buffer_char(&outcome->received, '>');
    }
    if (outcome->cancel) {
        grpc_cancel(call);
        loop_stop(&outcome->fixture->loop);
    } else if (!outcome->hold) {
        grpc_consumed(call, message.size);
    }
}

static void call_ended(struct grpc_call *call, const struct grpc_status *status,
                       struct dapr_metadata trailers)
{
    struct outcome *outcome = grpc_owner(call);
    const char *trailer = pairs_find(trailers, "x-trailer");

    outcome->ended = true;
    outcome->code = status->code;
    snprintf(outcome->text, sizeof outcome->text, "%s", status->message);
    snprintf(outcome->trailer, sizeof outcome->trailer, "%s",
             trailer ? trailer : "");
    loop_stop(&outcome->fixture->loop);
}

static const struct grpc_events call_events = {.message = message_came,
                                               .end = call_ended};

static void h2_ready(struct h2 *h2)
{
    struct fixture *fixture = container_of(h2, struct fixture, h2);

    fixture->ready = true;
    loop_stop(&fixture->loop);
}

static void h2_going(struct h2 *h2)
{
    struct fixture *fixture = container_of(h2, struct fixture, h2);

    fixture->going_away = true;
    loop_stop(&fixture->loop);
}

static void h2_gone(struct h2 *h2, int status, const char *why)
{
    struct fixture *fixture = container_of(h2, struct fixture, h2);

    (void)status;
    fixture->closed = true;
    snprintf(fixture->why, sizeof fixture->why, "%s", why);
    loop_stop(&fixture->loop);
}

static const struct h2_events h2_events = {
    .ready = h2_ready, .going_away = h2_going, .closed = h2_gone};

static void too_late(struct loop_timer *timer)
{
    struct fixture *fixture = container_of(timer, struct fixture, patience);

    fixture->late = true;
    loop_stop(&fixture->loop);
}

#define run_until(fixture, condition)                                          \
    do {                                                                       \
        while (!(condition) && !(fixture)->late)                               \
            loop_run(&(fixture)->loop);                                        \
        assert_true(condition);                                                \
    } while (0)

/* ---- what the server does, by path --------------------------------------- */

static void begin_script(struct peer_stream *stream)
{
    if (strcmp(stream->path, "/trailers-only") == 0) {
        nghttp2_nv nv[8];
        const char *const pairs[] = {":status",
                                     "200",
                                     "content-type",
                                     "application/grpc",
                                     "grpc-status",
                                     "5",
                                     "grpc-message",
                                     "no %22row%22%0A%FF",
                                     "x-trailer",
                                     "t",
                                     NULL};

        nghttp2_submit_headers(stream->peer->session, NGHTTP2_FLAG_END_STREAM,
                               stream->id, NULL, nv, peer_nv(nv, pairs), NULL);
    } else if (strcmp(stream->path, "/refused") == 0) {
        nghttp2_submit_rst_stream(stream->peer->session, 0, stream->id,
                                  NGHTTP2_REFUSED_STREAM);
    } else if (strcmp(stream->path, "/calm") == 0) {
        nghttp2_submit_rst_stream(stream->peer->session, 0, stream->id,
                                  NGHTTP2_ENHANCE_YOUR_CALM);
    } else if (strcmp(stream->path, "/going") == 0) {
        nghttp2_submit_goaway(stream->peer->session, 0, stream->id, 0, NULL, 0);
        conn_flush_later(&stream->peer->conn);
    } else if (strcmp(stream->path, "/break") == 0) {
        conn_close(&stream->peer->conn);
    }
}

static const char big[3 << 20];

static void end_script(struct peer_stream *stream)
{
    const char *path = stream->path;
    const char *status = strcmp(path, "/http-503") == 0 ? "503" : "200";

    if (strcmp(path, "/never") == 0)
        return;
    peer_head(stream, status,
              strcmp(path, "/http-503") == 0 || strcmp(path, "/html") == 0
                  ? "text/html"
                  : "application/grpc");
    if ((strcmp(path, "/echo") == 0 || strcmp(path, "/going") == 0) &&
        stream->body.size)
        buffer_append(&stream->answer, stream->body.data, stream->body.size);
    if (strcmp(path, "/two") == 0) {
        peer_message(stream, "a", 1);
        peer_message(stream, "b", 1);
    }
    if (strcmp(path, "/empties") == 0) {
        peer_message(stream, "", 0);
        peer_message(stream, "x", 1);
        peer_message(stream, "", 0);
    }
    if (strcmp(path, "/compressed") == 0)
        buffer_append(&stream->answer, "\1\0\0\0\1x", 6);
    if (strcmp(path, "/huge") == 0)
        buffer_append(&stream->answer, "\0\x7f\xff\xff\xff", 5);
    if (strcmp(path, "/big") == 0)
        peer_message(stream, big, sizeof big);
    if (strcmp(path, "/flood") == 0)
        for (int i = 0; i < 64; i++)
            peer_message(stream, big, 100000);
    if (strcmp(path, "/error") == 0)
        peer_status(stream, "9", "not%20yet");
    else if (strcmp(path, "/bad-status") == 0)
        peer_status(stream, "x9", NULL);
    else if (strcmp(path, "/no-trailers") != 0)
        peer_status(stream, "0", NULL);
    peer_body(stream);
}

/* ---- fixture ------------------------------------------------------------- */

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    snprintf(fixture->path, sizeof fixture->path, "/tmp/test-grpc-%d",
             (int)getpid());
    unlink(fixture->path);
    loop_init(&fixture->loop);
    fixture->patience.fire = too_late;
    loop_timer_start(&fixture->loop, &fixture->patience, PATIENCE);
    fixture->peer.began = begin_script;
    fixture->peer.ended = end_script;
    peer_listen(&fixture->peer, &fixture->loop, fixture->path);
    *state = fixture;
    return 0;
}

static void do_connect(struct fixture *fixture, uint64_t timeout)
{
    assert_int_equal(h2_connect_unix(&fixture->h2, &fixture->loop,
                                     fixture->path, timeout, &h2_events),
                     0);
}

static int setup_connected(void **state)
{
    struct fixture *fixture;

    setup(state);
    fixture = *state;
    do_connect(fixture, 2000);
    run_until(fixture, fixture->ready);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->ready && !fixture->closed) {
        h2_close(&fixture->h2);
        run_until(fixture, fixture->closed);
    }
    peer_stop(&fixture->peer);
    loop_timer_stop(&fixture->loop, &fixture->patience);
    loop_done(&fixture->loop);
    unlink(fixture->path);
    free(fixture);
    return 0;
}

static void start(struct fixture *fixture, struct outcome *outcome,
                  const char *path, bool stream, uint64_t timeout)
{
    const struct grpc_options options = {.path = path,
                                         .timeout = timeout,
                                         .stream = stream,
                                         .events = &call_events,
                                         .owner = outcome};

    *outcome = (struct outcome){.fixture = fixture};
    buffer_init(&outcome->received, 1 << 20);
    outcome->call = grpc_start(&fixture->h2, &options);
    assert_non_null(outcome->call);
}

static void send_text(struct outcome *outcome, const char *text, bool last)
{
    Components__InvokeRequest request = COMPONENTS__INVOKE_REQUEST__INIT;

    request.operation = (char *)text;
    assert_int_equal(grpc_send(outcome->call, &request.base, last), 0);
}

static void call_path(struct fixture *fixture, struct outcome *outcome,
                      const char *path, bool stream)
{
    start(fixture, outcome, path, stream, 0);
    send_text(outcome, "op", true);
    assert_false(outcome->ended);
    run_until(fixture, outcome->ended);
}

/* ---- tests --------------------------------------------------------------- */

static void every_answer_has_its_status(void **state)
{
    static const struct {
        const char *path;
        bool stream;
        int code;
        const char *text;
        const char *received;
    } table[] = {
        {"/echo", false, 0, "", "<\x1a\x02op>"},
        {"/trailers-only", false, 5, "no \"row\"\n\xef\xbf\xbd", ""},
        {"/error", false, 9, "not yet", ""},
        {"/bad-status", false, 2, "malformed grpc-status: \"x9\"", ""},
        {"/no-trailers", false, 13,
         "server closed the stream without sending trailers", ""},
        {"/http-503", false, 14,
         "unexpected HTTP status code received from server: 503, and no "
         "content-type of gRPC",
         ""},
        {"/html", false, 2,
         "unexpected HTTP status code received from server: 200, and no "
         "content-type of gRPC",
         ""},
        {"/refused", false, 14,
         "stream terminated by RST_STREAM with error code: REFUSED_STREAM", ""},
        {"/calm", false, 8,
         "stream terminated by RST_STREAM with error code: ENHANCE_YOUR_CALM",
         ""},
        {"/two", false, 13,
         "cardinality violation: expected <EOF> for non server-streaming RPCs, "
         "but received another message",
         "<a>"},
        {"/two", true, 0, "", "<a><b>"},
        {"/empties", true, 0, "", "<><x><>"},
        {"/none", false, 13,
         "cardinality violation: received no response message from "
         "non-server-streaming RPC",
         ""},
        {"/none", true, 0, "", ""},
        {"/compressed", false, 13,
         "grpc: compressed flag set with identity or empty encoding", ""},
        {"/huge", false, 8,
         "grpc: received message larger than max (2147483647 vs. 4194304)", ""},
    };
    struct fixture *fixture = *state;
    struct outcome outcome;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        call_path(fixture, &outcome, table[i].path, table[i].stream);
        assert_string_equal(outcome.text, table[i].text);
        assert_int_equal(outcome.code, table[i].code);
        assert_string_equal(buffer_string(&outcome.received),
                            table[i].received);
        buffer_done(&outcome.received);
    }
}

static void trailers_are_metadata(void **state)
{
    struct outcome outcome;

    call_path(*state, &outcome, "/trailers-only", false);
    assert_string_equal(outcome.trailer, "t");
    buffer_done(&outcome.received);
}

static char seen_headers[2048];

static void note_headers(struct peer_stream *stream)
{
    snprintf(seen_headers, sizeof seen_headers, "%s", stream->headers);
    end_script(stream);
}

static void request_headers_are_grpcs(void **state)
{
    const struct dapr_pair pair = {"x-component-instance", "mine"};
    const struct dapr_pair bad[] = {{"grpc-timeout", "1S"},
                                    {"Upper", "v"},
                                    {"k", "line\nbreak"},
                                    {":path", "/x"}};
    struct fixture *fixture = *state;
    struct outcome outcome = {.fixture = fixture};
    struct grpc_options options = {.path = "/echo",
                                   .timeout = 5000,
                                   .metadata = {&pair, 1},
                                   .events = &call_events,
                                   .owner = &outcome};

    fixture->peer.ended = note_headers;
    buffer_init(&outcome.received, 4096);
    outcome.call = grpc_start(&fixture->h2, &options);
    send_text(&outcome, "x", true);
    run_until(fixture, outcome.ended);
    assert_string_equal(seen_headers,
                        ":method: POST\n:scheme: http\n:path: /echo\n"
                        ":authority: localhost\nte: trailers\n"
                        "content-type: application/grpc\n"
                        "user-agent: cdapr/" CDAPR_VERSION "\n"
                        "grpc-timeout: 5000m\nx-component-instance: mine\n");
    for (size_t i = 0; i < 4; i++) {
        options.metadata = (struct dapr_metadata){&bad[i], 1};
        assert_null(grpc_start(&fixture->h2, &options));
    }
    buffer_done(&outcome.received);
}

static void messages_may_be_larger_than_the_window(void **state)
{
    struct outcome outcome;

    call_path(*state, &outcome, "/big", false);
    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.bytes, sizeof big);
    call_path(*state, &outcome, "/big", true);
    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.bytes, sizeof big);
    buffer_done(&outcome.received);
}

/* What is held stops the peer at the window; consuming it lets it go on. */
static void who_does_not_consume_stops_the_sender(void **state)
{
    struct fixture *fixture = *state;
    struct outcome held, other;

    start(fixture, &held, "/flood", true, 0);
    held.hold = true;
    send_text(&held, "x", true);
    for (int i = 0; i < 20; i++) { /* the connection is alive meanwhile */
        call_path(fixture, &other, "/echo", false);
        buffer_done(&other.received);
    }
    assert_false(held.ended);
    assert_in_range(held.bytes, 900000, 1100000);
    held.hold = false;
    grpc_consumed(held.call, held.bytes);
    run_until(fixture, held.ended);
    assert_int_equal(held.messages, 64);
    assert_int_equal(held.code, 0);
    buffer_done(&held.received);
}

static void deadlines_end_calls(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome, after;

    start(fixture, &outcome, "/never", false, 30);
    send_text(&outcome, "x", true);
    run_until(fixture, outcome.ended);
    assert_int_equal(outcome.code, DAPR_DEADLINE_EXCEEDED);
    call_path(fixture, &after, "/echo", false);
    assert_int_equal(after.code, 0);
    assert_int_equal(fixture->peer.resets, 1);
    buffer_done(&after.received);
}

static void a_cancelled_call_says_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome, after;

    start(fixture, &outcome, "/two", true, 0);
    outcome.cancel = true;
    send_text(&outcome, "x", true);
    run_until(fixture, outcome.messages);
    assert_int_equal(outcome.messages, 1);
    start(fixture, &after, "/never", false, 0);
    grpc_cancel(after.call);
    call_path(fixture, &after, "/echo", false);
    assert_false(outcome.ended);
    assert_int_equal(outcome.messages, 1);
    buffer_done(&outcome.received);
    buffer_done(&after.received);
}

static void a_broken_connection_ends_all_calls(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcomes[100];

    for (int i = 0; i < 100; i++)
        start(fixture, &outcomes[i], i < 99 ? "/never" : "/break", false, 0);
    run_until(fixture, fixture->closed);
    for (int i = 0; i < 100; i++) {
        assert_true(outcomes[i].ended);
        assert_int_equal(outcomes[i].code, DAPR_UNAVAILABLE);
        assert_string_equal(outcomes[i].text,
                            "error reading from server: the peer closed the "
                            "connection");
    }
    assert_string_equal(fixture->why, "the peer closed the connection");
    assert_null(grpc_start(
        &fixture->h2,
        &(struct grpc_options){.path = "/echo", .events = &call_events}));
}

static void goaway_lets_calls_end_and_starts_none(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    start(fixture, &outcome, "/going", true, 0);
    send_text(&outcome, "a", false);
    run_until(fixture, fixture->going_away);
    assert_false(outcome.ended);
    assert_null(grpc_start(
        &fixture->h2,
        &(struct grpc_options){.path = "/echo", .events = &call_events}));
    send_text(&outcome, "b", true);
    run_until(fixture, outcome.ended);
    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.messages, 2);
    run_until(fixture, fixture->closed);
    assert_string_equal(fixture->why, "it went away (GOAWAY)");
    buffer_done(&outcome.received);
}

static void peers_that_are_none(void **state)
{
    static const struct {
        const char *raw;
        bool mute;
        const char *why;
    } table[] = {
        {NULL, true, "timeout: no answer in HTTP/2 within 50 ms"},
        {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", false,
         "it does not speak HTTP/2"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", false,
         "it does not speak HTTP/2"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        fixture->peer.raw = table[i].raw;
        fixture->peer.mute = table[i].mute;
        fixture->closed = false;
        do_connect(fixture, 50);
        run_until(fixture, fixture->closed);
        assert_string_equal(fixture->why, table[i].why);
        if (fixture->peer.connected)
            conn_close(&fixture->peer.conn);
        uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
    }
    assert_false(fixture->ready);
}

static void nobody_listens(void **state)
{
    struct fixture *fixture = *state;

    unlink(fixture->path);
    do_connect(fixture, 1000);
    run_until(fixture, fixture->closed);
    assert_string_equal(fixture->why, "no such file or directory");
}

int main(void)
{
#define CONNECTED(test)                                                        \
    cmocka_unit_test_setup_teardown(test, setup_connected, teardown)
    const struct CMUnitTest tests[] = {
        CONNECTED(every_answer_has_its_status),
        CONNECTED(trailers_are_metadata),
        CONNECTED(request_headers_are_grpcs),
        CONNECTED(messages_may_be_larger_than_the_window),
        CONNECTED(who_does_not_consume_stops_the_sender),
        CONNECTED(deadlines_end_calls),
        CONNECTED(a_cancelled_call_says_no_more),
        CONNECTED(a_broken_connection_ends_all_calls),
        CONNECTED(goaway_lets_calls_end_and_starts_none),
        cmocka_unit_test_setup_teardown(peers_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_listens, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
