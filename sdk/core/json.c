/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON's strings and numbers as Go writes them. No state; a buffer belongs to
 * whoever made it.
 */
#include "core/json.h"

#include "core/json_parts.h"
#include "core/utf8.h"

#include <float.h>
#include <inttypes.h>
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

const char *json_skip_plain(const char *at, const char *end)
{
    while (end - at >= 8 && !any_special(at))
        at += 8;
    while (at < end && !special[(uint8_t)*at])
        at++;
    return at;
}

bool json_needs_escape(uint32_t point)
{
    return point < 0x20 || point == '"' || point == '\\' || point == '<' ||
           point == '>' || point == '&' || point == 0x2028 || point == 0x2029;
}

void json_put_escape(struct buffer *out, uint32_t point)
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
    while ((at = json_skip_plain(at, end)) < end) {
        size = utf8_read(at, end, &point);
        if (size && !json_needs_escape(point)) {
            at += size;
            continue;
        }
        buffer_append(out, run, (size_t)(at - run));
        json_put_escape(out, size ? point : UTF8_REPLACEMENT);
        at += size ? size : 1;
        run = at;
    }
    buffer_append(out, run, (size_t)(at - run));
    return buffer_char(out, '"');
}

/* ---- numbers ------------------------------------------------------------- */

/* Of d.ddde+XX, adds one to the last digit. */
static void round_up(char *text)
{
    for (char *c = strchr(text, 'e') - 1; c >= text; c--) {
        if (*c == '9')
            *c = '0';
        else if (*c != '.') {
            ++*c;
            return;
        }
    }
}

/* Whether the text means the value, or would, rounded the other way: below a
 * power of two the next float64 is nearer than above it. */
static bool means(char *text, double value)
{
    int exponent;

    if (strtod(text, NULL) == value)
        return true;
    if (frexp(value, &exponent) != 0.5)
        return false;
    round_up(text);
    return strtod(text, NULL) == value;
}

/* The digits and exponent of d.ddde+XX that is the shortest text to mean this
 * value; returns how many digits. Fifteen digits always survive float64, but
 * below its normal range fewer may do. */
static int shortest(char digits[static 32], int *ret_exponent, double value)
{
    char text[32];
    int count = 0;

    for (int n = value < DBL_MIN ? 1 : 15; n <= 17; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, value);
        if (means(text, value))
            break;
    }
    for (const char *c = text; *c != 'e'; c++) {
        if (*c >= '0' && *c <= '9')
            digits[count++] = *c;
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    *ret_exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    return count;
}

static void put_zeros(struct buffer *out, int count)
{
    static const char zeros[] = "00000000000000000000000";

    buffer_append(out, zeros, (size_t)count);
}

static void put_fixed(struct buffer *out, const char *digits, int count,
                      int exponent)
{
    int whole = exponent + 1 < count ? exponent + 1 : count;

    if (exponent < 0) {
        buffer_text(out, "0.");
        put_zeros(out, -exponent - 1);
        buffer_append(out, digits, (size_t)count);
        return;
    }
    buffer_append(out, digits, (size_t)whole);
    put_zeros(out, exponent + 1 - whole);
    if (whole < count) {
        buffer_char(out, '.');
        buffer_append(out, digits + whole, (size_t)(count - whole));
    }
}

int json_number(struct buffer *out, double value)
{
    char digits[32];
    int exponent, count;

    if (!isfinite(value))
        return -1;
    if (signbit(value))
        buffer_char(out, '-');
    value = fabs(value);
    if (value == 0)
        return buffer_char(out, '0');
    if (value < 1e15 && value == floor(value))
        return buffer_printf(out, "%" PRIu64, (uint64_t)value);
    count = shortest(digits, &exponent, value);
    if (value >= 1e-6 && value < 1e21) {
        put_fixed(out, digits, count, exponent);
    } else {
        buffer_char(out, digits[0]);
        if (count > 1)
            buffer_char(out, '.');
        buffer_append(out, digits + 1, (size_t)count - 1);
        buffer_printf(out, "e%+d", exponent);
    }
    return out->failed ? -1 : 0;
}
