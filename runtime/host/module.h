/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Components in this process: NAME.so of the modules folder, the same source as
 * a program that serves a socket. Opening a module runs its main(), which
 * registers with dapr_register(); dapr_run() returns at once here.
 *
 * Modules stay mapped for ever: their threads may still return through them.
 */
#ifndef HOST_MODULE_H
#define HOST_MODULE_H

#include "host/provider.h"
#include "net/loop.h"

/* Opens FOLDER/NAME.so on libuv's pool, then reports up() and tried(), or
 * tried() alone with the reason logged. `type` is what it will provide. The
 * events must outlive it. NULL without memory. */
struct provider *module_open(struct loop *loop, const char *folder,
                             const char *name, const char *type,
                             const struct provider_events *events, void *data);

/* One instance of a registered component (module.c). NULL without memory. */
struct instance *module_instance(struct loop *loop, struct component *component,
                                 enum binding_kind kind, const char *id);

#endif
