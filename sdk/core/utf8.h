/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8, read and written as Go does it: strict, and a byte that is no part of
 * a valid sequence stands alone. No state; any thread.
 */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include "core/buffer.h"

#define UTF8_REPLACEMENT 0xFFFDu

/* The length of the character that starts at `at`, which is before `end`, and
 * its code point; 0 when no valid one starts there (nothing is written). */
size_t utf8_read(const char *at, const char *end, uint32_t *ret_point);

/* Writes one code point as up to 4 bytes; returns how many. */
size_t utf8_write(char out[static 4], uint32_t point);

/* Appends text in double quotes as Go's %q does. 0 or -1. */
int utf8_quote(struct buffer *out, struct dapr_bytes text);

/* Appends one character in single quotes, as %q of a rune does. 0 or -1. */
int utf8_quote_point(struct buffer *out, uint32_t point);

#endif
