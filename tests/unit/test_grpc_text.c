/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of gRPC over HTTP/2. */
#include "net/grpc_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void timeouts_have_the_largest_exact_unit(void **state)
{
    static const struct {
        uint64_t milliseconds;
        const char *text;
    } table[] = {
        {1, "1m"},
        {999, "999m"},
        {1000, "1S"},
        {1001, "1001m"},
        {60000, "1M"},
        {90000, "90S"},
        {3600000, "1H"},
        {5400000, "90M"},
        {99999999, "99999999m"},
        {100000001, "100001S"}, /* rounded up: no unit is exact */
        {UINT64_C(99999999000) + 1, "1666667M"},
        {UINT64_MAX, "99999999H"},
    };
    char text[16];

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        grpc_write_timeout(text, table[i].milliseconds);
        assert_string_equal(text, table[i].text);
    }
}

static void binary_values_are_base64_with_padding_or_without(void **state)
{
    static const struct {
        const char *text;
        const char *bytes; /* NULL: refused */
        size_t size;
    } table[] = {
        {"", "", 0},
        {"AA", "\0", 1},
        {"AA==", "\0", 1},
        {"AAE", "\0\1", 2},
        {"AAE=", "\0\1", 2},
        {"AAEC", "\0\1\2", 3},
        {"+/+/", "\xfb\xff\xbf", 3},
        {"A", NULL, 0},
        {"AAAAA", NULL, 0},
        {"AA===", NULL, 0},
        {"A=A", NULL, 0},
        {"AA E", NULL, 0},
        {"-_-_", NULL, 0},
    };
    struct buffer out;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        buffer_init(&out, 100);
        assert_int_equal(grpc_decode_binary(&out, dapr_text(table[i].text)),
                         table[i].bytes ? 0 : -1);
        if (table[i].bytes) {
            assert_int_equal(out.size, table[i].size);
            assert_memory_equal(out.data, table[i].bytes, out.size);
        }
        buffer_done(&out);
    }
}

static void messages_are_decoded(void **state)
{
    static const struct {
        const char *text;
        const char *decoded;
    } table[] = {
        {"plain", "plain"},
        {"a%20b%2fc", "a b/c"},
        {"%E2%82%AC", "\xe2\x82\xac"},
        {"%E2%82", "\xef\xbf\xbd\xef\xbf\xbd"}, /* cut off */
        {"100%", "100%"},
        {"%g1%1", "%g1%1"},
        {"\xff", "\xef\xbf\xbd"},
    };
    struct buffer out;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        buffer_init(&out, 100);
        grpc_decode_message(&out, dapr_text(table[i].text));
        assert_string_equal(buffer_string(&out), table[i].decoded);
        buffer_done(&out);
    }
}

static void codes_have_names(void **state)
{
    (void)state;
    assert_string_equal(grpc_code_name(0), "OK");
    assert_string_equal(grpc_code_name(DAPR_CANCELLED), "Canceled");
    assert_string_equal(grpc_code_name(DAPR_UNAUTHENTICATED),
                        "Unauthenticated");
    assert_string_equal(grpc_code_name(17), "Code(17)");
    assert_string_equal(grpc_code_name(-1), "Code(-1)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeouts_have_the_largest_exact_unit),
        cmocka_unit_test(binary_values_are_base64_with_padding_or_without),
        cmocka_unit_test(messages_are_decoded),
        cmocka_unit_test(codes_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
