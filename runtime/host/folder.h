/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches the sockets folder, whether it exists yet or not: looks at the start,
 * whenever the kernel says that something changed, and now and then. It is read
 * on libuv's pool; the events come on the loop's thread.
 */
#ifndef HOST_FOLDER_H
#define HOST_FOLDER_H

#include "net/loop.h"

struct folder;

struct folder_events {
    /* A socket that was not there before, or not this one (another inode). */
    void (*appeared)(const char *file, void *data);
    void (*gone)(const char *file, void *data);
    /* Something that is neither a socket nor a folder. */
    void (*other)(const char *file, void *data);
    /* A look has ended; the first one comes in any case. */
    void (*looked)(void *data);
};

/* Strings and events must outlive it. NULL without memory. */
struct folder *folder_watch(struct loop *loop, const char *path,
                            const struct folder_events *events, void *data);

/* Frees it when the pool and the kernel are done with it; then `closed`. */
void folder_close(struct folder *folder, void (*closed)(void *data),
                  void *data);

#endif
