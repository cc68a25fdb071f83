/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines in Dapr's format; see log.h. Any thread: the settings do not change
 * once threads run, a line is put together in memory of its own and leaves with
 * one write(2).
 */
#include "core/log.h"

#include "core/json.h"
#include "core/utf8.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_MESSAGE_MAX 32768      /* bytes; what is longer is cut */
#define LOG_LINE_MAX    (1u << 20) /* bytes, with fields and escapes */
#define LOG_FIELDS_MAX  24         /* of the caller; more are left out */
#define LOG_STUCK_MS    200        /* a full pipe may hold a line so long */

#define OWN_FIELDS      8

static struct log_settings current = {
    .level = LOG_INFO,
    .version = DAPR_COMPONENTS_VERSION,
    .fd = STDOUT_FILENO,
};
static char *app_id;  /* owned copies of what `current` points to */
static char *version; /* NULL: the default */
static char host[HOST_NAME_MAX + 1];
static pthread_once_t host_once = PTHREAD_ONCE_INIT;

static void find_host(void)
{
    if (gethostname(host, sizeof host - 1))
        host[0] = 0;
}

int log_set(const struct log_settings *settings)
{
    char *id = settings->app_id ? strdup(settings->app_id) : NULL;
    char *ver = settings->version ? strdup(settings->version) : NULL;

    if ((settings->app_id && !id) || (settings->version && !ver)) {
        free(id);
        free(ver);
        return -1;
    }
    free(app_id);
    free(version);
    app_id = id;
    version = ver;
    current = *settings;
    current.app_id = id;
    current.version = ver ? ver : DAPR_COMPONENTS_VERSION;
    if (!current.fd)
        current.fd = STDOUT_FILENO;
    return 0;
}

bool log_enabled(enum log_level level)
{
    return level >= current.level;
}

/* ---- one line ------------------------------------------------------------ */

struct fields {
    struct dapr_pair items[OWN_FIELDS + LOG_FIELDS_MAX];
    size_t count;
};

/* Inserted by name, after those of the same name. */
static void field_add(struct fields *fields, const char *name,
                      const char *value)
{
    size_t i = fields->count;

    if (!value || i == OWN_FIELDS + LOG_FIELDS_MAX)
        return;
    for (; i > 0 && strcmp(fields->items[i - 1].name, name) > 0; i--)
        fields->items[i] = fields->items[i - 1];
    fields->items[i] = (struct dapr_pair){name, value};
    fields->count++;
}

static void put_value(struct buffer *out, const char *value)
{
    static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789-._/@^+";

    if (value[strspn(value, bare)])
        utf8_quote(out, dapr_text(value));
    else
        buffer_text(out, value);
}

static void put_text_line(struct buffer *out, const char *time,
                          const char *level, const char *message,
                          const struct fields *fields)
{
    buffer_printf(out, "time=\"%s\" level=%s msg=", time, level);
    put_value(out, message);
    for (size_t i = 0; i < fields->count; i++) {
        buffer_printf(out, " %s=", fields->items[i].name);
        put_value(out, fields->items[i].value);
    }
    buffer_char(out, '\n');
}

static void put_json_line(struct buffer *out, const struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        buffer_char(out, i ? ',' : '{');
        json_string(out, dapr_text(fields->items[i].name));
        buffer_char(out, ':');
        json_string(out, dapr_text(fields->items[i].value));
    }
    buffer_text(out, "}\n");
}

void log_format(struct buffer *out, const char *time, enum log_level level,
                const char *scope, struct dapr_metadata fields,
                const char *message)
{
    static const char *const levels[] = {"debug", "info", "warning", "error",
                                         "fatal"};
    struct fields all = {.count = 0};

    pthread_once(&host_once, find_host);
    field_add(&all, "app_id", current.app_id);
    field_add(&all, "instance", host);
    field_add(&all, "scope", scope);
    field_add(&all, "type", "log");
    field_add(&all, "ver", current.version);
    if (current.json) {
        field_add(&all, "level", levels[level]);
        field_add(&all, "msg", message);
        field_add(&all, "time", time);
    }
    for (size_t i = 0; i < fields.count; i++)
        field_add(&all, fields.pairs[i].name, fields.pairs[i].value);
    if (current.json)
        put_json_line(out, &all);
    else
        put_text_line(out, time, levels[level], message, &all);
}

/* ---- writing ------------------------------------------------------------- */

/* RFC3339Nano, as Go prints it: no zeros at the end of the fraction. */
static void format_now(char *text, size_t size)
{
    struct timespec now;
    struct tm utc;
    size_t used;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    used = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
    if (now.tv_nsec) {
        used +=
            (size_t)snprintf(text + used, size - used, ".%09ld", now.tv_nsec);
        while (text[used - 1] == '0')
            used--;
    }
    snprintf(text + used, size - used, "Z");
}

/* One write() unless the other end is slow; a line is dropped, or cut, rather
 * than waited for without end. */
static void write_line(int fd, struct dapr_bytes line)
{
    const char *at = line.data;
    const char *end = at + line.size;
    struct pollfd full = {.fd = fd, .events = POLLOUT};
    ssize_t n;

    while (at < end) {
        n = write(fd, at, (size_t)(end - at));
        if (n > 0)
            at += n;
        else if (n == 0 || (errno != EINTR && errno != EAGAIN))
            return;
        else if (errno == EAGAIN && poll(&full, 1, LOG_STUCK_MS) <= 0)
            return;
    }
}

void log_line(enum log_level level, const char *scope,
              struct dapr_metadata fields, const char *message)
{
    struct buffer out;
    char *cut = NULL;
    char time[64];

    if (!log_enabled(level))
        return;
    if (strnlen(message, LOG_MESSAGE_MAX + 1) > LOG_MESSAGE_MAX)
        cut = strndup(message, LOG_MESSAGE_MAX);
    format_now(time, sizeof time);
    buffer_init(&out, LOG_LINE_MAX);
    log_format(&out, time, level, scope, fields, cut ? cut : message);
    if (!out.failed)
        write_line(current.fd, buffer_bytes(&out));
    buffer_done(&out);
    free(cut);
}

void log_message(enum log_level level, const char *scope, const char *format,
                 ...)
{
    struct buffer message;
    const char *text;
    va_list args;

    if (!log_enabled(level))
        return;
    buffer_init(&message, LOG_LINE_MAX);
    va_start(args, format);
    buffer_vprintf(&message, format, args);
    va_end(args);
    text = buffer_string(&message);
    log_line(level, scope, (struct dapr_metadata){0}, text ? text : format);
    buffer_done(&message);
}
