/* promptgrid reference NAME: what the program's tables say, as pages and as completions. The build
 * makes the manual pages and completions that are installed with it; docs/recipe.md and
 * docs/sources.md are kept in the tree and held against it by a test. */
#include "core/base/log.h"
#include "core/base/str.h"
#include "harness/cmd/cmd.h"
#include "harness/cmd/manual.h"
#include "harness/cmd/page.h"
#include "harness/cmd/recipe_reference.h"
#include "harness/cmd/sources_reference.h"

#include <stdio.h>

static int recipe_man(struct str *out, struct err *e)
{
    struct page p = {.format = &page_roff, .out = STR_INIT};
    (void)e;
    recipe_reference(&p);
    *out = p.out;
    return 0;
}

static int recipe_markdown(struct str *out, struct err *e)
{
    struct page p = {.format = &page_markdown, .out = STR_INIT};
    (void)e;
    str_add(&p.out, "<!-- Made by 'promptgrid reference recipe.md' from the tables that check "
                    "recipes. -->\n\n");
    recipe_reference(&p);
    *out = p.out;
    return 0;
}

/* What is written from the commands' own words. */
static int from_manual(void (*write)(const struct manual *m, struct str *out), struct str *out,
                       struct err *e)
{
    struct manual m;
    int rc = manual_gather(&m, NULL, e);
    if (rc == 0)
        write(&m, out);
    manual_release(&m);
    return rc;
}

static int man(struct str *out, struct err *e)
{
    return from_manual(manual_page, out, e);
}

static int sources_markdown(struct str *out, struct err *e)
{
    (void)e;
    sources_reference(out);
    return 0;
}

static int bash(struct str *out, struct err *e)
{
    return from_manual(manual_bash, out, e);
}

static int zsh(struct str *out, struct err *e)
{
    return from_manual(manual_zsh, out, e);
}

static int fish(struct str *out, struct err *e)
{
    return from_manual(manual_fish, out, e);
}

static const struct reference {
    const char *name, *about;
    int (*write)(struct str *out, struct err *e);
} references[] = {
    {"promptgrid.1", "the manual page", man},
    {"promptgrid-recipe.5", "the manual page of recipes", recipe_man},
    {"recipe.md", "the same as Markdown", recipe_markdown},
    {"sources.md", "what is fetched from where, as Markdown", sources_markdown},
    {"bash", "completion: source <(promptgrid reference bash)", bash},
    {"zsh", "completion: a file _promptgrid in a folder of $fpath", zsh},
    {"fish", "completion: promptgrid reference fish | source", fish},
};
enum { REFERENCES = sizeof references / sizeof references[0] };

static int unknown(const char *name, struct err *e)
{
    const char *near = str_nearest(name, &references[0].name, REFERENCES, sizeof references[0]);
    struct str all = STR_INIT;
    for (size_t i = 0; i < REFERENCES; i++)
        str_addf(&all, "%s%s", i ? ", " : "; there are ", references[i].name);
    err_set(e, ERR_USAGE, "unknown reference '%s'%s%s%s", name,
            near ? ", did you mean '" : all.data, near ? near : "", near ? "'?" : "");
    str_release(&all);
    return e->code;
}

int cmd_reference(const struct cmd *self, int argc, char **argv)
{
    const struct opt table[] = {{0}};
    struct err e = {0};
    struct str out = STR_INIT;
    size_t i = 0;
    int rest, rc, status = cmd_options(self, table, argc, argv, &rest, 0, 1);
    if (status >= 0)
        return status;
    if (rest == 0) {
        for (; i < REFERENCES; i++)
            printf("  %-20s %s\n", references[i].name, references[i].about);
        return 0;
    }
    while (i < REFERENCES && !str_eq(references[i].name, argv[1]))
        i++;
    rc = i < REFERENCES ? references[i].write(&out, &e) : unknown(argv[1], &e);
    if (rc == 0)
        fputs(out.data, stdout);
    str_release(&out);
    return rc < 0 ? log_fail(&e) : 0;
}
