/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/1.1 client for one server, with kept connections: a request takes an
 * idle one, opens another, or waits its turn. Redirects are not followed.
 * Owned by the loop's thread.
 *
 * A request on a kept connection that the server closes before the first byte
 * of an answer is sent once more on a new connection.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "core/pairs.h"
#include "net/loop.h"

struct http_client;

struct http_response {
    int status;
    struct dapr_metadata headers;
    struct dapr_bytes body;
};

/* One request; memory is the caller's until done(). The strings and bytes must
 * live that long too. */
struct http_call {
    const char *method;
    const char *target;           /* path and query, sent as they are */
    struct dapr_metadata headers; /* lengths are added, and Host and
                                     User-Agent where they are missing */
    struct dapr_bytes body;
    uint64_t timeout; /* ms in all, waiting included; 0: none */
    /* The end, exactly once, never before http_client_call() returns: a
     * response, or NULL with a text for people in the words of Go's client
     * (valid until it returns). */
    void (*done)(struct http_call *call, const struct http_response *response,
                 const char *error);
    void *data; /* the caller's */

    struct http_client *client; /* the client's, from here on */
    struct http_client_conn *conn;
    struct loop_timer timer;
    TAILQ_ENTRY(http_call) link;
    bool again;
};

struct http_client_options {
    const char *address; /* numeric, or a name: resolved when connecting */
    int port;
    unsigned max_connections; /* 0: one */
    unsigned max_waiting;     /* for a connection; more fail */
    size_t max_head;          /* of responses; 0: 64 KiB */
    size_t max_body;          /* of responses; 0: no limit */
    uint64_t connect_timeout; /* ms; 0: 30 s */
    uint64_t idle_timeout;    /* ms; kept connections are closed after that;
                                 0: 90 s */
};

struct http_client *http_client_new(struct loop *loop,
                                    const struct http_client_options *options);

void http_client_call(struct http_client *client, struct http_call *call);

/* Ends a call without done(). Not after done(). */
void http_client_cancel(struct http_client *client, struct http_call *call);

/* Closes all connections; calls under way end with an error. `closed` is
 * called when its memory is gone. */
void http_client_close(struct http_client *client, void (*closed)(void *data),
                       void *data);

#endif
