/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events whose verdict is awaited, by message id, in constant time. An event's
 * number is its place in the table plus a multiple of EVENTS_MAX that grows
 * each time that the place is used, so that no id ever comes back.
 */
#ifndef CORE_AWAIT_H
#define CORE_AWAIT_H

#include "core/component.h"

#define EVENTS_MAX 1000

/* 19 digits, which a uint64_t surely holds, and NUL. */
#define EVENT_ID_SIZE 20

struct awaited {
    void (*done)(void *data, const struct dapr_answer *answer); /* NULL: free */
    void *data;
    uint64_t number;
    unsigned next_free;
};

struct await_table {
    struct awaited places[EVENTS_MAX];
    unsigned touched; /* places used so far: the rest is not in memory yet */
    unsigned free;    /* the first that was given back; EVENTS_MAX: none */
    unsigned used;
};

/* The places may hold anything. */
void await_init(struct await_table *table);

/* Returns the event's number, or 0 when the table is full. */
uint64_t await_add(struct await_table *table,
                   void (*done)(void *data, const struct dapr_answer *answer),
                   void *data);

/* Takes an event out: into *ret. Whether it was there. */
bool await_take(struct await_table *table, uint64_t number,
                struct awaited *ret);

/* Takes any event out; false when there is none. */
bool await_take_any(struct await_table *table, struct awaited *ret);

/* The id of a number, and back: 0 where it is not one that we made. */
void await_id(char id[static EVENT_ID_SIZE], uint64_t number);
uint64_t await_number(const char *id);

#endif
