/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets folder, and a component's socket in it. A socket is bound in a
 * private hidden folder and moved into place when it is served: nobody sees it
 * before it works, and nobody's working socket is taken. All on the thread of
 * dapr_run(); failures are logged.
 */
#ifndef SERVER_PLACE_H
#define SERVER_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

struct place {
    const char *path;   /* the caller's */
    const char *source; /* who says so, for people */
    int fd;
};

/* Chooses the folder: `option` may be NULL. */
void place_choose(struct place *place, const char *option);

/* Makes the folder if it is missing, and opens it. 0 or -1. */
int place_open(struct place *place);
void place_close(struct place *place);

/* One process at a time changes sockets there. 0, or -1: it did not get its
 * turn in that time. */
int place_lock(struct place *place, int milliseconds);
void place_unlock(struct place *place);

struct spot {
    struct place *place;
    char *file;       /* NAME.sock */
    char *address;    /* where to bind, as grpc core takes it */
    char private[16]; /* the hidden folder; "" when it is gone */
    bool visible;
    dev_t device;
    ino_t inode;
};

/* Makes the private folder to bind in. 0 or -1. */
int spot_prepare(struct spot *spot, struct place *place, const char *name);

/* Moves the socket, which is served, into its place; under the lock. 0, or -1:
 * something that works is there. */
int spot_publish(struct spot *spot);

/* Removes what is ours and frees what spot_prepare() took; at any stage. */
void spot_remove(struct spot *spot);

#endif
