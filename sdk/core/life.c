/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process-wide part of the core beside the registry: its worker threads,
 * and the count of what is under way. Any thread.
 */
#include "core/life.h"

#include "core/clock.h"
#include "core/component.h"
#include "core/slot.h"

#include <stdatomic.h>

/* For destroy callbacks and busy workers, after the wait for calls. */
#define END_MS 1000

static struct workers workers = WORKERS_INITIALIZER(workers);

static struct {
    atomic_long under_way;
    pthread_mutex_t lock;
    pthread_cond_t none; /* under_way became 0 */
} life = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .none = PTHREAD_COND_INITIALIZER,
};

struct workers *core_workers(void)
{
    return &workers;
}

void life_enter(void)
{
    atomic_fetch_add(&life.under_way, 1);
}

void life_leave(void)
{
    if (atomic_fetch_sub(&life.under_way, 1) > 1)
        return;
    pthread_mutex_lock(&life.lock);
    pthread_cond_broadcast(&life.none);
    pthread_mutex_unlock(&life.lock);
}

bool core_wait(int milliseconds)
{
    struct timespec limit = clock_spec(clock_after(milliseconds));
    bool none;
    int late = 0;

    pthread_mutex_lock(&life.lock);
    while (!(none = atomic_load(&life.under_way) == 0) && !late)
        late = pthread_cond_clockwait(&life.none, &life.lock, CLOCK_MONOTONIC,
                                      &limit);
    pthread_mutex_unlock(&life.lock);
    return none;
}

bool core_stop(int milliseconds)
{
    bool none = core_wait(milliseconds);
    int64_t end = clock_after(END_MS);

    slots_close();
    return core_wait(END_MS) && workers_stop(&workers, end) && none;
}
