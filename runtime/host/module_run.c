/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a module's main() calls beside dapr_register(): in this process the
 * sidecar runs already, so these return at once. Any thread.
 */
#include <dapr/components.h>

int dapr_set_sockets_folder(const char *path)
{
    (void)path;
    return 0;
}

int dapr_run(void)
{
    return 0;
}

void dapr_must_run(void)
{
}

void dapr_stop(void)
{
}
