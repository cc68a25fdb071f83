/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the sparse public tables, of whatever age, to the complete one: what the
 * caller's header did not know is zero, and NULL gets its documented meaning.
 * Runs while registering, on the main thread.
 */
#include "core/table.h"

#include "core/life.h"

#include <stdlib.h>
#include <string.h>

static void *no_object(dapr_instance *instance)
{
    (void)instance;
    return NULL;
}

static void forget(void *self)
{
    (void)self;
}

static int accept(void *self, dapr_call *call,
                  const struct dapr_metadata *properties)
{
    (void)self;
    (void)call;
    (void)properties;
    return 0;
}

static const char *const *create_alone(void *self)
{
    static const char *const operations[] = {"create", NULL};

    (void)self;
    return operations;
}

static int well(void *self, dapr_call *call)
{
    (void)self;
    (void)call;
    return 0;
}

static void no_stop(void *self, dapr_reader *reader)
{
    (void)self;
    (void)reader;
}

static const char *fill_output(struct table *table,
                               const struct dapr_option *option)
{
    struct dapr_output_binding from = {0};

    memcpy(&from, option->table,
           option->size < sizeof from ? option->size : sizeof from);
    table->create = from.create;
    table->destroy = from.destroy;
    table->init = from.init;
    table->invoke = from.invoke;
    table->operations = from.operations;
    table->ping = from.ping;
    table->concurrency = (enum dapr_concurrency)from.concurrency;
    table->never_blocks = from.never_blocks != 0;
    return from.invoke ? NULL : "an output binding needs invoke";
}

static const char *fill_input(struct table *table,
                              const struct dapr_option *option)
{
    struct dapr_input_binding from = {0};

    memcpy(&from, option->table,
           option->size < sizeof from ? option->size : sizeof from);
    table->create = from.create;
    table->destroy = from.destroy;
    table->init = from.init;
    table->read = from.read;
    table->stop = from.stop;
    table->ping = from.ping;
    table->concurrency = (enum dapr_concurrency)from.concurrency;
    table->never_blocks = from.never_blocks != 0;
    return from.read ? NULL : "an input binding needs read";
}

static void fill_defaults(struct table *table)
{
    table->has_objects = table->create != NULL;
    table->always_well = table->ping == NULL;
    table->create = table->create ? table->create : no_object;
    table->destroy = table->destroy ? table->destroy : forget;
    table->init = table->init ? table->init : accept;
    table->operations = table->operations ? table->operations : create_alone;
    table->ping = table->ping ? table->ping : well;
    table->stop = table->stop ? table->stop : no_stop;
}

struct table *table_new(const struct dapr_option *option,
                        const char **ret_misuse)
{
    struct table *table = calloc(1, sizeof *table);

    if (!table) {
        *ret_misuse = "out of memory";
        return NULL;
    }
    table->public = option->table;
    table->kind = option->kind == 1 ? BINDING_OUTPUT : BINDING_INPUT;
    *ret_misuse = table->kind == BINDING_OUTPUT ? fill_output(table, option)
                                                : fill_input(table, option);
    if (!*ret_misuse && (unsigned)table->concurrency > DAPR_PARALLEL)
        *ret_misuse = "concurrency is not one of enum dapr_concurrency";
    if (*ret_misuse) {
        free(table);
        return NULL;
    }
    fill_defaults(table);
    strand_init(&table->strand, core_workers());
    return table;
}
