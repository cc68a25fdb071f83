/* SPDX-License-Identifier: Apache-2.0 */
/* Event metadata as headers of a request to the app. */
#include "app/app_headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NONE "00-00000000000000000000000000000000-0000000000000000-00"

/* What one entry becomes: "Name: value", "" when left out, or the error. */
static const char *becomes(const char *name, const char *value, size_t size)
{
    static char text[512];
    const struct dapr_pair pair = {name, value};
    struct pairs headers = {0};
    struct buffer error;

    buffer_init(&error, 4096);
    if (app_headers_add(&headers, (struct dapr_metadata){&pair, 1}, size,
                        &error))
        snprintf(text, sizeof text, "%s", buffer_string(&error));
    else if (headers.count > 1)
        snprintf(text, sizeof text, "%s: %s", headers.items[0].name,
                 headers.items[0].value);
    else
        text[0] = 0;
    pairs_done(&headers);
    buffer_done(&error);
    return text;
}

static void names(void **unused)
{
    static const struct {
        const char *name, *value, *wanted;
    } table[] = {
        {"readTimeUTC", "now", "Readtimeutc: now"},
        {"__key", "k", "__key: k"},
        {"x-order-ID", "7", "X-Order-Id: 7"},
        {"grpc-status", "0", "Dapr-Grpc-Status: 0"},
        {":path", "/x", "Dapr-Path: /x"},
        {"Content-Type", "text/plain", ""},
        {"Connection", "close", ""},
        {"TE", "trailers", ""},
        {"trace-bin", "AA", ""},
        {"destination-app-id", "a", ""},
        {"k", "tab\there", "K: tab\there"},
        {"k", "", "K: "},
        {"bad name", "v", "net/http: invalid header field name \"bad name\""},
        {"", "v", "net/http: invalid header field name \"\""},
        {"a:b", "v", "net/http: invalid header field name \"a:b\""},
        {":other", "v", "net/http: invalid header field name \":other\""},
        {"k", "line\nbreak", "net/http: invalid header field value for \"K\""},
        {"k", "bell\a", "net/http: invalid header field value for \"K\""},
        {"k", "del\x7f", "net/http: invalid header field value for \"K\""},
        {"content-length", "3", ""},
        {"content-length", "4", "http: ContentLength=4 with Body length 3"},
        {"Content-Length", "abc",
         "strconv.ParseInt: parsing \"abc\": invalid syntax"},
        {"content-length", " 3",
         "strconv.ParseInt: parsing \" 3\": invalid syntax"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_string_equal(becomes(table[i].name, table[i].value, 3),
                            table[i].wanted);
}

static void what_connection_names_is_left_out(void **unused)
{
    const struct dapr_pair pairs[] = {
        {"connection", "X-Own, other"}, {"x-own", "1"}, {"x-owner", "2"}};
    struct pairs headers = {0};
    struct buffer error;

    (void)unused;
    buffer_init(&error, 4096);
    assert_int_equal(
        app_headers_add(&headers, (struct dapr_metadata){pairs, 3}, 0, &error),
        0);
    assert_int_equal(headers.count, 2);
    assert_string_equal(headers.items[0].name, "X-Owner");
    assert_string_equal(headers.items[1].value, NONE);
    pairs_done(&headers);
}

static void the_events_trace_goes_on(void **unused)
{
    const struct dapr_pair pairs[] = {{"TraceParent", "mine"},
                                      {"tracestate", "s"}};
    struct pairs headers = {0};
    struct buffer error;

    (void)unused;
    buffer_init(&error, 4096);
    app_headers_add(&headers, (struct dapr_metadata){pairs, 2}, 0, &error);
    assert_int_equal(headers.count, 2);
    assert_string_equal(headers.items[0].name, "Traceparent");
    assert_string_equal(headers.items[0].value, "mine");
    assert_string_equal(headers.items[1].value, "s");
    pairs_done(&headers);
    app_headers_add(&headers, (struct dapr_metadata){pairs + 1, 1}, 0, &error);
    assert_int_equal(headers.count, 1);
    assert_string_equal(headers.items[0].value, NONE);
    pairs_done(&headers);
}

static void what_the_sidecar_says_stays(void **unused)
{
    const struct dapr_pair pair = {"DAPR-API-token", "spoofed"};
    struct pairs headers = {0};
    struct buffer error;

    (void)unused;
    buffer_init(&error, 4096);
    pairs_add(&headers, "dapr-api-token", "ours");
    app_headers_add(&headers, (struct dapr_metadata){&pair, 1}, 0, &error);
    assert_int_equal(headers.count, 2); /* and the trace context */
    assert_string_equal(headers.items[0].value, "ours");
    assert_string_equal(headers.items[1].name, "Traceparent");
    pairs_done(&headers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(what_connection_names_is_left_out),
        cmocka_unit_test(the_events_trace_goes_on),
        cmocka_unit_test(what_the_sidecar_says_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
