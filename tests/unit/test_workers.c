/* SPDX-License-Identifier: Apache-2.0 */
/* Workers grow, shrink and refuse; strands keep order without blocking. */
#include "core/workers.h"

#include "core/clock.h"
#include "core/container.h"
#include "support/sdk_wait.h"

#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct workers pool = WORKERS_INITIALIZER(pool);

/* A job that says that it runs, and may be held until it may end. */
struct held {
    struct job job;
    sem_t running;
    sem_t go;
};

static void run_held(struct job *job)
{
    struct held *held = container_of(job, struct held, job);

    sem_post(&held->running);
    must_come(&held->go);
}

static void held_init(struct held *held)
{
    held->job = (struct job){.run = run_held};
    sem_init(&held->running, 0, 0);
    sem_init(&held->go, 0, 0);
}

static void stop_pool(void)
{
    assert_true(workers_stop(&pool, clock_after(10000)));
    assert_int_equal(pool.threads, 0);
}

static void test_grows_to_its_limit(void **state)
{
    static struct held held[WORKERS_MAX + 1];

    (void)state;
    for (int i = 0; i <= WORKERS_MAX; i++) {
        held_init(&held[i]);
        assert_int_equal(workers_add(&pool, &held[i].job), 0);
    }
    for (int i = 0; i < WORKERS_MAX; i++)
        must_come(&held[i].running);
    assert_int_equal(sem_trywait(&held[WORKERS_MAX].running), -1);
    for (int i = 0; i <= WORKERS_MAX; i++)
        sem_post(&held[i].go);
    must_come(&held[WORKERS_MAX].running);
    stop_pool();
}

static void await_idle(int count)
{
    int64_t deadline = clock_after(10000);
    int idle = -1;

    while (idle != count && clock_now() < deadline) {
        pthread_mutex_lock(&pool.lock);
        idle = pool.idle;
        pthread_mutex_unlock(&pool.lock);
        sched_yield();
    }
    assert_int_equal(idle, count);
}

static void test_an_idle_thread_is_used_first(void **state)
{
    struct held held;

    (void)state;
    for (int i = 0; i < 100; i++) {
        held_init(&held);
        sem_post(&held.go);
        workers_add(&pool, &held.job);
        must_come(&held.running);
        await_idle(1);
    }
    assert_int_equal(pool.threads, 1);
    stop_pool();
}

static void test_a_full_queue_refuses_but_the_urgent(void **state)
{
    static struct held busy[WORKERS_MAX], waiting[WORKERS_QUEUE_MAX], more;

    (void)state;
    for (int i = 0; i < WORKERS_MAX; i++) {
        held_init(&busy[i]);
        assert_int_equal(workers_add(&pool, &busy[i].job), 0);
        must_come(&busy[i].running);
    }
    for (int i = 0; i < WORKERS_QUEUE_MAX; i++) {
        held_init(&waiting[i]);
        sem_post(&waiting[i].go);
        assert_int_equal(workers_add(&pool, &waiting[i].job), 0);
    }
    held_init(&more);
    sem_post(&more.go);
    assert_int_equal(workers_add(&pool, &more.job), -1);
    more.job.urgent = true;
    assert_int_equal(workers_add(&pool, &more.job), 0);
    for (int i = 0; i < WORKERS_MAX; i++)
        sem_post(&busy[i].go);
    must_come(&more.running);
    stop_pool();
}

static void test_stop_has_a_deadline(void **state)
{
    struct held held;

    (void)state;
    held_init(&held);
    workers_add(&pool, &held.job);
    must_come(&held.running);
    assert_false(workers_stop(&pool, clock_after(20)));
    sem_post(&held.go);
    stop_pool();
}

/* ---- strands ------------------------------------------------------------- */

struct step {
    struct job job;
    int number;
    pthread_t thread;
};

static atomic_int steps, inside;
static sem_t all_done;
static int goal;

static void run_step(struct job *job)
{
    struct step *step = container_of(job, struct step, job);

    assert_int_equal(atomic_fetch_add(&inside, 1), 0);
    step->number = atomic_fetch_add(&steps, 1);
    step->thread = pthread_self();
    atomic_fetch_sub(&inside, 1);
    if (step->number + 1 == goal)
        sem_post(&all_done);
}

static void expect_steps(int count)
{
    atomic_store(&steps, 0);
    sem_init(&all_done, 0, 0);
    goal = count;
}

#define MANY 1000

static void test_a_strand_keeps_order(void **state)
{
    static struct step many[MANY];
    struct strand strand;

    (void)state;
    strand_init(&strand, &pool);
    expect_steps(MANY);
    for (int i = 0; i < MANY; i++) {
        many[i].job = (struct job){.run = run_step};
        assert_int_equal(strand_add(&strand, &many[i].job, false), 0);
    }
    must_come(&all_done);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(many[i].number, i);
    stop_pool();
}

struct adder {
    pthread_t thread;
    struct strand *strand;
    struct step steps[MANY];
    bool here;
};

static void *add_many(void *arg)
{
    struct adder *adder = arg;

    for (int i = 0; i < MANY; i++) {
        adder->steps[i].job = (struct job){.run = run_step};
        while (strand_add(adder->strand, &adder->steps[i].job, adder->here))
            sched_yield();
    }
    return NULL;
}

/* From many threads, on workers and here, mixed. */
static void test_one_at_a_time(void **state)
{
    static struct adder adders[8];
    struct strand strand;

    (void)state;
    strand_init(&strand, &pool);
    expect_steps(8 * MANY);
    for (int i = 0; i < 8; i++) {
        adders[i].strand = &strand;
        adders[i].here = i % 2;
        pthread_create(&adders[i].thread, NULL, add_many, &adders[i]);
    }
    for (int i = 0; i < 8; i++)
        pthread_join(adders[i].thread, NULL);
    must_come(&all_done);
    stop_pool();
}

static void test_here_is_here_when_idle(void **state)
{
    struct step step = {.job = {.run = run_step}};
    struct strand strand;

    (void)state;
    strand_init(&strand, &pool);
    expect_steps(1);
    assert_int_equal(strand_add(&strand, &step.job, true), 0);
    assert_int_equal(atomic_load(&steps), 1);
    assert_true(pthread_equal(step.thread, pthread_self()));
    assert_int_equal(pool.threads, 0);
}

static void test_here_does_not_wait(void **state)
{
    struct step step = {.job = {.run = run_step}};
    struct strand strand;
    struct held held;

    (void)state;
    strand_init(&strand, &pool);
    held_init(&held);
    expect_steps(1);
    strand_add(&strand, &held.job, false);
    must_come(&held.running);
    assert_int_equal(strand_add(&strand, &step.job, true), 0);
    assert_int_equal(atomic_load(&steps), 0);
    sem_post(&held.go);
    must_come(&all_done);
    stop_pool();
}

static void test_a_full_strand_refuses(void **state)
{
    static struct step many[STRAND_QUEUE_MAX + 1];
    struct strand strand;
    struct held held;

    (void)state;
    strand_init(&strand, &pool);
    held_init(&held);
    expect_steps(STRAND_QUEUE_MAX + 1);
    strand_add(&strand, &held.job, false);
    must_come(&held.running);
    for (int i = 0; i <= STRAND_QUEUE_MAX; i++) {
        many[i].job = (struct job){.run = run_step};
        assert_int_equal(strand_add(&strand, &many[i].job, false),
                         i < STRAND_QUEUE_MAX ? 0 : -1);
    }
    many[STRAND_QUEUE_MAX].job.urgent = true;
    assert_int_equal(strand_add(&strand, &many[STRAND_QUEUE_MAX].job, false),
                     0);
    sem_post(&held.go);
    must_come(&all_done);
    stop_pool();
}

/* A strand that never gets empty leaves other work its turn. */
static void refill(struct job *job);

static struct strand endless;
static atomic_bool enough;
static sem_t emptied;

static void refill(struct job *job)
{
    if (atomic_load(&enough))
        sem_post(&emptied);
    else
        strand_add(&endless, job, false);
}

static void test_a_busy_strand_is_fair(void **state)
{
    static struct held busy[WORKERS_MAX - 1];
    struct job job = {.run = refill};
    struct held other;

    (void)state;
    strand_init(&endless, &pool);
    sem_init(&emptied, 0, 0);
    for (int i = 0; i < WORKERS_MAX - 1; i++) {
        held_init(&busy[i]);
        workers_add(&pool, &busy[i].job);
        must_come(&busy[i].running);
    }
    strand_add(&endless, &job, false);
    held_init(&other);
    sem_post(&other.go);
    workers_add(&pool, &other.job);
    must_come(&other.running);
    atomic_store(&enough, true);
    must_come(&emptied);
    for (int i = 0; i < WORKERS_MAX - 1; i++)
        sem_post(&busy[i].go);
    stop_pool();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_to_its_limit),
        cmocka_unit_test(test_an_idle_thread_is_used_first),
        cmocka_unit_test(test_a_full_queue_refuses_but_the_urgent),
        cmocka_unit_test(test_stop_has_a_deadline),
        cmocka_unit_test(test_a_strand_keeps_order),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_here_is_here_when_idle),
        cmocka_unit_test(test_here_does_not_wait),
        cmocka_unit_test(test_a_full_strand_refuses),
        cmocka_unit_test(test_a_busy_strand_is_fair),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
