/* SPDX-License-Identifier: Apache-2.0 */
/* How many callbacks run at once, where, and who waits for whom. */
#include "support/sdk_home.h"

static sem_t entered, leave;
static atomic_int inside, most;

/* Says that it is inside, and stays until it may leave. */
static int visit(void *self, dapr_call *one, const struct dapr_request *request)
{
    int now = atomic_fetch_add(&inside, 1) + 1;

    (void)self;
    if (now > atomic_load(&most))
        atomic_store(&most, now);
    sem_post(&entered);
    must_come(&leave);
    atomic_fetch_sub(&inside, 1);
    return dapr_reply(one, request->data);
}

static int plain_invoke(void *self, dapr_call *one,
                        const struct dapr_request *request)
{
    (void)self;
    return dapr_reply(one, request->data);
}

static const struct dapr_output_binding one_at_a_time = {.invoke = visit};
static const struct dapr_output_binding one_per_instance = {
    .invoke = visit, .concurrency = DAPR_ONE_PER_INSTANCE};
static const struct dapr_output_binding parallel = {
    .invoke = visit, .concurrency = DAPR_PARALLEL};
static const struct dapr_output_binding never_blocks = {.invoke = plain_invoke,
                                                        .never_blocks = 1};

/* Sends calls to (component, id) pairs; returns how many were inside at once,
 * when `expected` had to be. */
static int meet(const char *const (*to)[2], int count, int expected)
{
    struct heard heard[4];

    atomic_store(&most, 0);
    for (int i = 0; i < count; i++) {
        prepare(&heard[i], CALL_INVOKE, "create");
        start(&heard[i], to[i][0], to[i][1]);
    }
    for (int i = 0; i < expected; i++)
        must_come(&entered);
    for (int i = 0; i < count; i++)
        sem_post(&leave);
    for (int i = 0; i < count; i++)
        must_come(&heard[i].released);
    for (int i = expected; i < count; i++)
        must_come(&entered);
    return atomic_load(&most);
}

static void test_one_at_a_time_for_a_whole_table(void **state)
{
    const char *const to[][2] = {{"one", "a"}, {"one", "b"}, {"also one", "a"}};

    (void)state;
    init("one", "a");
    init("one", "b");
    init("also one", "a");
    assert_int_equal(meet(to, 3, 1), 1);
}

static void test_one_per_instance(void **state)
{
    const char *const to[][2] = {
        {"per instance", "a"}, {"per instance", "b"}, {"per instance", "a"}};

    (void)state;
    init("per instance", "a");
    init("per instance", "b");
    assert_int_equal(meet(to, 3, 2), 2);
}

static void test_parallel(void **state)
{
    const char *const to[][2] = {
        {"parallel", "a"}, {"parallel", "a"}, {"parallel", "a"}};

    (void)state;
    init("parallel", "a");
    assert_int_equal(meet(to, 3, 3), 3);
}

static void test_never_blocks_runs_here(void **state)
{
    struct heard heard;

    (void)state;
    init("never blocks", "a");
    prepare(&heard, CALL_INVOKE, "create");
    start(&heard, "never blocks", "a");
    assert_int_equal(heard.answers, 1);
    assert_true(pthread_equal(heard.thread, pthread_self()));
    assert_int_equal(sem_trywait(&heard.released), 0);
}

static void test_calls_that_wait_have_a_limit(void **state)
{
    static struct heard waiting[STRAND_QUEUE_MAX];
    struct heard first;

    (void)state;
    prepare(&first, CALL_INVOKE, "create");
    start(&first, "one", "a");
    must_come(&entered);
    for (int i = 0; i < STRAND_QUEUE_MAX; i++) {
        prepare(&waiting[i], CALL_INVOKE, "create");
        start(&waiting[i], "one", "a");
    }
    assert_int_equal(invoke("one", "a", "create"), DAPR_RESOURCE_EXHAUSTED);
    sem_post(&leave);
    for (int i = 0; i < STRAND_QUEUE_MAX; i++) {
        sem_post(&leave);
        must_come(&waiting[i].released);
        must_come(&entered);
    }
    must_come(&first.released);
}

static sem_t init_entered, init_leave;

static int slow_init(void *self, dapr_call *one,
                     const struct dapr_metadata *properties)
{
    (void)self;
    (void)one;
    (void)properties;
    sem_post(&init_entered);
    must_come(&init_leave);
    return 0;
}

static const struct dapr_output_binding slow = {
    .init = slow_init, .invoke = plain_invoke, .concurrency = DAPR_PARALLEL};

/* Also of a table whose calls are parallel. */
static void test_calls_wait_for_an_init_under_way(void **state)
{
    struct heard begun, call_meanwhile;

    (void)state;
    sem_post(&init_leave);
    init("slow", "b");
    must_come(&init_entered);
    prepare(&begun, CALL_INIT, NULL);
    start(&begun, "slow", "a");
    must_come(&init_entered);
    prepare(&call_meanwhile, CALL_INVOKE, "create");
    start(&call_meanwhile, "slow", "a");
    for (int i = 0; i < 100; i++) /* these would overtake it */
        assert_int_equal(invoke("slow", "b", "create"), 0);
    assert_int_equal(call_meanwhile.answers, 0);
    sem_post(&init_leave);
    must_come(&call_meanwhile.released);
    must_come(&begun.released);
    assert_int_equal(begun.code, 0);
    assert_int_equal(call_meanwhile.code, 0);
}

static int set_up(void **state)
{
    static const struct {
        const char *name;
        const struct dapr_output_binding *table;
    } all[] = {
        {"one", &one_at_a_time},
        {"also one", &one_at_a_time},
        {"per instance", &one_per_instance},
        {"parallel", &parallel},
        {"never blocks", &never_blocks},
        {"slow", &slow},
    };
    sem_t *const sems[] = {&entered, &leave, &init_entered, &init_leave};
    int rc = 0;

    (void)state;
    for (size_t i = 0; i < sizeof sems / sizeof *sems; i++)
        sem_init(sems[i], 0, 0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        rc |= dapr_register(all[i].name, with_output_binding(all[i].table));
    return rc;
}

static int tear_down(void **state)
{
    (void)state;
    return core_stop(PATIENCE_S * 1000) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time_for_a_whole_table),
        cmocka_unit_test(test_one_per_instance),
        cmocka_unit_test(test_parallel),
        cmocka_unit_test(test_never_blocks_runs_here),
        cmocka_unit_test(test_calls_that_wait_have_a_limit),
        cmocka_unit_test(test_calls_wait_for_an_init_under_way),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
