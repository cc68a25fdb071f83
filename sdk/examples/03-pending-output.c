/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An output binding that answers later: each call goes to a thread, which waits
 * `delay` milliseconds (1000 by default), or until the caller gives up. New
 * here: DAPR_PENDING, operations, the call's metadata.
 */
#define _POSIX_C_SOURCE 200809L
#include <dapr/components.h>

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct job {
    dapr_call *call;
    struct dapr_bytes
        data; /* the library keeps it until the call is answered */
    long delay;
};

static void *work(void *arg)
{
    const struct timespec pause = {0, 10 * 1000 * 1000};
    struct job *job = arg;

    for (; job->delay > 0 && !dapr_call_cancelled(job->call); job->delay -= 10)
        nanosleep(&pause, NULL);
    if (dapr_call_cancelled(job->call))
        dapr_fail(job->call, DAPR_CANCELLED, "nobody waits for this any more");
    else
        dapr_reply(job->call, job->data);
    free(job);
    return NULL;
}

static int later_invoke(void *self, dapr_call *call,
                        const struct dapr_request *request)
{
    const char *delay = dapr_metadata_get(&request->metadata, "delay");
    struct job *job = malloc(sizeof *job);
    pthread_t thread;

    (void)self;
    if (!job)
        return dapr_fail(call, DAPR_RESOURCE_EXHAUSTED, "out of memory");
    *job = (struct job){call, request->data,
                        delay ? strtol(delay, NULL, 10) : 1000};
    if (pthread_create(&thread, NULL, work, job) != 0) {
        free(job);
        return dapr_fail(call, DAPR_RESOURCE_EXHAUSTED, "too many threads");
    }
    pthread_detach(thread);
    return DAPR_PENDING;
}

static const char *const *later_operations(void *self)
{
    static const char *const operations[] = {"create", "get", NULL};

    (void)self;
    return operations;
}

static const struct dapr_output_binding later = {
    .invoke = later_invoke,
    .operations = later_operations,
    .never_blocks = 1, /* to start a thread takes no time */
};

int main(void)
{
    dapr_register("later", with_output_binding(&later));
    dapr_must_run();
    return 0;
}
