/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as Go's encoding/json reads and writes it, because Dapr's HTTP API does:
 * what a component gets as `data` is the caller's JSON decoded and encoded
 * again by Go (keys sorted, numbers through float64, < > & escaped), and the
 * texts of its errors reach callers. Off the hot path other JSON is jansson's.
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "core/buffer.h"
#include "core/pairs.h"

/* Appends a string in quotes, escaped as json.Marshal does it: < > & and
 * U+2028/9 as \u00xx, invalid UTF-8 as U+FFFD. */
int json_string(struct buffer *out, struct dapr_bytes text);

/* Appends a number as json.Marshal writes a float64: shortest form, exponent
 * below 1e-6 and from 1e21. */
int json_number(struct buffer *out, double value);

/* A place in a text that is read. `error` is set once, to Go's message. */
struct json_reader {
    const char *at;
    const char *end;
    int depth;
    bool exact; /* json_copy() leaves numbers as they stand */
    char error[160];
};

void json_reader_init(struct json_reader *reader, struct dapr_bytes text);

enum json_kind {
    JSON_ERROR,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* The kind of the value that comes next; nothing is consumed but white space.
 */
enum json_kind json_next(struct json_reader *reader);

/* Reads the next value and appends it in Go's form. 0, or -1 with `error` set:
 * a number that float64 cannot hold is only reported when all else is well. */
int json_copy(struct json_reader *reader, struct buffer *out);

/* Reads a string and appends what it means. 0, or -1 with `error` set. */
int json_read_string(struct json_reader *reader, struct buffer *out);

/* Reads over the next value. 0, or -1 with `error` set. */
int json_skip(struct json_reader *reader);

/* Steps through an object: after json_next() said JSON_OBJECT, each call reads
 * one key into `key` (cleared first) and stops before its value. 1: a key; 0:
 * the object has ended; -1 with `error` set. `first` is true once. */
int json_key(struct json_reader *reader, bool *first, struct buffer *key);

#endif
