/* See figure_draw.h. */
#include "harness/show/figure_draw.h"

#include "core/base/log.h"
#include "harness/show/figure_data.h"
#include "harness/system/proc.h"

static void add_paths(json_t *paths, const struct plot *p, const char *folder)
{
    for (const char *const *ending = plot_endings; *ending; ending++)
        json_array_append_new(paths, json_sprintf("%s/%s%s", folder, p->name, *ending));
    for (const char *const *ending = plot_latex_endings; p->latex && *ending; ending++)
        json_array_append_new(paths, json_sprintf("%s/%s%s", folder, p->name, *ending));
}

int figure_draw(const struct plan *plan, const struct recipe_figure *f, const struct roots *roots,
                struct store *store, const char *own, const char *folder, json_t *paths,
                struct err *e)
{
    struct figure_data data;
    struct plot *plots = NULL;
    size_t n = 0;
    int rc = figure_data_read(&data, plan, f, roots, store, own, e), status = 0;
    const struct figure_input in = {
        .figure = f,
        .stem = plan->recipe->name,
        .caption = data.caption.data,
        .runs = data.runs,
        .n = data.n,
        .published = data.has_published ? &data.published : NULL,
    };
    if (rc == 0)
        rc = figures_build(&plots, &n, &in, e);
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (!plots[i].n) {
            log_warn("figure '%s' is left out: none of its runs is done", f->name);
            status = 1;
            continue;
        }
        rc = plot_write(&plots[i], folder, proc_run_confined, e);
        if (rc == 0)
            add_paths(paths, &plots[i], folder);
    }
    figures_free(plots, n);
    figure_data_release(&data);
    return rc < 0 ? rc : status;
}
