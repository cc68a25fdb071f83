/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of component authors, and their log; see message.h. Any thread. */
#include "core/message.h"

#include "core/log.h"
#include "core/utf8.h"

#include <stdio.h>
#include <string.h>

#define SCOPE "dapr.contrib" /* as Dapr's own components log */

/* The first byte that is not UTF-8, or NULL. */
static char *flaw(const char *text)
{
    const char *end = text + strlen(text);
    uint32_t point;
    size_t size;

    for (; text < end; text += size) {
        size = utf8_read(text, end, &point);
        if (!size)
            return (char *)text;
    }
    return NULL;
}

bool message_valid(const char *text)
{
    return !flaw(text);
}

void message_repair(char *text)
{
    while ((text = flaw(text)))
        *text++ = '?';
}

/* Not in the middle of a character: there is room for the rest of the one that
 * crosses the border. */
static void cut(char *text)
{
    size_t size = MESSAGE_MAX;

    for (int i = 0; i < 3 && ((unsigned char)text[size] & 0xC0) == 0x80; i++)
        size--;
    text[size] = 0;
}

void message_format(struct message *message, const char *format, va_list args)
{
    int size = vsnprintf(message->text, sizeof message->text, format, args);

    if (size < 0)
        message->text[0] = 0;
    else if (size > MESSAGE_MAX)
        cut(message->text);
    message_repair(message->text);
}

void dapr_log(dapr_instance *instance, enum dapr_level level,
              const char *format, ...)
{
    char name[512];
    const struct dapr_pair field = {"component", name};
    const struct dapr_metadata fields = {&field, instance ? 1 : 0};
    struct message message;
    va_list args;

    if (!log_enabled((enum log_level)level))
        return;
    if (instance)
        snprintf(name, sizeof name, "%s (bindings.%s)",
                 dapr_instance_id(instance), dapr_instance_component(instance));
    va_start(args, format);
    message_format(&message, format, args);
    va_end(args);
    log_line((enum log_level)level, SCOPE, fields, message.text);
}
