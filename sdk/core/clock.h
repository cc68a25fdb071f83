/* SPDX-License-Identifier: Apache-2.0 */
/* CLOCK_MONOTONIC in nanoseconds, which deadlines are counted in. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_MS INT64_C(1000000)
#define CLOCK_S  INT64_C(1000000000)

static inline int64_t clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * CLOCK_S + now.tv_nsec;
}

static inline int64_t clock_after(int64_t milliseconds)
{
    int64_t now = clock_now();

    return milliseconds > (INT64_MAX - now) / CLOCK_MS
               ? INT64_MAX
               : now + milliseconds * CLOCK_MS;
}

/* For pthread_cond_clockwait() and its like. */
static inline struct timespec clock_spec(int64_t time)
{
    return (struct timespec){time / CLOCK_S, time % CLOCK_S};
}

#endif
