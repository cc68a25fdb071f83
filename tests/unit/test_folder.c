/* SPDX-License-Identifier: Apache-2.0 */
/* The watch on the sockets folder, on real folders. */
#include "host/folder.h"

#include "core/buffer.h"
#include "core/container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE 5000 /* ms that a test waits for what it expects */

struct fixture {
    struct loop loop;
    struct folder *folder;
    struct loop_timer patience;
    char path[64];
    struct buffer seen; /* "+a.sock ", "-a.sock ", "?text " */
    const char *wanted;
    unsigned looks;
};

static void check(struct fixture *fixture)
{
    const char *seen = buffer_string(&fixture->seen);

    if (fixture->wanted && strcmp(seen, fixture->wanted) == 0)
        loop_stop(&fixture->loop);
}

static void appeared(const char *file, void *data)
{
    struct fixture *fixture = data;

    buffer_printf(&fixture->seen, "+%s ", file);
    check(fixture);
}

static void gone(const char *file, void *data)
{
    struct fixture *fixture = data;

    buffer_printf(&fixture->seen, "-%s ", file);
    check(fixture);
}

static void other(const char *file, void *data)
{
    struct fixture *fixture = data;

    buffer_printf(&fixture->seen, "?%s ", file);
    check(fixture);
}

static void looked(void *data)
{
    struct fixture *fixture = data;

    fixture->looks++;
    if (!fixture->wanted)
        loop_stop(&fixture->loop);
}

static void too_late(struct loop_timer *timer)
{
    struct fixture *fixture = container_of(timer, struct fixture, patience);

    loop_stop(&fixture->loop);
}

/* Runs until exactly this has been seen since the last time. */
static void expect(struct fixture *fixture, const char *wanted)
{
    fixture->wanted = wanted;
    loop_timer_start(&fixture->loop, &fixture->patience, PATIENCE);
    if (strcmp(buffer_string(&fixture->seen), wanted) != 0)
        loop_run(&fixture->loop);
    assert_string_equal(buffer_string(&fixture->seen), wanted);
    buffer_clear(&fixture->seen);
}

static void make_socket(const struct fixture *fixture, const char *file)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", fixture->path,
             file);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void make_file(const struct fixture *fixture, const char *file)
{
    char path[128];
    FILE *stream;

    snprintf(path, sizeof path, "%s/%s", fixture->path, file);
    stream = fopen(path, "w");
    assert_non_null(stream);
    fclose(stream);
}

static void drop(const struct fixture *fixture, const char *file)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", fixture->path, file);
    assert_int_equal(unlink(path), 0);
}

static void watch(struct fixture *fixture)
{
    static const struct folder_events events = {
        .appeared = appeared, .gone = gone, .other = other, .looked = looked};

    fixture->folder =
        folder_watch(&fixture->loop, fixture->path, &events, fixture);
    assert_non_null(fixture->folder);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    snprintf(fixture->path, sizeof fixture->path, "/tmp/folder-XXXXXX");
    if (!mkdtemp(fixture->path) || loop_init(&fixture->loop))
        return -1;
    fixture->patience.fire = too_late;
    buffer_init(&fixture->seen, 4096);
    *state = fixture;
    return 0;
}

static void closed(void *data)
{
    struct fixture *fixture = data;

    loop_stop(&fixture->loop);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    folder_close(fixture->folder, closed, fixture);
    loop_timer_stop(&fixture->loop, &fixture->patience);
    loop_run(&fixture->loop);
    loop_done(&fixture->loop);
    buffer_done(&fixture->seen);
    rmdir(fixture->path);
    free(fixture);
    return 0;
}

static void finds_sockets_and_says_what_is_none(void **state)
{
    struct fixture *fixture = *state;

    make_socket(fixture, "b.sock");
    make_socket(fixture, "a");
    make_file(fixture, "notes.txt");
    watch(fixture);
    expect(fixture, "+a +b.sock ?notes.txt ");
    drop(fixture, "a");
    drop(fixture, "b.sock");
    drop(fixture, "notes.txt");
    expect(fixture, "-a -b.sock ");
}

static void links_and_folders_are_no_sockets(void **state)
{
    struct fixture *fixture = *state;
    char target[128], link[128], folder[128];

    make_socket(fixture, "real.sock");
    snprintf(target, sizeof target, "%s/real.sock", fixture->path);
    snprintf(link, sizeof link, "%s/link.sock", fixture->path);
    snprintf(folder, sizeof folder, "%s/sub.sock", fixture->path);
    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    watch(fixture);
    expect(fixture, "?link.sock +real.sock ");
    drop(fixture, "real.sock");
    drop(fixture, "link.sock");
    rmdir(folder);
    expect(fixture, "-real.sock ");
}

static void sees_what_comes_later(void **state)
{
    struct fixture *fixture = *state;

    watch(fixture);
    fixture->wanted = NULL;
    loop_run(&fixture->loop); /* the first look */
    make_socket(fixture, "late.sock");
    expect(fixture, "+late.sock ");
    drop(fixture, "late.sock");
    expect(fixture, "-late.sock ");
}

static void a_new_socket_under_an_old_name_counts(void **state)
{
    struct fixture *fixture = *state;
    char folder[128], from[160], to[128];

    make_socket(fixture, "x.sock");
    watch(fixture);
    expect(fixture, "+x.sock ");
    snprintf(folder, sizeof folder, "%s/.new", fixture->path);
    assert_int_equal(mkdir(folder, 0700), 0);
    make_socket(fixture, ".new/x");
    snprintf(from, sizeof from, "%s/x", folder);
    snprintf(to, sizeof to, "%s/x.sock", fixture->path);
    assert_int_equal(rename(from, to), 0);
    rmdir(folder);
    expect(fixture, "+x.sock ");
    drop(fixture, "x.sock");
    expect(fixture, "-x.sock ");
}

static void a_folder_may_come_late_and_come_back(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(rmdir(fixture->path), 0);
    watch(fixture);
    fixture->wanted = NULL;
    loop_run(&fixture->loop); /* the first look: nothing there */
    assert_int_equal(fixture->looks, 1);
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    make_socket(fixture, "a.sock");
    expect(fixture, "+a.sock ");
    drop(fixture, "a.sock");
    expect(fixture, "-a.sock ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_sockets_and_says_what_is_none,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(links_and_folders_are_no_sockets, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sees_what_comes_later, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_socket_under_an_old_name_counts,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_may_come_late_and_come_back,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
