/* `verify`: a checkpoint against its own hash, for `promptgrid check`, which knows no tensors. */
#include "core/base/log.h"
#include "core/train/checkpoint.h"
#include "runner/runner.h"

int runner_verify(int argc, char **argv)
{
    struct err e = {0};
    struct checkpoint c;
    if (argc != 3) {
        log_error("usage: promptgrid-runner verify RUN FILE");
        return 2;
    }
    const struct checkpoint_owner owner = {argv[1], NULL};
    if (checkpoint_open(&c, argv[2], &owner, &e) < 0) {
        return log_fail(&e);
    }
    checkpoint_close(&c);
    return 0;
}
