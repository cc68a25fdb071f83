/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf maps of strings, which protobuf-c knows only as repeated entries.
 * All generated ...Entry types have the layout of struct map_entry.
 *
 * Header only: the SDK's server and the sidecar share it and nothing else.
 */
#ifndef PROTO_MAP_H
#define PROTO_MAP_H

#include <dapr/components.h>
#include <protobuf-c/protobuf-c.h>
#include <stdlib.h>
#include <string.h>

/* More entries than that in one message are refused. */
#define MAP_LIMIT 4096

struct map_entry {
    ProtobufCMessage base;
    char *key;
    char *value;
};

/* Entries for a message to pack: assign the result to its field, the count to
 * n_<field>, and free it after packing. It points to the metadata's strings.
 * NULL without memory, or when there are none. */
static inline void *map_pack(const struct dapr_metadata *metadata,
                             const ProtobufCMessageDescriptor *entry_type)
{
    size_t count = metadata->count;
    struct map_entry **list, *entries;

    if (!count)
        return NULL;
    list = malloc(count * (sizeof *list + sizeof *entries));
    if (!list)
        return NULL;
    entries = (struct map_entry *)(list + count);
    for (size_t i = 0; i < count; i++) {
        protobuf_c_message_init(entry_type, &entries[i]);
        entries[i].key = (char *)metadata->pairs[i].name;
        entries[i].value = (char *)metadata->pairs[i].value;
        list[i] = &entries[i];
    }
    return list;
}

/* Whether a later entry has the same key: the last one counts. */
static inline int map_superseded(struct map_entry **list, size_t count,
                                 size_t i)
{
    for (size_t j = i + 1; j < count; j++) {
        if (strcmp(list[j]->key, list[i]->key) == 0)
            return 1;
    }
    return 0;
}

/* The pairs of a message's field, to be freed; they point into the message.
 * 0, or -1 without memory or with more than MAP_LIMIT entries. */
static inline int map_unpack(void *field, size_t count,
                             struct dapr_pair **ret_pairs, size_t *ret_count)
{
    struct map_entry **list = field;
    struct dapr_pair *pairs = NULL;
    size_t used = 0;

    if (count > MAP_LIMIT)
        return -1;
    if (count && !(pairs = malloc(count * sizeof *pairs)))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!map_superseded(list, count, i))
            pairs[used++] = (struct dapr_pair){list[i]->key, list[i]->value};
    }
    *ret_pairs = pairs;
    *ret_count = used;
    return 0;
}

#endif
