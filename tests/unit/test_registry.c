/* SPDX-License-Identifier: Apache-2.0 */
/* Registering: misuse, old headers, defaults, names. */
#include "core/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int invoke(void *self, dapr_call *call,
                  const struct dapr_request *request)
{
    (void)self;
    return dapr_reply(call, request->data);
}

static int read_events(void *self, dapr_reader *reader)
{
    (void)self;
    (void)reader;
    return 0;
}

static const struct dapr_output_binding output = {.invoke = invoke};
static const struct dapr_input_binding input = {.read = read_events};

/* The first misuse is the one that is kept, so this one comes first. */
static void test_a_missing_callback_is_named(void **state)
{
    static const struct dapr_output_binding none = {.concurrency = 1};

    (void)state;
    assert_null(component_misuse());
    assert_int_equal(dapr_register("none", with_output_binding(&none)), -1);
    assert_non_null(strstr(component_misuse(), "invoke"));
    assert_non_null(strstr(component_misuse(), "\"none\""));
    assert_null(component_find("none"));
}

static void test_misuse(void **state)
{
    static const struct dapr_input_binding none = {.concurrency = 0};
    static const struct dapr_output_binding odd = {.invoke = invoke,
                                                   .concurrency = 3};
    const char *const names[] = {NULL, "", ".hidden", "a/b"};
    struct dapr_option unknown = {77, sizeof output, &output};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(dapr_register(names[i], with_output_binding(&output)),
                         -1);
    assert_int_equal(dapr_register("m", with_input_binding(&none)), -1);
    assert_int_equal(dapr_register("m", with_output_binding(&odd)), -1);
    assert_int_equal(dapr_register("m", with_output_binding(NULL)), -1);
    assert_int_equal(dapr_register("m", unknown), -1);
    assert_null(component_find("m"));
    assert_non_null(strstr(component_misuse(), "\"none\""));
}

static void test_both_kinds_under_one_name(void **state)
{
    struct component *component;

    (void)state;
    assert_int_equal(dapr_register("both", with_output_binding(&output)), 0);
    component = component_find("both");
    assert_true(component_has(component, BINDING_OUTPUT));
    assert_false(component_has(component, BINDING_INPUT));
    assert_int_equal(dapr_register("both", with_input_binding(&input)), 0);
    assert_true(component_has(component, BINDING_INPUT));
    assert_int_equal(dapr_register("both", with_input_binding(&input)), -1);
    assert_string_equal(component_name(component), "both");
}

static void test_one_table_under_two_names(void **state)
{
    (void)state;
    assert_int_equal(dapr_register("one", with_output_binding(&output)), 0);
    assert_int_equal(dapr_register("two", with_output_binding(&output)), 0);
    assert_ptr_equal(component_find("one")->tables[BINDING_OUTPUT],
                     component_find("two")->tables[BINDING_OUTPUT]);
}

static void test_all_in_the_order_of_registering(void **state)
{
    struct component *component = component_next(NULL);
    const char *const names[] = {"both", "one", "two"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_string_equal(component_name(component), names[i]);
        component = component_next(component);
    }
    assert_null(component);
}

/* A program that was built with a header that ended before `operations`; what
 * lies behind must not be looked at. */
static void test_an_old_table_gets_defaults(void **state)
{
    size_t size = offsetof(struct dapr_output_binding, operations);
    struct dapr_output_binding *old = malloc(size);
    struct dapr_option option = {1, size, old};
    const struct table *table;

    (void)state;
    memcpy(old, &output, size);
    assert_int_equal(dapr_register("old", option), 0);
    free(old);
    table = component_find("old")->tables[BINDING_OUTPUT];
    assert_ptr_equal(table->invoke, invoke);
    assert_string_equal(table->operations(NULL)[0], "create");
    assert_null(table->operations(NULL)[1]);
    assert_int_equal(table->init(NULL, NULL, NULL), 0);
    assert_int_equal(table->ping(NULL, NULL), 0);
    assert_null(table->create(NULL));
    assert_false(table->has_objects);
    assert_int_equal(table->concurrency, DAPR_ONE_AT_A_TIME);
    table->destroy(NULL);
}

/* One that was built with a newer header: more members than we know. */
static void test_a_new_table_is_cut(void **state)
{
    struct {
        struct dapr_input_binding known;
        void *more[4];
    } table = {.known = input};
    struct dapr_option option = {2, sizeof table, &table};

    (void)state;
    assert_int_equal(dapr_register("new", option), 0);
    assert_ptr_equal(component_find("new")->tables[BINDING_INPUT]->read,
                     read_events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_missing_callback_is_named),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_both_kinds_under_one_name),
        cmocka_unit_test(test_one_table_under_two_names),
        cmocka_unit_test(test_all_in_the_order_of_registering),
        cmocka_unit_test(test_an_old_table_gets_defaults),
        cmocka_unit_test(test_a_new_table_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
