/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of HTTP requests, and names in them. Pure functions. */
#ifndef NET_HTTP_PATH_H
#define NET_HTTP_PATH_H

/* As Go's path.Clean makes it of "/" and the target's path: no empty, "." or
 * ".." segments; the query is left out. To be freed; NULL without memory. */
char *http_clean_path(const char *target);

/* Where the target's query starts, at its question mark; "" without one. */
const char *http_query(const char *target);

/* As Go's url.QueryUnescape; what is no escape stays. To be freed; NULL without
 * memory. */
char *http_unescape(const char *text);

#endif
