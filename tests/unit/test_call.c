/* SPDX-License-Identifier: Apache-2.0 */
/* Instances and calls, from a home that only writes down what comes. */
#include "core/clock.h"
#include "core/registry.h"
#include "support/sdk_home.h"

#include <stdlib.h>

/* ---- a component --------------------------------------------------------- */

/* An object that writes its life down. */
struct object {
    char name[16];
    int number;
};

static char story[512]; /* guarded by story_lock */
static pthread_mutex_t story_lock = PTHREAD_MUTEX_INITIALIZER;
static int objects;
static sem_t destroyed;

static void tell(const char *what, int number)
{
    size_t used;

    pthread_mutex_lock(&story_lock);
    used = strlen(story);
    snprintf(story + used, sizeof story - used, "%s%d ", what, number);
    pthread_mutex_unlock(&story_lock);
}

static void assert_story(const char *expected)
{
    pthread_mutex_lock(&story_lock);
    assert_string_equal(story, expected);
    story[0] = 0;
    pthread_mutex_unlock(&story_lock);
}

static void *object_create(dapr_instance *instance)
{
    struct object *object = calloc(1, sizeof *object);

    snprintf(object->name, sizeof object->name, "%s",
             dapr_instance_id(instance));
    if (strcmp(object->name, "no memory") == 0) {
        free(object);
        return NULL;
    }
    object->number = ++objects;
    tell("create", object->number);
    return object;
}

static void object_destroy(void *self)
{
    tell("destroy", ((struct object *)self)->number);
    free(self);
    sem_post(&destroyed);
}

static int object_init(void *self, dapr_call *one,
                       const struct dapr_metadata *properties)
{
    struct object *object = self;
    const char *how = dapr_metadata_get(properties, "HOW");

    tell("init", object->number);
    assert_string_equal(dapr_instance_id(dapr_call_instance(one)),
                        object->name);
    if (how && strcmp(how, "fail") == 0)
        return dapr_fail(one, DAPR_UNAVAILABLE, "no %s", "broker");
    if (how && strcmp(how, "fail silently") == 0)
        return -DAPR_NOT_FOUND;
    if (how && strcmp(how, "fail and forget") == 0)
        dapr_fail(one, DAPR_ABORTED, "forgotten");
    return how && strcmp(how, "pend") == 0 ? DAPR_PENDING : 0;
}

static dapr_call *pending; /* what "pend" keeps */
static sem_t is_pending;

static void *reply_late(void *arg)
{
    dapr_reply(arg, dapr_text("late"));
    return NULL;
}

static int answer_all_ways(dapr_call *one, const char *operation)
{
    pthread_t thread;

    if (strcmp(operation, "nothing") == 0)
        return 0;
    if (strcmp(operation, "code") == 0)
        return -DAPR_DATA_LOSS;
    if (strcmp(operation, "odd code") == 0)
        return -4711;
    if (strcmp(operation, "odd number") == 0)
        return 7;
    if (strcmp(operation, "thrice") == 0) {
        dapr_reply(one, dapr_text("first"));
        dapr_reply(one, dapr_text("second"));
        return dapr_fail(one, DAPR_INTERNAL, "third");
    }
    if (strcmp(operation, "overtaken") == 0) {
        pthread_create(&thread, NULL, reply_late, one);
        pthread_join(thread, NULL);
    } else {
        pending = one;
        sem_post(&is_pending);
    }
    return DAPR_PENDING;
}

static int object_invoke(void *self, dapr_call *one,
                         const struct dapr_request *request)
{
    struct object *object = self;
    char text[64];

    if (strcmp(request->operation, "get") == 0) {
        snprintf(text, sizeof text, "%s %d", object->name, object->number);
        dapr_reply_metadata(one, "a", "0");
        dapr_reply_metadata(one, "b", "\xff!");
        dapr_reply_metadata(one, "a", "1");
        dapr_reply_content_type(one, "text/\xc3");
        return dapr_reply(one, dapr_text(text));
    }
    if (strcmp(request->operation, "echo") == 0)
        return dapr_reply(one, request->data);
    return answer_all_ways(one, request->operation);
}

static const char *const *object_operations(void *self)
{
    static const char *const operations[] = {
        "get",        "echo",   "nothing",   "code", "odd code",
        "odd number", "thrice", "overtaken", "pend", NULL};

    (void)self;
    return operations;
}

static int object_ping(void *self, dapr_call *one)
{
    (void)self;
    return dapr_fail(one, DAPR_UNAVAILABLE, "not so well");
}

static const struct dapr_output_binding object = {
    .create = object_create,
    .destroy = object_destroy,
    .init = object_init,
    .invoke = object_invoke,
    .operations = object_operations,
    .ping = object_ping,
};

static int plain_invoke(void *self, dapr_call *one,
                        const struct dapr_request *request)
{
    (void)self;
    return dapr_reply(one, request->data);
}

static const struct dapr_output_binding plain = {.invoke = plain_invoke,
                                                 .concurrency = DAPR_PARALLEL};

static int init_how(struct heard *heard, const char *id, const char *how)
{
    struct dapr_pair pair = {"how", how};

    prepare(heard, CALL_INIT, NULL);
    heard->call.properties = (struct dapr_metadata){&pair, 1};
    start(heard, "object", id);
    must_come(&heard->released);
    assert_int_equal(heard->answers, 1);
    return heard->code;
}

/* ---- instances ----------------------------------------------------------- */

static void test_before_init(void **state)
{
    struct heard heard;

    (void)state;
    assert_int_equal(invoke("object", "x", "get"), DAPR_FAILED_PRECONDITION);
    assert_int_equal(call(&heard, "object", "x", CALL_OPERATIONS, NULL),
                     DAPR_FAILED_PRECONDITION);
    assert_int_equal(call(&heard, "object", "x", CALL_PING, NULL), 0);
    prepare(&heard, CALL_PING, NULL);
    call_start(component_find("object"), BINDING_INPUT, "x", &heard.call);
    assert_int_equal(heard.code, DAPR_UNIMPLEMENTED);
    assert_story("");
}

static void test_instances_by_id(void **state)
{
    struct heard heard;

    (void)state;
    assert_int_equal(init("object", "x"), 0);
    assert_int_equal(init("object", ""), 0);
    assert_int_equal(call(&heard, "object", "x", CALL_INVOKE, "get"), 0);
    assert_string_equal(heard.text, "x 1");
    assert_int_equal(call(&heard, "object", "", CALL_INVOKE, "get"), 0);
    assert_string_equal(heard.text, " 2");
    assert_string_equal(heard.metadata, "a=1 b=?! ");
    assert_string_equal(heard.content_type, "text/?");
    assert_int_equal(invoke("object", "y", "get"), DAPR_FAILED_PRECONDITION);
    assert_int_equal(call(&heard, "object", "x", CALL_PING, NULL),
                     DAPR_UNAVAILABLE);
    assert_story("create1 init1 create2 init2 ");
}

static void test_init_again(void **state)
{
    struct heard heard;

    (void)state;
    assert_int_equal(init("object", "x"), 0);
    must_come(&destroyed);
    assert_story("destroy1 create3 init3 ");
    assert_int_equal(call(&heard, "object", "x", CALL_INVOKE, "get"), 0);
    assert_string_equal(heard.text, "x 3");
}

static void test_init_again_while_in_use(void **state)
{
    struct heard used;

    (void)state;
    prepare(&used, CALL_INVOKE, "pend");
    start(&used, "object", "x");
    must_come(&is_pending);
    assert_int_equal(init("object", "x"), 0);
    assert_story("create4 init4 ");
    assert_int_equal(dapr_reply(pending, dapr_text("old")), 0);
    must_come(&used.released);
    assert_string_equal(used.text, "old");
    must_come(&destroyed);
    assert_story("destroy3 ");
}

static void test_init_fails(void **state)
{
    static const struct {
        const char *how;
        int code;
        const char *text;
    } cases[] = {
        {"fail", DAPR_UNAVAILABLE, "no broker"},
        {"fail silently", DAPR_NOT_FOUND, "the component gave no reason"},
        {"fail and forget", DAPR_ABORTED, "forgotten"},
        {"pend", DAPR_INTERNAL, "a callback returned 1"},
    };
    struct heard heard;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(init_how(&heard, "x", cases[i].how), cases[i].code);
        assert_string_equal(heard.text, cases[i].text);
        must_come(&destroyed); /* the former one */
        must_come(&destroyed); /* the one that failed */
        assert_int_equal(invoke("object", "x", "get"),
                         DAPR_FAILED_PRECONDITION);
        assert_int_equal(init("object", "x"), 0);
    }
    assert_int_equal(init("object", "no memory"), DAPR_RESOURCE_EXHAUSTED);
    assert_int_equal(invoke("object", "no memory", "get"),
                     DAPR_FAILED_PRECONDITION);
    story[0] = 0;
}

static void test_close(void **state)
{
    (void)state;
    instance_close(component_find("object"), BINDING_OUTPUT, "x");
    must_come(&destroyed);
    assert_int_equal(invoke("object", "x", "get"), DAPR_FAILED_PRECONDITION);
    instance_close(component_find("object"), BINDING_OUTPUT, "x");
    instance_close(component_find("object"), BINDING_OUTPUT, "unheard of");
    assert_int_equal(init("object", "x"), 0);
    story[0] = 0;
}

static void test_too_many_instances(void **state)
{
    char id[16];

    (void)state;
    for (int i = 0; i < INSTANCES_MAX; i++) {
        snprintf(id, sizeof id, "%d", i);
        assert_int_equal(init("plain", id), 0);
    }
    assert_int_equal(init("plain", "more"), DAPR_RESOURCE_EXHAUSTED);
    assert_int_equal(init("plain", "7"), 0);
    instance_close(component_find("plain"), BINDING_OUTPUT, "500");
    assert_true(core_wait(PATIENCE_S * 1000));
    assert_int_equal(init("plain", "more"), 0);
    assert_int_equal(invoke("plain", "more", "create"), 0);
    assert_int_equal(invoke("plain", "500", "create"),
                     DAPR_FAILED_PRECONDITION);
}

/* ---- answers ------------------------------------------------------------- */

static void test_operations(void **state)
{
    struct heard heard;

    (void)state;
    call(&heard, "object", "x", CALL_OPERATIONS, NULL);
    assert_string_equal(heard.metadata, "get echo nothing code odd code odd "
                                        "number thrice overtaken pend ");
    call(&heard, "plain", "0", CALL_OPERATIONS, NULL);
    assert_string_equal(heard.metadata, "create ");
    assert_int_equal(call(&heard, "plain", "0", CALL_INVOKE, "get"),
                     DAPR_INVALID_ARGUMENT);
    assert_string_equal(heard.text, "unknown operation \"get\"");
}

static void test_answers(void **state)
{
    static const struct {
        const char *operation;
        int code;
        const char *text;
    } cases[] = {
        {"echo", 0, "echo"},
        {"nothing", 0, ""},
        {"code", DAPR_DATA_LOSS, "the component gave no reason"},
        {"odd code", DAPR_UNKNOWN, "the component gave no reason"},
        {"thrice", 0, "first"},
        {"overtaken", 0, "late"},
        {"odd number", DAPR_UNKNOWN, "the component gave no reason"},
    };
    struct heard heard;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            call(&heard, "object", "x", CALL_INVOKE, cases[i].operation),
            cases[i].code);
        assert_string_equal(heard.text, cases[i].text);
    }
}

static void test_pending(void **state)
{
    struct heard heard;

    (void)state;
    prepare(&heard, CALL_INVOKE, "pend");
    start(&heard, "object", "x");
    must_come(&is_pending);
    assert_int_equal(dapr_fail(pending, (enum dapr_code)99, "%s", "odd"),
                     -DAPR_UNKNOWN);
    must_come(&heard.released);
    assert_int_equal(heard.answers, 1);
    assert_string_equal(heard.text, "odd");
}

static void fail_with(struct heard *heard, const char *text)
{
    prepare(heard, CALL_INVOKE, "pend");
    start(heard, "object", "x");
    must_come(&is_pending);
    dapr_fail(pending, DAPR_INTERNAL, "%s", text);
    must_come(&heard->released);
}

static void test_messages_are_fit_for_the_wire(void **state)
{
    char text[2 * MESSAGE_MAX];
    struct heard heard;

    (void)state;
    fail_with(&heard, "a\xff"
                      "b\xc3"
                      "c\xe2\x82\xac");
    assert_string_equal(heard.text, "a?b?c\xe2\x82\xac");
    for (size_t i = 0; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 4);
    fail_with(&heard, text);
    assert_int_equal(strlen(heard.text), MESSAGE_MAX / 3 * 3);
    assert_true(message_valid(heard.text));
    memset(text, 0xBF, sizeof text - 1);
    fail_with(&heard, text);
    assert_true(message_valid(heard.text));
    assert_true(strlen(heard.text) >= MESSAGE_MAX - 3);
}

static void test_deadlines(void **state)
{
    struct heard heard;

    (void)state;
    prepare(&heard, CALL_INVOKE, "pend");
    assert_int_equal(dapr_call_remaining_ms(&heard.call), -1);
    assert_false(dapr_call_cancelled(&heard.call));
    heard.call.deadline = clock_after(60000);
    assert_in_range(dapr_call_remaining_ms(&heard.call), 50000, 60000);
    heard.call.deadline = clock_now() - 1;
    assert_int_equal(dapr_call_remaining_ms(&heard.call), 0);
    assert_true(dapr_call_cancelled(&heard.call));
    start(&heard, "object", "x");
    must_come(&heard.released);
    assert_int_equal(heard.code, DAPR_DEADLINE_EXCEEDED);
    prepare(&heard, CALL_INVOKE, "pend");
    heard.call.cancelled = true;
    start(&heard, "object", "x");
    must_come(&heard.released);
    assert_int_equal(heard.code, DAPR_CANCELLED);
    assert_int_equal(sem_trywait(&is_pending), -1);
}

/* ---- the end ------------------------------------------------------------- */

static void test_stop(void **state)
{
    struct heard heard;

    (void)state;
    story[0] = 0;
    prepare(&heard, CALL_INVOKE, "pend");
    start(&heard, "object", "x");
    must_come(&is_pending);
    assert_false(core_wait(10));
    dapr_reply(pending, dapr_text(""));
    must_come(&heard.released);
    assert_true(core_stop(PATIENCE_S * 1000));
    must_come(&destroyed);
    must_come(&destroyed);
    assert_int_equal(invoke("object", "x", "get"), DAPR_FAILED_PRECONDITION);
    assert_int_equal(init("object", "x"), 0);
    assert_true(core_stop(PATIENCE_S * 1000));
    must_come(&destroyed);
    assert_int_equal(sem_trywait(&destroyed), -1);
}

static int set_up(void **state)
{
    (void)state;
    sem_init(&destroyed, 0, 0);
    sem_init(&is_pending, 0, 0);
    return dapr_register("object", with_output_binding(&object)) |
           dapr_register("plain", with_output_binding(&plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_init),
        cmocka_unit_test(test_instances_by_id),
        cmocka_unit_test(test_init_again),
        cmocka_unit_test(test_init_again_while_in_use),
        cmocka_unit_test(test_init_fails),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_too_many_instances),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_messages_are_fit_for_the_wire),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_stop),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
