/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets folder. Each look reads it whole and compares with the last one:
 * no event of the kernel's can be missed for longer than POLL_WATCHED.
 * Owned by the loop's thread; look() alone runs on libuv's pool.
 */
#include "host/folder.h"

#include "core/container.h"
#include "core/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SCOPE "pluggable-components-discovery"
#define POLL_MISSING                                                           \
    1000                   /* ms between looks for a folder that is not there  \
                            */
#define POLL_WATCHED 10000 /* ms between looks that nothing asked for */
#define FILE_LIMIT   1000  /* entries of the folder; more are not looked at */

struct entry {
    char *name;
    ino_t inode;
    bool socket;
};

struct listing {
    struct entry *entries; /* by name */
    size_t count;
    int error;   /* errno, of opening the folder */
    ino_t inode; /* the folder's own */
};

struct folder {
    struct loop *loop;
    const char *path;
    const struct folder_events *events;
    void *data;
    uv_work_t work;
    uv_fs_event_t watch;
    struct loop_task again;
    struct loop_timer poll;
    struct listing now;  /* as of the last look */
    struct listing next; /* the pool's, while it looks */
    bool looking;
    bool look_again;
    bool closing;
    bool watch_closed;
    void (*closed)(void *data);
    void *closed_data;
};

static void free_listing(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->entries[i].name);
    free(listing->entries);
    *listing = (struct listing){0};
}

/* ---- looking (libuv's pool) ---------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    return strcmp(left->name, right->name);
}

static void add_entry(struct listing *listing, int folder, const char *name)
{
    struct entry *entry = &listing->entries[listing->count];
    struct stat st;

    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) ||
        S_ISDIR(st.st_mode) || !(entry->name = strdup(name)))
        return;
    entry->inode = st.st_ino;
    entry->socket = S_ISSOCK(st.st_mode);
    listing->count++;
}

static void look(uv_work_t *work)
{
    struct folder *folder = container_of(work, struct folder, work);
    struct listing *listing = &folder->next;
    DIR *dir = opendir(folder->path);
    struct dirent *found;
    struct stat st;

    if (!dir || fstat(dirfd(dir), &st) ||
        !(listing->entries = calloc(FILE_LIMIT, sizeof(struct entry)))) {
        listing->error = errno;
        if (dir)
            closedir(dir);
        return;
    }
    listing->inode = st.st_ino;
    while (listing->count < FILE_LIMIT && (found = readdir(dir)))
        add_entry(listing, dirfd(dir), found->d_name);
    closedir(dir);
    qsort(listing->entries, listing->count, sizeof(struct entry), by_name);
}

/* ---- comparing ----------------------------------------------------------- */

static void report_new(struct folder *folder, const struct entry *entry,
                       const struct entry *before)
{
    if (before && before->inode == entry->inode)
        return;
    if (entry->socket)
        folder->events->appeared(entry->name, folder->data);
    else
        folder->events->other(entry->name, folder->data);
}

static void report_gone(struct folder *folder, const struct entry *entry)
{
    if (entry->socket)
        folder->events->gone(entry->name, folder->data);
}

/* Both lists are sorted: one walk tells what came and what went. */
static void compare(struct folder *folder, const struct listing *before)
{
    const struct listing *now = &folder->now;
    size_t i = 0, j = 0;
    int order;

    while (i < now->count || j < before->count) {
        if (i == now->count)
            order = 1;
        else if (j == before->count)
            order = -1;
        else
            order = strcmp(now->entries[i].name, before->entries[j].name);
        if (order > 0) {
            report_gone(folder, &before->entries[j++]);
        } else {
            report_new(folder, &now->entries[i],
                       order ? NULL : &before->entries[j]);
            i++;
            j += !order;
        }
    }
}

static void say_error(const struct folder *folder, int before)
{
    int error = folder->now.error;

    if (error && error != ENOENT && error != before)
        log_message(LOG_WARNING, SCOPE, "could not read sockets folder %s: %s",
                    folder->path, strerror(error));
}

/* ---- watching ------------------------------------------------------------ */

static void changed(uv_fs_event_t *watch, const char *file, int events,
                    int status)
{
    struct folder *folder = container_of(watch, struct folder, watch);

    (void)file;
    (void)events;
    (void)status;
    loop_task_add(folder->loop, &folder->again);
}

/* A folder that was made anew, or was not there, needs a new watch. */
static void watch_it(struct folder *folder, ino_t before)
{
    if (folder->now.error || folder->now.inode == before)
        return;
    uv_fs_event_stop(&folder->watch);
    if (uv_fs_event_start(&folder->watch, changed, folder->path, 0) == 0)
        folder->look_again = true; /* for what came in between */
}

static void finish_close(struct folder *folder)
{
    if (folder->looking || !folder->watch_closed)
        return;
    free_listing(&folder->now);
    free_listing(&folder->next);
    folder->closed(folder->closed_data);
    free(folder);
}

static void start_look(struct folder *folder);

static void looked(uv_work_t *work, int status)
{
    struct folder *folder = container_of(work, struct folder, work);
    struct listing before = folder->now;

    (void)status;
    folder->looking = false;
    if (folder->closing) {
        finish_close(folder);
        return;
    }
    folder->now = folder->next;
    folder->next = (struct listing){0};
    watch_it(folder, before.inode);
    say_error(folder, before.error);
    compare(folder, &before);
    free_listing(&before);
    folder->events->looked(folder->data);
    loop_timer_start(folder->loop, &folder->poll,
                     folder->now.error ? POLL_MISSING : POLL_WATCHED);
    if (folder->look_again)
        start_look(folder);
}

static void start_look(struct folder *folder)
{
    folder->look_again = folder->looking;
    if (folder->looking)
        return;
    loop_timer_stop(folder->loop, &folder->poll);
    folder->looking =
        uv_queue_work(&folder->loop->uv, &folder->work, look, looked) == 0;
}

static void poll_due(struct loop_timer *timer)
{
    start_look(container_of(timer, struct folder, poll));
}

static void asked_again(struct loop_task *task)
{
    start_look(container_of(task, struct folder, again));
}

/* ---- life ---------------------------------------------------------------- */

struct folder *folder_watch(struct loop *loop, const char *path,
                            const struct folder_events *events, void *data)
{
    struct folder *folder = calloc(1, sizeof *folder);

    if (!folder)
        return NULL;
    folder->loop = loop;
    folder->path = path;
    folder->events = events;
    folder->data = data;
    folder->again.run = asked_again;
    folder->poll.fire = poll_due;
    uv_fs_event_init(&loop->uv, &folder->watch);
    start_look(folder);
    return folder;
}

static void watch_closed(uv_handle_t *handle)
{
    struct folder *folder = container_of(handle, struct folder, watch);

    folder->watch_closed = true;
    finish_close(folder);
}

void folder_close(struct folder *folder, void (*closed)(void *data), void *data)
{
    folder->closing = true;
    folder->closed = closed;
    folder->closed_data = data;
    loop_timer_stop(folder->loop, &folder->poll);
    loop_task_remove(folder->loop, &folder->again);
    uv_close((uv_handle_t *)&folder->watch, watch_closed);
}
