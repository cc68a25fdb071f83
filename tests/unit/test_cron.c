/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cron binding on a clock and a stream of the test's own: when it runs,
 * what its events hold, and what it does when the clock is set.
 */
#define clock_gettime fake_clock_gettime
#define main          cron_main
#pragma GCC diagnostic ignored "-Wreturn-type" /* it is not main here */
int cron_main(void);
#include "../../components/cron/cron.c"
#undef main
#undef clock_gettime

#include "../../components/cron/schedule.c"
#include "../../components/cron/zone.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define START (1767225600 * SECOND) /* 2026-01-01 00:00:00 */
#define MOST  64

/* ---- the world that the binding sees ------------------------------------- */

struct dapr_reader {
    int64_t jump_at; /* when the wall clock is set, in time since START */
    int64_t jump_by;
    int64_t end;     /* of the stream, in time since START */
    int64_t fail_at; /* from then on, until `heal_at`, no event is taken */
    int64_t heal_at;
    int64_t runs[MOST]; /* by the wall clock, since START */
    int count;
    int64_t longest; /* wait */
    int waits;
    char zone[64];
    char time[64];
};

static int64_t elapsed; /* what the steady clock shows */
static int64_t wall;    /* since START */
static char logged[16384];
static int warnings;
static char failure[4096];

int fake_clock_gettime(clockid_t clock, struct timespec *ret_time);
int fake_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int64_t now = clock == CLOCK_REALTIME ? START + wall : elapsed;

    *ret_time = (struct timespec){now / SECOND, now % SECOND};
    return 0;
}

int dapr_reader_wait(dapr_reader *reader, long milliseconds)
{
    int64_t time = milliseconds * 1000000LL;
    int64_t before = elapsed;

    if (milliseconds == 0)
        return elapsed < reader->end;
    reader->waits++;
    reader->longest = time > reader->longest ? time : reader->longest;
    time += 30000; /* late, as it is */
    elapsed += time;
    wall += time;
    if (before <= reader->jump_at && elapsed > reader->jump_at)
        wall += reader->jump_by;
    return elapsed < reader->end;
}

int dapr_deliver_async(dapr_reader *reader, const struct dapr_event *event,
                       void (*done)(void *, const struct dapr_answer *),
                       void *data)
{
    const struct dapr_answer answer = {.verdict = DAPR_REFUSED};

    assert_int_equal(event->data.size, 0);
    assert_null(event->content_type);
    assert_int_equal(event->metadata.count, 2);
    assert_string_equal(event->metadata.pairs[0].name, "timeZone");
    assert_string_equal(event->metadata.pairs[1].name, "readTimeUTC");
    if (elapsed >= reader->fail_at && elapsed < reader->heal_at)
        return -1;
    snprintf(reader->zone, sizeof reader->zone, "%s",
             event->metadata.pairs[0].value);
    snprintf(reader->time, sizeof reader->time, "%s",
             event->metadata.pairs[1].value);
    if (reader->count < MOST)
        reader->runs[reader->count] = wall;
    reader->count++;
    done(data, &answer);
    return 0;
}

const char *dapr_instance_id(const dapr_instance *instance)
{
    assert_non_null(instance);
    return "tick";
}

void dapr_log(dapr_instance *instance, enum dapr_level level,
              const char *format, ...)
{
    size_t size = strlen(logged);
    va_list args;

    assert_non_null(instance);
    warnings += level == DAPR_WARNING;
    va_start(args, format);
    vsnprintf(logged + size, sizeof logged - size, format, args);
    va_end(args);
    size = strlen(logged);
    snprintf(logged + size, sizeof logged - size, "\n");
}

int dapr_fail(dapr_call *call, enum dapr_code code, const char *format, ...)
{
    va_list args;

    (void)call;
    va_start(args, format);
    vsnprintf(failure, sizeof failure, format, args);
    va_end(args);
    return -(int)code;
}

const char *dapr_metadata_get(const struct dapr_metadata *metadata,
                              const char *name)
{
    assert_string_equal(name, "schedule");
    return metadata->count ? metadata->pairs[0].value : NULL;
}

static struct dapr_option registered;

int dapr_register(const char *name, struct dapr_option option)
{
    assert_string_equal(name, "cron");
    registered = option;
    return 0;
}

void dapr_must_run(void)
{
}

/* ---- tests --------------------------------------------------------------- */

static const struct dapr_input_binding *table(void)
{
    cron_main();
    assert_int_equal(registered.kind, 2);
    return registered.table;
}

static void *make(const char *schedule, int *ret_result)
{
    static int instance;
    const struct dapr_pair pairs[] = {{"Schedule", schedule}};
    const struct dapr_metadata properties = {pairs, schedule ? 1 : 0};
    void *self = table()->create((dapr_instance *)&instance);

    assert_non_null(self);
    failure[0] = '\0';
    *ret_result = table()->init(self, NULL, &properties);
    return self;
}

static void run(const char *schedule, struct dapr_reader *reader)
{
    int result;
    void *self;

    setenv("TZ", "UTC", 1);
    self = make(schedule, &result);
    assert_int_equal(result, 0);
    elapsed = 5 * SECOND;
    wall = 0;
    logged[0] = '\0';
    warnings = 0;
    reader->end += elapsed;
    reader->jump_at += elapsed;
    reader->fail_at += elapsed;
    reader->heal_at += elapsed;
    assert_int_equal(table()->read(self, reader), 0);
    assert_true(reader->longest <= 10 * SECOND);
    table()->destroy(self);
}

static void check_refused(const char *schedule, const char *why)
{
    int result;
    void *self = make(schedule, &result);

    assert_int_equal(result, -DAPR_INVALID_ARGUMENT);
    assert_string_equal(failure, why);
    table()->destroy(self);
}

static void test_init(void **state)
{
    (void)state;
    check_refused(NULL, "schedule not set");
    check_refused("", "schedule not set");
    check_refused("every 1s", "invalid schedule format 'every 1s': expected 5 "
                              "to 6 fields, found 2: [every 1s]");
    check_refused("@every 0s", "invalid schedule format '@every 0s': duration "
                               "must be above zero: @every 0s");
}

static void test_every(void **state)
{
    struct dapr_reader reader = {.end = 60 * SECOND + SECOND / 2};

    (void)state;
    run("@every 1s", &reader);
    assert_int_equal(reader.count, 60);
    for (int i = 0; i < 60; i++) /* does not drift */
        assert_in_range(reader.runs[i], (i + 1) * SECOND,
                        (i + 1) * SECOND + 1100000);
    assert_string_equal(reader.zone, "UTC");
    assert_non_null(strstr(logged, "name: tick, next run: 1s\n"));
    assert_non_null(strstr(logged, "name: tick, schedule fired: "
                                   "2026-01-01 00:00:01.00003 +0000 UTC\n"));
    assert_non_null(strstr(logged, "name: tick, stopping schedule: @every 1s"));
}

static void test_every_while_the_clock_is_set(void **state)
{
    struct dapr_reader reader = {
        .end = 60 * SECOND, .jump_at = 30 * SECOND, .jump_by = -3600 * SECOND};

    (void)state;
    run("@every 1500ms", &reader);
    assert_int_equal(reader.count, 39);
}

/* Shorter than a wait can be: as often as that allows, never without one. */
static void test_every_microsecond(void **state)
{
    struct dapr_reader reader = {.end = SECOND};

    (void)state;
    run("@every 1us", &reader);
    assert_in_range(reader.count, 900, 1000);
    assert_true(reader.waits >= reader.count);
}

static void test_fields(void **state)
{
    struct dapr_reader reader = {.end = 300 * SECOND};

    (void)state;
    run("30 */2 * * * *", &reader);
    assert_int_equal(reader.count, 3);
    assert_in_range(reader.runs[0], 30 * SECOND, 31 * SECOND);
    assert_in_range(reader.runs[1], 150 * SECOND, 151 * SECOND);
    assert_in_range(reader.runs[2], 270 * SECOND, 271 * SECOND);
}

static void test_never(void **state)
{
    struct dapr_reader reader = {.end = 86400 * SECOND};

    (void)state;
    run("0 0 30 2 *", &reader);
    assert_int_equal(reader.count, 0);
    assert_non_null(strstr(logged, "name: tick, next run: never\n"));
}

/* Runs that were slept through come once. */
static void test_clock_set_forward(void **state)
{
    struct dapr_reader reader = {
        .end = 130 * SECOND, .jump_at = 62 * SECOND, .jump_by = 3600 * SECOND};

    (void)state;
    run("* * * * *", &reader);
    assert_int_equal(reader.count, 3);
    assert_in_range(reader.runs[0], 60 * SECOND, 61 * SECOND);
    assert_in_range(reader.runs[1], 3662 * SECOND, 3680 * SECOND);
    assert_in_range(reader.runs[2], 3720 * SECOND, 3721 * SECOND);
}

static void test_clock_set_back_a_little(void **state)
{
    struct dapr_reader reader = {
        .end = 160 * SECOND, .jump_at = 61 * SECOND, .jump_by = -30 * SECOND};

    (void)state;
    run("* * * * *", &reader);
    assert_int_equal(reader.count, 2); /* 00:01 does not come again */
    assert_in_range(reader.runs[0], 60 * SECOND, 61 * SECOND);
    assert_in_range(reader.runs[1], 120 * SECOND, 121 * SECOND);
}

static void test_clock_set_back(void **state)
{
    struct dapr_reader reader = {.end = 190 * SECOND,
                                 .jump_at = 65 * SECOND,
                                 .jump_by = -86400 * SECOND};

    (void)state;
    run("* * * * *", &reader);
    assert_int_equal(reader.count, 3);
    assert_in_range(reader.runs[1] + 86400 * SECOND, 120 * SECOND,
                    121 * SECOND);
}

/* One warning for each time that the app falls behind. */
static void test_skipped_runs(void **state)
{
    struct dapr_reader reader = {.end = 20 * SECOND + SECOND / 2,
                                 .fail_at = 5 * SECOND,
                                 .heal_at = 10 * SECOND};
    struct dapr_reader lost = {
        .end = 20 * SECOND, .fail_at = 20 * SECOND, .heal_at = 30 * SECOND};

    (void)state;
    run("@every 1s", &reader);
    assert_int_equal(reader.count, 15);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(logged, "name: tick, runs are skipped: too many of "
                                   "them wait for the app\n"));
    run("@every 1s", &lost);
    assert_int_equal(warnings, 0);
}

static void test_texts(void **state)
{
    static const struct {
        int64_t duration;
        const char *text;
    } cases[] = {
        {999990853, "999.990853ms"},
        {1500000, "1.5ms"},
        {100, "0.0001ms"},
        {SECOND, "1s"},
        {90 * SECOND + 500000000, "1m30.5s"},
        {3600 * SECOND, "1h0m0s"},
        {86400 * SECOND - 1, "23h59m59.999999999s"},
        {INT64_MAX - 1, "2562047h47m16.854775806s"},
    };
    char text[TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(format_duration(text, cases[i].duration),
                            cases[i].text);
    }
    wall = 0;
    format_now(text);
    assert_string_equal(text, "2026-01-01 00:00:00 +0000 UTC");
    wall = 10 * SECOND + 120000;
    format_now(text);
    assert_string_equal(text, "2026-01-01 00:00:10.00012 +0000 UTC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_every),
        cmocka_unit_test(test_every_while_the_clock_is_set),
        cmocka_unit_test(test_every_microsecond),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_clock_set_forward),
        cmocka_unit_test(test_clock_set_back_a_little),
        cmocka_unit_test(test_clock_set_back),
        cmocka_unit_test(test_skipped_runs),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
