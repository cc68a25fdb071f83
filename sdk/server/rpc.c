/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all served calls share; see rpc.h. Runs on the completion thread, and
 * the sending half on whatever thread answers. A call belongs to whoever has
 * its struct rpc.
 */
#include "server/rpc.h"

#include "core/container.h"
#include "core/message.h"
#include "server/server.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <string.h>

/* What a message may take when it is decoded: its bytes, and for each field a
 * struct and a pointer; of fields that are only there to take memory, so much.
 */
#define DECODED_EXTRA_MAX ((size_t)16 << 20)

static size_t decoded_max(size_t size)
{
    size_t extra = 32 * size + 65536;

    return 2 * size + (extra < DECODED_EXTRA_MAX ? extra : DECODED_EXTRA_MAX);
}

static void accepted(struct tag *tag, bool ok)
{
    struct rpc *rpc = container_of(tag, struct rpc, tag);

    if (!ok) { /* the server shuts down */
        rpc_free(rpc);
        return;
    }
    rpc_await(rpc->server, rpc->method, rpc->registration);
    rpc->method->accept(rpc);
}

void rpc_await(struct server *server, const struct method *method,
               void *registration)
{
    struct rpc *rpc = gpr_zalloc(method->size);
    grpc_completion_queue *queue = server->queue;
    grpc_call_error error;

    rpc->tag.done = accepted;
    rpc->method = method;
    rpc->server = server;
    atomic_fetch_add(&server->references, 1);
    rpc->registration = registration;
    grpc_metadata_array_init(&rpc->metadata);
    grpc_call_details_init(&rpc->details);
    TAG_GIVE(&rpc->tag);
    if (registration)
        error = grpc_server_request_registered_call(
            server->grpc, registration, &rpc->call, &rpc->deadline,
            &rpc->metadata, method->unary ? &rpc->received : NULL, queue, queue,
            &rpc->tag);
    else
        error =
            grpc_server_request_call(server->grpc, &rpc->call, &rpc->details,
                                     &rpc->metadata, queue, queue, &rpc->tag);
    if (error != GRPC_CALL_OK)
        rpc_free(rpc);
}

void rpc_free(struct rpc *rpc)
{
    if (rpc->call)
        grpc_call_unref(rpc->call);
    grpc_byte_buffer_destroy(rpc->received);
    grpc_metadata_array_destroy(&rpc->metadata);
    grpc_call_details_destroy(&rpc->details);
    server_unref(rpc->server);
    gpr_free(rpc);
}

void rpc_batch(struct rpc *rpc, const grpc_op *ops, size_t count,
               struct tag *tag)
{
    grpc_call_error error;

    TAG_GIVE(tag);
    error = grpc_call_start_batch(rpc->call, ops, count, tag, NULL);

    GPR_ASSERT(error == GRPC_CALL_OK);
}

/* The one place where a status is made. Were there details, they would go into
 * trailing metadata here: grpc-status-details-bin, a google.rpc.Status that
 * repeats code and message. */
grpc_op rpc_status_op(int code, const char *message, grpc_slice *text)
{
    grpc_op op = {.op = GRPC_OP_SEND_STATUS_FROM_SERVER};

    *text = grpc_slice_from_static_string(message);
    op.data.send_status_from_server.status = (grpc_status_code)code;
    op.data.send_status_from_server.status_details = code ? text : NULL;
    return op;
}

grpc_op rpc_close_op(struct rpc *rpc)
{
    grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};

    op.data.recv_close_on_server.cancelled = &rpc->cancelled;
    return op;
}

static void refused(struct tag *tag, bool ok)
{
    (void)ok;
    rpc_free(container_of(tag, struct rpc, tag));
}

void rpc_refuse(struct rpc *rpc, int code, const char *message)
{
    grpc_slice text;
    grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        rpc_status_op(code, message, &text),
        rpc_close_op(rpc),
    };

    rpc->tag.done = refused;
    rpc_batch(rpc, ops, sizeof ops / sizeof *ops, &rpc->tag);
}

int rpc_instance(const struct rpc *rpc, char ret_id[static RPC_INSTANCE_MAX])
{
    const grpc_metadata *entry = rpc->metadata.metadata;
    const grpc_metadata *end = entry + rpc->metadata.count;
    size_t size = 0;

    for (; entry < end; entry++) {
        if (grpc_slice_str_cmp(entry->key, "x-component-instance") == 0)
            break;
    }
    if (entry < end) {
        size = GRPC_SLICE_LENGTH(entry->value);
        if (size >= RPC_INSTANCE_MAX)
            return -1;
        memcpy(ret_id, GRPC_SLICE_START_PTR(entry->value), size);
    }
    ret_id[size] = 0;
    return strlen(ret_id) == size && message_valid(ret_id) ? 0 : -1;
}

/* ---- messages ------------------------------------------------------------ */

/* Its bytes in one piece, to be unreferenced; copied only when they are not. */
static grpc_slice flatten(grpc_byte_buffer *message)
{
    grpc_slice_buffer *slices = &message->data.raw.slice_buffer;
    grpc_byte_buffer_reader reader;
    grpc_slice all;

    if (slices->count == 1)
        return grpc_slice_ref(slices->slices[0]);
    if (!grpc_byte_buffer_reader_init(&reader, message))
        return grpc_empty_slice();
    all = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    return all;
}

static const char *measure(grpc_byte_buffer *message, struct flaw *ret_flaw)
{
    if (!message)
        *ret_flaw = (struct flaw){DAPR_INTERNAL, "there is no message"};
    else if (grpc_byte_buffer_length(message) > RPC_MESSAGE_MAX)
        *ret_flaw = (struct flaw){DAPR_RESOURCE_EXHAUSTED,
                                  "the message exceeds 64 MiB"};
    else if (message->data.raw.compression != GRPC_COMPRESS_NONE)
        *ret_flaw = (struct flaw){DAPR_UNIMPLEMENTED,
                                  "the message's compression is unknown"};
    else
        *ret_flaw = (struct flaw){0};
    return ret_flaw->text;
}

void *rpc_decode(grpc_byte_buffer **message,
                 const ProtobufCMessageDescriptor *type, struct arena *arena,
                 struct flaw *ret_flaw)
{
    void *decoded = NULL;
    grpc_slice bytes;
    size_t size = *message ? grpc_byte_buffer_length(*message) : 0;

    arena_init(arena, decoded_max(size));
    if (!measure(*message, ret_flaw)) {
        bytes = flatten(*message);
        decoded = protobuf_c_message_unpack(type, &arena->allocator,
                                            GRPC_SLICE_LENGTH(bytes),
                                            GRPC_SLICE_START_PTR(bytes));
        grpc_slice_unref(bytes);
        if (!decoded && arena->exhausted)
            *ret_flaw = (struct flaw){DAPR_RESOURCE_EXHAUSTED,
                                      "the message takes too much memory"};
        else if (!decoded)
            *ret_flaw = (struct flaw){DAPR_INTERNAL,
                                      "the message is not valid protobuf"};
    }
    grpc_byte_buffer_destroy(*message);
    *message = NULL;
    return decoded;
}

grpc_byte_buffer *rpc_encode(const void *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    grpc_byte_buffer *buffer;
    grpc_slice bytes;

    if (size > RPC_MESSAGE_MAX)
        return NULL;
    bytes = grpc_slice_malloc(size);
    protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(bytes));
    buffer = grpc_raw_byte_buffer_create(&bytes, 1);
    grpc_slice_unref(bytes);
    return buffer;
}
