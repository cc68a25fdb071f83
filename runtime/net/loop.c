/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: one libuv timer and one prepare handle serve all timers and tasks.
 * The loop's thread owns all but the queue of posts, which has a lock. */
#include "net/loop.h"

#include "core/container.h"

#include <assert.h>

static void run_timers(uv_timer_t *handle);

/* ---- timers: a pairing heap ---------------------------------------------- */

/* Most timers are stopped before they fire: to start one, and to stop one that
 * has no children, takes constant time however many there are. */

static bool sooner(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

/* Makes one heap of two; either may be NULL. */
static struct loop_timer *meld(struct loop_timer *a, struct loop_timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (sooner(b, a))
        return meld(b, a);
    b->prev = a;
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    a->child = b;
    a->prev = a->next = NULL;
    return a;
}

/* Makes one heap of a list of them: in pairs, then from the last to the first,
 * which is what keeps the heap flat. */
static struct loop_timer *meld_all(struct loop_timer *list)
{
    struct loop_timer *pairs = NULL, *heap = NULL, *a, *b;

    while ((a = list)) {
        b = a->next;
        list = b ? b->next : NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while ((a = pairs)) {
        pairs = a->next;
        heap = meld(heap, a);
    }
    return heap;
}

static void take_out(struct loop *loop, struct loop_timer *timer)
{
    struct loop_timer *children = meld_all(timer->child);

    if (timer == loop->timers) {
        loop->timers = children;
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->next;
        else
            timer->prev->next = timer->next;
        if (timer->next)
            timer->next->prev = timer->prev;
        loop->timers = meld(loop->timers, children);
    }
    timer->prev = timer->next = timer->child = NULL;
}

/* ---- timers -------------------------------------------------------------- */

/* Sets libuv's timer to the soonest of ours, `least` ms from now or later. */
static void arm(struct loop *loop, uint64_t least)
{
    uint64_t now = uv_now(&loop->uv);
    const struct loop_timer *first = loop->timers;
    uint64_t delay = first && first->at > now ? first->at - now : 0;

    if (first)
        uv_timer_start(&loop->timer, run_timers, delay > least ? delay : least,
                       0);
}

/* What a firing timer starts is not due in the same turn: libuv would go on
 * with its own as long as one is. */
static void run_timers(uv_timer_t *handle)
{
    struct loop *loop = container_of(handle, struct loop, timer);
    uint64_t last = loop->order;
    struct loop_timer *timer;

    while ((timer = loop->timers) && timer->at <= uv_now(&loop->uv) &&
           timer->order <= last) {
        loop_timer_stop(loop, timer);
        timer->fire(timer);
    }
    arm(loop, 1);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer,
                      uint64_t milliseconds)
{
    loop_timer_stop(loop, timer);
    timer->at = uv_now(&loop->uv) + milliseconds;
    if (!timer->at)
        timer->at = 1; /* 0 means stopped */
    timer->order = ++loop->order;
    loop->timers = meld(loop->timers, timer);
    if (loop->timers == timer)
        arm(loop, 0);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    if (!timer->at)
        return;
    take_out(loop, timer);
    timer->at = 0;
}

uint64_t loop_now(struct loop *loop)
{
    return uv_now(&loop->uv);
}

/* ---- tasks --------------------------------------------------------------- */

/* Those that were asked for up to now. What they ask for has its turn after the
 * next poll, which does not wait then. */
static void run_tasks(uv_prepare_t *handle)
{
    struct loop *loop = container_of(handle, struct loop, prepare);
    struct loop_task *end = &loop->turn_end;
    struct loop_task *task;

    if (TAILQ_EMPTY(&loop->tasks))
        return;
    loop_task_add(loop, end);
    while ((task = TAILQ_FIRST(&loop->tasks)) != end) {
        loop_task_remove(loop, task);
        task->run(task);
    }
    loop_task_remove(loop, end);
    if (!TAILQ_EMPTY(&loop->tasks))
        uv_timer_start(&loop->timer, run_timers, 0, 0);
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
    status = uv_async_init(&loop->uv, &loop->wake, run_posts);
    if (status) {
        uv_loop_close(&loop->uv);
        return status;
    }
    loop->timers = NULL;
    loop->order = 0;
    loop->turn_end = (struct loop_task){0};
    TAILQ_INIT(&loop->tasks);
    STAILQ_INIT(&loop->posted);
    uv_mutex_init(&loop->posted_lock);
    uv_timer_init(&loop->uv, &loop->timer);
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_prepare_start(&loop->prepare, run_tasks);
    return 0;
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_turn(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_NOWAIT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

static void assert_closing(uv_handle_t *handle, void *data)
{
    (void)data;
    assert(uv_is_closing(handle));
}

void loop_done(struct loop *loop)
{
    int status;

    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_walk(&loop->uv, assert_closing, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    status = uv_loop_close(&loop->uv);
    assert(status == 0);
    (void)status;
    uv_mutex_destroy(&loop->posted_lock);
}
