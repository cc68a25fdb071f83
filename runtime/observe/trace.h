/* SPDX-License-Identifier: Apache-2.0 */
/*
 * W3C trace context (w3.org/TR/trace-context), read as daprd reads it. Without
 * a tracing configuration a valid context goes through as it came, and its
 * place is taken by one of zeros where there is none.
 */
#ifndef OBSERVE_TRACE_H
#define OBSERVE_TRACE_H

#include <dapr/components.h>
#include <stdbool.h>

#define TRACE_NONE "00-00000000000000000000000000000000-0000000000000000-00"
#define TRACE_SIZE sizeof TRACE_NONE

struct trace {
    char parent[TRACE_SIZE]; /* always a whole traceparent */
    const char *state;       /* NULL: none; the headers' */
};

/* The context that a request's headers carry. */
void trace_read(struct trace *trace, struct dapr_metadata headers);

#endif
