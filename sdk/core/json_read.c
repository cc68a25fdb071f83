/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader: one pass, no tree, no recursion. What is read goes to a sink
 * in long runs: input that is in Go's form already is not looked at twice. A
 * reader and a buffer belong to whoever made them.
 */
#include "core/json_parts.h"
#include "core/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 10000 /* Go's */

/* Numbers of so many digits are in float64's shortest form as they stand. */
#define EXACT_DIGITS 15

static const char begin_value[] = "looking for beginning of value";
static const char begin_key[] = "looking for beginning of object key string";
static const char after_member[] = "after object key:value pair";
static const char after_element[] = "after array element";

/* Where it goes: `run` starts the input that goes out unchanged, but has not
 * yet. Without `out`, nowhere. */
struct sink {
    struct buffer *out;
    const char *run;
    bool meaning; /* strings: what they mean, not how Go writes them */
    struct dapr_bytes refused; /* the first number beyond float64 */
};

static void flush(struct sink *sink, const char *to)
{
    if (sink->out)
        buffer_append(sink->out, sink->run, (size_t)(to - sink->run));
    sink->run = to;
}

void json_reader_init(struct json_reader *reader, struct dapr_bytes text)
{
    const char *at = text.size ? text.data : "";

    reader->at = at;
    reader->end = at + text.size;
    reader->depth = 0;
    reader->exact = false;
    reader->error[0] = 0;
}

/* Go's error for the character that comes next. */
static int fail(struct json_reader *reader, const char *where)
{
    bool blank = where == begin_value && reader->depth == 0;
    struct buffer text;

    if (reader->error[0])
        return -1;
    buffer_init(&text, sizeof reader->error - 1);
    if (reader->at == reader->end) {
        buffer_text(&text, blank ? "EOF" : "unexpected EOF");
    } else {
        buffer_text(&text, "invalid character ");
        utf8_quote_point(&text, (uint8_t)*reader->at);
        buffer_printf(&text, " %s", where);
    }
    snprintf(reader->error, sizeof reader->error, "%.*s", (int)text.size,
             (char *)text.data);
    buffer_done(&text);
    return -1;
}

static int fail_text(struct json_reader *reader, const char *text)
{
    if (!reader->error[0])
        snprintf(reader->error, sizeof reader->error, "%s", text);
    return -1;
}

/* Goes to the next character that is no white space; -1 at the end. */
static int peek(struct json_reader *reader, struct sink *sink)
{
    const char *from = reader->at;

    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' ||
            *reader->at == '\t'))
        reader->at++;
    if (reader->at != from) {
        flush(sink, from);
        sink->run = reader->at;
    }
    return reader->at < reader->end ? (uint8_t)*reader->at : -1;
}

/* ---- strings ------------------------------------------------------------- */

static int read_hex(struct json_reader *reader, uint32_t *ret)
{
    uint32_t value = 0;
    char c;

    for (int i = 0; i < 4; i++) {
        c = reader->at < reader->end ? *reader->at : 0;
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint32_t)(c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            value = value << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return fail(reader, "in \\u hexadecimal character escape");
        reader->at++;
    }
    *ret = value;
    return 0;
}

/* The code point of \uXXXX, of two of them when they are a pair; a surrogate
 * that stands alone is replaced. */
static int read_unicode(struct json_reader *reader, uint32_t *ret)
{
    struct json_reader low = {0};
    uint32_t first, second;

    if (read_hex(reader, &first))
        return -1;
    *ret = first;
    if (first < 0xD800 || first >= 0xE000)
        return 0;
    *ret = UTF8_REPLACEMENT;
    low.at = reader->at + 2;
    low.end = reader->end;
    if (first >= 0xDC00 || reader->end - reader->at < 6 ||
        memcmp(reader->at, "\\u", 2) != 0 || read_hex(&low, &second) ||
        second < 0xDC00 || second >= 0xE000)
        return 0;
    reader->at = low.at;
    *ret = 0x10000 + ((first & 0x3FF) << 10 | (second & 0x3FF));
    return 0;
}

/* From behind the backslash. */
static int read_escape(struct json_reader *reader, uint32_t *ret)
{
    static const char names[] = "\"\\/bfnrtu";
    static const char values[] = "\"\\/\b\f\n\r\t";
    const char *name;

    if (reader->at == reader->end || !*reader->at)
        return fail(reader, "in string escape code");
    name = strchr(names, *reader->at);
    if (!name)
        return fail(reader, "in string escape code");
    reader->at++;
    if (*name == 'u')
        return read_unicode(reader, ret);
    *ret = (uint8_t)values[name - names];
    return 0;
}

/* One character that does not simply stand for itself. */
static int read_special(struct json_reader *reader, struct sink *sink)
{
    const char *start = reader->at;
    uint32_t point = UTF8_REPLACEMENT;
    char raw[4];
    size_t size;

    if (start == reader->end || (uint8_t)*start < 0x20)
        return fail(reader, "in string literal");
    if (*start == '\\') {
        reader->at++;
        if (read_escape(reader, &point))
            return -1;
    } else {
        size = utf8_read(start, reader->end, &point);
        reader->at += size ? size : 1;
        if (size && (sink->meaning || !json_needs_escape(point)))
            return 0;
    }
    flush(sink, start);
    sink->run = reader->at;
    if (!sink->out)
        return 0;
    if (!sink->meaning && json_needs_escape(point))
        json_put_escape(sink->out, point);
    else
        buffer_append(sink->out, raw, utf8_write(raw, point));
    return 0;
}

/* From the opening quote to behind the closing one. */
static int read_string(struct json_reader *reader, struct sink *sink)
{
    reader->at++;
    for (;;) {
        reader->at = json_skip_plain(reader->at, reader->end);
        if (reader->at < reader->end && *reader->at == '"')
            break;
        if (read_special(reader, sink))
            return -1;
    }
    reader->at++;
    return 0;
}

/* ---- numbers ------------------------------------------------------------- */

static size_t skip_digits(struct json_reader *reader)
{
    const char *from = reader->at;

    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return (size_t)(reader->at - from);
}

static bool skip_one(struct json_reader *reader, char one, char other)
{
    if (reader->at == reader->end ||
        (*reader->at != one && *reader->at != other))
        return false;
    reader->at++;
    return true;
}

/* Through float64, as Go does it. A number that does not fit is an error, but
 * a later one of syntax goes before: the rest is read, and goes nowhere. */
static int rewrite_number(struct json_reader *reader, struct sink *sink,
                          struct dapr_bytes text)
{
    struct buffer *out = sink->out;
    size_t base;
    double value;

    flush(sink, text.data);
    sink->run = reader->at;
    base = out->size;
    buffer_append(out, text.data, text.size);
    if (!buffer_string(out))
        return fail_text(reader, "value too long");
    value = strtod((char *)out->data + base, NULL);
    out->size = base;
    if (isfinite(value))
        return json_number(out, value);
    sink->refused = text;
    sink->out = NULL;
    return 0;
}

static int fail_number(struct json_reader *reader, struct dapr_bytes text)
{
    snprintf(reader->error, sizeof reader->error,
             "json: cannot unmarshal number %.*s into Go value of type float64",
             text.size < 64 ? (int)text.size : 64, (const char *)text.data);
    return -1;
}

static void drop_zeros(struct json_reader *reader, struct sink *sink)
{
    const char *stop = reader->at;

    while (stop[-1] == '0')
        stop--;
    if (stop[-1] == '.')
        stop--;
    if (stop == reader->at)
        return;
    flush(sink, stop);
    sink->run = reader->at;
}

static int read_number(struct json_reader *reader, struct sink *sink)
{
    const char *start = reader->at;
    const char *first;
    bool fraction, exponent, tiny;
    size_t digits;

    skip_one(reader, '-', '-');
    first = reader->at;
    digits = skip_one(reader, '0', '0') ? 1 : skip_digits(reader);
    if (!digits)
        return fail(reader, "in numeric literal");
    fraction = skip_one(reader, '.', '.');
    if (fraction) {
        size_t decimals = skip_digits(reader);

        if (!decimals)
            return fail(reader, "after decimal point in numeric literal");
        digits += decimals;
    }
    exponent = skip_one(reader, 'e', 'E');
    if (exponent) {
        skip_one(reader, '+', '-');
        if (!skip_digits(reader))
            return fail(reader, "in exponent of numeric literal");
    }
    if (!sink->out || reader->exact)
        return 0;
    tiny = digits > 6 && memcmp(first, "0.00000", 7) == 0;
    if (exponent || tiny || digits > EXACT_DIGITS)
        return rewrite_number(
            reader, sink,
            (struct dapr_bytes){start, (size_t)(reader->at - start)});
    if (fraction)
        drop_zeros(reader, sink);
    return 0;
}

/* ---- values -------------------------------------------------------------- */

struct level {
    struct json_mark mark;
    bool object;
};

struct walk {
    struct json_reader *reader;
    struct sink sink;
    struct json_sorter sorter;
    struct buffer levels; /* of containers that have not ended */
    bool fresh;           /* the innermost one has just started */
};

static int read_literal(struct json_reader *reader, const char *literal)
{
    char where[48];

    for (const char *c = literal; *c; c++, reader->at++) {
        if (reader->at < reader->end && *reader->at == *c)
            continue;
        snprintf(where, sizeof where, "in literal %s (expecting '%c')", literal,
                 *c);
        return fail(reader, where);
    }
    return 0;
}

static size_t position(const struct walk *walk)
{
    return walk->sink.out->size + (size_t)(walk->reader->at - walk->sink.run);
}

static int deeper(struct json_reader *reader)
{
    if (reader->depth == DEPTH_MAX)
        return fail(reader, "exceeded max depth");
    reader->depth++;
    return 0;
}

static int open_level(struct walk *walk)
{
    struct level level = {.object = *walk->reader->at == '{'};

    if (deeper(walk->reader))
        return -1;
    if ((level.object && walk->sink.out &&
         json_sorter_begin(&walk->sorter, position(walk), &level.mark)) ||
        buffer_append(&walk->levels, &level, sizeof level))
        return fail_text(walk->reader, "out of memory");
    walk->reader->at++;
    walk->fresh = true;
    return 0;
}

static int close_level(struct walk *walk, const struct level *level)
{
    if (level->object && walk->sink.out) {
        flush(&walk->sink, walk->reader->at);
        if (walk->sink.out->failed ||
            json_sorter_end(&walk->sorter, &level->mark, walk->sink.out))
            return fail_text(walk->reader, "value too long");
    }
    walk->levels.size -= sizeof *level;
    walk->reader->at++;
    walk->reader->depth--;
    walk->fresh = false;
    return 0;
}

static int value(struct walk *walk)
{
    struct json_reader *reader = walk->reader;

    switch (peek(reader, &walk->sink)) {
    case '{':
    case '[':
        return open_level(walk);
    case '"':
        return read_string(reader, &walk->sink);
    case '-':
    case '0' ... '9':
        return read_number(reader, &walk->sink);
    case 't':
        return read_literal(reader, "true");
    case 'f':
        return read_literal(reader, "false");
    case 'n':
        return read_literal(reader, "null");
    default:
        return fail(reader, begin_value);
    }
}

static int read_colon(struct json_reader *reader, struct sink *sink)
{
    if (peek(reader, sink) != ':')
        return fail(reader, "after object key");
    reader->at++;
    return 0;
}

static int key(struct walk *walk)
{
    size_t start;

    if (peek(walk->reader, &walk->sink) != '"')
        return fail(walk->reader, begin_key);
    start = walk->sink.out ? position(walk) : 0;
    if (read_string(walk->reader, &walk->sink))
        return -1;
    if (walk->sink.out &&
        json_sorter_key(&walk->sorter, start, position(walk) - start))
        return fail_text(walk->reader, "out of memory");
    return read_colon(walk->reader, &walk->sink);
}

/* One element of the innermost container, or its end. */
static int step(struct walk *walk)
{
    struct json_reader *reader = walk->reader;
    struct level *level =
        (void *)(walk->levels.data + walk->levels.size - sizeof *level);
    int c = peek(reader, &walk->sink);

    if (c == (level->object ? '}' : ']'))
        return close_level(walk, level);
    if (!walk->fresh) {
        if (c != ',')
            return fail(reader, level->object ? after_member : after_element);
        reader->at++;
    }
    walk->fresh = false;
    if (level->object && key(walk))
        return -1;
    return value(walk);
}

/* Reads one value; with `out`, appends it in Go's form. */
static int walk_value(struct json_reader *reader, struct buffer *out)
{
    struct walk walk = {.reader = reader,
                        .sink = {.out = out, .run = reader->at}};
    size_t base = out ? out->size : 0;
    int rc;

    json_sorter_init(&walk.sorter);
    buffer_init(&walk.levels, SIZE_MAX / 2);
    rc = value(&walk);
    while (rc == 0 && walk.levels.size)
        rc = step(&walk);
    if (rc == 0 && walk.sink.refused.size)
        rc = fail_number(reader, walk.sink.refused);
    if (rc == 0 && out) {
        flush(&walk.sink, reader->at);
        if (out->failed || json_sorter_finish(&walk.sorter, out, base))
            rc = fail_text(reader, "value too long");
    }
    buffer_done(&walk.levels);
    json_sorter_done(&walk.sorter);
    return rc;
}

int json_copy(struct json_reader *reader, struct buffer *out)
{
    return walk_value(reader, out);
}

int json_skip(struct json_reader *reader)
{
    return walk_value(reader, NULL);
}

/* ---- steps --------------------------------------------------------------- */

enum json_kind json_next(struct json_reader *reader)
{
    struct sink none = {0};

    switch (peek(reader, &none)) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case '-':
    case '0' ... '9':
        return JSON_NUMBER;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        fail(reader, begin_value);
        return JSON_ERROR;
    }
}

int json_read_string(struct json_reader *reader, struct buffer *out)
{
    struct sink sink = {.meaning = true};

    if (peek(reader, &sink) != '"')
        return fail(reader, begin_value);
    sink.out = out;
    sink.run = reader->at + 1;
    if (read_string(reader, &sink))
        return -1;
    flush(&sink, reader->at - 1);
    return out->failed ? fail_text(reader, "string too long") : 0;
}

int json_key(struct json_reader *reader, bool *first, struct buffer *key)
{
    struct sink none = {0};
    bool fresh = *first;
    int c;

    if (fresh) {
        if (peek(reader, &none) != '{')
            return fail(reader, begin_value);
        if (deeper(reader))
            return -1;
        reader->at++;
        *first = false;
    }
    c = peek(reader, &none);
    if (c == '}') {
        reader->at++;
        reader->depth--;
        return 0;
    }
    if (!fresh) {
        if (c != ',')
            return fail(reader, after_member);
        reader->at++;
        c = peek(reader, &none);
    }
    if (c != '"')
        return fail(reader, begin_key);
    buffer_clear(key);
    return json_read_string(reader, key) || read_colon(reader, &none) ? -1 : 1;
}
