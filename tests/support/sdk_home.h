/* SPDX-License-Identifier: Apache-2.0 */
/* A home that only writes down how calls end; for unit tests of sdk/core. */
#ifndef SUPPORT_SDK_HOME_H
#define SUPPORT_SDK_HOME_H

#include "core/component.h"
#include "core/container.h"
#include "core/message.h"
#include "support/sdk_wait.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct heard {
    struct dapr_call call;
    int answers;
    int code;
    char text[MESSAGE_MAX + 1]; /* the message, or the data */
    char metadata[256];
    char content_type[64];
    pthread_t thread;
    sem_t answered;
    sem_t released;
};

static void hear(struct dapr_call *call, const struct call_result *result)
{
    struct heard *heard = container_of(call, struct heard, call);
    struct dapr_bytes text =
        result->code ? dapr_text(result->message) : result->data;
    size_t used = 0;

    heard->answers++;
    heard->code = result->code;
    heard->thread = pthread_self();
    snprintf(heard->text, sizeof heard->text, "%.*s", (int)text.size,
             text.size ? (const char *)text.data : "");
    for (size_t i = 0; i < result->metadata.count; i++)
        used += (size_t)snprintf(
            heard->metadata + used, sizeof heard->metadata - used, "%s=%s ",
            result->metadata.pairs[i].name, result->metadata.pairs[i].value);
    snprintf(heard->content_type, sizeof heard->content_type, "%s",
             result->content_type);
    for (size_t i = 0; result->operations && result->operations[i]; i++)
        used += (size_t)snprintf(heard->metadata + used,
                                 sizeof heard->metadata - used, "%s ",
                                 result->operations[i]);
    sem_post(&heard->answered);
}

static void let_go(struct dapr_call *call)
{
    sem_post(&container_of(call, struct heard, call)->released);
}

static inline void prepare(struct heard *heard, enum call_kind kind,
                           const char *operation)
{
    static const struct call_home home = {.finish = hear, .release = let_go};

    memset(heard, 0, sizeof *heard);
    heard->call.home = &home;
    heard->call.kind = kind;
    heard->call.request.operation = operation;
    heard->call.request.data = dapr_text(operation);
    sem_init(&heard->answered, 0, 0);
    sem_init(&heard->released, 0, 0);
}

static inline void start(struct heard *heard, const char *component,
                         const char *id)
{
    call_start(component_find(component), BINDING_OUTPUT, id, &heard->call);
}

/* One call from beginning to end; returns its code. */
static inline int call(struct heard *heard, const char *component,
                       const char *id, enum call_kind kind,
                       const char *operation)
{
    prepare(heard, kind, operation);
    start(heard, component, id);
    must_come(&heard->answered);
    must_come(&heard->released);
    assert_int_equal(heard->answers, 1);
    return heard->code;
}

static inline int init(const char *component, const char *id)
{
    struct heard heard;

    return call(&heard, component, id, CALL_INIT, NULL);
}

static inline int invoke(const char *component, const char *id,
                         const char *operation)
{
    struct heard heard;

    return call(&heard, component, id, CALL_INVOKE, operation);
}

#endif
