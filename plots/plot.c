/* The files of a figure: data, script, and the run of gnuplot. See plot.h; the script's text is in
 * script.c. */
#include "plots/plot.h"

#include "core/base/fs.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const plot_endings[] = {"pdf", "svg", "png", "tsv", "gp", NULL};
enum { PICTURES = 3 };

/* A name as the last words of a data line: no tab, no newline, no control byte. */
static void add_name(struct str *out, const char *name)
{
    char *shown = str_visible(name);
    str_add(out, shown);
    free(shown);
}

/* Numbers come first, so that nothing in a name (a quote, a '#') can change how they are read. */
void plot_data(const struct plot *p, struct str *out)
{
    str_add(out, "# x\ty\tspread\tn\twanted\tpanel\tseries\n");
    bool first = true;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->panels[i].n; j++) {
            const struct plot_series *s = &p->panels[i].series[j];
            str_add(out, first ? "" : "\n\n"); // two empty lines part what gnuplot calls indices
            first = false;
            size_t n = s->reference && s->n ? 1 : s->n;
            if (!n)
                str_add(out, "-\t-\t-\t0\t0\t\t\n");
            for (size_t k = 0; k < n; k++) {
                const struct plot_point *at = &s->points[k];
                if (s->reference)
                    str_add(out, "-");
                else
                    str_addf(out, "%.10g", at->x);
                str_addf(out, "\t%.10g\t%.10g\t%d\t%d\t", at->y, at->spread, at->n, at->wanted);
                add_name(out, p->panels[i].title);
                str_addc(out, '\t');
                add_name(out, s->label);
                str_addc(out, '\n');
            }
        }
}

static void remove_pictures(const struct plot *p, const char *folder)
{
    for (int i = 0; i < PICTURES; i++) {
        char *path = str_format("%s/%s.%s", folder, p->name, plot_endings[i]);
        unlink(path);
        free(path);
    }
}

static int write_text(const struct plot *p, const char *folder, const char *ending,
                      const struct str *text, struct err *e)
{
    char *path = str_format("%s/%s.%s", folder, p->name, ending);
    int rc = fs_write(path, text->data, text->size, e);
    free(path);
    return rc;
}

/* Every picture is there and has content; gnuplot says nothing when a disk is full. */
static int check_pictures(const struct plot *p, const char *folder, struct err *e)
{
    for (int i = 0; i < PICTURES; i++) {
        char *path = str_format("%s/%s.%s", folder, p->name, plot_endings[i]);
        struct fs_map m;
        int rc = fs_map_open(&m, path, e);
        if (!rc && m.size == 0)
            rc = err_set(e, ERR_SYS, "gnuplot wrote nothing into '%s'", path);
        if (!rc)
            fs_map_close(&m);
        free(path);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int plot_write(const struct plot *p, const char *folder, plot_run run, struct err *e)
{
    BUG_IF(!*p->name || p->name[strspn(p->name, "abcdefghijklmnopqrstuvwxyz0123456789-")]);
    struct str data = STR_INIT, script = STR_INIT;
    char *script_name = str_format("%s.gp", p->name);
    plot_data(p, &data);
    plot_script(p, &script);

    int rc = fs_make_folders(folder, e);
    if (rc < 0)
        goto out;
    remove_pictures(p, folder);
    if ((rc = write_text(p, folder, "tsv", &data, e)) < 0 ||
        (rc = write_text(p, folder, "gp", &script, e)) < 0)
        goto out;

    // -d: the user's own settings do not change the figure.
    const char *const argv[] = {"gnuplot", "-d", script_name, NULL};
    rc = run(argv, folder, e);
    if (rc == ERR_MISSING)
        rc = err_set(e, ERR_MISSING,
                     "gnuplot is not installed (Debian package gnuplot-nox); "
                     "data and script of figure '%s' are in '%s'",
                     p->name, folder);
    else if (rc < 0)
        rc = err_wrap(e, "figure '%s'", p->name);
    else
        rc = check_pictures(p, folder, e);
    if (rc < 0)
        remove_pictures(p, folder);
out:
    free(script_name);
    str_release(&data);
    str_release(&script);
    return rc;
}
