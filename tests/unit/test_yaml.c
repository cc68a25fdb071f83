/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as Dapr reads it. The expected texts are what sigs.k8s.io/yaml v1.6 gave
 * for the same scalar as a property's value, as text, and as a key.
 */
#include "resources/duration.h"
#include "resources/scalar.h"
#include "resources/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The document as JSON; NULL and a message when it is refused. */
static char *to_json(const char *text, size_t size, struct buffer *error)
{
    struct buffer out;
    struct yaml yaml;
    char *json = NULL;

    buffer_init(&out, 64 << 20);
    buffer_clear(error);
    if (!yaml_read(&yaml, (struct dapr_bytes){text, size}, 1, error) &&
        (!yaml.root || !yaml_json(&yaml, yaml.root, &out, error)))
        json = buffer_take(&out);
    assert_int_equal(json == NULL, error->size > 0);
    yaml_done(&yaml);
    buffer_done(&out);
    return json;
}

static void check(const char *text, const char *expected)
{
    struct buffer error;
    char *json;

    buffer_init(&error, 65536);
    json = to_json(text, strlen(text), &error);
    if (!json || !expected)
        assert_string_equal(json ? json : buffer_string(&error),
                            expected ? expected : "an error");
    else
        assert_string_equal(json, expected);
    free(json);
    buffer_done(&error);
}

static const char *const scalars[][2] = {
    {"", ""},
    {"# nothing", ""},
    {"~", "null"},
    {"Null", "null"},
    {"yes", "true"},
    {"y", "true"},
    {"On", "true"},
    {"yEs", "\"yEs\""},
    {"NO", "false"},
    {"off", "false"},
    {"\"yes\"", "\"yes\""},
    {"'1'", "\"1\""},
    {"0x1F", "31"},
    {"-0x1F", "-31"},
    {"0o17", "15"},
    {"017", "15"},
    {"-017", "-15"},
    {"0b101", "5"},
    {"1_000", "1000"},
    {"08", "8"},
    {"+7", "7"},
    {"0x", "\"0x\""},
    {"0b2", "\"0b2\""},
    {"_1", "\"_1\""},
    {"1.0", "1"},
    {"1.10", "1.1"},
    {".5", "0.5"},
    {"-.5", "-0.5"},
    {"._5", "\"._5\""},
    {"1.", "1"},
    {"1e3", "1000"},
    {"1e21", "1e+21"},
    {"1e-7", "1e-7"},
    {"1e400", "\"1e400\""},
    {"-0", "0"},
    {"-0.0", "-0"},
    {"9223372036854775807", "9223372036854775807"},
    {"18446744073709551615", "18446744073709551615"},
    {"18446744073709551616", "18446744073709552000"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"-9223372036854775809", "-9223372036854776000"},
    {"2001-12-14", "\"2001-12-14\""},
    {"12:30:45", "\"12:30:45\""},
    {"!!str 5", "\"5\""},
    {"!!int \"7\"", "7"},
    {"!!float 3", "3"},
    {"!!bool yes", "true"},
    {"! 5", "5"},
    {"!foo 5", "\"5\""},
    {"!!binary aGVsbG8=", "\"hello\""},
    {"!!binary aGVs\n", "\"hel\""},
    {"|\n  text\n  more\n", "\"text\\nmore\\n\""},
    {"\"\\u2028<\\x01\"", "\"\\u2028\\u003c\\u0001\""},
    {"\xef\xbb\xbf"
     "5",
     "5"},
};

static void test_scalars(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(scalars); i++)
        check(scalars[i][0], scalars[i][1]);
}

static void test_collections(void **state)
{
    static const char *const cases[][2] = {
        {"[1, 2.50, yes, ~]", "[1,2.5,true,null]"},
        {"{b: 1, a: [x, <y>], 1: 2, 1.5: z, yes: no}",
         "{\"1\":2,\"1.5\":\"z\",\"a\":[\"x\",\"\\u003cy\\u003e\"],\"b\":1,"
         "\"true\":false}"},
        {"{1e6: x, 123456789.25: w, 0.1: z}",
         "{\"0.1\":\"z\",\"1.2345679e+08\":\"w\",\"1e+06\":\"x\"}"},
        {"{a: 1, a: 2}", "{\"a\":2}"},
        {"{big: 18446744073709551615}", "{\"big\":18446744073709551615}"},
        {"a: &x {p: 1}\nb: *x\nc: [*x, *x]",
         "{\"a\":{\"p\":1},\"b\":{\"p\":1},\"c\":[{\"p\":1},{\"p\":1}]}"},
        {"{q: 2, <<: {q: 3, r: 1}}", "{\"q\":3,\"r\":1}"},
        {"{<<: {q: 3, r: 1}, q: 2}", "{\"q\":2,\"r\":1}"},
        {"{<<: [{a: 1}, {a: 2, b: 3}]}", "{\"a\":1,\"b\":3}"},
        {"{\"<<\": 5}", "{\"\\u003c\\u003c\":5}"},
        {"- &a 1\n- &a 2\n- *a", "[1,2,2]"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(cases[i][0], cases[i][1]);
}

static void test_errors(void **state)
{
    static const char *const cases[][2] = {
        {"a: b: c", "line 1, column 5: mapping values are not allowed in this "
                    "context"},
        {"a:\n  - [1, 2\nb: c",
         "line 3, column 2: did not find expected ',' or ']' while parsing a "
         "flow sequence"},
        {"a: *x", "line 1: unknown anchor 'x' referenced"},
        {"a: &x [*x]", "line 1: anchor 'x' value contains itself"},
        {"\n{a: .inf}", "line 2, column 5: .inf is no number that JSON has"},
        {"!!int x", "line 1, column 1: `x` is no !!int"},
        {"!!binary aGV",
         "line 1, column 1: !!binary value contains invalid base64 data"},
        {"{~: x}", "line 1, column 2: null is no key"},
        {"? [a]\n: b", "line 1, column 3: a key must be a scalar"},
        {"{<<: 5}", "line 1, column 6: map merge requires map or sequence of "
                    "maps as the value"},
        {"\xff", "line 1, column 1: invalid leading UTF-8 octet"},
    };
    struct buffer error;

    (void)state;
    buffer_init(&error, 65536);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_null(to_json(cases[i][0], strlen(cases[i][0]), &error));
        assert_string_equal(buffer_string(&error), cases[i][1]);
    }
    buffer_done(&error);
}

static void test_text(void **state)
{
    static const char *const cases[][2] = {
        {"123", "123"},
        {"yes", "true"},
        {"1.0", "1"},
        {"1e6", "1e+06"},
        {"0.00001", "1e-05"},
        {"1000000.5", "1.0000005e+06"},
        {"123456.75", "123456.75"},
        {"'x'", "x"},
        {"017", "15"},
    };
    struct buffer out, error;
    struct yaml yaml;

    (void)state;
    buffer_init(&out, 4096);
    buffer_init(&error, 4096);
    for (size_t i = 0; i < COUNT(cases); i++) {
        buffer_clear(&out);
        assert_int_equal(yaml_read(&yaml, dapr_text(cases[i][0]), 1, &error),
                         0);
        assert_int_equal(yaml_text(yaml.root, "it", &out, &error), 0);
        assert_string_equal(buffer_string(&out), cases[i][1]);
        yaml_done(&yaml);
    }
    assert_int_equal(yaml_read(&yaml, dapr_text("\n [1]"), 8, &error), 0);
    assert_int_equal(yaml_text(yaml.root, "it", &out, &error), -1);
    assert_string_equal(buffer_string(&error),
                        "line 9, column 2: it must be text, not a list");
    yaml_done(&yaml);
    buffer_done(&out);
    buffer_done(&error);
}

static void test_get(void **state)
{
    struct yaml yaml;
    struct buffer error;

    (void)state;
    buffer_init(&error, 4096);
    assert_int_equal(
        yaml_read(&yaml, dapr_text("{A: 1, a: 2, [b]: 3, c: ~}"), 1, &error),
        0);
    assert_string_equal(yaml_get(yaml.root, "A")->text, "2");
    assert_null(yaml_get(yaml.root, "b"));
    assert_null(yaml_get(NULL, "a"));
    assert_null(yaml_get(yaml_get(yaml.root, "a"), "a"));
    assert_true(yaml_is_null(yaml_get(yaml.root, "c")));
    assert_true(yaml_is_null(yaml_get(yaml.root, "d")));
    assert_false(yaml_is_null(yaml_get(yaml.root, "a")));
    yaml_done(&yaml);
    buffer_done(&error);
}

/* ---- hostile documents --------------------------------------------------- */

static char *repeated(const char *first, const char *what, size_t times,
                      const char *last)
{
    struct buffer text;

    buffer_init(&text, 64 << 20);
    buffer_text(&text, first);
    for (size_t i = 0; i < times; i++)
        buffer_text(&text, what);
    buffer_text(&text, last);
    return buffer_take(&text);
}

static void check_refused(char *text, const char *part)
{
    struct buffer error;

    assert_non_null(text);
    buffer_init(&error, 65536);
    assert_null(to_json(text, strlen(text), &error));
    assert_non_null(strstr(buffer_string(&error), part));
    buffer_done(&error);
    free(text);
}

static void test_bounded(void **state)
{
    struct buffer text;

    (void)state;
    check_refused(repeated("", "[", 101, ""), "collections in each other");
    check_refused(repeated("[", "1,", 100001, "]"), "more than 100000 nodes");
    check_refused(repeated("[&a 1,", "*a,", 100001, "]"), "100000 nodes");
    check_refused(repeated("[", "&a 1,", 1001, "]"), "1000 anchors");
    /* A long text many times, lists of lists of it, merges of merges. */
    check_refused(repeated("[&a '", "x", 100000,
                           "',*a,*a,*a,*a,*a,*a,*a,*a,*a,"
                           "*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,"
                           "*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,"
                           "*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,"
                           "*a,*a,*a,*a]"),
                  "with its aliases expanded");
    buffer_init(&text, 65536);
    buffer_text(&text, "a0: &a0 x\n");
    for (int i = 1; i < 30; i++)
        buffer_printf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n",
                      i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    check_refused(buffer_take(&text), "with its aliases expanded");
    buffer_text(&text, "a0: &a0 {k: x}\n");
    for (int i = 1; i < 30; i++)
        buffer_printf(&text, "a%d: &a%d {<<: [*a%d,*a%d,*a%d,*a%d]}\n", i, i,
                      i - 1, i - 1, i - 1, i - 1);
    check_refused(buffer_take(&text), "100000 nodes");
    /* An alias may not make it deeper than what may be written. */
    buffer_text(&text, "- &a0 [x]\n");
    for (int i = 1; i < 120; i++)
        buffer_printf(&text, "- &a%d [*a%d]\n", i, i - 1);
    check_refused(buffer_take(&text), "collections in each other");
    buffer_done(&text);
}

static const char document[] =
    "apiVersion: dapr.io/v1alpha1\nmetadata: &m {name: x, \"q\": 'v'}\n"
    "spec:\n  - &a [1, 2.5]\n  - <<: *m\n    k: !!binary aGVsbG8=\n"
    "  - |\n    text\n  - *a # end\n";

static void test_truncated(void **state)
{
    struct buffer error;
    char *copy;

    (void)state;
    buffer_init(&error, 65536);
    for (size_t size = 0; size < sizeof document; size++) {
        copy = malloc(size ? size : 1);
        assert_non_null(copy);
        memcpy(copy, document, size);
        free(to_json(copy, size, &error));
        free(copy);
    }
    buffer_done(&error);
}

static void test_random(void **state)
{
    static const char alphabet[] = "[]{}:,-?&*!|>'\"#%@` \n\tax<0.\xff\xc3~";
    struct buffer error;
    char text[sizeof document];
    int good = 0;

    (void)state;
    srand(3);
    buffer_init(&error, 65536);
    for (int round = 0; round < 30000; round++) {
        char *json;

        memcpy(text, document, sizeof document);
        for (int n = rand() % 5; n >= 0; n--)
            text[(size_t)rand() % (sizeof document - 1)] =
                alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        json = to_json(text, sizeof document - 1, &error);
        good += json != NULL;
        free(json);
    }
    assert_true(good > 1000);
    buffer_done(&error);
}

/* ---- durations ----------------------------------------------------------- */

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
        const char *error;
    } cases[] = {
        {"0", 0, NULL},
        {"5s", 5000000000, NULL},
        {"-1.5h", -5400000000000, NULL},
        {"1h30m", 5400000000000, NULL},
        {"+300ms", 300000000, NULL},
        {".5s", 500000000, NULL},
        {"1.s", 1000000000, NULL},
        {"1us1\xc2\xb5s1\xce\xbcs1ns", 3001, NULL},
        {"0.3333333333333333333h", 1200000000000, NULL},
        {"9223372036854775807ns", INT64_MAX, NULL},
        {"-9223372036854775808ns", INT64_MIN, NULL},
        {"9223372036854775808ns", 0,
         "time: invalid duration \"9223372036854775808ns\""},
        {"2562048h", 0, "time: invalid duration \"2562048h\""},
        {"", 0, "time: invalid duration \"\""},
        {"-", 0, "time: invalid duration \"-\""},
        {".s", 0, "time: invalid duration \".s\""},
        {"s", 0, "time: invalid duration \"s\""},
        {"soon", 0, "time: invalid duration \"soon\""},
        {"5", 0, "time: missing unit in duration \"5\""},
        {"1s5", 0, "time: missing unit in duration \"1s5\""},
        {"5x", 0, "time: unknown unit \"x\" in duration \"5x\""},
        {"5 s", 0, "time: unknown unit \" s\" in duration \"5 s\""},
        {"1.1.1s", 0, "time: missing unit in duration \"1.1.1s\""},
    };
    struct buffer error;
    int64_t ns;

    (void)state;
    buffer_init(&error, 4096);
    for (size_t i = 0; i < COUNT(cases); i++) {
        int rc;

        buffer_clear(&error);
        rc = duration_parse(cases[i].text, &ns, &error);
        assert_int_equal(rc, cases[i].error ? -1 : 0);
        if (rc)
            assert_string_equal(buffer_string(&error), cases[i].error);
        else
            assert_int_equal(ns, cases[i].ns);
        assert_int_equal(duration_parse(cases[i].text, &ns, NULL), rc);
    }
    assert_int_equal(duration_ms(1), 1);
    assert_int_equal(duration_ms(-1), 0);
    buffer_done(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),   cmocka_unit_test(test_collections),
        cmocka_unit_test(test_errors),    cmocka_unit_test(test_text),
        cmocka_unit_test(test_get),       cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_random),
        cmocka_unit_test(test_durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
