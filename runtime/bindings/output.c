/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of an output call, in daprd's order: an operation, a binding, an
 * operation that it has. Owned by the loop's thread. */
#include "bindings/output.h"

#include "core/buffer.h"

#include <string.h>

#define ERROR_LIMIT (64u << 10)

static void refuse(struct invocation *invocation, int code,
                   struct buffer *error)
{
    const char *text = buffer_string(error);

    invocation->done(invocation,
                     &(struct outcome){.code = code,
                                       .error = text ? text : "out of memory"});
    buffer_done(error);
}

static bool has_operation(const struct instance *instance,
                          const char *operation)
{
    for (size_t i = 0; instance->operations[i]; i++) {
        if (strcmp(instance->operations[i], operation) == 0)
            return true;
    }
    return false;
}

static void explain_operations(struct buffer *error, const char *name,
                               const struct instance *instance,
                               const char *operation)
{
    buffer_printf(error,
                  "binding %s does not support operation %s. supported "
                  "operations:",
                  name, operation);
    for (size_t i = 0; instance->operations[i]; i++)
        buffer_printf(error, "%s%s", i ? " " : "", instance->operations[i]);
}

/* A binding that was loaded and does not answer now is named as such, with
 * gRPC's code, as daprd's callers see it. */
static int explain_missing(struct buffer *error, const char *name,
                           const struct binding *binding)
{
    const struct provider *provider = binding ? binding->provider : NULL;
    const char *why = provider ? provider->ops->why(provider) : "";

    if (!binding || !binding->loaded || !binding->offers[BINDING_OUTPUT]) {
        buffer_printf(error, "couldn't find output binding %s", name);
        return DAPR_NOT_FOUND;
    }
    buffer_printf(error,
                  "rpc error: code = Unavailable desc = component %s does not "
                  "answer%s%s",
                  name, *why ? ": " : "", why);
    return DAPR_UNAVAILABLE;
}

void output_invoke(struct host *host, const char *name,
                   struct invocation *invocation)
{
    struct binding *binding = host_find(host, name);
    struct instance *instance = binding && binding->state == BINDING_READY
                                    ? binding->instances[BINDING_OUTPUT]
                                    : NULL;
    int code = DAPR_INVALID_ARGUMENT;
    struct buffer error;

    buffer_init(&error, ERROR_LIMIT);
    if (!*invocation->operation) {
        buffer_text(&error, "operation field is missing from request");
    } else if (!instance) {
        code = explain_missing(&error, name, binding);
    } else if (!has_operation(instance, invocation->operation)) {
        explain_operations(&error, name, instance, invocation->operation);
    } else {
        instance->ops->invoke(instance, invocation);
        return;
    }
    refuse(invocation, code, &error);
}
