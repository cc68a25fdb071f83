/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: timers, tasks, and what other threads post. */
#include "net_fixture.h"

#include <pthread.h>

#define MANY    2000
#define THREADS 4
#define POSTS   1000

struct fixture {
    struct net_fixture net;
    char seen[128];
    unsigned count;
    uint64_t last;
    unsigned next[THREADS];
};

struct named {
    struct loop_timer timer;
    struct loop_task task;
    struct fixture *fixture;
    char name;
    bool wanted;
    bool fired;
    uint64_t due;
};

struct posted {
    struct loop_post post;
    struct fixture *fixture;
    unsigned thread;
    unsigned number;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    net_init(&fixture->net);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    net_done(&fixture->net);
    free(fixture);
    return 0;
}

static void see(struct named *named)
{
    struct fixture *fixture = named->fixture;
    size_t size = strlen(fixture->seen);

    assert_true(size + 1 < sizeof fixture->seen);
    fixture->seen[size] = named->name;
    if (named->name == '.')
        loop_stop(&fixture->net.loop);
}

static void see_timer(struct loop_timer *timer)
{
    see(container_of(timer, struct named, timer));
}

static void see_task(struct loop_task *task)
{
    see(container_of(task, struct named, task));
}

static struct named name(struct fixture *fixture, char c)
{
    return (struct named){.timer.fire = see_timer,
                          .task.run = see_task,
                          .fixture = fixture,
                          .name = c};
}

static void start(struct named *named, uint64_t milliseconds)
{
    loop_timer_start(&named->fixture->net.loop, &named->timer, milliseconds);
}

/* ---- timers -------------------------------------------------------------- */

static void timers_fire_soonest_first(void **state)
{
    struct fixture *fixture = *state;
    struct named a = name(fixture, 'a'), b = name(fixture, 'b'),
                 c = name(fixture, 'c'), d = name(fixture, 'd'),
                 end = name(fixture, '.');

    start(&end, 30);
    start(&c, 20);
    start(&a, 10);
    start(&d, 20); /* of one moment with c, and started later */
    start(&b, 10);
    net_run(&fixture->net);
    assert_string_equal(fixture->seen, "abcd.");
    assert_int_equal(a.timer.at, 0);
}

static void a_timer_started_anew_fires_once(void **state)
{
    struct fixture *fixture = *state;
    struct named a = name(fixture, 'a'), b = name(fixture, 'b'),
                 end = name(fixture, '.');

    start(&a, 1);
    start(&b, 5);
    start(&a, 10);
    start(&end, 20);
    net_run(&fixture->net);
    assert_string_equal(fixture->seen, "ba.");
}

static struct named *victim;

static void stop_other(struct loop_timer *timer)
{
    see_timer(timer);
    loop_timer_stop(&victim->fixture->net.loop, &victim->timer);
}

static void a_stopped_timer_never_fires(void **state)
{
    struct fixture *fixture = *state;
    struct named a = name(fixture, 'a'), b = name(fixture, 'b'),
                 end = name(fixture, '.');

    a.timer.fire = stop_other;
    victim = &b;
    start(&a, 1);
    start(&b, 1); /* both are due when the first stops the second */
    start(&end, 5);
    net_run(&fixture->net);
    assert_string_equal(fixture->seen, "a.");
    loop_timer_stop(&fixture->net.loop, &b.timer); /* harmless */
}

static void start_again(struct loop_timer *timer)
{
    struct named *named = container_of(timer, struct named, timer);

    if (++named->fixture->count < 100)
        start(named, 0);
}

/* A timer that starts itself with 0 must not keep the loop from others. */
static void a_firing_timer_starts_for_the_next_turn(void **state)
{
    struct fixture *fixture = *state;
    struct named again = name(fixture, 'x'), task = name(fixture, '.');

    again.timer.fire = start_again;
    start(&again, 0);
    loop_task_add(&fixture->net.loop, &task.task);
    net_run(&fixture->net);
    assert_true(fixture->count < 3);
    loop_timer_stop(&fixture->net.loop, &again.timer);
}

static void fire_in_order(struct loop_timer *timer)
{
    struct named *named = container_of(timer, struct named, timer);
    struct fixture *fixture = named->fixture;

    assert_true(named->wanted && !named->fired);
    assert_true(named->due >= fixture->last);
    assert_true(named->due <= loop_now(&fixture->net.loop));
    named->fired = true;
    fixture->last = named->due;
    if (--fixture->count == 0)
        loop_stop(&fixture->net.loop);
}

static void start_some(struct fixture *fixture, struct named *many,
                       unsigned *seed)
{
    for (int i = 0; i < 4 * MANY; i++) {
        struct named *named = &many[rand_r(seed) % MANY];

        if (rand_r(seed) % 3 == 0) {
            loop_timer_stop(&fixture->net.loop, &named->timer);
            named->wanted = false;
        } else {
            start(named, (uint64_t)rand_r(seed) % 50);
            named->due = named->timer.at;
            named->wanted = true;
        }
    }
}

static void many_timers_keep_their_order(void **state)
{
    struct fixture *fixture = *state;
    struct named *many = calloc(MANY, sizeof *many);
    unsigned seed = 1;

    for (int i = 0; i < MANY; i++) {
        many[i] = name(fixture, 0);
        many[i].timer.fire = fire_in_order;
    }
    start_some(fixture, many, &seed);
    for (int i = 0; i < MANY; i++)
        fixture->count += many[i].wanted;
    assert_true(fixture->count > MANY / 4);
    net_run(&fixture->net);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(many[i].fired, many[i].wanted);
    free(many);
}

/* ---- tasks --------------------------------------------------------------- */

static void tasks_run_once_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct loop *loop = &fixture->net.loop;
    struct named a = name(fixture, 'a'), b = name(fixture, 'b'),
                 c = name(fixture, 'c'), end = name(fixture, '.');

    loop_task_add(loop, &b.task);
    loop_task_add(loop, &a.task);
    loop_task_add(loop, &b.task);
    loop_task_add(loop, &c.task);
    loop_task_remove(loop, &c.task);
    loop_task_remove(loop, &c.task);
    start(&end, 5);
    net_run(&fixture->net);
    assert_string_equal(fixture->seen, "ba.");
}

static void add_again(struct loop_task *task)
{
    struct named *named = container_of(task, struct named, task);

    named->fixture->count++;
    loop_task_add(&named->fixture->net.loop, task);
}

/* Nor must a task; and the loop must not sleep while one is asked for. */
static void a_task_that_adds_itself_lets_others_run(void **state)
{
    struct fixture *fixture = *state;
    struct named again = name(fixture, 'x'), end = name(fixture, '.');

    again.task.run = add_again;
    loop_task_add(&fixture->net.loop, &again.task);
    start(&end, 20);
    net_run(&fixture->net);
    assert_true(fixture->count > 10);
    loop_task_remove(&fixture->net.loop, &again.task);
}

static void remove_other(struct loop_task *task)
{
    see_task(task);
    loop_task_remove(&victim->fixture->net.loop, &victim->task);
}

static void a_task_may_remove_the_next(void **state)
{
    struct fixture *fixture = *state;
    struct named a = name(fixture, 'a'), b = name(fixture, 'b'),
                 end = name(fixture, '.');

    a.task.run = remove_other;
    victim = &b;
    loop_task_add(&fixture->net.loop, &a.task);
    loop_task_add(&fixture->net.loop, &b.task);
    start(&end, 5);
    net_run(&fixture->net);
    assert_string_equal(fixture->seen, "a.");
}

/* ---- posts --------------------------------------------------------------- */

static void take_post(struct loop_post *post)
{
    struct posted *posted = container_of(post, struct posted, post);
    struct fixture *fixture = posted->fixture;

    assert_int_equal(posted->number, fixture->next[posted->thread]);
    fixture->next[posted->thread]++;
    free(posted);
    if (++fixture->count == THREADS * POSTS)
        loop_stop(&fixture->net.loop);
}

struct poster {
    struct fixture *fixture;
    unsigned number;
};

static void *post_some(void *data)
{
    struct poster *poster = data;

    for (unsigned i = 0; i < POSTS; i++) {
        struct posted *posted = malloc(sizeof *posted);

        *posted = (struct posted){.post.run = take_post,
                                  .fixture = poster->fixture,
                                  .thread = poster->number,
                                  .number = i};
        loop_post(&poster->fixture->net.loop, &posted->post);
    }
    return NULL;
}

static void posts_of_threads_come_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    struct poster posters[THREADS];
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){fixture, i};
        pthread_create(&threads[i], NULL, post_some, &posters[i]);
    }
    net_run(&fixture->net);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fixture->count, THREADS * POSTS);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(timers_fire_soonest_first),
        TEST(a_timer_started_anew_fires_once),
        TEST(a_stopped_timer_never_fires),
        TEST(a_firing_timer_starts_for_the_next_turn),
        TEST(many_timers_keep_their_order),
        TEST(tasks_run_once_in_order),
        TEST(a_task_that_adds_itself_lets_others_run),
        TEST(a_task_may_remove_the_next),
        TEST(posts_of_threads_come_in_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
