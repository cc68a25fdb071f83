/* SPDX-License-Identifier: Apache-2.0 */
/* Instances in this process: a component registered here, driven through the
 * runtime's interface on a real loop. */
#include "host/module.h"

#include "core/buffer.h"
#include "core/container.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE 10000 /* ms for a whole test */

/* ---- the component ------------------------------------------------------- */

static sem_t gate; /* what blocks in a callback waits for it */
static sem_t inside;
static pthread_t callback_thread;
static dapr_call *pending;
static int destroyed;

static void *create(dapr_instance *instance)
{
    return strdup(dapr_instance_id(instance));
}

static void destroy(void *self)
{
    __atomic_add_fetch(&destroyed, 1, __ATOMIC_SEQ_CST);
    free(self);
}

static int init(void *self, dapr_call *call,
                const struct dapr_metadata *properties)
{
    const char *mode = dapr_metadata_get(properties, "MODE");

    (void)self;
    if (mode && strcmp(mode, "fail") == 0)
        return dapr_fail(call, DAPR_INVALID_ARGUMENT, "no %s", "topic");
    if (mode && strcmp(mode, "hang") == 0)
        sem_wait(&gate);
    return 0;
}

static int invoke(void *self, dapr_call *call,
                  const struct dapr_request *request)
{
    callback_thread = pthread_self();
    if (strcmp(request->operation, "echo") == 0) {
        dapr_reply_metadata(call, "id", self);
        return dapr_reply(call, request->data);
    }
    if (strcmp(request->operation, "pending") == 0) {
        pending = call;
        return DAPR_PENDING;
    }
    if (strcmp(request->operation, "block") == 0) {
        sem_post(&inside);
        sem_wait(&gate);
        return dapr_reply(call, dapr_text("unblocked"));
    }
    return dapr_fail(call, DAPR_NOT_FOUND, "no such row");
}

static const char *const *operations(void *self)
{
    static const char *const list[] = {"echo", "pending", "block", "get", NULL};

    (void)self;
    return list;
}

static enum dapr_verdict verdicts[3];
static char answers[2][64];

static int read_events(void *self, dapr_reader *reader)
{
    static const struct dapr_pair pair = {"color", "red"};
    struct dapr_event event = {.metadata = {&pair, 1}};
    struct dapr_answer *answer;

    for (int i = 0; i < 2; i++) {
        event.data = dapr_text(i ? "second" : "first");
        verdicts[i] = dapr_deliver(reader, &event, &answer);
        snprintf(
            answers[i], sizeof answers[i], "%.*s%s", (int)answer->response.size,
            answer->response.size ? (const char *)answer->response.data : "",
            answer->error ? answer->error : "");
        dapr_answer_free(answer);
    }
    verdicts[2] = dapr_deliver(reader, &event, NULL); /* never answered */
    if (strcmp(self, "fails") == 0)
        return dapr_reader_fail(reader, DAPR_UNAVAILABLE, "the source broke");
    while (dapr_reader_wait(reader, 1000))
        ;
    return 0;
}

static int read_fails(void *self, dapr_reader *reader)
{
    (void)self;
    return dapr_reader_fail(reader, DAPR_UNAVAILABLE, "the source %s", "broke");
}

static const struct dapr_output_binding output = {
    .create = create,
    .destroy = destroy,
    .init = init,
    .invoke = invoke,
    .operations = operations,
};
static const struct dapr_output_binding prompt = {
    .invoke = invoke, .operations = operations, .never_blocks = 1};
static const struct dapr_input_binding input = {
    .create = create, .destroy = destroy, .init = init, .read = read_events};
static const struct dapr_input_binding failing = {.read = read_fails};

/* ---- fixture ------------------------------------------------------------- */

struct fixture {
    struct loop loop;
    struct loop_timer patience;
    struct instance *instance;
    bool late;
    bool initialised;
    bool timeout;
    int code;
    char error[128];
    struct event *events[3];
    unsigned count;
    char ended[128];
};

struct call {
    struct invocation invocation;
    struct fixture *fixture;
    bool done;
    int code;
    char text[128]; /* data, or the error */
    char id[32];    /* of the metadata */
};

#define run_until(fixture, condition)                                          \
    do {                                                                       \
        while (!(condition) && !(fixture)->late)                               \
            uv_run(&(fixture)->loop.uv, UV_RUN_ONCE);                          \
        assert_true(condition);                                                \
    } while (0)

static void too_late(struct loop_timer *timer)
{
    container_of(timer, struct fixture, patience)->late = true;
}

static void initialised(struct instance *instance,
                        const struct outcome *outcome, bool timeout)
{
    struct fixture *fixture = instance->owner;

    fixture->initialised = true;
    fixture->timeout = timeout;
    fixture->code = outcome->code;
    snprintf(fixture->error, sizeof fixture->error, "%s",
             outcome->error ? outcome->error : "");
}

static void event_came(struct instance *instance, struct event *event)
{
    struct fixture *fixture = instance->owner;

    fixture->events[fixture->count++] = event;
}

static void read_ended(struct instance *instance, const char *why)
{
    struct fixture *fixture = instance->owner;

    snprintf(fixture->ended, sizeof fixture->ended, "%s", why);
}

static void make(struct fixture *fixture, const char *component,
                 enum binding_kind kind, const char *id)
{
    static const struct instance_events events = {.initialised = initialised,
                                                  .event = event_came,
                                                  .read_ended = read_ended};

    fixture->instance =
        module_instance(&fixture->loop, component_find(component), kind, id);
    fixture->instance->events = &events;
    fixture->instance->owner = fixture;
}

static void initialise(struct fixture *fixture, const char *mode,
                       uint64_t timeout)
{
    const struct dapr_pair pair = {"mode", mode};

    fixture->initialised = false;
    assert_int_equal(
        fixture->instance->ops->init(fixture->instance,
                                     (struct dapr_metadata){&pair, 1}, timeout),
        0);
    assert_false(fixture->initialised);
    run_until(fixture, fixture->initialised);
}

static void call_done(struct invocation *invocation,
                      const struct outcome *outcome)
{
    struct call *call = container_of(invocation, struct call, invocation);
    const char *id = pairs_get(outcome->metadata, "id");

    call->done = true;
    call->code = outcome->code;
    snprintf(call->text, sizeof call->text, "%s%.*s",
             outcome->error ? outcome->error : "", (int)outcome->data.size,
             outcome->data.size ? (const char *)outcome->data.data : "");
    snprintf(call->id, sizeof call->id, "%s", id ? id : "");
}

static void start(struct fixture *fixture, struct call *call,
                  const char *operation)
{
    *call = (struct call){.fixture = fixture,
                          .invocation = {.operation = operation,
                                         .data = dapr_text("data"),
                                         .done = call_done}};
    fixture->instance->ops->invoke(fixture->instance, &call->invocation);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    sem_init(&gate, 0, 0);
    sem_init(&inside, 0, 0);
    destroyed = 0;
    loop_init(&fixture->loop);
    fixture->patience.fire = too_late;
    loop_timer_start(&fixture->loop, &fixture->patience, PATIENCE);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    fixture->instance->ops->close(fixture->instance);
    assert_true(core_stop(5000));
    loop_timer_stop(&fixture->loop, &fixture->patience);
    uv_run(&fixture->loop.uv, UV_RUN_NOWAIT); /* what was posted */
    loop_done(&fixture->loop);
    free(fixture);
    return 0;
}

/* ---- tests --------------------------------------------------------------- */

static void init_lists_the_operations(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "box", BINDING_OUTPUT, "one");
    initialise(fixture, "fine", 5000);
    assert_int_equal(fixture->code, 0);
    assert_string_equal(fixture->instance->operations[0], "echo");
    assert_string_equal(fixture->instance->operations[3], "get");
    assert_null(fixture->instance->operations[4]);
}

static void init_may_fail(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "box", BINDING_OUTPUT, "one");
    initialise(fixture, "fail", 5000);
    assert_int_equal(fixture->code, DAPR_INVALID_ARGUMENT);
    assert_string_equal(fixture->error, "no topic");
    assert_false(fixture->timeout);
}

static void init_that_hangs_is_given_up(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "box", BINDING_OUTPUT, "one");
    initialise(fixture, "hang", 20);
    assert_true(fixture->timeout);
    sem_post(&gate);
}

static void calls_are_answered(void **state)
{
    struct fixture *fixture = *state;
    struct call echo, get;

    make(fixture, "box", BINDING_OUTPUT, "one");
    initialise(fixture, "fine", 5000);
    start(fixture, &echo, "echo");
    start(fixture, &get, "get");
    run_until(fixture, echo.done && get.done);
    assert_string_equal(echo.text, "data");
    assert_string_equal(echo.id, "one");
    assert_int_equal(get.code, DAPR_NOT_FOUND);
    assert_string_equal(get.text, "no such row");
    assert_false(pthread_equal(callback_thread, pthread_self()));
}

static void what_never_blocks_stays_on_the_loop(void **state)
{
    struct fixture *fixture = *state;
    struct call echo;

    make(fixture, "prompt", BINDING_OUTPUT, "one");
    initialise(fixture, "fine", 5000);
    start(fixture, &echo, "get");
    assert_true(echo.done);
    assert_true(pthread_equal(callback_thread, pthread_self()));
}

static void *reply_later(void *unused)
{
    (void)unused;
    dapr_reply(pending, dapr_text("later"));
    return NULL;
}

static void pending_calls_are_answered_from_any_thread(void **state)
{
    struct fixture *fixture = *state;
    struct call call;
    pthread_t thread;

    make(fixture, "prompt", BINDING_OUTPUT, "one");
    initialise(fixture, "fine", 5000);
    start(fixture, &call, "pending");
    assert_false(call.done);
    pthread_create(&thread, NULL, reply_later, NULL);
    run_until(fixture, call.done);
    pthread_join(thread, NULL);
    assert_string_equal(call.text, "later");
}

static void closing_lets_a_call_end(void **state)
{
    struct fixture *fixture = *state;
    struct call call;

    make(fixture, "box", BINDING_OUTPUT, "one");
    initialise(fixture, "fine", 5000);
    start(fixture, &call, "block");
    sem_wait(&inside);
    fixture->instance->ops->close(fixture->instance);
    assert_false(call.done);
    sem_post(&gate);
    run_until(fixture, call.done);
    assert_string_equal(call.text, "unblocked");
    make(fixture, "box", BINDING_OUTPUT, "two"); /* for teardown */
}

static void events_and_their_verdicts(void **state)
{
    struct fixture *fixture = *state;
    const struct instance_ops *ops;

    make(fixture, "source", BINDING_INPUT, "in");
    ops = fixture->instance->ops;
    initialise(fixture, "fine", 5000);
    assert_int_equal(ops->read(fixture->instance), 0);
    run_until(fixture, fixture->count == 1);
    assert_memory_equal(fixture->events[0]->data.data, "first", 5);
    assert_string_equal(pairs_get(fixture->events[0]->metadata, "color"),
                        "red");
    ops->verdict(fixture->events[0],
                 &(struct dapr_answer){.verdict = DAPR_TAKEN,
                                       .response = dapr_text("thanks")});
    run_until(fixture, fixture->count == 2);
    ops->verdict(fixture->events[1],
                 &(struct dapr_answer){.verdict = DAPR_REFUSED, .error = "no"});
    run_until(fixture, fixture->count == 3);
    ops->stop_reading(fixture->instance);
    ops->verdict(fixture->events[2],
                 &(struct dapr_answer){.verdict = DAPR_TAKEN}); /* too late */
    assert_true(core_wait(5000));
    assert_int_equal(verdicts[0], DAPR_TAKEN);
    assert_int_equal(verdicts[1], DAPR_REFUSED);
    assert_int_equal(verdicts[2], DAPR_LOST);
    assert_string_equal(answers[0], "thanks");
    assert_string_equal(answers[1], "no");
    assert_string_equal(fixture->ended, "");
}

static void a_stream_may_fail(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "failing", BINDING_INPUT, "in");
    initialise(fixture, "fine", 5000);
    assert_int_equal(fixture->instance->ops->read(fixture->instance), 0);
    run_until(fixture, *fixture->ended);
    assert_string_equal(fixture->ended, "the source broke");
}

static void objects_are_destroyed(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "box", BINDING_OUTPUT, "one");
    initialise(fixture, "fine", 5000);
    fixture->instance->ops->close(fixture->instance);
    assert_true(core_wait(5000));
    assert_int_equal(__atomic_load_n(&destroyed, __ATOMIC_SEQ_CST), 1);
    make(fixture, "box", BINDING_OUTPUT, "two"); /* for teardown */
}

int main(void)
{
#define MODULE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        MODULE(init_lists_the_operations),
        MODULE(init_may_fail),
        MODULE(init_that_hangs_is_given_up),
        MODULE(calls_are_answered),
        MODULE(what_never_blocks_stays_on_the_loop),
        MODULE(pending_calls_are_answered_from_any_thread),
        MODULE(closing_lets_a_call_end),
        MODULE(events_and_their_verdicts),
        MODULE(a_stream_may_fail),
        MODULE(objects_are_destroyed),
    };

    dapr_register("box", with_output_binding(&output));
    dapr_register("prompt", with_output_binding(&prompt));
    dapr_register("source", with_input_binding(&input));
    dapr_register("failing", with_input_binding(&failing));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
