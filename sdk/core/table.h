/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binding's table in its complete form: every callback is there, so that
 * nobody tests for NULL. There is one for each public table, however many names
 * it serves under. Never changed once made, but for its strand; never freed.
 */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include "core/component.h"

struct table {
    const void *public;
    enum binding_kind kind;
    void *(*create)(dapr_instance *instance);
    void (*destroy)(void *self);
    int (*init)(void *self, dapr_call *call,
                const struct dapr_metadata *properties);
    int (*invoke)(void *self, dapr_call *call,
                  const struct dapr_request *request);
    const char *const *(*operations)(void *self);
    int (*ping)(void *self, dapr_call *call);
    int (*read)(void *self, dapr_reader *reader);
    void (*stop)(void *self, dapr_reader *reader);
    enum dapr_concurrency concurrency;
    bool never_blocks;
    bool has_objects;     /* create is the author's: NULL is a failure */
    bool always_well;     /* ping is not the author's */
    struct strand strand; /* of DAPR_ONE_AT_A_TIME */
    STAILQ_ENTRY(table) link;
};

/* NULL with *ret_misuse set: a constant text that says what is wrong. */
struct table *table_new(const struct dapr_option *option,
                        const char **ret_misuse);

#endif
