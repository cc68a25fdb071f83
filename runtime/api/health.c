/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1.0/healthz and /v1.0/healthz/outbound. Owned by the loop's thread. */
#include "api/api.h"

#include <string.h>

/* The first value of `appid` in the query; a pair that cannot be unescaped does
 * not count. *ret_found tells an empty one from none. */
static bool names_other_app(const char *target, const char *app_id)
{
    const char *at = strchr(target, '?');
    size_t size;

    for (; at && *at; at += size) {
        at++;
        size = strcspn(at, "&");
        if (strncmp(at, "appid", 5) != 0 || (size > 5 && at[5] != '='))
            continue;
        if (memchr(at, '%', size))
            continue;
        return size <= 6 ? true
                         : size - 6 != strlen(app_id) ||
                               strncmp(at + 6, app_id, size - 6) != 0;
    }
    return false;
}

void api_healthz(struct exchange *exchange)
{
    const struct api *api = exchange->api;

    if (!api->ready)
        api_reply_error(exchange, 500, "ERR_HEALTH_NOT_READY",
                        "dapr is not ready: [runtime]");
    else if (names_other_app(exchange->request->target, api->app_id))
        api_reply_error(exchange, 500, "ERR_HEALTH_APPID_NOT_MATCH",
                        "dapr app-id does not match");
    else
        api_reply(exchange, 204, (struct dapr_bytes){0});
}

void api_healthz_outbound(struct exchange *exchange)
{
    if (exchange->api->outbound_ready)
        api_reply(exchange, 204, (struct dapr_bytes){0});
    else
        api_reply_error(exchange, 500, "ERR_OUTBOUND_HEALTH_NOT_READY",
                        "dapr outbound is not ready");
}
