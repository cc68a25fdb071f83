/* SPDX-License-Identifier: Apache-2.0 */
/* Routes and answers of the HTTP API. Owned by the loop's thread. */
#include "api/api.h"

#include "core/json.h"
#include "net/http_path.h"
#include "observe/trace.h"

#include <stdlib.h>
#include <string.h>

#define ERROR_LIMIT (1u << 20)

struct route {
    const char *methods; /* separated by spaces */
    const char *path;    /* ends with / where a name follows */
    void (*handle)(struct exchange *exchange);
    bool open; /* to callers without the API token */
};

static const struct route routes[] = {
    {"POST PUT", "/v1.0/bindings/", api_binding, false},
    {"GET", "/v1.0/healthz", api_healthz, true},
    {"GET", "/v1.0/healthz/outbound", api_healthz_outbound, true},
};

/* ---- answers ------------------------------------------------------------- */

static void end(struct exchange *exchange)
{
    pairs_done(&exchange->headers);
    free(exchange->path);
    free(exchange->name);
    free(exchange);
}

void api_reply(struct exchange *exchange, int status, struct dapr_bytes body)
{
    http_reply(exchange->request, status, pairs_view(&exchange->headers), body);
    end(exchange);
}

void api_reply_error(struct exchange *exchange, int status, const char *code,
                     const char *message)
{
    struct buffer body;

    buffer_init(&body, ERROR_LIMIT);
    buffer_text(&body, "{\"errorCode\":");
    json_string(&body, dapr_text(code));
    buffer_text(&body, ",\"message\":");
    json_string(&body, dapr_text(message));
    buffer_char(&body, '}');
    pairs_add(&exchange->headers, "Content-Type", "application/json");
    api_reply(exchange, status,
              body.failed ? (struct dapr_bytes){0} : buffer_bytes(&body));
    buffer_done(&body);
}

/* What daprd's service invocation, its last resort, says to such a path. */
static void not_found(struct exchange *exchange)
{
    api_reply_error(exchange, 404, "ERR_DIRECT_INVOKE",
                    "failed getting app id either from the URL path or the "
                    "header dapr-app-id");
}

/* ---- routing ------------------------------------------------------------- */

static bool has_method(const struct route *route, const char *method)
{
    size_t size = strlen(method);
    const char *at = route->methods;

    while ((at = strstr(at, method))) {
        if ((at == route->methods || at[-1] == ' ') &&
            (!at[size] || at[size] == ' '))
            return true;
        at += size;
    }
    return false;
}

/* The name after the route's path: one segment that is not empty. NULL when
 * the path is another one; "" where the route has no name. */
static const char *match(const struct route *route, const char *path)
{
    size_t size = strlen(route->path);

    if (strncmp(route->path, path, size) != 0)
        return NULL;
    path += size;
    if (route->path[size - 1] != '/')
        return *path ? NULL : path;
    return *path && !strchr(path, '/') ? path : NULL;
}

static const struct route *find_route(const char *method, const char *path,
                                      const char **ret_name)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const char *name = match(&routes[i], path);

        if (name && has_method(&routes[i], method)) {
            *ret_name = name;
            return &routes[i];
        }
    }
    return NULL;
}

/* ---- handling ------------------------------------------------------------ */

static void add_trace(struct exchange *exchange)
{
    struct trace trace;

    trace_read(&trace, exchange->request->headers);
    pairs_add(&exchange->headers, "Traceparent", trace.parent);
    if (trace.state)
        pairs_add(&exchange->headers, "Tracestate", trace.state);
}

/* Requests that name a health route in any way are not traced. */
static bool traced(const struct exchange *exchange)
{
    return !strstr(exchange->path, "/healthz");
}

/* The time it takes says nothing of where two texts differ. */
static bool same_secret(const char *a, const char *b)
{
    size_t size = strlen(a);
    unsigned char differ = 0;

    if (size != strlen(b))
        return false;
    for (size_t i = 0; i < size; i++)
        differ |= (unsigned char)(a[i] ^ b[i]);
    return !differ;
}

static bool may_call(const struct exchange *exchange)
{
    const char *token = exchange->api->token;
    const char *given =
        pairs_find(exchange->request->headers, "dapr-api-token");

    return !token || (given && same_secret(token, given));
}

static void refuse_caller(struct exchange *exchange)
{
    pairs_add(&exchange->headers, "Content-Type", "text/plain; charset=utf-8");
    pairs_add(&exchange->headers, "X-Content-Type-Options", "nosniff");
    api_reply(exchange, 401, dapr_text("invalid api token\n"));
}

static void handle(struct exchange *exchange)
{
    const char *name = "";
    const struct route *route =
        find_route(exchange->request->method, exchange->path, &name);

    exchange->name = http_unescape(name);
    if (traced(exchange))
        add_trace(exchange);
    if (!exchange->name)
        api_reply(exchange, 500, dapr_text("out of memory"));
    else if (!(route && route->open) && !may_call(exchange))
        refuse_caller(exchange);
    else if (route)
        route->handle(exchange);
    else
        not_found(exchange);
}

void api_handle(struct http_request *request, void *data)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);

    if (!exchange || !(exchange->path = http_clean_path(request->target))) {
        free(exchange);
        http_reply(request, 500, (struct dapr_metadata){0},
                   dapr_text("out of memory"));
        return;
    }
    exchange->api = data;
    exchange->request = request;
    handle(exchange);
}

bool api_wants_body(const char *method, const char *target)
{
    char *path = http_clean_path(target);
    const char *name;
    bool wants = path && find_route(method, path, &name);

    free(path);
    return wants;
}
