/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: one libuv timer and one prepare handle serve all timers and tasks.
 * The loop's thread owns all but the queue of posts, which has a lock. */
#include "net/loop.h"

#include "core/container.h"

#include <assert.h>

static void run_timers(uv_timer_t *handle);

/* ---- timers -------------------------------------------------------------- */

/* Sets libuv's timer to the soonest of ours. */
static void arm(struct loop *loop)
{
    struct loop_timer *first = TAILQ_FIRST(&loop->timers);
    uint64_t now = uv_now(&loop->uv);

    if (first)
        uv_timer_start(&loop->timer, run_timers,
                       first->at > now ? first->at - now : 0, 0);
    else
        uv_timer_stop(&loop->timer);
}

static void run_timers(uv_timer_t *handle)
{
    struct loop *loop = container_of(handle, struct loop, timer);
    struct loop_timer *timer;

    loop->firing = true;
    while ((timer = TAILQ_FIRST(&loop->timers)) &&
           timer->at <= uv_now(&loop->uv)) {
        loop_timer_stop(loop, timer);
        timer->fire(timer);
    }
    loop->firing = false;
    arm(loop);
}

/* From the back: most timers are started with one of a few durations, so the
 * place is near. What a firing timer starts is not due in the same turn. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer,
                      uint64_t milliseconds)
{
    struct loop_timer *before;

    loop_timer_stop(loop, timer);
    if (!milliseconds && loop->firing)
        milliseconds = 1;
    timer->at = uv_now(&loop->uv) + milliseconds;
    if (!timer->at)
        timer->at = 1; /* 0 means stopped */
    TAILQ_FOREACH_REVERSE(before, &loop->timers, loop_timers, link)
    {
        if (before->at <= timer->at)
            break;
    }
    if (before) {
        TAILQ_INSERT_AFTER(&loop->timers, before, timer, link);
    } else {
        TAILQ_INSERT_HEAD(&loop->timers, timer, link);
        arm(loop);
    }
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    if (!timer->at)
        return;
    TAILQ_REMOVE(&loop->timers, timer, link);
    timer->at = 0;
}

uint64_t loop_now(struct loop *loop)
{
    return uv_now(&loop->uv);
}

/* ---- tasks --------------------------------------------------------------- */

static void run_tasks(uv_prepare_t *handle)
{
    struct loop *loop = container_of(handle, struct loop, prepare);
    struct loop_task *task;

    while ((task = TAILQ_FIRST(&loop->tasks))) {
        loop_task_remove(loop, task);
        task->run(task);
    }
}

void loop_task_add(struct loop *loop, struct loop_task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    TAILQ_INSERT_TAIL(&loop->tasks, task, link);
}

void loop_task_remove(struct loop *loop, struct loop_task *task)
{
    if (!task->queued)
        return;
    task->queued = false;
    TAILQ_REMOVE(&loop->tasks, task, link);
}

/* ---- posts --------------------------------------------------------------- */

static void run_posts(uv_async_t *handle)
{
    struct loop *loop = container_of(handle, struct loop, wake);
    STAILQ_HEAD(, loop_post) posted = STAILQ_HEAD_INITIALIZER(posted);
    struct loop_post *post;

    uv_mutex_lock(&loop->posted_lock);
    STAILQ_CONCAT(&posted, &loop->posted);
    uv_mutex_unlock(&loop->posted_lock);
    while ((post = STAILQ_FIRST(&posted))) {
        STAILQ_REMOVE_HEAD(&posted, link);
        post->run(post);
    }
}

void loop_post(struct loop *loop, struct loop_post *post)
{
    uv_mutex_lock(&loop->posted_lock);
    STAILQ_INSERT_TAIL(&loop->posted, post, link);
    uv_mutex_unlock(&loop->posted_lock);
    uv_async_send(&loop->wake);
}

/* ---- life ---------------------------------------------------------------- */

int loop_init(struct loop *loop)
{
    int status = uv_loop_init(&loop->uv);

    if (status)
        return status;
    loop->firing = false;
    TAILQ_INIT(&loop->tasks);
    TAILQ_INIT(&loop->timers);
    STAILQ_INIT(&loop->posted);
    uv_mutex_init(&loop->posted_lock);
    uv_timer_init(&loop->uv, &loop->timer);
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_prepare_start(&loop->prepare, run_tasks);
    return uv_async_init(&loop->uv, &loop->wake, run_posts);
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

void loop_done(struct loop *loop)
{
    int status;

    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    status = uv_loop_close(&loop->uv);
    assert(status == 0);
    (void)status;
    uv_mutex_destroy(&loop->posted_lock);
}
