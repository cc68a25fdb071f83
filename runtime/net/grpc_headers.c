/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of gRPC calls, written and read; see grpc_headers.h. The loop's
 * thread. */
#include "net/grpc_headers.h"

#include "core/utf8.h"
#include "net/http_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* Of a status: message and details each. A block of headers is smaller, but a
 * byte that is no UTF-8 becomes three. */
#define TEXT_LIMIT (192u << 10)

/* ---- the request --------------------------------------------------------- */

static void add(struct grpc_request *request, const char *name,
                struct dapr_bytes value, uint8_t flags)
{
    request->items[request->count++] =
        (struct h2_header){dapr_text(name), value, flags};
}

/* What the transport itself says, and what HTTP/2 forbids. */
static bool reserved(const char *name)
{
    static const char *const names[] = {
        "te",           "content-type",      "user-agent",
        "grpc-timeout", "grpc-encoding",     "grpc-accept-encoding",
        "grpc-status",  "grpc-message",      "grpc-message-type",
        "host",         "connection",        "keep-alive",
        "upgrade",      "transfer-encoding", "proxy-connection",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return *name == ':';
}

static bool is_binary(const char *name)
{
    size_t size = strlen(name);

    return size >= 4 && strcasecmp(name + size - 4, "-bin") == 0;
}

static bool legal_name(const char *name)
{
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
            return false;
    return true;
}

static bool legal_value(const char *name, const char *value)
{
    struct buffer decoded;
    int rc;

    if (is_binary(name)) {
        buffer_init(&decoded, TEXT_LIMIT);
        rc = grpc_decode_binary(&decoded, dapr_text(value));
        buffer_done(&decoded);
        return rc == 0;
    }
    for (; *value; value++)
        if (*value < ' ' || *value > '~')
            return false;
    return true;
}

static struct dapr_bytes without_blanks(const char *value)
{
    size_t size;

    value += strspn(value, " ");
    size = strlen(value);
    while (size && value[size - 1] == ' ')
        size--;
    return (struct dapr_bytes){value, size};
}

static int refuse(struct buffer *error, const char *name, const char *why)
{
    buffer_text(error, "header key ");
    utf8_quote(error, dapr_text(name));
    buffer_printf(error, " %s", why);
    return -1;
}

/* nghttp2 makes names lower case when it copies them. */
static int add_pair(struct grpc_request *request, const struct dapr_pair *pair,
                    struct buffer *error)
{
    if (!*pair->name) {
        buffer_text(error, "there is an empty key in the header");
        return -1;
    }
    if (reserved(pair->name))
        return 0;
    if (!legal_name(pair->name))
        return refuse(error, pair->name,
                      "contains illegal characters not in [0-9a-z-_.]");
    if (!legal_value(pair->name, pair->value))
        return refuse(error, pair->name,
                      is_binary(pair->name) ? "contains value that is no base64"
                                            : "contains value with "
                                              "non-printable ASCII characters");
    if (request->count == GRPC_HEADERS_LIMIT)
        return refuse(error, pair->name, "is one too many");
    add(request, pair->name, without_blanks(pair->value), NGHTTP2_NV_FLAG_NONE);
    return 0;
}

int grpc_request_make(struct grpc_request *request,
                      const struct grpc_options *options, struct buffer *error)
{
    static const uint8_t fixed =
        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    const struct dapr_metadata *metadata = &options->metadata;

    request->count = 0;
    add(request, ":method", dapr_text("POST"), fixed);
    add(request, ":scheme", dapr_text("http"), fixed);
    add(request, ":path", dapr_text(options->path),
        NGHTTP2_NV_FLAG_NO_COPY_NAME);
    add(request, ":authority", dapr_text("localhost"), fixed);
    add(request, "te", dapr_text("trailers"), fixed);
    add(request, "content-type", dapr_text("application/grpc"), fixed);
    add(request, "user-agent", dapr_text("cdapr/" CDAPR_VERSION), fixed);
    if (options->timeout) {
        grpc_write_timeout(request->timeout, options->timeout);
        add(request, "grpc-timeout", dapr_text(request->timeout),
            NGHTTP2_NV_FLAG_NO_COPY_NAME);
    }
    for (size_t i = 0; i < metadata->count; i++)
        if (add_pair(request, &metadata->pairs[i], error))
            return -1;
    return 0;
}

/* ---- the answer ---------------------------------------------------------- */

void grpc_answer_init(struct grpc_answer *answer)
{
    answer->code = GRPC_NO_STATUS;
    buffer_init(&answer->message, TEXT_LIMIT);
    buffer_init(&answer->details, TEXT_LIMIT);
    answer->metadata = (struct pairs){0};
}

void grpc_answer_done(struct grpc_answer *answer)
{
    buffer_done(&answer->message);
    buffer_done(&answer->details);
    pairs_done(&answer->metadata);
}

static void set_code(struct grpc_answer *answer, int code)
{
    answer->code = code;
    buffer_clear(&answer->message);
    buffer_clear(&answer->details);
}

void grpc_answer_set(struct grpc_answer *answer, int code, const char *format,
                     ...)
{
    va_list args;

    set_code(answer, code);
    va_start(args, format);
    buffer_vprintf(&answer->message, format, args);
    va_end(args);
}

static bool is(struct dapr_bytes name, const char *text)
{
    return name.size == strlen(text) && memcmp(name.data, text, name.size) == 0;
}

static struct dapr_bytes find(const struct h2_headers *headers,
                              const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (is(headers->items[i].name, name))
            return headers->items[i].value;
    return (struct dapr_bytes){0};
}

/* Digits alone, as many as cannot overflow; or -1. */
static int number(struct dapr_bytes text)
{
    const char *digits = text.data;
    int value = 0;

    if (!text.size || text.size > 9)
        return -1;
    for (size_t i = 0; i < text.size; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return -1;
        value = value * 10 + (digits[i] - '0');
    }
    return value;
}

/* What is left is the user's. */
static bool is_transports(struct dapr_bytes name)
{
    return is(name, ":status") || is(name, "content-type") ||
           is(name, "grpc-status") || is(name, "grpc-message") ||
           is(name, "grpc-status-details-bin") || is(name, "grpc-encoding") ||
           is(name, "grpc-accept-encoding");
}

static void keep_metadata(struct grpc_answer *answer,
                          const struct h2_headers *headers)
{
    pairs_done(&answer->metadata);
    for (size_t i = 0; i < headers->count; i++)
        if (!is_transports(headers->items[i].name))
            pairs_add_bytes(&answer->metadata, headers->items[i].name,
                            headers->items[i].value);
}

/* "application/grpc", alone or with "+proto" or ";charset=..." behind it. */
static bool is_grpc(struct dapr_bytes type)
{
    static const char wanted[] = "application/grpc";
    const size_t size = sizeof wanted - 1;
    const char *text = type.data;

    return type.size >= size && strncasecmp(text, wanted, size) == 0 &&
           (type.size == size || text[size] == '+' || text[size] == ';');
}

/* What its HTTP status says counts. */
static void blame_http(struct grpc_answer *answer, int status,
                       struct dapr_bytes type)
{
    const char *text = http_status_text(status);

    set_code(answer, grpc_code_of_http(status));
    if (status != 200)
        buffer_printf(&answer->message,
                      "unexpected HTTP status code received from server: %d "
                      "(%s)%s",
                      status, text ? text : "", is_grpc(type) ? "" : "; ");
    if (!type.data) {
        buffer_text(&answer->message,
                    "malformed header: missing HTTP content-type");
    } else if (!is_grpc(type)) {
        buffer_text(&answer->message,
                    "transport: received unexpected content-type ");
        utf8_quote(&answer->message, type);
    }
}

bool grpc_answer_begin(struct grpc_answer *answer,
                       const struct h2_headers *headers)
{
    int status = number(find(headers, ":status"));
    struct dapr_bytes type = find(headers, "content-type");

    keep_metadata(answer, headers);
    if (status == 200 && is_grpc(type))
        return true;
    blame_http(answer, status, type);
    return false;
}

static void read_status(struct grpc_answer *answer,
                        const struct h2_headers *headers)
{
    struct dapr_bytes message = find(headers, "grpc-message");
    struct dapr_bytes details = find(headers, "grpc-status-details-bin");

    if (message.data)
        grpc_decode_message(&answer->message, message);
    if (details.data && grpc_decode_binary(&answer->details, details))
        buffer_clear(&answer->details);
}

void grpc_answer_end(struct grpc_answer *answer,
                     const struct h2_headers *headers)
{
    struct dapr_bytes status = find(headers, "grpc-status");

    keep_metadata(answer, headers);
    set_code(answer, status.data ? number(status) : DAPR_UNKNOWN);
    if (answer->code < 0) {
        grpc_answer_set(answer, DAPR_UNKNOWN,
                        "transport: malformed "
                        "grpc-status: strconv.ParseInt: parsing ");
        utf8_quote(&answer->message, status);
        buffer_text(&answer->message, ": invalid syntax");
    } else if (!status.data) {
        buffer_text(&answer->message,
                    "the server ended the call without a grpc-status");
    } else {
        read_status(answer, headers);
    }
}
