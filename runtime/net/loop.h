/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: libuv's, with two things added that everything above uses:
 * timers that are stopped without a callback, and work that is gathered and
 * done once a turn, before the loop waits.
 *
 * One thread runs a loop and owns all that hangs off it; loop_post() is the
 * only function that other threads may call. There are no globals, so that
 * several loops can live in one process.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

struct loop;

/* Embedded in what it belongs to; zero-initialised is stopped. */
struct loop_timer {
    void (*fire)(struct loop_timer *timer);
    uint64_t at;    /* 0: stopped */
    uint64_t order; /* of starting, and its place in the heap: the loop's */
    struct loop_timer *prev, *next, *child;
};

/* Something to do before the loop waits again; done once however often it was
 * asked for. What tasks ask for in turn is done after a look at what has come
 * meanwhile, so that none can keep the others out. Zero-initialised is not
 * asked for. */
struct loop_task {
    void (*run)(struct loop_task *task);
    bool queued;
    TAILQ_ENTRY(loop_task) link;
};

/* Something that another thread hands over; memory is the poster's until run
 * is called on the loop's thread. */
struct loop_post {
    void (*run)(struct loop_post *post);
    STAILQ_ENTRY(loop_post) link;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_timer_t timer;
    uv_async_t wake;
    uv_mutex_t posted_lock;
    STAILQ_HEAD(, loop_post) posted; /* guarded by posted_lock */
    TAILQ_HEAD(, loop_task) tasks;   /* in order of asking */
    struct loop_task turn_end;       /* behind those of this turn */
    struct loop_timer *timers;       /* a heap's root: the soonest */
    uint64_t order;                  /* of the last timer that was started */
    /* Of all connections: one reads at a time. */
    uint8_t read_buffer[64 * 1024];
};

/* 0, or a libuv error. */
int loop_init(struct loop *loop);

/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* One turn without waiting: runs what was posted after the last one. */
void loop_turn(struct loop *loop);

/* After the last run: closes its handles; all others must be closing. Aborts
 * where one is left over, which is a leak. */
void loop_done(struct loop *loop);

/* Milliseconds of a monotonic clock, as of this turn of the loop. */
uint64_t loop_now(struct loop *loop);

/* Starts, or starts anew. Timers of one moment fire in the order of starting.
 */
void loop_timer_start(struct loop *loop, struct loop_timer *timer,
                      uint64_t milliseconds);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

void loop_task_add(struct loop *loop, struct loop_task *task);
void loop_task_remove(struct loop *loop, struct loop_task *task);

/* Any thread. */
void loop_post(struct loop *loop, struct loop_post *post);

#endif
