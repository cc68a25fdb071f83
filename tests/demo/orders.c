/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo's component, both kinds of binding in one: an order that is sent to
 * it is a line at the end of the ledger, a file; the app gets the lines one by
 * one, each again until it takes it. How far it came is in a file beside the
 * ledger, so a restart loses nothing. invoke runs on workers, one at a time;
 * read on its own thread with files of its own.
 */
#define _POSIX_C_SOURCE 200809L
#include <dapr/components.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ORDER_MAX 1000 /* bytes */

struct orders {
    dapr_instance *instance;
    char ledger[512];
    char mark[520]; /* the file that says how far the app came */
};

static void *orders_create(dapr_instance *instance)
{
    struct orders *orders = calloc(1, sizeof *orders);

    if (orders)
        orders->instance = instance;
    return orders;
}

static int orders_init(void *self, dapr_call *call,
                       const struct dapr_metadata *properties)
{
    struct orders *orders = self;
    const char *ledger = dapr_metadata_get(properties, "ledger");

    if (!ledger || strlen(ledger) >= sizeof orders->ledger)
        return dapr_fail(call, DAPR_INVALID_ARGUMENT,
                         "ledger must name a file");
    snprintf(orders->ledger, sizeof orders->ledger, "%s", ledger);
    snprintf(orders->mark, sizeof orders->mark, "%s.mark", ledger);
    return 0;
}

/* ---- orders in ----------------------------------------------------------- */

/* Whole lines only: one write, on the disk before the caller hears of it. */
static int append(const char *path, struct dapr_bytes order)
{
    char line[ORDER_MAX + 1];
    ssize_t size = (ssize_t)order.size + 1;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int rc = -1;

    if (fd < 0)
        return -1;
    memcpy(line, order.data, order.size);
    line[order.size] = '\n';
    if (write(fd, line, (size_t)size) == size && fdatasync(fd) == 0)
        rc = 0;
    close(fd);
    return rc;
}

static int orders_invoke(void *self, dapr_call *call,
                         const struct dapr_request *request)
{
    struct orders *orders = self;
    struct dapr_bytes order = request->data;

    if (order.size == 0 || order.size > ORDER_MAX ||
        memchr(order.data, '\n', order.size))
        return dapr_fail(call, DAPR_INVALID_ARGUMENT,
                         "an order is one line of up to %d bytes", ORDER_MAX);
    if (append(orders->ledger, order) < 0)
        return dapr_fail(call, DAPR_UNAVAILABLE, "%s: the order is not written",
                         orders->ledger);
    dapr_log(orders->instance, DAPR_INFO, "wrote %.*s", (int)order.size,
             (const char *)order.data);
    return dapr_reply(call, dapr_text("\"written\""));
}

/* ---- orders out ---------------------------------------------------------- */

static long load_mark(const char *path)
{
    FILE *file = fopen(path, "re");
    char text[32] = "0";

    if (file) {
        if (!fgets(text, sizeof text, file))
            text[0] = '\0';
        fclose(file);
    }
    return strtol(text, NULL, 10);
}

/* The new mark takes the old one's place at once, whatever happens. */
static void save_mark(const char *path, long position)
{
    char aside[600];
    FILE *file;

    snprintf(aside, sizeof aside, "%s.new", path);
    file = fopen(aside, "we");
    if (!file)
        return;
    fprintf(file, "%ld\n", position);
    if (fclose(file) == 0)
        rename(aside, path);
}

/* Delivers one order until the app takes it, or the stream ends. */
static int deliver(struct orders *orders, dapr_reader *reader,
                   const char *order)
{
    static const char *const verdicts[] = {"lost", "taken", "refused"};
    const struct dapr_event event = {
        .data = dapr_text(order),
        .content_type = "application/json",
    };
    enum dapr_verdict verdict;

    do {
        verdict = dapr_deliver(reader, &event, NULL);
        dapr_log(orders->instance, DAPR_INFO, "%s %s", verdicts[verdict],
                 order);
        if (verdict == DAPR_TAKEN)
            return 1;
    } while (dapr_reader_wait(reader, 200));
    return 0;
}

static int orders_read(void *self, dapr_reader *reader)
{
    struct orders *orders = self;
    char line[ORDER_MAX + 2];
    FILE *ledger = fopen(orders->ledger, "a+e");

    if (!ledger)
        return dapr_reader_fail(reader, DAPR_UNAVAILABLE, "cannot open %s",
                                orders->ledger);
    fseek(ledger, load_mark(orders->mark), SEEK_SET);
    while (dapr_reader_wait(reader, 0)) {
        if (!fgets(line, sizeof line, ledger)) {
            clearerr(ledger);
            dapr_reader_wait(reader, 20);
            continue;
        }
        line[strcspn(line, "\n")] = '\0';
        if (deliver(orders, reader, line))
            save_mark(orders->mark, ftell(ledger));
    }
    fclose(ledger);
    return 0;
}

/* ---- both ---------------------------------------------------------------- */

static const struct dapr_output_binding output = {
    .create = orders_create,
    .destroy = free,
    .init = orders_init,
    .invoke = orders_invoke,
};

static const struct dapr_input_binding input = {
    .create = orders_create,
    .destroy = free,
    .init = orders_init,
    .read = orders_read,
};

int main(void)
{
    dapr_register("orders", with_output_binding(&output));
    dapr_register("orders", with_input_binding(&input));
    dapr_must_run();
    return 0;
}
