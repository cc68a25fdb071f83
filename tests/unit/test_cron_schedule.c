/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedules and zones of the cron binding: what is accepted, what errors say
 * (as recorded from Dapr), and which times come next, over clock changes too.
 */
#include "../../components/cron/schedule.c"
#include "../../components/cron/zone.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NEW_YORK  "EST5EDT,M3.2.0,M11.1.0"
#define BERLIN    "CET-1CEST,M3.5.0,M10.5.0/3"
#define SAO_PAULO "<-03>3<-02>,M11.1.0/0,M2.3.0/0"
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
#define UTC       "UTC0"

static struct zone *rule_zone(const char *rule)
{
    struct zone *zone = zone_from_rule("test", rule);

    assert_non_null(zone);
    return zone;
}

/* "2026-03-08 01:30:00 -0500" and back. */
static int64_t from_text(const char *text)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
    int offset;

    assert_non_null(rest);
    offset = (int)strtol(rest, NULL, 10);
    return (timegm(&tm) - offset / 100 * 3600 - offset % 100 * 60) * SECOND;
}

static void to_text(char text[64], const struct zone *zone, int64_t time)
{
    int64_t second = time / SECOND;
    int offset = (int)zone_at(zone, second).offset / 60;
    time_t local = second + offset * 60;
    struct tm tm;
    size_t size;

    if (time == SCHEDULE_NEVER) {
        snprintf(text, 64, "never");
        return;
    }
    gmtime_r(&local, &tm);
    size = strftime(text, 64, "%F %T", &tm);
    snprintf(text + size, 64 - size, " %+05d", offset / 60 * 100 + offset % 60);
}

/* ---- the next time ------------------------------------------------------- */

static const struct {
    const char *zone;
    const char *schedule;
    const char *after;
    const char *next[3]; /* and then; NULL: not looked at */
} times[] = {
    /* fields */
    {UTC,
     "* * * * * *",
     "2026-01-01 00:00:00 +0000",
     {"2026-01-01 00:00:01 +0000", "2026-01-01 00:00:02 +0000"}},
    {UTC,
     "*/5 * * * *",
     "2026-01-01 00:56:00 +0000",
     {"2026-01-01 01:00:00 +0000", "2026-01-01 01:05:00 +0000"}},
    {UTC,
     "5/25 * * * * *",
     "2026-01-01 00:00:00 +0000",
     {"2026-01-01 00:00:05 +0000", "2026-01-01 00:00:30 +0000",
      "2026-01-01 00:00:55 +0000"}},
    {UTC,
     "0 30 3-6,20-21 * * *",
     "2026-01-01 05:30:00 +0000",
     {"2026-01-01 06:30:00 +0000", "2026-01-01 20:30:00 +0000"}},
    {UTC,
     "? ? ? ? ? ?",
     "2026-12-31 23:59:59 +0000",
     {"2027-01-01 00:00:00 +0000"}},
    {UTC,
     "0 0 1 JAN,Feb mon-FRI",
     "2026-01-30 00:00:00 +0000",
     {"2026-02-01 00:00:00 +0000", "2026-02-02 00:00:00 +0000",
      "2026-02-03 00:00:00 +0000"}},
    {UTC,
     "  1 2 3 4 5  ",
     "2026-04-03 02:01:00 +0000",
     {"2026-04-10 02:01:00 +0000", "2026-04-17 02:01:00 +0000"}},
    /* days or weekdays where both are given; both where one is a star */
    {UTC,
     "0 0 13 * 5",
     "2026-03-01 00:00:00 +0000",
     {"2026-03-06 00:00:00 +0000", "2026-03-13 00:00:00 +0000",
      "2026-03-20 00:00:00 +0000"}},
    {UTC,
     "0 0 */1 * 5",
     "2026-03-01 00:00:00 +0000",
     {"2026-03-06 00:00:00 +0000", "2026-03-13 00:00:00 +0000"}},
    {UTC,
     "0 0 */15 * 5",
     "2026-03-01 00:00:00 +0000",
     {"2026-03-06 00:00:00 +0000", "2026-03-13 00:00:00 +0000",
      "2026-03-16 00:00:00 +0000"}},
    /* ends of months, leap days, what never comes */
    {UTC,
     "0 0 31 * *",
     "2026-01-31 00:00:00 +0000",
     {"2026-03-31 00:00:00 +0000", "2026-05-31 00:00:00 +0000"}},
    {UTC,
     "0 0 29 2 *",
     "2026-01-01 00:00:00 +0000",
     {"2028-02-29 00:00:00 +0000", "2032-02-29 00:00:00 +0000"}},
    {UTC,
     "0 0 29 2 *",
     "2096-02-29 00:00:00 +0000",
     {"2104-02-29 00:00:00 +0000"}},
    {UTC, "0 0 30 2 *", "2026-01-01 00:00:00 +0000", {"never"}},
    {UTC, "0 0 31 4,6,9,11 *", "2026-01-01 00:00:00 +0000", {"never"}},
    {UTC, ", * * * *", "2026-01-01 00:00:00 +0000", {"never"}},
    {UTC, "* * , * *", "2026-01-01 00:00:00 +0000", {"never"}},
    /* descriptors */
    {UTC,
     "@hourly",
     "2026-01-01 00:30:00 +0000",
     {"2026-01-01 01:00:00 +0000"}},
    {UTC, "@daily", "2026-01-01 00:00:00 +0000", {"2026-01-02 00:00:00 +0000"}},
    {UTC,
     "@midnight",
     "2026-01-01 00:00:00 +0000",
     {"2026-01-02 00:00:00 +0000"}},
    {UTC,
     "@weekly",
     "2026-01-01 00:00:00 +0000",
     {"2026-01-04 00:00:00 +0000"}},
    {UTC,
     "@monthly",
     "2026-01-01 00:00:00 +0000",
     {"2026-02-01 00:00:00 +0000"}},
    {UTC,
     "@yearly",
     "2026-01-01 00:00:00 +0000",
     {"2027-01-01 00:00:00 +0000"}},
    {UTC,
     "@annually",
     "2025-12-31 23:59:59 +0000",
     {"2026-01-01 00:00:00 +0000"}},
    {UTC,
     "@every 1h30m",
     "2026-01-01 00:10:07 +0000",
     {"2026-01-01 01:40:07 +0000", "2026-01-01 03:10:07 +0000"}},
    /* zones of their own */
    {UTC,
     "CRON_TZ=Asia/Tokyo 0 6 * * ?",
     "2026-01-01 00:00:00 +0000",
     {"2026-01-01 21:00:00 +0000"}},
    {NEW_YORK,
     "TZ=UTC\t @daily ",
     "2026-01-01 00:00:00 +0000",
     {"2026-01-01 19:00:00 -0500"}},
    {NEW_YORK,
     "TZ= 0 0 * * *",
     "2026-01-01 00:00:00 +0000",
     {"2026-01-01 19:00:00 -0500"}},
    {UTC,
     "TZ=America/New_York 30 2 * * *",
     "2026-03-07 12:00:00 +0000",
     {"2026-03-09 06:30:00 +0000"}},
    /* an hour that is left out */
    {NEW_YORK,
     "30 2 * * *",
     "2026-03-07 00:00:00 -0500",
     {"2026-03-07 02:30:00 -0500", "2026-03-09 02:30:00 -0400"}},
    {NEW_YORK,
     "0 * * * *",
     "2026-03-08 00:30:00 -0500",
     {"2026-03-08 01:00:00 -0500", "2026-03-08 03:00:00 -0400"}},
    {NEW_YORK,
     "*/30 2-3 * * *",
     "2026-03-08 00:00:00 -0500",
     {"2026-03-08 03:00:00 -0400", "2026-03-08 03:30:00 -0400",
      "2026-03-09 02:00:00 -0400"}},
    {BERLIN,
     "59 59 1-3 * * *",
     "2026-03-29 01:00:00 +0100",
     {"2026-03-29 01:59:59 +0100", "2026-03-29 03:59:59 +0200"}},
    {SAO_PAULO,
     "0 0 * * *",
     "2026-10-31 12:00:00 -0300",
     {"2026-11-02 00:00:00 -0200"}},
    {LORD_HOWE,
     "15,45 2 * * *",
     "2026-10-04 00:00:00 +1030",
     {"2026-10-04 02:45:00 +1100", "2026-10-05 02:15:00 +1100"}},
    /* an hour that comes twice */
    {NEW_YORK,
     "30 1 * * *",
     "2026-11-01 00:00:00 -0400",
     {"2026-11-01 01:30:00 -0400", "2026-11-01 01:30:00 -0500",
      "2026-11-02 01:30:00 -0500"}},
    {BERLIN,
     "0 2,3 * * *",
     "2026-10-25 00:00:00 +0200",
     {"2026-10-25 02:00:00 +0200", "2026-10-25 02:00:00 +0100",
      "2026-10-25 03:00:00 +0100"}},
    {SAO_PAULO,
     "30 23 * * *",
     "2026-02-14 12:00:00 -0200",
     {"2026-02-14 23:30:00 -0200", "2026-02-14 23:30:00 -0300",
      "2026-02-15 23:30:00 -0300"}},
    {LORD_HOWE,
     "45 1 * * *",
     "2026-04-05 00:00:00 +1100",
     {"2026-04-05 01:45:00 +1100", "2026-04-05 01:45:00 +1030"}},
};

static void test_next(void **state)
{
    char error[256], text[64];

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct zone *zone = rule_zone(times[i].zone);
        int64_t time = from_text(times[i].after);
        struct schedule schedule;

        if (schedule_parse(times[i].schedule, zone, &schedule, error,
                           sizeof error) < 0)
            fail_msg("%s: %s", times[i].schedule, error);
        for (int j = 0; j < 3 && times[i].next[j]; j++) {
            time = schedule_next(&schedule, time);
            to_text(text, zone, time);
            if (strcmp(text, times[i].next[j]) != 0)
                fail_msg("%s after %s, %d: %s, not %s", times[i].schedule,
                         times[i].after, j, text, times[i].next[j]);
        }
        schedule_done(&schedule);
        zone_free(zone);
    }
}

static void test_next_within_a_second(void **state)
{
    struct zone *zone = rule_zone(UTC);
    struct schedule schedule;
    char error[64];

    (void)state;
    assert_int_equal(
        schedule_parse("* * * * * *", zone, &schedule, error, sizeof error), 0);
    assert_int_equal(schedule_next(&schedule, 5 * SECOND - 1), 5 * SECOND);
    assert_int_equal(schedule_next(&schedule, 5 * SECOND), 6 * SECOND);
    assert_int_equal(schedule_next(&schedule, -1), 0);
    assert_int_equal(schedule_next(&schedule, -SECOND), 0);
    assert_int_equal(schedule_next(&schedule, INT64_MAX - 1), SCHEDULE_NEVER);
    schedule_done(&schedule);
    zone_free(zone);
}

/* ---- errors -------------------------------------------------------------- */

static const char *const errors[][2] = {
    {"every 1s", "expected 5 to 6 fields, found 2: [every 1s]"},
    {"* * * *", "expected 5 to 6 fields, found 4: [* * * *]"},
    {"* * * * * * *", "expected 5 to 6 fields, found 7: [* * * * * * *]"},
    {" ", "expected 5 to 6 fields, found 0: []"},
    {"  @daily", "expected 5 to 6 fields, found 1: [@daily]"},
    {"60 * * * *", "end of range (60) above maximum (59): 60"},
    {"* 24 * * *", "end of range (24) above maximum (23): 24"},
    {"* * 0 * *", "beginning of range (0) below minimum (1): 0"},
    {"* * * 13 *", "end of range (13) above maximum (12): 13"},
    {"* * * * 7", "end of range (7) above maximum (6): 7"},
    {"-1 * * * *", "failed to parse int from : strconv.Atoi: parsing \"\": "
                   "invalid syntax"},
    {"5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"},
    {"*/0 * * * *", "step of range should be a positive number: */0"},
    {"*/-5 * * * *", "negative number (-5) not allowed: -5"},
    {"1-2-3 * * * *", "too many hyphens: 1-2-3"},
    {"1/2/3 * * * *", "too many slashes: 1/2/3"},
    {"a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": "
                  "invalid syntax"},
    {"99999999999999999999 * * * *",
     "failed to parse int from 99999999999999999999: strconv.Atoi: parsing "
     "\"99999999999999999999\": value out of range"},
    {"* * * mon *", "failed to parse int from mon: strconv.Atoi: parsing "
                    "\"mon\": invalid syntax"},
    {"* * * janfeb *", "failed to parse int from janfeb: strconv.Atoi: parsing "
                       "\"janfeb\": invalid syntax"},
    {"@every", "unrecognized descriptor: @every"},
    {"@every 1",
     "failed to parse duration @every 1: time: missing unit in duration \"1\""},
    {"@every 1x", "failed to parse duration @every 1x: time: unknown unit "
                  "\"x\" in duration \"1x\""},
    {"@every 1h ", "failed to parse duration @every 1h : time: unknown unit "
                   "\"h \" in duration \"1h \""},
    {"@every -1s", "duration must be above zero: @every -1s"},
    {"@every 0s", "duration must be above zero: @every 0s"},
    {"@every 0.5ns", "duration must be above zero: @every 0.5ns"},
    {"@reboot", "unrecognized descriptor: @reboot"},
    {"@Hourly", "unrecognized descriptor: @Hourly"},
    {"@daily ", "unrecognized descriptor: @daily "},
    {"TZ=Nowhere/Here * * * * *",
     "provided bad location Nowhere/Here: unknown time zone Nowhere/Here"},
    {"TZ=America * * * * *",
     "provided bad location America: unknown time zone America"},
    {"TZ=tzdata.zi * * * * *",
     "provided bad location tzdata.zi: malformed time zone information"},
    {"TZ=../../etc/passwd * * * * *",
     "provided bad location ../../etc/passwd: time: invalid location name"},
    {"TZ=/etc/localtime * * * * *",
     "provided bad location /etc/localtime: time: invalid location name"},
    {"TZ=", "timezone prefix TZ= is not followed by a schedule"},
    {"CRON_TZ=UTC", "timezone prefix CRON_TZ=UTC is not followed by a "
                    "schedule"},
    {"TZ=UTC ", "expected 5 to 6 fields, found 0: []"},
};

static void test_errors(void **state)
{
    struct zone *zone = rule_zone(UTC);

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        char error[256] = "";
        struct schedule schedule;

        if (schedule_parse(errors[i][0], zone, &schedule, error,
                           sizeof error) == 0)
            fail_msg("%s is accepted", errors[i][0]);
        assert_string_equal(error, errors[i][1]);
    }
    zone_free(zone);
}

static void test_long_schedules(void **state)
{
    char text[SCHEDULE_MAX + 2], error[128];
    struct zone *zone = rule_zone(UTC);
    struct schedule schedule;

    (void)state;
    memset(text, ',', sizeof text);
    memcpy(text, "* * * * ", 8);
    text[SCHEDULE_MAX + 1] = '\0';
    assert_int_equal(schedule_parse(text, zone, &schedule, error, sizeof error),
                     -1);
    assert_string_equal(error, "longer than 1024 characters");
    text[SCHEDULE_MAX] = '\0';
    assert_int_equal(schedule_parse(text, zone, &schedule, error, sizeof error),
                     0);
    schedule_done(&schedule);
    memset(text, '*', SCHEDULE_MAX);
    assert_int_equal(schedule_parse(text, zone, &schedule, error, sizeof error),
                     -1);
    memset(text, 'x', SCHEDULE_MAX);
    memcpy(text, "TZ=", 3);
    text[500] = ' ';
    assert_int_equal(schedule_parse(text, zone, &schedule, error, sizeof error),
                     -1);
    zone_free(zone);
}

/* Random texts: each is a schedule with a next time, or has an error. */
static void test_random_texts(void **state)
{
    static const char letters[] = "0123456789*/-,? @mhsuTZ=.+\tjanfri";
    struct zone *zone = rule_zone(BERLIN);

    (void)state;
    srandom(1);
    for (int i = 0; i < 20000; i++) {
        static const char *const forms[] = {"%s", "@every %s", "TZ=%s",
                                            "%s %s * * *"};
        char piece[24], text[64], error[16];
        size_t size = (size_t)random() % sizeof piece;
        struct schedule schedule;

        for (size_t j = 0; j < size; j++)
            piece[j] = letters[(size_t)random() % (sizeof letters - 1)];
        piece[size ? size - 1 : 0] = '\0';
        snprintf(text, sizeof text, forms[i % 4], piece, piece);
        if (schedule_parse(text, zone, &schedule, error, sizeof error) < 0)
            continue;
        assert_true(schedule_next(&schedule, 1000) > 1000);
        schedule_done(&schedule);
    }
    zone_free(zone);
}

/* ---- durations ----------------------------------------------------------- */

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"1ns", 1},
        {"1us", 1000},
        {"1\u00b5s", 1000},
        {"1\u03bcs", 1000},
        {"300ms", 300000000},
        {"+5s", 5 * SECOND},
        {"-1.5h", -5400 * SECOND},
        {"1h15m30.918273645s", 4530918273645},
        {".5s", 500000000},
        {"1.s", SECOND},
        {"0.29s", 290000000},
        {"0.3333333333333333333h", 1199999999999},
        {"2562047h47m16.854775807s", INT64_MAX},
    };
    static const char *const bad[] = {
        "",
        "-",
        ".",
        "3",
        ".s",
        "+.s",
        "1.2.3s",
        "1d",
        "- 1s",
        "1 s",
        "s1",
        "1s 2s",
        "9223372036854775808ns",
        "2562047h47m16.854775808s",
        "99999999999999999999h",
        "9999999999999h",
    };
    char error[128];
    int64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            duration_parse(cases[i].text, &value, error, sizeof error), 0);
        assert_int_equal(value, cases[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (duration_parse(bad[i], &value, error, sizeof error) == 0)
            fail_msg("%s is accepted", bad[i]);
}

/* ---- zones --------------------------------------------------------------- */

/* The file of a zone that moved from +1:00 to +2:00 in 2000, and since then
 * keeps the rule of the test. */
static size_t make_tzif(uint8_t *file, const char *rule)
{
    static const uint8_t header[44] = {'T', 'Z',      'i',      'f',
                                       '2', [35] = 1, [39] = 2, [43] = 4};
    static const uint8_t block[] = {
        0,    0,    0, 0,    0x38, 0x6d, 0x43, 0x80, /* 2000-01-01 00:00:00 */
        1,    0,    0, 0x0e, 0x10, 0,    0,    0,    0,
        0x1c, 0x20, 0, 0,    'X',  'Y',  'Z',  0};
    uint8_t *at = file;

    memcpy(at, header, sizeof header);
    memcpy(at + sizeof header, block + 4, sizeof block - 4);
    at += sizeof header + sizeof block - 4;
    memcpy(at, header, sizeof header);
    memcpy(at + sizeof header, block, sizeof block);
    at += sizeof header + sizeof block;
    at += snprintf((char *)at, 64, "\n%s\n", rule);
    return (size_t)(at - file);
}

static void check_span(const struct zone *zone, int64_t second, int64_t offset,
                       int64_t until)
{
    struct zone_span span = zone_at(zone, second);

    assert_int_equal(span.offset, offset);
    assert_int_equal(span.until, until);
}

static void test_tzif(void **state)
{
    uint8_t file[512];
    struct zone *zone = zone_from_tzif("x", file, make_tzif(file, ""));

    (void)state;
    assert_non_null(zone);
    assert_string_equal(zone_name(zone), "x");
    check_span(zone, INT64_MIN, 3600, 946684800);
    check_span(zone, 946684799, 3600, 946684800);
    check_span(zone, 946684800, 7200, INT64_MAX);
    check_span(zone, INT64_MAX - 1, 7200, INT64_MAX);
    zone_free(zone);

    zone = zone_from_tzif("x", file, make_tzif(file, BERLIN));
    assert_non_null(zone);
    check_span(zone, 0, 3600, 946684800);
    check_span(zone, 946684800, 3600, 954032400);
    zone_free(zone);
}

static void test_broken_tzif(void **state)
{
    uint8_t file[512];
    size_t size = make_tzif(file, NEW_YORK);

    (void)state;
    for (size_t i = 0; i < size; i++) { /* in memory of just that size */
        uint8_t *part = malloc(i ? i : 1);
        memcpy(part, file, i);
        assert_null(zone_from_tzif("x", part, i));
        free(part);
    }
    for (size_t i = 0; i < size; i++) /* nothing but sane results */
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            struct zone *zone;
            file[i] ^= (uint8_t)flip;
            zone = zone_from_tzif("x", file, size);
            if (zone != NULL)
                assert_true(zone_at(zone, 1000).until > 1000);
            zone_free(zone);
            file[i] ^= (uint8_t)flip;
        }
}

static void test_rules(void **state)
{
    static const char *const bad[] = {
        "",
        "A1",
        "CET",
        "CET-",
        "<+01-1",
        "CET-1CEST,",
        "CET168",
        "CET-1CEST,M3.5.0",
        "CET1:60",
        "C1T1",
        "CET-1CE",
        "CET-1CEST,M13.1.0,M1.1.0",
        "CET-1X,1,2",
        "CET-1CEST,M0.1.0,M1.1.0",
        "CET-1CEST,M1.6.0,M1.1.0",
        "CET-1CEST,M1.1.7,M1.1.0",
        "CET-1CEST,J366,1",
        "CET-1CEST,1,2x",
    };
    struct zone *zone;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if ((zone = zone_from_rule("x", bad[i])) != NULL)
            fail_msg("%s is accepted", bad[i]);
    zone = rule_zone("AAA-1BBB,J60/0,J305/0"); /* 1 March, 1 November */
    assert_int_equal(zone_at(zone, 1709247599).offset, 3600);
    assert_int_equal(zone_at(zone, 1709247600).offset, 7200);
    zone_free(zone);
    zone = rule_zone("AAA-1BBB,59/0,304/0"); /* 29 February 2024 */
    assert_int_equal(zone_at(zone, 1709161199).offset, 3600);
    assert_int_equal(zone_at(zone, 1709161200).offset, 7200);
    zone_free(zone);
    zone = rule_zone("AAA3BBB4,0/0,J365/23"); /* summer all the year */
    assert_int_equal(zone_at(zone, 1704078000).offset, -4 * 3600);
    assert_int_equal(zone_at(zone, 1735696800).offset, -4 * 3600);
    zone_free(zone);
    zone = rule_zone("EST5EDT");
    assert_int_equal(zone_at(zone, 1782000000).offset, -4 * 3600);
    zone_free(zone);
}

static void check_local(const char *tz, const char *name, int64_t offset)
{
    struct zone *zone;

    if (tz != NULL)
        setenv("TZ", tz, 1);
    else
        unsetenv("TZ");
    zone = zone_local();
    assert_non_null(zone);
    assert_string_equal(zone_name(zone), name);
    if (offset >= 0)
        assert_int_equal(zone_at(zone, 1782000000).offset, offset);
    zone_free(zone);
}

static void test_local(void **state)
{
    (void)state;
    check_local(NULL, "Local", -1);
    check_local("", "UTC", 0);
    check_local(":", "UTC", 0);
    check_local("Asia/Tokyo", "Asia/Tokyo", 9 * 3600);
    check_local(":Asia/Tokyo", "Asia/Tokyo", 9 * 3600);
    check_local("/etc/localtime", "Local", -1);
    check_local("/usr/share/zoneinfo/Asia/Tokyo",
                "/usr/share/zoneinfo/Asia/Tokyo", 9 * 3600);
    check_local(BERLIN, BERLIN, 2 * 3600);
    check_local("Nowhere", "UTC", 0);
    check_local("/nowhere", "UTC", 0);
    unsetenv("TZ");
}

/* The system's files agree with the rules that they stand for. */
static void test_system_zones(void **state)
{
    static const char *const zones[][2] = {{"America/New_York", NEW_YORK},
                                           {"Europe/Berlin", BERLIN},
                                           {"Australia/Lord_Howe", LORD_HOWE}};

    (void)state;
    for (int i = 0; i < 3; i++) {
        char error[128] = "no memory";
        struct zone *zone = zone_find(zones[i][0], error, sizeof error);
        struct zone *rule = rule_zone(zones[i][1]);

        if (zone == NULL)
            fail_msg("%s (is tzdata installed?)", error);
        for (int64_t t = 1300000000; t < 4000000000; t += 400000)
            assert_int_equal(zone_at(zone, t).offset, zone_at(rule, t).offset);
        zone_free(zone);
        zone_free(rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_next_within_a_second),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_long_schedules),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_tzif),
        cmocka_unit_test(test_broken_tzif),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_system_zones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
