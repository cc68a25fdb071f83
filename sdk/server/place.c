/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets folder and the sockets in it; see place.h. */
#include "server/place.h"

#include "core/buffer.h"
#include "core/clock.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SCOPE          "dapr.components"
#define DEFAULT_FOLDER "/tmp/dapr-components-sockets"
#define LOCK_PAUSE_MS  10

/* The name of a socket while it is private. */
#define PRIVATE_FILE "s"

static const char *const variables[] = {
    "DAPR_COMPONENT_SOCKETS_FOLDER",
    "DAPR_COMPONENTS_SOCKETS_FOLDER",
    "DAPR_COMPONENT_SOCKET_FOLDER",
};

static int fail(const char *what, const char *path)
{
    log_message(LOG_ERROR, SCOPE, "%s %s: %s", what, path, strerror(errno));
    return -1;
}

/* ---- the folder ---------------------------------------------------------- */

static void choose_variable(struct place *place)
{
    const char *value;

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        value = getenv(variables[i]);
        if (!value || !*value)
            continue;
        if (!place->path) {
            place->path = value;
            place->source = variables[i];
        } else if (strcmp(value, place->path) != 0) {
            log_message(LOG_WARNING, SCOPE,
                        "%s is %s, and %s is %s: the first one counts",
                        place->source, place->path, variables[i], value);
        }
    }
}

void place_choose(struct place *place, const char *option)
{
    *place = (struct place){.fd = -1};
    choose_variable(place);
    if (option && *option) {
        place->path = option;
        place->source = "dapr_set_sockets_folder";
    } else if (!place->path) {
        place->path = DEFAULT_FOLDER;
        place->source = "the default";
    }
}

/* A folder that all users may share, as /tmp, but only where we make it. */
static int make_folder(const char *path)
{
    char *parents = strdup(path);
    char *slash = parents;
    int rc = 0;

    if (!parents)
        return -1;
    while ((slash = strchr(slash + 1, '/'))) {
        *slash = 0;
        if (mkdir(parents, 0755) != 0 && errno != EEXIST)
            rc = -1;
        *slash = '/';
    }
    free(parents);
    if (rc == 0 && mkdir(path, 0777) == 0)
        rc = chmod(path, 01777);
    return rc;
}

int place_open(struct place *place)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

    place->fd = open(place->path, flags);
    if (place->fd < 0 && errno == ENOENT) {
        if (make_folder(place->path) != 0)
            return fail("cannot make the sockets folder", place->path);
        place->fd = open(place->path, flags);
    }
    if (place->fd < 0)
        return fail("cannot open the sockets folder", place->path);
    return 0;
}

void place_close(struct place *place)
{
    if (place->fd >= 0)
        close(place->fd);
    place->fd = -1;
}

int place_lock(struct place *place, int milliseconds)
{
    const struct timespec pause = {0, LOCK_PAUSE_MS * CLOCK_MS};
    int64_t deadline = clock_after(milliseconds);

    while (flock(place->fd, LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || clock_now() > deadline)
            return fail("cannot lock the sockets folder", place->path);
        nanosleep(&pause, NULL);
    }
    return 0;
}

void place_unlock(struct place *place)
{
    flock(place->fd, LOCK_UN);
}

/* ---- a socket ------------------------------------------------------------ */

static int too_long(const char *path)
{
    log_message(LOG_ERROR, SCOPE,
                "the socket path %s is too long: at most %zu bytes fit", path,
                sizeof((struct sockaddr_un *)0)->sun_path - 1);
    return -1;
}

static int check_length(struct spot *spot, const char *file)
{
    const size_t max = sizeof((struct sockaddr_un *)0)->sun_path;
    char *path = NULL;
    int size = asprintf(&path, "%s/%s", spot->place->path, file);
    int rc = 0;

    if (size < 0)
        return -1;
    if ((size_t)size >= max)
        rc = too_long(path);
    free(path);
    return rc;
}

/* grpc core decodes percent escapes in addresses. */
static char *make_address(const char *folder, const char *private)
{
    struct buffer address;
    char *text;

    buffer_init(&address, 3 * sizeof(struct sockaddr_un));
    buffer_text(&address, "unix:");
    for (; *folder; folder++) {
        if (*folder == '%')
            buffer_text(&address, "%25");
        else
            buffer_char(&address, *folder);
    }
    buffer_printf(&address, "/%s/%s", private, PRIVATE_FILE);
    text = buffer_take(&address);
    buffer_done(&address);
    return text;
}

static int make_private(struct spot *spot)
{
    char *path = NULL;
    int rc = -1;

    if (asprintf(&path, "%s/.XXXXXX", spot->place->path) < 0)
        return -1;
    if (!mkdtemp(path)) {
        fail("cannot make a folder in", spot->place->path);
        goto out;
    }
    snprintf(spot->private, sizeof spot->private, "%s", strrchr(path, '/') + 1);
    spot->address = make_address(spot->place->path, spot->private);
    rc = spot->address ? 0 : -1;
out:
    free(path);
    return rc;
}

int spot_prepare(struct spot *spot, struct place *place, const char *name)
{
    *spot = (struct spot){.place = place};
    if (asprintf(&spot->file, "%s.sock", name) < 0) {
        spot->file = NULL;
        return -1;
    }
    if (check_length(spot, spot->file) != 0 ||
        check_length(spot, ".XXXXXX/" PRIVATE_FILE) != 0 ||
        make_private(spot) != 0) {
        spot_remove(spot);
        return -1;
    }
    return 0;
}

/* 1: somebody serves it; 0: nobody does; -1: that cannot be told. A full queue
 * of callers is a sign of life. */
static int is_served(const struct spot *spot)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = -1;

    if (fd < 0)
        return -1;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s",
             spot->place->path, spot->file);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ||
        errno == EAGAIN)
        rc = 1;
    else if (errno == ECONNREFUSED || errno == ENOENT)
        rc = 0;
    close(fd);
    return rc;
}

/* Whether our socket may take its place. */
static int check_vacancy(const struct spot *spot)
{
    struct stat other;
    const char *why;
    int served;

    if (fstatat(spot->place->fd, spot->file, &other, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : fail("cannot look at", spot->file);
    served = S_ISSOCK(other.st_mode) ? is_served(spot) : -1;
    if (served == 0)
        return 0;
    why = !S_ISSOCK(other.st_mode) ? "it is there and is no socket"
          : served == 1            ? "another process serves it"
                        : "it is there and does not tell whether it is served";
    log_message(LOG_ERROR, SCOPE, "cannot serve %s/%s: %s", spot->place->path,
                spot->file, why);
    return -1;
}

int spot_publish(struct spot *spot)
{
    char private[32];
    struct stat ours;
    int folder = spot->place->fd;

    if (check_vacancy(spot) != 0)
        return -1;
    snprintf(private, sizeof private, "%s/%s", spot->private, PRIVATE_FILE);
    if (fchmodat(folder, private, 0666, 0) != 0 ||
        fstatat(folder, private, &ours, AT_SYMLINK_NOFOLLOW) != 0 ||
        renameat(folder, private, folder, spot->file) != 0)
        return fail("cannot put into place", spot->file);
    spot->device = ours.st_dev;
    spot->inode = ours.st_ino;
    spot->visible = true;
    unlinkat(folder, spot->private, AT_REMOVEDIR);
    spot->private[0] = 0;
    return 0;
}

/* Only what is still ours: someone may have put another one there. */
static void unlink_visible(struct spot *spot)
{
    struct stat now;

    if (!spot->visible)
        return;
    if (fstatat(spot->place->fd, spot->file, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
        now.st_dev == spot->device && now.st_ino == spot->inode)
        unlinkat(spot->place->fd, spot->file, 0);
    spot->visible = false;
}

void spot_remove(struct spot *spot)
{
    char private[32];

    unlink_visible(spot);
    if (spot->private[0]) {
        snprintf(private, sizeof private, "%s/%s", spot->private, PRIVATE_FILE);
        unlinkat(spot->place->fd, private, 0);
        unlinkat(spot->place->fd, spot->private, AT_REMOVEDIR);
    }
    free(spot->file);
    free(spot->address);
    *spot = (struct spot){0};
}
