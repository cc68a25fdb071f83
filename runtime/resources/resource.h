/* SPDX-License-Identifier: Apache-2.0 */
/* One document to one resource; for load.c. Belongs to one thread. */
#ifndef RESOURCES_RESOURCE_H
#define RESOURCES_RESOURCE_H

#include "resources/resources.h"
#include "resources/yaml.h"

/* Reads a document. *ret is a new resource whose properties are as written, or
 * NULL when the document is of another kind or namespace; *ret_in_scope,
 * whether the app may have it. 0, or -1 with messages appended to `error`. */
int resource_read(struct yaml *yaml, const char *file,
                  const struct resource_settings *settings,
                  struct resource **ret, bool *ret_in_scope,
                  struct buffer *error);
void resource_free(struct resource *resource);

/* Fills in the templates of the properties' values. 0, or -1 with a message
 * appended to `error`. */
int resource_fill(struct resource *resource,
                  const struct resource_settings *settings,
                  struct buffer *error);

#endif
