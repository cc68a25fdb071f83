/* SPDX-License-Identifier: Apache-2.0 */
/* How an event's metadata becomes the headers of a request to an HTTP app. */
#ifndef APP_APP_HEADERS_H
#define APP_APP_HEADERS_H

#include "core/buffer.h"
#include "core/pairs.h"

/* Adds the headers that an event's metadata gives (runtime-bindings: daprd's
 * HTTP channel): names in Go's canonical form, reserved ones renamed, those of
 * the connection, and those that are there already, left out. 0; or -1 with the
 * reason in `error`: a name or value that cannot be a header, a content-length
 * that is not the data's. */
int app_headers_add(struct pairs *headers, struct dapr_metadata metadata,
                    size_t data_size, struct buffer *error);

#endif
