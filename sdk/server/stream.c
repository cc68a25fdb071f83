/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of events; see stream.h. Receives on the completion thread, sends
 * from any. A stream ends when the chain of receives, the core, and the batches
 * under way have let go of it.
 */
#include "server/stream.h"

#include "core/container.h"
#include "dapr/proto/components/v1/bindings.pb-c.h"
#include "proto/map.h"
#include "server/server.h"

#include <stdio.h>
#include <stdlib.h>

struct outgoing {
    grpc_byte_buffer *message;
    STAILQ_ENTRY(outgoing) link;
};

static void stream_unref(struct stream *stream)
{
    if (atomic_fetch_sub(&stream->references, 1) > 1)
        return;
    pthread_mutex_destroy(&stream->lock);
    rpc_free(&stream->rpc);
}

/* ---- events out ---------------------------------------------------------- */

static void outgoing_free(struct outgoing *outgoing)
{
    if (!outgoing)
        return;
    grpc_byte_buffer_destroy(outgoing->message);
    free(outgoing);
}

static struct outgoing *outgoing_new(const char *message_id,
                                     const struct dapr_event *event)
{
    Components__ReadResponse response = COMPONENTS__READ_RESPONSE__INIT;
    struct outgoing *outgoing = calloc(1, sizeof *outgoing);

    response.data.data = (uint8_t *)event->data.data;
    response.data.len = event->data.size;
    response.content_type =
        (char *)(event->content_type ? event->content_type : "");
    response.message_id = (char *)message_id;
    response.metadata =
        map_pack(&event->metadata,
                 &components__read_response__metadata_entry__descriptor);
    response.n_metadata = response.metadata ? event->metadata.count : 0;
    if (outgoing && response.n_metadata == event->metadata.count)
        outgoing->message = rpc_encode(&response);
    free(response.metadata);
    if (outgoing && outgoing->message)
        return outgoing;
    free(outgoing);
    return NULL;
}

static void start_status(struct stream *stream)
{
    grpc_slice text;
    grpc_op op = rpc_status_op(stream->code, stream->message, &text);

    atomic_fetch_add(&stream->references, 1);
    rpc_batch(&stream->rpc, &op, 1, &stream->ended);
}

/* Whether the status can go now, which happens once. With the lock held. */
static bool status_is_due(struct stream *stream)
{
    if (!stream->over || stream->sending || stream->status_sent)
        return false;
    stream->status_sent = true;
    return true;
}

/* The next event to send, or NULL. With the lock held. */
static struct outgoing *next(struct stream *stream)
{
    stream->sending = STAILQ_FIRST(&stream->queue);
    if (stream->sending)
        STAILQ_REMOVE_HEAD(&stream->queue, link);
    return stream->sending;
}

/* `more` are queued behind: they may share a write. */
static void start_send(struct stream *stream, struct outgoing *outgoing,
                       bool more)
{
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE,
                  .flags = more ? GRPC_WRITE_BUFFER_HINT : 0};

    op.data.send_message.send_message = outgoing->message;
    atomic_fetch_add(&stream->references, 1);
    rpc_batch(&stream->rpc, &op, 1, &stream->sent);
}

static void sent(struct tag *tag, bool ok)
{
    struct stream *stream = container_of(tag, struct stream, sent);
    struct outgoing *done, *following;
    bool more, due;

    (void)ok; /* a broken stream ends by its receives */
    pthread_mutex_lock(&stream->lock);
    done = stream->sending;
    following = next(stream);
    more = !STAILQ_EMPTY(&stream->queue);
    due = status_is_due(stream);
    pthread_mutex_unlock(&stream->lock);
    outgoing_free(done);
    if (following)
        start_send(stream, following, more);
    if (due)
        start_status(stream);
    stream_unref(stream);
}

/* reader_home: any thread. */
static int send_event(struct dapr_reader *reader, const char *message_id,
                      const struct dapr_event *event)
{
    struct stream *stream = container_of(reader, struct stream, reader);
    struct outgoing *outgoing = outgoing_new(message_id, event);
    bool start;

    if (!outgoing)
        return -1;
    pthread_mutex_lock(&stream->lock);
    if (stream->over) {
        pthread_mutex_unlock(&stream->lock);
        outgoing_free(outgoing);
        return -1;
    }
    start = !stream->sending;
    if (start)
        stream->sending = outgoing;
    else
        STAILQ_INSERT_TAIL(&stream->queue, outgoing, link);
    pthread_mutex_unlock(&stream->lock);
    if (start)
        start_send(stream, outgoing, false);
    return 0;
}

/* Ends the stream; the first one to say so says how. What is queued is not sent
 * any more: its verdict would not come. */
static void end(struct stream *stream, int code, const char *message)
{
    STAILQ_HEAD(, outgoing) unsent = STAILQ_HEAD_INITIALIZER(unsent);
    struct outgoing *outgoing;
    bool due;

    pthread_mutex_lock(&stream->lock);
    STAILQ_CONCAT(&unsent, &stream->queue);
    if (!stream->over) {
        stream->over = true;
        stream->code = code;
        snprintf(stream->message, sizeof stream->message, "%s", message);
    }
    due = status_is_due(stream);
    pthread_mutex_unlock(&stream->lock);
    while ((outgoing = STAILQ_FIRST(&unsent))) {
        STAILQ_REMOVE_HEAD(&unsent, link);
        outgoing_free(outgoing);
    }
    if (due)
        start_status(stream);
}

static void finish(struct dapr_reader *reader, int code, const char *message)
{
    end(container_of(reader, struct stream, reader), code, message);
}

static void release(struct dapr_reader *reader)
{
    stream_unref(container_of(reader, struct stream, reader));
}

/* ---- verdicts in --------------------------------------------------------- */

static void receive(struct stream *stream)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};

    op.data.recv_message.recv_message = &stream->rpc.received;
    rpc_batch(&stream->rpc, &op, 1, &stream->received);
}

static void take_verdict(struct stream *stream)
{
    const Components__ReadRequest *request;
    struct dapr_answer answer = {.verdict = DAPR_TAKEN};
    struct arena arena;
    struct flaw flaw;

    request = rpc_decode(&stream->rpc.received,
                         &components__read_request__descriptor, &arena, &flaw);
    if (!request) {
        end(stream, flaw.code, flaw.text);
    } else {
        if (request->response_error) {
            answer.verdict = DAPR_REFUSED;
            answer.error = request->response_error->message;
        } else {
            answer.response = (struct dapr_bytes){request->response_data.data,
                                                  request->response_data.len};
        }
        reader_verdict(&stream->reader, request->message_id, &answer);
    }
    arena_done(&arena);
}

/* Half-closed, cancelled, or the connection broke. */
static void input_over(struct stream *stream)
{
    pthread_mutex_lock(&stream->rpc.server->lock);
    LIST_REMOVE(stream, link);
    pthread_mutex_unlock(&stream->rpc.server->lock);
    end(stream, 0, "");
    reader_end(&stream->reader);
    stream_unref(stream);
}

static void received(struct tag *tag, bool ok)
{
    struct stream *stream = container_of(tag, struct stream, received);

    if (ok && stream->rpc.received) {
        take_verdict(stream);
        receive(stream);
    } else {
        input_over(stream);
    }
}

/* ---- begin and end ------------------------------------------------------- */

static void closed(struct tag *tag, bool ok)
{
    (void)ok;
    stream_unref(container_of(tag, struct stream, rpc.tag));
}

static void ended(struct tag *tag, bool ok)
{
    (void)ok;
    stream_unref(container_of(tag, struct stream, ended));
}

static void join_server(struct stream *stream)
{
    struct server *server = stream->rpc.server;

    pthread_mutex_lock(&server->lock);
    LIST_INSERT_HEAD(&server->streams, stream, link);
    if (server->draining)
        reader_drain(&stream->reader);
    pthread_mutex_unlock(&server->lock);
}

void stream_accept(struct rpc *rpc)
{
    static const struct reader_home home = {
        .send = send_event, .finish = finish, .release = release};
    struct stream *stream = container_of(rpc, struct stream, rpc);
    grpc_op ops[] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}, rpc_close_op(rpc)};
    char id[RPC_INSTANCE_MAX];

    if (rpc_instance(rpc, id) != 0) {
        rpc_refuse(rpc, DAPR_INVALID_ARGUMENT,
                   "x-component-instance is too long or no text");
        return;
    }
    stream->reader.home = &home;
    stream->received.done = received;
    stream->sent.done = sent;
    stream->ended.done = ended;
    rpc->tag.done = closed;
    pthread_mutex_init(&stream->lock, NULL);
    STAILQ_INIT(&stream->queue);
    /* the receives, the core, and until it is closed */
    atomic_init(&stream->references, 3);
    rpc_batch(rpc, ops, sizeof ops / sizeof *ops, &rpc->tag);
    reader_start(rpc->server->component, id, &stream->reader);
    join_server(stream);
    receive(stream);
}
