/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket of the sockets folder: asks by reflection what it serves, carries
 * the calls of all its instances on one connection, and connects again when
 * that breaks. Owned by the loop's thread.
 */
#ifndef HOST_SOCKET_H
#define HOST_SOCKET_H

#include "host/provider.h"
#include "net/loop.h"

/* Starts connecting to FOLDER/FILE; the component type is bindings.<file name
 * without its last extension>, in lower case. The events must outlive it. NULL
 * without memory. */
struct provider *socket_open(struct loop *loop, const char *folder,
                             const char *file,
                             const struct provider_events *events, void *data);

/* Another socket lies there now: an attempt that waits is made at once. */
void socket_replaced(struct provider *provider);

/* "bindings.<name>" in lower case, to be freed; NULL without memory, or when
 * the file name leaves no name. */
char *socket_type(const char *file);

#endif
