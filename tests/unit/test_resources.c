/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of Component resources: what loads, in which order, what is said. */
#include "resources/resources.h"

#include "core/log.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD "apiVersion: dapr.io/v1alpha1\nkind: Component\n"

static const struct resource_settings shop = {.app_id = "shop"};

/* One test's folder, its log, the file it writes, and what it loaded. */
struct world {
    char folder[64];
    struct buffer text;
    struct resources resources;
    struct buffer error;
    int log;
};

static int remove_one(const char *path, const struct stat *status, int flag,
                      struct FTW *ftw)
{
    (void)status;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    assert_non_null(world);
    snprintf(world->folder, sizeof world->folder, "%s",
             "/tmp/test-resources-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    TAILQ_INIT(&world->resources);
    buffer_init(&world->text, 1 << 20);
    buffer_init(&world->error, 1 << 20);
    world->log = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    assert_true(world->log > 0);
    assert_int_equal(log_set(&(struct log_settings){.fd = world->log}), 0);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    resources_done(&world->resources);
    buffer_done(&world->text);
    buffer_done(&world->error);
    nftw(world->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    log_set(&(struct log_settings){0});
    close(world->log);
    free(world);
    return 0;
}

static void write_bytes(const struct world *world, const char *name,
                        const void *data, size_t size)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

/* Adds to the text of the file that save() writes: a component of this name,
 * and more lines of it. */
static void add(struct world *world, const char *name, const char *more)
{
    buffer_printf(&world->text, "---\n" HEAD "metadata: {name: %s}\n%s", name,
                  more);
}

/* The same, with a type and a version. */
static void box(struct world *world, const char *name, const char *more)
{
    add(world, name, "spec: {type: bindings.box, version: v1}\n");
    buffer_text(&world->text, more);
}

static void save(struct world *world, const char *name)
{
    write_bytes(world, name, world->text.data, world->text.size);
    buffer_clear(&world->text);
}

static void write_file(struct world *world, const char *name, const char *text)
{
    buffer_text(&world->text, text);
    save(world, name);
}

static int load_as(struct world *world, const struct resource_settings *as)
{
    const char *path = world->folder;

    return resources_load(&world->resources, &path, 1, as, &world->error);
}

/* Saves and loads. */
static int load(struct world *world)
{
    save(world, "a.yaml");
    return load_as(world, &shop);
}

static void check_names(const struct world *world, const char *expected)
{
    const struct resource *resource;
    struct buffer names;

    buffer_init(&names, 4096);
    TAILQ_FOREACH (resource, &world->resources, link)
        buffer_printf(&names, "%s%s", names.size ? " " : "", resource->name);
    assert_string_equal(buffer_string(&names), expected);
    buffer_done(&names);
}

static const char *property(const struct world *world, const char *name)
{
    const struct resource *resource = TAILQ_FIRST(&world->resources);

    assert_non_null(resource);
    return pairs_get(pairs_view(&resource->properties), name);
}

/* Whether a line of the log holds this, with FOLDER for the folder. */
static bool logged(const struct world *world, const char *part)
{
    static char text[1 << 20];
    ssize_t size = pread(world->log, text, sizeof text - 1, 0);
    const char *at;
    char wanted[1024] = "";

    assert_true(size >= 0);
    text[size] = 0;
    at = strstr(part, "FOLDER");
    snprintf(wanted, sizeof wanted, "%.*s%s%s",
             (int)(at ? at - part : (ssize_t)strlen(part)), part,
             at ? world->folder : "", at ? at + strlen("FOLDER") : "");
    return strstr(text, wanted) != NULL;
}

/* ---- what loads ---------------------------------------------------------- */

static void test_documents(void **state)
{
    static const char others[] =
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: [1]}\n"
        "---\napiVersion: dapr.io/v1\nkind: Component\n"
        "---\napiVersion: dapr.io/v1alpha1\nkind: component\n"
        "---\nkind: Component\n---\njust text\n---\n[1, 2]\n";
    struct world *world = *state;

    box(world, "a1", "--- # text\n# a comment\n---\n---\n\n");
    box(world, "a2", others);
    box(world, "a3", "----- dashes\n" HEAD "metadata: {name: a4}\n---\n");
    save(world, "a.yaml");
    write_file(world, "B.YML",
               "{\"apiVersion\": \"dapr.io/v1alpha1\", \"kind\": "
               "\"Component\", \"metadata\": {\"name\": \"b1\"}}");
    write_file(world, "b.yaml",
               "apiVersion: dapr.io/v1alpha1\r\nkind: Component\r\n"
               "metadata: {name: crlf}\r\n---\r\n"
               "apiVersion: dapr.io/v1alpha1\r\nkind: Component\r\n"
               "metadata: {name: crlf2}\r\n");
    write_file(world, "bom.yaml", "\xef\xbb\xbf" HEAD "metadata: {name: bom}");
    box(world, "json", "");
    save(world, "c.json");
    box(world, "hidden", "");
    save(world, ".hidden.yaml");
    write_file(world, "empty.yaml", "");
    write_file(world, "blank.yaml", "\n\n  \n");
    assert_int_equal(load_as(world, &shop), 0);
    check_names(world, "hidden b1 a1 a2 a3 a4 crlf crlf2 bom");
    assert_true(logged(world, "level=warning msg=\"A non-YAML Component file "
                              "c.json was detected, it will not be loaded\""));
    assert_true(logged(world,
                       "daprd load Component error when parsing manifests yaml "
                       "resource in FOLDER/a.yaml: line 29, column 1: the "
                       "document must be a mapping\\nline 31, column 1: the "
                       "document must be a mapping\""));
    assert_false(logged(world, "empty.yaml"));
    assert_false(logged(world, "blank.yaml"));
}

static void test_paths(void **state)
{
    static const char *const names[3] = {"one", "two-b", "three"};
    struct world *world = *state;
    char paths[3][128];
    char file[160];
    const char *const list[] = {paths[1], paths[0], paths[2]};

    for (int i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%d%s", world->folder, i + 1,
                 i == 1 ? "/" : "");
        assert_int_equal(mkdir(paths[i], 0700), 0);
        snprintf(file, sizeof file, "%d/b.yaml", i + 1);
        box(world, names[i], "");
        save(world, file);
    }
    box(world, "two-z", "");
    save(world, "2/z.yaml");
    assert_int_equal(
        resources_load(&world->resources, list, 3, &shop, &world->error), 0);
    check_names(world, "two-b two-z one three");
    snprintf(file, sizeof file, "%s/2/b.yaml", world->folder);
    assert_string_equal(TAILQ_FIRST(&world->resources)->file, file);
    assert_int_equal(load_as(world, &shop), 0); /* folders are passed by */
    check_names(world, "two-b two-z one three");
}

static void test_fields(void **state)
{
    struct world *world = *state;
    const struct resource *resource;

    buffer_text(
        &world->text,
        "---\nAPIVERSION: dapr.io/v1alpha1\nKind: Component\n"
        "Metadata: {Name: 123, namespace: sales, labels: {a: b}}\n"
        "auth: {secretstore: vault}\n"
        "SPEC:\n  Type: bindings.Box\n  version: 1.0\n"
        "  ignoreerrors: yes\n  initTimeout: 1m500ms\n"
        "  metadata:\n  - {NAME: k, Value: v}\n  - {name: k, value: w}\n"
        "  - {name: K, value: x}\n  -\n");
    assert_int_equal(load(world), 0);
    resource = TAILQ_FIRST(&world->resources);
    assert_non_null(resource);
    assert_string_equal(resource->name, "123");
    assert_string_equal(resource->namespace, "sales");
    assert_string_equal(resource->secret_store, "vault");
    assert_string_equal(resource->type, "bindings.Box");
    assert_string_equal(resource->version, "1");
    assert_string_equal(resource_label(resource), "123 (bindings.Box/1)");
    assert_true(resource->ignore_errors);
    assert_int_equal(resource->init_timeout, 60500);
    assert_int_equal(resource->line, 2);
    assert_int_equal(resource->properties.count, 2);
    assert_string_equal(property(world, "k"), "w");
    assert_string_equal(property(world, "K"), "x");
}

static void test_defaults(void **state)
{
    struct world *world = *state;
    const struct resource *resource;

    buffer_text(&world->text, HEAD);
    add(world, "a", "spec: {type: t, initTimeout: soon}\n");
    add(world, "b", "spec: {initTimeout: -1s}\n");
    assert_int_equal(load(world), 0);
    resource = TAILQ_FIRST(&world->resources);
    assert_string_equal(resource->name, "");
    assert_string_equal(resource_label(resource), " ()");
    assert_null(resource->namespace);
    assert_false(resource->ignore_errors);
    assert_int_equal(resource->init_timeout, 5000);
    resource = TAILQ_NEXT(resource, link);
    assert_string_equal(resource_label(resource), "a (t)");
    assert_int_equal(resource->init_timeout, 5000);
    resource = TAILQ_NEXT(resource, link);
    assert_int_equal(resource->init_timeout, 5000);
}

/* The value of a property, as YAML and as the component gets it. */
static void test_values(void **state)
{
    static const char *const cases[][2] = {
        {"text", "text"},
        {"6", "6"},
        {"5.50", "5.5"},
        {"yes", "true"},
        {"~", ""},
        {"\"\"", ""},
        {"'\"in quotes\"'", "\"in quotes\""},
        {"\"a<b>\\n\"", "a<b>\n"},
        {"[1, 2.50, \"<\"]", "[1,2.5,\"\\u003c\"]"},
        {"{b: 1, a: {d: 2, c: 9007199254740993}}",
         "{\"a\":{\"c\":9007199254740993,\"d\":2},\"b\":1}"},
        {"[\"{appID}\"]", "[\"shop\"]"},
        {"\"{appID}-{appID}\"", "shop-shop"},
        {"\"queue-{namespace}\"", "queue-default.shop"},
        {"\"{appid} {NAMESPACE} {UUID}\"", "{appid} {NAMESPACE} {UUID}"},
        {"\"{{appID}}\"", "{shop}"},
        {"\"}{ {appID\"", "}{ {appID"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        add(world, "x", "");
        buffer_printf(&world->text, "spec: {metadata: [{name: k, value: %s}]}",
                      cases[i][0]);
        assert_int_equal(load(world), 0);
        assert_string_equal(property(world, "k"), cases[i][1]);
        resources_done(&world->resources);
    }
}

static void test_templates(void **state)
{
    static const struct resource_settings as = {
        .app_id = "shop", .namespace = "sales", .pod_name = "{uuid}"};
    struct world *world = *state;
    const char *ids;

    add(world, "x",
        "spec:\n  metadata:\n"
        "  - {name: ns, value: \"{namespace}\"}\n"
        "  - {name: p, value: \"{podName}/{podName}\"}\n"
        "  - {name: \"{appID}\", value: no template}\n"
        "  - {name: route, value: \"{appID}/x\"}\n"
        "  - {name: ids, value: \"{uuid} {uuid}\"}\n");
    save(world, "a.yaml");
    assert_int_equal(load_as(world, &as), 0);
    assert_string_equal(property(world, "ns"), "sales.shop");
    assert_string_equal(property(world, "p"), "{uuid}/{uuid}");
    assert_string_equal(property(world, "{appID}"), "no template");
    assert_string_equal(property(world, "route"), "shop/x");
    assert_string_equal(resource_route(TAILQ_FIRST(&world->resources)),
                        "{appID}/x");
    ids = property(world, "ids");
    assert_int_equal(strlen(ids), 73);
    assert_int_equal(ids[14], '4');
    assert_non_null(strchr("89ab", ids[19]));
    assert_memory_not_equal(ids, ids + 37, 36);
}

static void test_route(void **state)
{
    struct world *world = *state;
    const struct resource *resource;

    box(world, "a", "");
    add(world, "b", "spec: {metadata: [{name: route, value: \"\"}]}");
    assert_int_equal(load(world), 0);
    resource = TAILQ_FIRST(&world->resources);
    assert_string_equal(resource_route(resource), "a");
    assert_string_equal(resource_delivery_route(resource), "a");
    resource = TAILQ_NEXT(resource, link);
    assert_string_equal(resource_route(resource), "");
    assert_string_equal(resource_delivery_route(resource), "b");
}

static void test_scopes(void **state)
{
    struct world *world = *state;

    box(world, "open", "");
    box(world, "mine", "scopes: [other, shop]\n");
    box(world, "theirs", "scopes: [other]\n");
    box(world, "cased", "scopes: [Shop]\n");
    box(world, "nobody", "scopes: []\n");
    box(world, "theirs", "scopes: [shop]\n");
    assert_int_equal(load(world), 0);
    check_names(world, "open mine nobody theirs");
}

static void test_namespaces(void **state)
{
    static const struct resource_settings as = {.app_id = "shop",
                                                .namespace = "sales"};
    struct world *world = *state;

    add(world, "ours, namespace: sales", "");
    add(world, "theirs, namespace: billing", "");
    add(world, "none", "");
    add(world, "none, namespace: billing", "");
    save(world, "a.yaml");
    assert_int_equal(load_as(world, &as), 0);
    check_names(world, "ours none");
}

/* ---- what is wrong ------------------------------------------------------- */

static void test_duplicates(void **state)
{
    struct world *world = *state;

    box(world, "twin", "");
    box(world, "other", "");
    save(world, "a.yaml");
    add(world, "twin", "spec: {type: bindings.crate, version: v1}\n");
    box(world, "other", "scopes: [elsewhere]\n");
    save(world, "b.yaml");
    assert_int_equal(load_as(world, &shop), -1);
    assert_string_equal(
        buffer_string(&world->error),
        "failed to load components: duplicate definition of Component name "
        "twin (bindings.crate/v1) with existing twin (bindings.box/v1)\n"
        "duplicate definition of Component name other (bindings.box/v1) with "
        "existing other (bindings.box/v1)");
    assert_true(logged(world, "twin is defined at FOLDER/a.yaml:2 and at "));
    assert_true(logged(world, "/b.yaml:2\""));
}

static void test_no_folder(void **state)
{
    struct world *world = *state;
    const char *const paths[] = {world->folder, "/tmp/nowhere/at/all"};

    box(world, "a", "");
    save(world, "a.yaml");
    assert_int_equal(
        resources_load(&world->resources, paths, 2, &shop, &world->error), -1);
    assert_string_equal(buffer_string(&world->error),
                        "failed to create watcher: failed to add target "
                        "/tmp/nowhere/at/all: no such file or directory");
}

/* A document that is wrong leaves the others alone, and says where. */
static void test_wrong(void **state)
{
    static const char *const cases[][2] = {
        {"metadata: {name: a/b%}", "line 3, column 18: invalid name \\\"a/b%"
                                   "\\\" for \\\"Component\\\": may not contain"
                                   " '/'; may not contain '%'"},
        {"metadata: {name: ..}", "may not be '..'"},
        {"metadata: {name: [x]}",
         "line 3, column 18: metadata.name must be text, not a list"},
        {"metadata: x", "line 3, column 11: metadata must be a mapping"},
        {"spec: [x]", "line 3, column 7: spec must be a mapping"},
        {"spec: {ignoreErrors: \"true\"}",
         "line 3, column 22: spec.ignoreErrors must be true or false"},
        {"scopes: shop", "line 3, column 9: scopes must be a list"},
        {"spec: {metadata: {a: b}}", "spec.metadata must be a list"},
        {"spec: {metadata: [a]}", "an item of spec.metadata must be a mapping"},
        {"spec: {metadata: [{name: k, value: .inf}]}",
         "line 3, column 36: .inf is no number that JSON has"},
        {"spec: {metadata: [{name: k, value: \"\\0\"}]}",
         "line 3, column 36: the value holds a NUL character"},
        {"metadata: {name: \"\\0\"}", "metadata.name holds a NUL character"},
        {"spec: {a: b", "line 4, column 1: did not find expected"},
        {"\tx: y", "found a tab character that violates indentation"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_printf(&world->text, HEAD "%s\n", cases[i][0]);
        box(world, "good", "");
        assert_int_equal(load(world), 0);
        check_names(world, "good");
        if (!logged(world, cases[i][1]))
            fail_msg("%s: not said", cases[i][1]);
        resources_done(&world->resources);
    }
}

static void test_unreadable(void **state)
{
    struct world *world = *state;
    char *big = malloc(RESOURCE_FILE_MAX + 1);
    char path[256];

    assert_non_null(big);
    memset(big, '#', RESOURCE_FILE_MAX + 1);
    write_bytes(world, "big.yaml", big, RESOURCE_FILE_MAX + 1);
    write_bytes(world, "fits.yaml", big, RESOURCE_FILE_MAX);
    box(world, "good", "");
    save(world, "good.yaml");
    free(big);
    snprintf(path, sizeof path, "%s/fifo.yaml", world->folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/link.yaml", world->folder);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_int_equal(load_as(world, &shop), 0);
    check_names(world, "good");
    assert_true(logged(world, "daprd load Component error when opening file "
                              "FOLDER/big.yaml: File too large"));
    assert_true(logged(world, "opening file FOLDER/fifo.yaml: "));
    assert_true(logged(world, "opening file FOLDER/link.yaml: No such file"));
    assert_false(logged(world, "fits.yaml"));
}

/* ---- values from elsewhere ----------------------------------------------- */

static void add_reference(struct world *world, const char *name,
                          const char *spec, const char *item)
{
    add(world, name, "spec:\n  type: bindings.box\n  version: v1\n");
    buffer_printf(&world->text, "%s  metadata:\n  - {name: password, %s}\n",
                  spec, item);
}

static void test_references_refused(void **state)
{
    static const char failure[] =
        "failed to load components: process component env error: "
        "[INIT_COMPONENT_FAILURE]: ";
    struct world *world = *state;

    add_reference(world, "env", "", "envRef: HOME");
    box(world, "good", "");
    assert_int_equal(load(world), -1);
    assert_true(logged(world,
                       "level=error msg=\"Failed to init component env "
                       "(bindings.box/v1): [INIT_COMPONENT_FAILURE]: "
                       "initialization error occurred for env "
                       "(bindings.box/v1): property password at FOLDER/a.yaml:9"
                       " has its value by envRef, which this version does not "
                       "support\""));
    assert_true(logged(world, "daprd will exit gracefully: process component "
                              "env error: "));
    assert_memory_equal(world->error.data, failure, sizeof failure - 1);
    check_names(world, "good");
}

static void test_references_ignored(void **state)
{
    static const char ignore[] = "  ignoreErrors: true\n";
    struct world *world = *state;

    add_reference(world, "env", ignore, "envRef: HOME");
    add_reference(world, "secret", ignore,
                  "value: x, secretKeyRef: {name: a, key: b}");
    add_reference(world, "both", "", "value: x, envRef: HOME");
    add_reference(world, "none", "", "envRef: \"\", secretKeyRef: {name: ~}");
    assert_int_equal(load(world), 0);
    check_names(world, "both none");
    assert_true(logged(world, "Ignoring error processing component: process "
                              "component env error: "));
    assert_true(logged(world, "has its value by secretKeyRef"));
    assert_string_equal(property(world, "password"), "x");
}

static void test_no_pod_name(void **state)
{
    struct world *world = *state;

    add_reference(world, "pod", "  ignoreErrors: true\n",
                  "value: \"{podName}\"");
    assert_int_equal(load(world), 0);
    check_names(world, "");
    assert_true(
        logged(world, "Failed to init component pod (bindings.box/v1): "
                      "[INIT_COMPONENT_FAILURE]: initialization error occurred "
                      "for pod (bindings.box/v1): failed to parse metadata: "
                      "property password refers to {podName} but podName is "
                      "not set"));
}

/* ---- hostile files ------------------------------------------------------- */

static const char sample[] =
    "---\n" HEAD "metadata: {name: a, namespace: n}\nauth: {secretStore: s}\n"
    "spec:\n  type: bindings.box\n  version: v1\n  ignoreErrors: true\n"
    "  initTimeout: 5s\n  metadata:\n  - {name: k, value: [1, {b: 2, a: x}]}\n"
    "  - {name: t, value: \"{uuid}{podName}\"}\n  - name: r\n"
    "    secretKeyRef: {name: n, key: k}\nscopes: [shop, other]\n"
    "---\n" HEAD "metadata: {name: b}\n";

static void test_truncated(void **state)
{
    struct world *world = *state;

    for (size_t size = 0; size < sizeof sample; size++) {
        write_bytes(world, "a.yaml", sample, size);
        load_as(world, &shop);
        resources_done(&world->resources);
        buffer_clear(&world->error);
    }
}

static void test_random(void **state)
{
    static const char alphabet[] = "[]{}:,-?&*!|>'\"#% \n\tax<0\xff\0{}";
    struct world *world = *state;
    char text[sizeof sample];

    srand(11);
    for (int round = 0; round < 3000; round++) {
        memcpy(text, sample, sizeof sample);
        for (int n = rand() % 6; n >= 0; n--)
            text[(size_t)rand() % (sizeof sample - 1)] =
                alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        write_bytes(world, "a.yaml", text, sizeof sample - 1);
        load_as(world, &shop);
        resources_done(&world->resources);
        buffer_clear(&world->error);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_documents),
        TEST(test_paths),
        TEST(test_fields),
        TEST(test_defaults),
        TEST(test_values),
        TEST(test_templates),
        TEST(test_route),
        TEST(test_scopes),
        TEST(test_namespaces),
        TEST(test_duplicates),
        TEST(test_no_folder),
        TEST(test_wrong),
        TEST(test_unreadable),
        TEST(test_references_refused),
        TEST(test_references_ignored),
        TEST(test_no_pod_name),
        TEST(test_truncated),
        TEST(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
