/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a YAML scalar means to Dapr (sigs.k8s.io/yaml): YAML 1.1 as go-yaml v2
 * reads it, so that `yes` is a boolean and 017 is 15. No state; any thread.
 */
#ifndef RESOURCES_SCALAR_H
#define RESOURCES_SCALAR_H

#include "core/buffer.h"

enum scalar_kind {
    SCALAR_NULL,
    SCALAR_BOOL,
    SCALAR_INTEGER,
    SCALAR_FLOAT,
    SCALAR_TEXT
};

struct scalar {
    enum scalar_kind kind;
    bool truth;
    bool negative; /* SCALAR_INTEGER: with `magnitude` */
    uint64_t magnitude;
    double number;          /* SCALAR_FLOAT */
    struct dapr_bytes text; /* SCALAR_TEXT; valid while its source is */
    uint8_t *decoded;       /* owned: the text, if it was !!binary */
};

/* `text` ends with NUL behind its size. `tag` is NULL or the whole tag; `plain`
 * says that it had neither quotes nor tag. 0, or -1 with a message appended to
 * `error`. */
int scalar_read(struct dapr_bytes text, const char *tag, bool plain,
                struct scalar *ret, struct buffer *error);
void scalar_done(struct scalar *scalar);

/* As JSON. 0, or -1: infinite, not a number, or out failed. */
int scalar_json(const struct scalar *scalar, struct buffer *out);

/* As the text of a field that holds text; of a key of a mapping. */
int scalar_text(const struct scalar *scalar, struct buffer *out);
int scalar_key(const struct scalar *scalar, struct buffer *out);

#endif
