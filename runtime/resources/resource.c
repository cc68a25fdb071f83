/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One YAML document to one Component resource, with daprd's rules: keys in any
 * case, scalars taken as text where text is wanted. One thread.
 */
#include "resources/resource.h"

#include "core/json.h"
#include "core/utf8.h"
#include "resources/duration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "dapr.io/v1alpha1"

static void reference_free(struct reference *reference)
{
    free(reference->property);
    free(reference->env);
    free(reference->secret);
    free(reference->key);
    free(reference);
}

void resource_free(struct resource *resource)
{
    struct reference *reference;

    if (!resource)
        return;
    while ((reference = STAILQ_FIRST(&resource->references))) {
        STAILQ_REMOVE_HEAD(&resource->references, link);
        reference_free(reference);
    }
    pairs_done(&resource->properties);
    free(resource->name);
    free(resource->type);
    free(resource->version);
    free(resource->label);
    free(resource->namespace);
    free(resource->route);
    free(resource->secret_store);
    free(resource->file);
    free(resource);
}

/* ---- fields -------------------------------------------------------------- */

/* Text of a node as a string of its own; NULL stays NULL when the node is
 * absent or null. */
static int read_text(const struct yaml_node *node, const char *what, char **ret,
                     struct buffer *error)
{
    struct buffer text;
    int rc = -1;

    if (yaml_is_null(node))
        return 0;
    buffer_init(&text, RESOURCE_FILE_MAX);
    if (yaml_text(node, what, &text, error))
        goto out;
    if (memchr(text.data, 0, text.size)) {
        yaml_fail(node, error, "%s holds a NUL character", what);
        goto out;
    }
    free(*ret);
    *ret = buffer_take(&text);
    rc = *ret ? 0 : yaml_fail(node, error, "out of memory");
out:
    buffer_done(&text);
    return rc;
}

static int read_bool(const struct yaml_node *node, const char *what, bool *ret,
                     struct buffer *error)
{
    return yaml_is_null(node) ? 0 : yaml_bool(node, what, ret, error);
}

/* A node of this kind, or none at all: *node is NULL then. */
static int check_kind(const struct yaml_node **node, enum yaml_kind kind,
                      const char *what, struct buffer *error)
{
    if (yaml_is_null(*node))
        *node = NULL;
    else if ((*node)->kind != kind)
        return yaml_fail(*node, error, "%s must be a %s", what,
                         kind == YAML_LIST ? "list" : "mapping");
    return 0;
}

/* ---- properties ---------------------------------------------------------- */

/* The value as daprd hands it on: text as it is, nothing as "", the rest as
 * JSON. */
static int read_value(struct yaml *yaml, const struct yaml_node *node,
                      struct buffer *out, struct buffer *error)
{
    struct json_reader reader;
    struct buffer json;
    int rc;

    if (yaml_is_null(node))
        return 0;
    buffer_init(&json, YAML_EXPAND_MAX);
    rc = yaml_json(yaml, node, &json, error);
    json_reader_init(&reader, buffer_bytes(&json));
    if (rc == 0 && *reader.at == '"')
        rc = json_read_string(&reader, out);
    else if (rc == 0)
        rc = buffer_append(out, json.data, json.size);
    if (rc == 0 && out->size && memchr(out->data, 0, out->size))
        rc = yaml_fail(node, error, "the value holds a NUL character");
    buffer_done(&json);
    return rc;
}

/* Notes where the value of a property comes from, if not from here. */
static int read_reference(struct resource *resource,
                          const struct yaml_node *item, const char *property,
                          struct buffer *error)
{
    const struct yaml_node *secret = yaml_get(item, "secretKeyRef");
    bool has_value = !yaml_is_null(yaml_get(item, "value"));
    struct reference *found = calloc(1, sizeof *found);

    if (!found || !(found->property = strdup(property)) ||
        check_kind(&secret, YAML_MAP, "secretKeyRef", error) ||
        read_text(yaml_get(secret, "name"), "secretKeyRef.name", &found->secret,
                  error) ||
        read_text(yaml_get(secret, "key"), "secretKeyRef.key", &found->key,
                  error) ||
        read_text(yaml_get(item, "envRef"), "envRef", &found->env, error)) {
        if (found)
            reference_free(found);
        return -1;
    }
    found->line = item->line;
    if ((found->secret && *found->secret) ||
        (found->env && *found->env && !has_value))
        STAILQ_INSERT_TAIL(&resource->references, found, link);
    else
        reference_free(found);
    return 0;
}

static int read_property(struct resource *resource, struct yaml *yaml,
                         const struct yaml_node *item, struct buffer *error)
{
    struct buffer value;
    char *name = NULL;
    int rc = -1;

    buffer_init(&value, YAML_EXPAND_MAX);
    if (check_kind(&item, YAML_MAP, "an item of spec.metadata", error) || !item)
        goto out;
    if (read_text(yaml_get(item, "name"), "name", &name, error) ||
        read_value(yaml, yaml_get(item, "value"), &value, error) ||
        read_reference(resource, item, name ? name : "", error))
        goto out;
    if (!buffer_string(&value) ||
        pairs_set(&resource->properties, name ? name : "", (char *)value.data))
        goto out;
    rc = 0;
out:
    buffer_done(&value);
    free(name);
    return rc;
}

static int read_properties(struct resource *resource, struct yaml *yaml,
                           const struct yaml_node *list, struct buffer *error)
{
    const char *route;

    if (check_kind(&list, YAML_LIST, "spec.metadata", error))
        return -1;
    if (list && list->count > RESOURCE_PROPERTIES_MAX)
        return yaml_fail(list, error, "more than %d items in spec.metadata",
                         RESOURCE_PROPERTIES_MAX);
    for (size_t i = 0; list && i < list->count; i++) {
        if (!yaml_is_null(list->items[i]) &&
            read_property(resource, yaml, list->items[i], error))
            return -1;
    }
    route = pairs_get(pairs_view(&resource->properties), "route");
    if (route && !(resource->route = strdup(route)))
        return -1;
    return 0;
}

/* ---- the document -------------------------------------------------------- */

static int read_timeout(struct resource *resource, const struct yaml_node *node,
                        struct buffer *error)
{
    char *text = NULL;
    int64_t ns;

    if (read_text(node, "spec.initTimeout", &text, error))
        return -1;
    resource->init_timeout = RESOURCE_INIT_TIMEOUT;
    if (text && !duration_parse(text, &ns, NULL) && ns > 0)
        resource->init_timeout =
            duration_ms(ns) < INT32_MAX ? (unsigned)duration_ms(ns) : INT32_MAX;
    free(text);
    return 0;
}

static int read_scopes(const struct yaml_node *scopes, const char *app_id,
                       bool *ret_in_scope, struct buffer *error)
{
    char *scope = NULL;
    bool found = false;
    int rc = 0;

    if (check_kind(&scopes, YAML_LIST, "scopes", error))
        return -1;
    for (size_t i = 0; scopes && i < scopes->count && rc == 0; i++) {
        rc = read_text(scopes->items[i], "an item of scopes", &scope, error);
        found = found || (scope && strcmp(scope, app_id) == 0);
        free(scope);
        scope = NULL;
    }
    *ret_in_scope = !scopes || !scopes->count || found;
    return rc;
}

/* What Kubernetes takes for a segment of a path. */
static int check_name(const struct yaml_node *node, const char *name,
                      struct buffer *error)
{
    struct buffer quoted;
    const char *text;

    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
        !strpbrk(name, "/%"))
        return 0;
    buffer_init(&quoted, RESOURCE_FILE_MAX);
    utf8_quote(&quoted, dapr_text(name));
    text = buffer_string(&quoted);
    yaml_fail(node, error,
              "invalid name %s for \"Component\": ", text ? text : name);
    buffer_done(&quoted);
    if (!strpbrk(name, "/%"))
        buffer_printf(error, "may not be '%s'", name);
    if (strchr(name, '/'))
        buffer_text(error, "may not contain '/'");
    if (strchr(name, '%'))
        buffer_printf(error, "%smay not contain '%%'",
                      strchr(name, '/') ? "; " : "");
    return -1;
}

static int read_metadata(struct resource *resource,
                         const struct yaml_node *metadata, struct buffer *error)
{
    if (check_kind(&metadata, YAML_MAP, "metadata", error) ||
        read_text(yaml_get(metadata, "name"), "metadata.name", &resource->name,
                  error) ||
        read_text(yaml_get(metadata, "namespace"), "metadata.namespace",
                  &resource->namespace, error))
        return -1;
    return check_name(yaml_get(metadata, "name"), resource->name, error);
}

static int read_spec(struct resource *resource, struct yaml *yaml,
                     struct buffer *error)
{
    const struct yaml_node *spec = yaml_get(yaml->root, "spec");
    const struct yaml_node *auth = yaml_get(yaml->root, "auth");

    if (check_kind(&spec, YAML_MAP, "spec", error) ||
        check_kind(&auth, YAML_MAP, "auth", error) ||
        read_text(yaml_get(spec, "type"), "spec.type", &resource->type,
                  error) ||
        read_text(yaml_get(spec, "version"), "spec.version", &resource->version,
                  error) ||
        read_bool(yaml_get(spec, "ignoreErrors"), "spec.ignoreErrors",
                  &resource->ignore_errors, error) ||
        read_timeout(resource, yaml_get(spec, "initTimeout"), error) ||
        read_properties(resource, yaml, yaml_get(spec, "metadata"), error) ||
        read_text(yaml_get(auth, "secretStore"), "auth.secretStore",
                  &resource->secret_store, error))
        return -1;
    return asprintf(&resource->label, "%s (%s%s%s)", resource->name,
                    resource->type, *resource->version ? "/" : "",
                    resource->version) < 0
               ? -1
               : 0;
}

/* Whether a field of the document is this text; it is none of our business
 * what else it may be. */
static bool field_is(const struct yaml_node *root, const char *key,
                     const char *expected)
{
    const struct yaml_node *node = yaml_get(root, key);

    return node && node->kind == YAML_SCALAR &&
           strcmp(node->text, expected) == 0;
}

static struct resource *resource_new(const char *file, int line)
{
    struct resource *resource = calloc(1, sizeof *resource);

    if (!resource)
        return NULL;
    STAILQ_INIT(&resource->references);
    resource->line = line;
    resource->file = strdup(file);
    resource->name = strdup("");
    resource->type = strdup("");
    resource->version = strdup("");
    if (resource->file && resource->name && resource->type && resource->version)
        return resource;
    resource_free(resource);
    return NULL;
}

static bool elsewhere(const struct resource *resource, const char *namespace)
{
    return namespace && *namespace && resource->namespace &&
           *resource->namespace && strcmp(resource->namespace, namespace) != 0;
}

int resource_read(struct yaml *yaml, const char *file,
                  const struct resource_settings *settings,
                  struct resource **ret, bool *ret_in_scope,
                  struct buffer *error)
{
    const struct yaml_node *root = yaml->root;
    struct resource *resource;
    size_t before = error->size;

    *ret = NULL;
    if (check_kind(&root, YAML_MAP, "the document", error))
        return -1;
    if (!field_is(root, "apiVersion", API_VERSION) ||
        !field_is(root, "kind", "Component"))
        return 0;
    if (!(resource = resource_new(file, root->line)))
        goto fail;
    if (read_metadata(resource, yaml_get(root, "metadata"), error))
        goto fail;
    if (elsewhere(resource, settings->namespace)) {
        resource_free(resource);
        return 0;
    }
    if (read_spec(resource, yaml, error) ||
        read_scopes(yaml_get(root, "scopes"), settings->app_id, ret_in_scope,
                    error))
        goto fail;
    *ret = resource;
    return 0;
fail:
    resource_free(resource);
    return error->size > before ? -1 : yaml_fail(root, error, "out of memory");
}
