/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedules as Dapr's cron binding reads them (github.com/robfig/cron):
 *
 *   [CRON_TZ=zone ] [second] minute hour day month weekday
 *   [CRON_TZ=zone ] @yearly, @annually, @monthly, @weekly, @daily, @midnight,
 *                   @hourly, @every <Go duration>
 *
 * Pure but for zone files. A schedule never changes: any thread may use it.
 */
#ifndef CRON_SCHEDULE_H
#define CRON_SCHEDULE_H

#include "zone.h"

#include <stdbool.h>

enum schedule_field {
    FIELD_SECOND,
    FIELD_MINUTE,
    FIELD_HOUR,
    FIELD_DAY,
    FIELD_MONTH,
    FIELD_WEEKDAY,
    FIELDS
};

struct schedule {
    int64_t every;           /* nanoseconds; 0: the fields say when */
    uint64_t fields[FIELDS]; /* a bit for each value, see also schedule.c */
    const struct zone *zone; /* the caller's, or `own` */
    struct zone *own;
};

/* No time, ever. */
#define SCHEDULE_NEVER INT64_MAX

/* Longer ones are refused. */
#define SCHEDULE_MAX 1024

/* Reads a schedule, which without a zone of its own is one of `local`. 0, or
 * -1 with a message as Dapr words it. */
int schedule_parse(const char *text, const struct zone *local,
                   struct schedule *ret_schedule, char *error, size_t size);
void schedule_done(struct schedule *schedule);

/* The first time after `after`, both in nanoseconds: since 1970 by the fields,
 * on any clock for @every. A local time that a change of the clocks leaves out
 * does not come; one that comes twice does. */
int64_t schedule_next(const struct schedule *schedule, int64_t after);

/* "1h30m" in nanoseconds, as Go's time.ParseDuration reads it; 0, or -1 with
 * its message. */
int duration_parse(const char *text, int64_t *ret_duration, char *error,
                   size_t size);

#endif
