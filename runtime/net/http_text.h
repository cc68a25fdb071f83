/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of HTTP/1: what a header may hold, what a status is called, how a
 * head is written. Pure functions.
 */
#ifndef NET_HTTP_TEXT_H
#define NET_HTTP_TEXT_H

#include "core/buffer.h"

/* How many bytes at the start are a token: a method, a header's name. */
size_t http_token_size(const char *text);

/* "content-TYPE" -> "Content-Type", in place, as Go writes names; what is no
 * token is left alone. */
void http_canonical(char *name);

/* Whether a list as in Connection or Expect has this token, in any case. */
bool http_list_has(const char *list, const char *token);

/* "Not Found"; NULL for a status without a name. */
const char *http_status_text(int status);

/* "HTTP/1.1 404 Not Found\r\n". */
void http_write_status(struct buffer *out, int minor, int status);

/* One line. A name that is no token is left out; what could end the line
 * becomes a space, space around the value goes. */
void http_write_header(struct buffer *out, const char *name, const char *value);

/* Whether a header says where the message ends: whoever writes one knows that
 * better than whoever gives the headers. */
bool http_is_framing(const char *name);

#endif
