/* The files of a figure: data, script, and the run of gnuplot. See plot.h; the data's text is in
 * data.c, the script's in script.c. */
#include "plots/plot.h"

#include "core/base/fs.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char plot_program[] = "gnuplot", plot_package[] = "gnuplot-nox";
const char *const plot_endings[] = {".pdf", ".svg", ".png", ".tsv", ".gp", NULL};
const char *const plot_latex_endings[] = {"-tex.tex", "-tex.pdf", NULL};
enum { PICTURES = 3, PDF_LIMIT = 256 << 20 };

/* Path of the i-th picture, LaTeX's last; NULL when there are no more. Yours to free(). */
static char *picture(const struct plot *p, const char *folder, int i)
{
    const char *ending = i < PICTURES ? plot_endings[i] : plot_latex_endings[i - PICTURES];
    return ending ? str_format("%s/%s%s", folder, p->name, ending) : NULL;
}

static void remove_pictures(const struct plot *p, const char *folder)
{
    char *path;
    for (int i = 0; (path = picture(p, folder, i)) != NULL; i++) {
        unlink(path);
        free(path);
    }
}

static int write_text(const struct plot *p, const char *folder, const char *ending,
                      const struct str *text, struct err *e)
{
    char *path = str_format("%s/%s%s", folder, p->name, ending);
    int rc = fs_write(path, text->data, text->size, e);
    free(path);
    return rc;
}

/* The time of drawing in a PDF, replaced by one that does not change: the same data gives the same
 * bytes. */
static int forget_date(const char *path, struct err *e)
{
    static const char key[] = "/CreationDate (D:", fixed[] = "20000101000000Z";
    char *text;
    size_t size;
    int rc = fs_read(&text, &size, path, PDF_LIMIT, e);
    if (rc < 0)
        return rc;
    char *at = memmem(text, size, key, strlen(key)), *end = text + size;
    bool found = false;
    while (at) {
        at += strlen(key);
        for (size_t i = 0; fixed[i] && at + i < end && at[i] != ')'; i++)
            at[i] = fixed[i];
        found = true;
        at = memmem(at, (size_t)(end - at), key, strlen(key));
    }
    if (found)
        rc = fs_write(path, text, size, e);
    free(text);
    return rc;
}

/* Every picture is there and has content; gnuplot says nothing when a disk is full. */
static int finish_pictures(const struct plot *p, const char *folder, struct err *e)
{
    char *path;
    int rc = 0, n = p->latex ? PICTURES + 2 : PICTURES;
    for (int i = 0; i < n && rc == 0 && (path = picture(p, folder, i)) != NULL; i++) {
        struct fs_map m;
        rc = fs_map_open(&m, path, e);
        if (!rc && m.size == 0)
            rc = err_set(e, ERR_SYS, "gnuplot wrote nothing into '%s'", path);
        if (!rc)
            fs_map_close(&m);
        if (!rc && str_ends(path, ".pdf"))
            rc = forget_date(path, e);
        free(path);
    }
    return rc;
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
    if ((rc = write_text(p, folder, ".tsv", &data, e)) < 0 ||
        (rc = write_text(p, folder, ".gp", &script, e)) < 0)
        goto out;

    // -d: the user's own settings do not change the figure.
    const char *const argv[] = {plot_program, "-d", script_name, NULL};
    rc = run(argv, folder, e);
    if (rc == ERR_MISSING)
        rc = err_set(
            e, ERR_MISSING,
            "%s is not installed (Debian package %s); data and script of figure '%s' are in "
            "'%s'",
            plot_program, plot_package, p->name, folder);
    else if (rc < 0)
        rc = err_wrap(e, "figure '%s'", p->name);
    else
        rc = finish_pictures(p, folder, e);
    if (rc < 0)
        remove_pictures(p, folder);
out:
    free(script_name);
    str_release(&data);
    str_release(&script);
    return rc;
}
