/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers and strands; see workers.h. A worker belongs to nobody: it takes jobs
 * until there have been none for a while. A strand with something to do has
 * exactly one turn: in the workers' queue, or on the thread that runs it.
 */
#include "core/workers.h"

#include "core/clock.h"
#include "core/container.h"

#include <signal.h>
#include <stdlib.h>

/* So many jobs of one strand run before other work gets its turn. */
#define STRAND_TURN 64

struct start {
    void (*run)(void *arg);
    void *arg;
};

static void *run_thread(void *memory)
{
    struct start start = *(struct start *)memory;
    sigset_t mask;

    free(memory);
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
    start.run(start.arg);
    return NULL;
}

int thread_start(void (*run)(void *arg), void *arg)
{
    struct start *start = malloc(sizeof *start);
    pthread_t thread;

    if (!start)
        return -1;
    *start = (struct start){run, arg};
    if (pthread_create(&thread, NULL, run_thread, start) != 0) {
        free(start);
        return -1;
    }
    pthread_detach(thread);
    return 0;
}

/* ---- workers ------------------------------------------------------------- */

/* With the lock held. */
static struct job *take(struct job_queue *queue, size_t *length)
{
    struct job *job = STAILQ_FIRST(queue);

    if (job) {
        STAILQ_REMOVE_HEAD(queue, link);
        (*length)--;
    }
    return job;
}

/* Waits for a job; NULL when the thread should end. With the lock held. */
static struct job *await(struct workers *workers)
{
    struct timespec limit = clock_spec(clock_after(WORKERS_IDLE_MS));
    struct job *job;
    int late = 0;

    while (!(job = take(&workers->queue, &workers->length))) {
        if (late || workers->stopping)
            return NULL;
        workers->idle++;
        late = pthread_cond_clockwait(&workers->work, &workers->lock,
                                      CLOCK_MONOTONIC, &limit);
        workers->idle--;
    }
    return job;
}

static void work(void *arg)
{
    struct workers *workers = arg;
    struct job *job;

    pthread_mutex_lock(&workers->lock);
    while ((job = await(workers))) {
        pthread_mutex_unlock(&workers->lock);
        job->run(job);
        pthread_mutex_lock(&workers->lock);
    }
    workers->threads--;
    pthread_cond_broadcast(&workers->ended);
    pthread_mutex_unlock(&workers->lock);
}

int workers_add(struct workers *workers, struct job *job)
{
    int rc = -1;

    pthread_mutex_lock(&workers->lock);
    if (workers->length >= WORKERS_QUEUE_MAX && !job->urgent)
        goto out;
    if (workers->length >= (size_t)workers->idle &&
        workers->threads < WORKERS_MAX && thread_start(work, workers) == 0)
        workers->threads++;
    if (!workers->threads)
        goto out;
    STAILQ_INSERT_TAIL(&workers->queue, job, link);
    workers->length++;
    pthread_cond_signal(&workers->work);
    rc = 0;
out:
    pthread_mutex_unlock(&workers->lock);
    return rc;
}

bool workers_stop(struct workers *workers, int64_t deadline)
{
    struct timespec limit = clock_spec(deadline);
    bool ended;
    int late = 0;

    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->work);
    while (workers->threads && !late)
        late = pthread_cond_clockwait(&workers->ended, &workers->lock,
                                      CLOCK_MONOTONIC, &limit);
    ended = !workers->threads;
    workers->stopping = !ended;
    pthread_mutex_unlock(&workers->lock);
    return ended;
}

/* ---- strands ------------------------------------------------------------- */

/* The next job, or NULL: then the strand is idle. */
static struct job *next(struct strand *strand)
{
    struct job *job;

    pthread_mutex_lock(&strand->lock);
    job = take(&strand->queue, &strand->length);
    strand->running = job != NULL;
    pthread_mutex_unlock(&strand->lock);
    return job;
}

static void run_all(struct strand *strand)
{
    struct job *job;

    while ((job = next(strand)))
        job->run(job);
}

/* On a worker: a turn, and the next one when there is more to do. */
static void run_turn(struct job *turn)
{
    struct strand *strand = container_of(turn, struct strand, turn);
    struct job *job;

    for (int i = 0; i < STRAND_TURN; i++) {
        job = next(strand);
        if (!job)
            return;
        job->run(job);
    }
    if (workers_add(strand->workers, turn) != 0)
        run_all(strand);
}

void strand_init(struct strand *strand, struct workers *workers)
{
    *strand = (struct strand){
        .workers = workers,
        .queue = STAILQ_HEAD_INITIALIZER(strand->queue),
        .turn = {.run = run_turn, .urgent = true},
    };
    pthread_mutex_init(&strand->lock, NULL);
}

int strand_add(struct strand *strand, struct job *job, bool here)
{
    bool idle;

    pthread_mutex_lock(&strand->lock);
    idle = !strand->running;
    if ((strand->length >= STRAND_QUEUE_MAX && !job->urgent) ||
        (idle && !here && workers_add(strand->workers, &strand->turn) != 0)) {
        pthread_mutex_unlock(&strand->lock);
        return -1;
    }
    STAILQ_INSERT_TAIL(&strand->queue, job, link);
    strand->length++;
    strand->running = true;
    pthread_mutex_unlock(&strand->lock);
    if (idle && here)
        run_all(strand);
    return 0;
}
