/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads HTTP/1 messages; see http_read.h. Belongs to the loop's thread, memory
 * to the reader.
 *
 * A head is gathered whole and then taken apart in place; a body is read as it
 * comes. Debian's http_parser would do neither: it knows a list of methods,
 * and lets any byte stand for the line ends of chunks.
 */
#include "net/http_read.h"

#include "net/http_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>

#define MAX_LINE         4096        /* of chunks; of all trailers */
#define MAX_OVERHEAD     (16u << 10) /* of chunks that hold next to nothing */
#define MAX_BODY         (SIZE_MAX / 4)
#define EAGER_BODY       (256u << 10) /* of memory, on a length's word */
#define KEPT_BODY        (64u << 10)  /* of memory, between two messages */
#define BLANK_AFTER_POST 4

typedef const struct http_fault fault;

static fault no_memory = {503, false, "out of memory"};
static fault bad_request = {400, false, "malformed HTTP request"};
static fault bad_response = {400, false, "malformed HTTP response"};
static fault bad_version = {400, false, "malformed HTTP version"};
static fault other_version = {505, true, "unsupported protocol version"};
static fault bad_status = {400, false, "malformed HTTP status code"};
static fault bad_target = {400, false, "invalid URI for request"};
static fault bad_header = {400, false, "malformed MIME header line:"};
static fault bad_name = {400, true, "invalid header name"};
static fault bad_value = {400, true, "invalid header value"};
static fault bad_length = {400, false, "bad Content-Length"};
static fault two_lengths = {400, false, "both Content-Length and chunks"};
static fault old_coding = {400, false, "Transfer-Encoding in HTTP/1.0"};
static fault bad_coding = {501, false, "unsupported transfer encoding"};
static fault many_hosts = {400, false, "too many Host headers"};
static fault no_host = {400, true, "missing required Host header"};
static fault bad_host = {400, true, "malformed Host header"};
static fault long_head = {431, false, "headers are too long"};

static fault long_line = {400, false, "header line too long"};
static fault bare_lf = {400, false, "chunked line ends with bare LF"};
static fault stray_cr = {400, false, "invalid CR in chunked line"};
static fault no_size = {400, false, "empty hex number for chunk length"};
static fault bad_size = {400, false, "invalid byte in chunk length"};
static fault big_size = {400, false, "http chunk length too large"};
static fault bad_chunk = {400, false, "malformed chunked encoding"};
static fault tiny_chunks = {400, false,
                            "chunked encoding contains too much non-data"};
static fault long_trailer = {
    400, false, "http: suspiciously long trailer after chunked body"};

/* ---- the head ------------------------------------------------------------ */

/* Go's rules, Section 5.1.1 of RFC 7230 in short: escapes in the path are
 * sound, the target is a path, an absolute URI or "*". */
static fault *check_path(const char *path)
{
    for (const char *at = path; *at && *at != '?'; at++) {
        if (*at == '%' &&
            !(isxdigit((uint8_t)at[1]) && isxdigit((uint8_t)at[2])))
            return &bad_target;
    }
    return NULL;
}

static fault *read_target(struct http_reader *reader, char *target)
{
    char *authority;

    for (const char *at = target; *at; at++) {
        if (iscntrl((uint8_t)*at))
            return &bad_target;
    }
    authority = strstr(target, "://");
    if (isalpha((uint8_t)*target) && authority) {
        /* What a proxy gets. The host does not matter, its last byte makes
         * room for the slash that may be missing. */
        authority += 3;
        target = authority + strcspn(authority, "/?");
        if (target == authority)
            return &bad_target;
        if (*target != '/')
            *--target = '/';
    }
    reader->target = target;
    if (strcmp(target, "*") == 0 || strcmp(reader->method, "CONNECT") == 0)
        return NULL;
    return *target == '/' ? check_path(target) : &bad_target;
}

static fault *read_version(struct http_reader *reader, const char *text)
{
    if (strncmp(text, "HTTP/", 5) != 0 || !isdigit((uint8_t)text[5]) ||
        text[6] != '.' || !isdigit((uint8_t)text[7]) || text[8])
        return &bad_version;
    reader->minor = text[7] - '0';
    return text[5] == '1' ? NULL : &other_version;
}

static fault *read_request_line(struct http_reader *reader, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    fault *wrong;

    if (!version)
        return &bad_request;
    *target++ = 0;
    *version++ = 0;
    if (!*line || line[http_token_size(line)])
        return &bad_request;
    reader->method = line;
    wrong = read_version(reader, version);
    return wrong ? wrong : read_target(reader, target);
}

static fault *read_status_line(struct http_reader *reader, char *line)
{
    char *code = strchr(line, ' ');

    reader->detail = line;
    if (!code)
        return &bad_response;
    *code++ = 0;
    if (read_version(reader, line))
        return &bad_version;
    code += strspn(code, " ");
    code[strcspn(code, " ")] = 0;
    reader->detail = code;
    reader->status = (int)strtol(code, NULL, 10);
    return strlen(code) != 3 || strspn(code, "0123456789") != 3 ||
                   reader->status < 100
               ? &bad_status
               : NULL;
}

static fault *see_connection(struct http_reader *reader, const char *value)
{
    reader->asks_close |= http_list_has(value, "close");
    reader->asks_keep_alive |= http_list_has(value, "keep-alive");
    return NULL;
}

static fault *see_length(struct http_reader *reader, const char *value)
{
    uint64_t length = 0;

    if (!*value)
        return &bad_length;
    for (const char *at = value; *at; at++) {
        if (!isdigit((uint8_t)*at) || length > INT64_MAX / 10 - 1)
            return &bad_length;
        length = 10 * length + (uint64_t)(*at - '0');
    }
    if (reader->has_length && reader->length != length)
        return &bad_length;
    reader->has_length = true;
    reader->length = length;
    return NULL;
}

static fault *see_coding(struct http_reader *reader, const char *value)
{
    reader->chunked = strcasecmp(value, "chunked") == 0;
    return reader->codings++ || !reader->chunked ? &bad_coding : NULL;
}

static fault *see_host(struct http_reader *reader, const char *value)
{
    reader->host = value;
    return reader->hosts++ ? &many_hosts : NULL;
}

static fault *see_expect(struct http_reader *reader, const char *value)
{
    reader->expect = value;
    return NULL;
}

/* The headers that mean something to the transport. */
static fault *see(struct http_reader *reader, const char *name, size_t size,
                  const char *value)
{
    static const struct {
        const char *name;
        size_t size;
        fault *(*see)(struct http_reader *reader, const char *value);
    } known[] = {
        {"Host", 4, see_host},
        {"Expect", 6, see_expect},
        {"Connection", 10, see_connection},
        {"Content-Length", 14, see_length},
        {"Transfer-Encoding", 17, see_coding},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (size == known[i].size && strcasecmp(name, known[i].name) == 0)
            return known[i].see(reader, value);
    }
    return NULL;
}

static fault *read_header(struct http_reader *reader, char *line, char *end)
{
    size_t size = http_token_size(line);
    struct dapr_pair field = {line, NULL};
    char *value = line + size + 1;

    reader->detail = line;
    if (line[size] == ' ' && size && strchr(line, ':'))
        return &bad_name;
    if (line[size] != ':' || !size)
        return &bad_header;
    line[size] = 0;
    value += strspn(value, " \t");
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = 0;
    for (const char *at = value; at < end; at++) {
        if (iscntrl((uint8_t)*at) && *at != '\t')
            return &bad_value;
    }
    field.value = value;
    if (buffer_append(&reader->fields, &field, sizeof field))
        return &no_memory;
    reader->detail = value;
    return see(reader, line, size, value);
}

/* What Go's server asks of a request beyond its grammar. */
static fault *check_request(const struct http_reader *reader)
{
    static const char fine[] = "!$%&'()*+,-.:;=[]_~"
                               "0123456789abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    if (reader->codings && reader->minor == 0)
        return &old_coding;
    if (reader->codings && reader->has_length)
        return &two_lengths;
    if (!reader->host)
        return reader->minor && strcmp(reader->method, "CONNECT") != 0
                   ? &no_host
                   : NULL;
    return reader->host[strspn(reader->host, fine)] ? &bad_host : NULL;
}

/* Where the body ends. */
static void frame(struct http_reader *reader)
{
    bool response = reader->kind == HTTP_RESPONSE;
    int status = reader->status;

    if (response && (reader->headless_body || status < 200 || status == 204 ||
                     status == 304))
        reader->place = HTTP_AT_END;
    else if (reader->chunked)
        reader->place = HTTP_IN_CHUNK_SIZE;
    else if (reader->has_length)
        reader->place = reader->length ? HTTP_IN_LENGTH : HTTP_AT_END;
    else
        reader->place = response ? HTTP_UNTIL_CLOSE : HTTP_AT_END;
    reader->left = reader->length;
    reader->has_body = reader->place != HTTP_AT_END;
    reader->keep_alive = !reader->asks_close &&
                         (reader->minor > 0 || reader->asks_keep_alive) &&
                         reader->place != HTTP_UNTIL_CLOSE;
    if (reader->place == HTTP_IN_LENGTH)
        buffer_reserve(&reader->body, MIN(MIN(reader->length, EAGER_BODY),
                                          reader->body.limit));
}

/* The line at *at, ended by NUL instead of its line end. */
static char *next_line(char **at, char **ret_end)
{
    char *line = *at;
    char *end = strchr(line, '\n');

    *at = end + 1;
    if (end > line && end[-1] == '\r')
        end--;
    *end = 0;
    *ret_end = end;
    return line;
}

static fault *read_head(struct http_reader *reader)
{
    char *at = (char *)reader->head.data;
    char *end;
    char *line;
    fault *wrong;

    if (memchr(at, 0, reader->head.size))
        return &bad_value;
    line = next_line(&at, &end);
    wrong = reader->kind == HTTP_REQUEST ? read_request_line(reader, line)
                                         : read_status_line(reader, line);
    while (!wrong && *(line = next_line(&at, &end)))
        wrong = read_header(reader, line, end);
    if (!wrong && reader->kind == HTTP_REQUEST)
        wrong = check_request(reader);
    if (!wrong)
        frame(reader);
    return wrong;
}

/* ---- gathering ----------------------------------------------------------- */

static enum http_progress broken(struct http_reader *reader, fault *why)
{
    reader->fault = why;
    reader->keep_alive = false;
    return HTTP_BROKEN;
}

static void advance(struct dapr_bytes *input, size_t size)
{
    input->data = (const uint8_t *)input->data + size;
    input->size -= size;
}

static void skip_blank(struct http_reader *reader, struct dapr_bytes *input)
{
    while (reader->blank && input->size && !reader->head.size &&
           strchr("\r\n", *(const char *)input->data)) {
        advance(input, 1);
        reader->blank--;
    }
}

/* Looks at the lines that are complete: whether one is blank. The head ends
 * there. */
static bool find_end(struct http_reader *reader)
{
    struct buffer *head = &reader->head;

    for (;;) {
        uint8_t *line = head->data + reader->scanned;
        uint8_t *end = memchr(line, '\n', head->size - reader->scanned);

        if (!end)
            return false;
        reader->scanned = (size_t)(end + 1 - head->data);
        if (end == line || (end == line + 1 && *line == '\r')) {
            head->size = reader->scanned;
            return true;
        }
    }
}

static enum http_progress gather_head(struct http_reader *reader,
                                      struct dapr_bytes *input)
{
    struct buffer *head = &reader->head;
    size_t before;
    size_t size;
    fault *wrong;

    skip_blank(reader, input);
    if (!input->size)
        return HTTP_MORE;
    before = head->size;
    size = MIN(input->size, head->limit - before);
    if (buffer_append(head, input->data, size))
        return broken(reader, &no_memory);
    if (!find_end(reader)) {
        advance(input, size);
        return head->size < head->limit ? HTTP_MORE
                                        : broken(reader, &long_head);
    }
    advance(input, head->size - before);
    wrong = read_head(reader);
    return wrong ? broken(reader, wrong) : HTTP_HEAD;
}

/* Takes a line, with its end, into reader->line; false while it is not
 * complete, or with `fault` set when it is too long. */
static bool gather_line(struct http_reader *reader, struct dapr_bytes *input)
{
    const uint8_t *end =
        input->size ? memchr(input->data, '\n', input->size) : NULL;
    size_t size =
        end ? (size_t)(end + 1 - (const uint8_t *)input->data) : input->size;

    if (buffer_append(&reader->line, input->data, size)) {
        reader->fault = &long_line;
        return false;
    }
    advance(input, size);
    return end;
}

/* ---- the body ------------------------------------------------------------ */

/* Takes what there is of `left` bytes. */
static void take_data(struct http_reader *reader, struct dapr_bytes *input)
{
    size_t size = (size_t)MIN(input->size, reader->left);
    size_t room = reader->body.limit - reader->body.size;

    if (size > room) {
        size = room;
        reader->body_too_large = true;
        reader->keep_alive = false;
        reader->place = HTTP_AT_END;
    }
    if (buffer_append(&reader->body, input->data, size))
        reader->fault = &no_memory;
    advance(input, size);
    reader->left -= size;
}

static fault *parse_size(const uint8_t *at, const uint8_t *end, uint64_t *ret)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t size = 0;

    if (at == end || *at == ';')
        return &no_size;
    for (int i = 0; at < end && *at != ';'; at++, i++) {
        const char *digit = *at ? strchr(digits, tolower(*at)) : NULL;

        if (!digit)
            return &bad_size;
        if (i == 16)
            return &big_size;
        size = size << 4 | (uint64_t)(digit - digits);
    }
    *ret = size;
    return NULL;
}

/* A peer that puts one byte into each chunk wastes five: Go grants that, and
 * not much more. */
static fault *count_overhead(struct http_reader *reader, size_t line)
{
    uint64_t granted = 16 + 2 * MIN(reader->left, UINT32_MAX);

    reader->overhead += line + 2;
    reader->overhead -= MIN(reader->overhead, granted);
    return reader->overhead > MAX_OVERHEAD ? &tiny_chunks : NULL;
}

static fault *read_chunk_size(struct http_reader *reader)
{
    const uint8_t *line = reader->line.data;
    const uint8_t *end = line + reader->line.size - 1;
    fault *wrong;

    if (end == line || end[-1] != '\r')
        return memchr(line, '\r', reader->line.size) ? &stray_cr : &bare_lf;
    end--;
    if (memchr(line, '\r', (size_t)(end - line)))
        return &stray_cr;
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    wrong = parse_size(line, end, &reader->left);
    if (!wrong)
        wrong = count_overhead(reader, reader->line.size);
    reader->place = reader->left ? HTTP_IN_CHUNK : HTTP_IN_TRAILER;
    return wrong;
}

static fault *read_chunk_end(struct http_reader *reader)
{
    reader->place = HTTP_IN_CHUNK_SIZE;
    return memcmp(reader->line.data, "\r\n", 2) ? &bad_chunk : NULL;
}

static fault *read_trailer(struct http_reader *reader)
{
    size_t size = reader->line.size;

    if (size == 1 || (size == 2 && *reader->line.data == '\r')) {
        reader->place = HTTP_AT_END;
        return NULL;
    }
    reader->trailer += size;
    if (reader->trailer > MAX_LINE)
        return &long_trailer;
    return memchr(reader->line.data, ':', size) ? NULL : &bad_header;
}

static void take_line(struct http_reader *reader, struct dapr_bytes *input,
                      fault *(*read)(struct http_reader *reader))
{
    if (!gather_line(reader, input))
        return;
    reader->fault = read(reader);
    buffer_clear(&reader->line);
}

/* The two bytes after a chunk's data. */
static void take_chunk_end(struct http_reader *reader, struct dapr_bytes *input)
{
    size_t size = MIN(input->size, 2 - reader->line.size);

    buffer_append(&reader->line, input->data, size);
    advance(input, size);
    if (reader->line.size < 2)
        return;
    reader->fault = read_chunk_end(reader);
    buffer_clear(&reader->line);
}

static void take_body(struct http_reader *reader, struct dapr_bytes *input)
{
    switch (reader->place) {
    case HTTP_UNTIL_CLOSE:
        reader->left = input->size;
        take_data(reader, input);
        break;
    case HTTP_IN_LENGTH:
        take_data(reader, input);
        if (!reader->left)
            reader->place = HTTP_AT_END;
        break;
    case HTTP_IN_CHUNK:
        take_data(reader, input);
        if (!reader->left)
            reader->place = HTTP_IN_CHUNK_END;
        break;
    case HTTP_IN_CHUNK_SIZE:
        take_line(reader, input, read_chunk_size);
        break;
    case HTTP_IN_CHUNK_END:
        take_chunk_end(reader, input);
        break;
    case HTTP_IN_TRAILER:
        take_line(reader, input, read_trailer);
        break;
    case HTTP_IN_HEAD:
    case HTTP_AT_END:
        break;
    }
}

enum http_progress http_read(struct http_reader *reader,
                             struct dapr_bytes *input)
{
    if (reader->fault)
        return HTTP_BROKEN;
    if (reader->place == HTTP_IN_HEAD)
        return gather_head(reader, input);
    while (reader->place != HTTP_AT_END && input->size) {
        take_body(reader, input);
        if (reader->fault)
            return broken(reader, reader->fault);
    }
    return reader->place == HTTP_AT_END ? HTTP_END : HTTP_MORE;
}

/* ---- life ---------------------------------------------------------------- */

void http_reader_init(struct http_reader *reader, enum http_kind kind,
                      size_t max_head, size_t max_body)
{
    *reader = (struct http_reader){.kind = kind};
    buffer_init(&reader->head, max_head);
    buffer_init(&reader->fields, max_head * sizeof(struct dapr_pair));
    buffer_init(&reader->line, MAX_LINE);
    buffer_init(&reader->body, max_body ? max_body : MAX_BODY);
}

void http_reader_done(struct http_reader *reader)
{
    buffer_done(&reader->head);
    buffer_done(&reader->fields);
    buffer_done(&reader->line);
    buffer_done(&reader->body);
}

void http_read_next(struct http_reader *reader)
{
    struct http_reader fresh = {
        .kind = reader->kind,
        .head = reader->head,
        .fields = reader->fields,
        .line = reader->line,
        .body = reader->body,
    };

    /* Some old clients end a form with a line end that nobody counts. */
    if (reader->method && strcmp(reader->method, "POST") == 0)
        fresh.blank = BLANK_AFTER_POST;
    *reader = fresh;
    buffer_clear(&reader->head);
    buffer_clear(&reader->fields);
    buffer_clear(&reader->line);
    buffer_clear(&reader->body);
    if (reader->body.capacity > KEPT_BODY)
        buffer_done(&reader->body);
}

bool http_read_closed(const struct http_reader *reader)
{
    return reader->place == HTTP_UNTIL_CLOSE && !reader->fault;
}

bool http_read_begun(const struct http_reader *reader)
{
    return reader->head.size > 0;
}

struct dapr_metadata http_read_headers(const struct http_reader *reader)
{
    return (struct dapr_metadata){
        (const struct dapr_pair *)(const void *)reader->fields.data,
        reader->fields.size / sizeof(struct dapr_pair)};
}
