/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for what may block, and order for what must not run at once.
 *
 * Workers are a pool that grows with the work, up to WORKERS_MAX threads, and
 * shrinks when it is idle. A strand is a queue whose jobs run one at a time, in
 * order, on whatever thread is free; no thread ever waits for another's turn.
 * Jobs are embedded in what they belong to. All functions: any thread.
 */
#ifndef CORE_WORKERS_H
#define CORE_WORKERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define WORKERS_MAX       64
#define WORKERS_QUEUE_MAX 4096
#define WORKERS_IDLE_MS   10000
#define STRAND_QUEUE_MAX  4096

/* Starts a detached thread that may run a component's code. Whatever the mask
 * of who starts it, SIGTERM and SIGINT can reach it, and so what it executes.
 * 0 or -1. */
int thread_start(void (*run)(void *arg), void *arg);

/* Something to run once. Its memory is free to go as soon as run is called. */
struct job {
    void (*run)(struct job *job);
    bool urgent; /* taken even when the queue is full: ends something */
    STAILQ_ENTRY(job) link;
};

STAILQ_HEAD(job_queue, job);

struct workers {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work;
    pthread_cond_t ended;
    struct job_queue queue;
    size_t length;
    int threads;
    int idle;
    bool stopping;
};

#define WORKERS_INITIALIZER(workers)                                           \
    {                                                                          \
        .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER,   \
        .ended = PTHREAD_COND_INITIALIZER,                                     \
        .queue = STAILQ_HEAD_INITIALIZER((workers).queue),                     \
    }

/* 0; or -1 when the queue is full, or there is no thread and none can start. */
int workers_add(struct workers *workers, struct job *job);

/* Ends the threads once they have done what is queued. False when some were
 * still busy at `deadline` (clock_now()); else it can be used again. */
bool workers_stop(struct workers *workers, int64_t deadline);

struct strand {
    struct workers *workers;
    pthread_mutex_t lock; /* guards all below */
    struct job_queue queue;
    size_t length;
    bool running;
    struct job turn; /* the strand's own place in the workers' queue */
};

/* A strand may never be freed while it can run; it owns no memory. */
void strand_init(struct strand *strand, struct workers *workers);

/* Runs a job after those that were added before it: on this thread, before it
 * returns, where `here` is set and the strand is idle, else on a worker. 0, or
 * -1 when the queue is full or no worker can start. */
int strand_add(struct strand *strand, struct job *job, bool here);

#endif
