/* SPDX-License-Identifier: Apache-2.0 */
/* Event metadata as HTTP headers, by the rules of daprd's HTTP channel and the
 * checks of Go's HTTP client, whose words its errors use. No state. */
#include "app/app_headers.h"

#include "core/utf8.h"
#include "net/http_text.h"
#include "observe/trace.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool valid_name(const char *name)
{
    return *name && !name[http_token_size(name)];
}

static bool valid_value(const char *value)
{
    for (; *value; value++) {
        if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
            return false;
    }
    return true;
}

/* ---- which entries, under which name ------------------------------------- */

static bool among(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (strcasecmp(name, *list) == 0)
            return true;
    }
    return false;
}

static bool left_out(const char *name, const char *connection)
{
    static const char *const names[] = {"content-type",
                                        "content-length",
                                        "destination-app-id",
                                        "connection",
                                        "keep-alive",
                                        "proxy-connection",
                                        "transfer-encoding",
                                        "upgrade",
                                        "http2-settings",
                                        "te",
                                        "trailer",
                                        "proxy-authorization",
                                        "proxy-authenticate",
                                        "traceparent",
                                        "tracestate",
                                        NULL};
    size_t size = strlen(name);

    return among(name, names) ||
           (connection && http_list_has(connection, name)) ||
           (size >= 4 && strcasecmp(name + size - 4, "-bin") == 0);
}

/* What gRPC reserves reaches the app under a name of Dapr's. */
static void rename_reserved(struct buffer *out, const char *name)
{
    static const char *const pseudo[] = {":path", ":method", ":scheme",
                                         ":authority", NULL};

    if (among(name, pseudo)) {
        buffer_printf(out, "dapr-%s", name + 1);
    } else {
        if (strncasecmp(name, "grpc-", 5) == 0)
            buffer_text(out, "dapr-");
        buffer_text(out, name);
    }
}

/* ---- adding -------------------------------------------------------------- */

static int fail(struct buffer *error, const char *text)
{
    buffer_text(error, text);
    return -1;
}

static int refuse(struct buffer *error, const char *what, const char *name)
{
    buffer_printf(error, "net/http: invalid header field %s ", what);
    utf8_quote(error, dapr_text(name));
    return -1;
}

/* The first `fixed` headers are the sidecar's own: no event replaces them. */
static int add(struct pairs *headers, size_t fixed,
               const struct dapr_pair *pair, struct buffer *error)
{
    const struct dapr_metadata own = {headers->items, fixed};
    struct buffer text;
    char *name;
    int rc = 0;

    buffer_init(&text, SIZE_MAX / 2);
    rename_reserved(&text, pair->name);
    name = buffer_take(&text);
    if (!name)
        return fail(error, "out of memory");
    http_canonical(name);
    if (pairs_find(own, name))
        rc = 0;
    else if (!valid_name(name))
        rc = refuse(error, "name", name);
    else if (!valid_value(pair->value))
        rc = refuse(error, "value for", name);
    else if (pairs_add(headers, name, pair->value))
        rc = fail(error, "out of memory");
    free(name);
    return rc;
}

static int check_length(const char *text, size_t size, struct buffer *error)
{
    char *end;
    long long length;

    if (!text)
        return 0;
    errno = 0;
    length = strtoll(text, &end, 10);
    if (errno || end == text || *end || isspace((unsigned char)*text)) {
        buffer_text(error, "strconv.ParseInt: parsing ");
        utf8_quote(error, dapr_text(text));
        buffer_text(error, ": invalid syntax");
        return -1;
    }
    if (length < 0 || (unsigned long long)length != size) {
        buffer_printf(error, "http: ContentLength=%lld with Body length %zu",
                      length, size);
        return -1;
    }
    return 0;
}

/* Without a tracing configuration the event's own context is passed on. */
static int add_trace(struct pairs *headers, struct dapr_metadata metadata)
{
    const char *parent = pairs_find(metadata, "traceparent");
    const char *state = pairs_find(metadata, "tracestate");

    if (pairs_add(headers, "Traceparent", parent ? parent : TRACE_NONE))
        return -1;
    return parent && state ? pairs_add(headers, "Tracestate", state) : 0;
}

int app_headers_add(struct pairs *headers, struct dapr_metadata metadata,
                    size_t data_size, struct buffer *error)
{
    const char *connection = pairs_find(metadata, "connection");
    size_t fixed = headers->count;

    if (check_length(pairs_find(metadata, "content-length"), data_size, error))
        return -1;
    for (size_t i = 0; i < metadata.count; i++) {
        if (!left_out(metadata.pairs[i].name, connection) &&
            add(headers, fixed, &metadata.pairs[i], error))
            return -1;
    }
    return add_trace(headers, metadata) ? fail(error, "out of memory") : 0;
}
