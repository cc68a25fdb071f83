/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of events, to a home that keeps what it is sent, and the table of
 * awaited verdicts. */
#include "core/await.h"
#include "core/clock.h"
#include "core/container.h"
#include "support/sdk_wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- a home -------------------------------------------------------------- */

#define SENT_MAX 4096

struct stream {
    struct dapr_reader reader;
    pthread_mutex_t lock;
    char ids[SENT_MAX][EVENT_ID_SIZE];
    int sent;
    bool broken; /* send fails */
    char metadata[64];
    sem_t sending;
    int code;
    char message[128];
    sem_t finished;
    sem_t released;
};

static int keep(struct dapr_reader *reader, const char *message_id,
                const struct dapr_event *event)
{
    struct stream *stream = container_of(reader, struct stream, reader);

    pthread_mutex_lock(&stream->lock);
    if (stream->broken) {
        pthread_mutex_unlock(&stream->lock);
        return -1;
    }
    snprintf(stream->ids[stream->sent++ % SENT_MAX], EVENT_ID_SIZE, "%s",
             message_id);
    if (event->metadata.count)
        snprintf(stream->metadata, sizeof stream->metadata, "%s=%s %s",
                 event->metadata.pairs[0].name, event->metadata.pairs[0].value,
                 event->content_type);
    pthread_mutex_unlock(&stream->lock);
    sem_post(&stream->sending);
    return 0;
}

static void finish(struct dapr_reader *reader, int code, const char *message)
{
    struct stream *stream = container_of(reader, struct stream, reader);

    stream->code = code;
    snprintf(stream->message, sizeof stream->message, "%s", message);
    sem_post(&stream->finished);
}

static void release(struct dapr_reader *reader)
{
    sem_post(&container_of(reader, struct stream, reader)->released);
}

static struct stream *stream_new(void)
{
    static const struct reader_home home = {
        .send = keep, .finish = finish, .release = release};
    struct stream *stream = calloc(1, sizeof *stream);

    stream->reader.home = &home;
    pthread_mutex_init(&stream->lock, NULL);
    sem_init(&stream->sending, 0, 0);
    sem_init(&stream->finished, 0, 0);
    sem_init(&stream->released, 0, 0);
    return stream;
}

static struct stream *stream_open(const char *component)
{
    struct stream *stream = stream_new();

    reader_start(component_find(component), "x", &stream->reader);
    return stream;
}

static void verdict(struct stream *stream, const char *id,
                    enum dapr_verdict what)
{
    struct dapr_answer answer = {
        .verdict = what,
        .response = dapr_text(what == DAPR_TAKEN ? "thanks" : NULL),
        .error = what == DAPR_REFUSED ? "no" : NULL,
    };

    reader_verdict(&stream->reader, id, &answer);
}

static void stream_free(struct stream *stream)
{
    must_come(&stream->released);
    assert_int_equal(sem_trywait(&stream->released), -1);
    free(stream);
}

static void stream_close(struct stream *stream)
{
    reader_end(&stream->reader);
    stream_free(stream);
}

/* ---- components ---------------------------------------------------------- */

static sem_t reading, stopped;
static dapr_reader *open_reader;

/* Gives its reader to the test. */
static int read_and_return(void *self, dapr_reader *reader)
{
    (void)self;
    open_reader = reader;
    sem_post(&reading);
    return 0;
}

static int read_until_end(void *self, dapr_reader *reader)
{
    read_and_return(self, reader);
    while (dapr_reader_wait(reader, 60000))
        ;
    return 0;
}

static int read_and_fail(void *self, dapr_reader *reader)
{
    (void)self;
    return dapr_reader_fail(reader, DAPR_UNAVAILABLE, "no %s\xff", "broker");
}

static int read_odd(void *self, dapr_reader *reader)
{
    (void)self;
    (void)reader;
    return -99;
}

static void stop(void *self, dapr_reader *reader)
{
    (void)self;
    assert_string_equal(dapr_instance_id(dapr_reader_instance(reader)), "x");
    sem_post(&stopped);
}

static sem_t may_stop;

/* As a component must that delivers from threads of its own. */
static void stop_when_allowed(void *self, dapr_reader *reader)
{
    must_come(&may_stop);
    stop(self, reader);
}

static const struct dapr_input_binding crowd = {.read = read_and_return,
                                                .stop = stop_when_allowed};
static const struct dapr_input_binding pushing = {.read = read_and_return,
                                                  .stop = stop};
static const struct dapr_input_binding polling = {.read = read_until_end};
static const struct dapr_input_binding failing = {.read = read_and_fail,
                                                  .stop = stop};
static const struct dapr_input_binding odd = {.read = read_odd};
static const struct dapr_input_binding bare = {.read = read_and_return};

static struct dapr_event an_event(void)
{
    return (struct dapr_event){.data = dapr_text("hello")};
}

/* ---- delivering ---------------------------------------------------------- */

struct delivery {
    pthread_t thread;
    enum dapr_verdict verdict;
    struct dapr_answer *answer;
};

static void *deliver(void *arg)
{
    struct delivery *delivery = arg;
    struct dapr_event event = an_event();

    delivery->verdict = dapr_deliver(open_reader, &event, &delivery->answer);
    return NULL;
}

static void begin(struct delivery *delivery)
{
    pthread_create(&delivery->thread, NULL, deliver, delivery);
}

static void check_and_free(struct delivery *delivery, enum dapr_verdict what)
{
    pthread_join(delivery->thread, NULL);
    assert_int_equal(delivery->verdict, what);
    assert_non_null(delivery->answer);
    assert_int_equal(delivery->answer->verdict, what);
    dapr_answer_free(delivery->answer);
    delivery->answer = NULL;
}

static void test_three_verdicts(void **state)
{
    struct stream *stream = stream_open("pushing");
    struct delivery delivery;

    (void)state;
    must_come(&reading);
    begin(&delivery);
    must_come(&stream->sending);
    verdict(stream, stream->ids[0], DAPR_TAKEN);
    pthread_join(delivery.thread, NULL);
    assert_memory_equal(delivery.answer->response.data, "thanks", 6);
    assert_null(delivery.answer->error);
    dapr_answer_free(delivery.answer);
    begin(&delivery);
    must_come(&stream->sending);
    verdict(stream, stream->ids[1], DAPR_REFUSED);
    pthread_join(delivery.thread, NULL);
    assert_string_equal(delivery.answer->error, "no");
    assert_int_equal(delivery.verdict, DAPR_REFUSED);
    dapr_answer_free(delivery.answer);
    begin(&delivery);
    must_come(&stream->sending);
    reader_end(&stream->reader);
    check_and_free(&delivery, DAPR_LOST);
    stream_free(stream);
    must_come(&stopped);
}

static atomic_int verdicts[3];

static void count(void *data, const struct dapr_answer *answer)
{
    atomic_fetch_add(&verdicts[answer->verdict], 1);
    if (data)
        sem_post(data);
}

static void assert_verdicts(int lost, int taken, int refused)
{
    assert_int_equal(atomic_exchange(&verdicts[DAPR_LOST], 0), lost);
    assert_int_equal(atomic_exchange(&verdicts[DAPR_TAKEN], 0), taken);
    assert_int_equal(atomic_exchange(&verdicts[DAPR_REFUSED], 0), refused);
}

static void test_odd_ids_are_ignored(void **state)
{
    const char *const odd_ids[] = {"",
                                   "0",
                                   "-1",
                                   " 1000",
                                   "1000x",
                                   "01000",
                                   "999",
                                   "2000",
                                   "18446744073709552616",
                                   "99999999999999999999999999"};
    struct stream *stream = stream_open("pushing");
    struct dapr_event event = an_event();

    (void)state;
    must_come(&reading);
    assert_int_equal(dapr_deliver_async(open_reader, &event, count, NULL), 0);
    assert_int_equal(dapr_deliver_async(open_reader, &event, count, NULL), 0);
    for (size_t i = 0; i < sizeof odd_ids / sizeof *odd_ids; i++)
        verdict(stream, odd_ids[i], DAPR_TAKEN);
    assert_verdicts(0, 0, 0);
    verdict(stream, stream->ids[1], DAPR_REFUSED);
    verdict(stream, stream->ids[1], DAPR_TAKEN);
    assert_verdicts(0, 0, 1);
    verdict(stream, stream->ids[0], DAPR_TAKEN);
    verdict(stream, stream->ids[0], DAPR_TAKEN);
    assert_verdicts(0, 1, 0);
    stream_close(stream);
    must_come(&stopped);
}

static void test_a_thousand_without_verdict(void **state)
{
    struct stream *stream = stream_open("pushing");
    struct dapr_event event = an_event();
    struct delivery delivery;

    (void)state;
    must_come(&reading);
    for (int i = 0; i < EVENTS_MAX; i++)
        assert_int_equal(dapr_deliver_async(open_reader, &event, count, NULL),
                         0);
    assert_int_equal(dapr_deliver_async(open_reader, &event, count, NULL), -1);
    begin(&delivery); /* waits for room */
    verdict(stream, stream->ids[500], DAPR_TAKEN);
    for (int i = 0; i <= EVENTS_MAX; i++)
        must_come(&stream->sending);
    verdict(stream, stream->ids[EVENTS_MAX], DAPR_TAKEN);
    check_and_free(&delivery, DAPR_TAKEN);
    begin(&delivery);
    must_come(&stream->sending);
    reader_end(&stream->reader);
    check_and_free(&delivery, DAPR_LOST);
    assert_verdicts(EVENTS_MAX - 1, 1, 0);
    stream_free(stream);
    must_come(&stopped);
}

/* One that waits for room is woken by the end, too. */
static void test_the_end_wakes_who_waits_for_room(void **state)
{
    struct stream *stream = stream_open("pushing");
    struct dapr_event event = an_event();
    struct delivery deliveries[3];

    (void)state;
    must_come(&reading);
    while (dapr_deliver_async(open_reader, &event, count, NULL) == 0)
        ;
    for (int i = 0; i < 3; i++)
        begin(&deliveries[i]);
    reader_drain(&stream->reader);
    for (int i = 0; i < 3; i++)
        check_and_free(&deliveries[i], DAPR_LOST);
    stream_close(stream);
    assert_verdicts(EVENTS_MAX, 0, 0);
    must_come(&stopped);
}

static void test_ids_do_not_come_back(void **state)
{
    struct stream *stream = stream_open("pushing");
    struct dapr_event event = an_event();
    char old[EVENT_ID_SIZE];

    (void)state;
    must_come(&reading);
    for (int i = 0; i < 10; i++) {
        dapr_deliver_async(open_reader, &event, count, NULL);
        if (i)
            verdict(stream, old, DAPR_REFUSED);
        memcpy(old, stream->ids[i], sizeof old);
        verdict(stream, old, DAPR_TAKEN);
    }
    assert_verdicts(0, 10, 0);
    stream_close(stream);
    must_come(&stopped);
}

static void test_a_send_that_fails(void **state)
{
    struct stream *stream = stream_open("pushing");
    struct dapr_event event = an_event();

    (void)state;
    must_come(&reading);
    stream->broken = true;
    for (int i = 0; i < 2 * EVENTS_MAX; i++)
        assert_int_equal(dapr_deliver_async(open_reader, &event, count, NULL),
                         -1);
    assert_int_equal(dapr_deliver(open_reader, &event, NULL), DAPR_LOST);
    stream_close(stream);
    assert_verdicts(0, 0, 0);
    must_come(&stopped);
}

static void test_text_is_made_fit_for_the_wire(void **state)
{
    struct stream *stream = stream_open("pushing");
    struct dapr_pair pair = {"n\xff", "v\xc3"};
    struct dapr_event event = {.metadata = {&pair, 1}, .content_type = "t\x80"};

    (void)state;
    must_come(&reading);
    assert_int_equal(dapr_deliver_async(open_reader, &event, count, NULL), 0);
    assert_string_equal(stream->metadata, "n?=v? t?");
    stream_close(stream);
    assert_verdicts(1, 0, 0);
    must_come(&stopped);
}

static int rounds;

static void deliver_next(void *data, const struct dapr_answer *answer)
{
    struct dapr_event event = an_event();

    count(NULL, answer);
    if (answer->verdict == DAPR_LOST)
        assert_int_equal(
            dapr_deliver_async(open_reader, &event, deliver_next, data), -1);
    else if (rounds++ < 100)
        assert_int_equal(
            dapr_deliver_async(open_reader, &event, deliver_next, data), 0);
}

static void test_done_may_deliver(void **state)
{
    struct stream *stream = stream_open("pushing");
    struct dapr_event event = an_event();

    (void)state;
    must_come(&reading);
    dapr_deliver_async(open_reader, &event, deliver_next, NULL);
    for (int i = 0; i < 50; i++)
        verdict(stream, stream->ids[i], DAPR_TAKEN);
    stream_close(stream);
    assert_verdicts(1, 50, 0);
    must_come(&stopped);
}

/* ---- begin and end ------------------------------------------------------- */

static void test_not_initialised(void **state)
{
    struct stream *stream = stream_new();

    (void)state;
    reader_start(component_find("pushing"), "nobody", &stream->reader);
    must_come(&stream->finished);
    assert_int_equal(stream->code, DAPR_FAILED_PRECONDITION);
    assert_int_equal(sem_trywait(&stream->released), -1);
    stream_close(stream);
}

static void test_the_end_wakes_a_sleeper(void **state)
{
    struct stream *stream = stream_open("polling");
    int64_t begin_time = clock_now();

    (void)state;
    must_come(&reading);
    assert_int_equal(dapr_reader_wait(open_reader, 0), 1);
    assert_int_equal(dapr_reader_wait(open_reader, 1), 1);
    assert_int_equal(dapr_reader_wait(open_reader, -1), 1);
    stream_close(stream);
    assert_true(clock_now() - begin_time < 30 * CLOCK_S);
}

static void test_read_fails(void **state)
{
    struct stream *stream = stream_open("failing");

    (void)state;
    must_come(&stream->finished);
    assert_int_equal(stream->code, DAPR_UNAVAILABLE);
    assert_string_equal(stream->message, "no broker?");
    assert_int_equal(sem_trywait(&stopped), -1);
    stream_close(stream);
    must_come(&stopped);
    stream = stream_open("odd");
    must_come(&stream->finished);
    assert_int_equal(stream->code, DAPR_UNKNOWN);
    stream_close(stream);
}

/* Without stop: the events under way still get their verdict. */
static void test_read_returns_at_once(void **state)
{
    struct stream *stream = stream_open("bare");

    (void)state;
    must_come(&reading);
    stream_close(stream);
}

static void test_drain(void **state)
{
    struct stream *stream = stream_open("pushing");
    struct dapr_event event = an_event();

    (void)state;
    must_come(&reading);
    assert_int_equal(dapr_deliver_async(open_reader, &event, count, NULL), 0);
    reader_drain(&stream->reader);
    assert_int_equal(dapr_reader_wait(open_reader, 60000), 0);
    assert_int_equal(dapr_deliver_async(open_reader, &event, count, NULL), -1);
    assert_int_equal(sem_trywait(&stream->finished), -1);
    verdict(stream, stream->ids[0], DAPR_TAKEN);
    must_come(&stream->finished);
    assert_int_equal(stream->code, 0);
    assert_verdicts(0, 1, 0);
    stream_close(stream);
    must_come(&stopped);
}

/* The home may end a stream while its read is about to start. */
static void test_short_streams(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++)
        stream_close(stream_open("pushing"));
    for (int i = 0; i < 200; i++) {
        must_come(&reading);
        must_come(&stopped);
    }
}

/* ---- many at once -------------------------------------------------------- */

#define SENDERS  4
#define EACH     5000
#define ANSWERED 10000

static atomic_int accepted;

static void *send_many(void *arg)
{
    struct dapr_event event = an_event();

    for (int i = 0; i < EACH; i++) {
        if (i % 2 == 0) {
            if (dapr_deliver_async(open_reader, &event, count, NULL) == 0)
                atomic_fetch_add(&accepted, 1);
        } else {
            atomic_fetch_add(&accepted, 1);
            atomic_fetch_add(&verdicts[dapr_deliver(open_reader, &event, NULL)],
                             1);
        }
    }
    return arg;
}

/* Four threads deliver, one answers, and the stream ends in between: each event
 * gets exactly one verdict. */
static void test_many_at_once(void **state)
{
    struct stream *stream = stream_open("crowd");
    pthread_t senders[SENDERS];
    char id[EVENT_ID_SIZE];

    (void)state;
    must_come(&reading);
    for (int i = 0; i < SENDERS; i++)
        pthread_create(&senders[i], NULL, send_many, NULL);
    for (int i = 0; i < ANSWERED; i++) {
        must_come(&stream->sending);
        pthread_mutex_lock(&stream->lock);
        memcpy(id, stream->ids[i % SENT_MAX], sizeof id);
        pthread_mutex_unlock(&stream->lock);
        verdict(stream, id, i % 3 ? DAPR_TAKEN : DAPR_REFUSED);
    }
    reader_end(&stream->reader);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i], NULL);
    sem_post(&may_stop);
    must_come(&stopped);
    assert_int_equal(atomic_load(&verdicts[DAPR_TAKEN]) +
                         atomic_load(&verdicts[DAPR_REFUSED]),
                     ANSWERED);
    assert_int_equal(atomic_load(&verdicts[DAPR_LOST]) + ANSWERED,
                     atomic_load(&accepted));
    stream_free(stream);
}

/* ---- the table ----------------------------------------------------------- */

static void test_table(void **state)
{
    static struct await_table table;
    struct awaited awaited;
    uint64_t first;

    (void)state;
    memset(&table, 0xA5, sizeof table);
    await_init(&table);
    first = await_add(&table, count, &first);
    assert_true(first >= EVENTS_MAX);
    for (int i = 1; i < EVENTS_MAX; i++)
        assert_true(await_add(&table, count, NULL) > 0);
    assert_int_equal(await_add(&table, count, NULL), 0);
    assert_true(await_take(&table, first, &awaited));
    assert_ptr_equal(awaited.data, &first);
    assert_false(await_take(&table, first, &awaited));
    assert_int_equal(await_add(&table, count, NULL), first + EVENTS_MAX);
    for (int i = 0; i < EVENTS_MAX; i++)
        assert_true(await_take_any(&table, &awaited));
    assert_false(await_take_any(&table, &awaited));
}

static sem_t init_over;

static void let_init_go(struct dapr_call *call)
{
    (void)call;
    sem_post(&init_over);
}

static void ignore(struct dapr_call *call, const struct call_result *result)
{
    (void)call;
    assert_int_equal(result->code, 0);
}

static int set_up(void **state)
{
    static const struct call_home home = {.finish = ignore,
                                          .release = let_init_go};
    static const struct {
        const char *name;
        const struct dapr_input_binding *table;
    } all[] = {{"crowd", &crowd},     {"pushing", &pushing},
               {"polling", &polling}, {"failing", &failing},
               {"odd", &odd},         {"bare", &bare}};
    struct dapr_call call;

    (void)state;
    sem_init(&reading, 0, 0);
    sem_init(&stopped, 0, 0);
    sem_init(&may_stop, 0, 0);
    sem_init(&init_over, 0, 0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        dapr_register(all[i].name, with_input_binding(all[i].table));
        memset(&call, 0, sizeof call);
        call.home = &home;
        call.kind = CALL_INIT;
        call_start(component_find(all[i].name), BINDING_INPUT, "x", &call);
        if (!comes(&init_over))
            return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return core_stop(PATIENCE_S * 1000) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_verdicts),
        cmocka_unit_test(test_odd_ids_are_ignored),
        cmocka_unit_test(test_a_thousand_without_verdict),
        cmocka_unit_test(test_the_end_wakes_who_waits_for_room),
        cmocka_unit_test(test_ids_do_not_come_back),
        cmocka_unit_test(test_a_send_that_fails),
        cmocka_unit_test(test_text_is_made_fit_for_the_wire),
        cmocka_unit_test(test_done_may_deliver),
        cmocka_unit_test(test_not_initialised),
        cmocka_unit_test(test_the_end_wakes_a_sleeper),
        cmocka_unit_test(test_read_fails),
        cmocka_unit_test(test_read_returns_at_once),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_short_streams),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
