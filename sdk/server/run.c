/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dapr_run(): serves every registered component until it is told to stop. All
 * on the thread that calls it, but dapr_stop(), which any thread or a signal
 * handler may call.
 */
#include "core/clock.h"
#include "core/log.h"
#include "server/descriptors.h"
#include "server/place.h"
#include "server/server.h"

#include <errno.h>
#include <grpc/support/log.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SCOPE "dapr.components"

/* Together the 5 s that a stop may take: for calls and streams to end of
 * themselves, then for what is left. */
#define DRAIN_MS 3500
#define END_MS   500

/* For calls and answers that are on their way inside grpc core. */
#define GRACE_MS 200

/* How long another process may take with its sockets, at our start and end. */
#define LOCK_MS   5000
#define UNLOCK_MS 500

struct served {
    struct component *component;
    struct spot spot;
    struct server *server;
    STAILQ_ENTRY(served) link;
};

struct run {
    struct place place;
    struct engine *engine;
    STAILQ_HEAD(, served) served;
    struct sigaction old_term;
    struct sigaction old_int;
};

/* What is set from outside of dapr_run(). */
static struct {
    char *folder;
    atomic_bool running;
    atomic_bool stop;
    atomic_bool can_wake; /* wake is initialised, for ever */
    sem_t wake;
} settings;

int dapr_set_sockets_folder(const char *path)
{
    char *copy = strdup(path ? path : "");

    if (!copy)
        return -1;
    free(settings.folder);
    settings.folder = copy;
    return 0;
}

void dapr_stop(void)
{
    atomic_store(&settings.stop, true);
    if (atomic_load(&settings.can_wake))
        sem_post(&settings.wake);
}

static void on_signal(int number)
{
    (void)number;
    dapr_stop();
}

/* A stop that was asked for before it could wake counts too. */
static void await_stop(void)
{
    while (!atomic_load(&settings.stop))
        sem_wait(&settings.wake);
}

/* ---- start --------------------------------------------------------------- */

static int serve(struct run *run, struct component *component)
{
    struct served *served = calloc(1, sizeof *served);

    if (!served)
        return -1;
    served->component = component;
    if (spot_prepare(&served->spot, &run->place, component_name(component)) !=
        0) {
        free(served);
        return -1;
    }
    STAILQ_INSERT_TAIL(&run->served, served, link);
    served->server = server_start(component, run->engine, served->spot.address);
    return served->server ? 0 : -1;
}

/* All sockets, or none. */
static int publish(struct run *run)
{
    struct served *served;
    int rc = 0;

    if (place_lock(&run->place, LOCK_MS) != 0)
        return -1;
    STAILQ_FOREACH (served, &run->served, link) {
        rc = spot_publish(&served->spot);
        if (rc != 0)
            break;
    }
    place_unlock(&run->place);
    return rc;
}

static void announce(const struct run *run)
{
    struct served *served;

    STAILQ_FOREACH (served, &run->served, link)
        log_message(LOG_INFO, SCOPE,
                    "component %s serves bindings.%s at %s/%s (the folder is "
                    "from %s)",
                    component_name(served->component),
                    component_name(served->component), run->place.path,
                    served->spot.file, run->place.source);
}

static int start(struct run *run)
{
    struct component *component = NULL;

    place_choose(&run->place, settings.folder);
    if (descriptors_load() != 0 || place_open(&run->place) != 0)
        return -1;
    run->engine = engine_start();
    if (!run->engine)
        return -1;
    while ((component = component_next(component))) {
        if (serve(run, component) != 0)
            return -1;
    }
    if (publish(run) != 0)
        return -1;
    announce(run);
    return 0;
}

/* ---- stop ---------------------------------------------------------------- */

/* First the sockets, so that nobody comes to a server that refuses. */
static void withdraw(struct run *run)
{
    struct served *served;
    bool locked =
        !STAILQ_EMPTY(&run->served) && place_lock(&run->place, UNLOCK_MS) == 0;

    STAILQ_FOREACH (served, &run->served, link)
        spot_remove(&served->spot);
    if (locked)
        place_unlock(&run->place);
}

static bool all_ended(struct run *run)
{
    int64_t deadline = clock_after(GRACE_MS);
    struct served *served;

    STAILQ_FOREACH (served, &run->served, link) {
        if (served->server && !server_await(served->server, deadline))
            return false;
    }
    return true;
}

/* What nobody works on and does not end either, as a stream of reflection, is
 * not waited for beyond the grace. */
static void drain(struct run *run)
{
    int64_t deadline = clock_after(DRAIN_MS);
    struct served *served;

    STAILQ_FOREACH (served, &run->served, link) {
        if (served->server)
            server_drain(served->server);
    }
    do
        core_wait(DRAIN_MS);
    while (!all_ended(run) && !core_wait(0) && clock_now() < deadline);
    STAILQ_FOREACH (served, &run->served, link) {
        if (served->server)
            server_cancel(served->server);
    }
}

/* What cannot be ended in time stays as it is, and the process ends with it. */
static void finish(struct run *run)
{
    int64_t deadline = clock_after(END_MS);
    bool clean = core_stop(END_MS);
    struct served *served;

    while ((served = STAILQ_FIRST(&run->served))) {
        STAILQ_REMOVE_HEAD(&run->served, link);
        clean = clean && server_free(served->server, deadline);
        log_message(LOG_INFO, SCOPE, "component %s has stopped",
                    component_name(served->component));
        free(served);
    }
    clean = clean && engine_stop(run->engine, deadline);
    if (clean) {
        grpc_shutdown();
        descriptors_unload();
    } else {
        log_message(LOG_WARNING, SCOPE,
                    "some callbacks did not return in time");
    }
}

/* After a start that failed, too, whatever there is of it. */
static void stop(struct run *run)
{
    withdraw(run);
    drain(run);
    finish(run);
    place_close(&run->place);
}

/* ---- run ----------------------------------------------------------------- */

/* grpc core's own lines: news for who looks into it. */
static void log_grpc(gpr_log_func_args *args)
{
    log_message(args->severity == GPR_LOG_SEVERITY_ERROR ? LOG_WARNING
                                                         : LOG_DEBUG,
                "dapr.components.grpc", "%s", args->message);
}

static int check(void)
{
    const char *misuse = component_misuse();

    if (misuse)
        log_message(LOG_ERROR, SCOPE, "cannot start: %s", misuse);
    else if (!component_next(NULL))
        log_message(LOG_ERROR, SCOPE, "cannot start: nothing is registered");
    else if (atomic_exchange(&settings.running, true))
        log_message(LOG_ERROR, SCOPE, "cannot start: dapr_run() runs already");
    else
        return 0;
    return -1;
}

static void take_signals(struct run *run)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    if (!atomic_load(&settings.can_wake))
        sem_init(&settings.wake, 0, 0);
    atomic_store(&settings.can_wake, true);
    sigaction(SIGTERM, &action, &run->old_term);
    sigaction(SIGINT, &action, &run->old_int);
}

static void give_signals_back(const struct run *run)
{
    sigaction(SIGTERM, &run->old_term, NULL);
    sigaction(SIGINT, &run->old_int, NULL);
    atomic_store(&settings.stop, false);
    atomic_store(&settings.running, false);
}

/* The threads that are started here are grpc core's and ours: signals are not
 * for them. */
static int start_unsignalled(struct run *run)
{
    sigset_t mask, old;
    int rc;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    pthread_sigmask(SIG_BLOCK, &mask, &old);
    grpc_init();
    rc = start(run);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

int dapr_run(void)
{
    struct run run = {.served = STAILQ_HEAD_INITIALIZER(run.served)};
    int rc;

    if (check() != 0)
        return -1;
    take_signals(&run);
    gpr_set_log_function(log_grpc);
    rc = start_unsignalled(&run);
    if (rc == 0)
        await_stop();
    stop(&run);
    give_signals_back(&run);
    return rc;
}

void dapr_must_run(void)
{
    if (dapr_run() != 0)
        exit(1);
}
