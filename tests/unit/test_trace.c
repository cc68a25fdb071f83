/* SPDX-License-Identifier: Apache-2.0 */
/* Trace contexts: what counts as one, and what is passed on. */
#include "observe/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"

static void read_pair(struct trace *trace, const char *parent,
                      const char *state)
{
    const struct dapr_pair pairs[] = {{"TraceParent", parent},
                                      {"tracestate", state}};

    trace_read(trace, (struct dapr_metadata){pairs, state ? 2 : 1});
}

static void valid_contexts_go_through(void **unused)
{
    static const char *const table[][2] = {
        {"00-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN "-01"},
        {"00-" TRACE "-" SPAN "-00", "00-" TRACE "-" SPAN "-00"},
        {"00-" TRACE "-" SPAN "-ff", "00-" TRACE "-" SPAN "-ff"},
        {"cc-" TRACE "-" SPAN "-01-what", "00-" TRACE "-" SPAN "-01"},
    };
    struct trace trace;

    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        read_pair(&trace, table[i][0], NULL);
        assert_string_equal(trace.parent, table[i][1]);
        assert_null(trace.state);
    }
}

static void others_count_as_none(void **unused)
{
    static const char *const table[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-",
        "00-" TRACE "-" SPAN "-0",
        "00-" TRACE "-" SPAN "-01-more",
        "00-" TRACE "-" SPAN "-01x",
        "ff-" TRACE "-" SPAN "-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "-" SPAN "-0g",
    };
    struct trace trace;

    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        read_pair(&trace, table[i], "a=1");
        assert_string_equal(trace.parent, TRACE_NONE);
        assert_null(trace.state);
    }
}

static void state_needs_a_parent_and_a_form(void **unused)
{
    struct trace trace;

    (void)unused;
    read_pair(&trace, "00-" TRACE "-" SPAN "-01", "a=1,b=2");
    assert_string_equal(trace.state, "a=1,b=2");
    read_pair(&trace, "00-" TRACE "-" SPAN "-01", "not valid");
    assert_null(trace.state);
    read_pair(&trace, "00-" TRACE "-" SPAN "-01", "=1");
    assert_null(trace.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_contexts_go_through),
        cmocka_unit_test(others_count_as_none),
        cmocka_unit_test(state_needs_a_parent_and_a_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
