/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line flags from a table, parsed as Go's pflag does for daprd: --name
 * value, --name=value, -name value; booleans need no value. No output, no exit;
 * one thread.
 */
#ifndef FLAGS_H
#define FLAGS_H

#include "core/buffer.h"

#define FLAGS_TEXT_MAX  (64 << 10) /* bytes of all items of a list */
#define FLAGS_ITEMS_MAX 256        /* items of a list */

struct text_list {
    char **items;
    size_t count;
};

enum flag_kind {
    FLAG_TEXT,     /* char *, never NULL */
    FLAG_INT,      /* int */
    FLAG_BOOL,     /* bool */
    FLAG_DURATION, /* int64_t, nanoseconds */
    FLAG_LIST      /* struct text_list: may come again, may hold commas */
};

#define FLAG_NOWHERE SIZE_MAX

struct flag {
    const char *heading; /* of the group in the usage that starts here */
    const char *name;
    enum flag_kind kind;
    size_t offset;     /* in what is filled; FLAG_NOWHERE: checked only */
    const char *value; /* the default; NULL: the kind's zero */
    const char *help;
    const char *instead; /* NULL; or deprecated: what to use */
    int note;            /* 0; or, as the owner says, it does nothing yet */
};

enum flags_result { FLAGS_OK, FLAGS_HELP, FLAGS_WRONG };

/* Fills `into`, defaults first; given[i] says that flag i was on the command
 * line. Appends notes about deprecated flags, and pflag's message when the
 * result is FLAGS_WRONG. flags_done() follows in any case. */
enum flags_result flags_parse(const struct flag *flags, size_t count,
                              void *into, bool *given, int argc,
                              char *const *argv, struct buffer *notes,
                              struct buffer *error);
void flags_done(const struct flag *flags, size_t count, void *into);

/* Appends what --help says, from its second line on. */
void flags_usage(const struct flag *flags, size_t count, struct buffer *out);

/* A decimal number as Go's Atoi reads it. 0, or -1 with its message appended.
 */
int flags_atoi(const char *text, int *ret, struct buffer *error);

#endif
