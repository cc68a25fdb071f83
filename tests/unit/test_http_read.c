/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of HTTP/1 messages: each text is read whole, cut at every place,
 * and byte by byte; what is seen must be the same each time. */
#include "net/http_read.h"
#include "net/http_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_HEAD 300
#define MAX_BODY 20

#define GET      "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST     "POST /p HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED  POST "Transfer-Encoding: chunked\r\n\r\n"
#define SEEN     "POST /p HTTP/1.1 Host=a Transfer-Encoding=chunked "
#define OK       "HTTP/1.1 200 OK\r\n"

struct text {
    const char *input;
    const char *seen;
};

static const struct text requests[] = {
    {GET "\r\n", "GET / HTTP/1.1 Host=a end keep "},
    {"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1 Host=a end keep "},
    {"BREW /pot?x=%zz HTTP/1.1\r\nhOST:a\r\nx-1:  b c \t\r\nY:\r\n\r\n",
     "BREW /pot?x=%zz HTTP/1.1 hOST=a x-1=b c Y= end keep "},
    {GET "\r\n" GET "Connection: close\r\n\r\n",
     "GET / HTTP/1.1 Host=a end keep "
     "GET / HTTP/1.1 Host=a Connection=close end close "},
    {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0 end close "},
    {"GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n",
     "GET / HTTP/1.0 Connection=x, Keep-Alive end keep "},
    {"GET http://h:1/a?b HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET /a?b HTTP/1.1 Host=a end keep "},
    {"GET http://h HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET / HTTP/1.1 Host=a end keep "},
    {"GET http://h?q HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET /?q HTTP/1.1 Host=a end keep "},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
     "OPTIONS * HTTP/1.1 Host=a end keep "},
    {"CONNECT a:1 HTTP/1.1\r\n\r\n", "CONNECT a:1 HTTP/1.1 end keep "},

    /* bodies */
    {POST "Content-Length: 3\r\n\r\nabc" GET "\r\n",
     "POST /p HTTP/1.1 Host=a Content-Length=3 body abc end keep "
     "GET / HTTP/1.1 Host=a end keep "},
    {POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
     "POST /p HTTP/1.1 Host=a Content-Length=3 Content-Length=3 body abc end "
     "keep "},
    {POST "Content-Length: 0\r\n\r\n\r\n" GET "\r\n",
     "POST /p HTTP/1.1 Host=a Content-Length=0 end keep "
     "GET / HTTP/1.1 Host=a end keep "},
    {POST "Content-Length: 20\r\n\r\n01234567890123456789",
     "POST /p HTTP/1.1 Host=a Content-Length=20 body 01234567890123456789 end "
     "keep "},
    {POST "Content-Length: 21\r\n\r\n01234567890123456789x",
     "POST /p HTTP/1.1 Host=a Content-Length=21 body 01234567890123456789 "
     "large close "},
    {CHUNKED "3\r\nabc\r\n0A;x=y\r\n0123456789\r\n0\r\n\r\n" GET "\r\n",
     SEEN "body abc0123456789 end keep GET / HTTP/1.1 Host=a end keep "},
    {CHUNKED "2 \t\r\nab\r\n000\r\nTrailer: x\r\nOther: y\r\n\r\n",
     SEEN "body ab end keep "},
    {CHUNKED "0\r\n\r\n", SEEN "body  end keep "},
    {CHUNKED "a\r\n0123456789\r\nb\r\n0123456789x\r\n0\r\n\r\n",
     SEEN "body 01234567890123456789 large close "},

    /* bodies that break off */
    {CHUNKED "1\r\na\r\nzz\r\n", SEEN "body a broken invalid byte in chunk "
                                      "length "},
    {CHUNKED "1 ;x\r\n", SEEN "body  broken invalid byte in chunk length "},
    {CHUNKED "-1\r\n", SEEN "body  broken invalid byte in chunk length "},
    {CHUNKED "\r\n", SEEN "body  broken empty hex number for chunk length "},
    {CHUNKED ";x\r\n", SEEN "body  broken empty hex number for chunk length "},
    {CHUNKED "00000000000000001\r\n",
     SEEN "body  broken http chunk length too large "},
    {CHUNKED "3\nabc\n", SEEN "body  broken chunked line ends with bare LF "},
    {CHUNKED "3\rx\r\n", SEEN "body  broken invalid CR in chunked line "},
    {CHUNKED "3\r\nabcd\r\n0\r\n\r\n",
     SEEN "body abc broken malformed chunked encoding "},
    {CHUNKED "0\r\nno-colon\r\n\r\n",
     SEEN "body  broken malformed MIME header line: "},

    /* heads that are refused */
    {"nonsense\r\n\r\n", "400 malformed HTTP request "},
    {"\r\n", "400 malformed HTTP request "},
    {"GET /\r\n\r\n", "400 malformed HTTP request "},
    {" / HTTP/1.1\r\n\r\n", "400 malformed HTTP request "},
    {"G@T / HTTP/1.1\r\n\r\n", "400 malformed HTTP request "},
    {"GET / a HTTP/1.1\r\n\r\n", "400 malformed HTTP version "},
    {"GET / http/1.1\r\n\r\n", "400 malformed HTTP version "},
    {"GET / HTTP/1.11\r\n\r\n", "400 malformed HTTP version "},
    {"GET / HTTP/2.0\r\n\r\n", "505 unsupported protocol version "},
    {"GET  HTTP/1.1\r\n\r\n", "400 invalid URI for request "},
    {"GET x HTTP/1.1\r\n\r\n", "400 invalid URI for request "},
    {"GET http:///x HTTP/1.1\r\n\r\n", "400 invalid URI for request "},
    {"GET *x HTTP/1.1\r\n\r\n", "400 invalid URI for request "},
    {"GET /%2 HTTP/1.1\r\n\r\n", "400 invalid URI for request "},
    {"GET /%zz HTTP/1.1\r\n\r\n", "400 invalid URI for request "},
    {"GET /\x01 HTTP/1.1\r\n\r\n", "400 invalid URI for request "},
    {"GET / HTTP/1.1\r\n\r\n", "400 missing required Host header "},
    {GET "Host: b\r\n\r\n", "400 too many Host headers "},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 malformed Host header "},
    {GET "Bad Name: x\r\n\r\n", "400 invalid header name "},
    {GET "X : x\r\n\r\n", "400 invalid header name "},
    {GET "no-colon\r\n\r\n", "400 malformed MIME header line: "},
    {GET ": x\r\n\r\n", "400 malformed MIME header line: "},
    {GET "X\x80: x\r\n\r\n", "400 malformed MIME header line: "},
    {GET "X: x\r\n folded\r\n\r\n", "400 malformed MIME header line: "},
    {GET "X: a\rb\r\n\r\n", "400 invalid header value "},
    {GET "X: a\x7f\r\n\r\n", "400 invalid header value "},
    {POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
     "400 bad Content-Length "},
    {POST "Content-Length: x\r\n\r\n", "400 bad Content-Length "},
    {POST "Content-Length: -1\r\n\r\n", "400 bad Content-Length "},
    {POST "Content-Length: +1\r\n\r\n", "400 bad Content-Length "},
    {POST "Content-Length: 1, 1\r\n\r\n", "400 bad Content-Length "},
    {POST "Content-Length:\r\n\r\n", "400 bad Content-Length "},
    {POST "Content-Length: 99999999999999999999\r\n\r\n",
     "400 bad Content-Length "},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
     "400 both Content-Length and chunks "},
    {POST "Transfer-Encoding: gzip\r\n\r\n",
     "501 unsupported transfer encoding "},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     "501 unsupported transfer encoding "},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n",
     "501 unsupported transfer encoding "},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
     "400 Transfer-Encoding in HTTP/1.0 "},
};

static const struct text responses[] = {
    {OK "Content-Length: 2\r\n\r\nok",
     "200 Content-Length=2 body ok end keep "},
    {"HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n",
     "299 Content-Length=0 end keep "},
    {OK "Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n2\r\nok\r\n"
        "0\r\n\r\n",
     "200 Transfer-Encoding=chunked Content-Length=9 body ok end keep "},
    {OK "\r\nuntil", "200 body until open "},
    {OK "Content-Length: 9\r\n\r\nshort",
     "200 Content-Length=9 body short cut "},
    {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
     "200 Transfer-Encoding=chunked body ok cut "},
    {"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n",
     "204 Content-Length=2 end keep "},
    {"HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\n",
     "304 Content-Length=2 end keep "},
    {"HTTP/1.1 100 Go on\r\n\r\n" OK "Content-Length: 0\r\n\r\n",
     "100 end keep 200 Content-Length=0 end keep "},
    {"HTTP/1.0 200 OK\r\n\r\nx", "200 body x open "},
    {OK "Connection: close\r\nContent-Length: 1\r\n\r\nx",
     "200 Connection=close Content-Length=1 body x end close "},
    {"what is this\r\n\r\n", "400 malformed HTTP version what "},
    {"what\r\n\r\n", "400 malformed HTTP response what "},
    {"HTTP/1.1 20 OK\r\n\r\n", "400 malformed HTTP status code 20 "},
    {"HTTP/1.1 2000 OK\r\n\r\n", "400 malformed HTTP status code 2000 "},
    {"HTTP/1.1 099 OK\r\n\r\n", "400 malformed HTTP status code 099 "},
    {OK "Transfer-Encoding: gzip\r\n\r\n",
     "501 unsupported transfer encoding gzip "},
    {OK "Content-Length: x\r\n\r\n", "400 bad Content-Length x "},
};

static void see_head(const struct http_reader *reader, struct buffer *seen)
{
    struct dapr_metadata headers = http_read_headers(reader);

    if (reader->kind == HTTP_REQUEST)
        buffer_printf(seen, "%s %s HTTP/1.%d ", reader->method, reader->target,
                      reader->minor);
    else
        buffer_printf(seen, "%d ", reader->status);
    for (size_t i = 0; i < headers.count; i++)
        buffer_printf(seen, "%s=%s ", headers.pairs[i].name,
                      headers.pairs[i].value);
}

static void see_body(const struct http_reader *reader, struct buffer *seen)
{
    if (!reader->has_body)
        return;
    buffer_text(seen, "body ");
    buffer_append(seen, reader->body.data, reader->body.size);
    buffer_char(seen, ' ');
}

static void see_fault(const struct http_reader *reader, struct buffer *seen)
{
    const struct http_fault *fault = reader->fault;

    if (reader->place != HTTP_IN_HEAD) {
        see_body(reader, seen);
        buffer_printf(seen, "broken %s ", fault->reason);
    } else {
        buffer_printf(seen, "%d %s ", fault->status, fault->reason);
        if (reader->kind == HTTP_RESPONSE)
            buffer_printf(seen, "%s ", reader->detail);
    }
}

/* Reads all of a piece; false once nothing more can be read. */
static bool see(struct http_reader *reader, struct dapr_bytes piece,
                struct buffer *seen)
{
    for (;;) {
        switch (http_read(reader, &piece)) {
        case HTTP_MORE:
            assert_int_equal(piece.size, 0);
            return true;
        case HTTP_HEAD:
            see_head(reader, seen);
            break;
        case HTTP_END:
            see_body(reader, seen);
            buffer_text(seen, reader->body_too_large ? "large " : "end ");
            buffer_text(seen, reader->keep_alive ? "keep " : "close ");
            if (!reader->keep_alive)
                return false;
            http_read_next(reader);
            break;
        case HTTP_BROKEN:
            see_fault(reader, seen);
            return false;
        }
    }
}

/* Reads a text in pieces that end at `cut` and then every `step` bytes. */
static void play(enum http_kind kind, const struct text *text, size_t cut,
                 size_t step)
{
    size_t size = strlen(text->input);
    struct http_reader reader;
    struct buffer seen;
    bool more = true;

    http_reader_init(&reader, kind, MAX_HEAD, MAX_BODY);
    buffer_init(&seen, 4096);
    for (size_t at = 0; at < size && more; at = cut, cut += step) {
        cut = cut < size ? cut : size;
        more = see(&reader, (struct dapr_bytes){text->input + at, cut - at},
                   &seen);
    }
    if (more && http_read_begun(&reader)) {
        see_body(&reader, &seen);
        buffer_text(&seen, http_read_closed(&reader) ? "open " : "cut ");
    }
    assert_string_equal(buffer_string(&seen), text->seen);
    buffer_done(&seen);
    http_reader_done(&reader);
}

static void play_all(enum http_kind kind, const struct text *texts,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(texts[i].input);

        for (size_t cut = 1; cut <= size; cut++)
            play(kind, &texts[i], cut, size);
        play(kind, &texts[i], 1, 1);
    }
}

static void test_requests(void **state)
{
    (void)state;
    play_all(HTTP_REQUEST, requests, sizeof requests / sizeof *requests);
}

static void test_responses(void **state)
{
    (void)state;
    play_all(HTTP_RESPONSE, responses, sizeof responses / sizeof *responses);
}

/* NUL bytes do not fit into the tables. */
static void test_nul(void **state)
{
    static const char input[] = GET "X: a\0b\r\n\r\n";
    struct dapr_bytes piece = {input, sizeof input - 1};
    struct http_reader reader;

    (void)state;
    http_reader_init(&reader, HTTP_REQUEST, MAX_HEAD, MAX_BODY);
    assert_int_equal(http_read(&reader, &piece), HTTP_BROKEN);
    assert_string_equal(reader.fault->reason, "invalid header value");
    http_reader_done(&reader);
}

static enum http_progress read_long(struct http_reader *reader,
                                    const char *start, const char *repeat,
                                    size_t times)
{
    struct buffer text;
    struct dapr_bytes input;
    enum http_progress progress;

    buffer_init(&text, 1u << 20);
    buffer_text(&text, start);
    for (size_t i = 0; i < times; i++)
        buffer_text(&text, repeat);
    http_reader_init(reader, HTTP_REQUEST, MAX_HEAD, 1000);
    input = buffer_bytes(&text);
    while ((progress = http_read(reader, &input)) == HTTP_HEAD)
        ;
    buffer_done(&text);
    return progress;
}

static void test_limits(void **state)
{
    static const struct {
        const char *start, *repeat;
        size_t times;
        const char *reason;
    } cases[] = {
        {GET "X: ", "y", MAX_HEAD, "headers are too long"},
        {GET, "a: b\r\n", MAX_HEAD, "headers are too long"},
        {CHUNKED "1;", "x", 4096, "header line too long"},
        {CHUNKED, "1;01234567890123456789012345678901234567890123\r\na\r\n",
         1000, "chunked encoding contains too much non-data"},
        {CHUNKED "0\r\n", "a: b\r\n", 1000,
         "http: suspiciously long trailer after chunked body"},
    };
    struct http_reader reader;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            read_long(&reader, cases[i].start, cases[i].repeat, cases[i].times),
            HTTP_BROKEN);
        assert_string_equal(reader.fault->reason, cases[i].reason);
        http_reader_done(&reader);
    }
    /* One byte a chunk is wasteful, and Go grants it. */
    assert_int_equal(read_long(&reader, CHUNKED, "1\r\na\r\n", 1000),
                     HTTP_MORE);
    assert_int_equal(reader.body.size, 1000);
    http_reader_done(&reader);
}

static void test_written_headers(void **state)
{
    struct buffer out;

    (void)state;
    buffer_init(&out, 1000);
    http_write_status(&out, 1, 404);
    http_write_status(&out, 0, 299);
    http_write_header(&out, "X-a", "b\r\nc: d");
    http_write_header(&out, "X a", "b");
    http_write_header(&out, "X\r\na", "b");
    http_write_header(&out, "", "b");
    assert_string_equal(buffer_string(&out), "HTTP/1.1 404 Not Found\r\n"
                                             "HTTP/1.0 299 status code 299\r\n"
                                             "X-a: b  c: d\r\n");
    buffer_done(&out);
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(http_list_has("close", "close"));
    assert_true(http_list_has(" , x,\tCLOSE ,", "close"));
    assert_false(http_list_has("closed, not-close", "close"));
    assert_false(http_list_has("", "close"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_written_headers),
        cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
