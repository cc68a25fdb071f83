/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of objects' members; see json_parts.h. Works on compact text that
 * the reader has just written, so all of it is valid. Belongs to one thread.
 */
#include "core/json_parts.h"
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

struct member {
    size_t start; /* of the key */
    size_t key_size;
    size_t end; /* of the value */
};

struct object {
    size_t start, end; /* its braces, and behind */
    size_t first;      /* of kept */
    size_t count;
};

/* Where the rewriting is: in a member of an object, or in all of the text. */
struct place {
    const struct object *object; /* NULL: all of the text */
    size_t member;               /* of kept */
    size_t at, end;              /* what remains of it */
};

static void *item(const struct buffer *list, size_t index, size_t size)
{
    return list->data + index * size;
}

#define MEMBER(list, index)                                                    \
    ((struct member *)item(list, index, sizeof(struct member)))
#define COUNT(list, type) ((list)->size / sizeof(type))

void json_sorter_init(struct json_sorter *sorter)
{
    buffer_init(&sorter->open, SIZE_MAX / 2);
    buffer_init(&sorter->kept, SIZE_MAX / 2);
    buffer_init(&sorter->objects, SIZE_MAX / 2);
}

void json_sorter_done(struct json_sorter *sorter)
{
    buffer_done(&sorter->open);
    buffer_done(&sorter->kept);
    buffer_done(&sorter->objects);
}

size_t json_sorter_mark(const struct json_sorter *sorter)
{
    return COUNT(&sorter->open, struct member);
}

int json_sorter_key(struct json_sorter *sorter, size_t start, size_t key_size)
{
    struct member member = {.start = start, .key_size = key_size};

    return buffer_append(&sorter->open, &member, sizeof member);
}

/* ---- comparing ----------------------------------------------------------- */

/* The character of a written string that starts here, and where the next one
 * does. */
static const char *read_point(const char *at, const char *end, uint32_t *ret)
{
    static const char letters[] = {
        ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    uint8_t letter;

    if (*at != '\\')
        return at + utf8_read(at, end, ret);
    letter = (uint8_t)at[1];
    if (letter == 'u') {
        *ret = (uint32_t)strtoul((char[]){at[2], at[3], at[4], at[5], 0}, NULL,
                                 16);
        return at + 6;
    }
    *ret = letter < sizeof letters && letters[letter]
               ? (uint32_t)letters[letter]
               : letter;
    return at + 2;
}

/* By what the keys mean: the order of code points is the order of bytes. */
static int compare_keys(const char *text, const struct member *a,
                        const struct member *b)
{
    const char *at = text + a->start + 1;
    const char *end = at + a->key_size - 2;
    const char *other = text + b->start + 1;
    const char *other_end = other + b->key_size - 2;
    uint32_t x, y;

    while (at < end && other < other_end) {
        at = read_point(at, end, &x);
        other = read_point(other, other_end, &y);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (at < end) - (other < other_end);
}

static int compare_members(const void *a, const void *b, void *text)
{
    const struct member *x = a;
    const struct member *y = b;
    int order = compare_keys(text, x, y);

    return order ? order : x->start < y->start ? -1 : 1;
}

static int compare_objects(const void *a, const void *b)
{
    const struct object *x = a;
    const struct object *y = b;

    return x->start < y->start ? -1 : 1;
}

/* ---- noting -------------------------------------------------------------- */

static bool in_order(const char *text, const struct member *members,
                     size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (compare_keys(text, &members[i - 1], &members[i]) >= 0)
            return false;
    }
    return true;
}

/* Of members with the same key, the last one counts. */
static int keep(struct json_sorter *sorter, const char *text,
                const struct member *members, size_t count,
                struct object object)
{
    object.first = COUNT(&sorter->kept, struct member);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && !compare_keys(text, &members[i], &members[i + 1]))
            continue;
        if (buffer_append(&sorter->kept, &members[i], sizeof *members))
            return -1;
    }
    object.count = COUNT(&sorter->kept, struct member) - object.first;
    return buffer_append(&sorter->objects, &object, sizeof object);
}

int json_sorter_end(struct json_sorter *sorter, const struct buffer *text,
                    size_t start, size_t mark)
{
    struct member *members = MEMBER(&sorter->open, mark);
    size_t count = json_sorter_mark(sorter) - mark;
    char *data = (char *)text->data;
    struct object object = {.start = start, .end = text->size + 1};

    sorter->open.size -= count * sizeof *members;
    if (count < 2 || in_order(data, members, count))
        return 0;
    for (size_t i = 0; i + 1 < count; i++)
        members[i].end = members[i + 1].start - 1;
    members[count - 1].end = text->size;
    qsort_r(members, count, sizeof *members, compare_members, data);
    return keep(sorter, data, members, count, object);
}

/* ---- rewriting ----------------------------------------------------------- */

/* The first object that starts at or behind `at` and before `end`. */
static const struct object *find_object(const struct json_sorter *sorter,
                                        size_t at, size_t end)
{
    const struct object *objects = item(&sorter->objects, 0, 0);
    size_t low = 0;
    size_t high = COUNT(&sorter->objects, struct object);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (objects[middle].start < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < COUNT(&sorter->objects, struct object) &&
                   objects[low].start < end
               ? &objects[low]
               : NULL;
}

static int enter(struct json_sorter *sorter, struct buffer *places,
                 const struct object *object)
{
    const struct member *member = MEMBER(&sorter->kept, object->first);
    struct place place = {object, object->first, member->start, member->end};

    return buffer_append(places, &place, sizeof place);
}

/* To the object's next member; or, at its end, back to what it is in. */
static void leave(struct json_sorter *sorter, struct buffer *places,
                  struct place *place, struct buffer *out)
{
    const struct member *member;

    if (place->object &&
        ++place->member < place->object->first + place->object->count) {
        member = MEMBER(&sorter->kept, place->member);
        place->at = member->start;
        place->end = member->end;
        buffer_char(out, ',');
        return;
    }
    if (place->object)
        buffer_char(out, '}');
    places->size -= sizeof *place;
}

static int rewrite(struct json_sorter *sorter, const char *text,
                   struct buffer *places, struct buffer *out)
{
    const struct object *object;
    struct place *place;
    size_t stop;

    while (places->size) {
        place = item(places, COUNT(places, *place) - 1, sizeof *place);
        object = find_object(sorter, place->at, place->end);
        stop = object ? object->start + 1 : place->end;
        buffer_append(out, text + place->at, stop - place->at);
        if (object) {
            place->at = object->end;
            if (enter(sorter, places, object))
                return -1;
        } else {
            leave(sorter, places, place, out);
        }
    }
    return out->failed ? -1 : 0;
}

int json_sorter_finish(struct json_sorter *sorter, struct buffer *text,
                       size_t base)
{
    struct place all = {.at = base, .end = text->size};
    struct buffer places;
    char *copy;
    int rc = -1;

    if (!sorter->objects.size)
        return 0;
    qsort(sorter->objects.data, COUNT(&sorter->objects, struct object),
          sizeof(struct object), compare_objects);
    copy = malloc(text->size);
    buffer_init(&places, SIZE_MAX / 2);
    if (copy && !buffer_append(&places, &all, sizeof all)) {
        memcpy(copy, text->data, text->size);
        text->size = base;
        rc = rewrite(sorter, copy, &places, text);
    }
    buffer_done(&places);
    free(copy);
    return rc;
}
