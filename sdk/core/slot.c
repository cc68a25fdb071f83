/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots and the instances in them; see slot.h. A component's lock is held for
 * the moment of a look only, never while a callback runs.
 */
#include "core/slot.h"

#include "core/container.h"
#include "core/life.h"

#include <stdlib.h>
#include <string.h>

/* With the lock held. */
static struct slot *look(struct component *component, enum binding_kind kind,
                         const char *id)
{
    struct slot *slot;

    LIST_FOREACH (slot, &component->slots, link) {
        if (slot->table->kind == kind && strcmp(slot->id, id) == 0)
            return slot;
    }
    return NULL;
}

struct slot *slot_find(struct component *component, enum binding_kind kind,
                       const char *id)
{
    struct slot *slot;

    pthread_mutex_lock(&component->lock);
    slot = look(component, kind, id);
    if (slot)
        atomic_fetch_add(&slot->references, 1);
    pthread_mutex_unlock(&component->lock);
    return slot;
}

/* A slot that nobody uses, or a new one. With the lock held. */
static struct slot *vacant(struct component *component)
{
    struct slot *slot;

    LIST_FOREACH (slot, &component->slots, link) {
        if (!slot->current && atomic_load(&slot->references) == 0)
            return slot;
    }
    if (component->slot_count >= INSTANCES_MAX ||
        !(slot = calloc(1, sizeof *slot)))
        return NULL;
    slot->component = component;
    strand_init(&slot->strand, core_workers());
    LIST_INSERT_HEAD(&component->slots, slot, link);
    component->slot_count++;
    return slot;
}

/* With the lock held. */
static struct slot *settle(struct component *component, enum binding_kind kind,
                           const char *id)
{
    char *copy = strdup(id);
    struct slot *slot = copy ? vacant(component) : NULL;

    if (!slot) {
        free(copy);
        return NULL;
    }
    free(slot->id);
    slot->id = copy;
    slot->table = component->tables[kind];
    return slot;
}

struct slot *slot_make(struct component *component, enum binding_kind kind,
                       const char *id)
{
    struct slot *slot;

    pthread_mutex_lock(&component->lock);
    slot = look(component, kind, id);
    if (!slot)
        slot = settle(component, kind, id);
    if (slot) {
        atomic_fetch_add(&slot->references, 1);
        slot->inits++;
    }
    pthread_mutex_unlock(&component->lock);
    return slot;
}

void slot_inited(struct slot *slot)
{
    pthread_mutex_lock(&slot->component->lock);
    slot->inits--;
    pthread_mutex_unlock(&slot->component->lock);
}

void slot_unref(struct slot *slot)
{
    if (slot)
        atomic_fetch_sub(&slot->references, 1);
}

struct strand *slot_strand(struct slot *slot)
{
    return slot->table->concurrency == DAPR_ONE_AT_A_TIME ? &slot->table->strand
                                                          : &slot->strand;
}

int slot_after_init(struct slot *slot, struct job *job)
{
    bool wait;

    pthread_mutex_lock(&slot->component->lock);
    wait = slot->inits > 0;
    pthread_mutex_unlock(&slot->component->lock);
    if (wait)
        return strand_add(slot_strand(slot), job, false);
    job->run(job);
    return 0;
}

struct dapr_instance *slot_instance(struct slot *slot)
{
    struct dapr_instance *instance;

    pthread_mutex_lock(&slot->component->lock);
    instance = slot->current;
    if (instance)
        instance_ref(instance);
    pthread_mutex_unlock(&slot->component->lock);
    return instance;
}

struct dapr_instance *slot_exchange(struct slot *slot,
                                    struct dapr_instance *instance)
{
    struct dapr_instance *former;

    pthread_mutex_lock(&slot->component->lock);
    former = slot->current;
    slot->current = instance;
    pthread_mutex_unlock(&slot->component->lock);
    return former;
}

/* ---- instances ----------------------------------------------------------- */

static void destroy(struct dapr_instance *instance)
{
    struct slot *slot = instance->slot;

    slot->table->destroy(instance->self);
    free(instance);
    slot_unref(slot);
}

static void run_end(struct job *job)
{
    destroy(container_of(job, struct dapr_instance, end));
    life_leave();
}

struct dapr_instance *instance_create(struct slot *slot)
{
    struct dapr_instance *instance = calloc(1, sizeof *instance);

    if (!instance)
        return NULL;
    instance->slot = slot;
    instance->references = 1;
    instance->end = (struct job){.run = run_end, .urgent = true};
    instance->self = slot->table->create(instance);
    if (!instance->self && slot->table->has_objects) {
        free(instance);
        return NULL;
    }
    atomic_fetch_add(&slot->references, 1);
    return instance;
}

void instance_ref(struct dapr_instance *instance)
{
    atomic_fetch_add(&instance->references, 1);
}

/* Never on the caller's thread, which may be the author's and hold a lock that
 * destroy takes; unless no worker can start. */
void instance_unref(struct dapr_instance *instance)
{
    if (!instance || atomic_fetch_sub(&instance->references, 1) > 1)
        return;
    life_enter();
    if (strand_add(slot_strand(instance->slot), &instance->end, false) != 0)
        strand_add(slot_strand(instance->slot), &instance->end, true);
}

void instance_retire(struct dapr_instance *instance)
{
    if (instance && atomic_fetch_sub(&instance->references, 1) == 1)
        destroy(instance);
}

void instance_close(struct component *component, enum binding_kind kind,
                    const char *id)
{
    struct slot *slot = slot_find(component, kind, id);

    if (!slot)
        return;
    instance_unref(slot_exchange(slot, NULL));
    slot_unref(slot);
}

/* Takes one instance out of its slot; NULL when there is none left. */
static struct dapr_instance *evict(struct component *component)
{
    struct dapr_instance *instance = NULL;
    struct slot *slot;

    pthread_mutex_lock(&component->lock);
    LIST_FOREACH (slot, &component->slots, link) {
        if (slot->current) {
            instance = slot->current;
            slot->current = NULL;
            break;
        }
    }
    pthread_mutex_unlock(&component->lock);
    return instance;
}

void slots_close(void)
{
    struct component *component = NULL;
    struct dapr_instance *instance;

    while ((component = component_next(component))) {
        while ((instance = evict(component)))
            instance_unref(instance);
    }
}

const char *dapr_instance_id(const dapr_instance *instance)
{
    return instance->slot->id;
}

const char *dapr_instance_component(const dapr_instance *instance)
{
    return instance->slot->component->name;
}
