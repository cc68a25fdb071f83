/* SPDX-License-Identifier: Apache-2.0 */
/* A loop, a scripted server, a connection to it, and calls with what became of
 * them; for the tests of h2 and grpc. */
#ifndef UNIT_GRPC_FIXTURE_H
#define UNIT_GRPC_FIXTURE_H

#include "net/grpc.h"

#include "net_fixture.h"

#include "dapr/proto/components/v1/bindings.pb-c.h"
#include "h2_peer_run.h"

struct fixture {
    struct net_fixture net;
    struct peer peer;
    struct h2 h2;
    bool ready;
    bool closed;
    bool going_away;
    char why[160];
    const void *data; /* the test's */
};

/* When a call is cancelled by its user. */
enum moment { NEVER, HEADERS, MESSAGE, END };

/* A call and what became of it. */
struct outcome {
    struct fixture *fixture;
    struct grpc_call *call;
    enum moment cancel;
    struct grpc_call *victim; /* cancelled instead of the call itself */
    bool hold;                /* messages are not consumed */
    bool inside;              /* a call of grpc's that must not end it */

    char headers[256];  /* "name: value\n" each */
    char received[256]; /* each short message in < > */
    unsigned messages;
    size_t bytes;
    unsigned ended;
    int code;
    char text[256];
    char details[16];
    char trailers[256];
};

#define run_until(fixture, condition)                                          \
    do {                                                                       \
        while (!(condition))                                                   \
            net_run(&(fixture)->net);                                          \
    } while (0)

/* ---- the connection ------------------------------------------------------ */

static inline void h2_is_ready(struct h2 *h2)
{
    struct fixture *fixture = container_of(h2, struct fixture, h2);

    fixture->ready = true;
    loop_stop(&fixture->net.loop);
}

static inline void h2_goes_away(struct h2 *h2)
{
    struct fixture *fixture = container_of(h2, struct fixture, h2);

    assert_false(fixture->going_away);
    fixture->going_away = true;
    loop_stop(&fixture->net.loop);
}

static inline void h2_is_closed(struct h2 *h2, int status, const char *why)
{
    struct fixture *fixture = container_of(h2, struct fixture, h2);

    (void)status;
    assert_false(fixture->closed);
    fixture->closed = true;
    snprintf(fixture->why, sizeof fixture->why, "%s", why);
    loop_stop(&fixture->net.loop);
}

static inline void start_connecting(struct fixture *fixture, uint64_t timeout)
{
    static const struct h2_events events = {.ready = h2_is_ready,
                                            .going_away = h2_goes_away,
                                            .closed = h2_is_closed};

    fixture->closed = false;
    assert_int_equal(h2_connect_unix(&fixture->h2, &fixture->net.loop,
                                     fixture->net.path, timeout, &events),
                     0);
}

static inline void connect_to_peer(struct fixture *fixture)
{
    start_connecting(fixture, PATIENCE);
    run_until(fixture, fixture->ready);
}

static inline void fixture_init(struct fixture *fixture)
{
    net_init(&fixture->net);
    fixture->peer.data = fixture;
    peer_listen(&fixture->peer, &fixture->net.loop, fixture->net.path);
}

static inline void fixture_done(struct fixture *fixture)
{
    if (fixture->ready && !fixture->closed) {
        h2_close(&fixture->h2);
        run_until(fixture, fixture->closed);
    }
    peer_stop(&fixture->peer);
    net_done(&fixture->net);
}

static inline int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    fixture_init(fixture);
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    fixture_done(*state);
    free(*state);
    return 0;
}

/* ---- calls --------------------------------------------------------------- */

static inline void show_pairs(char *out, size_t size,
                              struct dapr_metadata pairs)
{
    *out = 0;
    for (size_t i = 0; i < pairs.count; i++)
        snprintf(out + strlen(out), size - strlen(out), "%s: %s\n",
                 pairs.pairs[i].name, pairs.pairs[i].value);
}

static inline void cancel_at(struct outcome *outcome, enum moment moment)
{
    if (outcome->cancel != moment)
        return;
    grpc_cancel(outcome->victim ? outcome->victim : outcome->call);
    loop_stop(&outcome->fixture->net.loop);
}

static inline void headers_come(struct grpc_call *call,
                                struct dapr_metadata metadata)
{
    struct outcome *outcome = grpc_owner(call);

    show_pairs(outcome->headers, sizeof outcome->headers, metadata);
    cancel_at(outcome, HEADERS);
}

static inline void message_comes(struct grpc_call *call,
                                 struct dapr_bytes message)
{
    struct outcome *outcome = grpc_owner(call);
    size_t used = strlen(outcome->received);

    outcome->messages++;
    outcome->bytes += message.size;
    if (message.size < 100)
        snprintf(outcome->received + used, sizeof outcome->received - used,
                 "<%.*s>", (int)message.size,
                 message.size ? (const char *)message.data : "");
    if (!outcome->hold)
        grpc_consumed(call, message.size);
    cancel_at(outcome, MESSAGE);
}

static inline void call_ends(struct grpc_call *call,
                             const struct grpc_status *status,
                             struct dapr_metadata trailers)
{
    struct outcome *outcome = grpc_owner(call);

    assert_false(outcome->inside);
    outcome->ended++;
    outcome->code = status->code;
    snprintf(outcome->text, sizeof outcome->text, "%s", status->message);
    snprintf(outcome->details, sizeof outcome->details, "%.*s",
             (int)status->details.size, (const char *)status->details.data);
    show_pairs(outcome->trailers, sizeof outcome->trailers, trailers);
    cancel_at(outcome, END);
    loop_stop(&outcome->fixture->net.loop);
}

static const struct grpc_events call_events = {
    .headers = headers_come, .message = message_comes, .end = call_ends};

/* Keeps what the outcome asks for. NULL where the connection takes none. */
static inline struct grpc_call *start_call(struct fixture *fixture,
                                           struct outcome *outcome,
                                           struct grpc_options options)
{
    outcome->fixture = fixture;
    outcome->inside = true;
    options.events = &call_events;
    options.owner = outcome;
    outcome->call = grpc_start(&fixture->h2, &options);
    outcome->inside = false;
    return outcome->call;
}

static inline void send_bytes(struct outcome *outcome, const void *data,
                              size_t size, bool last)
{
    Components__InvokeRequest request = COMPONENTS__INVOKE_REQUEST__INIT;

    request.data = (ProtobufCBinaryData){size, (uint8_t *)data};
    outcome->inside = true;
    assert_int_equal(grpc_send(outcome->call, &request.base, last), 0);
    outcome->inside = false;
}

/* A whole call. */
static inline struct outcome call_path(struct fixture *fixture,
                                       const char *path, bool stream)
{
    struct outcome outcome = {0};

    assert_non_null(
        start_call(fixture, &outcome,
                   (struct grpc_options){.path = path, .stream = stream}));
    send_bytes(&outcome, "op", 2, true);
    run_until(fixture, outcome.ended);
    return outcome;
}

#endif
