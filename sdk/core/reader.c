/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of events: a thread that runs read and stop, and the events whose
 * verdict is awaited.
 *
 * Two hold a reader: its thread (before that, whoever starts it), and the home
 * until reader_end() has returned. The second one to let go releases it. The
 * lock guards all that changes; no callback and no home runs under it.
 */
#include "core/await.h"
#include "core/clock.h"
#include "core/container.h"
#include "core/life.h"
#include "core/message.h"
#include "core/slot.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader_core {
    struct dapr_reader *reader;
    struct slot *slot;
    struct dapr_instance *instance; /* set before the thread starts */
    struct job open;
    atomic_int references;

    pthread_mutex_t lock;  /* guards all below */
    pthread_cond_t ending; /* draining, ended, and what then is awaited */
    pthread_cond_t room;   /* a place in the table is free, or draining */
    bool draining;         /* no more events */
    bool ended;            /* the stream is over */
    bool finished;         /* home->finish() was called */
    unsigned answering;    /* done callbacks that run */
    uint64_t strays;       /* verdicts that nobody awaits */
    int code;              /* of dapr_reader_fail() */
    char *message;
    struct await_table awaited;
};

static void reader_unref(struct reader_core *core)
{
    struct dapr_reader *reader = core->reader;

    if (atomic_fetch_sub(&core->references, 1) > 1)
        return;
    instance_unref(core->instance);
    slot_unref(core->slot);
    pthread_mutex_destroy(&core->lock);
    pthread_cond_destroy(&core->ending);
    pthread_cond_destroy(&core->room);
    free(core->message);
    free(core);
    reader->core = NULL;
    reader->home->release(reader);
    life_leave();
}

/* Asks the home to end the stream, once, unless it has. */
static void finish(struct reader_core *core, int code, const char *message)
{
    bool first;

    pthread_mutex_lock(&core->lock);
    first = !core->finished && !core->ended;
    core->finished = true;
    pthread_mutex_unlock(&core->lock);
    if (first)
        core->reader->home->finish(core->reader, code, message);
}

/* ---- the thread ---------------------------------------------------------- */

/* What read() returned, and dapr_reader_fail() said, go to the home. */
static void conclude(struct reader_core *core, int rc)
{
    int code;

    pthread_mutex_lock(&core->lock);
    code = core->code ? core->code : -rc;
    pthread_mutex_unlock(&core->lock);
    if (!code)
        return;
    if (code < DAPR_CANCELLED || code > DAPR_UNAUTHENTICATED)
        code = DAPR_UNKNOWN;
    finish(core, code,
           core->message ? core->message : "the component gave no reason");
}

/* Until the stream has ended and all its verdicts are given. */
static void await_end(struct reader_core *core)
{
    bool drained;

    pthread_mutex_lock(&core->lock);
    while (!core->ended || core->awaited.used || core->answering) {
        drained = core->draining && !core->finished && !core->awaited.used &&
                  !core->answering;
        if (drained) {
            pthread_mutex_unlock(&core->lock);
            finish(core, 0, "");
            pthread_mutex_lock(&core->lock);
        } else {
            pthread_cond_wait(&core->ending, &core->lock);
        }
    }
    pthread_mutex_unlock(&core->lock);
}

static void run_read(void *arg)
{
    struct reader_core *core = arg;
    struct table *table = core->slot->table;
    void *self = core->instance->self;

    conclude(core, table->read(self, core->reader));
    await_end(core);
    table->stop(self, core->reader);
    if (core->strays)
        dapr_log(core->instance, DAPR_WARNING,
                 "%llu verdicts for unknown message ids were ignored",
                 (unsigned long long)core->strays);
    reader_unref(core);
}

/* When no Init is in the way. The home may have ended the stream meanwhile. */
static void open_stream(struct job *job)
{
    struct reader_core *core = container_of(job, struct reader_core, open);

    core->instance = slot_instance(core->slot);
    if (!core->instance) {
        finish(core, DAPR_FAILED_PRECONDITION,
               "the component is not initialised: call Init first");
        reader_unref(core);
    } else if (thread_start(run_read, core) != 0) {
        finish(core, DAPR_RESOURCE_EXHAUSTED, "no thread can be started");
        reader_unref(core);
    }
}

static struct reader_core *reader_new(struct dapr_reader *reader)
{
    struct reader_core *core = malloc(sizeof *core);

    if (!core)
        return NULL;
    memset(core, 0, offsetof(struct reader_core, awaited));
    core->reader = reader;
    core->open.run = open_stream;
    atomic_init(&core->references, 2);
    pthread_mutex_init(&core->lock, NULL);
    pthread_cond_init(&core->ending, NULL);
    pthread_cond_init(&core->room, NULL);
    await_init(&core->awaited);
    return core;
}

void reader_start(struct component *component, const char *instance,
                  struct dapr_reader *reader)
{
    struct reader_core *core = reader_new(reader);

    life_enter();
    reader->core = core;
    if (!core) {
        reader->home->finish(reader, DAPR_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    core->slot = slot_find(component, BINDING_INPUT, instance);
    if (!core->slot) {
        finish(core, DAPR_FAILED_PRECONDITION,
               "the component is not initialised: call Init first");
        reader_unref(core);
    } else if (slot_after_init(core->slot, &core->open) != 0) {
        finish(core, DAPR_RESOURCE_EXHAUSTED, "too much waits for Init");
        reader_unref(core);
    }
}

/* ---- verdicts ------------------------------------------------------------ */

/* An event has left the table. With the lock held. */
static void settled(struct reader_core *core)
{
    pthread_cond_signal(&core->room);
    if (core->draining)
        pthread_cond_broadcast(&core->ending);
}

/* With the lock held. */
static void stop_events(struct reader_core *core)
{
    core->draining = true;
    pthread_cond_broadcast(&core->ending);
    pthread_cond_broadcast(&core->room);
}

/* Gives a verdict to who awaits it. Enters and leaves with the lock held. */
static void give(struct reader_core *core, const struct awaited *awaited,
                 const struct dapr_answer *answer)
{
    core->answering++;
    pthread_mutex_unlock(&core->lock);
    awaited->done(awaited->data, answer);
    pthread_mutex_lock(&core->lock);
    core->answering--;
    settled(core);
}

void reader_verdict(struct dapr_reader *reader, const char *message_id,
                    const struct dapr_answer *answer)
{
    struct reader_core *core = reader->core;
    struct awaited awaited;

    if (!core)
        return;
    pthread_mutex_lock(&core->lock);
    if (await_take(&core->awaited, await_number(message_id), &awaited))
        give(core, &awaited, answer);
    else
        core->strays++;
    pthread_mutex_unlock(&core->lock);
}

void reader_drain(struct dapr_reader *reader)
{
    struct reader_core *core = reader->core;

    if (!core)
        return;
    pthread_mutex_lock(&core->lock);
    stop_events(core);
    pthread_mutex_unlock(&core->lock);
}

void reader_end(struct dapr_reader *reader)
{
    static const struct dapr_answer lost = {.verdict = DAPR_LOST};
    struct reader_core *core = reader->core;
    struct awaited awaited;

    if (!core) {
        reader->home->release(reader);
        life_leave();
        return;
    }
    pthread_mutex_lock(&core->lock);
    core->ended = true;
    stop_events(core);
    while (await_take_any(&core->awaited, &awaited))
        give(core, &awaited, &lost);
    pthread_mutex_unlock(&core->lock);
    reader_unref(core);
}

/* ---- delivering ---------------------------------------------------------- */

/* Takes an event back that could not be sent, unless its verdict came. */
static int withdraw(struct reader_core *core, uint64_t number)
{
    struct awaited awaited;
    bool taken;

    pthread_mutex_lock(&core->lock);
    taken = await_take(&core->awaited, number, &awaited);
    settled(core);
    pthread_mutex_unlock(&core->lock);
    return taken ? -1 : 0;
}

/* Sends under the next id. 0: done was called, or will be. */
static int send_event(struct reader_core *core, const struct dapr_event *event,
                      uint64_t number)
{
    char id[EVENT_ID_SIZE];

    await_id(id, number);
    if (core->reader->home->send(core->reader, id, event) == 0)
        return 0;
    return withdraw(core, number);
}

/* The rare case: something in it is not UTF-8. */
static int send_repaired(struct reader_core *core,
                         const struct dapr_event *event, uint64_t number)
{
    struct dapr_event fixed = *event;
    struct pairs pairs = {0};
    char *type = event->content_type ? strdup(event->content_type) : NULL;
    int rc = -1;

    if (pairs_copy(&pairs, event->metadata) == 0 &&
        (type || !event->content_type)) {
        for (size_t i = 0; i < pairs.count; i++) {
            message_repair((char *)pairs.items[i].name);
            message_repair((char *)pairs.items[i].value);
        }
        if (type)
            message_repair(type);
        fixed.metadata = pairs_view(&pairs);
        fixed.content_type = type;
        rc = send_event(core, &fixed, number);
    } else {
        rc = withdraw(core, number);
    }
    pairs_done(&pairs);
    free(type);
    return rc;
}

static bool event_valid(const struct dapr_event *event)
{
    for (size_t i = 0; i < event->metadata.count; i++) {
        if (!message_valid(event->metadata.pairs[i].name) ||
            !message_valid(event->metadata.pairs[i].value))
            return false;
    }
    return !event->content_type || message_valid(event->content_type);
}

static int deliver(struct reader_core *core, const struct dapr_event *event,
                   void (*done)(void *data, const struct dapr_answer *answer),
                   void *data, bool wait)
{
    uint64_t number = 0;

    pthread_mutex_lock(&core->lock);
    while (!core->draining &&
           !(number = await_add(&core->awaited, done, data)) && wait)
        pthread_cond_wait(&core->room, &core->lock);
    pthread_mutex_unlock(&core->lock);
    if (!number)
        return -1;
    return event_valid(event) ? send_event(core, event, number)
                              : send_repaired(core, event, number);
}

int dapr_deliver_async(dapr_reader *reader, const struct dapr_event *event,
                       void (*done)(void *data,
                                    const struct dapr_answer *answer),
                       void *data)
{
    return deliver(reader->core, event, done, data, false);
}

/* An author's thread that sleeps in dapr_deliver(); on its stack. */
struct waiter {
    sem_t given;
    enum dapr_verdict verdict;
    struct dapr_answer **answer;
};

/* One block of memory: the answer, its error, its response. */
static struct dapr_answer *copy_answer(const struct dapr_answer *from)
{
    size_t text = from->error ? strlen(from->error) + 1 : 0;
    struct dapr_answer *answer =
        malloc(sizeof *answer + text + from->response.size);
    char *behind = (char *)(answer + 1);

    if (!answer)
        return NULL;
    *answer = (struct dapr_answer){.verdict = from->verdict};
    if (text)
        answer->error = memcpy(behind, from->error, text);
    if (from->response.size)
        answer->response = (struct dapr_bytes){
            memcpy(behind + text, from->response.data, from->response.size),
            from->response.size};
    return answer;
}

void dapr_answer_free(struct dapr_answer *answer)
{
    free(answer);
}

static void wake(void *data, const struct dapr_answer *answer)
{
    struct waiter *waiter = data;

    waiter->verdict = answer->verdict;
    if (waiter->answer)
        *waiter->answer = copy_answer(answer);
    sem_post(&waiter->given);
}

enum dapr_verdict dapr_deliver(dapr_reader *reader,
                               const struct dapr_event *event,
                               struct dapr_answer **answer)
{
    static const struct dapr_answer lost = {.verdict = DAPR_LOST};
    struct waiter waiter = {.answer = answer};

    sem_init(&waiter.given, 0, 0);
    if (deliver(reader->core, event, wake, &waiter, true) != 0)
        wake(&waiter, &lost);
    while (sem_wait(&waiter.given) != 0)
        ; /* a signal */
    sem_destroy(&waiter.given);
    return waiter.verdict;
}

/* ---- what a reader knows ------------------------------------------------- */

dapr_instance *dapr_reader_instance(dapr_reader *reader)
{
    return reader->core->instance;
}

int dapr_reader_wait(dapr_reader *reader, long milliseconds)
{
    struct reader_core *core = reader->core;
    struct timespec limit = clock_spec(clock_after(milliseconds));
    int late = milliseconds <= 0;
    int open;

    pthread_mutex_lock(&core->lock);
    while (!core->draining && !late)
        late = pthread_cond_clockwait(&core->ending, &core->lock,
                                      CLOCK_MONOTONIC, &limit);
    open = !core->draining;
    pthread_mutex_unlock(&core->lock);
    return open;
}

int dapr_reader_fail(dapr_reader *reader, enum dapr_code code,
                     const char *format, ...)
{
    struct reader_core *core = reader->core;
    struct message message;
    char *copy;
    va_list args;

    va_start(args, format);
    message_format(&message, format, args);
    va_end(args);
    copy = strdup(message.text);
    pthread_mutex_lock(&core->lock);
    free(core->message);
    core->message = copy;
    core->code = (int)code;
    pthread_mutex_unlock(&core->lock);
    return -(int)code;
}
