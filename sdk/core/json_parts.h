/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of core/json share; not for others.
 *
 *   json.c       strings and numbers, written
 *   json_read.c  the reader
 *   json_sort.c  members of objects, put in order
 */
#ifndef CORE_JSON_PARTS_H
#define CORE_JSON_PARTS_H

#include "core/json.h"

/* The first character, or `end`, that is not known to stand for itself. */
const char *json_skip_plain(const char *at, const char *end);

/* Whether Go writes the character as an escape; writes it so. */
bool json_needs_escape(uint32_t point);
void json_put_escape(struct buffer *out, uint32_t point);

/* Notes where the members of objects are in a text while it is written, with
 * their keys as they come; puts them in order afterwards, all in one pass: to
 * sort each object when it ends would be quadratic in the depth. Its functions
 * return 0, or -1 without memory. */
struct json_sorter {
    struct buffer open;    /* struct member: of objects that have not ended */
    struct buffer kept;    /* struct member: of objects that are out of order */
    struct buffer objects; /* struct object: those, and what they are in */
};

void json_sorter_init(struct json_sorter *sorter);
void json_sorter_done(struct json_sorter *sorter);

/* What was noted before an object began. */
struct json_mark {
    size_t members;
    size_t objects;
};

/* An object's brace comes next, at `start`. */
int json_sorter_begin(struct json_sorter *sorter, size_t start,
                      struct json_mark *ret_mark);

/* A key, in quotes, is at [start, start + key_size). */
int json_sorter_key(struct json_sorter *sorter, size_t start, size_t key_size);

/* The object that began with `mark` has all its members in `text`; its brace
 * comes next. */
int json_sorter_end(struct json_sorter *sorter, const struct json_mark *mark,
                    const struct buffer *text);

/* Rewrites the text from `base` on. */
int json_sorter_finish(struct json_sorter *sorter, struct buffer *text,
                       size_t base);

#endif
