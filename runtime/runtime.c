/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start and end of the sidecar. Each step is started by the callback of the one
 * before it; a fatal error takes the way of a signal, with its own exit code.
 * Owned by the loop's thread, which is the process's first.
 */
#include "runtime.h"

#include "api/api.h"
#include "bindings/input.h"
#include "core/container.h"
#include "core/log.h"

#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNTIME         "dapr.runtime"
#define ROOT            "dapr.runtime.processor.loops.root"
#define SIGNALS         "dapr.signals"

#define HEAD_TIMEOUT    10000  /* ms for a whole request head, as daprd */
#define IDLE_TIMEOUT    300000 /* ms that a client may keep a connection idle */
#define BODY_TIMEOUT    60000  /* ms between bytes of a request's body */
#define HEAD_SLACK      4096   /* bytes beyond --read-buffer-size, as Go */
#define MAX_CONNECTIONS 10000
#define IDLE_CHECK      5 /* ms between looks whether requests are answered */
#define FAILURE_LIMIT   (64u << 10)
#define MODULES_TIMEOUT 1000 /* ms for modules' threads at the end */

struct runtime {
    struct loop loop;
    const struct options *options;
    struct resources resources;
    char *modules_folder;
    struct host *host;
    struct app *app;
    struct input *input;
    struct http_server *server;
    struct api api;
    uv_signal_t signals[2];
    uint64_t started;       /* loop_now() */
    unsigned unresolved;    /* components */
    struct loop_timer tick; /* while it stops */
    struct loop_timer grace;
    unsigned closing; /* parts that are */
    bool stopping;
    bool stuck;    /* a module's callback has not returned */
    char *failure; /* the fatal error, or NULL */
};

static void stop(struct runtime *runtime);

/* ---- failing ------------------------------------------------------------- */

static void fail(struct runtime *runtime, const char *format, ...)
    DAPR_PRINTF(2, 3);

/* The first failure counts; what runs already is stopped in order. */
static void fail(struct runtime *runtime, const char *format, ...)
{
    va_list args;

    if (runtime->failure)
        return;
    va_start(args, format);
    if (vasprintf(&runtime->failure, format, args) < 0)
        runtime->failure = strdup("out of memory");
    va_end(args);
    stop(runtime);
}

/* ---- the last steps: the app, its input bindings ------------------------- */

static void now_ready(void *data)
{
    struct runtime *runtime = data;

    if (runtime->stopping)
        return;
    runtime->api.ready = true;
    log_message(
        LOG_INFO, RUNTIME,
        "dapr initialized. Status: Running. Init Elapsed %llums",
        (unsigned long long)(loop_now(&runtime->loop) - runtime->started));
}

static void app_there(void *data)
{
    struct runtime *runtime = data;

    if (!runtime->stopping)
        input_start(runtime->input, now_ready, runtime);
}

static void wait_for_app(struct runtime *runtime)
{
    if (runtime->app) {
        runtime->app->ops->wait(runtime->app, app_there, runtime);
        return;
    }
    log_message(LOG_WARNING, "dapr.runtime.channels",
                "App channel is not initialized. Did you configure an "
                "app-port?");
    now_ready(runtime);
}

/* ---- the HTTP API -------------------------------------------------------- */

static int listen_on(struct runtime *runtime, const char *address)
{
    int port = runtime->options->dapr_http_port;
    int status = http_server_listen(runtime->server, address, port);

    if (status)
        log_message(LOG_ERROR, RUNTIME,
                    "could not listen on %s port %d for the HTTP API: %s",
                    address, port, uv_strerror(status));
    else
        log_message(LOG_INFO, RUNTIME ".http",
                    strchr(address, ':')
                        ? "HTTP server listening on TCP address: [%s]:%d"
                        : "HTTP server listening on TCP address: %s:%d",
                    address, port);
    return status;
}

/* One address is enough. */
static int listen_all(struct runtime *runtime)
{
    const struct text_list *addresses = &runtime->options->listen_addresses;
    int status = -1;

    for (size_t i = 0; i < addresses->count; i++) {
        if (listen_on(runtime, addresses->items[i]) == 0)
            status = 0;
    }
    return status;
}

static void start_api(struct runtime *runtime)
{
    const struct http_server_options options = {
        .handler = api_handle,
        .wants_body = api_wants_body,
        .data = &runtime->api,
        .max_body = runtime->options->max_body_size,
        .max_head = runtime->options->read_buffer_size + HEAD_SLACK,
        .head_timeout = HEAD_TIMEOUT,
        .body_timeout = BODY_TIMEOUT,
        .idle_timeout = IDLE_TIMEOUT,
        .max_connections = MAX_CONNECTIONS,
    };

    runtime->api.outbound_ready = true;
    runtime->server = http_server_new(&runtime->loop, &options);
    if (!runtime->server || listen_all(runtime)) {
        fail(runtime, "failed to start HTTP server: could not listen on any "
                      "endpoint");
        return;
    }
    wait_for_app(runtime);
}

/* ---- components ---------------------------------------------------------- */

/* `cause` is daprd's text of what was wrong; a fatal one is said `times`. */
static void refuse_component(struct runtime *runtime,
                             const struct resource *resource, const char *cause,
                             int times)
{
    char *whole = NULL;

    if (asprintf(&whole, "process component %s error: %s", resource->name,
                 cause) < 0)
        whole = NULL;
    if (!whole) {
        fail(runtime, "out of memory");
    } else if (resource->ignore_errors) {
        log_message(LOG_ERROR, RUNTIME,
                    "Ignoring error processing component: %s", whole);
    } else {
        log_message(LOG_WARNING, RUNTIME,
                    "Error processing component, daprd will exit gracefully: "
                    "%s",
                    whole);
        fail(runtime, "failed to load components: %s%s%s", whole,
             times > 1 ? "\n" : "", times > 1 ? whole : "");
    }
    free(whole);
}

static void component_failed(struct runtime *runtime,
                             const struct resource *resource, const char *error)
{
    const char *label = resource_label(resource);
    char *cause = NULL;

    log_message(LOG_ERROR, ROOT, "Failed to init component %s: %s", label,
                error);
    if (asprintf(&cause,
                 "[INIT_COMPONENT_FAILURE]: initialization error occurred for "
                 "%s: %s",
                 label, error) < 0)
        cause = NULL;
    refuse_component(runtime, resource, cause ? cause : error, 2);
    free(cause);
}

static void all_resolved(struct runtime *runtime)
{
    log_message(LOG_INFO, RUNTIME, "All outstanding components processed");
    start_api(runtime);
}

static void resolved(struct binding *binding, const char *error, void *data)
{
    struct runtime *runtime = data;

    runtime->unresolved--;
    if (runtime->stopping)
        return;
    if (error)
        component_failed(runtime, binding->resource, error);
    if (!runtime->unresolved && !runtime->stopping)
        all_resolved(runtime);
}

static void binding_ready(struct binding *binding, void *data)
{
    struct runtime *runtime = data;

    input_ready(runtime->input, binding);
}

static void binding_lost(struct binding *binding, void *data)
{
    struct runtime *runtime = data;

    input_lost(runtime->input, binding);
}

static void event_came(struct binding *binding, struct event *event, void *data)
{
    struct runtime *runtime = data;

    input_event(runtime->input, binding, event);
}

static void read_ended(struct binding *binding, const char *why, void *data)
{
    struct runtime *runtime = data;

    input_read_ended(runtime->input, binding, why);
}

/* The building block that a component's type names first. */
static bool is_block(const struct resource *resource, const char *block)
{
    size_t size = strlen(block);

    return strncmp(resource->type, block, size) == 0 &&
           resource->type[size] == '.';
}

static void add_other(struct runtime *runtime, const struct resource *resource)
{
    static const char *const blocks[] = {
        "configuration", "crypto",       "lock",  "middleware",
        "pubsub",        "secretstores", "state", "conversation"};
    char cause[256];

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (is_block(resource, blocks[i])) {
            log_message(LOG_WARNING, RUNTIME,
                        "component %s is ignored: cdaprd serves bindings",
                        resource_label(resource));
            return;
        }
    }
    snprintf(cause, sizeof cause, "incorrect type %s", resource->type);
    refuse_component(runtime, resource, cause, 1);
}

/* What this sidecar has no building block for does no harm. */
static void add_component(struct runtime *runtime,
                          const struct resource *resource)
{
    log_message(LOG_DEBUG, RUNTIME, "Found component: %s",
                resource_label(resource));
    if (!is_block(resource, "bindings")) {
        add_other(runtime, resource);
        return;
    }
    runtime->unresolved++;
    if (host_add(runtime->host, resource))
        fail(runtime, "out of memory");
}

static void load_components(struct runtime *runtime)
{
    const struct resource *resource;

    log_message(LOG_INFO, RUNTIME, "Loading components…");
    TAILQ_FOREACH (resource, &runtime->resources, link) {
        if (!runtime->stopping)
            add_component(runtime, resource);
    }
    log_message(LOG_INFO, RUNTIME,
                "Waiting for all outstanding components to be processed…");
    if (!runtime->unresolved && !runtime->stopping)
        all_resolved(runtime);
}

/* ---- stopping ------------------------------------------------------------ */

static void part_closed(void *data)
{
    struct runtime *runtime = data;

    if (--runtime->closing)
        return;
    loop_timer_stop(&runtime->loop, &runtime->grace);
    loop_stop(&runtime->loop);
}

static void say_components(struct runtime *runtime)
{
    struct binding *binding;

    for (binding = host_first(runtime->host); binding;
         binding = TAILQ_NEXT(binding, link)) {
        if (binding->loaded)
            log_message(LOG_INFO, RUNTIME, "Shutting down component %s",
                        resource_label(binding->resource));
    }
}

static void close_all(struct runtime *runtime)
{
    loop_timer_stop(&runtime->loop, &runtime->tick);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&runtime->signals[i], NULL);
    say_components(runtime);
    runtime->closing = 1 + (runtime->server != NULL) + (runtime->app != NULL);
    if (runtime->server)
        http_server_close(runtime->server, part_closed, runtime);
    if (runtime->app)
        runtime->app->ops->close(runtime->app, part_closed, runtime);
    host_close(runtime->host, part_closed, runtime);
}

/* Calls under way are answered before what they need is closed. */
static void check_idle(struct loop_timer *timer)
{
    struct runtime *runtime = container_of(timer, struct runtime, tick);

    if (runtime->server && http_server_busy(runtime->server))
        loop_timer_start(&runtime->loop, &runtime->tick, IDLE_CHECK);
    else
        close_all(runtime);
}

static void input_stopped(void *data)
{
    struct runtime *runtime = data;

    runtime->tick.fire = check_idle;
    loop_timer_start(&runtime->loop, &runtime->tick, 0);
}

static void grace_over(struct loop_timer *timer)
{
    (void)timer;
    log_message(LOG_FATAL, RUNTIME,
                "Graceful shutdown timeout exceeded, forcing shutdown");
    _exit(1);
}

static void stop(struct runtime *runtime)
{
    if (runtime->stopping)
        return;
    runtime->stopping = true;
    runtime->api.ready = false;
    log_message(LOG_INFO, RUNTIME, "Dapr is shutting down");
    runtime->grace.fire = grace_over;
    loop_timer_start(&runtime->loop, &runtime->grace,
                     runtime->options->graceful_shutdown_ms);
    if (runtime->server)
        http_server_drain(runtime->server);
    input_stop(runtime->input, input_stopped, runtime);
}

static void signalled(uv_signal_t *handle, int number)
{
    struct runtime *runtime = handle->data;
    const char *name = number == SIGINT ? "interrupt" : "terminated";

    if (runtime->stopping) {
        log_message(LOG_FATAL, SIGNALS,
                    "Received signal '%s' during shutdown; exiting immediately",
                    name);
        _exit(1);
    }
    log_message(LOG_INFO, SIGNALS, "Received signal '%s'; beginning shutdown",
                name);
    stop(runtime);
}

/* ---- starting ------------------------------------------------------------ */

/* Modules lie beside the program: PREFIX/libexec/cdapr/components. */
static char *default_modules(void)
{
    char path[4096], *folder = NULL;
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);

    if (size < 0)
        return NULL;
    path[size] = 0;
    if (asprintf(&folder, "%s/../libexec/cdapr/components", dirname(path)) < 0)
        return NULL;
    return folder;
}

static int make_app(struct runtime *runtime)
{
    const struct options *options = runtime->options;
    const struct app_options app = {
        .app_id = options->app_id,
        .address = options->app_channel_address,
        .port = options->app_port,
        .token = options->app_token,
        .max_concurrency = options->app_max_concurrency > 0
                               ? (unsigned)options->app_max_concurrency
                               : 0,
    };

    if (!options->app_port)
        return 0;
    runtime->app = app_http_new(&runtime->loop, &app);
    return runtime->app ? 0 : -1;
}

static int make_parts(struct runtime *runtime)
{
    static const struct host_events events = {.resolved = resolved,
                                              .ready = binding_ready,
                                              .lost = binding_lost,
                                              .event = event_came,
                                              .read_ended = read_ended};
    const struct options *options = runtime->options;
    const struct host_options host = {
        .sockets_folder = options->sockets_folder,
        .modules_folder = options->components_lib ? options->components_lib
                                                  : runtime->modules_folder,
        .events = &events,
        .data = runtime,
    };

    if (make_app(runtime))
        return -1;
    runtime->host = host_new(&runtime->loop, &host);
    if (!runtime->host)
        return -1;
    runtime->input = input_new(&runtime->loop, runtime->host, runtime->app,
                               options->app_binding_options_timeout_ms);
    runtime->api = (struct api){.loop = &runtime->loop,
                                .host = runtime->host,
                                .app_id = options->app_id,
                                .token = options->api_token};
    return runtime->input ? 0 : -1;
}

static void watch_signals(struct runtime *runtime)
{
    static const int numbers[2] = {SIGTERM, SIGINT};

    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&runtime->loop.uv, &runtime->signals[i]);
        runtime->signals[i].data = runtime;
        uv_signal_start(&runtime->signals[i], signalled, numbers[i]);
    }
}

static int end(struct runtime *runtime, bool ran)
{
    int code = runtime->failure ? 1 : 0;

    if (ran)
        log_message(LOG_INFO, RUNTIME, "Dapr runtime stopped");
    if (runtime->failure)
        log_message(LOG_FATAL, RUNTIME, "Fatal error from runtime: %s",
                    runtime->failure);
    else
        log_message(LOG_INFO, RUNTIME, "Daprd shutdown gracefully");
    if (runtime->stuck) {
        log_message(LOG_WARNING, RUNTIME,
                    "a module's callback has not returned: it is left behind");
        _exit(code);
    }
    free(runtime->failure);
    free(runtime->modules_folder);
    return code;
}

static void run_loop(struct runtime *runtime)
{
    runtime->started = loop_now(&runtime->loop);
    watch_signals(runtime);
    load_components(runtime);
    loop_run(&runtime->loop);
    input_free(runtime->input);
    runtime->stuck = !core_stop(MODULES_TIMEOUT);
    if (runtime->stuck)
        return; /* the loop must outlive what may still post to it */
    loop_turn(&runtime->loop); /* what modules handed over last */
    loop_done(&runtime->loop);
}

static int load_resources(struct runtime *runtime)
{
    const struct options *options = runtime->options;
    const struct resource_settings settings = {
        .app_id = options->app_id,
        .namespace = options->namespace,
        .pod_name = options->pod_name,
    };
    struct buffer error;
    int rc;

    TAILQ_INIT(&runtime->resources);
    buffer_init(&error, FAILURE_LIMIT);
    rc = resources_load(&runtime->resources,
                        (const char *const *)options->resources_paths.items,
                        options->resources_paths.count, &settings, &error);
    if (rc)
        runtime->failure = buffer_take(&error);
    buffer_done(&error);
    return rc;
}

int runtime_run(const struct options *options)
{
    struct runtime runtime = {.options = options};
    bool ran = false;

    runtime.modules_folder = default_modules();
    log_message(LOG_INFO, RUNTIME,
                "Starting Dapr Runtime -- version %s -- commit %s",
                CDAPR_VERSION, CDAPR_COMMIT);
    log_message(LOG_INFO, RUNTIME, "Log level set to: %s", options->log_level);
    log_message(LOG_INFO, RUNTIME, "standalone mode configured");
    log_message(LOG_INFO, RUNTIME, "app id: %s", options->app_id);
    if (load_resources(&runtime) == 0) {
        if (loop_init(&runtime.loop) || make_parts(&runtime)) {
            runtime.failure = strdup("out of memory");
        } else {
            run_loop(&runtime);
            ran = true;
        }
    }
    resources_done(&runtime.resources);
    return end(&runtime, ran);
}
