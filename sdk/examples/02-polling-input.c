/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An input binding that polls: an event every `interval` milliseconds, each
 * sent again until the app took it. New here: an object for each resource, its
 * properties, and the thread of read().
 */
#include <dapr/components.h>

#include <stdio.h>
#include <stdlib.h>

struct ticker {
    long interval;
};

static void *ticker_create(dapr_instance *instance)
{
    (void)instance;
    return calloc(1, sizeof(struct ticker));
}

static int ticker_init(void *self, dapr_call *call,
                       const struct dapr_metadata *properties)
{
    struct ticker *ticker = self;
    const char *interval = dapr_metadata_get(properties, "interval");

    ticker->interval = interval ? strtol(interval, NULL, 10) : 1000;
    if (ticker->interval < 1)
        return dapr_fail(call, DAPR_INVALID_ARGUMENT,
                         "interval is not a number of milliseconds: %s",
                         interval);
    return 0;
}

static int ticker_read(void *self, dapr_reader *reader)
{
    static const char *const verdicts[] = {"lost", "taken", "refused"};
    struct ticker *ticker = self;
    struct dapr_event event = {.content_type = "text/plain"};
    struct dapr_answer *answer;
    enum dapr_verdict verdict;
    char text[32];
    int tick = 1;

    while (dapr_reader_wait(reader, ticker->interval)) {
        snprintf(text, sizeof text, "tick %d", tick);
        event.data = dapr_text(text);
        verdict = dapr_deliver(reader, &event, &answer);
        dapr_log(dapr_reader_instance(reader), DAPR_INFO, "%s: %s \"%.*s\"",
                 text, verdicts[verdict],
                 answer ? (int)answer->response.size : 0,
                 answer ? (const char *)answer->response.data : "");
        dapr_answer_free(answer);
        if (verdict == DAPR_TAKEN)
            tick++;
    }
    return 0;
}

static const struct dapr_input_binding ticker = {
    .create = ticker_create,
    .destroy = free,
    .init = ticker_init,
    .read = ticker_read,
};

int main(void)
{
    dapr_register("ticker", with_input_binding(&ticker));
    dapr_must_run();
    return 0;
}
