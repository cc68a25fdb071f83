/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server over real sockets: what clients say and what they hear. */
#include "net/http_server.h"

#include "support/http_peer.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_HELD 8
#define MAX_BODY 20
#define BIG      (8u << 20)

struct fixture {
    struct loop loop;
    struct http_server *server;
    struct http_request *held[MAX_HELD]; /* to be answered by the test */
    unsigned held_count;
    unsigned handled;
    unsigned gone;
    int descriptors;
    bool closed;
};

static const struct dapr_pair plain[] = {{"Content-Type", "text/plain"}};

/* ---- the handler --------------------------------------------------------- */

static void echo(struct http_request *request)
{
    struct buffer body;

    buffer_init(&body, 1000);
    buffer_printf(&body, "%s %s [", request->method, request->target);
    buffer_append(&body, request->body.data, request->body.size);
    buffer_printf(&body, "]%s%s", request->body_too_large ? " too large" : "",
                  request->body_error ? request->body_error : "");
    http_reply(request, 200, (struct dapr_metadata){plain, 1},
               buffer_bytes(&body));
    buffer_done(&body);
}

static void gone(struct http_request *request)
{
    struct fixture *fixture = request->data;

    fixture->gone++;
}

static void reply_big(struct http_request *request)
{
    char *body = calloc(1, BIG);

    assert_non_null(body);
    http_reply(request, 200, (struct dapr_metadata){0},
               (struct dapr_bytes){body, BIG});
    free(body);
}

static void handle(struct http_request *request, void *data)
{
    static const struct dapr_pair odd[] = {
        {"X-Split", "a\r\nX-Smuggled: b\n"}, {"Bad Name", "x"},
        {"Content-Length", "1000"},          {"transfer-encoding", "chunked"},
        {"x-As-GIVEN", "caf\xc3\xa9"},       {"Connection", "keep-alive"}};
    static const struct dapr_pair close[] = {{"Connection", "close"}};
    static const struct dapr_pair length[] = {{"Content-Length", "1000"}};
    struct fixture *fixture = data;
    int status = (int)strtol(request->target + 1, NULL, 10);

    fixture->handled++;
    if (strcmp(request->target, "/later") == 0) {
        request->data = fixture;
        request->gone = gone;
        fixture->held[fixture->held_count++] = request;
    } else if (strcmp(request->target, "/odd") == 0) {
        http_reply(request, 200, (struct dapr_metadata){odd, 6},
                   dapr_text("x"));
    } else if (strcmp(request->target, "/close") == 0) {
        http_reply(request, 200, (struct dapr_metadata){close, 1},
                   dapr_text("x"));
    } else if (strcmp(request->target, "/length") == 0) {
        http_reply(request, 200, (struct dapr_metadata){length, 1},
                   (struct dapr_bytes){0});
    } else if (strcmp(request->target, "/big") == 0) {
        reply_big(request);
    } else if (status) {
        http_reply(request, status, (struct dapr_metadata){0},
                   dapr_text("body"));
    } else {
        echo(request);
    }
}

static bool wants_body(const char *method, const char *target)
{
    assert_string_equal(method, "POST");
    return strcmp(target, "/404") != 0;
}

/* ---- the fixture --------------------------------------------------------- */

static void start(struct fixture *fixture, struct http_server_options options)
{
    *fixture = (struct fixture){.descriptors = count_descriptors()};
    assert_int_equal(loop_init(&fixture->loop), 0);
    options.handler = handle;
    options.wants_body = wants_body;
    options.data = fixture;
    if (!options.max_body)
        options.max_body = MAX_BODY;
    fixture->server = http_server_new(&fixture->loop, &options);
    assert_non_null(fixture->server);
    assert_int_equal(http_server_listen(fixture->server, "127.0.0.1", 0), 0);
}

static void closed(void *data)
{
    struct fixture *fixture = data;

    fixture->closed = true;
    loop_stop(&fixture->loop);
}

static void stop(struct fixture *fixture)
{
    http_server_close(fixture->server, closed, fixture);
    WAIT(&fixture->loop, fixture->closed);
    loop_done(&fixture->loop);
    assert_int_equal(count_descriptors(), fixture->descriptors);
}

static void join(struct fixture *fixture, struct peer *peer)
{
    peer_connect(peer, &fixture->loop, http_server_port(fixture->server));
    assert_true(peer->open);
}

static void reply(struct fixture *fixture, unsigned which, const char *body)
{
    http_reply(fixture->held[which], 200, (struct dapr_metadata){plain, 1},
               dapr_text(body));
}

/* ---- conversations ------------------------------------------------------- */

#define GET     "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST    "POST /p HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define CLOSE   "Connection: close\r\n"
#define TEXT(length)                                                           \
    "Content-Type: text/plain\r\nContent-Length: " length "\r\n"
#define OK(length) "HTTP/1.1 200 OK\r\n" TEXT(length)
#define GOT        OK("8") "\r\nGET / []"
#define REFUSED(line, length)                                                  \
    "HTTP/1.1 " line "\r\nContent-Type: text/plain; charset=utf-8\r\n" CLOSE   \
    "Content-Length: " length "\r\n\r\n" line

static const struct conversation {
    const char *say[3]; /* each once the server has had time to react */
    const char *hear;
    bool closed;
} conversations[] = {
    {{GET "\r\n"}, GOT, false},
    {{GET "\r\n", GET "\r\n", GET CLOSE "\r\n"},
     GOT GOT OK("8") CLOSE "\r\nGET / []",
     true},
    {{GET "\r\n" GET "\r\n" POST "Content-Length: 3\r\n\r\nabc"},
     GOT GOT OK("13") "\r\nPOST /p [abc]",
     false},
    {{"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" GET "\r\n"},
     OK("9") "\r\n" GOT,
     false},
    {{"GET / HTTP/1.0\r\n\r\n"},
     "HTTP/1.0 200 OK\r\n" TEXT("8") CLOSE "\r\nGET / []",
     true},
    {{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n"},
     "HTTP/1.0 200 OK\r\n" TEXT("8") "Connection: keep-alive\r\n\r\nGET / []"
                                     "HTTP/1.0 200 OK\r\n" TEXT("8") CLOSE
     "\r\nGET / []",
     true},

    /* answers without a body, and ones that a handler got wrong */
    {{"GET /204 HTTP/1.1\r\nHost: a\r\n\r\n" GET "\r\n"},
     "HTTP/1.1 204 No Content\r\n\r\n" GOT,
     false},
    {{"GET /304 HTTP/1.1\r\nHost: a\r\n\r\n" GET "\r\n"},
     "HTTP/1.1 304 Not Modified\r\n\r\n" GOT,
     false},
    {{"GET /101 HTTP/1.1\r\nHost: a\r\n\r\n"},
     "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\nbody",
     false},
    {{"GET /299 HTTP/1.1\r\nHost: a\r\n\r\n"},
     "HTTP/1.1 299 status code 299\r\nContent-Length: 4\r\n\r\nbody",
     false},
    {{"GET /odd HTTP/1.1\r\nHost: a\r\n\r\n"},
     "HTTP/1.1 200 OK\r\nX-Split: a  X-Smuggled: b \r\n"
     "x-As-GIVEN: caf\xc3\xa9\r\nContent-Length: 1\r\n\r\nx",
     false},
    {{"GET /close HTTP/1.1\r\nHost: a\r\n\r\n"},
     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" CLOSE "\r\nx",
     true},
    {{"HEAD /length HTTP/1.1\r\nHost: a\r\n\r\n" GET "\r\n"},
     "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" GOT,
     false},

    /* bodies */
    {{CHUNKED "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX: y\r\n\r\n" GET "\r\n"},
     OK("15") "\r\nPOST /p [abcde]" GOT,
     false},
    {{CHUNKED "1\r\na\r\nzz\r\n"},
     OK("39") CLOSE "\r\nPOST /p [a]invalid byte in chunk length",
     true},
    {{POST "Content-Length: 20\r\n\r\n01234567890123456789"},
     OK("30") "\r\nPOST /p [01234567890123456789]",
     false},
    {{POST "Content-Length: 21\r\n\r\n01234567890123456789x"},
     OK("40") CLOSE "\r\nPOST /p [01234567890123456789] too large",
     true},

    /* expectations */
    {{POST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", "abc"},
     "HTTP/1.1 100 Continue\r\n\r\n" OK("13") "\r\nPOST /p [abc]",
     false},
    {{POST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n"},
     OK("10") "\r\nPOST /p []",
     false},
    {{"POST /404 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
      "Expect: 100-continue\r\n\r\n"},
     "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n" CLOSE "\r\nbody",
     true},
    {{POST "Content-Length: 3\r\nExpect: something\r\n\r\n"},
     "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n" CLOSE "\r\n",
     true},
    {{"POST /p HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
      "abc"},
     "HTTP/1.0 200 OK\r\n" TEXT("13") CLOSE "\r\nPOST /p [abc]",
     true},

    /* requests that the handler does not see */
    {{"nonsense\r\n\r\n"}, REFUSED("400 Bad Request", "15"), true},
    {{GET "\r\n\r\n"}, GOT REFUSED("400 Bad Request", "15"), true},
    {{"GET / HTTP/1.1\r\n\r\n"},
     REFUSED("400 Bad Request: missing required Host header", "45"),
     true},
    {{GET "X : y\r\n\r\n"},
     REFUSED("400 Bad Request: invalid header name", "36"),
     true},
    {{"GET / HTTP/3.0\r\nHost: a\r\n\r\n"},
     REFUSED("505 HTTP Version Not Supported: unsupported protocol version",
             "60"),
     true},
    {{POST "Transfer-Encoding: gzip\r\n\r\n"},
     "HTTP/1.1 501 Not Implemented\r\n"
     "Content-Type: text/plain; charset=utf-8\r\n" CLOSE
     "Content-Length: 29\r\n\r\nUnsupported transfer encoding",
     true},
    {{GET "X: 0123456789012345678901234567890123456789012345678901234567890123"
          "456789012345678901234567890123456789\r\n\r\n"},
     REFUSED("431 Request Header Fields Too Large", "35"),
     true},
};

static void say(struct fixture *fixture, struct peer *peer, const char *text,
                bool bytewise)
{
    if (!bytewise) {
        peer_say(peer, text);
        settle(&fixture->loop);
        return;
    }
    for (; *text; text++) {
        conn_write(&peer->conn, text, 1);
        uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
        uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
    }
}

static void converse(struct fixture *fixture, const struct conversation *with,
                     bool bytewise)
{
    struct peer peer;

    join(fixture, &peer);
    for (size_t i = 0; i < 3 && with->say[i]; i++)
        say(fixture, &peer, with->say[i], bytewise);
    WAIT(&fixture->loop, strlen(peer_heard(&peer)) >= strlen(with->hear) &&
                             (peer.closed || !with->closed));
    settle(&fixture->loop);
    assert_string_equal(peer_heard(&peer), with->hear);
    assert_int_equal(peer.closed, with->closed);
    if (with->closed)
        assert_int_equal(peer.status, UV_EOF);
    peer_done(&peer);
}

static void test_conversations(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture, (struct http_server_options){.max_head = 120});
    for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++) {
        converse(&fixture, &conversations[i], false);
        converse(&fixture, &conversations[i], true);
    }
    stop(&fixture);
}

/* ---- answers that come later --------------------------------------------- */

static void test_order(void **state)
{
    struct fixture fixture;
    struct peer peer;

    (void)state;
    start(&fixture, (struct http_server_options){0});
    join(&fixture, &peer);
    peer_say(&peer, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n" GET "\r\n"
                    "GET /later HTTP/1.1\r\nHost: a\r\n\r\n" GET "\r\n");
    WAIT(&fixture.loop, fixture.held_count == 1);
    settle(&fixture.loop);
    assert_int_equal(fixture.handled, 1);
    assert_int_equal(peer.in.size, 0);
    peer_say(&peer, GET "\r\n");
    settle(&fixture.loop);
    assert_int_equal(fixture.handled, 1);
    reply(&fixture, 0, "one");
    WAIT(&fixture.loop, fixture.held_count == 2);
    assert_int_equal(fixture.handled, 3);
    assert_int_equal(http_server_busy(fixture.server), 1);
    reply(&fixture, 1, "three");
    WAIT(&fixture.loop, fixture.handled == 5);
    settle(&fixture.loop);
    assert_string_equal(peer_heard(&peer),
                        OK("3") "\r\none" GOT OK("5") "\r\nthree" GOT GOT);
    assert_int_equal(http_server_busy(fixture.server), 0);
    peer_done(&peer);
    stop(&fixture);
}

static void test_gone(void **state)
{
    struct fixture fixture;
    struct peer peer;

    (void)state;
    start(&fixture, (struct http_server_options){.max_connections = 1});
    join(&fixture, &peer);
    peer_say(&peer, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT(&fixture.loop, fixture.held_count == 1);
    peer_done(&peer);
    WAIT(&fixture.loop, fixture.gone == 1);
    join(&fixture, &peer); /* the answer that is due counts */
    peer_say(&peer, GET "\r\n");
    settle(&fixture.loop);
    assert_int_equal(peer.in.size, 0);
    assert_int_equal(http_server_busy(fixture.server), 1);
    assert_string_equal(fixture.held[0]->target, "/later");
    reply(&fixture, 0, "to nobody");
    assert_int_equal(http_server_busy(fixture.server), 0);
    WAIT(&fixture.loop, peer.in.size > 0);
    peer_done(&peer);
    stop(&fixture);
}

/* A client that asks and asks and does not read: its next request waits. */
static void test_slow_reader(void **state)
{
    struct fixture fixture;
    struct peer peer;

    (void)state;
    start(&fixture, (struct http_server_options){0});
    join(&fixture, &peer);
    conn_read_stop(&peer.conn);
    peer_say(&peer, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n" GET CLOSE "\r\n");
    WAIT(&fixture.loop, fixture.handled == 1);
    settle(&fixture.loop);
    assert_int_equal(fixture.handled, 1);
    assert_int_equal(http_server_busy(fixture.server), 1);
    conn_read_start(&peer.conn);
    WAIT(&fixture.loop, peer.closed);
    assert_int_equal(fixture.handled, 2);
    assert_true(peer.in.size > BIG);
    peer_done(&peer);
    stop(&fixture);
}

/* A client that reads only after all has been sent gets its answer, also where
 * nobody wants what it sends. */
static void test_unread_body(void **state)
{
    struct fixture fixture;
    struct peer peer;
    char *body = calloc(1, BIG);

    (void)state;
    assert_non_null(body);
    start(&fixture, (struct http_server_options){0});
    join(&fixture, &peer);
    peer_say(&peer, POST "Content-Length: 8388608\r\n\r\n");
    conn_write(&peer.conn, body, BIG);
    conn_read_stop(&peer.conn);
    WAIT(&fixture.loop,
         peer.closed || !(peer.conn.out.size || peer.conn.flying.size));
    assert_false(peer.closed);
    conn_read_start(&peer.conn);
    WAIT(&fixture.loop, peer.closed);
    assert_int_equal(peer.status, UV_EOF);
    assert_memory_equal(peer.in.data, "HTTP/1.1 200 OK\r\n", 17);
    peer_done(&peer);
    free(body);
    stop(&fixture);
}

/* ---- silence ------------------------------------------------------------- */

static void test_timeouts(void **state)
{
    static const struct {
        const char *say, *hear;
    } cases[] = {
        {"", ""},
        {"GET / HT", ""},
        {GET "\r\nGET /", GOT},
        {POST "Content-Length: 3\r\n\r\nab",
         REFUSED("408 Request Timeout", "19")},
        {CHUNKED "3\r\nab", REFUSED("408 Request Timeout", "19")},
        {GET "\r\n", GOT},
    };
    struct fixture fixture;
    struct peer peer;

    (void)state;
    start(&fixture, (struct http_server_options){.head_timeout = 30,
                                                 .body_timeout = 30,
                                                 .idle_timeout = 30});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        join(&fixture, &peer);
        peer_say(&peer, cases[i].say);
        WAIT(&fixture.loop, peer.closed);
        assert_string_equal(peer_heard(&peer), cases[i].hear);
        peer_done(&peer);
    }
    stop(&fixture);
}

/* The time of a head does not start anew with each byte. */
static void test_trickle(void **state)
{
    struct fixture fixture;
    struct peer peer;
    uint64_t start_time;

    (void)state;
    start(&fixture, (struct http_server_options){.head_timeout = 100,
                                                 .max_head = 64u << 20});
    join(&fixture, &peer);
    start_time = uv_hrtime();
    peer_say(&peer, "GET / HTTP/1.1\r\nX: ");
    while (!peer.closed && uv_hrtime() - start_time < 3000000000) {
        peer_say(&peer, "x");
        uv_run(&fixture.loop.uv, UV_RUN_NOWAIT);
    }
    assert_true(peer.closed);
    peer_done(&peer);
    stop(&fixture);
}

/* ---- connections --------------------------------------------------------- */

static void test_max_connections(void **state)
{
    struct fixture fixture;
    struct peer peers[3];

    (void)state;
    start(&fixture, (struct http_server_options){.max_connections = 2});
    for (int i = 0; i < 3; i++) {
        join(&fixture, &peers[i]);
        peer_say(&peers[i], GET "\r\n");
    }
    WAIT(&fixture.loop, fixture.handled == 2);
    settle(&fixture.loop);
    assert_int_equal(peers[2].in.size, 0);
    peer_done(&peers[0]);
    WAIT(&fixture.loop, peers[2].in.size > 0);
    assert_string_equal(peer_heard(&peers[2]), GOT);
    peer_done(&peers[1]);
    peer_done(&peers[2]);
    stop(&fixture);
}

static int plain_socket(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address;

    uv_ip4_addr("127.0.0.1", port, &address);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address),
                     0);
    return fd;
}

/* Without descriptors, nobody is served, and nothing spins; later all is well.
 */
static void test_no_descriptors(void **state)
{
    struct fixture fixture;
    struct rlimit before, none;
    struct peer peer;
    char byte;
    int fd;

    (void)state;
    start(&fixture, (struct http_server_options){0});
    fd = plain_socket(http_server_port(fixture.server));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){(rlim_t)fd + 1, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    settle(&fixture.loop);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
    join(&fixture, &peer);
    peer_say(&peer, GET "\r\n");
    WAIT(&fixture.loop, peer.in.size > 0);
    peer_done(&peer);
    stop(&fixture);
}

/* ---- the end ------------------------------------------------------------- */

static void test_drain(void **state)
{
    struct fixture fixture;
    struct peer idle, used, busy, half, late;
    int port;

    (void)state;
    start(&fixture, (struct http_server_options){0});
    port = http_server_port(fixture.server);
    join(&fixture, &idle);
    join(&fixture, &used);
    join(&fixture, &busy);
    join(&fixture, &half);
    peer_say(&used, GET "\r\n");
    peer_say(&busy, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n" GET "\r\n");
    peer_say(&half, GET);
    WAIT(&fixture.loop, fixture.held_count == 1 && used.in.size);
    settle(&fixture.loop);
    http_server_drain(fixture.server);
    WAIT(&fixture.loop, idle.closed && used.closed);
    assert_false(busy.closed);
    assert_int_equal(http_server_busy(fixture.server), 1);
    reply(&fixture, 0, "x");
    peer_say(&half, "\r\n");
    WAIT(&fixture.loop, busy.closed && half.closed);
    assert_string_equal(peer_heard(&busy), OK("1") CLOSE "\r\nx");
    assert_string_equal(peer_heard(&half), OK("8") CLOSE "\r\nGET / []");
    assert_int_equal(http_server_busy(fixture.server), 0);
    peer_connect(&late, &fixture.loop, port);
    assert_int_equal(late.status, UV_ECONNREFUSED);
    peer_done(&idle);
    peer_done(&used);
    peer_done(&busy);
    peer_done(&half);
    peer_done(&late);
    stop(&fixture);
}

static void test_close_while_busy(void **state)
{
    struct fixture fixture;
    struct peer peer;

    (void)state;
    start(&fixture, (struct http_server_options){0});
    join(&fixture, &peer);
    peer_say(&peer, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n" GET "\r\n");
    WAIT(&fixture.loop, fixture.held_count == 1);
    http_server_close(fixture.server, closed, &fixture);
    WAIT(&fixture.loop, peer.closed);
    settle(&fixture.loop);
    assert_false(fixture.closed);
    assert_int_equal(fixture.gone, 1);
    reply(&fixture, 0, "x");
    WAIT(&fixture.loop, fixture.closed);
    assert_int_equal(fixture.handled, 1);
    peer_done(&peer);
    loop_done(&fixture.loop);
    assert_int_equal(count_descriptors(), fixture.descriptors);
}

/* ---- addresses ----------------------------------------------------------- */

static void test_addresses(void **state)
{
    struct fixture fixture;
    int port;

    (void)state;
    start(&fixture, (struct http_server_options){0});
    port = http_server_port(fixture.server);
    assert_true(port > 0);
    assert_int_equal(http_server_listen(fixture.server, "127.0.0.1", port),
                     UV_EADDRINUSE);
    assert_int_equal(http_server_listen(fixture.server, "::1", 0), 0);
    assert_true(http_server_port(fixture.server) > 0);
    assert_int_equal(http_server_listen(fixture.server, "localhost", 0),
                     UV_EINVAL);
    assert_int_equal(http_server_listen(fixture.server, "203.0.113.1", 0),
                     UV_EADDRNOTAVAIL);
    stop(&fixture);
}

/* A socket file whose owner has died. */
static void leave_stale(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void test_unix_socket(void **state)
{
    char folder[] = "/tmp/test_http_XXXXXX";
    char path[64], file[64], longest[200];
    struct fixture fixture;
    struct peer peer;
    struct stat found;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    snprintf(file, sizeof file, "%s/f", folder);
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    fclose(fopen(file, "w"));
    leave_stale(path);
    start(&fixture, (struct http_server_options){0});
    assert_int_equal(http_server_listen_unix(fixture.server, path), 0);
    assert_int_equal(http_server_listen_unix(fixture.server, path),
                     UV_EADDRINUSE);
    assert_int_equal(http_server_listen_unix(fixture.server, file),
                     UV_EADDRINUSE);
    assert_int_equal(http_server_listen_unix(fixture.server, longest),
                     UV_ENAMETOOLONG);
    peer_init(&peer);
    assert_int_equal(conn_connect_unix(&peer.conn, &fixture.loop, path,
                                       PATIENCE, &peer_events),
                     0);
    peer_say(&peer, GET "\r\n");
    WAIT(&fixture.loop, peer.in.size > 0);
    assert_string_equal(peer_heard(&peer), GOT);
    peer_done(&peer);
    stop(&fixture);
    assert_int_not_equal(stat(path, &found), 0);
    unlink(file);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversations),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_unread_body),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_trickle),
        cmocka_unit_test(test_max_connections),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_close_while_busy),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_unix_socket),
    };

    return cmocka_run_group_tests(tests, warm_up, NULL);
}
