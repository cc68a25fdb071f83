/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: from a home to a callback and back, with exactly one answer.
 *
 * A call has two references: that of its way through the callback, and that of
 * the answer still to come, which a component that said DAPR_PENDING holds. It
 * may end on any thread; what it belongs to is the thread it is on, in between.
 */
#include "core/clock.h"
#include "core/container.h"
#include "core/life.h"
#include "core/log.h"
#include "core/message.h"
#include "core/slot.h"

#include <stdlib.h>
#include <string.h>

#define SCOPE "dapr.components"

/* ---- answers ------------------------------------------------------------- */

static void call_unref(struct dapr_call *call)
{
    if (atomic_fetch_sub(&call->references, 1) > 1)
        return;
    pairs_done(&call->reply_metadata);
    free(call->reply_content_type);
    instance_unref(call->instance);
    slot_unref(call->slot);
    call->home->release(call);
    life_leave();
}

static void answer(struct dapr_call *call, const struct call_result *result)
{
    if (atomic_exchange(&call->finished, true)) {
        dapr_log(call->instance, DAPR_WARNING,
                 "a call was answered twice; the second answer is ignored");
        return;
    }
    call->home->finish(call, result);
    call_unref(call);
}

static void succeed(struct dapr_call *call, struct dapr_bytes data)
{
    const char *type = call->reply_content_type;
    struct call_result result = {
        .message = "",
        .data = data,
        .metadata = pairs_view(&call->reply_metadata),
        .content_type = type ? type : "",
    };

    if (call->kind == CALL_OPERATIONS)
        result.operations = call->instance->operations;
    answer(call, &result);
}

static void fail(struct dapr_call *call, int code, const char *message)
{
    answer(call, &(struct call_result){
                     .code = code, .message = message, .content_type = ""});
}

/* What is not one of gRPC's codes for errors is UNKNOWN. */
static int sane(int code)
{
    return code >= DAPR_CANCELLED && code <= DAPR_UNAUTHENTICATED
               ? code
               : DAPR_UNKNOWN;
}

int dapr_fail(dapr_call *call, enum dapr_code code, const char *format, ...)
{
    struct message message;
    va_list args;

    va_start(args, format);
    message_format(&message, format, args);
    va_end(args);
    code = (enum dapr_code)sane((int)code);
    fail(call, (int)code, message.text);
    return -(int)code;
}

int dapr_reply(dapr_call *call, struct dapr_bytes data)
{
    if (call->kind == CALL_INVOKE)
        succeed(call, data);
    return 0;
}

/* The rare case: something in it is not UTF-8. */
static int add_repaired(struct pairs *pairs, const char *name,
                        const char *value)
{
    char *copies[] = {strdup(name), strdup(value)};
    int rc = -1;

    if (copies[0] && copies[1]) {
        message_repair(copies[0]);
        message_repair(copies[1]);
        rc = pairs_set(pairs, copies[0], copies[1]);
    }
    free(copies[0]);
    free(copies[1]);
    return rc;
}

int dapr_reply_metadata(dapr_call *call, const char *name, const char *value)
{
    if (message_valid(name) && message_valid(value))
        return pairs_set(&call->reply_metadata, name, value);
    return add_repaired(&call->reply_metadata, name, value);
}

int dapr_reply_content_type(dapr_call *call, const char *content_type)
{
    char *copy = strdup(content_type);

    if (!copy)
        return -1;
    message_repair(copy);
    free(call->reply_content_type);
    call->reply_content_type = copy;
    return 0;
}

/* ---- what a call knows --------------------------------------------------- */

dapr_instance *dapr_call_instance(dapr_call *call)
{
    return call->instance;
}

int dapr_call_cancelled(const dapr_call *call)
{
    return dapr_call_remaining_ms(call) == 0;
}

long dapr_call_remaining_ms(const dapr_call *call)
{
    int64_t left;

    if (atomic_load(&call->cancelled))
        return 0;
    if (!call->deadline)
        return -1;
    left = call->deadline - clock_now();
    return left > 0 ? (long)((left + CLOCK_MS - 1) / CLOCK_MS) : 0;
}

/* ---- callbacks ----------------------------------------------------------- */

/* After a callback that may answer later. */
static void conclude(struct dapr_call *call, int rc)
{
    if (rc == DAPR_PENDING || atomic_load(&call->finished))
        return;
    if (rc == 0)
        succeed(call, (struct dapr_bytes){0});
    else
        fail(call, sane(-rc), "the component gave no reason");
}

/* After one that may not. */
static void conclude_now(struct dapr_call *call, int rc)
{
    if (rc > 0)
        dapr_fail(call, DAPR_INTERNAL, "a callback returned %d", rc);
    else
        conclude(call, rc);
}

/* After init: the operations of an object are asked for once. */
static bool learn_operations(struct dapr_call *call)
{
    struct dapr_instance *instance = call->instance;

    if (call->slot->table->kind != BINDING_OUTPUT)
        return true;
    instance->operations = call->slot->table->operations(instance->self);
    if (!instance->operations)
        fail(call, DAPR_INTERNAL, "operations returned NULL");
    return instance->operations != NULL;
}

/* Whether an object was initialised; it is the slot's from now on. */
static bool init_object(struct dapr_call *call)
{
    struct slot *slot = call->slot;
    int rc;

    call->instance = instance_create(slot);
    if (!call->instance) {
        fail(call, DAPR_RESOURCE_EXHAUSTED, "create failed: out of memory");
        return false;
    }
    rc = slot->table->init(call->instance->self, call, &call->properties);
    if (rc != 0 || atomic_load(&call->finished)) {
        conclude_now(call, rc);
        return false;
    }
    if (!learn_operations(call))
        return false;
    instance_ref(call->instance);
    slot_exchange(slot, call->instance);
    return true;
}

/* On the slot's strand: nothing else changes its instance but a close. */
static void run_init(struct dapr_call *call)
{
    bool ready;

    instance_retire(slot_exchange(call->slot, NULL));
    ready = init_object(call);
    slot_inited(call->slot);
    if (ready)
        conclude_now(call, 0);
}

static bool knows(const char *const *operations, const char *operation)
{
    for (; *operations; operations++) {
        if (strcmp(*operations, operation) == 0)
            return true;
    }
    return false;
}

static void run_invoke(struct dapr_call *call)
{
    struct dapr_instance *instance = call->instance;

    if (knows(instance->operations, call->request.operation))
        conclude(call, instance->slot->table->invoke(instance->self, call,
                                                     &call->request));
    else
        dapr_fail(call, DAPR_INVALID_ARGUMENT, "unknown operation \"%s\"",
                  call->request.operation);
}

/* With an initialised instance. */
static void run_callback(struct dapr_call *call)
{
    struct dapr_instance *instance = call->instance;

    if (call->kind == CALL_INVOKE)
        run_invoke(call);
    else if (call->kind == CALL_PING)
        conclude_now(call, instance->slot->table->ping(instance->self, call));
    else
        succeed(call, (struct dapr_bytes){0});
}

static void refuse(struct dapr_call *call)
{
    if (call->kind == CALL_PING)
        succeed(call, (struct dapr_bytes){0});
    else
        fail(call, DAPR_FAILED_PRECONDITION,
             "the component is not initialised: call Init first");
}

/* Time passes while calls wait for their turn. */
static bool given_up(struct dapr_call *call)
{
    if (!dapr_call_cancelled(call))
        return false;
    fail(call,
         atomic_load(&call->cancelled) ? DAPR_CANCELLED
                                       : DAPR_DEADLINE_EXCEEDED,
         "the caller gave up before the call had its turn");
    return true;
}

static void run_call(struct job *job)
{
    struct dapr_call *call = container_of(job, struct dapr_call, job);

    if (call->kind == CALL_INIT) {
        run_init(call);
    } else if (!given_up(call)) {
        call->instance = slot_instance(call->slot);
        if (call->instance)
            run_callback(call);
        else
            refuse(call);
    }
    call_unref(call);
}

/* ---- the way there ------------------------------------------------------- */

static void overload(struct dapr_call *call)
{
    fail(call, DAPR_RESOURCE_EXHAUSTED,
         "too many calls are waiting for this component");
    call_unref(call);
}

/* After an Init that was in the way. */
static void run_parallel(struct job *job)
{
    struct dapr_call *call = container_of(job, struct dapr_call, job);

    job->run = run_call;
    if (call->slot->table->never_blocks)
        run_call(job);
    else if (workers_add(core_workers(), job) != 0)
        overload(call);
}

static int schedule(struct dapr_call *call)
{
    struct table *table = call->slot->table;

    if (call->kind == CALL_INIT || table->concurrency != DAPR_PARALLEL) {
        call->job.run = run_call;
        return strand_add(slot_strand(call->slot), &call->job,
                          table->never_blocks);
    }
    call->job.run = run_parallel;
    return slot_after_init(call->slot, &call->job);
}

static void start_init(struct component *component, enum binding_kind kind,
                       const char *id, struct dapr_call *call)
{
    call->slot = slot_make(component, kind, id);
    if (!call->slot) {
        fail(call, DAPR_RESOURCE_EXHAUSTED,
             "the component has too many instances");
        call_unref(call);
    } else if (schedule(call) != 0) {
        slot_inited(call->slot);
        overload(call);
    }
}

void call_start(struct component *component, enum binding_kind kind,
                const char *instance, struct dapr_call *call)
{
    life_enter();
    atomic_init(&call->references, 2);
    if (!component->tables[kind]) {
        fail(call, DAPR_UNIMPLEMENTED, "the component is not of this kind");
        call_unref(call);
        return;
    }
    if (call->kind == CALL_INIT) {
        start_init(component, kind, instance, call);
        return;
    }
    call->slot = slot_find(component, kind, instance);
    if (!call->slot ||
        (call->kind == CALL_PING && component->tables[kind]->always_well)) {
        refuse(call);
        call_unref(call);
    } else if (schedule(call) != 0) {
        overload(call);
    }
}
