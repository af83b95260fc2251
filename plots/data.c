/* The data of a figure as text, one block of lines a series or matrix: see plot.h. */
#include "plots/layout.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdlib.h>

/* A name as the last words of a data line: no tab, no newline, no control byte. */
static void add_name(struct str *out, const char *name)
{
    char *shown = str_visible(name);
    str_add(out, shown);
    free(shown);
}

static void add_number(struct str *out, double value)
{
    if (isnan(value))
        str_add(out, "NaN");
    else
        str_addf(out, "%.10g", value);
}

/* Numbers come first, so that nothing in a name (a quote, a '#') can change how they are read. */
static void add_series(const struct plot *p, struct str *out, const struct plot_panel *panel,
                       const struct plot_series *s)
{
    size_t n = s->reference && s->n ? 1 : s->n;
    if (!n)
        str_add(out, p->shape == PLOT_LINES ? "-\t-\t-\t0\t0\t\t\n" : "-\t-\t-\t-\t0\t0\t\t\t\n");
    for (size_t k = 0; k < n; k++) {
        const struct plot_point *at = &s->points[k];
        if (s->reference)
            str_add(out, "-");
        else
            add_number(out, at->x);
        str_addf(out, "\t%.10g\t%.10g", at->y, at->spread);
        if (p->shape != PLOT_LINES)
            str_addf(out, "\t%.10g", at->x_spread);
        str_addf(out, "\t%d\t%d\t", at->n, at->wanted);
        add_name(out, panel->title);
        str_addc(out, '\t');
        add_name(out, s->label);
        if (p->shape != PLOT_LINES) {
            str_addc(out, '\t');
            add_name(out, at->label ? at->label : "");
        }
        str_addc(out, '\n');
    }
}

static void add_cells(struct str *out, const struct plot_panel *panel)
{
    const struct plot_cells *c = panel->cells;
    for (size_t i = 0; i < c->rows * c->columns; i++) {
        size_t row = i / c->columns, column = i % c->columns;
        str_addf(out, "%zu\t%zu\t", column, row);
        add_number(out, c->values[i]);
        str_addf(out, "\t%d\t%d\t", c->n ? c->n[i] : 0, c->wanted ? c->wanted[i] : 0);
        add_name(out, panel->title);
        str_addc(out, '\t');
        add_name(out, c->column_names[column]);
        str_addc(out, '\t');
        add_name(out, c->row_names[row]);
        str_addc(out, '\n');
    }
}

void plot_data(const struct plot *p, struct str *out)
{
    static const char *const heads[PLOT_SHAPES] = {
        [PLOT_LINES] = "# x\ty\tspread\tn\twanted\tpanel\tseries\n",
        [PLOT_MARKS] = "# x\ty\ty-spread\tx-spread\tn\twanted\tpanel\tseries\tname\n",
        [PLOT_BARS] = "# length\tplace\t-\tspread\tn\twanted\tpanel\tseries\tname\n",
        [PLOT_CELLS] = "# column\trow\tvalue\tn\twanted\tpanel\tcolumn-name\trow-name\n",
    };
    str_add(out, heads[p->shape]);
    bool first = true;
    for (size_t i = 0; i < p->n; i++) {
        const struct plot_panel *panel = &p->panels[i];
        for (size_t j = 0; j < (panel->cells ? 1 : panel->n); j++) {
            str_add(out, first ? "" : "\n\n"); // two empty lines part what gnuplot calls indices
            first = false;
            if (panel->cells)
                add_cells(out, panel);
            else
                add_series(p, out, panel, &panel->series[j]);
        }
    }
}
