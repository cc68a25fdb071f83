/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that component authors hand in, made fit for the wire: proto3 strings
 * are UTF-8, and one bad byte would make a Go sidecar refuse the whole message.
 * No state; any thread.
 */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include <dapr/components.h>
#include <stdarg.h>
#include <stdbool.h>

#define MESSAGE_MAX 4096

/* Formats a message, valid and cut at MESSAGE_MAX bytes. */
struct message {
    char text[MESSAGE_MAX + 4];
};
void message_format(struct message *message, const char *format, va_list args);

/* Whether text is UTF-8; and the same text with `?` for each byte that is not.
 */
bool message_valid(const char *text);
void message_repair(char *text);

#endif
