/* Programs: the runner and the GPUs that it sees, and those that only some commands need. */
#include "core/base/mem.h"
#include "harness/doctor/doctor.h"
#include "harness/system/proc.h"
#include "plots/plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE = 20 }; // seconds for a program to say its version

/* ---- the runner and GPUs ---- */

static void check_gpu(struct doctor *d, const struct gpu *g)
{
    char left[24], all[24];
    struct str name = STR_INIT;
    gpu_text(g, &name);
    doctor_size(g->free, left);
    doctor_size(g->memory, all);
    if (g->problem)
        doctor_add(d, "gpu", DOCTOR_WARN, "use another GPU (--device cuda:N), or --device cpu",
                   "%s", g->problem);
    else if (g->free < 2e9)
        doctor_add(d, "gpu", DOCTOR_WARN, "see nvidia-smi for what holds its memory",
                   "%s: only %s of %s are free", name.data, left, all);
    else
        doctor_add(d, "gpu", DOCTOR_OK, NULL,
                   "%s: capability %s, %s of %s free; the driver serves CUDA %s, built with %s",
                   name.data, g->capability, left, all, g->driver, g->toolkit);
    str_release(&name);
}

/* Without a GPU runs go all the same; a driver that is there is meant to be used. */
static void check_no_gpu(struct doctor *d)
{
    bool driver = access("/dev/nvidiactl", F_OK) == 0;
    doctor_add(d, "gpu", driver ? DOCTOR_WARN : DOCTOR_OK,
               driver ? "there is an NVIDIA driver: mend what is said, or give --device cpu" : NULL,
               "none, runs are on the CPU: %s", d->gpus.why ? d->gpus.why : "");
}

static void check_runner(struct doctor *d)
{
    struct err e = {0};
    if (gpus_ask(&d->gpus, d->runner, &e) < 0) {
        doctor_add(d, "runner", DOCTOR_FAIL,
                   "build it (cmake --build --preset release), or set PROMPTGRID_RUNNER", "%s",
                   e.text);
        return;
    }
    doctor_add(d, "runner", DOCTOR_OK, NULL, "'%s'", d->runner);
    for (size_t i = 0; i < d->gpus.n; i++)
        check_gpu(d, &d->gpus.items[i]);
    if (d->gpus.n == 0)
        check_no_gpu(d);
}

/* ---- programs of others ---- */

/* The first line that `argv` prints (or why it cannot be run); its status as of proc_capture. */
static int first_line(const char *const *argv, char out[256])
{
    struct str text = STR_INIT;
    struct err e = {0};
    int status = proc_capture(argv, PATIENCE, &text, &e);
    const char *said = status < 0 ? e.text : text.data;
    snprintf(out, 256, "%.*s", (int)strcspn(said, "\n"), said);
    str_release(&text);
    return status;
}

static void check_program(struct doctor *d, const char *name, const char *program,
                          enum doctor_state absent, const char *mend, const char *without)
{
    const char *argv[] = {program, "--version", NULL};
    char line[256];
    int status = first_line(argv, line);
    if (status == 0)
        doctor_add(d, name, DOCTOR_OK, NULL, "%s", line);
    else if (status == ERR_MISSING)
        doctor_add(d, name, absent, mend, "not installed: %s", without);
    else
        doctor_add(d, name, DOCTOR_WARN, mend, "'%s --version' fails: %s", program, line);
}

/* A client that is there and a cluster that answers are two things. */
static void check_slurm(struct doctor *d)
{
    static const char *const version[] = {"sbatch", "--version", NULL};
    static const char *const queue[] = {"squeue", "--noheader", "--me", NULL};
    static const char mend[] = "set up Slurm's client; only '--executor slurm' needs it";
    char said[256], answer[256];
    int status = first_line(version, said);
    if (status == ERR_MISSING)
        doctor_add(d, "slurm", DOCTOR_OK, NULL, "not installed: only '--executor slurm' needs it");
    else if (status != 0)
        doctor_add(d, "slurm", DOCTOR_WARN, mend, "'sbatch --version' fails: %s", said);
    else if (first_line(queue, answer) != 0)
        doctor_add(d, "slurm", DOCTOR_WARN, mend, "%s, but the cluster does not answer: %s", said,
                   answer);
    else
        doctor_add(d, "slurm", DOCTOR_OK, NULL, "%s, and the cluster answers", said);
}

void doctor_programs(struct doctor *d)
{
    char *mend = str_format("apt-get install %s", plot_package);
    check_runner(d);
    check_program(d, "figures", plot_program, DOCTOR_WARN, mend,
                  "'promptgrid plot' and the figures of 'report' need it");
    check_program(d, "latex", "pdflatex", DOCTOR_OK, NULL,
                  "only a paper that takes in our tables and figures needs it");
    check_slurm(d);
    free(mend);
}
