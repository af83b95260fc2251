/* Choosing what to compute on: see run_device.h. */
#include "harness/sched/run_device.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/data/catalogue.h"
#include "core/proto/need.h"
#include "core/proto/spec.h"
#include "harness/plan/weights_sizes.h"

#include <stdlib.h>
#include <string.h>

enum { CLASSES = 1000 }; // of a dataset that states none

/* ---- what runs need ---- */

/* Models whose headers were read. */
struct models {
    struct model {
        const char *path; // borrowed
        struct method_sizes sizes;
    } * items;
    size_t n, capacity;
};

static const struct method_sizes *sizes_of(struct models *m, const char *path)
{
    for (size_t i = m->n; i-- > 0;)
        if (str_eq(m->items[i].path, path))
            return &m->items[i].sizes;
    struct model one = {.path = path};
    weights_sizes(&one.sizes, path);
    MEM_PUSH(m->items, m->n, m->capacity) = one;
    return &m->items[m->n - 1].sizes;
}

static double need_of(struct models *m, const struct plan *p, const struct plan_run *r)
{
    const struct dataset_row *d = dataset_find(plan_text(r, "dataset"));
    struct method_sizes s = *sizes_of(m, r->weights);
    json_t *spec = plan_spec(p, r);
    s.classes = d && d->classes ? d->classes : CLASSES;
    s.images = s.classes * (long)r->shots;
    double need = need_gpu(spec, &s);
    json_decref(spec);
    return need;
}

static double *all_needs(const struct plan *p)
{
    struct models models = {0};
    double *need = mem_zero(p->n + 1, sizeof *need);
    for (size_t i = 0; i < p->n; i++)
        if (p->runs[i].state == PLAN_WANTED)
            need[i] = need_of(&models, p, &p->runs[i]);
    free(models.items);
    return need;
}

/* The largest GPU must hold the largest run. */
static int check_sizes(const struct gpus *g, const double *need, const struct plan *p,
                       const char *wanted, struct err *e)
{
    const struct gpu *largest = &g->items[0];
    size_t most = 0;
    char needs[24], has[24];
    for (size_t i = 1; i < g->n; i++)
        if (g->items[i].memory > largest->memory)
            largest = &g->items[i];
    for (size_t i = 0; i < p->n; i++)
        if (need[i] > need[most])
            most = i;
    if (need[most] <= largest->memory)
        return 0;
    const char *method = plan_text(&p->runs[most], "method");
    char *what = method ? str_format("%s on", method) : mem_strdup("encoding");
    struct str name = STR_INIT;
    gpu_text(largest, &name);
    gpu_size(need[most], needs);
    gpu_size(largest->memory, has);
    err_set(e, ERR_MISSING,
            "'--device %s': %s '%s' needs about %s, %s has %s; use a GPU with more memory, or "
            "--device cpu",
            wanted, what, plan_text(&p->runs[most], "dataset"), needs, name.data, has);
    free(what);
    str_release(&name);
    return e->code;
}

/* ---- the choice ---- */

static void say_lines(const struct str *lines)
{
    for (const char *line = lines->data, *end; *line; line = end + 1) {
        end = line + strcspn(line, "\n");
        log_warn("%.*s", (int)(end - line), line);
    }
}

static void say_choice(const struct gpus *g)
{
    struct str all = STR_INIT;
    for (size_t i = 0; i < g->n; i++) {
        char left[24];
        gpu_size(g->items[i].free, left);
        str_add(&all, i ? ", " : "");
        gpu_text(&g->items[i], &all);
        str_addf(&all, " with %s free", left);
    }
    log_info("running on %s", all.data);
    str_release(&all);
}

static int choose(struct gpus *g, double **need, const char *wanted, const struct plan *p,
                  struct err *e)
{
    struct str left_out = STR_INIT;
    int rc = gpus_choose(g, wanted, &left_out, e);
    if (rc == 0)
        say_lines(&left_out);
    if (rc == 0 && g->n) {
        *need = all_needs(p);
        rc = check_sizes(g, *need, p, wanted, e);
    }
    if (rc == 0 && g->n)
        say_choice(g);
    str_release(&left_out);
    return rc;
}

int run_device(struct gpus *g, double **need, const char *wanted, const char *runner,
               const struct plan *p, struct err *e)
{
    *g = (struct gpus){0};
    *need = NULL;
    if (str_eq(wanted, "cpu"))
        return 0;
    int rc = gpus_ask(g, runner, e);
    if (rc == 0)
        rc = choose(g, need, wanted, p, e);
    if (rc == 0)
        return 0;
    gpus_release(g);
    if (!str_eq(wanted, "auto"))
        return rc;
    log_warn("%s; running on the CPU", e->text);
    *e = (struct err){0};
    return 0;
}

int run_device_elsewhere(const char **device, const char *wanted, const char *configured,
                         struct err *e)
{
    *device = wanted ? wanted : configured ? configured : "auto";
    if (gpus_check_wanted(*device, e) < 0)
        return e->code;
    if (strchr(*device, ':'))
        return err_set(e, ERR_USAGE,
                       "'--device %s' names GPUs of this machine; of a node the cluster chooses "
                       "them: say 'cuda' here, and 'gres: gpu:1' in the block 'slurm'",
                       *device);
    return 0;
}
