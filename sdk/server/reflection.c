/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server reflection; see reflection.h. A sidecar asks it which services a
 * socket has. Runs on the completion thread.
 */
#include "server/reflection.h"

#include "core/container.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "server/descriptors.h"
#include "server/server.h"

#include <stdio.h>

#define SERVICES_MAX    8
#define DESCRIPTORS_MAX 32

/* The generated names do not fit a line. */
#define ASKED(what)                                                            \
    REFLECTION_V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##what
#define ANSWERED(what)                                                         \
    REFLECTION_V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##what

typedef ReflectionV1__ServerReflectionRequest question;
typedef ReflectionV1__ServerReflectionResponse reply;

static void proceed(struct tag *tag, bool ok);

/* ---- answers ------------------------------------------------------------- */

static grpc_byte_buffer *answer_error(reply *to, enum dapr_code code,
                                      const char *message)
{
    ReflectionV1__ErrorResponse error = REFLECTION_V1__ERROR_RESPONSE__INIT;

    error.error_code = (int)code;
    error.error_message = (char *)message;
    to->message_response_case = ANSWERED(ERROR_RESPONSE);
    to->error_response = &error;
    return rpc_encode(to);
}

static grpc_byte_buffer *answer_services(reply *to,
                                         const struct component *component)
{
    ReflectionV1__ListServiceResponse list =
        REFLECTION_V1__LIST_SERVICE_RESPONSE__INIT;
    ReflectionV1__ServiceResponse named[SERVICES_MAX];
    ReflectionV1__ServiceResponse *pointers[SERVICES_MAX];

    list.service = pointers;
    for (const struct service *service = services; service->name; service++) {
        if (!service_offered(service, component))
            continue;
        reflection_v1__service_response__init(&named[list.n_service]);
        named[list.n_service].name = (char *)service->name;
        pointers[list.n_service] = &named[list.n_service];
        list.n_service++;
    }
    to->message_response_case = ANSWERED(LIST_SERVICES_RESPONSE);
    to->list_services_response = &list;
    return rpc_encode(to);
}

static grpc_byte_buffer *answer_file(reply *to, const struct descriptor *file)
{
    ReflectionV1__FileDescriptorResponse files =
        REFLECTION_V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    const struct descriptor *found[DESCRIPTORS_MAX];
    ProtobufCBinaryData bytes[DESCRIPTORS_MAX];

    if (!file)
        return answer_error(to, DAPR_NOT_FOUND, "there is no such file");
    files.n_file_descriptor_proto =
        descriptors_with_imports(file, found, DESCRIPTORS_MAX);
    files.file_descriptor_proto = bytes;
    for (size_t i = 0; i < files.n_file_descriptor_proto; i++)
        bytes[i] = found[i]->bytes;
    to->message_response_case = ANSWERED(FILE_DESCRIPTOR_RESPONSE);
    to->file_descriptor_response = &files;
    return rpc_encode(to);
}

/* There are no extensions in proto3. */
static grpc_byte_buffer *answer(question *asked,
                                const struct component *component)
{
    reply to = REFLECTION_V1__SERVER_REFLECTION_RESPONSE__INIT;

    to.valid_host = asked->host;
    to.original_request = asked;
    switch (asked->message_request_case) {
    case ASKED(LIST_SERVICES):
        return answer_services(&to, component);
    case ASKED(FILE_BY_FILENAME):
        return answer_file(&to, descriptor_of_file(asked->file_by_filename));
    case ASKED(FILE_CONTAINING_SYMBOL):
        return answer_file(&to,
                           descriptor_of_symbol(asked->file_containing_symbol));
    case ASKED(_NOT_SET):
        return answer_error(&to, DAPR_INVALID_ARGUMENT, "nothing is asked");
    default:
        return answer_error(&to, DAPR_NOT_FOUND, "there are no extensions");
    }
}

/* ---- the stream ---------------------------------------------------------- */

static void ended(struct tag *tag, bool ok)
{
    (void)ok;
    rpc_free(container_of(tag, struct rpc, tag));
}

static void end(struct rpc *rpc, int code, const char *message)
{
    grpc_slice text;
    grpc_op ops[] = {rpc_status_op(code, message, &text), rpc_close_op(rpc)};

    rpc->tag.done = ended;
    rpc_batch(rpc, ops, 2, &rpc->tag);
}

/* Sends what `first` says, and reads the next question. */
static void exchange(struct rpc *rpc, grpc_op first)
{
    grpc_op ops[] = {first, {.op = GRPC_OP_RECV_MESSAGE}};

    ops[1].data.recv_message.recv_message = &rpc->received;
    rpc->tag.done = proceed;
    rpc_batch(rpc, ops, 2, &rpc->tag);
}

static void handle(struct reflection *reflection)
{
    struct rpc *rpc = &reflection->rpc;
    grpc_op send = {.op = GRPC_OP_SEND_MESSAGE};
    struct arena arena;
    struct flaw flaw;
    question *asked = rpc_decode(
        &rpc->received, &reflection_v1__server_reflection_request__descriptor,
        &arena, &flaw);

    if (asked)
        reflection->answer = answer(asked, rpc->server->component);
    arena_done(&arena);
    if (!asked) {
        end(rpc, flaw.code, flaw.text);
    } else if (!reflection->answer) {
        end(rpc, DAPR_RESOURCE_EXHAUSTED, "the question is too large");
    } else {
        send.data.send_message.send_message = reflection->answer;
        exchange(rpc, send);
    }
}

static void proceed(struct tag *tag, bool ok)
{
    struct rpc *rpc = container_of(tag, struct rpc, tag);
    struct reflection *reflection = container_of(rpc, struct reflection, rpc);

    grpc_byte_buffer_destroy(reflection->answer);
    reflection->answer = NULL;
    if (ok && rpc->received)
        handle(reflection);
    else
        end(rpc, 0, "");
}

void reflection_accept(struct rpc *rpc)
{
    exchange(rpc, (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA});
}
