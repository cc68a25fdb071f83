/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones that are values, where libc's is the process's: read from the
 * system's files (TZif, RFC 9636) or from a rule as in the environment's TZ.
 * A zone never changes: any thread may use it.
 */
#ifndef CRON_ZONE_H
#define CRON_ZONE_H

#include <stddef.h>
#include <stdint.h>

struct zone;

/* A time with one offset from UTC, in seconds since 1970. */
struct zone_span {
    int64_t until; /* the first second of the next span; INT64_MAX: none */
    int64_t offset;
};

/* What time zone the process is in: TZ, or else /etc/localtime, or else UTC.
 * NULL without memory. */
struct zone *zone_local(void);

/* A zone by its IANA name, "UTC" (also "") or "Local". NULL with `error` set
 * as Go words it, or left alone when memory is short. */
struct zone *zone_find(const char *name, char *error, size_t size);

/* From a file's content; from a rule such as CET-1CEST,M3.5.0,M10.5.0/3. NULL
 * where these make no sense, or without memory. */
struct zone *zone_from_tzif(const char *name, const void *data, size_t size);
struct zone *zone_from_rule(const char *name, const char *rule);

void zone_free(struct zone *zone);

/* As Go names it: "Local", "UTC", or what it was asked for as. */
const char *zone_name(const struct zone *zone);

/* The span that holds a second. */
struct zone_span zone_at(const struct zone *zone, int64_t second);

#endif
