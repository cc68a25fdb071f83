/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that a message is decoded into and that goes all at once. Most
 * messages fit in what is embedded and cost no allocation. It has a limit:
 * a small message on the wire can mean a large one in memory. One thread at a
 * time.
 */
#ifndef SERVER_ARENA_H
#define SERVER_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdalign.h>
#include <stdbool.h>

#define ARENA_FIRST 1024

struct arena {
    ProtobufCAllocator allocator; /* to hand to protobuf-c */
    char *at;
    size_t left;    /* at `at` */
    size_t budget;  /* still to be had from malloc() */
    size_t taken;   /* from malloc() */
    bool exhausted; /* budget or memory were not enough */
    struct arena_block *blocks;
    alignas(max_align_t) char first[ARENA_FIRST];
};

void arena_init(struct arena *arena, size_t limit);
void arena_done(struct arena *arena);

#endif
