/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of gRPC over HTTP/2; no state but a name's buffer. */
#include "net/grpc_text.h"

#include "core/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#define MAX_TIMEOUT UINT64_C(99999999) /* eight digits */

const char *grpc_code_name(int code)
{
    static const char *const names[] = {"OK",
                                        "Canceled",
                                        "Unknown",
                                        "InvalidArgument",
                                        "DeadlineExceeded",
                                        "NotFound",
                                        "AlreadyExists",
                                        "PermissionDenied",
                                        "ResourceExhausted",
                                        "FailedPrecondition",
                                        "Aborted",
                                        "OutOfRange",
                                        "Unimplemented",
                                        "Internal",
                                        "Unavailable",
                                        "DataLoss",
                                        "Unauthenticated"};
    static _Thread_local char other[32];

    if (code >= 0 && (size_t)code < sizeof names / sizeof *names)
        return names[code];
    snprintf(other, sizeof other, "Code(%d)", code);
    return other;
}

int grpc_code_of_http(int status)
{
    switch (status) {
    case 400:
        return DAPR_INTERNAL;
    case 401:
        return DAPR_UNAUTHENTICATED;
    case 403:
        return DAPR_PERMISSION_DENIED;
    case 404:
        return DAPR_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return DAPR_UNAVAILABLE;
    default:
        return DAPR_UNKNOWN;
    }
}

int grpc_code_of_reset(uint32_t error)
{
    switch (error) {
    case NGHTTP2_REFUSED_STREAM:
        return DAPR_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return DAPR_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return DAPR_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return DAPR_PERMISSION_DENIED;
    default:
        return DAPR_INTERNAL;
    }
}

/* ---- messages ------------------------------------------------------------ */

static int hex_value(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                      : -1;
}

static void percent_decode(struct buffer *out, struct dapr_bytes text)
{
    const char *at = text.data, *end = at + text.size;

    for (; at < end; at++) {
        if (*at == '%' && end - at > 2 && hex_value(at[1]) >= 0 &&
            hex_value(at[2]) >= 0) {
            buffer_char(out, (char)(hex_value(at[1]) * 16 + hex_value(at[2])));
            at += 2;
        } else {
            buffer_char(out, *at);
        }
    }
}

void grpc_decode_message(struct buffer *out, struct dapr_bytes text)
{
    struct buffer raw;
    const char *at, *end;
    uint32_t point;
    char replacement[4];
    size_t size;

    buffer_init(&raw, text.size);
    percent_decode(&raw, text);
    at = (const char *)raw.data;
    for (end = at + raw.size; at < end; at += size ? size : 1) {
        size = utf8_read(at, end, &point);
        if (size)
            buffer_append(out, at, size);
        else
            buffer_append(out, replacement,
                          utf8_write(replacement, UTF8_REPLACEMENT));
    }
    buffer_done(&raw);
}

/* ---- binary values ------------------------------------------------------- */

static int digit_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

int grpc_decode_binary(struct buffer *out, struct dapr_bytes text)
{
    const char *at = text.data;
    size_t size = text.size;
    uint32_t bits = 0;
    int count = 0;

    while (size && at[size - 1] == '=' && text.size - size < 2)
        size--;
    for (size_t i = 0; i < size; i++) {
        int value = digit_value(at[i]);

        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            if (buffer_char(out, (char)(bits >> count)))
                return -1;
        }
    }
    return count == 6 ? -1 : 0; /* one digit alone holds no byte */
}

/* ---- timeouts ------------------------------------------------------------ */

void grpc_write_timeout(char out[static 16], uint64_t milliseconds)
{
    static const struct {
        char unit;
        uint64_t size;
    } units[] = {{'H', 3600000}, {'M', 60000}, {'S', 1000}, {'m', 1}};
    size_t i = 0;

    while (milliseconds % units[i].size)
        i++;
    while (i && milliseconds > MAX_TIMEOUT * units[i].size)
        i--;
    milliseconds =
        milliseconds / units[i].size + (milliseconds % units[i].size ? 1 : 0);
    snprintf(out, 16, "%" PRIu64 "%c",
             milliseconds < MAX_TIMEOUT ? milliseconds : MAX_TIMEOUT,
             units[i].unit);
}
