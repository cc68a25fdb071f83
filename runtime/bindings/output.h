/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output bindings: one call by the name of its Component resource. Whoever
 * calls (HTTP now, gRPC later) gets the same checks and the same texts. Owned
 * by the loop's thread.
 */
#ifndef BINDINGS_OUTPUT_H
#define BINDINGS_OUTPUT_H

#include "host/host.h"

/* Checks and forwards; invocation->done() follows in any case, maybe before it
 * returns. The error is daprd's, without its prefix "error invoking output
 * binding NAME: ". */
void output_invoke(struct host *host, const char *name,
                   struct invocation *invocation);

#endif
