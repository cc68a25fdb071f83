/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server's two halves, for each other: listeners and its life
 * (http_listen.c), clients and their requests (http_server.c).
 */
#ifndef NET_HTTP_LISTEN_H
#define NET_HTTP_LISTEN_H

#include "net/conn.h"
#include "net/http_read.h"
#include "net/http_server.h"

#include <time.h>

struct client;
struct listener;

struct http_server {
    struct loop *loop;
    struct http_server_options options;
    LIST_HEAD(, listener) listeners;
    LIST_HEAD(, client) clients;
    unsigned client_count;
    struct loop_timer retry;
    struct buffer answer; /* the head of the one being written */
    char date[40];        /* of this second: the header's line */
    time_t date_of;
    int port;
    bool draining;
    bool closing;
    struct loop_task end;
    void (*closed)(void *data);
    void *closed_data;
};

/* Takes a connection. 0, or -1 without memory. */
int http_server_accept(struct http_server *server, uv_stream_t *listener);

/* Closes all connections, or those where nothing is going on. */
void http_server_close_clients(struct http_server *server, bool idle);

/* A client's memory is gone: there is room for another. */
void http_server_left(struct http_server *server);

#endif
