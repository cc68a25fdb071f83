/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of trace contexts; no state, any thread. */
#include "observe/trace.h"

#include "core/pairs.h"

#include <ctype.h>
#include <string.h>

/* version - trace id - span id - flags */
static const size_t sizes[] = {2, 32, 16, 2};

static bool hex(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)text[i]) &&
            (text[i] < 'a' || text[i] > 'f'))
            return false;
    }
    return true;
}

static bool all_zero(const char *text, size_t size)
{
    return strspn(text, "0") >= size;
}

/* Later versions may go on after the flags; 00 and nothing else may not. */
static bool valid(const char *text)
{
    const char *at = text;

    for (int i = 0; i < 4; i++) {
        if (strnlen(at, sizes[i]) < sizes[i] || !hex(at, sizes[i]))
            return false;
        if ((i == 1 || i == 2) && all_zero(at, sizes[i]))
            return false;
        at += sizes[i];
        if (i < 3 && *at++ != '-')
            return false;
    }
    if (strncmp(text, "ff", 2) == 0)
        return false;
    return !*at || (*at == '-' && strncmp(text, "00", 2) != 0);
}

/* A list of key=value; what is none counts as absent. */
static bool valid_state(const char *state)
{
    const char *equals;

    for (; *state; state += strspn(state, ", \t")) {
        size_t size = strcspn(state, ",");

        equals = memchr(state, '=', size);
        if (!equals || equals == state || memchr(state, ' ', size))
            return false;
        state += size;
    }
    return true;
}

void trace_read(struct trace *trace, struct dapr_metadata headers)
{
    const char *parent = pairs_find(headers, "traceparent");
    const char *state = pairs_find(headers, "tracestate");

    *trace = (struct trace){.parent = TRACE_NONE};
    if (!parent || !valid(parent))
        return;
    memcpy(trace->parent, "00", 2);
    memcpy(trace->parent + 2, parent + 2, TRACE_SIZE - 3);
    if (state && *state && valid_state(state))
        trace->state = state;
}
