/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities, for the options; see quantity.h. Owns nothing. */
#include "quantity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT_MAX 100 /* beyond, nothing fits in 64 bits anyway */

/* A number as it stands, and what its suffix makes of it. */
struct quantity {
    bool negative;
    int64_t digits;
    int decimals; /* so many of the digits */
    bool binary;
    int exponent; /* of 2, or of 10 */
};

static int fail(struct buffer *error, const char *message)
{
    buffer_text(error, message);
    return -1;
}

static int fail_format(struct buffer *error)
{
    return fail(error, "quantities must match the regular expression "
                       "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

static int fail_bytes(const struct quantity *quantity, struct buffer *error)
{
    buffer_printf(error,
                  "cannot get bytes from resource quantity value '{{%s%" PRId64
                  " %d} {<nil>}  %sSI}'",
                  quantity->negative ? "-" : "", quantity->digits,
                  quantity->exponent - quantity->decimals,
                  quantity->binary ? "Binary" : "Decimal");
    return -1;
}

/* Returns what follows the number; NULL when there is none. */
static const char *read_digits(const char *at, struct quantity *ret)
{
    bool point = false;
    bool any = false;

    for (; (*at >= '0' && *at <= '9') || (*at == '.' && !point); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        any = true;
        if (__builtin_mul_overflow(ret->digits, 10, &ret->digits) ||
            __builtin_add_overflow(ret->digits, *at - '0', &ret->digits))
            return NULL;
        ret->decimals += point;
    }
    for (; ret->decimals && ret->digits % 10 == 0; ret->decimals--)
        ret->digits /= 10;
    return any ? at : NULL;
}

static int read_suffix(const char *suffix, struct quantity *ret)
{
    static const struct {
        const char *name;
        bool binary;
        int exponent;
    } suffixes[] = {
        {"", false, 0},   {"n", false, -9}, {"u", false, -6}, {"m", false, -3},
        {"k", false, 3},  {"M", false, 6},  {"G", false, 9},  {"T", false, 12},
        {"P", false, 15}, {"E", false, 18}, {"Ki", true, 10}, {"Mi", true, 20},
        {"Gi", true, 30}, {"Ti", true, 40}, {"Pi", true, 50}, {"Ei", true, 60},
    };
    char *end;
    long exponent;

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (strcmp(suffix, suffixes[i].name) == 0) {
            ret->binary = suffixes[i].binary;
            ret->exponent = suffixes[i].exponent;
            return 0;
        }
    }
    if (*suffix != 'e' && *suffix != 'E')
        return -1;
    exponent = strtol(suffix + 1, &end, 10);
    if (end == suffix + 1 || *end)
        return -1;
    ret->exponent = exponent > EXPONENT_MAX    ? EXPONENT_MAX
                    : exponent < -EXPONENT_MAX ? -EXPONENT_MAX
                                               : (int)exponent;
    return 0;
}

/* Whole bytes; a part of one that a binary suffix leaves is rounded up. */
static int to_bytes(const struct quantity *quantity, int64_t *ret)
{
    int power = quantity->binary ? -quantity->decimals
                                 : quantity->exponent - quantity->decimals;
    int64_t value = quantity->digits;

    if (quantity->binary &&
        (quantity->exponent > 62 ||
         __builtin_mul_overflow(value, INT64_C(1) << quantity->exponent,
                                &value)))
        return -1;
    for (; power > 0 && value; power--) {
        if (__builtin_mul_overflow(value, 10, &value))
            return -1;
    }
    for (; power < 0 && value; power++) {
        if (!quantity->binary && value % 10)
            return -1;
        value = value / 10 + (value % 10 > 0);
    }
    *ret = quantity->negative ? -value : value;
    return 0;
}

int quantity_parse(const char *text, int64_t *ret, struct buffer *error)
{
    struct quantity quantity = {.negative = *text == '-'};
    const char *suffix =
        read_digits(text + (*text == '-' || *text == '+'), &quantity);

    if (!suffix || suffix[strspn(suffix, "eEinumkKMGTP+-0123456789")])
        return fail_format(error);
    if (read_suffix(suffix, &quantity))
        return fail(error, "unable to parse quantity's suffix");
    return to_bytes(&quantity, ret) ? fail_bytes(&quantity, error) : 0;
}
