/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and names of requests, as Go cleans and unescapes them. */
#include "net/http_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void paths(void **unused)
{
    static const char *const table[][2] = {
        {"/v1.0/bindings/x", "/v1.0/bindings/x"},
        {"//v1.0///bindings//x/", "/v1.0/bindings/x"},
        {"/a/./b/../c", "/a/c"},
        {"/../../a", "/a"},
        {"/a/..", "/"},
        {"/...", "/..."},
        {"/..a/.b", "/..a/.b"},
        {"/%2e%2e/a", "/%2e%2e/a"},
        {"/a?b=/../c", "/a"},
        {"/a#b", "/a"},
        {"", "/"},
        {"?", "/"},
        {"*", "/*"},
        {"route/of/an/app", "/route/of/an/app"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *path = http_clean_path(table[i][0]);

        assert_string_equal(path, table[i][1]);
        free(path);
    }
}

static void queries(void **unused)
{
    (void)unused;
    assert_string_equal(http_query("/a?b=c?d"), "?b=c?d");
    assert_string_equal(http_query("/a"), "");
}

static void names(void **unused)
{
    static const char *const table[][2] = {
        {"plain", "plain"}, {"a+b", "a b"},   {"a%20b", "a b"},
        {"%2Fx", "/x"},     {"100%", "100%"}, {"%4", "%4"},
        {"%zz", "%zz"},     {"%41%6a", "Aj"}, {"", ""},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *name = http_unescape(table[i][0]);

        assert_string_equal(name, table[i][1]);
        free(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(queries),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
