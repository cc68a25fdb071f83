/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that grow, up to a ceiling that whoever makes the buffer must name.
 *
 * A failed append (the ceiling, or memory) leaves the content as it was and is
 * remembered in `failed`, so that a run of appends is checked once at its end.
 * Belongs to one thread at a time.
 */
#ifndef CORE_BUFFER_H
#define CORE_BUFFER_H

#include <dapr/components.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t limit;
    bool failed;
};

/* No memory is taken before the first append. */
void buffer_init(struct buffer *buffer, size_t limit);
void buffer_done(struct buffer *buffer);

/* Forgets the content, keeps the memory; clears `failed`. */
void buffer_clear(struct buffer *buffer);

/* All return 0 or -1. */
int buffer_append(struct buffer *buffer, const void *data, size_t size);
int buffer_text(struct buffer *buffer, const char *text);
int buffer_char(struct buffer *buffer, char c);
int buffer_printf(struct buffer *buffer, const char *format, ...)
    DAPR_PRINTF(2, 3);
int buffer_vprintf(struct buffer *buffer, const char *format, va_list args);

/* Room for `size` more bytes at data + size, which the caller fills and then
 * adds to `size`; NULL when there is none. */
void *buffer_reserve(struct buffer *buffer, size_t size);

/* Drops bytes at the front. */
void buffer_consume(struct buffer *buffer, size_t size);

/* The content with a NUL behind it; valid until the next change. NULL when the
 * buffer failed. */
const char *buffer_string(struct buffer *buffer);

/* The content with a NUL behind it, to be freed by the caller; the buffer is
 * empty then. NULL when the buffer failed. */
char *buffer_take(struct buffer *buffer);

static inline struct dapr_bytes buffer_bytes(const struct buffer *buffer)
{
    return (struct dapr_bytes){buffer->data, buffer->size};
}

#endif
