/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as Go reads and writes it: scalars, and the steps of a reader; whole
 * values are json_copy.c's. No state of its own; a reader and a buffer belong
 * to whoever made them.
 */
#include "core/json.h"

#include "core/utf8.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- strings, written ---------------------------------------------------- */

/* What stops a run of characters that stand for themselves. */
static const bool special[256] = {
    [0 ... 0x1F] = true, ['"'] = true,  ['&'] = true,           ['<'] = true,
    ['>'] = true,        ['\\'] = true, [0x80 ... 0xFF] = true,
};

#define EACH(byte) (0x0101010101010101u * (byte))
#define ZERO(word) (((word)-EACH(1)) & ~(word))

/* Whether one of eight characters is special: '"' and '&', and '<' and '>',
 * differ in one bit. */
static bool any_special(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return ((word | ((word - EACH(0x20)) & ~word) |
             ZERO((word & ~EACH(4)) ^ EACH('"')) |
             ZERO((word & ~EACH(2)) ^ EACH('<')) | ZERO(word ^ EACH('\\'))) &
            EACH(0x80)) != 0;
}

static const char *skip_plain(const char *at, const char *end)
{
    while (end - at >= 8 && !any_special(at))
        at += 8;
    while (at < end && !special[(uint8_t)*at])
        at++;
    return at;
}

static bool needs_escape(uint32_t point)
{
    return point < 0x20 || point == '"' || point == '\\' || point == '<' ||
           point == '>' || point == '&' || point == 0x2028 || point == 0x2029;
}

static void put_escape(struct buffer *out, uint32_t point)
{
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

    if (point == '"' || point == '\\')
        buffer_printf(out, "\\%c", (char)point);
    else if (point < sizeof letters && letters[point])
        buffer_printf(out, "\\%c", letters[point]);
    else
        buffer_printf(out, "\\u%04x", point);
}

int json_string(struct buffer *out, struct dapr_bytes text)
{
    const char *at = text.data;
    const char *end = at + text.size;
    const char *run = at;
    uint32_t point;
    size_t size;

    buffer_char(out, '"');
    while ((at = skip_plain(at, end)) < end) {
        size = utf8_read(at, end, &point);
        if (size && !needs_escape(point)) {
            at += size;
            continue;
        }
        buffer_append(out, run, (size_t)(at - run));
        put_escape(out, size ? point : UTF8_REPLACEMENT);
        at += size ? size : 1;
        run = at;
    }
    buffer_append(out, run, (size_t)(at - run));
    return buffer_char(out, '"');
}
