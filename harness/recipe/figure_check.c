/* See figure_check.h. */
#include "harness/recipe/figure_check.h"

#include "core/base/mem.h"
#include "core/base/str.h"

static int check_kind(struct recipe_figure *f, const struct yaml_node *map, struct err *e)
{
    struct names known = {0};
    if (!f->kind)
        f->kind = mem_strdup(figure_kinds[0].name);
    if (figure_kind_find(f->kind))
        return 0;
    for (const struct figure_kind *k = figure_kinds; k->name; k++)
        names_add(&known, k->name);
    return unknown_name(e, yaml_get(map, "kind"), "kind of figure", f->kind, &known);
}

static int check_keys(const struct figure_kind *kind, const struct yaml_node *map, struct err *e)
{
    static const struct {
        const char *name;
        unsigned key;
    } keys[] = {{"x", FIGURE_X},
                {"y2", FIGURE_Y2},
                {"series", FIGURE_SERIES},
                {"panel", FIGURE_PANEL},
                {"baseline", FIGURE_BASELINE},
                {"published", FIGURE_PUBLISHED}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct yaml_node *node = yaml_get(map, keys[i].name);
        if (node && !(kind->takes & keys[i].key))
            return yaml_error(e, ERR_PARSE, node, "a figure of kind '%s' has no key '%s'",
                              kind->name, keys[i].name);
        if (!node && (kind->needs & keys[i].key))
            return yaml_error(e, ERR_PARSE, map, "key '%s' of the figure is missing", keys[i].name);
    }
    return 0;
}

static int check_values(const struct figure_kind *kind, char **names, const struct yaml_node *node,
                        struct err *e)
{
    for (char **name = names; name && *name; name++) {
        if (!figure_value_fits(figure_value_find(*name), kind->epochs))
            return yaml_error(e, ERR_PARSE, node, "'%s' is known of %s, not of %s", *name,
                              kind->epochs ? "whole runs" : "epochs",
                              kind->epochs ? "epochs" : "whole runs (kind: epochs shows it)");
        for (char **other = names; other < name; other++)
            if (str_eq(*other, *name))
                return yaml_error(e, ERR_PARSE, node, "'%s' is given twice", *name);
    }
    return 0;
}

static char **one_name(const char *name)
{
    char **list = mem_zero(2, sizeof *list);
    list[0] = mem_strdup(name);
    return list;
}

int figure_check(struct recipe_figure *f, const struct yaml_node *map, struct err *e)
{
    if (check_kind(f, map, e) < 0)
        return e->code;
    const struct figure_kind *kind = figure_kind_find(f->kind);
    if (check_keys(kind, map, e) < 0)
        return e->code;
    const struct method_key *x = !f->x             ? NULL
                                 : axis_find(f->x) ? axis_find(f->x)
                                                   : param_find(f->x);
    if (x && !kind->any_x && x->type != KEY_INT && x->type != KEY_REAL)
        return yaml_error(e, ERR_PARSE, yaml_get(map, "x"),
                          "'%s' has no numbers to stand on the x axis", f->x);
    if (!f->metrics && kind->y)
        f->metrics = one_name(kind->y);
    if (check_values(kind, f->metrics, yaml_get(map, "y"), e) < 0 ||
        check_values(kind, f->second, yaml_get(map, "y2"), e) < 0)
        return e->code;
    f->series = f->series ? f->series : mem_strdup("method");
    f->band = f->band ? f->band : mem_strdup("interval");
    f->published = f->published ? f->published : mem_strdup("true");
    return 0;
}
