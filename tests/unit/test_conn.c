/* SPDX-License-Identifier: Apache-2.0 */
/* Connections over real sockets: two ends in one loop, or a bare descriptor as
 * the peer. */
#include "net_fixture.h"

#include "net/conn.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LARGE (8u << 20)

/* When an end is closed by its user, who must not be told at once. */
enum moment { NEVER, OPENED, DATA, FILL, DRAINED };

struct end {
    struct conn conn;
    struct fixture *fixture;
    enum moment closes;
    unsigned opened;
    unsigned drained;
    unsigned ended;
    int status;
    size_t received;
    bool damaged; /* what came is not what was sent */
    bool inside;  /* a call that must not end in closed() */
    bool echo;
};

struct fixture {
    struct net_fixture net;
    union {
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } listener;
    bool listening;
    int port;
    struct end client;
    struct end server;
    unsigned open; /* ends that have not ended */
    size_t enough; /* bytes at the server after which the loop stops */
};

/* ---- both ends ----------------------------------------------------------- */

static void close_at(struct end *end, enum moment moment)
{
    if (end->closes != moment)
        return;
    end->inside = true;
    conn_close(&end->conn);
    conn_close(&end->conn);
    end->inside = false;
}

static void opened(struct conn *conn)
{
    struct end *end = container_of(conn, struct end, conn);

    end->opened++;
    close_at(end, OPENED);
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + (at >> 8));
}

static void data(struct conn *conn, const uint8_t *bytes, size_t size)
{
    struct end *end = container_of(conn, struct end, conn);

    for (size_t i = 0; i < size; i++)
        end->damaged |= bytes[i] != pattern(end->received + i);
    end->received += size;
    if (end->echo)
        conn_write(conn, bytes, size);
    close_at(end, DATA);
    if (end->fixture->enough && end->received >= end->fixture->enough)
        loop_stop(&end->fixture->net.loop);
}

static void fill(struct conn *conn)
{
    close_at(container_of(conn, struct end, conn), FILL);
}

static void drained(struct conn *conn)
{
    struct end *end = container_of(conn, struct end, conn);

    assert_false(conn_full(conn));
    end->drained++;
    close_at(end, DRAINED);
}

static void closed(struct conn *conn, int status)
{
    struct end *end = container_of(conn, struct end, conn);

    assert_false(end->inside);
    end->ended++;
    end->status = status;
    if (--end->fixture->open == 0)
        loop_stop(&end->fixture->net.loop);
}

static const struct conn_events events = {.opened = opened,
                                          .data = data,
                                          .fill = fill,
                                          .drained = drained,
                                          .closed = closed};

static void send_pattern(struct end *end, size_t size)
{
    uint8_t piece[1000];
    size_t part;

    for (size_t at = 0; at < size; at += part) {
        part = size - at < sizeof piece ? size - at : sizeof piece;
        for (size_t i = 0; i < part; i++)
            piece[i] = pattern(at + i);
        assert_int_equal(conn_write(&end->conn, piece, part), 0);
    }
}

/* ---- the fixture --------------------------------------------------------- */

static void accept_one(uv_stream_t *stream, int status)
{
    struct fixture *fixture = container_of(stream, struct fixture, listener);

    assert_int_equal(status, 0);
    fixture->open++;
    conn_accept(&fixture->server.conn, &fixture->net.loop, stream, &events);
}

static void listen_unix(struct fixture *fixture)
{
    uv_pipe_init(&fixture->net.loop.uv, &fixture->listener.pipe, 0);
    assert_int_equal(uv_pipe_bind(&fixture->listener.pipe, fixture->net.path),
                     0);
    assert_int_equal(uv_listen(&fixture->listener.stream, 8, accept_one), 0);
    fixture->listening = true;
}

static void connect_unix(struct fixture *fixture)
{
    assert_int_equal(conn_connect_unix(&fixture->client.conn,
                                       &fixture->net.loop, fixture->net.path,
                                       PATIENCE, &events),
                     0);
    fixture->open++;
}

static struct sockaddr_in local(int port)
{
    struct sockaddr_in address;

    uv_ip4_addr("127.0.0.1", port, &address);
    return address;
}

static void listen_tcp(struct fixture *fixture)
{
    struct sockaddr_in address = local(0);
    int size = sizeof address;

    uv_tcp_init(&fixture->net.loop.uv, &fixture->listener.tcp);
    uv_tcp_bind(&fixture->listener.tcp, (struct sockaddr *)&address, 0);
    uv_tcp_getsockname(&fixture->listener.tcp, (struct sockaddr *)&address,
                       &size);
    fixture->port = ntohs(address.sin_port);
    assert_int_equal(uv_listen(&fixture->listener.stream, 8, accept_one), 0);
    fixture->listening = true;
}

static int connect_tcp(struct fixture *fixture, int port, uint64_t timeout)
{
    struct sockaddr_in address = local(port);

    fixture->open++;
    return conn_connect_tcp(&fixture->client.conn, &fixture->net.loop,
                            (struct sockaddr *)&address, timeout, &events);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    net_init(&fixture->net);
    fixture->client.fixture = fixture->server.fixture = fixture;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(fixture->open, 0);
    assert_true(fixture->client.ended <= 1 && fixture->server.ended <= 1);
    if (fixture->listening)
        uv_close((uv_handle_t *)&fixture->listener.stream, NULL);
    net_done(&fixture->net);
    free(fixture);
    return 0;
}

static void close_both(struct fixture *fixture)
{
    conn_close(&fixture->client.conn);
    net_run(&fixture->net);
}

/* ---- bytes --------------------------------------------------------------- */

static void echo(struct fixture *fixture)
{
    fixture->server.echo = true;
    send_pattern(&fixture->client, 100000); /* before it is connected */
    fixture->enough = 100000;
    while (fixture->client.received < 100000)
        net_run(&fixture->net);
    assert_false(fixture->client.damaged);
    assert_int_equal(fixture->client.opened, 1);
    assert_int_equal(fixture->server.opened, 0);
}

static void bytes_come_and_go_over_a_unix_socket(void **state)
{
    struct fixture *fixture = *state;

    listen_unix(fixture);
    connect_unix(fixture);
    echo(fixture);
    close_both(fixture);
    assert_int_equal(fixture->client.status, 0);
    assert_int_equal(fixture->server.status, UV_EOF);
}

static int no_delay(const struct conn *conn)
{
    socklen_t size = sizeof(int);
    int value = 0;
    uv_os_fd_t fd;

    assert_int_equal(uv_fileno(&conn->handle.any, &fd), 0);
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size);
    return value;
}

static void bytes_come_and_go_over_tcp(void **state)
{
    struct fixture *fixture = *state;

    listen_tcp(fixture);
    assert_int_equal(connect_tcp(fixture, fixture->port, PATIENCE), 0);
    echo(fixture);
    assert_true(no_delay(&fixture->client.conn));
    assert_true(no_delay(&fixture->server.conn));
    close_both(fixture);
}

static void stop_loop(struct loop_timer *timer)
{
    loop_stop(&container_of(timer, struct fixture, net.patience)->net.loop);
}

/* Lets the loop do what it can without waiting for anything. */
static void turn(struct fixture *fixture, uint64_t milliseconds)
{
    void (*too_late)(struct loop_timer *) = fixture->net.patience.fire;

    fixture->net.patience.fire = stop_loop;
    loop_timer_start(&fixture->net.loop, &fixture->net.patience, milliseconds);
    loop_run(&fixture->net.loop);
    fixture->net.patience.fire = too_late;
}

static void a_slow_reader_stops_the_writer(void **state)
{
    struct fixture *fixture = *state;
    struct end *client = &fixture->client, *server = &fixture->server;

    listen_unix(fixture);
    connect_unix(fixture);
    send_pattern(client, 1);
    fixture->enough = 1;
    net_run(&fixture->net);
    conn_read_stop(&server->conn);
    server->received = 0;
    send_pattern(client, LARGE);
    assert_true(conn_full(&client->conn));
    turn(fixture, 20);
    assert_int_equal(server->received, 0);
    assert_true(conn_full(&client->conn));
    assert_int_equal(client->drained, 0);

    conn_read_start(&server->conn);
    fixture->enough = LARGE;
    net_run(&fixture->net);
    assert_int_equal(server->received, LARGE);
    assert_false(server->damaged);
    assert_int_equal(client->drained, 1);
    assert_false(conn_full(&client->conn));
    close_both(fixture);
}

static void the_last_bytes_arrive_before_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct end *client = &fixture->client, *server = &fixture->server;

    listen_unix(fixture);
    connect_unix(fixture);
    send_pattern(client, LARGE);
    client->inside = true;
    conn_close_after_write(&client->conn);
    conn_close_after_write(&client->conn);
    client->inside = false;
    assert_int_equal(conn_write(&client->conn, "x", 1), -1);
    net_run(&fixture->net);
    assert_int_equal(server->received, LARGE);
    assert_false(server->damaged);
    assert_int_equal(server->status, UV_EOF);
    assert_int_equal(client->status, 0);
}

static void an_idle_connection_ends_after_writing_nothing(void **state)
{
    struct fixture *fixture = *state;

    listen_unix(fixture);
    connect_unix(fixture);
    fixture->client.closes = NEVER;
    conn_close_after_write(&fixture->client.conn);
    net_run(&fixture->net);
    assert_int_equal(fixture->client.status, 0);
    while (fixture->open)
        net_run(&fixture->net);
}

/* Time is made to pass by firing the deadline by hand. */
static void who_takes_none_of_the_last_bytes_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    struct end *client = &fixture->client, *server = &fixture->server;
    struct loop_timer *deadline = &client->conn.deadline;

    listen_unix(fixture);
    connect_unix(fixture);
    send_pattern(client, 1);
    fixture->enough = 1;
    net_run(&fixture->net);
    conn_read_stop(&server->conn);
    server->received = 0;
    send_pattern(client, LARGE);
    conn_close_after_write(&client->conn);
    turn(fixture, 20);
    assert_int_not_equal(deadline->at, 0);
    deadline->fire(deadline); /* the kernel has taken some since */
    assert_false(client->conn.closing);
    conn_read_start(&server->conn);
    fixture->enough = LARGE / 2;
    net_run(&fixture->net);
    conn_read_stop(&server->conn);
    turn(fixture, 5);
    deadline->fire(deadline); /* the server has taken some */
    assert_false(client->conn.closing);
    deadline->fire(deadline);
    assert_true(client->conn.closing);
    turn(fixture, 5);
    assert_int_equal(client->status, UV_ETIMEDOUT);
    fixture->enough = 0;
    conn_read_start(&server->conn);
    net_run(&fixture->net);
}

/* Also where a part of it is on its way. */
static void no_more_waits_than_the_limit(void **state)
{
    struct fixture *fixture = *state;
    struct conn *conn = &fixture->client.conn;
    uint8_t *large = calloc(1, CONN_OUT_LIMIT);

    listen_unix(fixture);
    connect_unix(fixture);
    echo(fixture);
    fixture->server.echo = false;
    conn_read_stop(&fixture->server.conn);
    assert_int_equal(conn_write(conn, large, CONN_OUT_LIMIT / 2), 0);
    turn(fixture, 5);
    assert_true(conn->writing);
    assert_int_equal(conn_write(conn, large, CONN_OUT_LIMIT / 2), 0);
    fixture->client.inside = true;
    assert_int_equal(conn_write(conn, large, 1), -1);
    assert_int_equal(conn_write(conn, large, 1), -1);
    fixture->client.inside = false;
    fixture->enough = 0;
    conn_read_start(&fixture->server.conn);
    net_run(&fixture->net);
    assert_int_equal(fixture->client.status, UV_ENOBUFS);
    while (fixture->open)
        net_run(&fixture->net);
    free(large);
}

static void nobody_is_told_before_reading_resumes(void **state)
{
    struct fixture *fixture = *state;
    struct end *client = &fixture->client;

    listen_unix(fixture);
    connect_unix(fixture);
    echo(fixture);
    conn_read_stop(&client->conn);
    conn_read_stop(&client->conn);
    send_pattern(&fixture->server, 10);
    turn(fixture, 10);
    assert_int_equal(client->received, 100000);
    fixture->enough = 100010;
    conn_read_start(&client->conn);
    net_run(&fixture->net);
    assert_int_equal(client->received, 100010);
    close_both(fixture);
}

/* ---- the beginning ------------------------------------------------------- */

static void a_missing_socket_is_told(void **state)
{
    struct fixture *fixture = *state;

    connect_unix(fixture);
    net_run(&fixture->net);
    assert_int_equal(fixture->client.status, UV_ENOENT);
    assert_int_equal(fixture->client.opened, 0);
}

static void a_stale_socket_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memcpy(address.sun_path, fixture->net.path, sizeof fixture->net.path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    connect_unix(fixture);
    net_run(&fixture->net);
    assert_int_equal(fixture->client.status, UV_ECONNREFUSED);
    close(fd);
}

static void a_path_that_is_too_long_fails_at_once(void **state)
{
    struct fixture *fixture = *state;
    char path[200];

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    assert_int_equal(conn_connect_unix(&fixture->client.conn,
                                       &fixture->net.loop, path, 1, &events),
                     UV_ENAMETOOLONG);
}

static void a_closed_port_is_refused(void **state)
{
    struct fixture *fixture = *state;

    listen_tcp(fixture);
    uv_close((uv_handle_t *)&fixture->listener.stream, NULL);
    fixture->listening = false;
    turn(fixture, 1);
    if (connect_tcp(fixture, fixture->port, PATIENCE) == 0)
        net_run(&fixture->net);
    assert_int_equal(fixture->client.status, UV_ECONNREFUSED);
    assert_int_equal(fixture->client.opened, 0);
}

/* A listener whose queue is full drops what comes: the peer is silent. */
static void connecting_has_a_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in address = local(0);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), waiting[4];

    bind(listener, (struct sockaddr *)&address, sizeof address);
    assert_int_equal(listen(listener, 0), 0);
    getsockname(listener, (struct sockaddr *)&address, &size);
    for (int i = 0; i < 4; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(waiting[i], (struct sockaddr *)&address, sizeof address);
    }
    assert_int_equal(connect_tcp(fixture, ntohs(address.sin_port), 30), 0);
    net_run(&fixture->net);
    assert_int_equal(fixture->client.status, UV_ETIMEDOUT);
    assert_int_equal(fixture->client.opened, 0);
    for (int i = 0; i < 4; i++)
        close(waiting[i]);
    close(listener);
}

static void a_connection_may_be_closed_while_it_connects(void **state)
{
    struct fixture *fixture = *state;

    listen_unix(fixture);
    connect_unix(fixture);
    fixture->client.closes = OPENED;
    close_at(&fixture->client, OPENED);
    net_run(&fixture->net);
    assert_int_equal(fixture->client.status, 0);
    assert_int_equal(fixture->client.opened, 0);
    while (fixture->open)
        net_run(&fixture->net);
}

/* ---- the end ------------------------------------------------------------- */

static void close_when(struct fixture *fixture, enum moment moment)
{
    listen_unix(fixture);
    connect_unix(fixture);
    fixture->server.echo = true;
    fixture->client.closes = moment;
    send_pattern(&fixture->client, moment == DRAINED ? LARGE : 100);
    net_run(&fixture->net);
    assert_int_equal(fixture->client.ended, 1);
    assert_int_equal(fixture->client.status, 0);
    assert_int_equal(conn_write(&fixture->client.conn, "x", 1), -1);
}

static void it_may_be_closed_in_opened(void **state)
{
    close_when(*state, OPENED);
}

static void it_may_be_closed_in_data(void **state)
{
    close_when(*state, DATA);
}

static void it_may_be_closed_in_fill(void **state)
{
    close_when(*state, FILL);
}

static void it_may_be_closed_in_drained(void **state)
{
    close_when(*state, DRAINED);
}

static void a_peer_that_resets_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct linger none = {.l_onoff = 1};
    uv_os_fd_t fd;

    listen_tcp(fixture);
    connect_tcp(fixture, fixture->port, PATIENCE);
    echo(fixture);
    uv_fileno(&fixture->server.conn.handle.any, &fd);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    conn_close(&fixture->server.conn);
    net_run(&fixture->net);
    assert_int_equal(fixture->client.status, UV_ECONNRESET);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(bytes_come_and_go_over_a_unix_socket),
        TEST(bytes_come_and_go_over_tcp),
        TEST(a_slow_reader_stops_the_writer),
        TEST(the_last_bytes_arrive_before_the_end),
        TEST(an_idle_connection_ends_after_writing_nothing),
        TEST(who_takes_none_of_the_last_bytes_is_cut_off),
        TEST(no_more_waits_than_the_limit),
        TEST(nobody_is_told_before_reading_resumes),
        TEST(a_missing_socket_is_told),
        TEST(a_stale_socket_is_refused),
        TEST(a_path_that_is_too_long_fails_at_once),
        TEST(a_closed_port_is_refused),
        TEST(connecting_has_a_deadline),
        TEST(a_connection_may_be_closed_while_it_connects),
        TEST(it_may_be_closed_in_opened),
        TEST(it_may_be_closed_in_data),
        TEST(it_may_be_closed_in_fill),
        TEST(it_may_be_closed_in_drained),
        TEST(a_peer_that_resets_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
