/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a binding call over HTTP, read as Go reads it. */
#ifndef API_BINDING_REQUEST_H
#define API_BINDING_REQUEST_H

#include "core/buffer.h"
#include "core/pairs.h"

struct binding_request {
    struct buffer operation;
    struct buffer data; /* JSON in Go's form; "null" where there is none */
    struct pairs metadata;
    char error[256]; /* set when it cannot be read */
};

void binding_request_init(struct binding_request *request);
void binding_request_done(struct binding_request *request);

/* Reads the first JSON value of a body. 0, or -1 with `error` set. */
int binding_request_read(struct binding_request *request,
                         struct dapr_bytes body);

#endif
