/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedules, see schedule.h. Each field is a set of bits. The next time is
 * looked for in one span of constant offset after the other, where local time
 * is plain arithmetic; so clock changes need no thought. Any thread.
 */
#include "schedule.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SECOND 1000000000LL
#define SPACES " \t\n\v\f\r"
#define DIGITS "0123456789"

/* Leap days are up to eight years apart: what does not come until then never
 * comes. */
#define HORIZON (8 * 366 * 86400LL)

/* Beside a field's bits: it was a star. Days and weekdays must both match when
 * one of them is; else one of them is enough. */
#define STAR (1ULL << 63)

struct bounds {
    int min;
    int max;
    const char *names; /* three letters for each value from min */
};

static const struct bounds bounds[FIELDS] = {
    [FIELD_SECOND] = {0, 59, ""},
    [FIELD_MINUTE] = {0, 59, ""},
    [FIELD_HOUR] = {0, 23, ""},
    [FIELD_DAY] = {1, 31, ""},
    [FIELD_MONTH] = {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    [FIELD_WEEKDAY] = {0, 6, "sunmontuewedthufrisat"},
};

static const struct {
    const char *name;
    const char *fields;
} descriptors[] = {
    {"@yearly", "0 0 1 1 *"},  {"@annually", "0 0 1 1 *"},
    {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

/* Where a message goes; returns -1. */
struct complaint {
    char *text;
    size_t size;
};

static int complain(const struct complaint *to, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));

static int complain(const struct complaint *to, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(to->text, to->size, format, args);
    va_end(args);
    return -1;
}

/* ---- durations ----------------------------------------------------------- */

static const struct {
    const char *name;
    int64_t size;
} units[] = {
    {"ns", 1},          {"us", 1000},         {"\u00b5s", 1000},
    {"\u03bcs", 1000},  {"ms", 1000 * 1000},  {"s", SECOND},
    {"m", 60 * SECOND}, {"h", 3600 * SECOND},
};

static int64_t unit_size(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i].name) == size && !memcmp(units[i].name, name, size))
            return units[i].size;
    return 0;
}

/* 1.25 is 1 and 25/100. */
struct decimal {
    int64_t whole;
    double part;
    double scale;
};

/* Moves `at` behind a decimal. False where there are no digits, or too many. */
static bool take_decimal(const char **at, struct decimal *ret_decimal)
{
    struct decimal decimal = {.scale = 1};
    size_t digits = strspn(*at, DIGITS);
    size_t all = digits;

    for (; digits > 0; digits--, (*at)++)
        if (__builtin_mul_overflow(decimal.whole, 10, &decimal.whole) ||
            __builtin_add_overflow(decimal.whole, **at - '0', &decimal.whole))
            return false;
    if (**at == '.') {
        (*at)++;
        digits = strspn(*at, DIGITS);
        all += digits;
        for (; digits > 0; digits--, (*at)++) {
            decimal.part = decimal.part * 10 + (**at - '0');
            decimal.scale *= 10;
        }
    }
    *ret_decimal = decimal;
    return all > 0;
}

/* "30m": adds one number with its unit. */
static int add_duration(const char **at, const char *text, int64_t *total,
                        const struct complaint *to)
{
    struct decimal decimal;
    int64_t value, size;
    size_t unit;

    if (!take_decimal(at, &decimal))
        return complain(to, "time: invalid duration \"%s\"", text);
    unit = strcspn(*at, "." DIGITS);
    if (unit == 0)
        return complain(to, "time: missing unit in duration \"%s\"", text);
    size = unit_size(*at, unit);
    if (size == 0)
        return complain(to, "time: unknown unit \"%.*s\" in duration \"%s\"",
                        (int)unit, *at, text);
    *at += unit;
    value = (int64_t)(decimal.part * ((double)size / decimal.scale));
    if (__builtin_mul_overflow(decimal.whole, size, &decimal.whole) ||
        __builtin_add_overflow(value, decimal.whole, &value) ||
        __builtin_add_overflow(value, *total, total))
        return complain(to, "time: invalid duration \"%s\"", text);
    return 0;
}

int duration_parse(const char *text, int64_t *ret_duration, char *error,
                   size_t size)
{
    const struct complaint to = {error, size};
    bool negative = text[0] == '-';
    const char *at = text + (negative || text[0] == '+');
    int64_t total = 0;

    if (*at == '\0')
        return complain(&to, "time: invalid duration \"%s\"", text);
    if (strcmp(at, "0") == 0)
        at++;
    while (*at != '\0')
        if (add_duration(&at, text, &total, &to) < 0)
            return -1;
    *ret_duration = negative ? -total : total;
    return 0;
}

/* ---- fields -------------------------------------------------------------- */

static int parse_number(const char *text, long long *ret_value,
                        const struct complaint *to)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno == ERANGE)
        return complain(
            to, "failed to parse int from %s: strconv.Atoi: parsing \"%s\": %s",
            text, text,
            errno == ERANGE ? "value out of range" : "invalid syntax");
    if (value < 0)
        return complain(to, "negative number (%lld) not allowed: %s", value,
                        text);
    *ret_value = value;
    return 0;
}

static int parse_value(const char *text, const struct bounds *in,
                       long long *ret_value, const struct complaint *to)
{
    if (strlen(text) == 3)
        for (int i = 0; in->names[3 * i] != '\0'; i++)
            if (strncasecmp(in->names + 3 * i, text, 3) == 0) {
                *ret_value = in->min + i;
                return 0;
            }
    return parse_number(text, ret_value, to);
}

/* A star, a number, or a range of them, with an optional step. */
struct range {
    long long low;
    long long high;
    long long step;
    bool star;
    bool open; /* without a high end: a step gives it the highest one */
};

static int parse_ends(char *text, const char *whole, const struct bounds *in,
                      struct range *range, const struct complaint *to)
{
    char *high = text;
    char *low = strsep(&high, "-");

    range->open = high == NULL;
    if (strcmp(low, "*") == 0 || strcmp(low, "?") == 0) {
        range->low = in->min;
        range->high = in->max;
        range->star = true;
        return 0;
    }
    if (parse_value(low, in, &range->low, to) < 0)
        return -1;
    range->high = range->low;
    if (high == NULL)
        return 0;
    if (strchr(high, '-') != NULL)
        return complain(to, "too many hyphens: %s", whole);
    return parse_value(high, in, &range->high, to);
}

static int parse_step(const char *text, const char *whole,
                      const struct bounds *in, struct range *range,
                      const struct complaint *to)
{
    if (strchr(text, '/') != NULL)
        return complain(to, "too many slashes: %s", whole);
    if (parse_number(text, &range->step, to) < 0)
        return -1;
    if (range->open)
        range->high = in->max;
    range->star = range->star && range->step <= 1;
    if (range->step > in->max) /* none is longer than that */
        range->step = in->max + 1;
    return 0;
}

static int check_range(const struct range *range, const char *whole,
                       const struct bounds *in, const struct complaint *to)
{
    if (range->low < in->min)
        return complain(to, "beginning of range (%lld) below minimum (%d): %s",
                        range->low, in->min, whole);
    if (range->high > in->max)
        return complain(to, "end of range (%lld) above maximum (%d): %s",
                        range->high, in->max, whole);
    if (range->low > range->high)
        return complain(to,
                        "beginning of range (%lld) beyond end of range (%lld): "
                        "%s",
                        range->low, range->high, whole);
    if (range->step == 0)
        return complain(to, "step of range should be a positive number: %s",
                        whole);
    return 0;
}

static int parse_range(const char *whole, const struct bounds *in,
                       uint64_t *bits, const struct complaint *to)
{
    struct range range = {.step = 1};
    char copy[SCHEDULE_MAX + 1];
    char *step = copy, *ends;

    snprintf(copy, sizeof copy, "%s", whole);
    ends = strsep(&step, "/");
    if (parse_ends(ends, whole, in, &range, to) < 0)
        return -1;
    if (step != NULL && parse_step(step, whole, in, &range, to) < 0)
        return -1;
    if (check_range(&range, whole, in, to) < 0)
        return -1;
    for (long long i = range.low; i <= range.high; i += range.step)
        *bits |= 1ULL << i;
    *bits |= range.star ? STAR : 0;
    return 0;
}

static int parse_field(char *text, const struct bounds *in, uint64_t *ret_bits,
                       const struct complaint *to)
{
    char *next = text, *range;

    *ret_bits = 0;
    while ((range = strsep(&next, ",")) != NULL)
        if (range[0] != '\0' && parse_range(range, in, ret_bits, to) < 0)
            return -1;
    return 0;
}

/* "expected 5 to 6 fields, found 2: [every 1s]" */
static int complain_of_count(const char *text, const struct complaint *to)
{
    char list[SCHEDULE_MAX + 2] = "", copy[SCHEDULE_MAX + 1];
    char *rest = copy, *field;
    size_t size = 0;
    int count = 0;

    snprintf(copy, sizeof copy, "%s", text);
    while ((field = strtok_r(rest, SPACES, &rest)) != NULL) {
        size += (size_t)snprintf(list + size, sizeof list - size, " %s", field);
        count++;
    }
    return complain(to, "expected 5 to 6 fields, found %d: [%s]", count,
                    count ? list + 1 : "");
}

static int parse_fields(const char *text, uint64_t fields[FIELDS],
                        const struct complaint *to)
{
    char copy[SCHEDULE_MAX + 1];
    char *found[FIELDS], *rest = copy, *field;
    int count = 0, first;

    snprintf(copy, sizeof copy, "%s", text);
    while ((field = strtok_r(rest, SPACES, &rest)) != NULL) {
        if (count == FIELDS)
            return complain_of_count(text, to);
        found[count++] = field;
    }
    if (count < FIELDS - 1)
        return complain_of_count(text, to);
    first = FIELDS - count; /* seconds may be left out */
    fields[FIELD_SECOND] = 1;
    for (int i = 0; i < count; i++)
        if (parse_field(found[i], &bounds[first + i], &fields[first + i], to))
            return -1;
    return 0;
}

/* ---- schedules ----------------------------------------------------------- */

static int parse_every(const char *text, int64_t *ret_every,
                       const struct complaint *to)
{
    char why[SCHEDULE_MAX + 64];
    int64_t every;

    if (duration_parse(text + strlen("@every "), &every, why, sizeof why) < 0)
        return complain(to, "failed to parse duration %s: %s", text, why);
    if (every <= 0)
        return complain(to, "duration must be above zero: %s", text);
    *ret_every = every;
    return 0;
}

static int parse_descriptor(const char *text, struct schedule *schedule,
                            const struct complaint *to)
{
    if (strncmp(text, "@every ", strlen("@every ")) == 0)
        return parse_every(text, &schedule->every, to);
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++)
        if (strcmp(text, descriptors[i].name) == 0)
            return parse_fields(descriptors[i].fields, schedule->fields, to);
    return complain(to, "unrecognized descriptor: %s", text);
}

/* Takes the zone off the front of a schedule: "CRON_TZ=Asia/Tokyo ". */
static int parse_zone(char **text, struct schedule *schedule,
                      const struct complaint *to)
{
    char why[SCHEDULE_MAX + 64] = "out of memory";
    char *rest, *name;

    if (strncmp(*text, "TZ=", 3) != 0 && strncmp(*text, "CRON_TZ=", 8) != 0)
        return 0;
    rest = strpbrk(*text, SPACES);
    if (rest == NULL)
        return complain(to, "timezone prefix %s is not followed by a schedule",
                        *text);
    *rest++ = '\0';
    name = strchr(*text, '=') + 1;
    schedule->own = zone_find(name, why, sizeof why);
    if (schedule->own == NULL)
        return complain(to, "provided bad location %s: %s", name, why);
    schedule->zone = schedule->own;
    rest += strspn(rest, SPACES);
    for (size_t end = strlen(rest); end > 0; end--) {
        if (strchr(SPACES, rest[end - 1]) == NULL)
            break;
        rest[end - 1] = '\0';
    }
    *text = rest;
    return 0;
}

int schedule_parse(const char *text, const struct zone *local,
                   struct schedule *ret_schedule, char *error, size_t size)
{
    const struct complaint to = {error, size};
    struct schedule schedule = {.zone = local};
    char copy[SCHEDULE_MAX + 1];
    char *rest = copy;
    int result;

    if (strlen(text) > SCHEDULE_MAX)
        return complain(&to, "longer than %d characters", SCHEDULE_MAX);
    snprintf(copy, sizeof copy, "%s", text);
    if (parse_zone(&rest, &schedule, &to) < 0)
        return -1;
    result = rest[0] == '@' ? parse_descriptor(rest, &schedule, &to)
                            : parse_fields(rest, schedule.fields, &to);
    if (result == 0)
        *ret_schedule = schedule;
    else
        schedule_done(&schedule);
    return result;
}

void schedule_done(struct schedule *schedule)
{
    zone_free(schedule->own);
}

/* ---- the next time ------------------------------------------------------- */

static bool has(const struct schedule *schedule, enum schedule_field field,
                int value)
{
    return schedule->fields[field] >> value & 1;
}

static bool has_day(const struct schedule *schedule, const struct tm *tm)
{
    bool day = has(schedule, FIELD_DAY, tm->tm_mday);
    bool weekday = has(schedule, FIELD_WEEKDAY, tm->tm_wday);

    if ((schedule->fields[FIELD_DAY] | schedule->fields[FIELD_WEEKDAY]) & STAR)
        return day && weekday;
    return day || weekday;
}

/* Moves a local time that does not match on to the start of the next month,
 * day, hour, minute or second, as far as nothing is left out. False: it
 * matches. */
static bool advance(const struct schedule *schedule, struct tm *tm)
{
    struct tm next = {.tm_year = tm->tm_year, .tm_mon = tm->tm_mon};

    if (!has(schedule, FIELD_MONTH, tm->tm_mon + 1)) {
        next.tm_mon++;
        next.tm_mday = 1;
    } else if (!has_day(schedule, tm)) {
        next.tm_mday = tm->tm_mday + 1;
    } else if (!has(schedule, FIELD_HOUR, tm->tm_hour)) {
        next.tm_mday = tm->tm_mday;
        next.tm_hour = tm->tm_hour + 1;
    } else if (!has(schedule, FIELD_MINUTE, tm->tm_min)) {
        next.tm_mday = tm->tm_mday;
        next.tm_hour = tm->tm_hour;
        next.tm_min = tm->tm_min + 1;
    } else if (!has(schedule, FIELD_SECOND, tm->tm_sec)) {
        next = *tm;
        next.tm_sec++;
    } else {
        return false;
    }
    *tm = next;
    return true;
}

/* The first match from `from` on and before `end`, in local seconds; or `end`.
 */
static int64_t first_match(const struct schedule *schedule, int64_t from,
                           int64_t end)
{
    time_t time = from;
    struct tm tm;

    if (gmtime_r(&time, &tm) == NULL)
        return end;
    while (time < end && advance(schedule, &tm))
        time = timegm(&tm);
    return time < end ? time : end;
}

/* ", * * * *" is a schedule, and never comes. */
static bool is_empty(const struct schedule *schedule)
{
    return schedule->fields[FIELD_SECOND] == 0 ||
           schedule->fields[FIELD_MINUTE] == 0 ||
           schedule->fields[FIELD_HOUR] == 0 ||
           schedule->fields[FIELD_MONTH] == 0;
}

static int64_t next_second(const struct schedule *schedule, int64_t from)
{
    int64_t horizon = from + HORIZON;

    if (is_empty(schedule))
        return SCHEDULE_NEVER;
    while (from < horizon) {
        struct zone_span span = zone_at(schedule->zone, from);
        int64_t end = span.until < horizon ? span.until : horizon;
        int64_t match =
            first_match(schedule, from + span.offset, end + span.offset) -
            span.offset;
        if (match < end)
            return match;
        from = end;
    }
    return SCHEDULE_NEVER;
}

int64_t schedule_next(const struct schedule *schedule, int64_t after)
{
    int64_t next;

    if (schedule->every > 0)
        return __builtin_add_overflow(after, schedule->every, &next)
                   ? SCHEDULE_NEVER
                   : next;
    next = after / SECOND - (after % SECOND < 0);
    next = next_second(schedule, next + 1);
    return __builtin_mul_overflow(next, SECOND, &next) ? SCHEDULE_NEVER : next;
}
