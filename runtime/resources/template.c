/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates in properties' values: {uuid}, {podName}, {namespace}, {appID}.
 * What takes a template's place is not looked at again. One thread.
 */
#include "resources/resource.h"

#include <string.h>
#include <sys/random.h>

#define VALUE_MAX                                                              \
    (16 << 20) /* bytes of a value, with its templates filled in */

static int put_uuid(struct buffer *out)
{
    uint8_t bytes[16];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return -1;
    bytes[6] = (uint8_t)(0x40 | (bytes[6] & 0x0F));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3F));
    for (size_t i = 0; i < sizeof bytes; i++)
        buffer_printf(out, "%s%02x",
                      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                      bytes[i]);
    return 0;
}

static int put_template(struct buffer *out, const char *name, size_t size,
                        const struct resource_settings *settings)
{
    const char *namespace = settings->namespace && *settings->namespace
                                ? settings->namespace
                                : "default";

    if (size == 4 && memcmp(name, "uuid", 4) == 0)
        return put_uuid(out);
    if (size == 5 && memcmp(name, "appID", 5) == 0)
        return buffer_text(out, settings->app_id);
    if (size == 9 && memcmp(name, "namespace", 9) == 0)
        return buffer_printf(out, "%s.%s", namespace, settings->app_id);
    if (size == 7 && memcmp(name, "podName", 7) == 0)
        return settings->pod_name && *settings->pod_name
                   ? buffer_text(out, settings->pod_name)
                   : -1;
    buffer_char(out, '{');
    buffer_append(out, name, size);
    return buffer_char(out, '}');
}

static int fill(struct buffer *out, const char *value,
                const struct resource_settings *settings)
{
    const char *open, *close;

    while ((close = strchr(value, '}'))) {
        open = memrchr(value, '{', (size_t)(close - value));
        if (!open) {
            buffer_append(out, value, (size_t)(close + 1 - value));
        } else {
            buffer_append(out, value, (size_t)(open - value));
            if (put_template(out, open + 1, (size_t)(close - open - 1),
                             settings))
                return -1;
        }
        value = close + 1;
    }
    return buffer_text(out, value);
}

int resource_fill(struct resource *resource,
                  const struct resource_settings *settings,
                  struct buffer *error)
{
    struct pairs filled = {0};
    struct buffer value;
    int rc = 0;

    buffer_init(&value, VALUE_MAX);
    for (size_t i = 0; i < resource->properties.count && rc == 0; i++) {
        const struct dapr_pair *pair = &resource->properties.items[i];

        buffer_clear(&value);
        rc = fill(&value, pair->value, settings) || !buffer_string(&value) ||
             pairs_add_bytes(&filled, dapr_text(pair->name),
                             buffer_bytes(&value));
        if (rc && value.failed)
            buffer_printf(error, "property %s is longer than %d bytes",
                          pair->name, VALUE_MAX);
        else if (rc)
            buffer_printf(error,
                          "failed to parse metadata: property %s refers to "
                          "{podName} but podName is not set",
                          pair->name);
    }
    buffer_done(&value);
    if (rc == 0) {
        struct pairs written = resource->properties;

        resource->properties = filled;
        filled = written;
    }
    pairs_done(&filled);
    return rc ? -1 : 0;
}
