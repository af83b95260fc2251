/*
 * `run`: read a job file, carry the job out, say how it ended.
 */
#include "core/base/log.h"
#include "core/base/opt.h"
#include "core/base/str.h"
#include "core/proto/event.h"
#include "core/proto/memory.h"
#include "core/proto/spec.h"
#include "runner/runner.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int carry_out(const struct job *job, struct err *e)
{
    static const struct {
        const char *job;
        int (*run)(const struct job *job, struct err *e);
    } jobs[] = {{"encode", encode_job}, {"train", train_job}, {"eval", eval_job}};
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
        if (str_eq(spec_get_text(job->spec, "job"), jobs[i].job))
            return jobs[i].run(job, e);
    BUG("no job '%s'", spec_get_text(job->spec, "job"));
}

int runner_job(const char *path)
{
    struct err e = {0};
    struct job job = {0};
    int rc = job_read(&job, path, &e);
    if (rc == 0)
        rc = carry_out(&job, &e);
    if (rc < 0) {
        log_error("%s", e.text);
        event_send(json_pack("{s:s, s:s, s:s}", "event", "fail", "class", err_name(e.code), "text",
                             e.text));
    }
    job_release(&job);
    return rc < 0 ? err_exit_status(&e) : 0;
}

int runner_run(int argc, char **argv)
{
    const char *fd_text = NULL, *gate_text = NULL;
    const struct opt options[] = {
        {"events-fd", OPT_TEXT, &fd_text, "N",
         "descriptor that events are written to (default: none)"},
        {"go-fd", OPT_TEXT, &gate_text, "N",
         "begin when a byte comes from this descriptor (default: at once)"},
        {0},
    };
    struct err e = {0};
    int rest;
    long fd = -1, gate = -1;
    json_checked_memory();
    int rc = opt_parse(options, argc, argv, &rest, &e);
    if (rc == 0 && rest != 1)
        rc = err_set(&e, ERR_USAGE,
                     "usage: promptgrid-runner run JOB.json [--events-fd N] [--go-fd N]");
    if (rc == 0 && fd_text && !str_to_long(fd_text, 0, 1 << 20, &fd))
        rc = err_set(&e, ERR_USAGE, "'--events-fd %s' is no descriptor number", fd_text);
    if (rc == 0 && gate_text && !str_to_long(gate_text, 0, 1 << 20, &gate))
        rc = err_set(&e, ERR_USAGE, "'--go-fd %s' is no descriptor number", gate_text);
    if (rc > 0) {
        opt_print_help(options,
                       "usage: promptgrid-runner run JOB.json [--events-fd N] [--go-fd N]\n\n");
        return 0;
    }
    if (rc < 0) {
        return log_fail(&e);
    }
    event_open((int)fd);
    if (!job_wait((int)gate))
        return 0;
    return runner_job(argv[1]);
}
