/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of objects' members; see json_parts.h. Works on compact text that
 * the reader has just written, so all of it is valid. Belongs to one thread.
 */
#include "core/json_parts.h"
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

/* So few are not worth a call of qsort(). */
#define FEW 12

struct member {
    size_t start; /* of the key */
    size_t key_size;
    size_t end;     /* of the value */
    size_t objects; /* the first that starts in it has this index */
};

struct object {
    size_t start, end; /* its braces, and behind */
    size_t first;      /* of kept */
    size_t count;      /* 0: in order as it stands */
    size_t next;       /* the index of the first object behind it */
};

/* Where the rewriting is: in a member of an object, or in all of the text. */
struct place {
    size_t members; /* of kept, with this one */
    size_t left;    /* how many; 0: all of the text */
    size_t at, end; /* what remains of it */
    size_t objects; /* the next object has this index */
};

#define COUNT(list, type)     ((list)->size / sizeof(type))
#define ITEM(list, type, i)   ((type *)(void *)(list)->data + (i))
#define LAST(list, type)      ITEM(list, type, COUNT(list, type) - 1)
#define PUSH(list, item)      buffer_append(list, &(item), sizeof(item))
#define CUT(list, type, left) ((list)->size = (left) * sizeof(type))

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

/* By what the keys mean: byte by byte, which is the order of code points, but
 * for escapes. */
static int compare_keys(const char *text, const struct member *a,
                        const struct member *b)
{
    const char *at = text + a->start + 1;
    const char *end = at + a->key_size - 2;
    const char *other = text + b->start + 1;
    const char *other_end = other + b->key_size - 2;
    uint32_t x, y;

    for (; at < end && other < other_end; at++, other++) {
        if (*at == '\\' || *other == '\\') {
            at = read_point(at, end, &x) - 1;
            other = read_point(other, other_end, &y) - 1;
        } else {
            x = (uint8_t)*at;
            y = (uint8_t)*other;
        }
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

static void sort(struct member *members, size_t count, char *text)
{
    if (count > FEW) {
        qsort_r(members, count, sizeof *members, compare_members, text);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct member member = members[i];
        size_t k = i;

        for (; k > 0 && compare_keys(text, &members[k - 1], &member) > 0; k--)
            members[k] = members[k - 1];
        members[k] = member;
    }
}

/* ---- noting -------------------------------------------------------------- */

int json_sorter_begin(struct json_sorter *sorter, size_t start,
                      struct json_mark *ret_mark)
{
    struct object object = {.start = start};

    ret_mark->members = COUNT(&sorter->open, struct member);
    ret_mark->objects = COUNT(&sorter->objects, struct object);
    return PUSH(&sorter->objects, object);
}

int json_sorter_key(struct json_sorter *sorter, size_t start, size_t key_size)
{
    struct member member = {
        .start = start,
        .key_size = key_size,
        .objects = COUNT(&sorter->objects, struct object),
    };

    return PUSH(&sorter->open, member);
}

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
                const struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && !compare_keys(text, &members[i], &members[i + 1]))
            continue;
        if (PUSH(&sorter->kept, members[i]))
            return -1;
    }
    return 0;
}

/* Keeps the members of an object that is out of order, in order. */
static int keep_object(struct json_sorter *sorter, const struct json_mark *mark,
                       const struct buffer *text, struct member *members,
                       size_t count)
{
    struct object *object =
        ITEM(&sorter->objects, struct object, mark->objects);
    char *data = (char *)text->data;

    for (size_t i = 0; i + 1 < count; i++)
        members[i].end = members[i + 1].start - 1;
    members[count - 1].end = text->size;
    sort(members, count, data);
    object->end = text->size + 1;
    object->next = COUNT(&sorter->objects, struct object);
    object->first = COUNT(&sorter->kept, struct member);
    if (keep(sorter, data, members, count))
        return -1;
    object->count = COUNT(&sorter->kept, struct member) - object->first;
    return 0;
}

int json_sorter_end(struct json_sorter *sorter, const struct json_mark *mark,
                    const struct buffer *text)
{
    size_t count = COUNT(&sorter->open, struct member) - mark->members;
    struct member *members = NULL;

    CUT(&sorter->open, struct member, mark->members);
    if (count > 1)
        members = ITEM(&sorter->open, struct member, mark->members);
    if (members && !in_order((char *)text->data, members, count))
        return keep_object(sorter, mark, text, members, count);
    if (COUNT(&sorter->objects, struct object) == mark->objects + 1)
        CUT(&sorter->objects, struct object, mark->objects);
    return 0;
}

/* ---- rewriting ----------------------------------------------------------- */

static void go_to_member(const struct json_sorter *sorter, struct place *place)
{
    const struct member *member =
        ITEM(&sorter->kept, struct member, place->members);

    place->at = member->start;
    place->end = member->end;
    place->objects = member->objects;
}

/* The next object in this place that is out of order, or NULL. */
static const struct object *next_object(const struct json_sorter *sorter,
                                        struct place *place)
{
    const struct object *object;

    while (place->objects < COUNT(&sorter->objects, struct object)) {
        object = ITEM(&sorter->objects, struct object, place->objects);
        if (object->start >= place->end)
            break;
        if (object->count)
            return object;
        place->objects++;
    }
    return NULL;
}

static int enter(const struct json_sorter *sorter, struct buffer *places,
                 struct place *place, const struct object *object)
{
    struct place inner = {.members = object->first, .left = object->count};

    place->at = object->end;
    place->objects = object->next;
    go_to_member(sorter, &inner);
    return PUSH(places, inner);
}

/* To the object's next member; or, at its end, back to what it is in. */
static void leave(const struct json_sorter *sorter, struct buffer *places,
                  struct place *place, struct buffer *out)
{
    if (place->left > 1) {
        buffer_char(out, ',');
        place->left--;
        place->members++;
        go_to_member(sorter, place);
        return;
    }
    if (place->left)
        buffer_char(out, '}');
    CUT(places, struct place, COUNT(places, struct place) - 1);
}

static int rewrite(const struct json_sorter *sorter, const char *text,
                   struct buffer *places, struct buffer *out)
{
    const struct object *object;
    struct place *place;
    size_t stop;

    while (places->size) {
        place = LAST(places, struct place);
        object = next_object(sorter, place);
        stop = object ? object->start + 1 : place->end;
        buffer_append(out, text + place->at, stop - place->at);
        if (!object)
            leave(sorter, places, place, out);
        else if (enter(sorter, places, place, object))
            return -1;
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

    if (!sorter->kept.size)
        return 0;
    copy = malloc(text->size);
    buffer_init(&places, SIZE_MAX / 2);
    if (copy && !PUSH(&places, all)) {
        memcpy(copy, text->data, text->size);
        text->size = base;
        rc = rewrite(sorter, copy, &places, text);
    }
    buffer_done(&places);
    free(copy);
    return rc;
}
