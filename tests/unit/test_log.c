/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: Dapr's two formats, Go's quoting, levels, one write a line. */
#include "core/log.h"
#include "core/utf8.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TIME    "2026-08-21T10:11:12.5Z"
#define THREADS 4
#define LINES   200

static char host[256];

static void set(const struct log_settings *settings)
{
    assert_int_equal(log_set(settings), 0);
}

static void check(const char *message, const struct dapr_pair *fields,
                  size_t count, const char *expected_format)
{
    struct buffer out;
    char expected[4096];

    snprintf(expected, sizeof expected, expected_format, host);
    buffer_init(&out, 1 << 20);
    log_format(&out, TIME, LOG_WARNING, "dapr.test",
               (struct dapr_metadata){fields, count}, message);
    assert_string_equal(buffer_string(&out), expected);
    buffer_done(&out);
}

static void test_text(void **state)
{
    static const struct dapr_pair fields[] = {
        {"zone", ""}, {"component", "files (bindings.x/v1)"}};

    (void)state;
    set(&(struct log_settings){.app_id = "a<b>", .version = "edge"});
    check("plain-text.with_/@^+0", NULL, 0,
          "time=\"" TIME "\" level=warning msg=plain-text.with_/@^+0 "
          "app_id=\"a<b>\" instance=%s scope=dapr.test type=log ver=edge\n");
    check("two words", fields, 2,
          "time=\"" TIME "\" level=warning msg=\"two words\" app_id=\"a<b>\" "
          "component=\"files (bindings.x/v1)\" instance=%s scope=dapr.test "
          "type=log ver=edge zone=\n");
    set(&(struct log_settings){.version = "edge"});
    check("", NULL, 0,
          "time=\"" TIME "\" level=warning msg= instance=%s scope=dapr.test "
          "type=log ver=edge\n");
}

static void test_json(void **state)
{
    static const struct dapr_pair fields[] = {{"component", "<c>"}};

    (void)state;
    set(&(struct log_settings){.json = true, .app_id = "shop", .version = "1"});
    check("q\"<\xc3\xa9>\n\xff\x01", fields, 1,
          "{\"app_id\":\"shop\",\"component\":\"\\u003cc\\u003e\","
          "\"instance\":\"%s\",\"level\":\"warning\","
          "\"msg\":\"q\\\"\\u003c\xc3\xa9\\u003e\\n\\ufffd\\u0001\","
          "\"scope\":\"dapr.test\",\"time\":\"" TIME "\",\"type\":\"log\","
          "\"ver\":\"1\"}\n");
}

static void test_many_fields(void **state)
{
    struct dapr_pair fields[100];
    struct buffer out;

    (void)state;
    for (size_t i = 0; i < 100; i++)
        fields[i] = (struct dapr_pair){"name", "value"};
    buffer_init(&out, 1 << 20);
    log_format(&out, TIME, LOG_INFO, "s", (struct dapr_metadata){fields, 100},
               "m");
    assert_non_null(strstr(buffer_string(&out), "\"name\":\"value\""));
    buffer_done(&out);
}

static void test_quoting(void **state)
{
    static const struct {
        const char *text, *quoted;
    } cases[] = {
        {"", "\"\""},
        {"a'b\"c\\", "\"a'b\\\"c\\\\\""},
        {"\a\b\f\n\r\t\v", "\"\\a\\b\\f\\n\\r\\t\\v\""},
        {"\x01\x7f", "\"\\x01\\x7f\""},
        {"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80",
         "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\""},
        {"\xff\xe4\xb8", "\"\\xff\\xe4\\xb8\""},
        {"\xed\xa0\x80\xc0\xaf", "\"\\xed\\xa0\\x80\\xc0\\xaf\""},
        {"\xe2\x80\xa8\xc2\xa0\xef\xbb\xbf", "\"\\u2028\\u00a0\\ufeff\""},
        {"\xf3\xa0\x80\x81", "\"\\U000e0001\""},
    };
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&out);
        assert_int_equal(utf8_quote(&out, dapr_text(cases[i].text)), 0);
        assert_string_equal(buffer_string(&out), cases[i].quoted);
    }
    buffer_done(&out);
}

/* ---- written ------------------------------------------------------------- */

static size_t read_all(int fd, char *to, size_t size)
{
    size_t used = 0;
    ssize_t n;

    while ((n = read(fd, to + used, size - used)) > 0)
        used += (size_t)n;
    return used;
}

static void *write_lines(void *name)
{
    for (int i = 0; i < LINES; i++)
        log_message(LOG_INFO, name, "line %d of %d", i, LINES);
    return NULL;
}

/* Lines of several threads stay whole. */
static void test_threads(void **state)
{
    static char text[1 << 20];
    pthread_t threads[THREADS];
    char *line, *rest;
    size_t count = 0;
    FILE *file = tmpfile();
    char scope[] = "thread";

    (void)state;
    assert_non_null(file);
    set(&(struct log_settings){.level = LOG_INFO, .fd = fileno(file)});
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, scope),
                         0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    log_message(LOG_DEBUG, "s", "too fine for the level");
    assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
    text[read_all(fileno(file), text, sizeof text - 1)] = 0;
    for (line = strtok_r(text, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        assert_memory_equal(line, "time=\"20", 8);
        assert_non_null(strstr(line, " level=info msg=\"line "));
        assert_non_null(strstr(line, " type=log ver=" DAPR_COMPONENTS_VERSION));
        count++;
    }
    assert_int_equal(count, THREADS * LINES);
    fclose(file);
}

/* A long message is cut; a pipe that nobody reads does not hold the caller. */
static void test_limits(void **state)
{
    static char message[100000];
    static char text[1 << 20];
    size_t size;
    int ends[2];

    (void)state;
    memset(message, 'x', sizeof message - 1);
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    set(&(struct log_settings){.fd = ends[1]});
    for (int i = 0; i < 4; i++)
        log_message(LOG_INFO, "s", "%s", message);
    close(ends[1]);
    size = read_all(ends[0], text, sizeof text);
    assert_true(size > 32768 && size < 100000);
    close(ends[0]);
}

static void test_levels(void **state)
{
    (void)state;
    set(&(struct log_settings){.level = LOG_ERROR});
    assert_false(log_enabled(LOG_WARNING));
    assert_true(log_enabled(LOG_ERROR));
    assert_true(log_enabled(LOG_FATAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),        cmocka_unit_test(test_json),
        cmocka_unit_test(test_many_fields), cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_levels),
    };

    gethostname(host, sizeof host - 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
