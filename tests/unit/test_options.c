/* SPDX-License-Identifier: Apache-2.0 */
/* cdaprd's command line: values, daprd's errors, and arguments without sense.
 */
#include "options.h"
#include "quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARGS_MAX 12

static const char *environment[8][2];

static char *get(const char *name)
{
    for (size_t i = 0; i < 8 && environment[i][0]; i++) {
        if (strcmp(environment[i][0], name) == 0)
            return (char *)environment[i][1];
    }
    return NULL;
}

static struct options_result parse(struct options *options,
                                   const char *const *args)
{
    const char *argv[ARGS_MAX + 2] = {"cdaprd"};
    int argc = 1;

    for (; *args; args++)
        argv[argc++] = *args;
    return options_parse(options, argc, (char *const *)argv, get);
}

#define PARSE(options, ...)                                                    \
    parse(options, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void test_defaults(void **state)
{
    struct options options;
    struct options_result result = PARSE(&options, "--app-id", "shop");

    (void)state;
    assert_false(result.done);
    assert_string_equal(options.app_id, "shop");
    assert_int_equal(options.app_port, 0);
    assert_string_equal(options.app_channel_address, "127.0.0.1");
    assert_int_equal(options.app_max_concurrency, -1);
    assert_int_equal(options.app_binding_options_timeout_ms, 3000);
    assert_int_equal(options.dapr_http_port, 3500);
    assert_int_equal(options.listen_addresses.count, 1);
    assert_string_equal(options.listen_addresses.items[0], "127.0.0.1");
    assert_int_equal(options.max_body_size, 4 << 20);
    assert_int_equal(options.read_buffer_size, 4 << 10);
    assert_int_equal(options.resources_paths.count, 0);
    assert_null(options.components_lib);
    assert_string_equal(options.sockets_folder, "/tmp/dapr-components-sockets");
    assert_int_equal(options.graceful_shutdown_ms, 5000);
    assert_string_equal(options.log_level, "info");
    assert_null(options.namespace);
    options_result_done(&result);
    options_done(&options);
}

static void test_values(void **state)
{
    struct options options;
    struct options_result result =
        PARSE(&options, "-app-id=a", "--app-max-concurrency", "-1",
              "--dapr-listen-addresses", "127.0.0.1,[::1]",
              "--resources-path=x,y", "--resources-path", "z", "--log-as-json",
              "positional", "--dapr-http-max-request-size=2");

    (void)state;
    assert_false(result.done);
    assert_string_equal(options.app_id, "a");
    assert_int_equal(options.app_max_concurrency, -1);
    assert_int_equal(options.listen_addresses.count, 2);
    assert_string_equal(options.listen_addresses.items[1], "::1");
    assert_int_equal(options.resources_paths.count, 3);
    assert_string_equal(options.resources_paths.items[2], "z");
    assert_true(options.log_as_json);
    assert_int_equal(options.max_body_size, 2 << 20);
    assert_string_equal(result.notes,
                        "Flag --dapr-http-max-request-size has been "
                        "deprecated, use '--max-body-size' instead\n");
    options_result_done(&result);
    options_done(&options);
}

/* The older path does not count beside the newer one; the last value counts;
 * a boolean takes no argument; nothing is read behind --. */
static void test_which_counts(void **state)
{
    struct options options;
    struct options_result result =
        PARSE(&options, "--app-id", "a", "--app-id", "b", "--components-path",
              "old", "--log-as-json", "false",
              "--dapr-graceful-shutdown-"
              "seconds=-3",
              "--", "--nope");

    (void)state;
    assert_false(result.done);
    assert_string_equal(options.app_id, "b");
    assert_int_equal(options.resources_paths.count, 1);
    assert_string_equal(options.resources_paths.items[0], "old");
    assert_true(options.log_as_json);
    assert_int_equal(options.graceful_shutdown_ms, 5000);
    options_result_done(&result);
    options_done(&options);
}

static void test_environment(void **state)
{
    struct options options;
    struct options_result result;

    (void)state;
    memcpy(environment,
           (const char *[8][2]){{"NAMESPACE", "sales"},
                                {"POD_NAME", ""},
                                {"APP_API_TOKEN", "secret"},
                                {"DAPR_COMPONENT_SOCKETS_FOLDER", "/old"}},
           sizeof environment);
    result = PARSE(&options, "--app-id", "a");
    assert_string_equal(options.namespace, "sales");
    assert_null(options.pod_name);
    assert_string_equal(options.app_token, "secret");
    assert_string_equal(options.sockets_folder, "/old");
    options_result_done(&result);
    options_done(&options);
    memcpy(environment,
           (const char *[8][2]){{"DAPR_COMPONENT_SOCKETS_FOLDER", "/old"},
                                {"DAPR_COMPONENTS_SOCKETS_FOLDER", "/new"}},
           sizeof environment);
    result = PARSE(&options, "--app-id", "a");
    assert_string_equal(options.sockets_folder, "/new");
    options_result_done(&result);
    options_done(&options);
    memset(environment, 0, sizeof environment);
}

/* ---- daprd's errors ------------------------------------------------------ */

#define PARSING(what, text)                                                    \
    "Fatal error from runtime: " what ": strconv.Atoi: parsing \"" text        \
    "\": invalid syntax"
#define QUANTITIES                                                             \
    "quantities must match the regular expression "                            \
    "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

static const struct {
    const char *args[4];
    int exit_code;
    const char *last; /* the text's last line, or all of it */
} refused[] = {
    {{"--app-id="},
     1,
     "Fatal error from runtime: parameter app-id cannot be empty"},
    {{"--app-id", "a.b"},
     1,
     "Fatal error from runtime: parameter app-id cannot contain dots"},
    {{"--app-protocol=ftp"},
     1,
     "Fatal error from runtime: invalid value for 'app-protocol': ftp"},
    {{"--app-protocol=grpc"},
     1,
     "Fatal error from runtime: app-protocol grpc is not supported by this "
     "version of cdaprd, only http"},
    {{"--app-port=3500"},
     1,
     "Fatal error from runtime: the 'dapr-http-port' argument value 3500 "
     "conflicts with 'app-port'"},
    {{"--app-port=50001"},
     1,
     "Fatal error from runtime: the 'dapr-grpc-port' argument value 50001 "
     "conflicts with 'app-port'"},
    {{"--disable-init-endpoints=config,nope"},
     1,
     "Fatal error from runtime: invalid value for 'disable-init-endpoints': "
     "nope"},
    {{"--app-health-probe-timeout=6000"},
     1,
     "Fatal error from runtime: value for 'health-probe-timeout' must be "
     "smaller than 'health-probe-interval'"},
    {{"--dapr-http-port=x"},
     1,
     PARSING("error parsing dapr-http-port flag", "x")},
    {{"--dapr-grpc-port="},
     1,
     PARSING("error parsing dapr-grpc-port flag", "")},
    {{"--profile-port=x"}, 1, PARSING("error parsing profile-port flag", "x")},
    {{"--dapr-internal-grpc-port=x"},
     1,
     PARSING("error parsing dapr-internal-grpc-port", "x")},
    {{"--dapr-public-port=x"},
     1,
     PARSING("error parsing dapr-public-port", "x")},
    {{"--app-port=x"}, 1, PARSING("error parsing app-port", "x")},
    {{"--metrics-port=x"}, 1, PARSING("failed to parse metrics port", "x")},
    {{"--dapr-http-port=70000"},
     1,
     "Fatal error from runtime: 70000 is no port; use one from 0 to 65535"},
    {{"--max-body-size=big"},
     1,
     "Failed to parse flags: invalid value for 'max-body-size' "
     "option: " QUANTITIES},
    {{"--max-body-size=1.5"},
     1,
     "Failed to parse flags: invalid value for 'max-body-size' option: cannot "
     "get bytes from resource quantity value '{{15 -1} {<nil>}  DecimalSI}'"},
    {{"--read-buffer-size="},
     1,
     "Failed to parse flags: invalid value for 'read-buffer-size' "
     "option: " QUANTITIES},
    {{"--actors-disseminate-timeout=0s"},
     1,
     "Failed to parse flags: invalid value for 'actors-disseminate-timeout' "
     "option: must be positive, got 0s"},
    {{"--log-level=loud"}, 1, "invalid value for --log-level: loud"},
    {{"--log-level=warning"}, 1, "invalid value for --log-level: warning"},
    {{"--log-level="}, 1, "invalid value for --log-level: "},
    {{"--scheduler-job-streams=0"},
     1,
     "Fatal error from runtime: must define at least 1 scheduler stream, got "
     "0"},
    {{"--mode=spaceship"},
     1,
     "Fatal error from runtime: invalid mode: spaceship"},
    {{"--config=/nowhere/c.yaml"},
     1,
     "Fatal error from runtime: error loading configuration: stat "
     "/nowhere/c.yaml: no such file or directory"},
    {{"--NoPe"}, 2, "unknown flag: --NoPe"},
    {{"-nope"}, 2, "unknown flag: --nope"},
    {{"--nope=1"}, 2, "unknown flag: --nope"},
    {{"-x"}, 2, "unknown shorthand flag: 'x' in -x"},
    {{"--app-port"}, 2, "flag needs an argument: --app-port"},
    {{"--app-max-concurrency=x"},
     2,
     "invalid argument \"x\" for \"--app-max-concurrency\" flag: "
     "strconv.ParseInt: parsing \"x\": invalid syntax"},
    {{"--app-max-concurrency=99999999999999999999"},
     2,
     "invalid argument \"99999999999999999999\" for \"--app-max-concurrency\" "
     "flag: strconv.ParseInt: parsing \"99999999999999999999\": value out of "
     "range"},
    {{"--dapr-graceful-shutdown-seconds", "soon"},
     2,
     "invalid argument \"soon\" for \"--dapr-graceful-shutdown-seconds\" "
     "flag: strconv.ParseInt: parsing \"soon\": invalid syntax"},
    {{"--dapr-block-shutdown-duration=5"},
     2,
     "invalid argument \"5\" for \"--dapr-block-shutdown-duration\" flag: "
     "time: missing unit in duration \"5\""},
    {{"--enable-metrics=maybe"},
     2,
     "invalid argument \"maybe\" for \"--enable-metrics\" flag: "
     "strconv.ParseBool: parsing \"maybe\": invalid syntax"},
    {{"--app-health-threshold="},
     2,
     "invalid argument \"\" for \"--app-health-threshold\" flag: "
     "strconv.ParseInt: parsing \"\": invalid syntax"},
    {{"---app-id=x"}, 2, "bad flag syntax: ---app-id=x"},
    {{"--=x"}, 2, "bad flag syntax: --=x"},
    {{"--version=maybe"},
     2,
     "invalid argument \"maybe\" for \"--version\" flag: strconv.ParseBool: "
     "parsing \"maybe\": invalid syntax"},
};

/* A text without its last line end, from behind the one before. */
static const char *last_line(char *text)
{
    size_t size = strlen(text);
    const char *line;

    if (size && text[size - 1] == '\n')
        text[size - 1] = 0;
    line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

static void test_refused(void **state)
{
    struct options options;
    struct options_result result;
    const char *args[6];
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        args[0] = "--app-id=golden";
        for (count = 1; refused[i].args[count - 1]; count++)
            args[count] = refused[i].args[count - 1];
        args[count] = NULL;
        result = parse(&options, args);
        assert_true(result.done);
        assert_int_equal(result.exit_code, refused[i].exit_code);
        if (result.exit_code == 2)
            assert_memory_equal(result.text, "Usage of daprd:\n", 16);
        assert_int_equal(result.early, !strncmp(result.text, "Failed", 6));
        assert_string_equal(last_line(result.text), refused[i].last);
        options_result_done(&result);
        options_done(&options);
    }
}

static void test_printed(void **state)
{
    struct options options;
    struct options_result result =
        PARSE(&options, "--log-level=loud", "-version", "--build-info");

    (void)state;
    assert_int_equal(result.exit_code, 0);
    assert_null(strchr(result.text, ' '));
    options_result_done(&result);
    options_done(&options);
    result = PARSE(&options, "--build-info");
    assert_memory_equal(result.text, "Version: ", 9);
    options_result_done(&result);
    options_done(&options);
    result = PARSE(&options, "--help");
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.text, "--dapr-http-port string"));
    assert_non_null(strstr(result.text, "(default 3500)"));
    options_result_done(&result);
    options_done(&options);
}

/* ---- quantities ---------------------------------------------------------- */

static void test_quantities(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes; /* -1: refused */
    } cases[] = {
        {"0", 0},
        {"5", 5},
        {"+5", 5},
        {"4Mi", 4 << 20},
        {"4Ki", 4096},
        {"1Gi", 1 << 30},
        {"10M", 10000000},
        {"1k", 1000},
        {"0.5Ki", 512},
        {"1.5k", 1500},
        {"1e3", 1000},
        {"1E3", 1000},
        {"1E", 1000000000000000000},
        {"1.0", 1},
        {".5k", 500},
        {"5.", 5},
        {"1000m", 1},
        {"100m", -1},
        {"", -1},
        {".", -1},
        {"1.2.3", -1},
        {"5X", -1},
        {"5KK", -1},
        {"1e", -1},
        {"1e99", -1},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", -1},
        {"8Ei", -1},
        {"7Ei", INT64_C(7) << 60},
        {" 5", -1},
        {"5 ", -1},
    };
    struct buffer error;
    int64_t bytes;
    int rc;

    (void)state;
    buffer_init(&error, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&error);
        rc = quantity_parse(cases[i].text, &bytes, &error);
        assert_int_equal(rc, cases[i].bytes < 0 ? -1 : 0);
        assert_int_equal(error.size > 0, rc < 0);
        if (rc == 0)
            assert_int_equal(bytes, cases[i].bytes);
    }
    buffer_done(&error);
}

/* ---- without sense ------------------------------------------------------- */

static void test_random(void **state)
{
    static const char *const pieces[] = {"-",
                                         "--",
                                         "app-id",
                                         "=",
                                         "log-level",
                                         "resources-path",
                                         ",",
                                         "true",
                                         "[",
                                         "]",
                                         "::1",
                                         "max-body-size",
                                         "9999999999999",
                                         "4Mi",
                                         "\xff",
                                         "config",
                                         "h",
                                         "help",
                                         "enable-metrics",
                                         "."};
    const size_t count = sizeof pieces / sizeof *pieces;
    struct options_result result;
    struct options options;
    char text[ARGS_MAX][256];
    char *argv[ARGS_MAX + 1];

    (void)state;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        int argc = rand() % ARGS_MAX;

        for (int i = 0; i < argc; i++) {
            const char *part[4];

            for (int n = 0; n < 4; n++)
                part[n] = rand() % 3 ? pieces[(size_t)rand() % count] : "";
            snprintf(text[i], sizeof text[i], "%s%s%s%s", part[0], part[1],
                     part[2], part[3]);
            argv[i] = text[i];
        }
        argv[argc] = NULL;
        result = options_parse(&options, argc, argv, get);
        assert_int_equal(result.done, result.text != NULL);
        options_result_done(&result);
        options_done(&options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_values),
        cmocka_unit_test(test_which_counts), cmocka_unit_test(test_environment),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_printed),
        cmocka_unit_test(test_quantities),   cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
