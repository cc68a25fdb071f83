/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way, so that the end can wait for it. Any thread. */
#ifndef CORE_LIFE_H
#define CORE_LIFE_H

#include "core/workers.h"

struct workers *core_workers(void);

/* A call, a stream or an object's end begins, and has ended. */
void life_enter(void);
void life_leave(void);

#endif
