/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones, see zone.h. A zone is a list of changes, then a yearly rule for
 * what comes after them; either may be missing. Any thread; the caller owns
 * what it gets.
 */
#include "zone.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ZONES     "/usr/share/zoneinfo/"
#define LOCALTIME "/etc/localtime"

/* The largest file of tzdata has 4 KiB. */
#define MAX_FILE 65536
#define MAX_NAME 255

/* A day of the year: "M3.5.0" (week 5 is the last), "J60" or "59". */
struct rule_day {
    char kind; /* M, J or 0 */
    int month;
    int week;
    int day;
    int64_t time; /* seconds after midnight; may be before it */
};

struct rule {
    bool present;
    bool changes; /* has summer time */
    int64_t standard;
    int64_t summer;
    struct rule_day begin;
    struct rule_day end;
};

struct change {
    int64_t at;
    int64_t offset;
};

struct zone {
    struct rule rule;
    char name[MAX_NAME + 1];
    size_t count;            /* at least 1 */
    struct change changes[]; /* ascending; the first is at INT64_MIN */
};

static struct zone *new_zone(const char *name, size_t count)
{
    struct zone *zone;

    if (strlen(name) > MAX_NAME)
        return NULL;
    zone = calloc(1, sizeof *zone + count * sizeof zone->changes[0]);
    if (zone == NULL)
        return NULL;
    snprintf(zone->name, sizeof zone->name, "%s", name);
    zone->count = count;
    zone->changes[0].at = INT64_MIN;
    return zone;
}

void zone_free(struct zone *zone)
{
    free(zone);
}

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}

/* ---- rules --------------------------------------------------------------- */

/* A number up to `max`, moving `at` behind it; -1 where there is none. */
static int rule_number(const char **at, int max)
{
    int value = 0;

    if (!isdigit((unsigned char)**at))
        return -1;
    for (; isdigit((unsigned char)**at) && value <= max; (*at)++)
        value = value * 10 + (**at - '0');
    return value <= max ? value : -1;
}

static bool skip(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool rule_time(const char **at, int64_t *ret_seconds)
{
    bool negative = skip(at, '-');
    int hours, minutes, seconds;

    if (!negative)
        skip(at, '+');
    hours = rule_number(at, 167);
    minutes = skip(at, ':') ? rule_number(at, 59) : 0;
    seconds = skip(at, ':') ? rule_number(at, 59) : 0;
    if (hours < 0 || minutes < 0 || seconds < 0)
        return false;
    *ret_seconds = hours * 3600 + minutes * 60 + seconds;
    if (negative)
        *ret_seconds = -*ret_seconds;
    return true;
}

/* "CET" or "<+0330>" */
static bool rule_name(const char **at)
{
    const char *from = *at;

    if (skip(at, '<')) {
        *at += strcspn(*at, ">");
        return skip(at, '>');
    }
    while (isalpha((unsigned char)**at))
        (*at)++;
    return *at - from >= 3;
}

/* ",M3.5.0/2" */
static bool rule_day(const char **at, struct rule_day *ret_day)
{
    struct rule_day day = {.kind = '0', .time = 2 * 3600};

    if (!skip(at, ','))
        return false;
    if (skip(at, 'M')) {
        day.kind = 'M';
        day.month = rule_number(at, 12);
        day.week = skip(at, '.') ? rule_number(at, 5) : -1;
        day.day = skip(at, '.') ? rule_number(at, 6) : -1;
        if (day.month < 1 || day.week < 1)
            return false;
    } else {
        day.kind = skip(at, 'J') ? 'J' : '0';
        day.day = rule_number(at, 365);
    }
    if (day.day < 0 || (skip(at, '/') && !rule_time(at, &day.time)))
        return false;
    *ret_day = day;
    return true;
}

static bool parse_rule(const char *at, struct rule *ret_rule)
{
    struct rule rule = {.present = true};

    if (!rule_name(&at) || !rule_time(&at, &rule.standard))
        return false;
    rule.summer = rule.standard - 3600;
    if (*at != '\0') {
        rule.changes = true;
        if (!rule_name(&at))
            return false;
        if (*at != ',' && *at != '\0' && !rule_time(&at, &rule.summer))
            return false;
        if (*at == '\0')
            at = ",M3.2.0,M11.1.0"; /* what POSIX leaves open, as others do */
        if (!rule_day(&at, &rule.begin) || !rule_day(&at, &rule.end))
            return false;
    }
    /* Rules count west of Greenwich as positive. */
    rule.standard = -rule.standard;
    rule.summer = -rule.summer;
    *ret_rule = rule;
    return *at == '\0';
}

/* Midnight of a rule's day in a year, plus its time. */
static int64_t rule_day_in(const struct rule_day *day, int year)
{
    struct tm tm = {.tm_year = year, .tm_mday = 1};

    if (day->kind == 'M') {
        bool last = day->week == 5; /* back from the end, else on from a week */
        tm.tm_mon = last ? day->month : day->month - 1;
        tm.tm_mday = last ? 0 : 1 + 7 * (day->week - 1);
        timegm(&tm);
        tm.tm_mday += last ? -((tm.tm_wday - day->day + 7) % 7)
                           : (day->day - tm.tm_wday + 7) % 7;
    } else if (day->kind == 'J') { /* there 1 March is always the 60th */
        tm.tm_mon = day->day >= 60 ? 2 : 0;
        tm.tm_mday = day->day >= 60 ? day->day - 59 : day->day;
    } else {
        tm.tm_mday = 1 + day->day;
    }
    return timegm(&tm) + day->time;
}

static struct zone_span rule_at(const struct rule *rule, int64_t second)
{
    struct zone_span span = {INT64_MAX, rule->standard};
    int64_t since = INT64_MIN;
    time_t time = second;
    struct tm tm;

    if (!rule->changes || gmtime_r(&time, &tm) == NULL)
        return span;
    for (int i = 0; i < 6; i++) { /* of this year and its neighbours */
        bool begin = i % 2 == 0;
        int year = tm.tm_year - 1 + i / 2;
        int64_t at = begin ? rule_day_in(&rule->begin, year) - rule->standard
                           : rule_day_in(&rule->end, year) - rule->summer;
        if (at <= second && at >= since) {
            since = at;
            span.offset = begin ? rule->summer : rule->standard;
        } else if (at > second && at < span.until) {
            span.until = at;
        }
    }
    return span;
}

struct zone *zone_from_rule(const char *name, const char *rule)
{
    struct zone *zone = new_zone(name, 1);

    if (zone == NULL)
        return NULL;
    if (!parse_rule(rule, &zone->rule)) {
        zone_free(zone);
        return NULL;
    }
    return zone;
}

/* ---- files --------------------------------------------------------------- */

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

/* The counts in a file's header, in its order. */
enum { UTC_FLAGS, STANDARD_FLAGS, LEAPS, CHANGES, TYPES, NAME_BYTES, COUNTS };

#define TYPE_SIZE 6 /* offset[4] summer[1] name[1] */

static const uint8_t *take(struct cursor *cursor, size_t size)
{
    const uint8_t *at = cursor->at;

    if ((size_t)(cursor->end - at) < size)
        return NULL;
    cursor->at += size;
    return at;
}

static int64_t big_endian(const uint8_t *at, size_t width)
{
    uint64_t value = at[0] & 0x80 ? UINT64_MAX : 0;

    for (size_t i = 0; i < width; i++)
        value = value << 8 | at[i];
    return (int64_t)value;
}

/* Returns the version, or -1. */
static int take_header(struct cursor *cursor, size_t counts[COUNTS])
{
    const uint8_t *header = take(cursor, 44);

    if (header == NULL || memcmp(header, "TZif", 4) != 0)
        return -1;
    for (int i = 0; i < COUNTS; i++)
        counts[i] = (uint32_t)big_endian(header + 20 + 4 * i, 4);
    return header[4];
}

static size_t block_size(const size_t counts[COUNTS], size_t width)
{
    return counts[CHANGES] * (width + 1) + counts[TYPES] * TYPE_SIZE +
           counts[NAME_BYTES] + counts[LEAPS] * (width + 4) +
           counts[STANDARD_FLAGS] + counts[UTC_FLAGS];
}

/* Changes that are not in order, or of a type that is not there, are refused.
 */
static bool fill_changes(struct zone *zone, const uint8_t *block,
                         const size_t counts[COUNTS], size_t width)
{
    const uint8_t *kinds = block + counts[CHANGES] * width;
    const uint8_t *types = kinds + counts[CHANGES];

    if (counts[TYPES] == 0)
        return false;
    zone->changes[0].offset = big_endian(types, 4);
    for (size_t i = 0; i < counts[CHANGES]; i++) {
        struct change *change = &zone->changes[i + 1];
        if (kinds[i] >= counts[TYPES])
            return false;
        change->at = big_endian(block + i * width, width);
        change->offset = big_endian(types + kinds[i] * TYPE_SIZE, 4);
        if (change->at <= change[-1].at)
            return false;
    }
    return true;
}

/* The last line holds the rule for what comes after the changes; an empty one
 * says that there is none. */
static bool fill_rule(struct zone *zone, struct cursor *cursor)
{
    size_t size = (size_t)(cursor->end - cursor->at);
    char line[128];

    if (size < 2 || size - 2 >= sizeof line || cursor->at[0] != '\n' ||
        cursor->at[size - 1] != '\n')
        return false;
    memcpy(line, cursor->at + 1, size - 2);
    line[size - 2] = '\0';
    return line[0] == '\0' || parse_rule(line, &zone->rule);
}

struct zone *zone_from_tzif(const char *name, const void *data, size_t size)
{
    struct cursor cursor = {data, (const uint8_t *)data + size};
    size_t counts[COUNTS], width = 4;
    const uint8_t *block;
    struct zone *zone;
    int version = take_header(&cursor, counts);

    if (version < 0)
        return NULL;
    if (version >= '2') { /* everything comes again, with wider times */
        width = 8;
        if (take(&cursor, block_size(counts, 4)) == NULL ||
            take_header(&cursor, counts) < 0)
            return NULL;
    }
    block = take(&cursor, block_size(counts, width));
    if (block == NULL || (zone = new_zone(name, 1 + counts[CHANGES])) == NULL)
        return NULL;
    if (!fill_changes(zone, block, counts, width) ||
        (version >= '2' && !fill_rule(zone, &cursor))) {
        zone_free(zone);
        return NULL;
    }
    return zone;
}

/* NULL with errno: ENOENT and the like, or EINVAL where it is no zone file. */
static struct zone *read_zone(const char *name, const char *path)
{
    uint8_t *data = malloc(MAX_FILE);
    FILE *file = data ? fopen(path, "rbe") : NULL;
    struct zone *zone = NULL;

    if (file != NULL) {
        size_t size = fread(data, 1, MAX_FILE, file);
        if (!ferror(file)) {
            zone = zone_from_tzif(name, data, size);
            errno = EINVAL;
        }
        fclose(file);
    }
    free(data);
    return zone;
}

/* ---- names --------------------------------------------------------------- */

static struct zone *named(const char *name)
{
    char path[sizeof ZONES + MAX_NAME];

    if (strlen(name) > MAX_NAME) {
        errno = ENOENT;
        return NULL;
    }
    snprintf(path, sizeof path, ZONES "%s", name);
    return read_zone(name, path);
}

struct zone *zone_local(void)
{
    const char *tz = getenv("TZ");
    struct zone *zone = NULL;

    if (tz == NULL)
        tz = LOCALTIME;
    if (tz[0] == ':')
        tz++;
    if (tz[0] == '/') {
        zone = read_zone(strcmp(tz, LOCALTIME) ? tz : "Local", tz);
    } else if (tz[0] != '\0') {
        zone = named(tz);
        if (zone == NULL) /* Go would take UTC; libc knows rules, too */
            zone = zone_from_rule(tz, tz);
    }
    return zone ? zone : new_zone("UTC", 1);
}

struct zone *zone_find(const char *name, char *error, size_t size)
{
    struct zone *zone;

    if (strcmp(name, "Local") == 0)
        return zone_local();
    if (name[0] == '\0' || strcmp(name, "UTC") == 0)
        return new_zone("UTC", 1);
    if (strstr(name, "..") || name[0] == '/' || name[0] == '\\') {
        snprintf(error, size, "time: invalid location name");
        return NULL;
    }
    zone = named(name);
    if (zone == NULL && errno == EINVAL)
        snprintf(error, size, "malformed time zone information");
    else if (zone == NULL)
        snprintf(error, size, "unknown time zone %s", name);
    return zone;
}

struct zone_span zone_at(const struct zone *zone, int64_t second)
{
    size_t i = zone->count - 1;

    if (zone->rule.present && second >= zone->changes[i].at)
        return rule_at(&zone->rule, second);
    while (second < zone->changes[i].at)
        i--;
    return (struct zone_span){
        i + 1 < zone->count ? zone->changes[i + 1].at : INT64_MAX,
        zone->changes[i].offset,
    };
}
