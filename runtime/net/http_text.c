/* SPDX-License-Identifier: Apache-2.0 */
/* The words of HTTP/1; see http_text.h. Pure functions, any thread. */
#include "net/http_text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const bool token_char[256] = {
    ['!'] = true,         ['#' ... '\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,          ['.'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true,  ['^' ... 'z'] = true,
    ['|'] = true,         ['~'] = true,
};

size_t http_token_size(const char *text)
{
    const char *at = text;

    while (token_char[(uint8_t)*at])
        at++;
    return (size_t)(at - text);
}

void http_canonical(char *name)
{
    bool upper = true;

    if (!*name || name[http_token_size(name)])
        return;
    for (; *name; name++) {
        *name = (char)(upper ? toupper((unsigned char)*name)
                             : tolower((unsigned char)*name));
        upper = *name == '-';
    }
}

bool http_list_has(const char *list, const char *token)
{
    size_t size = strlen(token);

    while (*list) {
        size_t item;

        list += strspn(list, " \t,");
        item = strcspn(list, " \t,");
        if (item == size && strncasecmp(list, token, size) == 0)
            return true;
        list += item;
    }
    return false;
}

bool http_is_framing(const char *name)
{
    return strcasecmp(name, "Content-Length") == 0 ||
           strcasecmp(name, "Transfer-Encoding") == 0;
}

static const char *const status_texts[] = {
    [100] = "Continue",
    [101] = "Switching Protocols",
    [102] = "Processing",
    [103] = "Early Hints",
    [200] = "OK",
    [201] = "Created",
    [202] = "Accepted",
    [203] = "Non-Authoritative Information",
    [204] = "No Content",
    [205] = "Reset Content",
    [206] = "Partial Content",
    [207] = "Multi-Status",
    [208] = "Already Reported",
    [226] = "IM Used",
    [300] = "Multiple Choices",
    [301] = "Moved Permanently",
    [302] = "Found",
    [303] = "See Other",
    [304] = "Not Modified",
    [305] = "Use Proxy",
    [307] = "Temporary Redirect",
    [308] = "Permanent Redirect",
    [400] = "Bad Request",
    [401] = "Unauthorized",
    [402] = "Payment Required",
    [403] = "Forbidden",
    [404] = "Not Found",
    [405] = "Method Not Allowed",
    [406] = "Not Acceptable",
    [407] = "Proxy Authentication Required",
    [408] = "Request Timeout",
    [409] = "Conflict",
    [410] = "Gone",
    [411] = "Length Required",
    [412] = "Precondition Failed",
    [413] = "Request Entity Too Large",
    [414] = "Request URI Too Long",
    [415] = "Unsupported Media Type",
    [416] = "Requested Range Not Satisfiable",
    [417] = "Expectation Failed",
    [418] = "I'm a teapot",
    [421] = "Misdirected Request",
    [422] = "Unprocessable Entity",
    [423] = "Locked",
    [424] = "Failed Dependency",
    [425] = "Too Early",
    [426] = "Upgrade Required",
    [428] = "Precondition Required",
    [429] = "Too Many Requests",
    [431] = "Request Header Fields Too Large",
    [451] = "Unavailable For Legal Reasons",
    [500] = "Internal Server Error",
    [501] = "Not Implemented",
    [502] = "Bad Gateway",
    [503] = "Service Unavailable",
    [504] = "Gateway Timeout",
    [505] = "HTTP Version Not Supported",
    [506] = "Variant Also Negotiates",
    [507] = "Insufficient Storage",
    [508] = "Loop Detected",
    [510] = "Not Extended",
    [511] = "Network Authentication Required",
};

const char *http_status_text(int status)
{
    if (status < 0 ||
        status >= (int)(sizeof status_texts / sizeof *status_texts))
        return NULL;
    return status_texts[status];
}

void http_write_status(struct buffer *out, int minor, int status)
{
    const char *text = http_status_text(status);

    if (text)
        buffer_printf(out, "HTTP/1.%d %d %s\r\n", minor, status, text);
    else
        buffer_printf(out, "HTTP/1.%d %d status code %d\r\n", minor, status,
                      status);
}

void http_write_header(struct buffer *out, const char *name, const char *value)
{
    size_t size = http_token_size(name);
    char *start;

    if (!size || name[size])
        return;
    buffer_append(out, name, size);
    buffer_append(out, ": ", 2);
    value += strspn(value, " \t");
    size = strlen(value);
    while (size && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    if (buffer_append(out, value, size) == 0) {
        start = (char *)out->data + out->size - size;
        for (char *at = start; at < start + size; at++) {
            if (*at == '\r' || *at == '\n')
                *at = ' ';
        }
    }
    buffer_append(out, "\r\n", 2);
}
