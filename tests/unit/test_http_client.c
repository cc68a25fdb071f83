/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client over real sockets, against a server whose part the tests
 * play. */
#include "net/http_client.h"

#include "support/http_peer.h"

#include <stdio.h>

#define MAX_PEERS 8
#define MAX_BODY  20

/* A call and what became of it. */
struct asked {
    struct http_call call;
    struct buffer seen; /* "200 [body]", or the error */
    bool done;
    bool inside; /* http_client_call() */
    struct loop *loop;
    void (*then)(struct asked *asked);
};

struct fixture {
    struct loop loop;
    uv_tcp_t listener;
    bool listening;
    int port;
    struct peer peers[MAX_PEERS]; /* in the order of connecting */
    unsigned peer_count;
    struct http_client *client;
    struct asked other; /* has the only connection while `asked` waits */
    int descriptors;
    bool closed;
};

/* ---- the fixture --------------------------------------------------------- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct fixture *fixture = stream->data;
    struct peer *peer = &fixture->peers[fixture->peer_count++];

    assert_int_equal(status, 0);
    assert_true(fixture->peer_count <= MAX_PEERS);
    peer_init(peer);
    conn_accept(&peer->conn, &fixture->loop, stream, &peer_events);
}

static void listen_at(struct fixture *fixture, int port)
{
    struct sockaddr_in address;
    int size = sizeof address;

    uv_ip4_addr("127.0.0.1", port, &address);
    uv_tcp_init(&fixture->loop.uv, &fixture->listener);
    fixture->listener.data = fixture;
    uv_tcp_bind(&fixture->listener, (struct sockaddr *)&address, 0);
    assert_int_equal(
        uv_listen((uv_stream_t *)&fixture->listener, 10, on_connection), 0);
    uv_tcp_getsockname(&fixture->listener, (struct sockaddr *)&address, &size);
    fixture->port = ntohs(address.sin_port);
    fixture->listening = true;
}

static void stop_listening(struct fixture *fixture)
{
    if (fixture->listening)
        uv_close((uv_handle_t *)&fixture->listener, NULL);
    fixture->listening = false;
    settle(&fixture->loop);
}

static void start(struct fixture *fixture, struct http_client_options options)
{
    *fixture = (struct fixture){.descriptors = count_descriptors()};
    assert_int_equal(loop_init(&fixture->loop), 0);
    listen_at(fixture, 0);
    if (!options.address)
        options.address = "127.0.0.1";
    if (!options.max_body)
        options.max_body = MAX_BODY;
    options.max_head = 200;
    options.port = fixture->port;
    fixture->client = http_client_new(&fixture->loop, &options);
    assert_non_null(fixture->client);
}

static void closed(void *data)
{
    struct fixture *fixture = data;

    fixture->closed = true;
    loop_stop(&fixture->loop);
}

static void stop(struct fixture *fixture)
{
    if (fixture->client)
        http_client_close(fixture->client, closed, fixture);
    WAIT(&fixture->loop, fixture->closed);
    stop_listening(fixture);
    for (unsigned i = 0; i < fixture->peer_count; i++)
        peer_done(&fixture->peers[i]);
    settle(&fixture->loop);
    loop_done(&fixture->loop);
    assert_int_equal(count_descriptors(), fixture->descriptors);
}

/* ---- calls --------------------------------------------------------------- */

static void on_done(struct http_call *call,
                    const struct http_response *response, const char *error)
{
    struct asked *asked = call->data;

    assert_false(asked->inside);
    assert_false(asked->done);
    asked->done = true;
    if (response) {
        assert_null(error);
        buffer_printf(&asked->seen, "%d [", response->status);
        buffer_append(&asked->seen, response->body.data, response->body.size);
        buffer_text(&asked->seen, "]");
    } else {
        buffer_text(&asked->seen, error);
    }
    if (asked->then)
        asked->then(asked);
    loop_stop(asked->loop);
}

static void ask(struct fixture *fixture, struct asked *asked,
                struct http_call call)
{
    call.done = on_done;
    call.data = asked;
    if (!call.method)
        call.method = "GET";
    if (!call.target)
        call.target = "/";
    *asked =
        (struct asked){.call = call, .inside = true, .loop = &fixture->loop};
    buffer_init(&asked->seen, 1000);
    http_client_call(fixture->client, &asked->call);
    asked->inside = false;
}

static void forget(struct asked *asked)
{
    buffer_done(&asked->seen);
}

static void expect(struct fixture *fixture, struct asked *asked,
                   const char *seen)
{
    WAIT(&fixture->loop, asked->done);
    assert_string_equal(buffer_string(&asked->seen), seen);
    forget(asked);
}

/* Waits for a request that is complete, on this connection. */
static const char *request_at(struct fixture *fixture, unsigned which)
{
    struct peer *peer = &fixture->peers[which];

    WAIT(&fixture->loop, fixture->peer_count > which && peer->in.size &&
                             strstr(buffer_string(&peer->in), "\r\n\r\n"));
    return buffer_string(&peer->in);
}

static void answer(struct fixture *fixture, unsigned which, const char *text)
{
    request_at(fixture, which);
    buffer_clear(&fixture->peers[which].in);
    peer_say(&fixture->peers[which], text);
}

#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n"

/* ---- answers ------------------------------------------------------------- */

#define BROKEN "net/http: HTTP/1.x transport connection broken: "

static const struct {
    const char *say;
    const char *seen;
    const char *method;
    bool end;  /* the server closes after that */
    bool kept; /* the connection serves another */
} answers[] = {
    {OK("2") "\r\nok", "200 [ok]", "GET", false, true},
    {OK("2") "\r\nok", "200 [ok]", "GET", true, false},
    {OK("0") "\r\n", "200 []", "POST", false, true},
    {OK("9") "\r\n", "200 []", "HEAD", false, true},
    {OK("1") "Connection: close\r\n\r\nx", "200 [x]", "GET", false, false},
    {OK("1") "\r\nxy", "200 [x]", "GET", false, false},
    {"HTTP/1.1 204 No\r\n\r\n", "204 []", "GET", false, true},
    {"HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\n", "304 []", "GET", false,
     true},
    {"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 Early\r\n\r\n" OK("1") "\r\nx",
     "200 [x]", "GET", false, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
     "2;x\r\nbc\r\n0\r\nT: x\r\n\r\n",
     "200 [abc]", "GET", false, true},
    {"HTTP/1.0 200 OK\r\n\r\nuntil", "200 [until]", "GET", true, false},
    {"HTTP/1.1 200 OK\r\n\r\n", "200 []", "GET", true, false},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
     "200 [x]", "GET", false, true},

    {"", "EOF", "GET", true, false},
    {"HTTP/1.1 200 OK\r\nX-On", "unexpected EOF", "GET", true, false},
    {"HTTP/1.1 100 Go on\r\n\r\n", "unexpected EOF", "GET", true, false},
    {OK("3") "\r\nab", "unexpected EOF", "GET", true, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
     "unexpected EOF", "GET", true, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
     "invalid byte in chunk length", "GET", false, false},
    {"what is this\r\n\r\n", BROKEN "malformed HTTP version \"what\"", "GET",
     false, false},
    {"HTTP/1.1 10 Odd\r\n\r\n", BROKEN "malformed HTTP status code \"10\"",
     "GET", false, false},
    {OK("1") "no-colon\r\n\r\nx",
     BROKEN "malformed MIME header line: \"no-colon\"", "GET", false, false},
    {"HTTP/1.1 101 Switching\r\n\r\n",
     "the server changed the protocol, unasked", "GET", false, false},
    {OK("21") "\r\n012345678901234567890",
     "response body is larger than 20 bytes", "GET", false, false},
    {"HTTP/1.1 200 OK\r\n\r\n012345678901234567890",
     "response body is larger than 20 bytes", "GET", false, false},
    {OK("0") "X: 0123456789012345678901234567890123456789012345678901234567890"
             "1234567890123456789012345678901234567890123456789012345678901234"
             "5678901234567890123456789012345678901234567890123456789\r\n\r\n",
     "net/http: server response headers exceeded 200 bytes; aborted", "GET",
     false, false},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct fixture fixture;
        struct asked one, two;

        start(&fixture, (struct http_client_options){0});
        ask(&fixture, &one, (struct http_call){.method = answers[i].method});
        answer(&fixture, 0, answers[i].say);
        if (answers[i].end)
            conn_close_after_write(&fixture.peers[0].conn);
        expect(&fixture, &one, answers[i].seen);
        settle(&fixture.loop);
        ask(&fixture, &two, (struct http_call){0});
        answer(&fixture, answers[i].kept ? 0 : 1, OK("3") "\r\ntwo");
        expect(&fixture, &two, "200 [two]");
        assert_int_equal(fixture.peer_count, answers[i].kept ? 1 : 2);
        stop(&fixture);
    }
}

/* The answer in single bytes. */
static void test_slow_answer(void **state)
{
    static const char text[] = "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 200 OK\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n0\r\n\r\n";
    struct fixture fixture;
    struct asked one;

    (void)state;
    start(&fixture, (struct http_client_options){0});
    ask(&fixture, &one, (struct http_call){0});
    request_at(&fixture, 0);
    for (const char *at = text; *at; at++) {
        assert_false(one.done);
        conn_write(&fixture.peers[0].conn, at, 1);
        uv_run(&fixture.loop.uv, UV_RUN_NOWAIT);
        uv_run(&fixture.loop.uv, UV_RUN_NOWAIT);
    }
    expect(&fixture, &one, "200 [abc]");
    stop(&fixture);
}

/* ---- requests ------------------------------------------------------------ */

static void test_requests(void **state)
{
    static const struct dapr_pair headers[] = {{"Host", "h"},
                                               {"User-Agent", "me"},
                                               {"content-length", "9"},
                                               {"X\r\nY", "z"},
                                               {"X", "y\r\nz"}};
    struct fixture fixture;
    struct asked one;
    char expected[200];

    (void)state;
    start(&fixture, (struct http_client_options){0});
    ask(&fixture, &one, (struct http_call){.target = "/a?b"});
    snprintf(expected, sizeof expected,
             "GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
             "User-Agent: cdapr\r\n\r\n",
             fixture.port);
    assert_string_equal(request_at(&fixture, 0), expected);
    answer(&fixture, 0, OK("0") "\r\n");
    expect(&fixture, &one, "200 []");
    ask(&fixture, &one,
        (struct http_call){.method = "POST",
                           .headers = {headers, 5},
                           .body = dapr_text("body")});
    assert_string_equal(request_at(&fixture, 0),
                        "POST / HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\n"
                        "X: y  z\r\nContent-Length: 4\r\n\r\nbody");
    answer(&fixture, 0, OK("0") "\r\n");
    expect(&fixture, &one, "200 []");
    ask(&fixture, &one,
        (struct http_call){.method = "PUT", .headers = {headers, 2}});
    assert_string_equal(request_at(&fixture, 0),
                        "PUT / HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\n"
                        "Content-Length: 0\r\n\r\n");
    answer(&fixture, 0, OK("0") "\r\n");
    expect(&fixture, &one, "200 []");
    stop(&fixture);
}

static void test_unsendable(void **state)
{
    static const struct {
        const char *method, *target, *seen;
    } cases[] = {
        {"G T", "/", "net/http: invalid method"},
        {"", "/", "net/http: invalid method"},
        {"GET", "/a b", "net/url: invalid control character in URL"},
        {"GET", "/\r\nX: y", "net/url: invalid control character in URL"},
        {"GET", "", "http: no target in request URL"},
    };
    struct fixture fixture;
    struct asked one;

    (void)state;
    start(&fixture, (struct http_client_options){0});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask(&fixture, &one,
            (struct http_call){.method = cases[i].method,
                               .target = cases[i].target});
        expect(&fixture, &one, cases[i].seen);
    }
    assert_int_equal(fixture.peer_count, 0);
    stop(&fixture);
}

/* ---- connections --------------------------------------------------------- */

/* The server closes a kept connection when the next request is on its way. */
static void test_race(void **state)
{
    struct fixture fixture;
    struct asked one;

    (void)state;
    start(&fixture, (struct http_client_options){0});
    ask(&fixture, &one, (struct http_call){0});
    answer(&fixture, 0, OK("0") "\r\n");
    expect(&fixture, &one, "200 []");
    ask(&fixture, &one, (struct http_call){.target = "/again"});
    assert_memory_equal(request_at(&fixture, 0), "GET /again ", 11);
    conn_close(&fixture.peers[0].conn);
    assert_memory_equal(request_at(&fixture, 1), "GET /again ", 11);
    answer(&fixture, 1, OK("3") "\r\ntwo");
    expect(&fixture, &one, "200 [two]");

    /* once more, and no more than that */
    ask(&fixture, &one, (struct http_call){0});
    request_at(&fixture, 1);
    conn_close(&fixture.peers[1].conn);
    request_at(&fixture, 2);
    conn_close(&fixture.peers[2].conn);
    expect(&fixture, &one, "EOF");
    assert_int_equal(fixture.peer_count, 3);
    stop(&fixture);
}

/* Not again after the first byte of an answer, on a kept connection either. */
static void test_no_race(void **state)
{
    struct fixture fixture;
    struct asked one;

    (void)state;
    start(&fixture, (struct http_client_options){0});
    ask(&fixture, &one, (struct http_call){0});
    answer(&fixture, 0, OK("0") "\r\n");
    expect(&fixture, &one, "200 []");
    ask(&fixture, &one, (struct http_call){0});
    answer(&fixture, 0, "H");
    conn_close_after_write(&fixture.peers[0].conn);
    expect(&fixture, &one, "unexpected EOF");
    assert_int_equal(fixture.peer_count, 1);
    stop(&fixture);
}

/* Kept connections that the server closes, or speaks on, are not used. */
static void test_idle(void **state)
{
    struct fixture fixture;
    struct asked one;

    (void)state;
    start(&fixture, (struct http_client_options){.idle_timeout = 50});
    for (unsigned i = 0; i < 3; i++) {
        ask(&fixture, &one, (struct http_call){0});
        answer(&fixture, i, OK("0") "\r\n");
        expect(&fixture, &one, "200 []");
        settle(&fixture.loop);
        if (i == 0)
            conn_close(&fixture.peers[i].conn);
        else if (i == 1)
            peer_say(&fixture.peers[i], OK("0") "\r\n");
        WAIT(&fixture.loop, fixture.peers[i].closed);
        settle(&fixture.loop);
    }
    stop(&fixture);
}

static void test_queue(void **state)
{
    struct fixture fixture;
    struct asked asked[5];

    (void)state;
    start(&fixture,
          (struct http_client_options){.max_connections = 2, .max_waiting = 2});
    for (int i = 0; i < 5; i++)
        ask(&fixture, &asked[i],
            (struct http_call){.target = i == 2 ? "/2" : "/"});
    expect(&fixture, &asked[4], "too many requests wait for a connection");
    request_at(&fixture, 0);
    request_at(&fixture, 1);
    answer(&fixture, 1, OK("1") "\r\nb");
    assert_memory_equal(request_at(&fixture, 1), "GET /2 ", 7);
    answer(&fixture, 0, OK("1") "Connection: close\r\n\r\na");
    answer(&fixture, 2, OK("1") "\r\nd");
    answer(&fixture, 1, OK("1") "\r\nc");
    expect(&fixture, &asked[0], "200 [a]");
    expect(&fixture, &asked[1], "200 [b]");
    expect(&fixture, &asked[2], "200 [c]");
    expect(&fixture, &asked[3], "200 [d]");
    assert_int_equal(fixture.peer_count, 3);
    stop(&fixture);
}

static void test_refused(void **state)
{
    struct fixture fixture;
    struct asked asked[2];
    char expected[100];

    (void)state;
    start(&fixture, (struct http_client_options){.max_waiting = 1});
    stop_listening(&fixture);
    snprintf(expected, sizeof expected,
             "dial tcp 127.0.0.1:%d: connect: connection refused",
             fixture.port);
    ask(&fixture, &asked[0], (struct http_call){0});
    ask(&fixture, &asked[1], (struct http_call){0});
    expect(&fixture, &asked[0], expected);
    expect(&fixture, &asked[1], expected);

    /* and it comes back */
    listen_at(&fixture, fixture.port);
    ask(&fixture, &asked[0], (struct http_call){0});
    answer(&fixture, 0, OK("1") "\r\nx");
    expect(&fixture, &asked[0], "200 [x]");
    stop(&fixture);
}

/* A name may stand for addresses where nobody listens: ::1 here. */
static void test_names(void **state)
{
    struct fixture fixture;
    struct asked one;

    (void)state;
    start(&fixture, (struct http_client_options){.address = "localhost"});
    ask(&fixture, &one, (struct http_call){0});
    assert_non_null(strstr(request_at(&fixture, 0), "Host: localhost:"));
    answer(&fixture, 0, OK("1") "\r\nx");
    expect(&fixture, &one, "200 [x]");
    stop(&fixture);

    start(&fixture, (struct http_client_options){.address = "no name"});
    ask(&fixture, &one, (struct http_call){0});
    expect(&fixture, &one, "dial tcp: lookup no name: no such host");
    stop(&fixture);
}

/* ---- the end of patience ------------------------------------------------- */

static void test_timeouts(void **state)
{
    struct fixture fixture;
    struct asked asked[3];

    (void)state;
    start(&fixture, (struct http_client_options){.max_waiting = 2});
    ask(&fixture, &asked[0], (struct http_call){.timeout = 60});
    ask(&fixture, &asked[1], (struct http_call){.timeout = 30});
    ask(&fixture, &asked[2], (struct http_call){.timeout = PATIENCE});
    expect(&fixture, &asked[1], "context deadline exceeded");
    assert_false(asked[0].done);
    answer(&fixture, 0, OK("3") "\r\nab");
    expect(&fixture, &asked[0], "context deadline exceeded");
    WAIT(&fixture.loop, fixture.peers[0].closed);
    answer(&fixture, 1, OK("1") "\r\nx");
    expect(&fixture, &asked[2], "200 [x]");
    stop(&fixture);
}

enum until { ASKED, ASSIGNED, SENT, HEARD, WAITING, UNTILS };

/* Brings a call to that state. */
static void bring(struct fixture *fixture, struct asked *asked,
                  enum until until)
{
    struct asked *other = &fixture->other;

    if (until == WAITING) {
        ask(fixture, other, (struct http_call){0});
        request_at(fixture, 0);
    }
    ask(fixture, asked, (struct http_call){.timeout = PATIENCE});
    if (until == ASSIGNED)
        uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
    if (until == SENT || until == HEARD)
        request_at(fixture, 0);
    if (until == HEARD)
        answer(fixture, 0, OK("3") "\r\na");
    if (until != ASKED && until != ASSIGNED)
        settle(&fixture->loop);
}

static void test_cancel(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "localhost"};

    (void)state;
    for (int i = 0; i < 2 * UNTILS; i++) {
        struct fixture fixture;
        struct asked one, two;

        start(&fixture,
              (struct http_client_options){.address = addresses[i / UNTILS],
                                           .max_waiting = 1});
        bring(&fixture, &one, (enum until)(i % UNTILS));
        http_client_cancel(fixture.client, &one.call);
        settle(&fixture.loop);
        assert_false(one.done);
        forget(&one);

        /* the client goes on */
        if (i % UNTILS == WAITING)
            http_client_cancel(fixture.client, &fixture.other.call);
        ask(&fixture, &two, (struct http_call){.target = "/two"});
        WAIT(
            &fixture.loop,
            fixture.peer_count &&
                fixture.peers[fixture.peer_count - 1].in.size &&
                strstr(buffer_string(&fixture.peers[fixture.peer_count - 1].in),
                       "GET /two "));
        answer(&fixture, fixture.peer_count - 1, OK("3") "\r\ntwo");
        expect(&fixture, &two, "200 [two]");
        assert_false(one.done);
        stop(&fixture);
    }
}

static void test_close(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "localhost"};

    (void)state;
    for (int i = 0; i < 2 * UNTILS; i++) {
        struct fixture fixture;
        struct asked one;

        start(&fixture,
              (struct http_client_options){.address = addresses[i / UNTILS],
                                           .max_waiting = 1});
        bring(&fixture, &one, (enum until)(i % UNTILS));
        http_client_close(fixture.client, closed, &fixture);
        fixture.client = NULL;
        expect(&fixture, &one, "http: the client is closed");
        forget(&fixture.other);
        stop(&fixture);
    }
}

/* ---- from within done() -------------------------------------------------- */

static struct fixture *again_fixture;
static struct asked again_asked;

static void ask_again(struct asked *asked)
{
    (void)asked;
    ask(again_fixture, &again_asked, (struct http_call){0});
}

static void close_now(struct asked *asked)
{
    (void)asked;
    http_client_close(again_fixture->client, closed, again_fixture);
    again_fixture->client = NULL;
}

static void test_within(void **state)
{
    struct fixture fixture;
    struct asked one;

    (void)state;
    again_fixture = &fixture;
    start(&fixture, (struct http_client_options){0});
    ask(&fixture, &one, (struct http_call){0});
    one.then = ask_again;
    answer(&fixture, 0, OK("1") "\r\na");
    expect(&fixture, &one, "200 [a]");
    answer(&fixture, 0, OK("1") "\r\nb");
    expect(&fixture, &again_asked, "200 [b]");
    ask(&fixture, &one, (struct http_call){0});
    one.then = close_now;
    answer(&fixture, 0, OK("1") "\r\nc");
    expect(&fixture, &one, "200 [c]");
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),  cmocka_unit_test(test_slow_answer),
        cmocka_unit_test(test_requests), cmocka_unit_test(test_unsendable),
        cmocka_unit_test(test_race),     cmocka_unit_test(test_no_race),
        cmocka_unit_test(test_idle),     cmocka_unit_test(test_queue),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_timeouts), cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_close),    cmocka_unit_test(test_within),
    };

    return cmocka_run_group_tests(tests, warm_up, NULL);
}
