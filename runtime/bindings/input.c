/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input pump. A stream's bytes are given back to its sender with the
 * verdict (host/remote.c), so a slow app slows its component down: what is
 * under way is bounded by the stream's window. Owned by the loop's thread.
 */
#include "bindings/input.h"

#include "core/container.h"
#include "core/log.h"

#include <stdlib.h>

#define BINDINGS      "dapr.runtime.processor.binding"

#define FIRST_PAUSE   100 /* ms before a stream that ended is opened again */
#define LONGEST_PAUSE 5000
#define STEADY        10000 /* ms that a stream must last to count as well */
#define LAST_WORDS    400 /* ms for verdicts to be read before a stream ends */

/* One binding's pump. */
struct pump {
    struct input *input;
    struct binding *binding;
    struct app_question question;
    struct loop_timer again; /* to open the stream */
    uint64_t pause;
    uint64_t opened_at;
    bool asking;
    bool asked;  /* `wanted` holds */
    bool wanted; /* by the app */
    bool reading;
    LIST_ENTRY(pump) link;
};

struct delivery {
    struct app_delivery app;
    struct pump *pump;
    struct event *event;
};

struct input {
    struct loop *loop;
    struct host *host;
    struct app *app;
    uint64_t ask_timeout;
    LIST_HEAD(, pump) pumps;
    bool running;
    bool stopping;
    bool were_busy; /* when it was stopped */
    unsigned asking;
    unsigned busy; /* events under way */
    struct loop_timer last_words;
    struct loop_task check;
    void (*started)(void *data);
    void (*stopped)(void *data);
    void *started_data;
    void *stopped_data;
};

static struct instance *instance_of(const struct pump *pump)
{
    return pump->binding->state == BINDING_READY
               ? pump->binding->instances[BINDING_INPUT]
               : NULL;
}

/* ---- streams ------------------------------------------------------------- */

static void open_later(struct pump *pump)
{
    loop_timer_start(pump->input->loop, &pump->again, pump->pause);
    if (pump->pause < LONGEST_PAUSE)
        pump->pause *= 2;
}

static void open_stream(struct pump *pump)
{
    struct instance *instance = instance_of(pump);

    if (!pump->wanted || pump->reading || !instance || pump->input->stopping)
        return;
    loop_timer_stop(pump->input->loop, &pump->again);
    pump->opened_at = loop_now(pump->input->loop);
    pump->reading = instance->ops->read(instance) == 0;
    if (!pump->reading)
        open_later(pump);
}

static void open_due(struct loop_timer *timer)
{
    open_stream(container_of(timer, struct pump, again));
}

void input_read_ended(struct input *input, struct binding *binding,
                      const char *why)
{
    struct pump *pump = binding->input;

    pump->reading = false;
    if (loop_now(input->loop) - pump->opened_at > STEADY)
        pump->pause = FIRST_PAUSE;
    if (binding->provider->up && !input->stopping)
        log_message(LOG_ERROR, BINDINGS,
                    "the event stream of input binding %s ended: %s; it is "
                    "opened again in %u ms",
                    binding->resource->name, why, (unsigned)pump->pause);
    open_later(pump);
}

void input_lost(struct input *input, struct binding *binding)
{
    struct pump *pump = binding->input;

    if (!pump)
        return;
    pump->reading = false;
    pump->pause = FIRST_PAUSE;
    loop_timer_stop(input->loop, &pump->again);
}

/* ---- does the app want it? ----------------------------------------------- */

static void check_started(struct loop_task *task)
{
    struct input *input = container_of(task, struct input, check);
    void (*started)(void *data) = input->started;

    if (input->asking || !started)
        return;
    input->started = NULL;
    started(input->started_data);
}

static void answered(struct app_question *question, bool wanted,
                     const char *error)
{
    struct pump *pump = container_of(question, struct pump, question);
    struct input *input = pump->input;
    const struct resource *resource = pump->binding->resource;

    input->asking--;
    pump->asking = false;
    pump->asked = !error;
    pump->wanted = wanted;
    if (error)
        log_message(LOG_WARNING, "dapr.runtime",
                    "failed to read from bindings: could not invoke OPTIONS "
                    "method on input binding subscription endpoint \"%s\": %s",
                    resource_route(resource), error);
    else if (!wanted)
        log_message(LOG_INFO, BINDINGS, "app has not subscribed to binding %s.",
                    resource->name);
    open_stream(pump);
    loop_task_add(input->loop, &input->check);
}

static void ask(struct pump *pump)
{
    struct input *input = pump->input;

    pump->asking = true;
    input->asking++;
    pump->question =
        (struct app_question){.binding = pump->binding->resource->name,
                              .route = resource_route(pump->binding->resource),
                              .timeout = input->ask_timeout,
                              .done = answered};
    input->app->ops->ask(input->app, &pump->question);
}

/* ---- bindings come ------------------------------------------------------- */

static struct pump *add_pump(struct input *input, struct binding *binding)
{
    struct pump *pump = calloc(1, sizeof *pump);

    if (!pump)
        return NULL;
    pump->input = input;
    pump->binding = binding;
    pump->pause = FIRST_PAUSE;
    pump->again.fire = open_due;
    /* A direction says it already: the app is not asked. */
    pump->asked = pump->wanted =
        pairs_find(pairs_view(&binding->resource->properties), "direction");
    binding->input = pump;
    LIST_INSERT_HEAD(&input->pumps, pump, link);
    return pump;
}

static void begin(struct pump *pump)
{
    if (pump->asked)
        open_stream(pump);
    else if (!pump->asking)
        ask(pump);
}

void input_ready(struct input *input, struct binding *binding)
{
    struct pump *pump = binding->input;

    if (!input->app || !binding->instances[BINDING_INPUT])
        return;
    if (!pump)
        pump = add_pump(input, binding);
    if (pump && input->running && !input->stopping)
        begin(pump);
}

void input_start(struct input *input, void (*started)(void *data), void *data)
{
    struct binding *binding;

    input->running = true;
    input->started = started;
    input->started_data = data;
    for (binding = host_first(input->host); binding;
         binding = TAILQ_NEXT(binding, link)) {
        if (binding->input)
            begin(binding->input);
    }
    loop_task_add(input->loop, &input->check);
}

/* ---- events -------------------------------------------------------------- */

static void check_stopped(struct input *input);

static void refuse(struct event *event, const char *error)
{
    event->instance->ops->verdict(
        event, &(struct dapr_answer){.verdict = DAPR_REFUSED, .error = error});
}

static void delivered(struct app_delivery *app,
                      const struct dapr_answer *answer)
{
    struct delivery *delivery = container_of(app, struct delivery, app);
    struct input *input = delivery->pump->input;

    if (answer->verdict == DAPR_REFUSED)
        log_message(LOG_DEBUG, BINDINGS,
                    "error from app consumer for binding [%s]: %s",
                    app->binding, answer->error);
    delivery->event->instance->ops->verdict(delivery->event, answer);
    free(delivery);
    input->busy--;
    check_stopped(input);
}

void input_event(struct input *input, struct binding *binding,
                 struct event *event)
{
    struct pump *pump = binding->input;
    struct delivery *delivery = NULL;

    if (input->stopping) {
        refuse(event, "input binding is closed");
        return;
    }
    if (!(delivery = calloc(1, sizeof *delivery))) {
        refuse(event, "out of memory");
        return;
    }
    delivery->pump = pump;
    delivery->event = event;
    delivery->app.binding = binding->resource->name;
    delivery->app.route = resource_delivery_route(binding->resource);
    delivery->app.data = event->data;
    delivery->app.metadata = event->metadata;
    delivery->app.done = delivered;
    input->busy++;
    input->app->ops->deliver(input->app, &delivery->app);
}

/* ---- stopping ------------------------------------------------------------ */

static void close_streams(struct loop_timer *timer)
{
    struct input *input = container_of(timer, struct input, last_words);
    struct pump *pump;

    LIST_FOREACH (pump, &input->pumps, link) {
        struct instance *instance = instance_of(pump);

        if (pump->reading && instance)
            instance->ops->stop_reading(instance);
        pump->reading = false;
    }
    input->stopped(input->stopped_data);
}

/* The peer of a stream that is cancelled may not read what came before: the
 * last verdicts get a moment, as daprd gives it. */
static void check_stopped(struct input *input)
{
    if (!input->stopping || input->busy || !input->stopped ||
        input->last_words.at)
        return;
    loop_timer_start(input->loop, &input->last_words,
                     input->were_busy ? LAST_WORDS : 0);
}

void input_stop(struct input *input, void (*stopped)(void *data), void *data)
{
    struct pump *pump;

    input->stopping = true;
    input->were_busy = input->busy > 0;
    input->stopped = stopped;
    input->stopped_data = data;
    LIST_FOREACH (pump, &input->pumps, link) {
        loop_timer_stop(input->loop, &pump->again);
    }
    check_stopped(input);
}

/* ---- life ---------------------------------------------------------------- */

struct input *input_new(struct loop *loop, struct host *host, struct app *app,
                        uint64_t ask_timeout)
{
    struct input *input = calloc(1, sizeof *input);

    if (!input)
        return NULL;
    input->loop = loop;
    input->host = host;
    input->app = app;
    input->ask_timeout = ask_timeout;
    input->last_words.fire = close_streams;
    input->check.run = check_started;
    LIST_INIT(&input->pumps);
    return input;
}

void input_free(struct input *input)
{
    struct pump *pump;

    if (!input)
        return;
    while ((pump = LIST_FIRST(&input->pumps))) {
        LIST_REMOVE(pump, link);
        loop_timer_stop(input->loop, &pump->again);
        free(pump);
    }
    loop_timer_stop(input->loop, &input->last_words);
    loop_task_remove(input->loop, &input->check);
    free(input);
}
