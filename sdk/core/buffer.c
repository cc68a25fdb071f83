/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bytes with a ceiling; see buffer.h. */
#include "core/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

void buffer_init(struct buffer *buffer, size_t limit)
{
    *buffer = (struct buffer){.limit = limit};
}

void buffer_done(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer, buffer->limit);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
}

/* One byte is kept beyond `size` for the NUL of buffer_string(). */
static int grow(struct buffer *buffer, size_t size)
{
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    uint8_t *data;

    if (size > buffer->limit - buffer->size)
        goto fail;
    if (buffer->size + size < buffer->capacity)
        return 0;
    while (capacity <= buffer->size + size)
        capacity += capacity / 2;
    if (capacity > buffer->limit + 1)
        capacity = buffer->limit + 1;
    data = realloc(buffer->data, capacity);
    if (!data)
        goto fail;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
fail:
    buffer->failed = true;
    return -1;
}

void *buffer_reserve(struct buffer *buffer, size_t size)
{
    return grow(buffer, size) ? NULL : buffer->data + buffer->size;
}

int buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (buffer->failed || grow(buffer, size))
        return -1;
    if (size)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return 0;
}

int buffer_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int buffer_char(struct buffer *buffer, char c)
{
    return buffer_append(buffer, &c, 1);
}

int buffer_vprintf(struct buffer *buffer, const char *format, va_list args)
{
    va_list again;
    int size;

    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0 || buffer->failed || grow(buffer, (size_t)size)) {
        buffer->failed = true;
        return -1;
    }
    vsnprintf((char *)buffer->data + buffer->size, (size_t)size + 1, format,
              args);
    buffer->size += (size_t)size;
    return 0;
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    int rc;

    va_start(args, format);
    rc = buffer_vprintf(buffer, format, args);
    va_end(args);
    return rc;
}

void buffer_consume(struct buffer *buffer, size_t size)
{
    buffer->size -= size;
    if (buffer->size)
        memmove(buffer->data, buffer->data + size, buffer->size);
}

const char *buffer_string(struct buffer *buffer)
{
    if (buffer->failed || grow(buffer, 0))
        return NULL;
    buffer->data[buffer->size] = 0;
    return (const char *)buffer->data;
}

char *buffer_take(struct buffer *buffer)
{
    char *text = NULL;

    if (buffer_string(buffer)) {
        text = (char *)buffer->data;
        buffer_init(buffer, buffer->limit);
    }
    return text;
}
