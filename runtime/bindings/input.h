/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input bindings: asks the app which events it wants, opens the streams, and
 * carries each event to the app and its verdict back. Owned by the loop's
 * thread.
 */
#ifndef BINDINGS_INPUT_H
#define BINDINGS_INPUT_H

#include "app/app.h"
#include "host/host.h"

struct input;

/* `app` is NULL where there is none: then nothing is read. NULL without
 * memory. */
struct input *input_new(struct loop *loop, struct host *host, struct app *app,
                        uint64_t ask_timeout);
void input_free(struct input *input); /* NULL is fine; see input_stop() */

/* The app is there: reads from all bindings that it wants, now and as they come
 * (again). started() once, when it is known which. */
void input_start(struct input *input, void (*started)(void *data), void *data);

/* Stops reading: new events are refused, those under way get their verdicts;
 * then the streams are closed and `stopped` is called. */
void input_stop(struct input *input, void (*stopped)(void *data), void *data);

/* What the host says of its bindings (struct host_events). */
void input_ready(struct input *input, struct binding *binding);
void input_lost(struct input *input, struct binding *binding);
void input_event(struct input *input, struct binding *binding,
                 struct event *event);
void input_read_ended(struct input *input, struct binding *binding,
                      const char *why);

#endif
