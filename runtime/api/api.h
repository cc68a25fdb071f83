/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP front door: /v1.0/... routes. Parses, calls a building block,
 * answers in daprd's words. Owned by the loop's thread.
 */
#ifndef API_API_H
#define API_API_H

#include "host/host.h"
#include "net/http_server.h"

struct api {
    struct loop *loop;
    struct host *host;
    const char *app_id;
    const char *token;   /* DAPR_API_TOKEN, or NULL: anyone may call */
    bool outbound_ready; /* components are loaded */
    bool ready;          /* and the app was there, its bindings are read */
};

/* The handler for http_server_options; `data` is the struct api. */
void api_handle(struct http_request *request, void *data);

/* Whether a request's body is wanted: the method and path have a route. */
bool api_wants_body(const char *method, const char *target);

/* ---- for the routes' own files ------------------------------------------- */

/* One request on its way through a route; freed by api_reply(). */
struct exchange {
    struct api *api;
    struct http_request *request;
    struct pairs headers; /* of the answer */
    char *path;           /* cleaned, still escaped */
    char *name;           /* the route's {name}, unescaped; "" where none */
};

/* The answers, each ends the exchange. */
void api_reply(struct exchange *exchange, int status, struct dapr_bytes body);
void api_reply_error(struct exchange *exchange, int status, const char *code,
                     const char *message);

void api_binding(struct exchange *exchange);
void api_healthz(struct exchange *exchange);
void api_healthz_outbound(struct exchange *exchange);

#endif
