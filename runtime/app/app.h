/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel to the user's app, one table for every protocol: HTTP/1.1
 * (app_http.c); gRPC comes behind the same table. Owned by the loop's thread.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "core/pairs.h"
#include "net/loop.h"

struct app;

/* Whether the app wants a binding's events. Memory is the caller's until
 * done(). */
struct app_question {
    const char *binding; /* its name */
    const char *route;   /* where its events go, in an HTTP app */
    uint64_t timeout;    /* ms */
    /* error is NULL, or why the app could not be asked. */
    void (*done)(struct app_question *question, bool wanted, const char *error);
    void *state; /* the channel's */
};

/* One event for the app. Memory is the caller's until done(). */
struct app_delivery {
    const char *binding;
    const char *route;
    struct dapr_bytes data;
    struct dapr_metadata metadata;
    /* What the app said: DAPR_TAKEN or DAPR_REFUSED. Exactly once, maybe before
     * app_ops.deliver() returns; the answer is valid until it returns. */
    void (*done)(struct app_delivery *delivery,
                 const struct dapr_answer *answer);
    void *state; /* the channel's */
};

struct app_ops {
    /* Waits until the app listens, however long that takes. ready() once. */
    void (*wait)(struct app *app, void (*ready)(void *data), void *data);
    void (*ask)(struct app *app, struct app_question *question);
    void (*deliver)(struct app *app, struct app_delivery *delivery);
    /* What is under way ends with DAPR_LOST; then `closed`. */
    void (*close)(struct app *app, void (*closed)(void *data), void *data);
};

/* Embedded first in what implements it. */
struct app {
    const struct app_ops *ops;
};

struct app_options {
    const char *app_id;
    const char *address; /* --app-channel-address */
    int port;
    const char *token;        /* APP_API_TOKEN, or NULL */
    unsigned max_concurrency; /* 0: APP_CONNECTIONS */
};

/* Requests to the app at once, as many as daprd makes; more wait their turn. */
#define APP_CONNECTIONS 1024

/* The strings must outlive it. NULL without memory. */
struct app *app_http_new(struct loop *loop, const struct app_options *options);

#endif
