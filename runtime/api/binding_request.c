/* SPDX-License-Identifier: Apache-2.0 */
/*
 * {"operation": ..., "data": ..., "metadata": {...}} as Go decodes it: keys in
 * any case, the later of two wins, metadata objects are merged, a value of the
 * wrong type is reported after a syntax error that comes later. No state.
 */
#include "api/binding_request.h"

#include "core/json.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Bodies are limited by the server; what becomes of one grows by escaping, at
 * most six bytes for one. */
#define BODY_LIMIT (SIZE_MAX / 2)

void binding_request_init(struct binding_request *request)
{
    *request = (struct binding_request){0};
    buffer_init(&request->operation, BODY_LIMIT);
    buffer_init(&request->data, BODY_LIMIT);
}

void binding_request_done(struct binding_request *request)
{
    buffer_done(&request->operation);
    buffer_done(&request->data);
    pairs_done(&request->metadata);
}

/* ---- values of the wrong type -------------------------------------------- */

static const char *kind_name(enum json_kind kind)
{
    static const char *const names[] = {
        [JSON_BOOL] = "bool",     [JSON_NUMBER] = "number",
        [JSON_STRING] = "string", [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object",
    };

    return names[kind];
}

/* Remembers the first one, and reads on. */
static int wrong_type(struct binding_request *request,
                      struct json_reader *reader, const char *field,
                      const char *type)
{
    enum json_kind kind = json_next(reader);

    if (kind == JSON_ERROR)
        return -1;
    if (!*request->error)
        snprintf(request->error, sizeof request->error,
                 "json: cannot unmarshal %s into Go struct field "
                 "OutputBindingRequest.%s of type %s",
                 kind_name(kind), field, type);
    return json_skip(reader);
}

/* ---- fields -------------------------------------------------------------- */

static int read_operation(struct binding_request *request,
                          struct json_reader *reader)
{
    switch (json_next(reader)) {
    case JSON_NULL:
        return json_skip(reader);
    case JSON_STRING:
        buffer_clear(&request->operation);
        return json_read_string(reader, &request->operation);
    default:
        return wrong_type(request, reader, "operation", "string");
    }
}

static int read_data(struct binding_request *request,
                     struct json_reader *reader)
{
    buffer_clear(&request->data);
    return json_copy(reader, &request->data);
}

static int read_entry(struct binding_request *request,
                      struct json_reader *reader, struct buffer *key,
                      struct buffer *value)
{
    const char *name = buffer_string(key), *text;

    buffer_clear(value);
    switch (json_next(reader)) {
    case JSON_NULL:
        if (json_skip(reader))
            return -1;
        break;
    case JSON_STRING:
        if (json_read_string(reader, value))
            return -1;
        break;
    default:
        return wrong_type(request, reader, "metadata", "string");
    }
    text = buffer_string(value);
    return name && text ? pairs_set(&request->metadata, name, text) : -1;
}

static int read_entries(struct binding_request *request,
                        struct json_reader *reader)
{
    struct buffer key, value;
    bool first = true;
    int rc;

    buffer_init(&key, BODY_LIMIT);
    buffer_init(&value, BODY_LIMIT);
    while ((rc = json_key(reader, &first, &key)) > 0) {
        if ((rc = read_entry(request, reader, &key, &value)))
            break;
    }
    buffer_done(&key);
    buffer_done(&value);
    return rc;
}

static int read_metadata(struct binding_request *request,
                         struct json_reader *reader)
{
    switch (json_next(reader)) {
    case JSON_NULL:
        pairs_done(&request->metadata);
        return json_skip(reader);
    case JSON_OBJECT:
        return read_entries(request, reader);
    default:
        return wrong_type(request, reader, "metadata", "map[string]string");
    }
}

static int read_field(struct binding_request *request,
                      struct json_reader *reader, const char *key)
{
    if (strcasecmp(key, "operation") == 0)
        return read_operation(request, reader);
    if (strcasecmp(key, "data") == 0)
        return read_data(request, reader);
    if (strcasecmp(key, "metadata") == 0)
        return read_metadata(request, reader);
    return json_skip(reader);
}

static int read_object(struct binding_request *request,
                       struct json_reader *reader)
{
    struct buffer key;
    const char *name;
    bool first = true;
    int rc;

    buffer_init(&key, BODY_LIMIT);
    while ((rc = json_key(reader, &first, &key)) > 0) {
        name = buffer_string(&key);
        if (!name || read_field(request, reader, name)) {
            rc = -1;
            break;
        }
    }
    buffer_done(&key);
    return rc;
}

int binding_request_read(struct binding_request *request,
                         struct dapr_bytes body)
{
    struct json_reader reader;
    enum json_kind kind;
    int rc = 0;

    json_reader_init(&reader, body);
    kind = json_next(&reader);
    if (kind == JSON_OBJECT)
        rc = read_object(request, &reader);
    else if (kind != JSON_ERROR)
        rc = json_skip(&reader);
    if (!rc && kind != JSON_OBJECT && kind != JSON_NULL && kind != JSON_ERROR)
        snprintf(request->error, sizeof request->error,
                 "json: cannot unmarshal %s into Go value of type "
                 "http.OutputBindingRequest",
                 kind_name(kind));
    if (rc || *reader.error)
        snprintf(request->error, sizeof request->error, "%s",
                 *reader.error ? reader.error : "out of memory");
    if (!request->data.size)
        buffer_text(&request->data, "null");
    return *request->error ? -1 : 0;
}
