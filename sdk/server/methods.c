/* SPDX-License-Identifier: Apache-2.0 */
/* All services and their methods; a component shows those of its kinds. */
#include "server/reflection.h"
#include "server/stream.h"
#include "server/unary.h"

/* The hot method gets the most calls asked for in advance. */
#define UNARY(name, binding, call, awaited)                                    \
    {                                                                          \
        name, sizeof(struct unary), awaited, unary_accept, true, binding, call \
    }
#define STREAMING(name, type, accept)                                          \
    {                                                                          \
        name, sizeof(struct type), 2, accept, false, 0, 0                      \
    }

static const struct method input_methods[] = {
    UNARY("Init", BINDING_INPUT, CALL_INIT, 2),
    STREAMING("Read", stream, stream_accept),
    UNARY("Ping", BINDING_INPUT, CALL_PING, 2),
    {0},
};

static const struct method output_methods[] = {
    UNARY("Init", BINDING_OUTPUT, CALL_INIT, 2),
    UNARY("Invoke", BINDING_OUTPUT, CALL_INVOKE, 64),
    UNARY("ListOperations", BINDING_OUTPUT, CALL_OPERATIONS, 2),
    UNARY("Ping", BINDING_OUTPUT, CALL_PING, 2),
    {0},
};

static const struct method reflection_methods[] = {
    STREAMING("ServerReflectionInfo", reflection, reflection_accept),
    {0},
};

const struct service services[] = {
    {"dapr.proto.components.v1.InputBinding", BINDING_INPUT, input_methods},
    {"dapr.proto.components.v1.OutputBinding", BINDING_OUTPUT, output_methods},
    {"grpc.reflection.v1.ServerReflection", SERVICE_ALWAYS, reflection_methods},
    {"grpc.reflection.v1alpha.ServerReflection", SERVICE_ALWAYS,
     reflection_methods},
    {0},
};

static void refuse_unknown(struct rpc *rpc)
{
    rpc_refuse(rpc, DAPR_UNIMPLEMENTED, "unknown method");
}

const struct method unknown_method = {
    .name = "",
    .size = sizeof(struct rpc),
    .accept = refuse_unknown,
};

bool service_offered(const struct service *service,
                     const struct component *component)
{
    return service->kind == SERVICE_ALWAYS ||
           component_has(component, (enum binding_kind)service->kind);
}
