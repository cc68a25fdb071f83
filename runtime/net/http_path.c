/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as Go cleans and unescapes them; no state. */
#include "net/http_path.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_dots(const char *segment, size_t size, size_t dots)
{
    return size == dots && strncmp(segment, "..", dots) == 0;
}

char *http_clean_path(const char *target)
{
    const char *at = target, *stop = target + strcspn(target, "?#");
    char *path = malloc((size_t)(stop - target) + 2), *out = path;

    if (!path)
        return NULL;
    while (at < stop) {
        size_t size = strcspn(at, "/?#");

        if (is_dots(at, size, 2)) {
            while (out > path && *--out != '/')
                ;
        } else if (size && !is_dots(at, size, 1)) {
            *out++ = '/';
            memcpy(out, at, size);
            out += size;
        }
        at += size + (at + size < stop);
    }
    if (out == path)
        *out++ = '/';
    *out = 0;
    return path;
}

const char *http_query(const char *target)
{
    const char *query = strchr(target, '?');

    return query ? query : "";
}

static int hex_value(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                      : -1;
}

char *http_unescape(const char *text)
{
    char *name = strdup(text), *out = name;

    if (!name)
        return NULL;
    for (const char *at = text; *at; at++) {
        if (*at == '+') {
            *out++ = ' ';
        } else if (*at == '%' && hex_value(at[1]) >= 0 &&
                   hex_value(at[2]) >= 0) {
            *out++ = (char)(hex_value(at[1]) * 16 + hex_value(at[2]));
            at += 2;
        } else {
            *out++ = *at;
        }
    }
    *out = 0;
    return name;
}
