/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The components. Written while dapr_register() runs, before anything else
 * does; afterwards only what a lock guards changes. Never freed.
 */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include "core/table.h"

/* Instances of one component, of both kinds, with those still in use. */
#define INSTANCES_MAX 1000

struct component {
    char *name;
    struct table *tables[BINDING_KINDS]; /* NULL: not of that kind */
    pthread_mutex_t lock;                /* guards what follows, and slots */
    LIST_HEAD(, slot) slots;
    size_t slot_count;
    STAILQ_ENTRY(component) link;
};

#endif
