/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines in Dapr's format (dapr/kit logger), text or JSON:
 *
 *   time="2026-08-21T10:11:12.123456789Z" level=info msg="..." app_id=orders
 *   instance=host scope=dapr.runtime type=log ver=edge
 *
 * on one line: time, level and msg first, the rest by name; a value is quoted
 * unless it holds only letters, digits and -._/@^+ . Any thread may log; a line
 * is written with one write(2).
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "core/buffer.h"

enum log_level {
    LOG_DEBUG = DAPR_DEBUG,
    LOG_INFO = DAPR_INFO,
    LOG_WARNING = DAPR_WARNING,
    LOG_ERROR = DAPR_ERROR,
    LOG_FATAL
};

/* How lines look from now on. Set before threads start; strings are copied.
 * Defaults: info, text, no app_id, ver of this library. */
struct log_settings {
    enum log_level level;
    bool json;
    const char *app_id; /* NULL: no app_id in the lines */
    const char *version;
    int fd; /* 0: standard output */
};

int log_set(const struct log_settings *settings);
bool log_enabled(enum log_level level);

/* Writes one line with extra fields, which take their place by name. */
void log_line(enum log_level level, const char *scope,
              struct dapr_metadata fields, const char *message);

void log_message(enum log_level level, const char *scope, const char *format,
                 ...) DAPR_PRINTF(3, 4);

/* The line itself, for tests and for whoever writes elsewhere; ends with \n.
 * `time` is in RFC 3339 form. */
void log_format(struct buffer *out, const char *time, enum log_level level,
                const char *scope, struct dapr_metadata fields,
                const char *message);

#endif
