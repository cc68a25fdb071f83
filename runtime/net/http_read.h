/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads HTTP/1 messages, requests and responses, out of bytes that come in any
 * pieces: no sockets, no clock. Server and client put it between a connection
 * and themselves. What it accepts and how it words faults is Go's net/http,
 * but for what could make two parsers disagree on where a message ends
 * (folded lines, a length beside chunks): that is refused.
 *
 * One reader per connection; its memory is used again for the next message.
 */
#ifndef NET_HTTP_READ_H
#define NET_HTTP_READ_H

#include "core/buffer.h"

enum http_kind { HTTP_REQUEST, HTTP_RESPONSE };

enum http_progress {
    HTTP_MORE,  /* the input is used up, the message is not complete */
    HTTP_HEAD,  /* the head is complete; read on for the body */
    HTTP_END,   /* the message is complete, or its body is too large */
    HTTP_BROKEN /* `fault` says why; nothing more can be read */
};

struct http_fault {
    int status;         /* what a server answers, 400 ... */
    bool told;          /* whether it gives the reason */
    const char *reason; /* in Go's words */
};

struct http_reader {
    enum http_kind kind;

    /* Valid from HTTP_HEAD until http_read_next(). */
    const char *method; /* of a request; any token */
    const char *target; /* path and query, or "*" */
    int status;         /* of a response */
    int minor;          /* of the version HTTP/1.x */
    const char *host;   /* NULL for none */
    const char *expect; /* NULL for none */
    bool keep_alive;    /* another message may follow */
    bool has_body;

    bool headless_body; /* set by the owner: this answers HEAD */
    bool body_too_large;
    const struct http_fault *fault;
    const char *detail; /* what in the head is at fault, or NULL */
    struct buffer body;

    /* The reader's own. */
    enum http_place {
        HTTP_IN_HEAD,
        HTTP_IN_LENGTH,
        HTTP_IN_CHUNK_SIZE,
        HTTP_IN_CHUNK,
        HTTP_IN_CHUNK_END,
        HTTP_IN_TRAILER,
        HTTP_UNTIL_CLOSE,
        HTTP_AT_END
    } place;
    struct buffer head;   /* gathered; later the fields' strings */
    struct buffer fields; /* of struct dapr_pair */
    struct buffer line;   /* of a chunk, or trailer */
    size_t scanned;       /* of the head: lines that are complete */
    uint64_t left;        /* of the body, or chunk */
    uint64_t overhead;    /* bytes spent on framing chunks */
    size_t trailer;
    uint64_t length;
    bool has_length;
    unsigned hosts;
    unsigned codings;
    bool chunked;
    bool asks_close;
    bool asks_keep_alive;
    unsigned blank; /* line ends that may stand before the message */
};

/* A max_body of 0 is no limit. */
void http_reader_init(struct http_reader *reader, enum http_kind kind,
                      size_t max_head, size_t max_body);
void http_reader_done(struct http_reader *reader);

/* Forgets the message and is ready for another. */
void http_read_next(struct http_reader *reader);

/* Takes bytes off the input up to the next thing that happens. To be called
 * until it says HTTP_MORE, also with no input left. */
enum http_progress http_read(struct http_reader *reader,
                             struct dapr_bytes *input);

/* The connection has ended: whether the message is complete by that. */
bool http_read_closed(const struct http_reader *reader);

/* Whether a part of a message has been read. */
bool http_read_begun(const struct http_reader *reader);

struct dapr_metadata http_read_headers(const struct http_reader *reader);

#endif
