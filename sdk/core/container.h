/* SPDX-License-Identifier: Apache-2.0 */
/* From a member to the struct that embeds it. */
#ifndef CORE_CONTAINER_H
#define CORE_CONTAINER_H

#include <stddef.h>

#define container_of(pointer, type, member)                                    \
    ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
