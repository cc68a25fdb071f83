/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML document as a tree that knows where everything was. Anchors are
 * shared, not copied, and merge keys (<<) are put in place; what a document may
 * expand to is bounded. Belongs to one thread.
 */
#ifndef RESOURCES_YAML_H
#define RESOURCES_YAML_H

#include "core/buffer.h"

#include <sys/queue.h>

#define YAML_DEPTH_MAX   100    /* collections in each other */
#define YAML_NODES_MAX   100000 /* as written, and members merged */
#define YAML_ANCHORS_MAX 1000
#define YAML_EXPAND_MAX  (4 << 20) /* bytes, aliases expanded, of a document */

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    bool plain; /* a scalar without quotes and tag */
    bool ended; /* a collection that is complete */
    int height; /* collections in each other here, aliases expanded */
    int line, column;
    char *text; /* a scalar's; ends with NUL behind its size */
    size_t size;
    char *tag;
    char *anchor;             /* NULL: none */
    struct yaml_node **items; /* of a list; of a map, keys and values */
    size_t count;
    size_t capacity;
    SLIST_ENTRY(yaml_node) link;
    SLIST_ENTRY(yaml_node) anchor_link;
};

struct yaml {
    struct yaml_node *root; /* NULL: an empty document */
    SLIST_HEAD(, yaml_node) nodes;
    SLIST_HEAD(, yaml_node) anchors; /* the latest first */
    size_t anchor_count;
    size_t node_count;
    size_t expanded;
};

/* Reads the first document of a text, whose first line has this number. 0, or
 * -1 with a message appended to `error`. yaml_done() follows in any case. */
int yaml_read(struct yaml *yaml, struct dapr_bytes text, int first_line,
              struct buffer *error);
void yaml_done(struct yaml *yaml);

/* The value of a key, in any case, the last one if there are several; NULL when
 * there is none, or the node is NULL or no map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* Whether the node is absent, or null. */
bool yaml_is_null(const struct yaml_node *node);

/* These append to `out`, and return 0, or -1 with a message appended to
 * `error`. A scalar as text; `what` names it in the message. */
int yaml_text(const struct yaml_node *node, const char *what,
              struct buffer *out, struct buffer *error);

/* True or false. */
int yaml_bool(const struct yaml_node *node, const char *what, bool *ret,
              struct buffer *error);

/* Anything, as JSON with its keys in order. */
int yaml_json(struct yaml *yaml, const struct yaml_node *node,
              struct buffer *out, struct buffer *error);

/* Appends where, then the message. Returns -1. */
int yaml_fail(const struct yaml_node *node, struct buffer *error,
              const char *format, ...) DAPR_PRINTF(3, 4);

#endif
