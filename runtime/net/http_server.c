/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.1 server: what becomes of a client's requests. Owned by the
 * loop's thread. Listeners are in http_listen.c.
 *
 * A client has one request at a time with the handler; what it sends ahead
 * waits, and so does its sender. A client's memory goes when its connection
 * has ended and its request has been answered, whichever comes last.
 */
#include "net/http_listen.h"

#include "core/container.h"
#include "net/http_text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#define MAX_HEAD   (8u << 10)
#define MAX_AHEAD  (256u << 10) /* what one read can bring, and more */
#define KEPT_AHEAD (4u << 10)
#define STALL      30000 /* ms in which a client must fetch some of an answer */
#define LINGER     500   /* ms in which it must have seen the end */

/* What a client's silence is measured against. */
enum waiting {
    FOR_NOTHING,
    FOR_HEAD,
    FOR_BODY,
    FOR_REQUEST,
    FOR_READER, /* of a long answer */
    FOR_CLOSE
};

enum phase { READING, ANSWERING, LEAVING };

struct client {
    struct http_request request; /* first: http_reply() gets here from it */
    struct http_server *server;
    struct conn conn;
    struct http_reader reader;
    struct buffer ahead; /* bytes after the request that is answered */
    struct loop_timer timer;
    struct loop_task leave;
    enum waiting waiting;
    enum phase phase;
    size_t unsent; /* when the timer was started */
    bool inside;   /* take() is running */
    bool gone;     /* the connection has ended */
    LIST_ENTRY(client) link;
};

static void client_free(struct client *client)
{
    struct http_server *server = client->server;

    LIST_REMOVE(client, link);
    http_reader_done(&client->reader);
    buffer_done(&client->ahead);
    free(client);
    http_server_left(server);
}

static size_t unsent(const struct client *client)
{
    return client->conn.out.size + client->conn.flying.size;
}

/* ---- silence ------------------------------------------------------------- */

static enum waiting what_for(const struct client *client)
{
    if (client->phase == ANSWERING)
        return FOR_NOTHING;
    if (client->phase == LEAVING)
        return unsent(client) ? FOR_READER : FOR_CLOSE;
    if (conn_full(&client->conn))
        return FOR_READER;
    if (client->reader.place != HTTP_IN_HEAD)
        return FOR_BODY;
    /* As in Go, a new connection has no more time than a head. */
    return http_read_begun(&client->reader) || client->waiting == FOR_HEAD
               ? FOR_HEAD
               : FOR_REQUEST;
}

static void watch(struct client *client)
{
    const struct http_server_options *options = &client->server->options;
    const unsigned limits[] = {
        [FOR_NOTHING] = 0,
        [FOR_HEAD] = options->head_timeout,
        [FOR_BODY] = options->body_timeout,
        [FOR_REQUEST] = options->idle_timeout,
        [FOR_READER] = STALL,
        [FOR_CLOSE] = LINGER,
    };
    enum waiting before = client->waiting;

    client->waiting = what_for(client);
    if (client->waiting == FOR_HEAD && before == FOR_HEAD)
        return; /* the whole head has that time */
    client->unsent = unsent(client);
    loop_timer_stop(client->server->loop, &client->timer);
    if (limits[client->waiting])
        loop_timer_start(client->server->loop, &client->timer,
                         limits[client->waiting]);
}

/* ---- answers ------------------------------------------------------------- */

/* Closing with bytes unread makes the kernel drop what the client has not
 * fetched of the answer. So the client sees the end, and gets some time to
 * close; what it sends meanwhile is thrown away. Runs after the connection's
 * own task has written the answer. */
static void say_end(struct loop_task *task)
{
    struct client *client = container_of(task, struct client, leave);
    uv_os_fd_t fd;

    if (unsent(client) || uv_fileno(&client->conn.handle.any, &fd))
        conn_close_after_write(&client->conn);
    else
        shutdown(fd, SHUT_WR);
    watch(client);
}

static void leave(struct client *client)
{
    client->phase = LEAVING;
    buffer_done(&client->ahead);
    conn_flush_later(&client->conn);
    conn_read_start(&client->conn);
    loop_task_add(client->server->loop, &client->leave);
}

static void write_date(struct http_server *server, struct buffer *out)
{
    time_t now = time(NULL);
    struct tm tm;

    if (now != server->date_of) {
        server->date_of = now;
        gmtime_r(&now, &tm);
        strftime(server->date, sizeof server->date,
                 "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    }
    buffer_text(out, server->date);
}

/* What a length that the handler gives is right for: there is no body to
 * count. */
static bool bodyless(const struct client *client, int status)
{
    return strcmp(client->reader.method, "HEAD") == 0 || status == 304;
}

static void write_headers(struct client *client, struct buffer *out, int status,
                          struct dapr_metadata headers)
{
    bool date = false;

    for (size_t i = 0; i < headers.count; i++) {
        const char *name = headers.pairs[i].name;

        if (strcasecmp(name, "Connection") == 0 ||
            (http_is_framing(name) &&
             !(bodyless(client, status) &&
               strcasecmp(name, "Content-Length") == 0)))
            continue;
        date |= strcasecmp(name, "Date") == 0;
        http_write_header(out, name, headers.pairs[i].value);
    }
    if (!date)
        write_date(client->server, out);
}

static void write_length(struct client *client, struct buffer *out, int status,
                         struct dapr_metadata headers, size_t size)
{
    if (status == 204 ||
        (bodyless(client, status) &&
         (status == 304 || pairs_find(headers, "Content-Length"))))
        return;
    buffer_printf(out, "Content-Length: %zu\r\n", size);
}

static void write_answer(struct client *client, int status,
                         struct dapr_metadata headers, struct dapr_bytes body,
                         bool keep)
{
    struct buffer *out = &client->server->answer;
    int minor = client->reader.minor > 0;

    buffer_clear(out);
    http_write_status(out, minor, status);
    write_headers(client, out, status, headers);
    write_length(client, out, status, headers, body.size);
    if (!keep)
        buffer_text(out, "Connection: close\r\n");
    else if (!minor)
        buffer_text(out, "Connection: keep-alive\r\n");
    buffer_text(out, "\r\n");
    if (out->failed) {
        conn_close(&client->conn);
        return;
    }
    conn_write(&client->conn, out->data, out->size);
    if (status != 204 && !bodyless(client, status))
        conn_write(&client->conn, body.data, body.size);
}

static bool may_stay(const struct client *client, struct dapr_metadata headers)
{
    const char *connection = pairs_find(headers, "Connection");

    return client->reader.keep_alive && !client->server->draining &&
           !(connection && http_list_has(connection, "close"));
}

static void answer(struct client *client, int status,
                   struct dapr_metadata headers, struct dapr_bytes body)
{
    bool stay = may_stay(client, headers);

    if (status < 200 || status > 999)
        status = 500; /* would not be an answer */
    write_answer(client, status, headers, body, stay);
    http_read_next(&client->reader);
    client->phase = READING;
    client->waiting = FOR_NOTHING;
    if (!stay)
        leave(client);
}

/* Answers a request that the handler never sees, as Go does: the reason, if
 * any, stands in the status line too. */
static void refuse(struct client *client, int status, const char *reason)
{
    const char *name = http_status_text(status);
    struct buffer *out = &client->server->answer;
    char text[160];

    snprintf(text, sizeof text, "%d %s%s%s", status, name, reason ? ": " : "",
             reason ? reason : "");
    if (status == 501) {
        snprintf(text, sizeof text, "Unsupported transfer encoding");
        reason = NULL;
    }
    buffer_clear(out);
    buffer_printf(out,
                  "HTTP/1.1 %d %s%s%s\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\n"
                  "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
                  status, name, reason ? ": " : "", reason ? reason : "",
                  strlen(text), text);
    conn_write(&client->conn, out->data, out->size);
    leave(client);
}

/* ---- requests ------------------------------------------------------------ */

static void deliver(struct client *client)
{
    struct http_reader *reader = &client->reader;
    const struct http_server_options *options = &client->server->options;

    client->phase = ANSWERING;
    client->request = (struct http_request){
        .method = reader->method,
        .target = reader->target,
        .headers = http_read_headers(reader),
        .body = buffer_bytes(&reader->body),
        .body_too_large = reader->body_too_large,
        .body_error = reader->fault ? reader->fault->reason : NULL,
    };
    options->handler(&client->request, options->data);
}

/* A client that waits to be told to go on with the body. */
static void got_head(struct client *client)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct http_server_options *options = &client->server->options;
    struct http_reader *reader = &client->reader;

    if (!reader->expect || !reader->minor)
        return;
    if (!http_list_has(reader->expect, "100-continue")) {
        reader->keep_alive = false;
        answer(client, 417, (struct dapr_metadata){0}, (struct dapr_bytes){0});
    } else if (reader->has_body) {
        if (!options->wants_body ||
            options->wants_body(reader->method, reader->target)) {
            conn_write(&client->conn, go_on, sizeof go_on - 1);
        } else {
            reader->keep_alive = false;
            deliver(client);
        }
    }
}

static void got_broken(struct client *client)
{
    const struct http_fault *fault = client->reader.fault;

    if (client->reader.place != HTTP_IN_HEAD)
        deliver(client);
    else
        refuse(client, fault->status, fault->told ? fault->reason : NULL);
}

static bool may_read(const struct client *client)
{
    return client->phase == READING && !client->conn.closing &&
           !conn_full(&client->conn);
}

static void keep_for_later(struct client *client, struct dapr_bytes input)
{
    conn_read_stop(&client->conn);
    if (buffer_append(&client->ahead, input.data, input.size))
        conn_close(&client->conn);
}

/* Handlers that answer at once do so within: the loop goes on with the next
 * request. */
static void take(struct client *client, struct dapr_bytes input)
{
    enum http_progress progress = HTTP_END;

    client->inside = true;
    while (progress != HTTP_MORE && may_read(client)) {
        progress = http_read(&client->reader, &input);
        if (progress == HTTP_HEAD)
            got_head(client);
        else if (progress == HTTP_END)
            deliver(client);
        else if (progress == HTTP_BROKEN)
            got_broken(client);
    }
    client->inside = false;
    if (input.size && client->phase != LEAVING)
        keep_for_later(client, input);
    watch(client);
}

/* After an answer that came later, or was read slowly. */
static void resume(struct client *client)
{
    struct buffer ahead = client->ahead;

    if (may_read(client)) {
        buffer_init(&client->ahead, MAX_AHEAD);
        conn_read_start(&client->conn);
        take(client, buffer_bytes(&ahead));
        if (client->ahead.capacity || ahead.capacity > KEPT_AHEAD) {
            buffer_done(&ahead);
        } else {
            buffer_clear(&ahead);
            client->ahead = ahead;
        }
    } else {
        watch(client);
    }
}

void http_reply(struct http_request *request, int status,
                struct dapr_metadata headers, struct dapr_bytes body)
{
    struct client *client = (struct client *)request;

    assert(client->phase == ANSWERING);
    if (client->gone) {
        client_free(client);
        return;
    }
    answer(client, status, headers, body);
    if (!client->inside)
        resume(client);
}

/* ---- the connection ------------------------------------------------------ */

/* The first bytes of a connection come here: this is where one that begins
 * with HTTP/2's preface would take another way. */
static void on_data(struct conn *conn, const uint8_t *data, size_t size)
{
    struct client *client = container_of(conn, struct client, conn);
    struct dapr_bytes input = {data, size};

    if (may_read(client))
        take(client, input);
    else if (client->phase != LEAVING)
        keep_for_later(client, input);
}

static void on_drained(struct conn *conn)
{
    resume(container_of(conn, struct client, conn));
}

static void on_closed(struct conn *conn, int status)
{
    struct client *client = container_of(conn, struct client, conn);
    struct http_request *request = &client->request;

    (void)status;
    client->gone = true;
    loop_timer_stop(client->server->loop, &client->timer);
    loop_task_remove(client->server->loop, &client->leave);
    if (client->phase != ANSWERING)
        client_free(client);
    else if (request->gone)
        request->gone(request);
}

static void on_silence(struct loop_timer *timer)
{
    struct client *client = container_of(timer, struct client, timer);

    if (client->waiting == FOR_BODY)
        refuse(client, 408, NULL);
    else if (client->waiting == FOR_READER && unsent(client) < client->unsent)
        watch(client); /* it reads its answer slowly */
    else
        conn_close(&client->conn);
}

int http_server_accept(struct http_server *server, uv_stream_t *listener)
{
    static const struct conn_events events = {
        .data = on_data,
        .drained = on_drained,
        .closed = on_closed,
    };
    const struct http_server_options *options = &server->options;
    struct client *client = calloc(1, sizeof *client);

    if (!client)
        return -1;
    client->server = server;
    client->timer.fire = on_silence;
    client->leave.run = say_end;
    client->waiting = FOR_HEAD;
    buffer_init(&client->ahead, MAX_AHEAD);
    http_reader_init(&client->reader, HTTP_REQUEST,
                     options->max_head ? options->max_head : MAX_HEAD,
                     options->max_body);
    LIST_INSERT_HEAD(&server->clients, client, link);
    conn_accept(&client->conn, server->loop, listener, &events);
    if (options->head_timeout)
        loop_timer_start(server->loop, &client->timer, options->head_timeout);
    return 0;
}

/* ---- all of them --------------------------------------------------------- */

void http_server_close_clients(struct http_server *server, bool idle)
{
    struct client *client;

    LIST_FOREACH (client, &server->clients, link) {
        if (client->gone)
            continue;
        if (!idle)
            conn_close(&client->conn);
        else if (client->phase == READING && !http_read_begun(&client->reader))
            conn_close_after_write(&client->conn);
    }
}

unsigned http_server_busy(const struct http_server *server)
{
    const struct client *client;
    unsigned busy = 0;

    LIST_FOREACH (client, &server->clients, link)
        busy += client->phase == ANSWERING || (!client->gone && unsent(client));
    return busy;
}
