/* SPDX-License-Identifier: Apache-2.0 */
/* cdaprd: options, log, run. */
#include "runtime.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    struct options options;
    struct options_result result = options_parse(&options, argc, argv, getenv);
    int code = options_report(&options, &result);

    if (code < 0)
        code = runtime_run(&options);
    options_result_done(&result);
    options_done(&options);
    return code;
}
