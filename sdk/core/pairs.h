/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names with values, in order, owned: what becomes a struct dapr_metadata.
 * Belongs to one thread at a time.
 */
#ifndef CORE_PAIRS_H
#define CORE_PAIRS_H

#include <dapr/components.h>

struct pairs {
    struct dapr_pair *items;
    size_t count;
    size_t capacity;
};

/* Zero-initialised is empty. */
void pairs_done(struct pairs *pairs);

/* Append a copy; the second takes texts that need not end with NUL. Return 0,
 * or -1 without memory. */
int pairs_add(struct pairs *pairs, const char *name, const char *value);
int pairs_add_bytes(struct pairs *pairs, struct dapr_bytes name,
                    struct dapr_bytes value);

/* Replaces the value of the same name, or appends. 0, or -1 without memory. */
int pairs_set(struct pairs *pairs, const char *name, const char *value);

/* Appends copies of all. 0, or -1 without memory. */
int pairs_copy(struct pairs *pairs, struct dapr_metadata from);

/* The value of exactly this name, or NULL; of this name in any case, or NULL.
 */
const char *pairs_get(struct dapr_metadata pairs, const char *name);
const char *pairs_find(struct dapr_metadata pairs, const char *name);

static inline struct dapr_metadata pairs_view(const struct pairs *pairs)
{
    return (struct dapr_metadata){pairs->items, pairs->count};
}

#endif
