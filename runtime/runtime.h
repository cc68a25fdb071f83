/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of the sidecar, from its options to its exit code:
 *
 *     resources -> host -> HTTP API -> app -> input bindings -> ready
 *     signal -> input bindings -> HTTP API -> host, app -> end
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include "options.h"

/* Runs until a signal or a fatal error; returns the exit code. The log must be
 * set up. Takes the thread, and SIGTERM, SIGINT and SIGPIPE, over. */
int runtime_run(const struct options *options);

#endif
