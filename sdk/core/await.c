/* SPDX-License-Identifier: Apache-2.0 */
/* The table of awaited verdicts; see await.h. Its reader's lock guards it. */
#include "core/await.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void await_init(struct await_table *table)
{
    table->touched = 0;
    table->used = 0;
    table->free = EVENTS_MAX;
}

static struct awaited *vacant(struct await_table *table)
{
    struct awaited *place;

    if (table->free < EVENTS_MAX) {
        place = &table->places[table->free];
        table->free = place->next_free;
        return place;
    }
    if (table->touched == EVENTS_MAX)
        return NULL;
    place = &table->places[table->touched];
    place->number = table->touched++;
    return place;
}

uint64_t await_add(struct await_table *table,
                   void (*done)(void *data, const struct dapr_answer *answer),
                   void *data)
{
    struct awaited *place = vacant(table);

    if (!place)
        return 0;
    place->number += EVENTS_MAX;
    place->done = done;
    place->data = data;
    table->used++;
    return place->number;
}

static void take(struct await_table *table, struct awaited *place,
                 struct awaited *ret)
{
    *ret = *place;
    place->done = NULL;
    place->next_free = table->free;
    table->free = (unsigned)(place - table->places);
    table->used--;
}

bool await_take(struct await_table *table, uint64_t number, struct awaited *ret)
{
    unsigned at = (unsigned)(number % EVENTS_MAX);
    struct awaited *place = &table->places[at];

    if (at >= table->touched || !place->done || place->number != number)
        return false;
    take(table, place, ret);
    return true;
}

bool await_take_any(struct await_table *table, struct awaited *ret)
{
    for (unsigned at = 0; table->used && at < table->touched; at++) {
        if (table->places[at].done) {
            take(table, &table->places[at], ret);
            return true;
        }
    }
    return false;
}

void await_id(char id[static EVENT_ID_SIZE], uint64_t number)
{
    snprintf(id, EVENT_ID_SIZE, "%" PRIu64, number);
}

uint64_t await_number(const char *id)
{
    uint64_t number = 0;

    if (*id == '0' || strlen(id) >= EVENT_ID_SIZE)
        return 0;
    for (; *id; id++) {
        if (*id < '0' || *id > '9')
            return 0;
        number = number * 10 + (uint64_t)(*id - '0');
    }
    return number;
}
