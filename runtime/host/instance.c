/* SPDX-License-Identifier: Apache-2.0 */
/* What both kinds of instance share. Owned by the loop's thread. */
#include "host/instance.h"

#include <stdlib.h>
#include <string.h>

int instance_keep_operations(struct instance *instance,
                             const char *const *operations, size_t count)
{
    char **list = calloc(count + 1, sizeof *list);

    if (!list)
        return -1;
    instance_drop_operations(instance);
    instance->operations = list;
    for (size_t i = 0; i < count; i++) {
        if (!(list[i] = strdup(operations[i])))
            return -1;
    }
    return 0;
}

void instance_drop_operations(struct instance *instance)
{
    for (size_t i = 0; instance->operations && instance->operations[i]; i++)
        free(instance->operations[i]);
    free(instance->operations);
    instance->operations = NULL;
}
