/* SPDX-License-Identifier: Apache-2.0 */
/* POST and PUT /v1.0/bindings/{name}. Owned by the loop's thread. */
#include "api/api.h"
#include "api/binding_request.h"
#include "bindings/output.h"
#include "core/container.h"
#include "net/http_text.h"
#include "observe/trace.h"

#include <stdlib.h>
#include <string.h>

#define ERROR_LIMIT  (1u << 20)
#define HEADER_LIMIT (64u << 10)

struct binding_call {
    struct exchange *exchange;
    struct invocation invocation;
    struct binding_request request;
};

static void free_call(struct binding_call *call)
{
    binding_request_done(&call->request);
    free(call);
}

/* ---- answers ------------------------------------------------------------- */

static void reply_malformed(struct exchange *exchange, const char *why)
{
    struct buffer message;
    const char *text;

    buffer_init(&message, ERROR_LIMIT);
    buffer_printf(&message, "failed deserializing HTTP body: %s", why);
    text = buffer_string(&message);
    api_reply_error(exchange, 400, "ERR_MALFORMED_REQUEST", text ? text : why);
    buffer_done(&message);
}

static void reply_failed(struct exchange *exchange, const char *why)
{
    struct buffer message;
    const char *text;

    buffer_init(&message, ERROR_LIMIT);
    buffer_printf(&message, "error invoking output binding %s: %s",
                  exchange->name, why);
    text = buffer_string(&message);
    api_reply_error(exchange, 500, "ERR_INVOKE_OUTPUT_BINDING",
                    text ? text : why);
    buffer_done(&message);
}

/* metadata.NAME headers; what cannot be one is left out by the server. */
static void add_metadata(struct exchange *exchange,
                         struct dapr_metadata metadata)
{
    struct buffer name;

    buffer_init(&name, HEADER_LIMIT);
    for (size_t i = 0; i < metadata.count; i++) {
        char *text;

        buffer_clear(&name);
        buffer_printf(&name, "metadata.%s", metadata.pairs[i].name);
        if (!buffer_string(&name))
            continue;
        text = (char *)name.data;
        http_canonical(text);
        pairs_add(&exchange->headers, text, metadata.pairs[i].value);
    }
    buffer_done(&name);
}

static void invoked(struct invocation *invocation,
                    const struct outcome *outcome)
{
    struct binding_call *call =
        container_of(invocation, struct binding_call, invocation);
    struct exchange *exchange = call->exchange;

    add_metadata(exchange, outcome->metadata);
    if (outcome->error) {
        reply_failed(exchange, outcome->error);
    } else {
        pairs_add(&exchange->headers, "Content-Type", "application/json");
        api_reply(exchange, 200, outcome->data);
    }
    free_call(call);
}

/* ---- the call ------------------------------------------------------------ */

/* The component sees the trace context that the answer carries. */
static int add_trace(struct binding_call *call)
{
    struct trace trace;

    trace_read(&trace, call->exchange->request->headers);
    if (pairs_set(&call->request.metadata, "traceparent", trace.parent))
        return -1;
    return trace.state
               ? pairs_set(&call->request.metadata, "tracestate", trace.state)
               : 0;
}

static int read_request(struct binding_call *call)
{
    const struct http_request *http = call->exchange->request;
    struct binding_request *request = &call->request;

    if (binding_request_read(request, http->body) == 0)
        return 0;
    /* The text ended where the body did: why that was is the better reason. */
    if (strstr(request->error, "EOF") && http->body_error)
        snprintf(request->error, sizeof request->error, "%s", http->body_error);
    else if (strstr(request->error, "EOF") && http->body_too_large)
        snprintf(request->error, sizeof request->error, "stream too large");
    return -1;
}

void api_binding(struct exchange *exchange)
{
    struct binding_call *call = calloc(1, sizeof *call);
    const char *operation;

    if (!call) {
        reply_failed(exchange, "out of memory");
        return;
    }
    call->exchange = exchange;
    binding_request_init(&call->request);
    if (read_request(call)) {
        reply_malformed(exchange, call->request.error);
        free_call(call);
        return;
    }
    operation = buffer_string(&call->request.operation);
    if (!operation || add_trace(call)) {
        reply_failed(exchange, "out of memory");
        free_call(call);
        return;
    }
    call->invocation = (struct invocation){
        .operation = operation,
        .data = buffer_bytes(&call->request.data),
        .metadata = pairs_view(&call->request.metadata),
        .done = invoked,
    };
    output_invoke(exchange->api->host, exchange->name, &call->invocation);
}
