/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC calls: what is sent, and what is made of answers of every shape. */
#include "grpc_fixture.h"

/* What the server answers, and what the call must make of it. */
static const struct answer {
    const char *head[9]; /* name, value, ..., NULL; empty: no headers */
    bool head_ends;      /* trailers alone */
    const char *body;
    size_t size;
    const char *trailers[7]; /* likewise; empty: a plain end */
    bool resets;
    uint32_t reset; /* after all that */

    bool stream;
    int code;
    const char *text;
    const char *received;
} answers[] = {
#define GRPC_HEAD                                                              \
    {                                                                          \
        ":status", "200", "content-type", "application/grpc"                   \
    }
#define BODY(bytes) .body = (bytes), .size = sizeof(bytes) - 1
#define STATUS(value)                                                          \
    {                                                                          \
        "grpc-status", value                                                   \
    }
    /* What a server of gRPC says. */
    {GRPC_HEAD, BODY("\0\0\0\0\2hi"), STATUS("0"), .received = "<hi>"},
    {GRPC_HEAD, BODY("\0\0\0\0\0"), STATUS("0"), .received = "<>"},
    {GRPC_HEAD, BODY("\0\0\0\0\1a\0\0\0\0\0\0\0\0\0\2bc\0\0\0\0\0"),
     STATUS("0"), .stream = true, .received = "<a><><bc><>"},
    {GRPC_HEAD, .trailers = STATUS("0"), .stream = true},
    {{":status", "200", "content-type", "application/grpc+proto"},
     BODY("\0\0\0\0\0"),
     STATUS("0"),
     .received = "<>"},
    {{":status", "200", "content-type", "Application/GRPC;a=b"},
     BODY("\0\0\0\0\0"),
     STATUS("0"),
     .received = "<>"},

    /* Errors. */
    {GRPC_HEAD, .trailers = {"grpc-status", "9", "grpc-message", "not%20yet"},
     .code = 9, .text = "not yet"},
    {GRPC_HEAD, BODY("\0\0\0\0\2hi"), STATUS("3"), .code = 3,
     .received = "<hi>"},
    {{":status", "200", "content-type", "application/grpc", "grpc-status", "5",
      "grpc-message", "no %22row%22%0A%FF%zz%4"},
     .head_ends = true,
     .code = 5,
     .text = "no \"row\"\n\xef\xbf\xbd%zz%4"},
    {GRPC_HEAD, .trailers = STATUS("99"), .code = 99},

    /* Who is no server of gRPC. */
    {{":status", "503", "content-type", "text/html"},
     BODY("busy"),
     .code = DAPR_UNAVAILABLE,
     .text = "unexpected HTTP status code received from server: 503 (Service "
             "Unavailable); transport: received unexpected content-type "
             "\"text/html\""},
    {{":status", "404", "content-type", "application/grpc", "grpc-status", "0"},
     .head_ends = true,
     .code = DAPR_UNIMPLEMENTED,
     .text = "unexpected HTTP status code received from server: 404 (Not "
             "Found)"},
    {{":status", "299"},
     .head_ends = true,
     .code = DAPR_UNKNOWN,
     .text = "unexpected HTTP status code received from server: 299 (); "
             "malformed header: missing HTTP content-type"},
    {{":status", "200", "content-type", "application/grpcish"},
     .head_ends = true,
     .code = DAPR_UNKNOWN,
     .text = "transport: received unexpected content-type "
             "\"application/grpcish\""},
    {{":status", "200"},
     BODY("\0\0\0\0\0"),
     STATUS("0"),
     .code = DAPR_UNKNOWN,
     .text = "malformed header: missing HTTP content-type"},

    /* Who breaks its rules. */
    {GRPC_HEAD, .trailers = STATUS("x9"), .code = DAPR_UNKNOWN,
     .text = "transport: malformed grpc-status: strconv.ParseInt: parsing "
             "\"x9\": invalid syntax"},
    {GRPC_HEAD, .trailers = STATUS("-1"), .code = DAPR_UNKNOWN,
     .text = "transport: malformed grpc-status: strconv.ParseInt: parsing "
             "\"-1\": invalid syntax"},
    {GRPC_HEAD, .trailers = {"x-other", "1"}, .code = DAPR_UNKNOWN,
     .text = "the server ended the call without a grpc-status"},
    {GRPC_HEAD, BODY("\0\0\0\0\2hi"), .code = DAPR_INTERNAL,
     .text = "server closed the stream without sending trailers",
     .received = "<hi>"},
    {GRPC_HEAD, .head_ends = true, .code = DAPR_UNKNOWN,
     .text = "the server ended the call without a grpc-status"},
    {GRPC_HEAD, .trailers = STATUS("0"), .code = DAPR_INTERNAL,
     .text = "cardinality violation: received no response message from "
             "non-server-streaming RPC"},
    {GRPC_HEAD, BODY("\0\0\0\0\1a\0\0\0\0\1b"), STATUS("0"),
     .code = DAPR_INTERNAL,
     .text = "cardinality violation: expected <EOF> for non server-streaming "
             "RPCs, but received another message",
     .received = "<a>"},
    {GRPC_HEAD, BODY("\0\0\0\0\2h"), STATUS("0"), .code = DAPR_INTERNAL,
     .text = "unexpected EOF"},
    {GRPC_HEAD, BODY("\0\0\0"), STATUS("0"), .stream = true,
     .code = DAPR_INTERNAL, .text = "unexpected EOF"},
    {GRPC_HEAD, BODY("\1\0\0\0\1x"), STATUS("0"), .code = DAPR_INTERNAL,
     .text = "grpc: compressed flag set with identity or empty encoding"},
    {GRPC_HEAD, BODY("\0\x7f\xff\xff\xff"), STATUS("0"),
     .code = DAPR_RESOURCE_EXHAUSTED,
     .text = "grpc: received message larger than max (2147483647 vs. "
             "4194304)"},

    /* RST_STREAM. */
    {.resets = true,
     .reset = NGHTTP2_REFUSED_STREAM,
     .code = DAPR_UNAVAILABLE,
     .text = "stream terminated by RST_STREAM with error code: REFUSED_STREAM"},
    {GRPC_HEAD, .resets = true, .reset = NGHTTP2_CANCEL, .code = DAPR_CANCELLED,
     .text = "stream terminated by RST_STREAM with error code: CANCEL"},
    {GRPC_HEAD, .resets = true, .reset = NGHTTP2_ENHANCE_YOUR_CALM,
     .code = DAPR_RESOURCE_EXHAUSTED,
     .text = "stream terminated by RST_STREAM with error code: "
             "ENHANCE_YOUR_CALM"},
    {GRPC_HEAD, .resets = true, .reset = NGHTTP2_INADEQUATE_SECURITY,
     .code = DAPR_PERMISSION_DENIED,
     .text = "stream terminated by RST_STREAM with error code: "
             "INADEQUATE_SECURITY"},
    {GRPC_HEAD, .resets = true, .reset = NGHTTP2_NO_ERROR,
     .code = DAPR_INTERNAL,
     .text = "server closed the stream without sending trailers"},
    /* A grpc-status that is not in the last headers says nothing. */
    {{":status", "200", "content-type", "application/grpc", "grpc-status", "0"},
     .resets = true,
     .reset = NGHTTP2_INTERNAL_ERROR,
     .code = DAPR_INTERNAL,
     .text = "stream terminated by RST_STREAM with error code: "
             "INTERNAL_ERROR"},
};
#undef GRPC_HEAD
#undef BODY
#undef STATUS

static size_t piece; /* of the body in a frame; 0: all of it */

static void answer(struct peer_stream *stream)
{
    const struct answer *answer = &answers[strtoul(stream->path + 1, NULL, 10)];

    if (answer->head[0])
        peer_headers(stream, answer->head, answer->head_ends);
    if (answer->resets) {
        peer_reset(stream, answer->reset);
    } else if (!answer->head_ends) {
        buffer_append(&stream->answer, answer->body, answer->size);
        stream->piece = piece;
        stream->has_trailers = answer->trailers[0] != NULL;
        memcpy(stream->trailers, answer->trailers, sizeof answer->trailers);
        peer_body(stream);
    }
}

static void try_answers(struct fixture *fixture)
{
    struct outcome outcome;
    char path[16];

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        const struct answer *expected = &answers[i];

        snprintf(path, sizeof path, "/%zu", i);
        outcome = call_path(fixture, path, expected->stream);
        assert_string_equal(outcome.text, expected->text ? expected->text : "");
        assert_int_equal(outcome.code, expected->code);
        assert_string_equal(outcome.received,
                            expected->received ? expected->received : "");
        assert_int_equal(outcome.ended, 1);
    }
    assert_false(fixture->closed);
}

static void every_answer_has_its_status(void **state)
{
    struct fixture *fixture = *state;

    fixture->peer.ended = answer;
    connect_to_peer(fixture);
    piece = 0;
    try_answers(fixture);
}

static void however_it_is_cut_to_pieces(void **state)
{
    struct fixture *fixture = *state;

    fixture->peer.ended = answer;
    connect_to_peer(fixture);
    piece = 1;
    try_answers(fixture);
}

/* Our side is still open then, and must not keep the call alive. */
static void and_where_the_server_does_not_wait_for_the_request(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    char path[16];

    fixture->peer.began = answer;
    connect_to_peer(fixture);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        outcome = (struct outcome){0};
        snprintf(path, sizeof path, "/%zu", i);
        start_call(
            fixture, &outcome,
            (struct grpc_options){.path = path, .stream = answers[i].stream});
        run_until(fixture, outcome.ended);
        assert_int_equal(outcome.code, answers[i].code);
    }
}

/* ---- metadata ------------------------------------------------------------ */

static void answer_with_metadata(struct peer_stream *stream)
{
    static const char *const head[] = {
        ":status",          "200",       "content-type",
        "application/grpc", "x-initial", "1",
        "x-initial",        "2",         NULL};

    peer_headers(stream, head, false);
    stream->has_trailers = true;
    stream->trailers[0] = "grpc-status";
    stream->trailers[1] = "7";
    stream->trailers[2] = "grpc-status-details-bin";
    stream->trailers[3] = stream->path[1] == 'b' ? "!" : "ZGV0YWlscw";
    stream->trailers[4] = "x-last-bin";
    stream->trailers[5] = "AAE";
    peer_body(stream);
}

static void metadata_and_details_arrive(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    fixture->peer.ended = answer_with_metadata;
    connect_to_peer(fixture);
    outcome = call_path(fixture, "/good", false);
    assert_int_equal(outcome.code, 7);
    assert_string_equal(outcome.headers, "x-initial: 1\nx-initial: 2\n");
    assert_string_equal(outcome.trailers, "x-last-bin: AAE\n");
    assert_string_equal(outcome.details, "details");
    outcome = call_path(fixture, "/bad", false);
    assert_string_equal(outcome.details, "");
    assert_int_equal(outcome.code, 7);
}

static void keep_headers(struct peer_stream *stream)
{
    struct fixture *fixture = stream->peer->data;

    snprintf((char *)fixture->data, sizeof stream->headers, "%s",
             stream->headers);
    peer_reset(stream, NGHTTP2_CANCEL);
}

static void request_headers_are_grpcs(void **state)
{
    const struct dapr_pair pairs[] = {{"X-Component-Instance", "mine"},
                                      {"x-empty", ""},
                                      {"x-blanks", "  a b "},
                                      {"x-tag-bin", "AAE="},
                                      {"grpc-trace-bin", "AAE"},
                                      {"grpc-timeout", "1S"},
                                      {"Content-Type", "text/html"},
                                      {"TE", "gzip"},
                                      {":path", "/other"},
                                      {"connection", "close"},
                                      {"user-agent", "other"}};
    struct fixture *fixture = *state;
    struct outcome outcome = {0};
    char headers[2048];

    fixture->peer.began = keep_headers;
    fixture->data = headers;
    connect_to_peer(fixture);
    start_call(fixture, &outcome,
               (struct grpc_options){
                   .path = "/a.B/C", .timeout = 5000, .metadata = {pairs, 11}});
    run_until(fixture, outcome.ended);
    assert_string_equal(headers,
                        ":method: POST\n:scheme: http\n:path: /a.B/C\n"
                        ":authority: localhost\nte: trailers\n"
                        "content-type: application/grpc\n"
                        "user-agent: cdapr/" CDAPR_VERSION "\n"
                        "grpc-timeout: 5S\nx-component-instance: mine\n"
                        "x-empty: \nx-blanks: a b\nx-tag-bin: AAE=\n"
                        "grpc-trace-bin: AAE\n");
}

static void what_must_not_be_sent_ends_the_call(void **state)
{
    static const struct {
        struct dapr_pair pair;
        const char *text;
    } table[] = {
        {{"", "v"}, "there is an empty key in the header"},
        {{"a b", "v"},
         "header key \"a b\" contains illegal characters not in [0-9a-z-_.]"},
        {{"x", "line\nbreak"},
         "header key \"x\" contains value with non-printable ASCII characters"},
        {{"x", "gr\xc3\xbcn"},
         "header key \"x\" contains value with non-printable ASCII characters"},
        {{"x-bin", "no base64!"},
         "header key \"x-bin\" contains value that is no base64"},
    };
    struct fixture *fixture = *state;
    struct outcome outcome;

    connect_to_peer(fixture);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        outcome = (struct outcome){0};
        start_call(fixture, &outcome,
                   (struct grpc_options){.path = "/",
                                         .metadata = {&table[i].pair, 1}});
        send_bytes(&outcome, "x", 1, true);
        run_until(fixture, outcome.ended);
        assert_int_equal(outcome.code, DAPR_INTERNAL);
        assert_string_equal(outcome.text, table[i].text);
    }
    assert_true(LIST_EMPTY(&fixture->peer.streams));
}

static void there_may_be_too_many_headers(void **state)
{
    struct fixture *fixture = *state;
    struct dapr_pair pairs[300];
    struct outcome outcome = {0};

    for (int i = 0; i < 300; i++)
        pairs[i] = (struct dapr_pair){"x-many", "1"};
    connect_to_peer(fixture);
    start_call(fixture, &outcome,
               (struct grpc_options){.path = "/", .metadata = {pairs, 300}});
    run_until(fixture, outcome.ended);
    assert_int_equal(outcome.code, DAPR_INTERNAL);
    assert_string_equal(outcome.text, "header key \"x-many\" is one too many");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_answer_has_its_status),
        TEST(however_it_is_cut_to_pieces),
        TEST(and_where_the_server_does_not_wait_for_the_request),
        TEST(metadata_and_details_arrive),
        TEST(request_headers_are_grpcs),
        TEST(what_must_not_be_sent_ends_the_call),
        TEST(there_may_be_too_many_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
