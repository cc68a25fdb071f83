/* SPDX-License-Identifier: Apache-2.0 */
/* Owned names and values; each pair is one allocation, name first. */
#include "core/pairs.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void pairs_done(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        free((char *)pairs->items[i].name);
    free(pairs->items);
    *pairs = (struct pairs){0};
}

static int make_room(struct pairs *pairs)
{
    size_t capacity = pairs->capacity ? 2 * pairs->capacity : 4;
    struct dapr_pair *items;

    if (pairs->count < pairs->capacity)
        return 0;
    items = realloc(pairs->items, capacity * sizeof *items);
    if (!items)
        return -1;
    pairs->items = items;
    pairs->capacity = capacity;
    return 0;
}

static int make_pair(struct dapr_pair *ret, struct dapr_bytes name,
                     struct dapr_bytes value)
{
    char *memory = malloc(name.size + value.size + 2);

    if (!memory)
        return -1;
    if (name.size)
        memcpy(memory, name.data, name.size);
    memory[name.size] = 0;
    if (value.size)
        memcpy(memory + name.size + 1, value.data, value.size);
    memory[name.size + 1 + value.size] = 0;
    *ret = (struct dapr_pair){memory, memory + name.size + 1};
    return 0;
}

int pairs_add_bytes(struct pairs *pairs, struct dapr_bytes name,
                    struct dapr_bytes value)
{
    if (make_room(pairs) || make_pair(&pairs->items[pairs->count], name, value))
        return -1;
    pairs->count++;
    return 0;
}

int pairs_add(struct pairs *pairs, const char *name, const char *value)
{
    return pairs_add_bytes(pairs, dapr_text(name), dapr_text(value));
}

int pairs_set(struct pairs *pairs, const char *name, const char *value)
{
    struct dapr_pair fresh;

    for (size_t i = 0; i < pairs->count; i++) {
        if (strcmp(pairs->items[i].name, name) != 0)
            continue;
        if (make_pair(&fresh, dapr_text(name), dapr_text(value)))
            return -1;
        free((char *)pairs->items[i].name);
        pairs->items[i] = fresh;
        return 0;
    }
    return pairs_add(pairs, name, value);
}

int pairs_copy(struct pairs *pairs, struct dapr_metadata from)
{
    for (size_t i = 0; i < from.count; i++) {
        if (pairs_add(pairs, from.pairs[i].name, from.pairs[i].value))
            return -1;
    }
    return 0;
}

const char *pairs_get(struct dapr_metadata pairs, const char *name)
{
    for (size_t i = 0; i < pairs.count; i++) {
        if (strcmp(pairs.pairs[i].name, name) == 0)
            return pairs.pairs[i].value;
    }
    return NULL;
}

const char *pairs_find(struct dapr_metadata pairs, const char *name)
{
    for (size_t i = 0; i < pairs.count; i++) {
        if (strcasecmp(pairs.pairs[i].name, name) == 0)
            return pairs.pairs[i].value;
    }
    return NULL;
}

const char *dapr_metadata_get(const struct dapr_metadata *metadata,
                              const char *name)
{
    return pairs_find(*metadata, name);
}

struct dapr_bytes dapr_text(const char *text)
{
    return (struct dapr_bytes){text, text ? strlen(text) : 0};
}
