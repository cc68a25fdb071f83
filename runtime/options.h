/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cdaprd's command line and environment: daprd's flags, all of them, with
 * daprd's errors; and a few of our own. Filled once by main(), read by all.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "flags.h"

#include <dapr/components.h>

struct option_flags; /* the flags as given; options.c's */

/* What the sidecar uses. Strings are never NULL unless it says so; all belong
 * to `flags` or to the environment. */
struct options {
    const char *app_id;
    int app_port; /* 0: no app */
    const char *app_channel_address;
    int app_max_concurrency; /* 0 or less: no limit */
    unsigned app_binding_options_timeout_ms;

    int dapr_http_port;
    struct text_list listen_addresses; /* without brackets; at least one */
    size_t max_body_size;              /* bytes; 0: no limit */
    size_t read_buffer_size;

    struct text_list resources_paths;
    const char *components_lib; /* folder of modules; NULL: the usual one */
    const char *sockets_folder;

    unsigned graceful_shutdown_ms;
    const char *log_level; /* as given */
    bool log_as_json;

    const char *namespace; /* NULL, also of the next three: not set */
    const char *pod_name;
    const char *app_token;
    const char *api_token;

    struct option_flags *flags;
};

/* What became of the command line. */
struct options_result {
    bool done; /* there is nothing to run */
    int exit_code;
    char *notes; /* for standard error, or NULL */
    char *text;  /* when done: exit code 0, for standard output; 2, for standard
                    error; 1, a fatal line for the log */
    bool early;  /* when the log's own options do not apply yet */
};

/* Reads flags and environment; writes nothing and does not exit. `getenv` may
 * be a test's; what it returns must outlive the options. options_done() and
 * options_result_done() follow in any case. */
struct options_result options_parse(struct options *options, int argc,
                                    char *const *argv,
                                    char *(*getenv)(const char *name));
void options_done(struct options *options);
void options_result_done(struct options_result *result);

/* Sets the log up and says what there is to say, also about flags that do
 * nothing yet. Returns the exit code, or -1: run. */
int options_report(const struct options *options,
                   const struct options_result *result);

#endif
