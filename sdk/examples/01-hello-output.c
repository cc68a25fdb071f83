/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An output binding that answers with what it was given: the smallest component
 * there is. A Component resource of type bindings.hello uses it.
 */
#include <dapr/components.h>

static int hello_invoke(void *self, dapr_call *call,
                        const struct dapr_request *request)
{
    (void)self;
    return dapr_reply(call, request->data);
}

static const struct dapr_output_binding hello = {
    .invoke = hello_invoke,
    .never_blocks = 1, /* so it needs no thread of its own */
};

int main(void)
{
    dapr_register("hello", with_output_binding(&hello));
    dapr_must_run();
    return 0;
}
