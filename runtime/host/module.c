/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instance in this process: the core (sdk/core) runs its callbacks, on
 * worker threads or, where they never block, on the loop's. What comes from
 * other threads is posted to the loop, whose thread owns everything here.
 */
#include "host/module.h"

#include "core/buffer.h"
#include "core/container.h"
#include "core/pairs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_LIMIT (64u << 20)

struct module {
    struct instance base;
    struct loop *loop;
    uv_thread_t thread; /* the loop's */
    struct component *component;
    char *id;
    struct module_call *setup;
    struct loop_timer setup_timer;
    struct module_reader *reader; /* the open stream */
    unsigned users;               /* calls and readers that hold it */
    bool closed;
};

/* One call of the core. Its result is copied when it finishes, and handed on
 * when the core has let go of it: until then the request may be read. */
struct module_call {
    struct dapr_call call;
    struct loop_post post;
    struct module *module;
    struct invocation *invocation; /* CALL_INVOKE */
    int code;
    char *error;
    struct buffer data;
    struct pairs metadata;
};

struct module_reader {
    struct dapr_reader reader;
    struct loop_post finished;
    struct loop_post released;
    struct module *module;
    char *why;
    unsigned events; /* without verdict */
    bool gone;       /* the core has let go of it */
};

struct module_event {
    struct event base;
    struct loop_post post;
    struct module_reader *reader;
    struct pairs metadata;
    char id[32];
    uint8_t data[];
};

static struct module *module_of(struct instance *instance)
{
    return (struct module *)instance;
}

static void unref(struct module *module)
{
    module->users--;
    if (!module->closed || module->users)
        return;
    instance_drop_operations(&module->base);
    free(module->id);
    free(module);
}

/* ---- calls --------------------------------------------------------------- */

/* Any thread. */
static void keep_result(struct dapr_call *base,
                        const struct call_result *result)
{
    struct module_call *call = (struct module_call *)base;
    size_t count = 0;

    call->code = result->code;
    if (result->code) {
        call->error = strdup(result->message);
        return;
    }
    if (base->kind == CALL_OPERATIONS) {
        while (result->operations[count])
            count++;
        if (instance_keep_operations(&call->module->base, result->operations,
                                     count))
            call->code = DAPR_RESOURCE_EXHAUSTED;
    } else if (buffer_append(&call->data, result->data.data,
                             result->data.size) ||
               pairs_copy(&call->metadata, result->metadata)) {
        call->code = DAPR_RESOURCE_EXHAUSTED;
    }
}

static void finished(struct module_call *call);

static void run_finished(struct loop_post *post)
{
    finished(container_of(post, struct module_call, post));
}

/* Any thread. What never blocked is back on the loop's already. */
static void let_go(struct dapr_call *base)
{
    struct module_call *call = (struct module_call *)base;
    uv_thread_t self = uv_thread_self();

    if (base->kind == CALL_INVOKE &&
        uv_thread_equal(&self, &call->module->thread))
        finished(call);
    else
        loop_post(call->module->loop, &call->post);
}

static struct module_call *new_call(struct module *module, enum call_kind kind)
{
    static const struct call_home home = {.finish = keep_result,
                                          .release = let_go};
    struct module_call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    call->call.home = &home;
    call->call.kind = kind;
    call->post.run = run_finished;
    call->module = module;
    buffer_init(&call->data, REPLY_LIMIT);
    module->users++;
    return call;
}

static void start(struct module_call *call)
{
    struct module *module = call->module;

    call_start(module->component, module->base.kind, module->id, &call->call);
}

static void free_call(struct module_call *call)
{
    struct module *module = call->module;

    free(call->error);
    buffer_done(&call->data);
    pairs_done(&call->metadata);
    free(call);
    unref(module);
}

static const char *error_text(const struct module_call *call)
{
    if (!call->code)
        return NULL;
    return call->error ? call->error : "out of memory";
}

static void setup_finished(struct module_call *call)
{
    struct module *module = call->module;
    struct module_call *next = NULL;

    if (!call->code && call->call.kind == CALL_INIT &&
        module->base.kind == BINDING_OUTPUT) {
        next = new_call(module, CALL_OPERATIONS);
        if (!next)
            call->code = DAPR_RESOURCE_EXHAUSTED;
    }
    module->setup = next;
    if (next) {
        start(next);
        return;
    }
    loop_timer_stop(module->loop, &module->setup_timer);
    module->base.events->initialised(
        &module->base,
        &(struct outcome){.code = call->code, .error = error_text(call)},
        false);
}

static void invoke_finished(struct module_call *call)
{
    const struct outcome outcome = {
        .code = call->code,
        .error = error_text(call),
        .data = buffer_bytes(&call->data),
        .metadata = pairs_view(&call->metadata),
    };

    call->invocation->done(call->invocation, &outcome);
}

static void finished(struct module_call *call)
{
    if (call->call.kind == CALL_INVOKE)
        invoke_finished(call);
    else if (call == call->module->setup)
        setup_finished(call);
    free_call(call);
}

/* Nobody waits for Init any more; it runs to its end unheard. */
static void abandon_setup(struct module *module)
{
    loop_timer_stop(module->loop, &module->setup_timer);
    if (module->setup)
        atomic_store(&module->setup->call.cancelled, true);
    module->setup = NULL;
}

static void setup_late(struct loop_timer *timer)
{
    struct module *module = container_of(timer, struct module, setup_timer);

    abandon_setup(module);
    module->base.events->initialised(
        &module->base, &(struct outcome){.code = DAPR_DEADLINE_EXCEEDED}, true);
}

static int module_init(struct instance *base, struct dapr_metadata properties,
                       uint64_t timeout)
{
    struct module *module = module_of(base);
    struct module_call *call = new_call(module, CALL_INIT);

    if (!call)
        return -1;
    call->call.properties = properties;
    module->setup = call;
    module->setup_timer.fire = setup_late;
    loop_timer_start(module->loop, &module->setup_timer, timeout);
    start(call);
    return 0;
}

static void module_invoke(struct instance *base, struct invocation *invocation)
{
    struct module_call *call = new_call(module_of(base), CALL_INVOKE);

    if (!call) {
        invocation->done(invocation,
                         &(struct outcome){.code = DAPR_RESOURCE_EXHAUSTED,
                                           .error = "out of memory"});
        return;
    }
    call->invocation = invocation;
    call->call.request =
        (struct dapr_request){.operation = invocation->operation,
                              .data = invocation->data,
                              .metadata = invocation->metadata};
    start(call);
}

/* ---- events -------------------------------------------------------------- */

static void free_reader(struct module_reader *reader)
{
    struct module *module = reader->module;

    if (!reader->gone || reader->events)
        return;
    free(reader->why);
    free(reader);
    unref(module);
}

static void free_event(struct module_event *event)
{
    struct module_reader *reader = event->reader;

    pairs_done(&event->metadata);
    free(event);
    reader->events--;
    free_reader(reader);
}

static void event_came(struct loop_post *post)
{
    struct module_event *event = container_of(post, struct module_event, post);
    struct module *module = event->reader->module;

    event->reader->events++;
    if (event->reader == module->reader)
        module->base.events->event(&module->base, &event->base);
    else
        free_event(event); /* lost: the core said so when reading stopped */
}

/* Any thread. */
static int send_event(struct dapr_reader *base, const char *id,
                      const struct dapr_event *from)
{
    struct module_reader *reader = (struct module_reader *)base;
    struct module_event *event = malloc(sizeof *event + from->data.size);

    if (!event)
        return -1;
    memset(event, 0, sizeof *event);
    if (pairs_copy(&event->metadata, from->metadata)) {
        pairs_done(&event->metadata);
        free(event);
        return -1;
    }
    if (from->data.size)
        memcpy(event->data, from->data.data, from->data.size);
    snprintf(event->id, sizeof event->id, "%s", id);
    event->reader = reader;
    event->post.run = event_came;
    event->base.instance = &reader->module->base;
    event->base.data = (struct dapr_bytes){event->data, from->data.size};
    event->base.metadata = pairs_view(&event->metadata);
    loop_post(reader->module->loop, &event->post);
    return 0;
}

static void run_read_finished(struct loop_post *post)
{
    struct module_reader *reader =
        container_of(post, struct module_reader, finished);
    struct module *module = reader->module;

    if (reader != module->reader)
        return;
    module->reader = NULL;
    module->base.events->read_ended(&module->base,
                                    reader->why ? reader->why : "");
    reader_end(&reader->reader);
}

/* Any thread. */
static void read_finished(struct dapr_reader *base, int code,
                          const char *message)
{
    struct module_reader *reader = (struct module_reader *)base;

    (void)code;
    reader->why = strdup(message);
    loop_post(reader->module->loop, &reader->finished);
}

static void run_read_released(struct loop_post *post)
{
    struct module_reader *reader =
        container_of(post, struct module_reader, released);

    reader->gone = true;
    free_reader(reader);
}

/* Any thread. */
static void read_released(struct dapr_reader *base)
{
    struct module_reader *reader = (struct module_reader *)base;

    loop_post(reader->module->loop, &reader->released);
}

static int module_read(struct instance *base)
{
    static const struct reader_home home = {
        .send = send_event, .finish = read_finished, .release = read_released};
    struct module *module = module_of(base);
    struct module_reader *reader = calloc(1, sizeof *reader);

    if (!reader)
        return -1;
    reader->reader.home = &home;
    reader->finished.run = run_read_finished;
    reader->released.run = run_read_released;
    reader->module = module;
    module->reader = reader;
    module->users++;
    reader_start(module->component, module->id, &reader->reader);
    return 0;
}

static void module_verdict(struct event *base, const struct dapr_answer *answer)
{
    struct module_event *event = (struct module_event *)base;

    if (event->reader == event->reader->module->reader)
        reader_verdict(&event->reader->reader, event->id, answer);
    free_event(event);
}

static void module_stop_reading(struct instance *base)
{
    struct module *module = module_of(base);
    struct module_reader *reader = module->reader;

    module->reader = NULL;
    if (reader)
        reader_end(&reader->reader);
}

/* ---- life ---------------------------------------------------------------- */

/* Calls under way run to their end: the core cannot break into them. */
static void module_close(struct instance *base)
{
    struct module *module = module_of(base);

    abandon_setup(module);
    module_stop_reading(base);
    instance_close(module->component, base->kind, module->id);
    module->closed = true;
    module->users++;
    unref(module);
}

struct instance *module_instance(struct loop *loop, struct component *component,
                                 enum binding_kind kind, const char *id)
{
    static const struct instance_ops ops = {
        .init = module_init,
        .invoke = module_invoke,
        .read = module_read,
        .verdict = module_verdict,
        .stop_reading = module_stop_reading,
        .close = module_close,
    };
    struct module *module = calloc(1, sizeof *module);

    if (!module || !(module->id = strdup(id))) {
        free(module);
        return NULL;
    }
    module->base.ops = &ops;
    module->base.kind = kind;
    module->loop = loop;
    module->thread = uv_thread_self();
    module->component = component;
    return &module->base;
}
