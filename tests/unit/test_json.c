/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as Go's encoding/json reads and writes it. The expected texts are what
 * Go 1.26 gave; those of requests, what a daprd gave.
 */
#include "core/json.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT (64 << 20)

struct text_case {
    const char *in, *out;
};

/* A copy without a NUL behind it, so that reading too far is found. */
static char *bare(const char *text, size_t size)
{
    char *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    memcpy(copy, text, size);
    return copy;
}

static int copy(const char *text, size_t size, struct buffer *out,
                struct json_reader *ret_reader)
{
    struct json_reader skipper;
    char *in = bare(text, size);
    int rc, skipped;

    buffer_clear(out);
    json_reader_init(ret_reader, (struct dapr_bytes){in, size});
    rc = json_copy(ret_reader, out);
    json_reader_init(&skipper, (struct dapr_bytes){in, size});
    skipped = json_skip(&skipper);
    assert_int_equal(rc < 0, ret_reader->error[0] != 0);
    if (rc == 0 || skipped < 0) {
        assert_int_equal(rc, skipped);
        assert_string_equal(ret_reader->error, skipper.error);
        assert_ptr_equal(ret_reader->at, skipper.at);
    }
    free(in);
    return rc;
}

static void check_texts(const struct text_case *cases, size_t count)
{
    struct json_reader reader;
    struct buffer out;

    buffer_init(&out, LIMIT);
    for (size_t i = 0; i < count; i++) {
        int rc = copy(cases[i].in, strlen(cases[i].in), &out, &reader);

        if (rc)
            print_error("%s: %s\n", cases[i].in, reader.error);
        assert_int_equal(rc, 0);
        assert_int_equal(reader.depth, 0);
        assert_string_equal(buffer_string(&out), cases[i].out);
    }
    buffer_done(&out);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_values(void **state)
{
    static const struct text_case cases[] = {
        {"null", "null"},
        {" true ", "true"},
        {"false", "false"},
        {"[]", "[]"},
        {"{ }", "{}"},
        {"\"\"", "\"\""},
        {"\"a<b&c> 'x'\"", "\"a\\u003cb\\u0026c\\u003e 'x'\""},
        {"\"\xe2\x80\xa8\xe2\x80\xa9\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"",
         "\"\\u2028\\u2029\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\""},
        {"\"\\u00e9\\u4E2D\\ud83d\\ude00\\uFEFF\"",
         "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\xef\xbb\xbf\""},
        {"\"\\u0000\\u0001\\u001f\\u007f\\b\\f\\n\\r\\t\\u000b\\/\\\\\\\"\"",
         "\"\\u0000\\u0001\\u001f\x7f\\b\\f\\n\\r\\t\\u000b/\\\\\\\"\""},
        {"\"\\ud800 \\udc00 \\ude00\\ud83d \\ud83dx \\ud83d\\ud83d\\ude00 "
         "\\ud83d\\u0041\"",
         "\"\xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbdx "
         "\xef\xbf\xbd\xf0\x9f\x98\x80 \xef\xbf\xbd"
         "A\""},
        {"\"a\x80"
         "b\xff"
         "c\xc3(d\xed\xa0\x80"
         "e\xf4\x80\"",
         "\"a\xef\xbf\xbd"
         "b\xef\xbf\xbd"
         "c\xef\xbf\xbd(d\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
         "e\xef\xbf\xbd\xef\xbf\xbd\""},
        {"[ 1 , \"a\" , null , true , { \"z\" : 1 , \"y\" : [ [ ] , { } ] } ]",
         "[1,\"a\",null,true,{\"y\":[[],{}],\"z\":1}]"},
        {"{\"operation\":\"create\"} and more", "{\"operation\":\"create\"}"},
        {"01", "0"},
        {"7x", "7"},
        {"nullx", "null"},
    };

    (void)state;
    check_texts(cases, COUNT(cases));
}

static void test_keys(void **state)
{
    static const struct text_case cases[] = {
        {"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
        {"{\"a\":1,\"b\":2,\"a\":{\"x\":3},\"a\":{\"y\":4}}",
         "{\"a\":{\"y\":4},\"b\":2}"},
        {"{\"a\":1,\"\\u0061\":2}", "{\"a\":2}"},
        {"{\"b\":1,\"B\":2,\"\xc3\xa9\":3,\"e\":4,\"\":5,\"10\":6,\"9\":7,"
         "\"_\":8,\"<k>\":9,\"\xf0\x9f\x98\x80\":10,\"\xef\xbf\xae\":11,"
         "\"a b\":12,\"ab\":13,\"a\":14}",
         "{\"\":5,\"10\":6,\"9\":7,\"\\u003ck\\u003e\":9,\"B\":2,\"_\":8,"
         "\"a\":14,\"a b\":12,\"ab\":13,\"b\":1,\"e\":4,\"\xc3\xa9\":3,"
         "\"\xef\xbf\xae\":11,\"\xf0\x9f\x98\x80\":10}"},
        {"{\"\\t\":1,\"\\n\":2,\"\\b\":3,\"\\\"\":4,\"\\\\\":5,\"!\":6}",
         "{\"\\b\":3,\"\\t\":1,\"\\n\":2,\"!\":6,\"\\\"\":4,\"\\\\\":5}"},
        {"{\"\\u2028\":1,\"\xe2\x80\xa7\":2,\"\xe2\x80\xaa\":3}",
         "{\"\xe2\x80\xa7\":2,\"\\u2028\":1,\"\xe2\x80\xaa\":3}"},
        {"[{\"b\":{\"d\":1,\"c\":[{\"f\":1,\"e\":2}]},\"a\":{}},{\"a\":1,"
         "\"b\":{\"y\":1,\"x\":2}}]",
         "[{\"a\":{},\"b\":{\"c\":[{\"e\":2,\"f\":1}],\"d\":1}},{\"a\":1,"
         "\"b\":{\"x\":2,\"y\":1}}]"},
        {"{\"a\":{\"b\":1,\"a\":{\"d\":1,\"c\":2}},\"a\":0}", "{\"a\":0}"},
    };

    (void)state;
    check_texts(cases, COUNT(cases));
}

static void test_numbers(void **state)
{
    static const struct text_case cases[] = {
        {"[0,-0,-0.0,0.0,1,-1,1.0,1.50,1e3,1E+3,1e-3,10e-1,0.1,"
         "0.30000000000000004,100,1e2]",
         "[0,-0,-0,0,1,-1,1,1.5,1000,1000,0.001,1,0.1,0.30000000000000004,100,"
         "100]"},
        {"[9007199254740991,9007199254740993,-9007199254740993,"
         "12345678901234567890,123456789012345678,18446744073709551615]",
         "[9007199254740991,9007199254740992,-9007199254740992,"
         "12345678901234567000,123456789012345680,18446744073709552000]"},
        {"[1e20,1e21,1.5e21,999999999999999999999,999999999999999868928,1e22,"
         "1.7976931348623157e308,-1e300,123456789e15]",
         "[100000000000000000000,1e+21,1.5e+21,1e+21,999999999999999900000,"
         "1e+22,1.7976931348623157e+308,-1e+300,1.23456789e+23]"},
        {"[0.000001,1e-6,0.00000123,0.0000001,1e-7,1.5e-9,3.0e-5,5e-324,"
         "2.2250738585072014e-308,1e-999,-1e-7,0.1e-6]",
         "[0.000001,0.000001,0.00000123,1e-7,1e-7,1.5e-9,0.00003,5e-324,"
         "2.2250738585072014e-308,0,-1e-7,1e-7]"},
        {"[3.141592653589793,2.718281828459045235360287,0.1234567890123456789,"
         "16777217.5,4.35,1.005,123456.7e-2]",
         "[3.141592653589793,2.718281828459045,0.12345678901234568,16777217.5,"
         "4.35,1.005,1234.567]"},
        /* Powers of two, where the nearest of 16 digits is not the one. */
        {"[7.1202363472230444e-307,5.6843418860808015e-14]",
         "[7.120236347223045e-307,5.684341886080802e-14]"},
    };

    (void)state;
    check_texts(cases, COUNT(cases));
}

static void test_exact_numbers(void **state)
{
    static const char text[] = "[18446744073709551615,1.50,1e3]";
    struct json_reader reader;
    struct buffer out;

    (void)state;
    buffer_init(&out, LIMIT);
    json_reader_init(&reader, dapr_text(text));
    reader.exact = true;
    assert_int_equal(json_copy(&reader, &out), 0);
    assert_string_equal(buffer_string(&out), text);
    buffer_done(&out);
}

#define BEGIN_VALUE " looking for beginning of value"
#define BEGIN_KEY   " looking for beginning of object key string"

static const struct text_case errors[] = {
    {"", "EOF"},
    {" \t\r\n", "EOF"},
    {"hello", "invalid character 'h'" BEGIN_VALUE},
    {"{", "unexpected EOF"},
    {"[", "unexpected EOF"},
    {"[1,", "unexpected EOF"},
    {"\"abc", "unexpected EOF"},
    {"\"abc\\", "unexpected EOF"},
    {"\"\\u12", "unexpected EOF"},
    {"-", "unexpected EOF"},
    {"1.", "unexpected EOF"},
    {"1e+", "unexpected EOF"},
    {"nul", "unexpected EOF"},
    {"{\"a\"", "unexpected EOF"},
    {"{\"a\":1,}", "invalid character '}'" BEGIN_KEY},
    {"{\"a\":1 \"b\":2}", "invalid character '\"' after object key:value pair"},
    {"{a:1}", "invalid character 'a'" BEGIN_KEY},
    {"{'a':1}", "invalid character '\\''" BEGIN_KEY},
    {"{\"a\":1/**/}", "invalid character '/' after object key:value pair"},
    {"}{}", "invalid character '}'" BEGIN_VALUE},
    {"\xef\xbb\xbf{}", "invalid character '\xc3\xaf'" BEGIN_VALUE},
    {"\xff", "invalid character '\xc3\xbf'" BEGIN_VALUE},
    {"\x80", "invalid character '\\u0080'" BEGIN_VALUE},
    {"\x7f", "invalid character '\\x7f'" BEGIN_VALUE},
    {"\\", "invalid character '\\\\'" BEGIN_VALUE},
    {"+1", "invalid character '+'" BEGIN_VALUE},
    {".5", "invalid character '.'" BEGIN_VALUE},
    {"[1.]", "invalid character ']' after decimal point in numeric literal"},
    {"[1e]", "invalid character ']' in exponent of numeric literal"},
    {"[-]", "invalid character ']' in numeric literal"},
    {"[01]", "invalid character '1' after array element"},
    {"[0x10]", "invalid character 'x' after array element"},
    {"[nope]", "invalid character 'o' in literal null (expecting 'u')"},
    {"[trap]", "invalid character 'a' in literal true (expecting 'u')"},
    {"[fals]", "invalid character ']' in literal false (expecting 'e')"},
    {"\"\\x41\"", "invalid character 'x' in string escape code"},
    {"\"\\u12\"", "invalid character '\"' in \\u hexadecimal character escape"},
    {"\"a\nb\"", "invalid character '\\n' in string literal"},
    {"\"a\tb\"", "invalid character '\\t' in string literal"},
    {"[1,]", "invalid character ']'" BEGIN_VALUE},
    {"[1 2]", "invalid character '2' after array element"},
    {"{\"a\"}", "invalid character '}' after object key"},
    {"{1:2}", "invalid character '1'" BEGIN_KEY},
    {"[1}", "invalid character '}' after array element"},
    {"1e999",
     "json: cannot unmarshal number 1e999 into Go value of type float64"},
    {"[{\"b\":-1e309,\"a\":1e400}]",
     "json: cannot unmarshal number -1e309 into Go value of type float64"},
    {"[1e999", "unexpected EOF"},
    {"[1e999,x]", "invalid character 'x'" BEGIN_VALUE},
};

static void test_errors(void **state)
{
    struct json_reader reader;
    struct buffer out;

    (void)state;
    buffer_init(&out, LIMIT);
    for (size_t i = 0; i < COUNT(errors); i++) {
        assert_int_equal(
            copy(errors[i].in, strlen(errors[i].in), &out, &reader), -1);
        assert_string_equal(reader.error, errors[i].out);
    }
    assert_int_equal(copy("{\0", 2, &out, &reader), -1);
    assert_string_equal(reader.error, "invalid character '\\x00'" BEGIN_KEY);
    buffer_done(&out);
}

/* ---- depth and size ------------------------------------------------------ */

static char *nested(size_t levels, const char *open, const char *middle,
                    const char *close)
{
    struct buffer text;

    buffer_init(&text, LIMIT);
    for (size_t i = 0; i < levels; i++)
        buffer_text(&text, open);
    buffer_text(&text, middle);
    for (size_t i = 0; i < levels; i++)
        buffer_text(&text, close);
    return buffer_take(&text);
}

static void test_depth(void **state)
{
    struct json_reader reader;
    struct buffer out;
    char *text, *expected;

    (void)state;
    buffer_init(&out, LIMIT);
    text = nested(10000, "[", "", "]");
    assert_int_equal(copy(text, strlen(text), &out, &reader), 0);
    assert_string_equal(buffer_string(&out), text);
    free(text);
    text = nested(10001, "[", "", "]");
    assert_int_equal(copy(text, strlen(text), &out, &reader), -1);
    assert_string_equal(reader.error,
                        "invalid character '[' exceeded max depth");
    free(text);
    text = nested(300000, "{\"\":", "", "");
    assert_int_equal(copy(text, strlen(text), &out, &reader), -1);
    assert_string_equal(reader.error,
                        "invalid character '{' exceeded max depth");
    free(text);
    /* Each level is out of order, around all of the text: no more than a few
     * milliseconds, as the work does not grow with depth times size. */
    text = nested(9999, "{\"b\":", "\"x\"", ",\"a\":1}");
    expected = nested(9999, "{\"a\":1,\"b\":", "\"x\"", "}");
    assert_int_equal(copy(text, strlen(text), &out, &reader), 0);
    assert_string_equal(buffer_string(&out), expected);
    free(text);
    free(expected);
    buffer_done(&out);
}

static void test_limit(void **state)
{
    static const char text[] = "{\"b\":\"some text\",\"a\":[1,2,3.50,\"<\"]}";
    static const char whole[] =
        "{\"a\":[1,2,3.5,\"\\u003c\"],\"b\":\"some text\"}";
    struct json_reader reader;
    struct buffer out;

    (void)state;
    for (size_t limit = 0; limit < sizeof whole; limit++) {
        bool fits = limit == sizeof whole - 1;

        buffer_init(&out, limit);
        json_reader_init(&reader, dapr_text(text));
        assert_int_equal(json_copy(&reader, &out), fits ? 0 : -1);
        assert_string_equal(reader.error, fits ? "" : "value too long");
        buffer_done(&out);
    }
}

/* ---- steps --------------------------------------------------------------- */

static void test_steps(void **state)
{
    struct json_reader reader;
    struct buffer key, text;
    bool first = true;

    (void)state;
    buffer_init(&key, 100);
    buffer_init(&text, 100);
    json_reader_init(&reader, dapr_text(" { \"a\\n<\" : \"x\\u00e9<\" , "
                                        "\"b\" : [1, {\"c\":2}] , \"\":null}"));
    assert_int_equal(json_next(&reader), JSON_OBJECT);
    assert_int_equal(json_key(&reader, &first, &key), 1);
    assert_string_equal(buffer_string(&key), "a\n<");
    assert_int_equal(json_next(&reader), JSON_STRING);
    assert_int_equal(json_read_string(&reader, &text), 0);
    assert_string_equal(buffer_string(&text), "x\xc3\xa9<");
    assert_int_equal(json_key(&reader, &first, &key), 1);
    assert_string_equal(buffer_string(&key), "b");
    assert_int_equal(json_next(&reader), JSON_ARRAY);
    assert_int_equal(json_skip(&reader), 0);
    assert_int_equal(json_key(&reader, &first, &key), 1);
    assert_string_equal(buffer_string(&key), "");
    assert_int_equal(json_next(&reader), JSON_NULL);
    assert_int_equal(json_skip(&reader), 0);
    assert_int_equal(json_key(&reader, &first, &key), 0);
    assert_int_equal(reader.depth, 0);
    assert_int_equal(json_next(&reader), JSON_ERROR);
    assert_string_equal(reader.error, "EOF");
    buffer_done(&key);
    buffer_done(&text);
}

static void test_step_errors(void **state)
{
    static const struct text_case cases[] = {
        {"{", "unexpected EOF"},
        {"{\"a\":1,}", "invalid character '}'" BEGIN_KEY},
        {"{\"a\":1]", "invalid character ']' after object key:value pair"},
        {"{\"a\" 1}", "invalid character '1' after object key"},
        {"{\"a\":1", "unexpected EOF"},
        {"{\"a\":", "unexpected EOF"},
        {"{x", "invalid character 'x'" BEGIN_KEY},
    };
    struct json_reader reader;
    struct buffer key;
    bool first;
    int rc;

    (void)state;
    buffer_init(&key, 100);
    for (size_t i = 0; i < COUNT(cases); i++) {
        first = true;
        json_reader_init(&reader, dapr_text(cases[i].in));
        while ((rc = json_key(&reader, &first, &key)) == 1)
            rc = json_skip(&reader);
        assert_int_equal(rc, -1);
        assert_string_equal(reader.error, cases[i].out);
    }
    buffer_done(&key);
}

static void test_written(void **state)
{
    struct buffer out;

    (void)state;
    buffer_init(&out, 100);
    assert_int_equal(json_string(&out, dapr_text("<\xff\n\xc3\xa9\">")), 0);
    assert_string_equal(buffer_string(&out),
                        "\"\\u003c\\ufffd\\n\xc3\xa9\\\"\\u003e\"");
    assert_int_equal(json_number(&out, NAN), -1);
    assert_int_equal(json_number(&out, -HUGE_VAL), -1);
    buffer_clear(&out);
    assert_int_equal(json_number(&out, -DBL_MAX), 0);
    assert_string_equal(buffer_string(&out), "-1.7976931348623157e+308");
    buffer_done(&out);
}

/* ---- hostile input ------------------------------------------------------- */

static const char order[] =
    "{\"orderId\":12345,\"customer\":{\"name\":\"Zo\xc3\xab\",\"id\":\"c\\n\"},"
    "\"items\":[{\"sku\":\"A<\",\"price\":19.990},{\"sku\":\"\\ud83d\\ude00\","
    "\"price\":5e2}],\"total\":1234567890123456789,\"note\":null,\"ok\":true}";

static void test_truncated(void **state)
{
    struct json_reader reader;
    struct buffer out;

    (void)state;
    buffer_init(&out, LIMIT);
    for (size_t size = 0; size < sizeof order - 1; size++) {
        assert_int_equal(copy(order, size, &out, &reader), -1);
        assert_string_equal(reader.error, size ? "unexpected EOF" : "EOF");
    }
    assert_int_equal(copy(order, sizeof order - 1, &out, &reader), 0);
    buffer_done(&out);
}

/* What comes out is in Go's form: it comes out of a second pass unchanged. */
static void test_random(void **state)
{
    static const char alphabet[] = "{}[]:,\"\\/bfnrtue0123456789.-+E \n<&ax"
                                   "\xe2\x80\xa8\xf0\x9f\x98\x80\xff";
    struct json_reader reader;
    struct buffer once, twice;
    char text[sizeof order];
    int good = 0;

    (void)state;
    srand(7);
    buffer_init(&once, LIMIT);
    buffer_init(&twice, LIMIT);
    for (int round = 0; round < 100000; round++) {
        memcpy(text, order, sizeof order);
        for (int n = rand() % 4; n >= 0; n--)
            text[(size_t)rand() % (sizeof order - 1)] =
                alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        if (copy(text, sizeof order - 1, &once, &reader))
            continue;
        good++;
        assert_int_equal(copy((char *)once.data, once.size, &twice, &reader),
                         0);
        assert_int_equal(once.size, twice.size);
        assert_memory_equal(once.data, twice.data, once.size);
    }
    assert_true(good > 1000);
    buffer_done(&once);
    buffer_done(&twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_exact_numbers),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_step_errors),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
