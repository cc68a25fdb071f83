/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.1 client. Owned by the loop's thread.
 *
 * A call waits in the queue or has a connection; a connection that is being
 * opened belongs to a call already, so that whoever asked hears why it failed.
 * Calls get their connections in a task once a turn, which is why done() never
 * comes before http_client_call() has returned.
 */
#include "net/http_client.h"

#include "core/container.h"
#include "net/conn.h"
#include "net/http_read.h"
#include "net/http_text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEAD        (64u << 10)
#define MAX_REQUEST     (1u << 20) /* its head */
#define CONNECT_TIMEOUT 30000
#define IDLE_TIMEOUT    90000
#define MAX_NAME        256
#define MAX_ERROR       (MAX_NAME + 256)
#define USER_AGENT      "cdapr"

enum phase { RESOLVING, CONNECTING, BUSY, IDLE, ENDING };

struct http_client_conn {
    struct conn conn;
    struct http_client *client;
    struct http_call *call; /* while RESOLVING, CONNECTING, BUSY */
    struct http_reader reader;
    enum phase phase;
    uv_getaddrinfo_t lookup;
    struct addrinfo *found;
    struct addrinfo *address; /* of those: the one to connect to */
    struct loop_timer idle;
    bool used;  /* it has brought an answer */
    bool heard; /* something came since the request */
    LIST_ENTRY(http_client_conn) link;
    LIST_ENTRY(http_client_conn) idle_link;
};

struct http_client {
    struct loop *loop;
    struct http_client_options options;
    char address[MAX_NAME];
    char origin[MAX_NAME + 16]; /* address and port, as in Host */
    TAILQ_HEAD(http_calls, http_call) waiting;
    unsigned waiting_count;
    LIST_HEAD(, http_client_conn) conns;
    LIST_HEAD(, http_client_conn) idle; /* the last used first */
    unsigned conn_count;
    struct buffer head; /* of the request being written */
    struct loop_task assign;
    bool closing;
    void (*closed)(void *data);
    void *closed_data;
};

/* ---- calls --------------------------------------------------------------- */

static void finish(struct http_call *call, const struct http_response *response,
                   const char *error)
{
    loop_timer_stop(call->client->loop, &call->timer);
    call->done(call, response, error);
}

static void enqueue(struct http_call *call)
{
    struct http_client *client = call->client;

    call->conn = NULL;
    if (call->again)
        TAILQ_INSERT_HEAD(&client->waiting, call, link);
    else
        TAILQ_INSERT_TAIL(&client->waiting, call, link);
    client->waiting_count++;
    loop_task_add(client->loop, &client->assign);
}

static void dequeue(struct http_call *call)
{
    TAILQ_REMOVE(&call->client->waiting, call, link);
    call->client->waiting_count--;
}

/* A call and its connection part; the call ends or waits again. */
static struct http_call *part(struct http_client_conn *conn)
{
    struct http_call *call = conn->call;

    conn->call = NULL;
    call->conn = NULL;
    return call;
}

/* ---- a connection's end -------------------------------------------------- */

static void conn_free(struct http_client_conn *conn)
{
    struct http_client *client = conn->client;

    LIST_REMOVE(conn, link);
    client->conn_count--;
    if (conn->found)
        uv_freeaddrinfo(conn->found);
    http_reader_done(&conn->reader);
    free(conn);
    loop_task_add(client->loop, &client->assign);
}

/* A lookup cannot be stopped: its end is waited for. */
static void end(struct http_client_conn *conn)
{
    bool resolving = conn->phase == RESOLVING;

    if (conn->phase == IDLE)
        LIST_REMOVE(conn, idle_link);
    loop_timer_stop(conn->client->loop, &conn->idle);
    conn->phase = ENDING;
    if (resolving)
        uv_cancel((uv_req_t *)&conn->lookup);
    else
        conn_close(&conn->conn);
}

static void fail(struct http_client_conn *conn, const char *error)
{
    struct http_call *call = part(conn);

    end(conn);
    finish(call, NULL, error);
}

/* Go's words for what the system says. */
static const char *describe(int status, char *into, size_t size)
{
    if (status == UV_ETIMEDOUT)
        return "i/o timeout";
    snprintf(into, size, "%s", strerrordesc_np(-status));
    *into = (char)tolower((uint8_t)*into);
    return into;
}

static void write_origin(char *into, size_t size, const char *address, int port)
{
    snprintf(into, size, strchr(address, ':') ? "[%s]:%d" : "%s:%d", address,
             port);
}

static void connect_failed(struct http_client_conn *conn, int status)
{
    char system[128], name[MAX_NAME], origin[MAX_NAME + 16];
    char error[MAX_ERROR + 32];

    if (uv_ip_name(conn->address->ai_addr, name, sizeof name))
        *name = 0;
    write_origin(origin, sizeof origin, name, conn->client->options.port);
    snprintf(error, sizeof error, "dial tcp %s: %s%s", origin,
             status == UV_ETIMEDOUT ? "" : "connect: ",
             describe(status, system, sizeof system));
    finish(part(conn), NULL, error);
}

/* ---- a connection's answers ---------------------------------------------- */

static void become_idle(struct http_client_conn *conn)
{
    struct http_client *client = conn->client;

    conn->phase = IDLE;
    conn->used = true;
    http_read_next(&conn->reader);
    LIST_INSERT_HEAD(&client->idle, conn, idle_link);
    loop_timer_start(client->loop, &conn->idle, client->options.idle_timeout);
    if (!TAILQ_EMPTY(&client->waiting))
        loop_task_add(client->loop, &client->assign);
}

/* An answer may come before all of its request has gone. */
static bool unsent(const struct http_client_conn *conn)
{
    return conn->conn.out.size || conn->conn.flying.size;
}

static void answered(struct http_client_conn *conn, bool may_stay)
{
    struct http_reader *reader = &conn->reader;
    struct http_response response = {.status = reader->status,
                                     .headers = http_read_headers(reader),
                                     .body = buffer_bytes(&reader->body)};

    conn->phase = ENDING; /* until the answer has been read */
    finish(part(conn), &response, NULL);
    if (may_stay && !conn->client->closing)
        become_idle(conn);
    else
        end(conn);
}

static void broken(struct http_client_conn *conn)
{
    struct http_reader *reader = &conn->reader;
    char error[MAX_ERROR];

    if (reader->fault->status == 431)
        snprintf(error, sizeof error,
                 "net/http: server response headers exceeded %zu bytes; "
                 "aborted",
                 reader->head.limit);
    else if (reader->place != HTTP_IN_HEAD)
        snprintf(error, sizeof error, "%s", reader->fault->reason);
    else
        snprintf(error, sizeof error,
                 "net/http: HTTP/1.x transport connection broken: %s%s%.80s%s",
                 reader->fault->reason, reader->detail ? " \"" : "",
                 reader->detail ? reader->detail : "",
                 reader->detail ? "\"" : "");
    fail(conn, error);
}

static void too_large(struct http_client_conn *conn)
{
    char error[MAX_ERROR];

    snprintf(error, sizeof error, "response body is larger than %zu bytes",
             conn->reader.body.limit);
    fail(conn, error);
}

static void take(struct http_client_conn *conn, struct dapr_bytes input)
{
    struct http_reader *reader = &conn->reader;
    enum http_progress progress;

    while ((progress = http_read(reader, &input)) == HTTP_HEAD) {
        if (reader->status == 101)
            break;
        if (reader->status < 200)
            http_read_next(reader); /* the answer is yet to come */
    }
    if (progress == HTTP_HEAD)
        fail(conn, "the server changed the protocol, unasked");
    else if (progress == HTTP_BROKEN)
        broken(conn);
    else if (progress == HTTP_END && reader->body_too_large)
        too_large(conn);
    else if (progress == HTTP_END)
        answered(conn, reader->keep_alive && !input.size && !unsent(conn));
}

static void on_data(struct conn *base, const uint8_t *data, size_t size)
{
    struct http_client_conn *conn =
        container_of(base, struct http_client_conn, conn);

    conn->heard = true;
    if (conn->phase == BUSY)
        take(conn, (struct dapr_bytes){data, size});
    else
        end(conn); /* what nobody asked for would be the next one's answer */
}

/* ---- a connection's beginning -------------------------------------------- */

static bool has_length(const struct http_call *call)
{
    return call->body.size || strcmp(call->method, "POST") == 0 ||
           strcmp(call->method, "PUT") == 0 ||
           strcmp(call->method, "PATCH") == 0;
}

static void write_head(const struct http_call *call, struct buffer *out)
{
    buffer_clear(out);
    buffer_text(out, call->method);
    buffer_char(out, ' ');
    buffer_text(out, call->target);
    buffer_text(out, " HTTP/1.1\r\n");
    if (!pairs_find(call->headers, "Host"))
        http_write_header(out, "Host", call->client->origin);
    if (!pairs_find(call->headers, "User-Agent"))
        http_write_header(out, "User-Agent", USER_AGENT);
    for (size_t i = 0; i < call->headers.count; i++) {
        const struct dapr_pair *header = &call->headers.pairs[i];

        if (!http_is_framing(header->name))
            http_write_header(out, header->name, header->value);
    }
    if (has_length(call))
        buffer_printf(out, "Content-Length: %zu\r\n", call->body.size);
    buffer_text(out, "\r\n");
}

static void send_request(struct http_client_conn *conn)
{
    struct http_call *call = conn->call;
    struct buffer *out = &conn->client->head;

    conn->phase = BUSY;
    conn->heard = false;
    conn->reader.headless_body = strcmp(call->method, "HEAD") == 0;
    write_head(call, out);
    if (out->failed) {
        fail(conn, "net/http: request headers are too long");
        return;
    }
    conn_write(&conn->conn, out->data, out->size);
    conn_write(&conn->conn, call->body.data, call->body.size);
}

static void on_opened(struct conn *base)
{
    send_request(container_of(base, struct http_client_conn, conn));
}

/* The connection ended under a request. */
static void cut_short(struct http_client_conn *conn, int status)
{
    struct http_client *client = conn->client;
    struct http_call *call = conn->call;
    char system[128], error[MAX_ERROR + 128];

    if (status == UV_EOF && http_read_closed(&conn->reader)) {
        answered(conn, false);
    } else if (conn->used && !conn->heard &&
               (status == UV_EOF || status == UV_ECONNRESET ||
                status == UV_EPIPE)) {
        call->again = true;
        enqueue(part(conn));
    } else if (status == UV_EOF) {
        finish(part(conn), NULL, conn->heard ? "unexpected EOF" : "EOF");
    } else {
        snprintf(error, sizeof error, "tcp %s: %s", client->origin,
                 describe(status, system, sizeof system));
        finish(part(conn), NULL, error);
    }
}

static void connect_to(struct http_client_conn *conn);

static void on_closed(struct conn *base, int status)
{
    struct http_client_conn *conn =
        container_of(base, struct http_client_conn, conn);
    struct addrinfo *next = conn->address ? conn->address->ai_next : NULL;

    if (conn->phase == IDLE)
        LIST_REMOVE(conn, idle_link);
    loop_timer_stop(conn->client->loop, &conn->idle);
    if (conn->phase == CONNECTING && next) {
        conn->address = next;
        connect_to(conn);
        return;
    }
    if (conn->phase == CONNECTING)
        connect_failed(conn, status);
    else if (conn->phase == BUSY)
        cut_short(conn, status);
    conn_free(conn);
}

static void connect_to(struct http_client_conn *conn)
{
    static const struct conn_events events = {
        .opened = on_opened,
        .data = on_data,
        .closed = on_closed,
    };

    conn->phase = CONNECTING;
    conn_connect_tcp(&conn->conn, conn->client->loop, conn->address->ai_addr,
                     conn->client->options.connect_timeout, &events);
}

static void on_found(uv_getaddrinfo_t *lookup, int status,
                     struct addrinfo *found)
{
    struct http_client_conn *conn =
        container_of(lookup, struct http_client_conn, lookup);
    char error[MAX_ERROR];

    conn->found = found;
    conn->address = found;
    if (conn->phase == ENDING) {
        conn_free(conn);
    } else if (status) {
        snprintf(error, sizeof error, "dial tcp: lookup %s: %s",
                 conn->client->address,
                 status == UV_EAI_NONAME || status == UV_EAI_NODATA
                     ? "no such host"
                     : uv_strerror(status));
        finish(part(conn), NULL, error);
        conn_free(conn);
    } else {
        connect_to(conn);
    }
}

static void on_idle_long(struct loop_timer *timer)
{
    end(container_of(timer, struct http_client_conn, idle));
}

/* A number needs no lookup. */
static int resolve(struct http_client_conn *conn)
{
    struct http_client *client = conn->client;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST};
    char port[16];

    snprintf(port, sizeof port, "%d", client->options.port);
    if (uv_getaddrinfo(&client->loop->uv, &conn->lookup, NULL, client->address,
                       port, &hints) == 0) {
        conn->found = conn->address = conn->lookup.addrinfo;
        connect_to(conn);
        return 0;
    }
    hints.ai_flags = 0;
    conn->phase = RESOLVING;
    return uv_getaddrinfo(&client->loop->uv, &conn->lookup, on_found,
                          client->address, port, &hints);
}

static void open_conn(struct http_client *client, struct http_call *call)
{
    struct http_client_conn *conn = calloc(1, sizeof *conn);
    int status;

    if (!conn) {
        finish(call, NULL, "out of memory");
        return;
    }
    conn->client = client;
    conn->call = call;
    call->conn = conn;
    conn->idle.fire = on_idle_long;
    http_reader_init(&conn->reader, HTTP_RESPONSE, client->options.max_head,
                     client->options.max_body);
    LIST_INSERT_HEAD(&client->conns, conn, link);
    client->conn_count++;
    status = resolve(conn);
    if (status) {
        finish(part(conn), NULL, uv_strerror(status));
        conn_free(conn);
    }
}

/* ---- who gets which ------------------------------------------------------ */

static bool assign_one(struct http_client *client, struct http_call *call)
{
    struct http_client_conn *conn =
        call->again ? NULL : LIST_FIRST(&client->idle);

    if (!conn && client->conn_count >= client->options.max_connections)
        return false;
    dequeue(call);
    if (!conn) {
        open_conn(client, call);
        return true;
    }
    LIST_REMOVE(conn, idle_link);
    loop_timer_stop(client->loop, &conn->idle);
    conn->call = call;
    call->conn = conn;
    send_request(conn);
    return true;
}

/* What would not be one request on the wire. */
static const char *unsendable(const struct http_call *call)
{
    if (!*call->method || call->method[http_token_size(call->method)])
        return "net/http: invalid method";
    for (const char *at = call->target; *at; at++) {
        if (*at == ' ' || iscntrl((uint8_t)*at))
            return "net/url: invalid control character in URL";
    }
    return *call->target ? NULL : "http: no target in request URL";
}

static void refuse(struct http_call *call, const char *why)
{
    dequeue(call);
    finish(call, NULL, why);
}

static void finish_close(struct http_client *client)
{
    void (*closed)(void *data) = client->closed;
    void *data = client->closed_data;

    buffer_done(&client->head);
    free(client);
    closed(data);
}

static void assign(struct loop_task *task)
{
    struct http_client *client = container_of(task, struct http_client, assign);
    struct http_call *call;

    while ((call = TAILQ_FIRST(&client->waiting))) {
        const char *wrong =
            client->closing ? "http: the client is closed" : unsendable(call);

        if (wrong)
            refuse(call, wrong);
        else if (!assign_one(client, call))
            break;
    }
    while (client->waiting_count > client->options.max_waiting)
        refuse(TAILQ_LAST(&client->waiting, http_calls),
               "too many requests wait for a connection");
    if (client->closing && LIST_EMPTY(&client->conns))
        finish_close(client);
}

/* ---- for callers --------------------------------------------------------- */

void http_client_cancel(struct http_client *client, struct http_call *call)
{
    struct http_client_conn *conn = call->conn;

    loop_timer_stop(client->loop, &call->timer);
    if (!conn) {
        dequeue(call);
        return;
    }
    part(conn);
    end(conn);
}

static void on_timeout(struct loop_timer *timer)
{
    struct http_call *call = container_of(timer, struct http_call, timer);

    http_client_cancel(call->client, call);
    call->done(call, NULL, "context deadline exceeded");
}

void http_client_call(struct http_client *client, struct http_call *call)
{
    call->client = client;
    call->again = false;
    call->timer = (struct loop_timer){.fire = on_timeout};
    if (call->timeout)
        loop_timer_start(client->loop, &call->timer, call->timeout);
    enqueue(call);
}

/* ---- life ---------------------------------------------------------------- */

struct http_client *http_client_new(struct loop *loop,
                                    const struct http_client_options *options)
{
    struct http_client *client = calloc(1, sizeof *client);

    if (!client)
        return NULL;
    client->loop = loop;
    client->options = *options;
    if (!options->max_connections)
        client->options.max_connections = 1;
    if (!options->max_head)
        client->options.max_head = MAX_HEAD;
    if (!options->connect_timeout)
        client->options.connect_timeout = CONNECT_TIMEOUT;
    if (!options->idle_timeout)
        client->options.idle_timeout = IDLE_TIMEOUT;
    snprintf(client->address, sizeof client->address, "%s", options->address);
    write_origin(client->origin, sizeof client->origin, client->address,
                 options->port);
    TAILQ_INIT(&client->waiting);
    client->assign.run = assign;
    buffer_init(&client->head, MAX_REQUEST);
    return client;
}

void http_client_close(struct http_client *client, void (*closed)(void *data),
                       void *data)
{
    struct http_client_conn *conn;

    client->closing = true;
    client->closed = closed;
    client->closed_data = data;
    LIST_FOREACH (conn, &client->conns, link) {
        if (conn->call)
            fail(conn, "http: the client is closed");
        else if (conn->phase != ENDING)
            end(conn);
    }
    loop_task_add(client->loop, &client->assign);
}
