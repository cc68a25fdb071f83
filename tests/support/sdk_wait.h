/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting in unit tests: for something that must come, but not for ever. */
#ifndef SUPPORT_SDK_WAIT_H
#define SUPPORT_SDK_WAIT_H

#include <semaphore.h>
#include <stdbool.h>
#include <time.h>

#define PATIENCE_S 20

/* Not sem_clockwait(), which TSan does not know. */
static inline bool comes(sem_t *sem)
{
    struct timespec limit;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PATIENCE_S;
    return sem_timedwait(sem, &limit) == 0;
}

#define must_come(sem) assert_true(comes(sem))

#endif
