/* SPDX-License-Identifier: Apache-2.0 */
/* Flags from a table; see flags.h. What is filled owns its strings. */
#include "flags.h"

#include "core/utf8.h"
#include "resources/duration.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_COLUMN 6 /* of the usage */
#define HELP_COLUMN 38
#define LINE_WIDTH  100

/* ---- values -------------------------------------------------------------- */

static void *field(const struct flag *flag, void *into)
{
    return (char *)into + flag->offset;
}

static int fail_strconv(struct buffer *error, const char *function,
                        const char *text, const char *why)
{
    buffer_printf(error, "strconv.%s: parsing ", function);
    utf8_quote(error, dapr_text(text));
    buffer_printf(error, ": %s", why);
    return -1;
}

static int read_int(const char *function, const char *text, int base, int *ret,
                    struct buffer *error)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, base);
    if (*digits < '0' || *digits > '9' || *end)
        return fail_strconv(error, function, text, "invalid syntax");
    if (errno || value < INT_MIN || value > INT_MAX)
        return fail_strconv(error, function, text, "value out of range");
    *ret = (int)value;
    return 0;
}

int flags_atoi(const char *text, int *ret, struct buffer *error)
{
    return read_int("Atoi", text, 10, ret, error);
}

static int read_bool(const char *text, bool *ret, struct buffer *error)
{
    static const char *const words[] = {"1",    "t",     "T",     "TRUE",
                                        "true", "True",  "0",     "f",
                                        "F",    "FALSE", "false", "False"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = i < sizeof words / sizeof *words / 2;
            return 0;
        }
    }
    return fail_strconv(error, "ParseBool", text, "invalid syntax");
}

static void clear_list(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct text_list){0};
}

static int add_items(struct text_list *list, const char *text,
                     struct buffer *error)
{
    size_t size;
    char **items;

    while (*text) {
        size = strcspn(text, ",");
        if (list->count == FLAGS_ITEMS_MAX || size > FLAGS_TEXT_MAX) {
            buffer_printf(error, "more than %d items", FLAGS_ITEMS_MAX);
            return -1;
        }
        items = reallocarray(list->items, list->count + 1, sizeof *items);
        if (items)
            list->items = items;
        if (!items || !(items[list->count] = strndup(text, size))) {
            buffer_text(error, "out of memory");
            return -1;
        }
        list->count++;
        text += size + (text[size] == ',');
    }
    return 0;
}

/* A value is checked even where nobody wants it. */
static int set_value(const struct flag *flag, void *into, const char *text,
                     struct buffer *error)
{
    union {
        char *text;
        int number;
        bool truth;
        int64_t duration;
    } unwanted;
    void *to = flag->offset == FLAG_NOWHERE ? &unwanted : field(flag, into);
    char *copy;

    switch (flag->kind) {
    case FLAG_INT:
        return read_int("ParseInt", text, 0, to, error);
    case FLAG_BOOL:
        return read_bool(text, to, error);
    case FLAG_DURATION:
        return duration_parse(text, to, error);
    case FLAG_LIST:
        return flag->offset == FLAG_NOWHERE ? 0 : add_items(to, text, error);
    case FLAG_TEXT:
        break;
    }
    if (flag->offset == FLAG_NOWHERE)
        return 0;
    if (!(copy = strdup(text))) {
        buffer_text(error, "out of memory");
        return -1;
    }
    free(*(char **)to);
    *(char **)to = copy;
    return 0;
}

static int set_defaults(const struct flag *flags, size_t count, void *into,
                        struct buffer *error)
{
    const char *value;

    for (size_t i = 0; i < count; i++) {
        value = flags[i].value;
        if (!value && flags[i].kind == FLAG_TEXT)
            value = "";
        if (value && set_value(&flags[i], into, value, error))
            return -1;
    }
    return 0;
}

void flags_done(const struct flag *flags, size_t count, void *into)
{
    for (size_t i = 0; i < count; i++) {
        if (flags[i].offset == FLAG_NOWHERE)
            continue;
        if (flags[i].kind == FLAG_LIST)
            clear_list(field(&flags[i], into));
        if (flags[i].kind == FLAG_TEXT) {
            free(*(char **)field(&flags[i], into));
            *(char **)field(&flags[i], into) = NULL;
        }
    }
}

/* ---- the command line ---------------------------------------------------- */

/* What is being read. */
struct line {
    const struct flag *flags;
    size_t count;
    void *into;
    bool *given;
    char *const *next; /* argument; NULL ends them */
    struct buffer *notes;
    struct buffer *error;
};

static int wrong(struct line *line, const char *format, const char *text)
{
    buffer_printf(line->error, format, text);
    return FLAGS_WRONG;
}

static const struct flag *find(const struct line *line, const char *name,
                               size_t size)
{
    for (size_t i = 0; i < line->count; i++) {
        if (strlen(line->flags[i].name) == size &&
            memcmp(line->flags[i].name, name, size) == 0)
            return &line->flags[i];
    }
    return NULL;
}

static int assign(struct line *line, const struct flag *flag, const char *value)
{
    size_t index = (size_t)(flag - line->flags);
    struct buffer why;
    int rc = FLAGS_OK;

    if (flag->kind == FLAG_LIST && *value && !line->given[index] &&
        flag->offset != FLAG_NOWHERE)
        clear_list(field(flag, line->into));
    buffer_init(&why, FLAGS_TEXT_MAX);
    if (set_value(flag, line->into, value, &why)) {
        buffer_text(line->error, "invalid argument ");
        utf8_quote(line->error, dapr_text(value));
        buffer_printf(line->error, " for \"--%s\" flag: %.*s", flag->name,
                      (int)why.size, (char *)why.data);
        rc = FLAGS_WRONG;
    }
    buffer_done(&why);
    if (flag->instead && !line->given[index])
        buffer_printf(line->notes, "Flag --%s has been deprecated, %s\n",
                      flag->name, flag->instead);
    line->given[index] = true;
    return rc;
}

/* --name, --name=value; `argument` is without its first dash. */
static int read_long(struct line *line, const char *argument)
{
    const char *name = argument + 1;
    size_t size = strcspn(name, "=");
    const struct flag *flag = find(line, name, size);

    if (!size || *name == '-')
        return wrong(line, "bad flag syntax: -%s", argument);
    if (!flag && size == 4 && memcmp(name, "help", 4) == 0)
        return FLAGS_HELP;
    if (!flag) {
        buffer_printf(line->error, "unknown flag: --%.*s", (int)size, name);
        return FLAGS_WRONG;
    }
    if (name[size] == '=')
        return assign(line, flag, name + size + 1);
    if (flag->kind == FLAG_BOOL)
        return assign(line, flag, "true");
    if (!*line->next)
        return wrong(line, "flag needs an argument: --%s", flag->name);
    return assign(line, flag, *line->next++);
}

static int read_argument(struct line *line, const char *argument)
{
    if (argument[1] == '-')
        return read_long(line, argument + 1);
    if (argument[2]) {
        /* daprd takes -name for --name. */
        char *doubled = NULL;
        int rc;

        if (asprintf(&doubled, "-%s", argument) < 0)
            return wrong(line, "%s", "out of memory");
        rc = read_long(line, doubled + 1);
        free(doubled);
        return rc;
    }
    if (argument[1] == 'h')
        return FLAGS_HELP;
    buffer_text(line->error, "unknown shorthand flag: ");
    utf8_quote_point(line->error, (uint8_t)argument[1]);
    buffer_printf(line->error, " in %s", argument);
    return FLAGS_WRONG;
}

enum flags_result flags_parse(const struct flag *flags, size_t count,
                              void *into, bool *given, int argc,
                              char *const *argv, struct buffer *notes,
                              struct buffer *error)
{
    struct line line = {flags, count, into, given, argv + (argc > 0),
                        notes, error};
    int rc = FLAGS_OK;

    memset(given, 0, count * sizeof *given);
    if (set_defaults(flags, count, into, error))
        return FLAGS_WRONG;
    while (rc == FLAGS_OK && *line.next) {
        const char *argument = *line.next++;

        if (argument[0] != '-' || !argument[1])
            continue;
        if (strcmp(argument, "--") == 0)
            break;
        rc = read_argument(&line, argument);
    }
    return rc;
}

/* ---- usage --------------------------------------------------------------- */

static void pad(struct buffer *out, size_t line_start, size_t column)
{
    while (out->size < line_start + column)
        if (buffer_char(out, ' '))
            return;
}

/* Words from HELP_COLUMN on, in as many lines as they need. */
static void put_help(struct buffer *out, size_t line_start, const char *help)
{
    size_t size;

    if (out->size + 2 > line_start + HELP_COLUMN) {
        buffer_char(out, '\n');
        line_start = out->size;
    }
    pad(out, line_start, HELP_COLUMN);
    while (*help && !out->failed) {
        size = strcspn(help, " ");
        if (out->size + size > line_start + LINE_WIDTH) {
            buffer_char(out, '\n');
            line_start = out->size;
            pad(out, line_start, HELP_COLUMN);
        }
        buffer_append(out, help, size);
        help += size;
        help += strspn(help, " ");
        if (*help)
            buffer_char(out, ' ');
    }
}

void flags_usage(const struct flag *flags, size_t count, struct buffer *out)
{
    static const char *const kinds[] = {" string", " int", "", " duration",
                                        " strings"};

    for (size_t i = 0; i < count; i++) {
        const struct flag *flag = &flags[i];
        size_t line_start;

        if (flag->heading)
            buffer_printf(out, "\n%s:\n", flag->heading);
        line_start = out->size;
        pad(out, line_start, NAME_COLUMN);
        buffer_printf(out, "--%s%s", flag->name, kinds[flag->kind]);
        put_help(out, line_start, flag->help);
        if (flag->value && *flag->value)
            buffer_printf(out, " (default %s)", flag->value);
        if (flag->instead)
            buffer_printf(out, " (deprecated: %s)", flag->instead);
        if (flag->note)
            buffer_text(out, " (does nothing yet)");
        buffer_char(out, '\n');
    }
}
