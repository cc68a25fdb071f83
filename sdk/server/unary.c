/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unary calls: decode, bring to the core, encode its answer; see unary.h.
 * Accepted on the completion thread; answered on any.
 */
#include "server/unary.h"

#include "core/clock.h"
#include "core/container.h"
#include "core/message.h"
#include "dapr/proto/components/v1/bindings.pb-c.h"
#include "proto/map.h"
#include "server/server.h"

#include <grpc/support/time.h>
#include <stdlib.h>

/* Requests of one component that are being worked on. */
#define REQUEST_BYTES_MAX ((size_t)256 << 20)

/* ---- requests ------------------------------------------------------------ */

static bool take_pairs(struct unary *unary, void *field, size_t count,
                       struct dapr_metadata *ret, struct flaw *ret_flaw)
{
    if (map_unpack(field, count, &unary->pairs, &ret->count) != 0) {
        *ret_flaw = (struct flaw){DAPR_RESOURCE_EXHAUSTED,
                                  "the metadata has too many entries"};
        return false;
    }
    ret->pairs = unary->pairs;
    for (size_t i = 0; i < ret->count; i++) {
        if (message_valid(ret->pairs[i].name) &&
            message_valid(ret->pairs[i].value))
            continue;
        *ret_flaw = (struct flaw){DAPR_INVALID_ARGUMENT,
                                  "the metadata is not valid UTF-8"};
        return false;
    }
    return true;
}

static bool take_init(struct unary *unary, const void *message,
                      struct flaw *ret_flaw)
{
    const Components__OutputBindingInitRequest *request = message;

    if (!request->metadata)
        return true;
    return take_pairs(unary, request->metadata->properties,
                      request->metadata->n_properties, &unary->call.properties,
                      ret_flaw);
}

static bool take_invoke(struct unary *unary, const void *message,
                        struct flaw *ret_flaw)
{
    const Components__InvokeRequest *request = message;

    if (!message_valid(request->operation)) {
        *ret_flaw = (struct flaw){DAPR_INVALID_ARGUMENT,
                                  "the operation is not valid UTF-8"};
        return false;
    }
    unary->call.request.operation = request->operation;
    unary->call.request.data =
        (struct dapr_bytes){request->data.data, request->data.len};
    return take_pairs(unary, request->metadata, request->n_metadata,
                      &unary->call.request.metadata, ret_flaw);
}

static bool take_nothing(struct unary *unary, const void *message,
                         struct flaw *ret_flaw)
{
    (void)unary;
    (void)message;
    (void)ret_flaw;
    return true;
}

/* ---- replies ------------------------------------------------------------- */

static grpc_byte_buffer *make_empty(const struct call_result *result)
{
    (void)result;
    return rpc_encode(
        &(Components__PingResponse)COMPONENTS__PING_RESPONSE__INIT);
}

static grpc_byte_buffer *make_invoke(const struct call_result *result)
{
    Components__InvokeResponse reply = COMPONENTS__INVOKE_RESPONSE__INIT;
    grpc_byte_buffer *buffer;

    reply.data.data = (uint8_t *)result->data.data;
    reply.data.len = result->data.size;
    reply.content_type = (char *)result->content_type;
    reply.metadata =
        map_pack(&result->metadata,
                 &components__invoke_response__metadata_entry__descriptor);
    reply.n_metadata = reply.metadata ? result->metadata.count : 0;
    if (result->metadata.count && !reply.metadata)
        return NULL;
    buffer = rpc_encode(&reply);
    free(reply.metadata);
    return buffer;
}

static grpc_byte_buffer *make_operations(const struct call_result *result)
{
    Components__ListOperationsResponse reply =
        COMPONENTS__LIST_OPERATIONS_RESPONSE__INIT;

    reply.operations = (char **)result->operations;
    while (result->operations[reply.n_operations])
        reply.n_operations++;
    return rpc_encode(&reply);
}

/* The messages of input and output bindings are alike. */
static const struct {
    const ProtobufCMessageDescriptor *request;
    bool (*take)(struct unary *unary, const void *message,
                 struct flaw *ret_flaw);
    grpc_byte_buffer *(*make)(const struct call_result *result);
} codecs[] = {
    [CALL_INIT] = {&components__output_binding_init_request__descriptor,
                   take_init, make_empty},
    [CALL_INVOKE] = {&components__invoke_request__descriptor, take_invoke,
                     make_invoke},
    [CALL_OPERATIONS] = {&components__list_operations_request__descriptor,
                         take_nothing, make_operations},
    [CALL_PING] = {&components__ping_request__descriptor, take_nothing,
                   make_empty},
};

/* ---- the call ------------------------------------------------------------ */

static void unary_unref(struct unary *unary)
{
    if (atomic_fetch_sub(&unary->references, 1) > 1)
        return;
    atomic_fetch_sub(&unary->rpc.server->request_bytes, unary->size);
    grpc_byte_buffer_destroy(unary->reply);
    free(unary->pairs);
    arena_done(&unary->arena);
    rpc_free(&unary->rpc);
}

static void sent(struct tag *tag, bool ok)
{
    (void)ok;
    unary_unref(container_of(tag, struct unary, rpc.tag));
}

static void closed(struct tag *tag, bool ok)
{
    struct unary *unary = container_of(tag, struct unary, closed);

    (void)ok;
    if (unary->rpc.cancelled)
        atomic_store(&unary->call.cancelled, true);
    unary_unref(unary);
}

/* An answer, with unary->reply when the code is 0. The end of the call is asked
 * for along with it, unless it has been before. */
static void answer(struct unary *unary, int code, const char *message)
{
    grpc_op ops[4] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}};
    size_t count = 1;
    grpc_slice text;

    if (!code) {
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count++].data.send_message.send_message = unary->reply;
    }
    ops[count++] = rpc_status_op(code, message, &text);
    if (!atomic_exchange(&unary->close_asked, true))
        ops[count++] = rpc_close_op(&unary->rpc);
    atomic_fetch_add(&unary->references, 1);
    rpc_batch(&unary->rpc, ops, count, &unary->rpc.tag);
}

static void finish(struct dapr_call *call, const struct call_result *result)
{
    struct unary *unary = container_of(call, struct unary, call);

    if (result->code) {
        answer(unary, result->code, result->message);
        return;
    }
    unary->reply = codecs[call->kind].make(result);
    if (unary->reply)
        answer(unary, 0, "");
    else
        answer(unary, DAPR_RESOURCE_EXHAUSTED,
               "the component's answer is too large");
}

static void release(struct dapr_call *call)
{
    unary_unref(container_of(call, struct unary, call));
}

/* CLOCK_MONOTONIC ns; 0: none. */
static int64_t deadline(gpr_timespec time)
{
    if (gpr_time_cmp(time, gpr_inf_future(time.clock_type)) == 0)
        return 0;
    time = gpr_convert_clock_type(time, GPR_CLOCK_MONOTONIC);
    return time.tv_sec * CLOCK_S + time.tv_nsec;
}

/* Counts memory that a request takes until the call has ended. False when all
 * of them take too much. */
static bool reserve(struct unary *unary, size_t size)
{
    unary->size += size;
    return atomic_fetch_add(&unary->rpc.server->request_bytes, size) <
           REQUEST_BYTES_MAX;
}

/* What the core needs to know of the call; false with *ret_flaw set. */
static bool prepare(struct unary *unary, char id[static RPC_INSTANCE_MAX],
                    struct flaw *ret_flaw)
{
    enum call_kind kind = unary->rpc.method->kind;
    const void *message = rpc_decode(&unary->rpc.received, codecs[kind].request,
                                     &unary->arena, ret_flaw);

    if (!message)
        return false;
    if (!reserve(unary, sizeof *unary + unary->arena.taken)) {
        *ret_flaw =
            (struct flaw){DAPR_RESOURCE_EXHAUSTED,
                          "too many requests are waiting for this component"};
        return false;
    }
    if (rpc_instance(&unary->rpc, id) != 0) {
        *ret_flaw =
            (struct flaw){DAPR_INVALID_ARGUMENT,
                          "x-component-instance is too long or no text"};
        return false;
    }
    return codecs[kind].take(unary, message, ret_flaw);
}

/* So that the component can learn that its caller gave up. */
static void watch(struct unary *unary)
{
    grpc_op op = rpc_close_op(&unary->rpc);

    if (atomic_exchange(&unary->close_asked, true))
        return;
    atomic_fetch_add(&unary->references, 1);
    rpc_batch(&unary->rpc, &op, 1, &unary->closed);
}

void unary_accept(struct rpc *rpc)
{
    static const struct call_home home = {.finish = finish, .release = release};
    struct unary *unary = container_of(rpc, struct unary, rpc);
    char id[RPC_INSTANCE_MAX];
    struct flaw flaw;

    rpc->tag.done = sent;
    unary->closed.done = closed;
    unary->call.home = &home;
    unary->call.kind = rpc->method->kind;
    unary->call.deadline = deadline(rpc->deadline);
    atomic_init(&unary->references, 1);
    if (prepare(unary, id, &flaw)) {
        atomic_fetch_add(&unary->references, 1);
        call_start(rpc->server->component, rpc->method->binding, id,
                   &unary->call);
        watch(unary);
    } else {
        answer(unary, flaw.code, flaw.text);
    }
    unary_unref(unary);
}
