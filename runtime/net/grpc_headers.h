/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers of a gRPC call: those that begin it, made from its options, and
 * those that answer it, read. What is accepted and how faults are worded is
 * grpc-go's. Owned by the loop's thread.
 */
#ifndef NET_GRPC_HEADERS_H
#define NET_GRPC_HEADERS_H

#include "net/grpc.h"

#define GRPC_HEADERS_LIMIT 256 /* of a call that begins */

/* Texts are those of the options: nothing is copied. */
struct grpc_request {
    struct h2_header items[GRPC_HEADERS_LIMIT];
    size_t count;
    char timeout[16];
};

/* 0, or -1 with a text for people about what must not be sent. */
int grpc_request_make(struct grpc_request *request,
                      const struct grpc_options *options, struct buffer *error);

#define GRPC_NO_STATUS (-1)

/* What the peer said about the call, or this side where it ended it. */
struct grpc_answer {
    int code; /* GRPC_NO_STATUS until it is known */
    struct buffer message;
    struct buffer details;
    struct pairs metadata; /* of the last block that was read */
};

void grpc_answer_init(struct grpc_answer *answer);
void grpc_answer_done(struct grpc_answer *answer);

/* Sets the status. Any status that was there before is forgotten. */
void grpc_answer_set(struct grpc_answer *answer, int code, const char *format,
                     ...) DAPR_PRINTF(3, 4);

/* Reads the headers that begin an answer. False where no gRPC server says
 * that: the status is set. */
bool grpc_answer_begin(struct grpc_answer *answer,
                       const struct h2_headers *headers);

/* Reads the headers that end it, which may be the first: the status is set. */
void grpc_answer_end(struct grpc_answer *answer,
                     const struct h2_headers *headers);

#endif
