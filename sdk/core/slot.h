/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where instances live. A slot is the place of one id in one component and
 * kind; its current instance changes with each Init. A slot nobody uses is
 * taken over by the next id: its memory stays, so that its strand may.
 *
 * References are held by calls, streams and, for the slot, its instances. Any
 * thread; what a component's lock guards is marked.
 */
#ifndef CORE_SLOT_H
#define CORE_SLOT_H

#include "core/registry.h"

struct slot {
    struct component *component;
    struct table *table;
    char *id;                      /* lock; fixed while there are references */
    struct dapr_instance *current; /* lock; NULL: not initialised */
    int inits;                     /* lock; under way or waiting */
    atomic_int references;         /* from 0 to 1 with the lock */
    struct strand strand;
    LIST_ENTRY(slot) link; /* lock */
};

struct dapr_instance {
    struct slot *slot;
    void *self;
    const char *const *operations; /* outputs, once initialised */
    atomic_int references;
    struct job end;
};

/* The slot of an id, with a reference; NULL when there is none. */
struct slot *slot_find(struct component *component, enum binding_kind kind,
                       const char *id);

/* The same for an Init, which is counted until slot_inited(); a new one if need
 * be. NULL when there are too many, or without memory. */
struct slot *slot_make(struct component *component, enum binding_kind kind,
                       const char *id);
void slot_inited(struct slot *slot);

/* NULL is fine. */
void slot_unref(struct slot *slot);

/* The strand of create, init and destroy. */
struct strand *slot_strand(struct slot *slot);

/* Runs `job` on the slot's strand when an Init is under way or waiting, after
 * it; else at once. 0, or -1 when too much is waiting. */
int slot_after_init(struct slot *slot, struct job *job);

/* The current instance with a reference, or NULL. */
struct dapr_instance *slot_instance(struct slot *slot);

/* Changes the current instance, with its reference; returns the former. */
struct dapr_instance *slot_exchange(struct slot *slot,
                                    struct dapr_instance *instance);

/* Closes all instances of all components. */
void slots_close(void);

/* Makes an object, on the slot's strand. NULL without memory. */
struct dapr_instance *instance_create(struct slot *slot);

/* The last reference destroys the object: later, on the slot's strand. NULL is
 * fine. */
void instance_ref(struct dapr_instance *instance);
void instance_unref(struct dapr_instance *instance);

/* On the slot's strand already: at once. NULL is fine. */
void instance_retire(struct dapr_instance *instance);

#endif
