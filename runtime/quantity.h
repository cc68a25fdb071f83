/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes quantities of bytes: 4Mi, 10M, 0.5Ki. No state; any thread. */
#ifndef QUANTITY_H
#define QUANTITY_H

#include "core/buffer.h"

/* 0, or -1 with Kubernetes' message appended to `error`. */
int quantity_parse(const char *text, int64_t *ret, struct buffer *error);

#endif
