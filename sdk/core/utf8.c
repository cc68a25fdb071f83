/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 and Go's quoting; see utf8.h. Owns nothing. */
#include "core/utf8.h"

#include <string.h>

static bool continues(const char *at)
{
    return ((uint8_t)*at & 0xC0) == 0x80;
}

size_t utf8_read(const char *at, const char *end, uint32_t *ret_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = (uint8_t)*at;
    size_t size = lead < 0x80   ? 1
                  : lead < 0xC0 ? 0
                  : lead < 0xE0 ? 2
                  : lead < 0xF0 ? 3
                  : lead < 0xF8 ? 4
                                : 0;
    uint32_t point = size == 1 ? lead : lead & (0x7Fu >> size);

    if (size == 0 || (size_t)(end - at) < size)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if (!continues(at + i))
            return 0;
        point = point << 6 | ((uint8_t)at[i] & 0x3F);
    }
    if (point < smallest[size] || point > 0x10FFFF ||
        (point >= 0xD800 && point < 0xE000))
        return 0;
    *ret_point = point;
    return size;
}

size_t utf8_write(char out[static 4], uint32_t point)
{
    static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t size = point < 0x80      ? 1
                  : point < 0x800   ? 2
                  : point < 0x10000 ? 3
                                    : 4;

    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    out[0] = (char)(leads[size] | point);
    return size;
}

/* Go's IsPrint, but for unassigned code points, which count as printable. */
static bool printable(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } hidden[] = {
        {0x00, 0x1F},       {0x7F, 0xA0},        {0xAD, 0xAD},
        {0x600, 0x605},     {0x61C, 0x61C},      {0x6DD, 0x6DD},
        {0x70F, 0x70F},     {0x1680, 0x1680},    {0x180E, 0x180E},
        {0x2000, 0x200F},   {0x2028, 0x202F},    {0x205F, 0x206F},
        {0x3000, 0x3000},   {0xD800, 0xF8FF},    {0xFDD0, 0xFDEF},
        {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},    {0xFFFE, 0xFFFF},
        {0xE0000, 0xE00FF}, {0xF0000, 0x10FFFF},
    };

    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        if (point >= hidden[i].first && point <= hidden[i].last)
            return false;
    }
    return true;
}

static void put_point(struct buffer *out, uint32_t point, char quote)
{
    static const char letters[] = "abtnvfr"; /* from \a, which is 7 */
    char raw[4];

    if (point == (uint32_t)quote || point == '\\')
        buffer_printf(out, "\\%c", (char)point);
    else if (point == ' ' || printable(point))
        buffer_append(out, raw, utf8_write(raw, point));
    else if (point >= '\a' && point <= '\r')
        buffer_printf(out, "\\%c", letters[point - '\a']);
    else
        buffer_printf(out,
                      point < 0x80      ? "\\x%02x"
                      : point < 0x10000 ? "\\u%04x"
                                        : "\\U%08x",
                      point);
}

int utf8_quote(struct buffer *out, struct dapr_bytes text)
{
    const char *at = text.data;
    const char *end = at + text.size;
    uint32_t point;
    size_t size;

    buffer_char(out, '"');
    while (at < end) {
        size = utf8_read(at, end, &point);
        if (size)
            put_point(out, point, '"');
        else
            buffer_printf(out, "\\x%02x", (uint8_t)*at);
        at += size ? size : 1;
    }
    buffer_char(out, '"');
    return out->failed ? -1 : 0;
}

int utf8_quote_point(struct buffer *out, uint32_t point)
{
    buffer_char(out, '\'');
    put_point(out, point, '\'');
    return buffer_char(out, '\'');
}
