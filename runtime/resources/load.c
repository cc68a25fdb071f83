/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders of YAML files to a list of resources, in daprd's order and with its
 * log lines, which also name line and column. Blocks; whoever calls owns all.
 */
#include "resources/resource.h"

#include "core/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK    "dapr.runtime.loader.disk"
#define RUNTIME "dapr.runtime"
#define ROOT    "dapr.runtime.processor.loops.root"

/* Messages about one file, or about why not to start. */
#define MESSAGES_MAX (256 << 10)

struct loading {
    struct resources *resources;
    const struct resource_settings *settings;
    struct buffer duplicates; /* why not to start */
    struct buffer failures;   /* as well */
};

void resources_done(struct resources *resources)
{
    struct resource *resource;

    while ((resource = TAILQ_FIRST(resources))) {
        TAILQ_REMOVE(resources, resource, link);
        resource_free(resource);
    }
}

/* ---- one resource -------------------------------------------------------- */

static const struct resource *find(const struct resources *resources,
                                   const char *name)
{
    const struct resource *resource;

    TAILQ_FOREACH (resource, resources, link) {
        if (strcmp(resource->name, name) == 0)
            return resource;
    }
    return NULL;
}

/* What daprd says when a component fails before its Init. */
static void refuse(struct loading *loading, const struct resource *resource,
                   const char *why)
{
    static const char failure[] =
        "[INIT_COMPONENT_FAILURE]: initialization error occurred for ";
    const char *label = resource->label;
    const char *text = "out of memory";
    struct buffer message;

    log_message(LOG_ERROR, ROOT, "Failed to init component %s: %s%s: %s", label,
                failure, label, why);
    buffer_init(&message, MESSAGES_MAX);
    buffer_printf(&message, "process component %s error: %s%s: %s%s: %s",
                  resource->name, failure, label, failure, label, why);
    if (buffer_string(&message))
        text = (char *)message.data;
    if (resource->ignore_errors) {
        log_message(LOG_ERROR, RUNTIME,
                    "Ignoring error processing component: %s", text);
    } else {
        log_message(LOG_WARNING, RUNTIME,
                    "Error processing component, daprd will exit gracefully: "
                    "%s",
                    text);
        if (!loading->failures.size)
            buffer_printf(&loading->failures, "%s\n%s", text, text);
    }
    buffer_done(&message);
}

/* Values from elsewhere cannot be had yet: better no component than one that
 * lacks a password. */
static int check_references(const struct resource *resource, struct buffer *why)
{
    const struct reference *reference = STAILQ_FIRST(&resource->references);

    if (!reference)
        return 0;
    buffer_printf(why,
                  "property %s at %s:%d has its value by %s, which this "
                  "version does not support",
                  reference->property, resource->file, reference->line,
                  reference->secret && *reference->secret ? "secretKeyRef"
                                                          : "envRef");
    return -1;
}

/* Takes the resource. */
static void add(struct loading *loading, struct resource *resource,
                bool in_scope)
{
    const struct resource *twin = find(loading->resources, resource->name);
    struct buffer why;

    buffer_init(&why, MESSAGES_MAX);
    if (twin) {
        buffer_printf(&loading->duplicates,
                      "%sduplicate definition of Component name %s with "
                      "existing %s",
                      loading->duplicates.size ? "\n" : "", resource->label,
                      twin->label);
        log_message(LOG_ERROR, DISK, "%s is defined at %s:%d and at %s:%d",
                    resource->name, twin->file, twin->line, resource->file,
                    resource->line);
    } else if (in_scope && (check_references(resource, &why) ||
                            resource_fill(resource, loading->settings, &why))) {
        refuse(loading, resource, buffer_string(&why) ? (char *)why.data : "");
    } else if (in_scope) {
        TAILQ_INSERT_TAIL(loading->resources, resource, link);
        resource = NULL;
    }
    buffer_done(&why);
    resource_free(resource);
}

/* ---- one file ------------------------------------------------------------ */

static void read_document(struct loading *loading, const char *path,
                          struct dapr_bytes text, int line,
                          struct buffer *errors)
{
    struct resource *resource = NULL;
    struct yaml yaml;
    bool in_scope = false;

    if (!yaml_read(&yaml, text, line, errors))
        resource_read(&yaml, path, loading->settings, &resource, &in_scope,
                      errors);
    if (resource)
        add(loading, resource, in_scope);
    yaml_done(&yaml);
}

static int count_lines(const char *at, const char *end)
{
    int lines = 0;

    for (; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        lines++;
    return lines;
}

/* Documents end at a line that starts with ---, whatever follows there. */
static void read_documents(struct loading *loading, const char *path,
                           struct dapr_bytes text, struct buffer *errors)
{
    const char *at = text.data;
    const char *end = at + text.size;
    const char *stop, *next;
    int line = 1;

    while (at < end) {
        stop = memmem(at, (size_t)(end - at), "\n---", 4);
        next = stop ? memchr(stop + 1, '\n', (size_t)(end - stop - 1)) : NULL;
        stop = stop ? stop : end;
        next = next ? next + 1 : end;
        read_document(loading, path,
                      (struct dapr_bytes){at, (size_t)(stop - at)}, line,
                      errors);
        line += count_lines(at, next);
        at = next;
    }
}

/* 0, or -1 with errno. */
static int read_file(const char *path, struct buffer *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    ssize_t n = -1;
    void *room;

    if (fd < 0)
        return -1;
    if (!fstat(fd, &status) && !S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        goto out;
    }
    do {
        errno = EFBIG;
        room = buffer_reserve(out, 65536);
        n = room ? read(fd, room, 65536) : -1;
        out->size += n > 0 ? (size_t)n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (out->size > RESOURCE_FILE_MAX) {
        errno = EFBIG;
        n = -1;
    }
out:
    close(fd);
    return n < 0 ? -1 : 0;
}

static void load_file(struct loading *loading, const char *path)
{
    struct buffer text, errors;

    buffer_init(&text, RESOURCE_FILE_MAX + 65536 + 1);
    buffer_init(&errors, MESSAGES_MAX);
    if (read_file(path, &text))
        log_message(LOG_WARNING, DISK,
                    "daprd load Component error when opening file %s: %s", path,
                    strerror(errno));
    else
        read_documents(loading, path, buffer_bytes(&text), &errors);
    if (errors.size)
        log_message(LOG_WARNING, DISK,
                    "daprd load Component error when parsing manifests yaml "
                    "resource in %s: %.*s",
                    path, (int)errors.size, (char *)errors.data);
    buffer_done(&text);
    buffer_done(&errors);
}

/* ---- folders ------------------------------------------------------------- */

static bool is_yaml(const char *name)
{
    const char *extension = strrchr(name, '.');

    return extension && (strcasecmp(extension, ".yaml") == 0 ||
                         strcasecmp(extension, ".yml") == 0);
}

static bool is_folder(const char *path)
{
    struct stat status;

    return !lstat(path, &status) && S_ISDIR(status.st_mode);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static void load_entry(struct loading *loading, const char *folder,
                       const char *name)
{
    size_t size = strlen(folder);
    char *path;

    while (size > 1 && folder[size - 1] == '/')
        size--;
    if (asprintf(&path, "%.*s/%s", (int)size, folder, name) < 0)
        return;
    if (is_folder(path))
        ;
    else if (is_yaml(name))
        load_file(loading, path);
    else
        log_message(LOG_WARNING, DISK,
                    "A non-YAML Component file %s was detected, it will not "
                    "be loaded",
                    name);
    free(path);
}

static int load_folder(struct loading *loading, const char *folder,
                       struct buffer *error)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, no_dots, by_name);

    if (count < 0) {
        if (errno == ENOENT)
            buffer_printf(error,
                          "failed to create watcher: failed to add target %s: "
                          "no such file or directory",
                          folder);
        else
            buffer_printf(error, "failed to load components: open %s: %s",
                          folder, strerror(errno));
        return -1;
    }
    for (int i = 0; i < count; i++) {
        load_entry(loading, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return 0;
}

int resources_load(struct resources *ret, const char *const *paths,
                   size_t count, const struct resource_settings *settings,
                   struct buffer *error)
{
    struct loading loading = {.resources = ret, .settings = settings};
    int rc = 0;

    buffer_init(&loading.duplicates, MESSAGES_MAX);
    buffer_init(&loading.failures, MESSAGES_MAX);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = load_folder(&loading, paths[i], error);
    if (rc == 0 && (loading.duplicates.size || loading.failures.size)) {
        const struct buffer *why =
            loading.duplicates.size ? &loading.duplicates : &loading.failures;

        buffer_printf(error, "failed to load components: %.*s", (int)why->size,
                      (char *)why->data);
        rc = -1;
    }
    buffer_done(&loading.duplicates);
    buffer_done(&loading.failures);
    return rc;
}
