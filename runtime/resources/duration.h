/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as Go writes them: 300ms, 1h30m, 1.5s. No state; any thread. */
#ifndef RESOURCES_DURATION_H
#define RESOURCES_DURATION_H

#include "core/buffer.h"

/* Nanoseconds. Returns 0, or -1 with Go's message appended to `error`, which
 * may be NULL. */
int duration_parse(const char *text, int64_t *ret_ns, struct buffer *error);

/* The same, in milliseconds rounded up. */
static inline int64_t duration_ms(int64_t ns)
{
    return ns / 1000000 + (ns % 1000000 > 0);
}

#endif
