/* SPDX-License-Identifier: Apache-2.0 */
/* cdaprd's flags as they are given, for options.c: raw, and not checked. */
#ifndef OPTION_FLAGS_H
#define OPTION_FLAGS_H

#include "flags.h"

#define FLAGS_MAX 100 /* rows of the table */

struct option_flags {
    char *app_id;
    char *app_port;
    char *app_protocol;
    char *app_channel_address;
    int app_max_concurrency;
    bool app_ssl;
    int64_t app_binding_options_timeout;
    int health_interval;
    int health_timeout;
    struct text_list disable_init_endpoints;

    char *dapr_http_port;
    char *dapr_grpc_port;
    char *dapr_internal_grpc_port;
    char *dapr_public_port;
    struct text_list listen_addresses;
    char *max_body_size;
    char *read_buffer_size;
    int max_request_mb;
    int read_buffer_kb;

    struct text_list resources_paths;
    struct text_list components_paths;
    struct text_list config;
    char *components_lib;
    char *mode;

    char *log_level;
    bool log_as_json;
    char *log_file;
    char *metrics_port;
    char *profile_port;

    int graceful_shutdown_seconds;
    int scheduler_job_streams;
    int64_t actors_disseminate_timeout;

    bool version;
    bool build_info;

    bool given[FLAGS_MAX];
};

enum note {
    WORKS,
    NOTHING, /* accepted, does nothing yet */
    QUIET    /* so does this; the dapr command line always gives it */
};

/* The table; its notes are enum note. */
extern const struct flag option_table[];
extern const size_t option_count;

#endif
