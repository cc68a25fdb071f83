/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a binding call: what is read of it, and what is said of others.
 */
#include "api/binding_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "operation|data|name=value,..." or "! error" */
static const char *reads(struct dapr_bytes body)
{
    static char text[1024];
    struct binding_request request;
    size_t used;

    binding_request_init(&request);
    if (binding_request_read(&request, body)) {
        snprintf(text, sizeof text, "! %s", request.error);
    } else {
        used = (size_t)snprintf(text, sizeof text, "%s|%s|",
                                buffer_string(&request.operation),
                                buffer_string(&request.data));
        for (size_t i = 0; i < request.metadata.count; i++)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s",
                                 i ? "," : "", request.metadata.items[i].name,
                                 request.metadata.items[i].value);
    }
    binding_request_done(&request);
    return text;
}

static void bodies(void **unused)
{
    static const char *const table[][2] = {
        {"{\"operation\":\"create\",\"data\":{\"b\":1,\"a\":2}}",
         "create|{\"a\":2,\"b\":1}|"},
        {"{\"OPERATION\":\"get\",\"Data\":\"d\",\"MetaData\":{\"K\":\"v\"}}",
         "get|\"d\"|K=v"},
        {"{\"operation\":\"a\",\"operation\":\"b\"}", "b|null|"},
        {"{\"operation\":\"a\",\"operation\":null}", "a|null|"},
        {"{\"data\":1,\"data\":null}", "|null|"},
        {"{\"metadata\":{\"a\":\"1\",\"b\":\"1\"},\"metadata\":{\"b\":\"2\"}}",
         "|null|a=1,b=2"},
        {"{\"metadata\":{\"a\":\"1\"},\"metadata\":null}", "|null|"},
        {"{\"metadata\":{\"n\":null}}", "|null|n="},
        {"{\"operation\":\"x\"} and more", "x|null|"},
        {"{\"op\\u0065ration\":\"x\"}", "x|null|"},
        {"{\"other\":[1,{\"x\":null}],\"operation\":\"x\"}", "x|null|"},
        {"null", "|null|"},
        {"{}", "|null|"},
        {"", "! EOF"},
        {" \n", "! EOF"},
        {"hello", "! invalid character 'h' looking for beginning of value"},
        {"{", "! unexpected EOF"},
        {"{\"operation\":\"a\",}",
         "! invalid character '}' looking for beginning of object key string"},
        {"[]", "! json: cannot unmarshal array into Go value of type "
               "http.OutputBindingRequest"},
        {"7", "! json: cannot unmarshal number into Go value of type "
              "http.OutputBindingRequest"},
        {"{\"operation\":1}",
         "! json: cannot unmarshal number into Go struct field "
         "OutputBindingRequest.operation of type string"},
        {"{\"metadata\":[]}",
         "! json: cannot unmarshal array into Go struct field "
         "OutputBindingRequest.metadata of type map[string]string"},
        {"{\"metadata\":{\"a\":true}}",
         "! json: cannot unmarshal bool into Go struct field "
         "OutputBindingRequest.metadata of type string"},
        {"{\"operation\":1,\"metadata\":7}",
         "! json: cannot unmarshal number into Go struct field "
         "OutputBindingRequest.operation of type string"},
        {"{\"operation\":1,", "! unexpected EOF"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_string_equal(reads(dapr_text(table[i][0])), table[i][1]);
}

/* Every beginning of a body is an error, and none reads beyond its end. */
static void truncated_bodies(void **unused)
{
    static const char whole[] =
        "{\"operation\":\"create\",\"data\":[1.5e3,\"\\u00e9\",{}],"
        "\"metadata\":{\"a\":\"b\"}}";

    (void)unused;
    for (size_t size = 0; size < sizeof whole - 1; size++) {
        char *copy = malloc(size + !size);

        memcpy(copy, whole, size);
        assert_int_equal(reads((struct dapr_bytes){copy, size})[0], '!');
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),
        cmocka_unit_test(truncated_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
