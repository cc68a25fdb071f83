/* SPDX-License-Identifier: Apache-2.0 */
/* YAML 1.1 scalars; see scalar.h. Owns nothing but what !!binary decodes to. */
#include "resources/scalar.h"

#include "core/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAGS "tag:yaml.org,2002:"

/* ---- numbers ------------------------------------------------------------- */

static unsigned digit_value(char c)
{
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a' + 10)
           : c >= 'A' && c <= 'Z' ? (unsigned)(c - 'A' + 10)
                                  : 99;
}

static unsigned read_base(const char **at)
{
    if ((*at)[0] != '0' || !(*at)[1])
        return 10;
    switch ((*at)[1] | 0x20) {
    case 'x':
        *at += 2;
        return 16;
    case 'o':
        *at += 2;
        return 8;
    case 'b':
        *at += 2;
        return 2;
    default:
        *at += 1;
        return 8;
    }
}

/* Go's ParseInt() with base 0, then ParseUint(). */
static bool read_integer(const char *at, struct scalar *ret)
{
    bool sign = *at == '-' || *at == '+';
    bool negative = *at == '-';
    uint64_t most = negative ? (uint64_t)INT64_MAX + 1
                    : sign   ? (uint64_t)INT64_MAX
                             : UINT64_MAX;
    uint64_t value = 0;
    unsigned base;

    at += sign;
    base = read_base(&at);
    if (!*at)
        return false;
    for (; *at; at++) {
        unsigned digit = digit_value(*at);

        if (digit >= base || value > (most - digit) / base)
            return false;
        value = value * base + digit;
    }
    ret->kind = SCALAR_INTEGER;
    ret->negative = negative && value;
    ret->magnitude = value;
    return true;
}

static size_t skip_digits(const char **at)
{
    size_t count = strspn(*at, "0123456789");

    *at += count;
    return count;
}

static bool read_float(const char *text, struct scalar *ret)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t digits = skip_digits(&at);
    double value;

    if (*at == '.') {
        at++;
        digits += skip_digits(&at);
    }
    if (!digits)
        return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '-' || *at == '+';
        if (!skip_digits(&at))
            return false;
    }
    value = strtod(text, NULL);
    if (*at || !isfinite(value))
        return false;
    ret->kind = SCALAR_FLOAT;
    ret->number = value;
    return true;
}

static bool read_number(const char *text, size_t size, struct scalar *ret)
{
    char *plain, *to;
    bool found;

    if (*text == '.')
        return read_float(text, ret);
    if (strlen(text) != size || !strchr("+-0123456789", *text))
        return false;
    plain = to = malloc(size + 1);
    if (!plain)
        return false;
    for (; *text; text++) {
        if (*text != '_')
            *to++ = *text;
    }
    *to = 0;
    found = read_integer(plain, ret) || read_float(plain, ret);
    free(plain);
    return found;
}

/* ---- words --------------------------------------------------------------- */

static bool among(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(text, *words) == 0)
            return true;
    }
    return false;
}

static bool read_word(const char *text, struct scalar *ret)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const truths[] = {"y",   "Y",    "yes",  "Yes",
                                         "YES", "true", "True", "TRUE",
                                         "on",  "On",   "ON",   NULL};
    static const char *const lies[] = {"n",   "N",     "no",    "No",
                                       "NO",  "false", "False", "FALSE",
                                       "off", "Off",   "OFF",   NULL};
    static const char *const infinities[] = {
        ".inf",  ".Inf",  ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
        "-.Inf", "-.INF", ".nan", ".NaN",  ".NAN",  NULL};

    if (among(text, nulls)) {
        ret->kind = SCALAR_NULL;
    } else if (among(text, truths) || among(text, lies)) {
        ret->kind = SCALAR_BOOL;
        ret->truth = among(text, truths);
    } else if (among(text, infinities)) {
        ret->kind = SCALAR_FLOAT;
        ret->number = strtod(*text == '-' ? "-inf" : "inf", NULL);
    } else {
        return false;
    }
    return true;
}

/* ---- tags ---------------------------------------------------------------- */

static int base64_value(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(alphabet, c) : NULL;

    return found ? (int)(found - alphabet) : -1;
}

/* Go's base64.StdEncoding: padded, line breaks ignored. */
static int decode_binary(struct scalar *scalar)
{
    const char *at = scalar->text.data;
    const char *end = at + scalar->text.size;
    size_t size = 0, seen = 0, padding = 0;
    uint32_t bits = 0;

    scalar->decoded = malloc(scalar->text.size + 1);
    if (!scalar->decoded)
        return -1;
    for (; at < end; at++) {
        int value = base64_value(*at);

        if (*at == '\n' || *at == '\r')
            continue;
        if (value >= 0 ? padding > 0 : *at != '=')
            return -1;
        padding += value < 0;
        bits = bits << 6 | (uint32_t)(value < 0 ? 0 : value);
        if (++seen % 4)
            continue;
        for (int shift = 16; shift >= 0; shift -= 8)
            scalar->decoded[size++] = (uint8_t)(bits >> shift);
    }
    if (seen % 4 || padding > 2)
        return -1;
    size -= padding;
    scalar->decoded[size] = 0;
    scalar->text = (struct dapr_bytes){scalar->decoded, size};
    return 0;
}

/* A tag that names a kind must get it; an integer may pass for a float. */
static int check_tag(const char *name, struct scalar *scalar)
{
    static const struct {
        const char *name;
        enum scalar_kind kind;
    } kinds[] = {{"null", SCALAR_NULL},
                 {"bool", SCALAR_BOOL},
                 {"int", SCALAR_INTEGER},
                 {"float", SCALAR_FLOAT}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(name, kinds[i].name) != 0)
            continue;
        if (kinds[i].kind == SCALAR_FLOAT && scalar->kind == SCALAR_INTEGER) {
            scalar->number = (double)scalar->magnitude;
            if (scalar->negative)
                scalar->number = -scalar->number;
            scalar->kind = SCALAR_FLOAT;
        }
        return scalar->kind == kinds[i].kind ? 0 : -1;
    }
    return 0;
}

/* The kind that a tag asks for, without its prefix; NULL when it asks for text,
 * or is not YAML's own. */
static const char *resolvable(const char *tag)
{
    static const char *const tags[] = {"null",  "bool",      "int",
                                       "float", "timestamp", NULL};

    return tag && strncmp(tag, TAGS, strlen(TAGS)) == 0 &&
                   among(tag + strlen(TAGS), tags)
               ? tag + strlen(TAGS)
               : NULL;
}

int scalar_read(struct dapr_bytes text, const char *tag, bool plain,
                struct scalar *ret, struct buffer *error)
{
    const char *name = resolvable(tag);

    *ret = (struct scalar){.kind = SCALAR_TEXT, .text = text};
    if (tag && strcmp(tag, TAGS "binary") == 0) {
        if (!decode_binary(ret))
            return 0;
        scalar_done(ret);
        buffer_text(error, "!!binary value contains invalid base64 data");
        return -1;
    }
    if (!plain && !name)
        return 0;
    if (strlen(text.data) == text.size && !read_word(text.data, ret))
        read_number(text.data, text.size, ret);
    if (!name || !check_tag(name, ret))
        return 0;
    buffer_printf(error, "`%s` is no !!%s", (const char *)text.data, name);
    return -1;
}

void scalar_done(struct scalar *scalar)
{
    free(scalar->decoded);
    scalar->decoded = NULL;
}

/* ---- written ------------------------------------------------------------- */

static int put_integer(const struct scalar *scalar, struct buffer *out)
{
    return buffer_printf(out, "%s%" PRIu64, scalar->negative ? "-" : "",
                         scalar->magnitude);
}

int scalar_json(const struct scalar *scalar, struct buffer *out)
{
    switch (scalar->kind) {
    case SCALAR_NULL:
        return buffer_text(out, "null");
    case SCALAR_BOOL:
        return buffer_text(out, scalar->truth ? "true" : "false");
    case SCALAR_INTEGER:
        return put_integer(scalar, out);
    case SCALAR_FLOAT:
        return json_number(out, scalar->number);
    default:
        return json_string(out, scalar->text);
    }
}

/* Go's FormatFloat(x, 'g', -1, 32), whatever that loses: exponents from 1e+06
 * and below 1e-04. */
static int put_float(struct buffer *out, double value)
{
    char text[40];
    int digits = 0;
    int exponent;

    if (!isfinite(value))
        return buffer_text(out, isnan(value) ? ".nan"
                                : value < 0  ? "-.inf"
                                             : ".inf");
    do
        snprintf(text, sizeof text, "%.*e", digits++, (float)value);
    while (digits < 9 && strtof(text, NULL) != (float)value);
    exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 6)
        return buffer_text(out, text);
    digits -= exponent + 1;
    return buffer_printf(out, "%.*f", digits > 0 ? digits : 0, (float)value);
}

int scalar_key(const struct scalar *scalar, struct buffer *out)
{
    switch (scalar->kind) {
    case SCALAR_NULL:
        return -1;
    case SCALAR_FLOAT:
        return put_float(out, scalar->number);
    case SCALAR_TEXT:
        return buffer_append(out, scalar->text.data, scalar->text.size);
    default:
        return scalar_json(scalar, out);
    }
}

int scalar_text(const struct scalar *scalar, struct buffer *out)
{
    if (scalar->kind == SCALAR_FLOAT && !isfinite(scalar->number))
        return -1;
    return scalar->kind == SCALAR_NULL ? 0 : scalar_key(scalar, out);
}
