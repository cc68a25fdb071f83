/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for decoded messages; see arena.h. */
#include "server/arena.h"

#include <stddef.h>
#include <stdlib.h>

#define BLOCK 4096

struct arena_block {
    struct arena_block *next;
    alignas(max_align_t) char memory[];
};

/* A block of its own for what is large; else one for several. */
static bool add_block(struct arena *arena, size_t size)
{
    size_t capacity = size > BLOCK ? size : BLOCK;
    struct arena_block *block;

    if (capacity > arena->budget ||
        !(block = malloc(sizeof *block + capacity))) {
        arena->exhausted = true;
        return false;
    }
    arena->budget -= capacity;
    arena->taken += capacity;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->at = block->memory;
    arena->left = capacity;
    return true;
}

static void *take(void *data, size_t size)
{
    struct arena *arena = data;
    size_t unit = alignof(max_align_t);
    char *at;

    size = (size + unit - 1) / unit * unit;
    if (size > arena->left && !add_block(arena, size))
        return NULL;
    at = arena->at;
    arena->at += size;
    arena->left -= size;
    return at;
}

static void keep(void *data, void *memory)
{
    (void)data;
    (void)memory;
}

/* `first` is not cleared. */
void arena_init(struct arena *arena, size_t limit)
{
    arena->allocator = (ProtobufCAllocator){take, keep, arena};
    arena->at = arena->first;
    arena->left = sizeof arena->first;
    arena->budget = limit;
    arena->taken = 0;
    arena->exhausted = false;
    arena->blocks = NULL;
}

void arena_done(struct arena *arena)
{
    struct arena_block *block;

    while ((block = arena->blocks)) {
        arena->blocks = block->next;
        free(block);
    }
}
