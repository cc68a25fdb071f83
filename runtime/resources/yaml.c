/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML trees out of libyaml's events; see yaml.h. The tree owns its nodes by
 * their list, so that an alias is only one more pointer. One thread.
 */
#include "resources/yaml.h"

#include "core/json.h"
#include "resources/scalar.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#define MERGE_TAG "tag:yaml.org,2002:merge"
#define TOO_DEEP  "more than %d collections in each other"

/* What is being read: the collections that have not ended, innermost last. */
struct reading {
    struct yaml *yaml;
    yaml_parser_t parser;
    int first_line;
    struct yaml_node *open[YAML_DEPTH_MAX];
    size_t depth;
    struct buffer *error;
};

int yaml_fail(const struct yaml_node *node, struct buffer *error,
              const char *format, ...)
{
    va_list args;

    if (error->size)
        buffer_char(error, '\n');
    if (node)
        buffer_printf(error, "line %d, column %d: ", node->line, node->column);
    va_start(args, format);
    buffer_vprintf(error, format, args);
    va_end(args);
    return -1;
}

/* ---- nodes --------------------------------------------------------------- */

static void node_free(struct yaml_node *node)
{
    free(node->text);
    free(node->tag);
    free(node->anchor);
    free(node->items);
    free(node);
}

void yaml_done(struct yaml *yaml)
{
    struct yaml_node *node;

    while ((node = SLIST_FIRST(&yaml->nodes))) {
        SLIST_REMOVE_HEAD(&yaml->nodes, link);
        node_free(node);
    }
    yaml->root = NULL;
}

static int too_many(struct reading *reading, const struct yaml_node *where,
                    int limit, const char *what)
{
    return yaml_fail(where, reading->error, "the document has more than %d %s",
                     limit, what);
}

static int copy_text(char **ret, const yaml_char_t *text)
{
    *ret = text ? strdup((const char *)text) : NULL;
    return text && !*ret ? -1 : 0;
}

/* A node of the tree, not in a collection yet. */
static struct yaml_node *node_new(struct reading *reading,
                                  const yaml_event_t *event,
                                  enum yaml_kind kind, const yaml_char_t *tag,
                                  const yaml_char_t *anchor)
{
    struct yaml *yaml = reading->yaml;
    struct yaml_node *node = calloc(1, sizeof *node);

    if (!node || copy_text(&node->tag, tag) ||
        copy_text(&node->anchor, anchor)) {
        yaml_fail(NULL, reading->error, "out of memory");
        if (node)
            node_free(node);
        return NULL;
    }
    node->kind = kind;
    node->line = reading->first_line + (int)event->start_mark.line;
    node->column = 1 + (int)event->start_mark.column;
    SLIST_INSERT_HEAD(&yaml->nodes, node, link);
    if (anchor)
        SLIST_INSERT_HEAD(&yaml->anchors, node, anchor_link);
    if (++yaml->node_count > YAML_NODES_MAX) {
        too_many(reading, node, YAML_NODES_MAX, "nodes");
        return NULL;
    }
    if (anchor && ++yaml->anchor_count > YAML_ANCHORS_MAX) {
        too_many(reading, node, YAML_ANCHORS_MAX, "anchors");
        return NULL;
    }
    return node;
}

static int append(struct reading *reading, struct yaml_node *to,
                  struct yaml_node *node)
{
    size_t capacity = to->capacity ? 2 * to->capacity : 8;
    struct yaml_node **items;

    if (to->count == to->capacity) {
        items = reallocarray(to->items, capacity, sizeof *items);
        if (!items)
            return yaml_fail(to, reading->error, "out of memory");
        to->items = items;
        to->capacity = capacity;
    }
    to->items[to->count++] = node;
    if (node->height >= to->height)
        to->height = node->height + 1;
    if (to->height <= YAML_DEPTH_MAX)
        return 0;
    return yaml_fail(to, reading->error, TOO_DEEP, YAML_DEPTH_MAX);
}

/* ---- merge keys ---------------------------------------------------------- */

static bool is_merge(const struct yaml_node *key)
{
    return key->kind == YAML_SCALAR && strcmp(key->text, "<<") == 0 &&
           (key->plain || (key->tag && strcmp(key->tag, MERGE_TAG) == 0));
}

static int merge_map(struct reading *reading, struct yaml_node *to,
                     const struct yaml_node *from)
{
    for (size_t i = 0; i < from->count; i++) {
        if (++reading->yaml->node_count > YAML_NODES_MAX)
            return too_many(reading, to, YAML_NODES_MAX, "nodes");
        if (append(reading, to, from->items[i]))
            return -1;
    }
    return 0;
}

/* A map, or a list of maps, of which the first counts most. */
static int merge(struct reading *reading, struct yaml_node *to,
                 const struct yaml_node *from)
{
    bool list = from->kind == YAML_LIST;

    if (from->kind == YAML_MAP && from->ended)
        return merge_map(reading, to, from);
    for (size_t i = from->count; list && from->ended && i > 0; i--) {
        if (from->items[i - 1]->kind != YAML_MAP || !from->items[i - 1]->ended)
            list = false;
        else if (merge_map(reading, to, from->items[i - 1]))
            return -1;
    }
    if (list && from->ended)
        return 0;
    return yaml_fail(from, reading->error,
                     "map merge requires map or sequence of maps as the value");
}

/* ---- events -------------------------------------------------------------- */

/* Puts a node where it belongs. */
static int place(struct reading *reading, struct yaml_node *node)
{
    struct yaml_node *into;
    struct yaml_node *key;

    if (!reading->depth) {
        reading->yaml->root = node;
        return 0;
    }
    into = reading->open[reading->depth - 1];
    key = into->count % 2 ? into->items[into->count - 1] : NULL;
    if (into->kind == YAML_MAP && key && is_merge(key)) {
        into->count--;
        return merge(reading, into, node);
    }
    return append(reading, into, node);
}

static int open_collection(struct reading *reading, struct yaml_node *node)
{
    if (!node)
        return -1;
    if (reading->depth == YAML_DEPTH_MAX)
        return yaml_fail(node, reading->error, TOO_DEEP, YAML_DEPTH_MAX);
    reading->open[reading->depth++] = node;
    return 0;
}

/* A collection is put in its place when it is complete: a merge needs it. */
static int close_collection(struct reading *reading)
{
    struct yaml_node *node = reading->open[--reading->depth];

    node->ended = true;
    return place(reading, node);
}

static int read_scalar(struct reading *reading, const yaml_event_t *event)
{
    struct yaml_node *node =
        node_new(reading, event, YAML_SCALAR, event->data.scalar.tag,
                 event->data.scalar.anchor);

    if (!node)
        return -1;
    node->plain = event->data.scalar.plain_implicit;
    node->size = event->data.scalar.length;
    node->text = malloc(node->size + 1);
    if (!node->text)
        return yaml_fail(node, reading->error, "out of memory");
    memcpy(node->text, event->data.scalar.value, node->size);
    node->text[node->size] = 0;
    return place(reading, node);
}

/* Stands for the last node of this anchor. */
static int read_alias(struct reading *reading, const yaml_event_t *event)
{
    const char *anchor = (const char *)event->data.alias.anchor;
    int line = reading->first_line + (int)event->start_mark.line;
    struct yaml_node *node;

    SLIST_FOREACH(node, &reading->yaml->anchors, anchor_link)
    {
        if (strcmp(node->anchor, anchor) == 0)
            break;
    }
    if (!node)
        return yaml_fail(NULL, reading->error,
                         "line %d: unknown anchor '%s' referenced", line,
                         anchor);
    if (node->kind != YAML_SCALAR && !node->ended)
        return yaml_fail(NULL, reading->error,
                         "line %d: anchor '%s' value contains itself", line,
                         anchor);
    if (++reading->yaml->node_count > YAML_NODES_MAX)
        return too_many(reading, node, YAML_NODES_MAX, "nodes");
    return place(reading, node);
}

static int take_event(struct reading *reading, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reading, event);
    case YAML_ALIAS_EVENT:
        return read_alias(reading, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(reading,
                               node_new(reading, event, YAML_LIST,
                                        event->data.sequence_start.tag,
                                        event->data.sequence_start.anchor));
    case YAML_MAPPING_START_EVENT:
        return open_collection(reading,
                               node_new(reading, event, YAML_MAP,
                                        event->data.mapping_start.tag,
                                        event->data.mapping_start.anchor));
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_collection(reading);
    default:
        return 0;
    }
}

static int fail_parse(struct reading *reading)
{
    const yaml_parser_t *parser = &reading->parser;

    return yaml_fail(NULL, reading->error, "line %d, column %d: %s%s%s",
                     reading->first_line + (int)parser->problem_mark.line,
                     1 + (int)parser->problem_mark.column,
                     parser->problem ? parser->problem : "broken YAML",
                     parser->context ? " " : "",
                     parser->context ? parser->context : "");
}

static int read_events(struct reading *reading)
{
    yaml_event_type_t type;
    yaml_event_t event;
    int rc;

    do {
        if (!yaml_parser_parse(&reading->parser, &event))
            return fail_parse(reading);
        type = event.type;
        rc = take_event(reading, &event);
        yaml_event_delete(&event);
    } while (rc == 0 && type != YAML_DOCUMENT_END_EVENT &&
             type != YAML_STREAM_END_EVENT);
    return rc;
}

int yaml_read(struct yaml *yaml, struct dapr_bytes text, int first_line,
              struct buffer *error)
{
    struct reading reading = {
        .yaml = yaml,
        .first_line = first_line,
        .error = error,
    };
    int rc;

    *yaml = (struct yaml){0};
    if (!yaml_parser_initialize(&reading.parser))
        return yaml_fail(NULL, error, "out of memory");
    yaml_parser_set_input_string(&reading.parser, text.data, text.size);
    rc = read_events(&reading);
    yaml_parser_delete(&reading.parser);
    return rc;
}

/* ---- looked at ----------------------------------------------------------- */

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *name;

    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (size_t i = map->count; i >= 2; i -= 2) {
        name = map->items[i - 2];
        if (name->kind == YAML_SCALAR && strcasecmp(name->text, key) == 0)
            return map->items[i - 1];
    }
    return NULL;
}

/* What a scalar is, or an error with its place. */
static int resolve(const struct yaml_node *node, struct scalar *ret,
                   struct buffer *error)
{
    struct buffer why;
    int rc;

    buffer_init(&why, 1024);
    rc = scalar_read((struct dapr_bytes){node->text, node->size}, node->tag,
                     node->plain, ret, &why);
    if (rc)
        yaml_fail(node, error, "%.*s", (int)why.size, (char *)why.data);
    buffer_done(&why);
    return rc;
}

bool yaml_is_null(const struct yaml_node *node)
{
    struct buffer error;
    struct scalar scalar;
    bool null;

    if (!node)
        return true;
    buffer_init(&error, 0);
    if (node->kind != YAML_SCALAR || resolve(node, &scalar, &error))
        return false;
    null = scalar.kind == SCALAR_NULL;
    scalar_done(&scalar);
    return null;
}

int yaml_text(const struct yaml_node *node, const char *what,
              struct buffer *out, struct buffer *error)
{
    struct scalar scalar;
    int rc;

    if (node->kind != YAML_SCALAR)
        return yaml_fail(node, error, "%s must be text, not a %s", what,
                         node->kind == YAML_MAP ? "mapping" : "list");
    if (resolve(node, &scalar, error))
        return -1;
    rc = scalar_text(&scalar, out);
    scalar_done(&scalar);
    if (rc)
        return yaml_fail(node, error, "%s is no number that JSON has", what);
    return 0;
}

int yaml_bool(const struct yaml_node *node, const char *what, bool *ret,
              struct buffer *error)
{
    struct scalar scalar = {.kind = SCALAR_TEXT};

    if (node->kind == YAML_SCALAR && resolve(node, &scalar, error))
        return -1;
    scalar_done(&scalar);
    if (scalar.kind != SCALAR_BOOL)
        return yaml_fail(node, error, "%s must be true or false", what);
    *ret = scalar.truth;
    return 0;
}

/* ---- as JSON ------------------------------------------------------------- */

static int expand(struct yaml *yaml, const struct yaml_node *node,
                  struct buffer *out, struct buffer *error);

static int expand_scalar(const struct yaml_node *node, bool key,
                         struct buffer *out, struct buffer *error)
{
    struct scalar scalar;
    struct buffer name;
    int rc;

    if (resolve(node, &scalar, error))
        return -1;
    buffer_init(&name, YAML_EXPAND_MAX);
    rc = key ? scalar_key(&scalar, &name) : scalar_json(&scalar, out);
    if (rc)
        yaml_fail(node, error,
                  key ? "null is no key" : "%s is no number that JSON has",
                  node->text);
    else if (key)
        json_string(out, buffer_bytes(&name));
    buffer_done(&name);
    scalar_done(&scalar);
    return rc;
}

static int expand_list(struct yaml *yaml, const struct yaml_node *node,
                       struct buffer *out, struct buffer *error)
{
    buffer_char(out, '[');
    for (size_t i = 0; i < node->count; i++) {
        if (i)
            buffer_char(out, ',');
        if (expand(yaml, node->items[i], out, error))
            return -1;
    }
    return buffer_char(out, ']');
}

static int expand_map(struct yaml *yaml, const struct yaml_node *node,
                      struct buffer *out, struct buffer *error)
{
    buffer_char(out, '{');
    for (size_t i = 0; i + 1 < node->count; i += 2) {
        if (i)
            buffer_char(out, ',');
        if (node->items[i]->kind != YAML_SCALAR)
            return yaml_fail(node->items[i], error, "a key must be a scalar");
        if (expand_scalar(node->items[i], true, out, error))
            return -1;
        buffer_char(out, ':');
        if (expand(yaml, node->items[i + 1], out, error))
            return -1;
    }
    return buffer_char(out, '}');
}

/* No deeper than YAML_DEPTH_MAX: a node's height has been checked. */
static int expand(struct yaml *yaml, const struct yaml_node *node,
                  struct buffer *out, struct buffer *error)
{
    yaml->expanded += node->size + sizeof "null,";
    if (yaml->expanded > YAML_EXPAND_MAX)
        return yaml_fail(node, error,
                         "with its aliases expanded, the document has more "
                         "than %d bytes",
                         YAML_EXPAND_MAX);
    if (node->kind == YAML_LIST)
        return expand_list(yaml, node, out, error);
    if (node->kind == YAML_MAP)
        return expand_map(yaml, node, out, error);
    return expand_scalar(node, false, out, error);
}

int yaml_json(struct yaml *yaml, const struct yaml_node *node,
              struct buffer *out, struct buffer *error)
{
    struct json_reader reader;
    struct buffer raw;
    int rc;

    buffer_init(&raw, (size_t)YAML_EXPAND_MAX * 8);
    rc = expand(yaml, node, &raw, error);
    if (rc == 0) {
        json_reader_init(&reader, buffer_bytes(&raw));
        reader.exact = true;
        rc = json_copy(&reader, out);
        if (rc)
            yaml_fail(node, error, "%s", reader.error);
    }
    buffer_done(&raw);
    return rc;
}
