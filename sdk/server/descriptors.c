/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor set that protoc made, built into this object, and who finds a
 * file in it. Loaded before and unloaded after the servers run.
 */
#include "server/descriptors.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

__asm__(".pushsection .rodata\n"
        ".hidden descriptors_begin\n"
        ".globl descriptors_begin\n"
        "descriptors_begin:\n"
        ".incbin \"" DESCRIPTORS "\"\n"
        ".hidden descriptors_end\n"
        ".globl descriptors_end\n"
        "descriptors_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const uint8_t descriptors_begin[];
extern const uint8_t descriptors_end[];

static struct {
    Names__FileDescriptorSet *set;
    struct descriptor *files;
    size_t count;
} all;

int descriptors_load(void)
{
    size_t size = (size_t)(descriptors_end - descriptors_begin);

    all.set = names__file_descriptor_set__unpack(NULL, size, descriptors_begin);
    if (!all.set)
        return -1;
    all.files = calloc(all.set->n_file, sizeof *all.files);
    if (!all.files)
        goto fail;
    for (; all.count < all.set->n_file; all.count++) {
        struct descriptor *file = &all.files[all.count];

        file->bytes = all.set->file[all.count];
        file->names = names__file_descriptor_proto__unpack(
            NULL, file->bytes.len, file->bytes.data);
        if (!file->names)
            goto fail;
    }
    return 0;
fail:
    descriptors_unload();
    return -1;
}

void descriptors_unload(void)
{
    while (all.count)
        names__file_descriptor_proto__free_unpacked(
            all.files[--all.count].names, NULL);
    free(all.files);
    if (all.set)
        names__file_descriptor_set__free_unpacked(all.set, NULL);
    memset(&all, 0, sizeof all);
}

size_t descriptors_count(void)
{
    return all.count;
}

const struct descriptor *descriptor_of_file(const char *name)
{
    for (size_t i = 0; i < all.count; i++) {
        if (strcmp(all.files[i].names->name, name) == 0)
            return &all.files[i];
    }
    return NULL;
}

/* What is left of a symbol behind `name` and, unless that is all, a dot. */
static const char *behind(const char *symbol, const char *name)
{
    size_t size = strlen(name);

    if (strncmp(symbol, name, size) != 0)
        return NULL;
    if (!symbol[size])
        return symbol + size;
    return symbol[size] == '.' ? symbol + size + 1 : NULL;
}

static bool in_messages(const char *symbol, Names__DescriptorProto **messages,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *rest = behind(symbol, messages[i]->name);

        if (rest && (!*rest || in_messages(rest, messages[i]->nested_type,
                                           messages[i]->n_nested_type)))
            return true;
    }
    return false;
}

static bool in_service(const char *symbol,
                       const Names__ServiceDescriptorProto *service)
{
    const char *rest = behind(symbol, service->name);

    if (!rest || !*rest)
        return rest != NULL;
    for (size_t i = 0; i < service->n_method; i++) {
        if (strcmp(service->method[i]->name, rest) == 0)
            return true;
    }
    return false;
}

static bool in_file(const char *symbol, const Names__FileDescriptorProto *file)
{
    const char *rest = behind(symbol, file->package);

    if (!rest || !*rest)
        return false;
    for (size_t i = 0; i < file->n_service; i++) {
        if (in_service(rest, file->service[i]))
            return true;
    }
    return in_messages(rest, file->message_type, file->n_message_type);
}

const struct descriptor *descriptor_of_symbol(const char *symbol)
{
    for (size_t i = 0; i < all.count; i++) {
        if (in_file(symbol, all.files[i].names))
            return &all.files[i];
    }
    return NULL;
}

static bool listed(const struct descriptor *file,
                   const struct descriptor **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == file)
            return true;
    }
    return false;
}

size_t descriptors_with_imports(const struct descriptor *file,
                                const struct descriptor **ret, size_t size)
{
    size_t count = 0;

    ret[count++] = file;
    for (size_t at = 0; at < count; at++) {
        const Names__FileDescriptorProto *names = ret[at]->names;

        for (size_t i = 0; i < names->n_dependency; i++) {
            file = descriptor_of_file(names->dependency[i]);
            if (file && count < size && !listed(file, ret, count))
                ret[count++] = file;
        }
    }
    return count;
}
