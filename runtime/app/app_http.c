/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An app that speaks HTTP/1.1: asked with OPTIONS, given events with POST, as
 * daprd's HTTP channel does. Owned by the loop's thread.
 */
#include "app/app.h"
#include "app/app_headers.h"
#include "app/app_wait.h"
#include "core/container.h"
#include "core/log.h"
#include "net/http_client.h"
#include "net/http_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNTIME "dapr.runtime"

#define CONFIG_TIMEOUT                                                         \
    5000 /* ms for GET /dapr/config, which may say nothing                     \
          */
#define CONNECT_TIMEOUT 5000
#define IDLE_TIMEOUT    90000
#define MAX_WAITING     65536
#define MAX_HEAD        (64u << 10)
#define MAX_BODY        (64u << 20) /* of an app's answer */
#define ERROR_LIMIT     (64u << 10)

struct app_http {
    struct app base;
    struct loop *loop;
    struct app_options options;
    struct http_client *client;
    struct app_wait waiting;
    bool in_wait;
    struct http_call config; /* GET /dapr/config */
    struct pairs config_headers;
    void (*ready)(void *data);
    void *ready_data;
    bool closing;
    void (*closed)(void *data);
    void *closed_data;
};

/* A request and what it needs to live: a question's or a delivery's `state`. */
struct request {
    struct http_call call;
    struct app_http *app;
    struct pairs headers;
    char *target;
};

/* ---- requests ------------------------------------------------------------ */

/* To be freed. A route may hold a query. */
static char *target_of(const char *route)
{
    char *path = http_clean_path(route), *target = NULL;

    if (path && asprintf(&target, "%s%s", path, http_query(route)) < 0)
        target = NULL;
    free(path);
    return target;
}

static int add_common(const struct app_http *app, struct pairs *headers)
{
    if (pairs_add(headers, "Content-Type", "application/json"))
        return -1;
    return app->options.token
               ? pairs_add(headers, "dapr-api-token", app->options.token)
               : 0;
}

static void free_request(struct request *request)
{
    pairs_done(&request->headers);
    free(request->target);
    free(request);
}

static struct request *new_request(struct app_http *app, const char *method,
                                   const char *route)
{
    struct request *request = calloc(1, sizeof *request);

    if (!request)
        return NULL;
    request->app = app;
    request->target = target_of(route);
    request->call.method = method;
    request->call.target = request->target;
    if (request->target && !add_common(app, &request->headers))
        return request;
    free_request(request);
    return NULL;
}

static void send_request(struct request *request)
{
    request->call.headers = pairs_view(&request->headers);
    http_client_call(request->app->client, &request->call);
}

/* ---- does the app want it? ----------------------------------------------- */

static void answered(struct http_call *call,
                     const struct http_response *response, const char *error)
{
    struct app_question *question = call->data;
    struct request *request = container_of(call, struct request, call);
    bool wanted =
        response && (response->status / 100 == 2 || response->status == 405);

    question->done(question, wanted, error);
    free_request(request);
}

static void ask(struct app *base, struct app_question *question)
{
    struct app_http *app = (struct app_http *)base;
    struct request *request = new_request(app, "OPTIONS", question->route);

    if (!request) {
        question->done(question, false, "out of memory");
        return;
    }
    request->call.timeout = question->timeout;
    request->call.done = answered;
    request->call.data = question;
    send_request(request);
}

/* ---- events -------------------------------------------------------------- */

static void refuse(struct app_delivery *delivery, struct buffer *error)
{
    const char *text = buffer_string(error);
    const struct dapr_answer answer = {
        .verdict = DAPR_REFUSED,
        .error = text ? text : "error invoking app: the error is too long"};

    delivery->done(delivery, &answer);
    buffer_done(error);
}

static void refused_by_app(struct app_delivery *delivery,
                           const struct http_response *response)
{
    struct buffer error;

    buffer_init(&error, ERROR_LIMIT);
    buffer_printf(&error,
                  "fails to send binding event to http app channel, status "
                  "code: %d body: ",
                  response->status);
    buffer_append(&error, response->body.data, response->body.size);
    refuse(delivery, &error);
}

static void not_delivered(const struct request *request,
                          struct app_delivery *delivery, const char *why)
{
    const struct app_options *options = &request->app->options;
    struct buffer error;

    buffer_init(&error, ERROR_LIMIT);
    buffer_printf(&error, "error invoking app: Post \"http://%s:%d%s\": %s",
                  options->address, options->port, request->target, why);
    refuse(delivery, &error);
}

static void delivered(struct http_call *call,
                      const struct http_response *response, const char *error)
{
    struct request *request = container_of(call, struct request, call);
    struct app_delivery *delivery = call->data;

    if (response && response->status / 100 == 2)
        delivery->done(delivery,
                       &(struct dapr_answer){.verdict = DAPR_TAKEN,
                                             .response = response->body});
    else if (response)
        refused_by_app(delivery, response);
    else if (request->app->closing)
        delivery->done(delivery, &(struct dapr_answer){.verdict = DAPR_LOST});
    else
        not_delivered(request, delivery, error);
    free_request(request);
}

/* What no request can carry is refused here, in the words of Go's client:
 * these of the length come without the request's name. */
static void unsendable(struct request *request, struct app_delivery *delivery,
                       struct buffer *error)
{
    const char *text = buffer_string(error);

    if (text && strncmp(text, "strconv", 7) != 0) {
        not_delivered(request, delivery, text);
    } else {
        struct buffer whole;

        buffer_init(&whole, ERROR_LIMIT);
        buffer_printf(&whole, "error invoking app: %s",
                      text ? text : "a header cannot be sent");
        refuse(delivery, &whole);
    }
    free_request(request);
}

static void deliver(struct app *base, struct app_delivery *delivery)
{
    struct app_http *app = (struct app_http *)base;
    struct request *request = new_request(app, "POST", delivery->route);
    struct buffer error;

    buffer_init(&error, ERROR_LIMIT);
    if (!request) {
        buffer_text(&error, "error invoking app: out of memory");
        refuse(delivery, &error);
        return;
    }
    if (app_headers_add(&request->headers, delivery->metadata,
                        delivery->data.size, &error)) {
        unsendable(request, delivery, &error);
    } else {
        request->call.body = delivery->data;
        request->call.done = delivered;
        request->call.data = delivery;
        send_request(request);
    }
    buffer_done(&error);
}

/* ---- waiting for it ------------------------------------------------------ */

static void finish_close(struct app_http *app);

/* The app may configure what this sidecar does not have: its answer is read
 * and left. Apps expect the question. */
static void config_came(struct http_call *call,
                        const struct http_response *response, const char *error)
{
    struct app_http *app = call->data;

    (void)response;
    (void)error;
    if (!app->closing)
        app->ready(app->ready_data);
}

static void get_config(struct app_http *app)
{
    app->config = (struct http_call){.method = "GET",
                                     .target = "/dapr/config",
                                     .timeout = CONFIG_TIMEOUT,
                                     .done = config_came,
                                     .data = app};
    if (add_common(app, &app->config_headers) ||
        pairs_add(&app->config_headers, "dapr-app-id", app->options.app_id))
        pairs_done(&app->config_headers); /* then without */
    app->config.headers = pairs_view(&app->config_headers);
    http_client_call(app->client, &app->config);
}

static void waited(struct app_wait *wait, bool listening)
{
    struct app_http *app = container_of(wait, struct app_http, waiting);

    app->in_wait = false;
    if (!listening) {
        finish_close(app);
        return;
    }
    log_message(LOG_INFO, RUNTIME, "application discovered on port %d",
                app->options.port);
    get_config(app);
}

static void wait_for_app(struct app *base, void (*ready)(void *data),
                         void *data)
{
    struct app_http *app = (struct app_http *)base;

    app->ready = ready;
    app->ready_data = data;
    app->in_wait = true;
    log_message(LOG_INFO, RUNTIME,
                "application protocol: http. waiting on port %d.  This will "
                "block until the app is listening on that port.",
                app->options.port);
    app_wait_start(&app->waiting, app->loop, app->options.address,
                   app->options.port, waited);
}

/* ---- life ---------------------------------------------------------------- */

static void client_closed(void *data)
{
    struct app_http *app = data;

    app->closed(app->closed_data);
    pairs_done(&app->config_headers);
    free(app);
}

static void finish_close(struct app_http *app)
{
    http_client_close(app->client, client_closed, app);
}

static void close_app(struct app *base, void (*closed)(void *data), void *data)
{
    struct app_http *app = (struct app_http *)base;

    app->closing = true;
    app->closed = closed;
    app->closed_data = data;
    if (app->in_wait)
        app_wait_cancel(&app->waiting);
    else
        finish_close(app);
}

struct app *app_http_new(struct loop *loop, const struct app_options *options)
{
    static const struct app_ops ops = {.wait = wait_for_app,
                                       .ask = ask,
                                       .deliver = deliver,
                                       .close = close_app};
    const struct http_client_options client = {
        .address = options->address,
        .port = options->port,
        .max_connections = options->max_concurrency ? options->max_concurrency
                                                    : APP_CONNECTIONS,
        .max_waiting = MAX_WAITING,
        .max_head = MAX_HEAD,
        .max_body = MAX_BODY,
        .connect_timeout = CONNECT_TIMEOUT,
        .idle_timeout = IDLE_TIMEOUT,
    };
    struct app_http *app = calloc(1, sizeof *app);

    if (!app || !(app->client = http_client_new(loop, &client))) {
        free(app);
        return NULL;
    }
    app->base.ops = &ops;
    app->loop = loop;
    app->options = *options;
    return &app->base;
}
