/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The .proto files that a server can show, as the compiler described them.
 * Loaded once; then constant.
 */
#ifndef SERVER_DESCRIPTORS_H
#define SERVER_DESCRIPTORS_H

#include "google/protobuf/descriptor_names.pb-c.h"

struct descriptor {
    ProtobufCBinaryData bytes; /* a FileDescriptorProto */
    Names__FileDescriptorProto *names;
};

/* 0, or -1 without memory. */
int descriptors_load(void);
void descriptors_unload(void);

/* NULL when there is none. A symbol is a message, a service or a method. */
const struct descriptor *descriptor_of_file(const char *name);
const struct descriptor *descriptor_of_symbol(const char *symbol);

/* A file and all that it imports, each once, as far as they are there: up to
 * `size` pointers. Returns how many. */
size_t descriptors_with_imports(const struct descriptor *file,
                                const struct descriptor **ret, size_t size);

size_t descriptors_count(void);

#endif
