/* SPDX-License-Identifier: Apache-2.0 */
/* cdaprd: options, log, run. */
#include "core/log.h"
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct options options;
    struct options_result result = options_parse(&options, argc, argv, getenv);
    int code = result.exit_code;

    if (!result.done)
        code = runtime_run(&options);
    options_done(&options);
    return code;
}
