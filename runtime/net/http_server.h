/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/1.1 server: any number of listeners, one handler. A request reaches
 * the handler whole; the answer may come later. Owned by the loop's thread.
 *
 * What the handler never sees is answered as Go's net/http does: broken
 * requests with 400 and text, heads that are too long with 431.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "core/pairs.h"
#include "net/loop.h"

struct http_server;

/* One request and the place for its answer. Valid until http_reply(), also
 * when the client has gone meanwhile. */
struct http_request {
    const char *method; /* any token */
    const char *target; /* as sent: path and query, not decoded, or "*"; the
                           escapes in the path are sound */
    struct dapr_metadata headers;
    struct dapr_bytes body;
    bool body_too_large;    /* body holds what came below the limit */
    const char *body_error; /* why the body broke off, or NULL */
    void *data;             /* the handler's */
    /* The handler may set it: the client has gone, the answer will reach
     * nobody; it must still be given. */
    void (*gone)(struct http_request *request);
};

struct http_server_options {
    void (*handler)(struct http_request *request, void *data);
    /* Asked where a client waits to be told 100 Continue. Where it says no,
     * the handler gets the request without its body. NULL: always yes. */
    bool (*wants_body)(const char *method, const char *target);
    void *data;
    size_t max_body;          /* bytes; 0: no limit */
    size_t max_head;          /* bytes; 0: 8 KiB */
    unsigned head_timeout;    /* ms for a whole request head, 0: none */
    unsigned body_timeout;    /* ms between bytes of a body, 0: none */
    unsigned idle_timeout;    /* ms between requests, 0: none */
    unsigned max_connections; /* requests whose client has gone count; more
                                 wait to be accepted; 0: no limit */
};

struct http_server *http_server_new(struct loop *loop,
                                    const struct http_server_options *options);

/* Listens on a TCP address ("127.0.0.1", "::1", a name is not resolved) or on
 * a Unix socket. 0, or a libuv error. Several may follow each other. A socket
 * file that nobody listens on is replaced; it is removed in the end. */
int http_server_listen(struct http_server *server, const char *address,
                       int port);
int http_server_listen_unix(struct http_server *server, const char *path);

/* The port of the last TCP listener, also where it was left to the system. */
int http_server_port(const struct http_server *server);

/* The answer, exactly once. Date and lengths are added; a header with a name
 * that is none is left out, line ends in values become spaces. "Connection:
 * close" ends the connection. Copies all. */
void http_reply(struct http_request *request, int status,
                struct dapr_metadata headers, struct dapr_bytes body);

/* Stops listening and closes idle connections; the others once their request
 * is answered. */
void http_server_drain(struct http_server *server);

/* Requests whose answer has not been given, or not been written. */
unsigned http_server_busy(const struct http_server *server);

/* Closes everything; `closed` is called when its memory is gone, which is
 * after the last answer has been given. */
void http_server_close(struct http_server *server, void (*closed)(void *data),
                       void *data);

#endif
