/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server's listeners, and its beginning and end. Owned by the loop's
 * thread.
 *
 * A listener whose connection is not taken stops accepting until it is: so
 * does one at the limit of connections. Where descriptors have run out libuv
 * accepts and closes with one that it keeps for that.
 */
#include "net/http_listen.h"

#include "core/container.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG      1024
#define MAX_ANSWER   (1u << 20) /* the head of one */
#define RETRY_ACCEPT 100        /* ms, where memory was short */

struct listener {
    struct http_server *server;
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    bool waiting; /* a connection is to be taken */
    LIST_ENTRY(listener) link;
};

/* ---- accepting ----------------------------------------------------------- */

static bool has_room(const struct http_server *server)
{
    return !server->options.max_connections ||
           server->client_count < server->options.max_connections;
}

static void take_waiting(struct http_server *server)
{
    struct listener *listener;

    LIST_FOREACH (listener, &server->listeners, link) {
        if (!listener->waiting || !has_room(server))
            continue;
        if (http_server_accept(server, &listener->handle.stream)) {
            loop_timer_start(server->loop, &server->retry, RETRY_ACCEPT);
            return;
        }
        listener->waiting = false;
        server->client_count++;
    }
}

static void retry(struct loop_timer *timer)
{
    take_waiting(container_of(timer, struct http_server, retry));
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *listener = container_of(stream, struct listener, handle);

    if (status)
        return;
    listener->waiting = true;
    take_waiting(listener->server);
}

static void end_when_empty(struct http_server *server)
{
    if (server->closing && LIST_EMPTY(&server->clients) &&
        LIST_EMPTY(&server->listeners))
        loop_task_add(server->loop, &server->end);
}

void http_server_left(struct http_server *server)
{
    server->client_count--;
    take_waiting(server);
    end_when_empty(server);
}

/* ---- listening ----------------------------------------------------------- */

static void listener_closed(uv_handle_t *handle)
{
    struct listener *listener = container_of(handle, struct listener, handle);
    struct http_server *server = listener->server;

    LIST_REMOVE(listener, link);
    free(listener);
    end_when_empty(server);
}

static void listener_close(struct listener *listener)
{
    listener->waiting = false;
    if (!uv_is_closing(&listener->handle.any))
        uv_close(&listener->handle.any, listener_closed);
}

static struct listener *listener_new(struct http_server *server)
{
    struct listener *listener = calloc(1, sizeof *listener);

    if (!listener)
        return NULL;
    listener->server = server;
    LIST_INSERT_HEAD(&server->listeners, listener, link);
    return listener;
}

static int start(struct listener *listener, int status)
{
    if (status == 0)
        status = uv_listen(&listener->handle.stream, BACKLOG, on_connection);
    if (status)
        listener_close(listener);
    return status;
}

static int port_of(const uv_tcp_t *tcp)
{
    struct sockaddr_storage name;
    int size = sizeof name;

    if (uv_tcp_getsockname(tcp, (struct sockaddr *)&name, &size))
        return 0;
    return ntohs(name.ss_family == AF_INET6
                     ? ((struct sockaddr_in6 *)&name)->sin6_port
                     : ((struct sockaddr_in *)&name)->sin_port);
}

int http_server_listen(struct http_server *server, const char *address,
                       int port)
{
    struct sockaddr_storage name;
    struct listener *listener;
    int status;

    if (uv_ip4_addr(address, port, (struct sockaddr_in *)&name) &&
        (status = uv_ip6_addr(address, port, (struct sockaddr_in6 *)&name)))
        return status;
    listener = listener_new(server);
    if (!listener)
        return UV_ENOMEM;
    uv_tcp_init(&server->loop->uv, &listener->handle.tcp);
    status = uv_tcp_bind(&listener->handle.tcp, (struct sockaddr *)&name, 0);
    status = start(listener, status);
    if (status == 0)
        server->port = port_of(&listener->handle.tcp);
    return status;
}

/* Removes a socket file that its owner has left behind. */
static int remove_stale(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat file;
    int stale;
    int fd;

    if (strlen(path) >= sizeof address.sun_path)
        return UV_ENAMETOOLONG;
    if (lstat(path, &file))
        return errno == ENOENT ? 0 : uv_translate_sys_error(errno);
    if (!S_ISSOCK(file.st_mode))
        return UV_EADDRINUSE;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return uv_translate_sys_error(errno);
    memcpy(address.sun_path, path, strlen(path) + 1);
    stale = connect(fd, (struct sockaddr *)&address, sizeof address) &&
            errno == ECONNREFUSED;
    close(fd);
    if (!stale)
        return UV_EADDRINUSE;
    return unlink(path) ? uv_translate_sys_error(errno) : 0;
}

int http_server_listen_unix(struct http_server *server, const char *path)
{
    struct listener *listener;
    int status = remove_stale(path);

    if (status)
        return status;
    listener = listener_new(server);
    if (!listener)
        return UV_ENOMEM;
    uv_pipe_init(&server->loop->uv, &listener->handle.pipe, 0);
    return start(listener, uv_pipe_bind(&listener->handle.pipe, path));
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

/* ---- life ---------------------------------------------------------------- */

static void finish(struct loop_task *task)
{
    struct http_server *server = container_of(task, struct http_server, end);
    void (*closed)(void *data) = server->closed;
    void *data = server->closed_data;

    loop_timer_stop(server->loop, &server->retry);
    buffer_done(&server->answer);
    free(server);
    closed(data);
}

struct http_server *http_server_new(struct loop *loop,
                                    const struct http_server_options *options)
{
    struct http_server *server = calloc(1, sizeof *server);

    if (!server)
        return NULL;
    server->loop = loop;
    server->options = *options;
    server->retry.fire = retry;
    server->end.run = finish;
    buffer_init(&server->answer, MAX_ANSWER);
    return server;
}

static void stop_listening(struct http_server *server)
{
    struct listener *listener;

    server->draining = true;
    LIST_FOREACH (listener, &server->listeners, link)
        listener_close(listener);
}

void http_server_drain(struct http_server *server)
{
    stop_listening(server);
    http_server_close_clients(server, true);
}

void http_server_close(struct http_server *server, void (*closed)(void *data),
                       void *data)
{
    server->closing = true;
    server->closed = closed;
    server->closed_data = data;
    stop_listening(server);
    http_server_close_clients(server, false);
    end_when_empty(server);
}
