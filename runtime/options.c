/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cdaprd's options: what may be in its flags, with daprd's words for what may
 * not. Runs once, on main()'s thread.
 */
#include "options.h"

#include "core/log.h"
#include "option_flags.h"
#include "quantity.h"
#include "resources/duration.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define RUNTIME        "dapr.runtime"
#define MESSAGE_MAX    (256 << 10)
#define SOCKETS_FOLDER "/tmp/dapr-components-sockets"
#define GRACE_SECONDS  5
#define KILO           1024
#define MEGA           (1024 * KILO)

/* ---- checks -------------------------------------------------------------- */

/* What is being checked: the first thing that is wrong ends it. */
struct check {
    struct options *options;
    struct option_flags *flags;
    struct buffer *error;
};

static int refuse(struct check *check, const char *format, ...)
    DAPR_PRINTF(2, 3);

static int refuse(struct check *check, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buffer_vprintf(check->error, format, args);
    va_end(args);
    return -1;
}

static bool among(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcasecmp(text, *words) == 0)
            return true;
    }
    return false;
}

/* A size in the old flag's units goes before. */
static int check_size(struct check *check, const char *name, const char *text,
                      int old, int unit, size_t *ret)
{
    int64_t size;

    buffer_printf(check->error, "invalid value for '%s' option: ", name);
    if (quantity_parse(text, &size, check->error))
        return -1;
    buffer_clear(check->error);
    if (old >= 0)
        size = (int64_t)old * unit;
    *ret = size > 0 ? (size_t)size : 0;
    return 0;
}

/* Before the log's options count. */
static int check_early(struct check *check)
{
    struct option_flags *flags = check->flags;
    struct options *options = check->options;

    if (check_size(check, "max-body-size", flags->max_body_size,
                   flags->max_request_mb, MEGA, &options->max_body_size) ||
        check_size(check, "read-buffer-size", flags->read_buffer_size,
                   flags->read_buffer_kb, KILO, &options->read_buffer_size))
        return -1;
    if (flags->actors_disseminate_timeout <= 0)
        return refuse(check,
                      "invalid value for 'actors-disseminate-timeout' option: "
                      "must be positive, got %gs",
                      (double)flags->actors_disseminate_timeout / 1e9);
    return 0;
}

static int check_log(struct check *check)
{
    static const char *const levels[] = {"debug", "info",  "warn",
                                         "error", "fatal", NULL};

    if (among(check->flags->log_level, levels))
        return 0;
    return refuse(check, "invalid value for --log-level: %s",
                  check->flags->log_level);
}

static int check_app_id(struct check *check)
{
    if (!*check->flags->app_id)
        return refuse(check, "parameter app-id cannot be empty");
    if (strchr(check->flags->app_id, '.'))
        return refuse(check, "parameter app-id cannot contain dots");
    return 0;
}

static int check_mode(struct check *check)
{
    const char *mode = check->flags->mode;

    if (strcmp(mode, "standalone") == 0)
        return 0;
    if (strcmp(mode, "kubernetes") == 0)
        return refuse(check, "mode kubernetes is not supported by cdaprd, only "
                             "standalone");
    return refuse(check, "invalid mode: %s", mode);
}

static int check_ports(struct check *check)
{
    struct option_flags *flags = check->flags;
    struct options *options = check->options;
    int http, grpc = 0, app = 0, other;
    const struct {
        const char *what;
        const char *text;
        int *ret;
        bool optional;
    } ports[] = {
        {"error parsing dapr-http-port flag", flags->dapr_http_port, &http, 0},
        {"error parsing dapr-grpc-port flag", flags->dapr_grpc_port, &grpc, 0},
        {"error parsing profile-port flag", flags->profile_port, &other, 0},
        {"error parsing dapr-internal-grpc-port",
         flags->dapr_internal_grpc_port, &other, true},
        {"error parsing dapr-public-port", flags->dapr_public_port, &other,
         true},
        {"error parsing app-port", flags->app_port, &app, true},
        {"failed to parse metrics port", flags->metrics_port, &other, 0},
    };

    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        if (ports[i].optional && !*ports[i].text)
            continue;
        buffer_printf(check->error, "%s: ", ports[i].what);
        if (flags_atoi(ports[i].text, ports[i].ret, check->error))
            return -1;
        buffer_clear(check->error);
    }
    if (http < 0 || http > 65535 || app > 65535)
        return refuse(check, "%d is no port; use one from 0 to 65535",
                      http < 0 || http > 65535 ? http : app);
    if (app > 0 && (app == http || app == grpc))
        return refuse(check,
                      "the 'dapr-%s-port' argument value %d conflicts with "
                      "'app-port'",
                      app == http ? "http" : "grpc", app);
    options->dapr_http_port = http;
    options->app_port = app > 0 ? app : 0;
    return 0;
}

static int check_protocol(struct check *check)
{
    static const char *const protocols[] = {"http", "https", "h2c",
                                            "grpc", "grpcs", NULL};
    const char *protocol = check->flags->app_protocol;

    if (!among(protocol, protocols))
        return refuse(check, "invalid value for 'app-protocol': %s", protocol);
    if (strcasecmp(protocol, "http") == 0 && !check->flags->app_ssl)
        return 0;
    return refuse(check,
                  "app-protocol %s%s is not supported by this version of "
                  "cdaprd, only http",
                  protocol, check->flags->app_ssl ? " with app-ssl" : "");
}

static int check_lists(struct check *check)
{
    static const char *const endpoints[] = {"config", "subscribe", NULL};
    const struct text_list *disabled = &check->flags->disable_init_endpoints;
    const struct text_list *configs = &check->flags->config;

    for (size_t i = 0; i < disabled->count; i++) {
        if (!among(disabled->items[i], endpoints))
            return refuse(check,
                          "invalid value for 'disable-init-endpoints': %s",
                          disabled->items[i]);
    }
    for (size_t i = 0; i < configs->count; i++) {
        if (access(configs->items[i], F_OK))
            return refuse(check,
                          "error loading configuration: stat %s: no such file "
                          "or directory",
                          configs->items[i]);
    }
    return 0;
}

static int check_numbers(struct check *check)
{
    const struct option_flags *flags = check->flags;
    int64_t interval = flags->health_interval > 0 ? flags->health_interval : 5;

    if (flags->health_timeout > interval * 1000)
        return refuse(check, "value for 'health-probe-timeout' must be smaller "
                             "than 'health-probe-interval'");
    if (flags->scheduler_job_streams < 1)
        return refuse(check, "must define at least 1 scheduler stream, got %d",
                      flags->scheduler_job_streams);
    return 0;
}

/* ---- what the sidecar uses ----------------------------------------------- */

/* Of a time that a loop's timer can take. */
static unsigned milliseconds(int64_t ms)
{
    return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (unsigned)ms;
}

/* [::1] is how an address is written before a port. */
static void strip_brackets(char *address)
{
    size_t size = strlen(address);

    if (size < 2 || address[0] != '[' || address[size - 1] != ']')
        return;
    memmove(address, address + 1, size - 2);
    address[size - 2] = 0;
}

static void use_flags(struct options *options, struct option_flags *flags)
{
    int seconds = flags->graceful_shutdown_seconds;

    options->app_id = flags->app_id;
    options->app_channel_address = flags->app_channel_address;
    options->app_max_concurrency = flags->app_max_concurrency;
    options->app_binding_options_timeout_ms =
        milliseconds(duration_ms(flags->app_binding_options_timeout));
    options->listen_addresses = flags->listen_addresses;
    for (size_t i = 0; i < flags->listen_addresses.count; i++)
        strip_brackets(flags->listen_addresses.items[i]);
    options->resources_paths = flags->resources_paths.count
                                   ? flags->resources_paths
                                   : flags->components_paths;
    options->components_lib =
        *flags->components_lib ? flags->components_lib : NULL;
    options->graceful_shutdown_ms =
        milliseconds((int64_t)(seconds < 0 ? GRACE_SECONDS : seconds) * 1000);
    options->log_level = flags->log_level;
    options->log_as_json = flags->log_as_json;
}

static const char *variable(char *(*getenv)(const char *), const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static void use_environment(struct options *options,
                            char *(*getenv)(const char *))
{
    options->namespace = variable(getenv, "NAMESPACE");
    options->pod_name = variable(getenv, "POD_NAME");
    options->app_token = variable(getenv, "APP_API_TOKEN");
    options->api_token = variable(getenv, "DAPR_API_TOKEN");
    options->sockets_folder =
        variable(getenv, "DAPR_COMPONENTS_SOCKETS_FOLDER");
    if (!options->sockets_folder)
        options->sockets_folder =
            variable(getenv, "DAPR_COMPONENT_SOCKETS_FOLDER");
    if (!options->sockets_folder)
        options->sockets_folder = SOCKETS_FOLDER;
}
/* ---- the command line ---------------------------------------------------- */

static char *copy_text(const struct buffer *text)
{
    return strndup(text->size ? (char *)text->data : "", text->size);
}

static struct options_result end(int exit_code, const struct buffer *text)
{
    return (struct options_result){
        .done = true,
        .exit_code = exit_code,
        .text = copy_text(text),
    };
}

static struct options_result end_with_usage(int exit_code,
                                            const struct buffer *error)
{
    struct options_result result;
    struct buffer text;

    buffer_init(&text, MESSAGE_MAX);
    buffer_text(&text, "Usage of daprd:\n");
    flags_usage(option_table, option_count, &text);
    if (error->size)
        buffer_printf(&text, "\n%.*s\n", (int)error->size, (char *)error->data);
    result = end(exit_code, &text);
    buffer_done(&text);
    return result;
}

static struct options_result end_with_version(const struct option_flags *flags)
{
    struct options_result result;
    struct buffer text;

    buffer_init(&text, MESSAGE_MAX);
    if (flags->version)
        buffer_text(&text, CDAPR_VERSION "\n");
    else
        buffer_text(&text, "Version: " CDAPR_VERSION "\n"
                           "Git Commit: \nGit Version: \n");
    result = end(0, &text);
    buffer_done(&text);
    return result;
}

static struct options_result refused(const char *prefix,
                                     const struct buffer *error)
{
    struct options_result result;
    struct buffer text;

    buffer_init(&text, MESSAGE_MAX);
    buffer_printf(&text, "%s%.*s", prefix, (int)error->size,
                  (char *)error->data);
    result = end(1, &text);
    buffer_done(&text);
    return result;
}

static struct options_result check_all(struct check *check,
                                       char *(*getenv)(const char *))
{
    static int (*const checks[])(struct check *) = {
        check_app_id,   check_mode,  check_ports,
        check_protocol, check_lists, check_numbers,
    };
    struct options_result result;

    if (check_early(check)) {
        result = refused("Failed to parse flags: ", check->error);
        result.early = true;
        return result;
    }
    use_flags(check->options, check->flags);
    use_environment(check->options, getenv);
    if (check_log(check))
        return refused("", check->error);
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (checks[i](check))
            return refused("Fatal error from runtime: ", check->error);
    }
    return (struct options_result){0};
}

struct options_result options_parse(struct options *options, int argc,
                                    char *const *argv,
                                    char *(*getenv)(const char *name))
{
    struct option_flags *flags = calloc(1, sizeof *flags);
    struct options_result result = {.done = true, .exit_code = 1};
    struct buffer notes, error;
    enum flags_result parsed;

    *options = (struct options){.flags = flags};
    if (!flags)
        return result;
    buffer_init(&notes, MESSAGE_MAX);
    buffer_init(&error, MESSAGE_MAX);
    parsed = flags_parse(option_table, option_count, flags, flags->given, argc,
                         argv, &notes, &error);
    if (parsed != FLAGS_OK)
        result = end_with_usage(parsed == FLAGS_HELP ? 0 : 2, &error);
    else if (flags->version || flags->build_info)
        result = end_with_version(flags);
    else
        result = check_all(&(struct check){options, flags, &error}, getenv);
    result.notes = copy_text(&notes);
    buffer_done(&notes);
    buffer_done(&error);
    return result;
}

void options_done(struct options *options)
{
    if (options->flags)
        flags_done(option_table, option_count, options->flags);
    free(options->flags);
    *options = (struct options){0};
}

void options_result_done(struct options_result *result)
{
    free(result->notes);
    free(result->text);
    *result = (struct options_result){0};
}

/* ---- what there is to say ------------------------------------------------ */

static enum log_level log_level(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error",
                                        "fatal"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(name, names[i]) == 0)
            return (enum log_level)i;
    }
    return LOG_INFO;
}

/* 0, or -1 after a line that says why. */
static int set_log(const struct options *options)
{
    const char *path = options->flags->log_file;
    struct log_settings settings = {
        .level = log_level(options->log_level),
        .json = options->log_as_json,
        .app_id = options->app_id,
        .version = CDAPR_VERSION,
    };

    if (log_set(&settings))
        return -1;
    if (!*path)
        return 0;
    settings.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (settings.fd >= 0)
        return log_set(&settings);
    log_message(
        LOG_FATAL, RUNTIME, "failed to open log file \"%s\": open %s: %s", path,
        path, errno == ENOENT ? "no such file or directory" : strerror(errno));
    return -1;
}

static void say_what_does_nothing(const struct options *options)
{
    for (size_t i = 0; i < option_count; i++) {
        if (options->flags->given[i] && option_table[i].note != WORKS)
            log_message(option_table[i].note == QUIET ? LOG_DEBUG : LOG_WARNING,
                        RUNTIME,
                        "flag --%s is accepted, but does nothing in this "
                        "version of cdaprd",
                        option_table[i].name);
    }
}

int options_report(const struct options *options,
                   const struct options_result *result)
{
    const char *text = result->text ? result->text : "out of memory";

    if (result->notes)
        fputs(result->notes, stderr);
    if (result->done && result->exit_code != 1) {
        fputs(text, result->exit_code ? stderr : stdout);
        return result->exit_code;
    }
    if (!result->early && options->flags && set_log(options))
        return 1;
    if (result->done) {
        log_message(LOG_FATAL, RUNTIME, "%s", text);
        return result->exit_code;
    }
    say_what_does_nothing(options);
    return -1;
}
