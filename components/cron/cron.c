/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dapr's bindings.cron: an input binding that fires on a schedule. Runs may
 * overlap, and what the app makes of them changes nothing. An instance owns
 * its schedule, which never changes after init; each stream has a thread that
 * waits for its runs.
 */
#include "schedule.h"

#include <dapr/components.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000000LL

/* How long the clock is left alone: it may be set, or the machine may sleep. */
#define SLICE (10 * SECOND)

/* A clock that is set back further starts the schedule anew; below it, no run
 * comes twice. */
#define SET_BACK (60 * SECOND)

struct cron {
    dapr_instance *instance;
    char *text;
    struct zone *local;
    struct schedule schedule;
};

static void *create(dapr_instance *instance)
{
    struct cron *cron = calloc(1, sizeof *cron);

    if (cron != NULL)
        cron->instance = instance;
    return cron;
}

static void destroy(void *self)
{
    struct cron *cron = self;

    schedule_done(&cron->schedule);
    zone_free(cron->local);
    free(cron->text);
    free(cron);
}

static int init(void *self, dapr_call *call,
                const struct dapr_metadata *properties)
{
    struct cron *cron = self;
    const char *text = dapr_metadata_get(properties, "schedule");
    char why[2 * SCHEDULE_MAX];

    if (text == NULL || text[0] == '\0')
        return dapr_fail(call, DAPR_INVALID_ARGUMENT, "schedule not set");
    cron->text = strdup(text);
    cron->local = zone_local();
    if (cron->text == NULL || cron->local == NULL)
        return dapr_fail(call, DAPR_RESOURCE_EXHAUSTED, "out of memory");
    if (schedule_parse(text, cron->local, &cron->schedule, why, sizeof why) < 0)
        return dapr_fail(call, DAPR_INVALID_ARGUMENT,
                         "invalid schedule format '%s': %s", text, why);
    return 0;
}

/* ---- texts, as Go writes them -------------------------------------------- */

#define TEXT_SIZE 64

/* Puts a suffix in the place of the zeros that end a fraction. */
static void trim(char text[TEXT_SIZE], const char *suffix)
{
    size_t size = strlen(text);

    while (text[size - 1] == '0')
        size--;
    if (text[size - 1] == '.')
        size--;
    snprintf(text + size, TEXT_SIZE - size, "%s", suffix);
}

/* "2026-08-21 10:11:12.5 +0000 UTC" */
static void format_now(char text[TEXT_SIZE])
{
    struct timespec now;
    struct tm tm;
    size_t size;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size = strftime(text, TEXT_SIZE, "%F %T", &tm);
    snprintf(text + size, TEXT_SIZE - size, ".%09ld", now.tv_nsec);
    trim(text, " +0000 UTC");
}

/* "1h0m2.5s", "999.990853ms"; somewhere in `text`. */
static const char *format_duration(char text[TEXT_SIZE], int64_t duration)
{
    long long seconds = duration / SECOND, part = duration % SECOND;

    if (seconds == 0) {
        snprintf(text, TEXT_SIZE, "%lld.%06lld", part / 1000000,
                 part % 1000000);
        trim(text, "ms");
        return text;
    }
    snprintf(text, TEXT_SIZE, "%lldh%lldm%lld.%09lld", seconds / 3600,
             seconds / 60 % 60, seconds % 60, part);
    trim(text, "s");
    return text + (seconds < 3600 ? strlen("0h") : 0) +
           (seconds < 60 ? strlen("0m") : 0);
}

/* ---- runs ---------------------------------------------------------------- */

/* @every goes on while the clock is set; fields are about that clock. */
static int64_t read_clock(const struct schedule *schedule)
{
    struct timespec now;

    clock_gettime(schedule->every > 0 ? CLOCK_BOOTTIME : CLOCK_REALTIME, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

/* Runs that were missed meanwhile come once. */
static int64_t next_run(const struct schedule *schedule, int64_t due,
                        int64_t now)
{
    int64_t next = schedule_next(schedule, due);

    return next > now ? next : schedule_next(schedule, now);
}

static int sleep_until(dapr_reader *reader, int64_t due, int64_t now)
{
    int64_t left = due - now < SLICE ? due - now : SLICE;

    return dapr_reader_wait(reader, (long)((left + 999999) / 1000000));
}

static void ignore(void *data, const struct dapr_answer *answer)
{
    (void)data;
    (void)answer;
}

static bool fire(const struct cron *cron, dapr_reader *reader)
{
    char now[TEXT_SIZE];
    const struct dapr_pair pairs[] = {
        {"timeZone", zone_name(cron->local)},
        {"readTimeUTC", now},
    };
    const struct dapr_event event = {.metadata = {pairs, 2}};

    format_now(now);
    dapr_log(cron->instance, DAPR_DEBUG, "name: %s, schedule fired: %s",
             dapr_instance_id(cron->instance), now);
    return dapr_deliver_async(reader, &event, ignore, NULL) == 0;
}

static void log_next(const struct cron *cron, int64_t due, int64_t now)
{
    char text[TEXT_SIZE];

    dapr_log(cron->instance, DAPR_DEBUG, "name: %s, next run: %s",
             dapr_instance_id(cron->instance),
             due == SCHEDULE_NEVER ? "never"
                                   : format_duration(text, due - now));
}

static int read_runs(void *self, dapr_reader *reader)
{
    const struct cron *cron = self;
    const struct schedule *schedule = &cron->schedule;
    int64_t now = read_clock(schedule);
    int64_t due = schedule_next(schedule, now);
    bool skipping = false;

    log_next(cron, due, now);
    while (sleep_until(reader, due, now)) {
        int64_t before = now;
        now = read_clock(schedule);
        if (now >= due) {
            bool skipped = !fire(cron, reader);
            if (skipped && !skipping && dapr_reader_wait(reader, 0))
                dapr_log(cron->instance, DAPR_WARNING,
                         "name: %s, runs are skipped: too many of them wait "
                         "for the app",
                         dapr_instance_id(cron->instance));
            skipping = skipped;
            due = next_run(schedule, due, now);
        } else if (now < before - SET_BACK) {
            due = schedule_next(schedule, now);
        }
    }
    dapr_log(cron->instance, DAPR_DEBUG, "name: %s, stopping schedule: %s",
             dapr_instance_id(cron->instance), cron->text);
    return 0;
}

static const struct dapr_input_binding cron_binding = {
    .create = create,
    .destroy = destroy,
    .init = init,
    .read = read_runs,
};

int main(void)
{
    dapr_register("cron", with_input_binding(&cron_binding));
    dapr_must_run();
}
