/* SPDX-License-Identifier: Apache-2.0 */
/* Go's time.ParseDuration; see duration.h. Owns nothing. */
#include "resources/duration.h"

#include "core/utf8.h"

#include <string.h>

static int refuse(struct buffer *error, const char *what, const char *unit,
                  size_t unit_size, const char *text)
{
    if (!error)
        return -1;
    buffer_printf(error, "time: %s ", what);
    if (unit) {
        utf8_quote(error, (struct dapr_bytes){unit, unit_size});
        buffer_text(error, " in duration ");
    }
    utf8_quote(error, dapr_text(text));
    return -1;
}

static uint64_t find_unit(const char *name, size_t size)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"ns", 1},          {"us", 1000},
        {"\u00b5s", 1000}, /* micro sign */
        {"\u03bcs", 1000}, /* Greek letter */
        {"ms", 1000000},    {"s", 1000000000},
        {"m", 60000000000}, {"h", 3600000000000},
    };

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) == size &&
            memcmp(units[i].name, name, size) == 0)
            return units[i].ns;
    }
    return 0;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits of a whole number; -1 when it does not fit. */
static int read_whole(const char **at, uint64_t *ret)
{
    uint64_t value = 0;

    for (; digit(**at); ++*at) {
        if (value > (uint64_t)INT64_MAX / 10 + 1)
            return -1;
        value = value * 10 + (uint64_t)(**at - '0');
        if (value > (uint64_t)INT64_MAX + 1)
            return -1;
    }
    *ret = value;
    return 0;
}

/* Digits behind the point, as a part of `scale`; those that exceed the range
 * are not looked at. */
static double read_fraction(const char **at, double *ret_scale)
{
    uint64_t value = 0;
    double scale = 1;

    for (; digit(**at); ++*at) {
        if (value > (uint64_t)INT64_MAX / 10)
            continue;
        value = value * 10 + (uint64_t)(**at - '0');
        scale *= 10;
    }
    *ret_scale = scale;
    return (double)value;
}

/* One number with its unit, added to `total`. */
static int read_part(const char **at, uint64_t *total, const char *text,
                     struct buffer *error)
{
    const char *start = *at;
    double fraction = 0;
    double scale = 1;
    uint64_t whole, ns;
    bool digits;
    size_t size;

    if (read_whole(at, &whole))
        return refuse(error, "invalid duration", NULL, 0, text);
    digits = *at > start;
    if (**at == '.') {
        start = ++*at;
        fraction = read_fraction(at, &scale);
        digits = digits || *at > start;
    }
    if (!digits)
        return refuse(error, "invalid duration", NULL, 0, text);
    size = strcspn(*at, ".0123456789");
    if (size == 0)
        return refuse(error, "missing unit in duration", NULL, 0, text);
    ns = find_unit(*at, size);
    if (!ns)
        return refuse(error, "unknown unit", *at, size, text);
    *at += size;
    if (whole > ((uint64_t)INT64_MAX + 1) / ns)
        return refuse(error, "invalid duration", NULL, 0, text);
    *total += whole * ns + (uint64_t)(fraction * ((double)ns / scale));
    if (*total > (uint64_t)INT64_MAX + 1)
        return refuse(error, "invalid duration", NULL, 0, text);
    return 0;
}

int duration_parse(const char *text, int64_t *ret_ns, struct buffer *error)
{
    bool negative = *text == '-';
    const char *at = text + (negative || *text == '+');
    uint64_t total = 0;

    if (!*at)
        return refuse(error, "invalid duration", NULL, 0, text);
    if (strcmp(at, "0") != 0) {
        while (*at) {
            if (read_part(&at, &total, text, error))
                return -1;
        }
    }
    if (!negative && total > (uint64_t)INT64_MAX)
        return refuse(error, "invalid duration", NULL, 0, text);
    *ret_ns = negative ? (int64_t)(0 - total) : (int64_t)total;
    return 0;
}
