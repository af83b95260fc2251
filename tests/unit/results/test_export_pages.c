/* Tables as LaTeX and HTML: a golden page each, and names that are data whatever they contain.
 * LaTeX is compiled where pdflatex is there. */
#include "hostile.h"
#include "table_fixture.h"

#include "core/base/str.h"

static const char *const base_new_h[] = {"base", "new", "H", NULL};
static const char *const accuracy[] = {"accuracy", NULL};

/* Two datasets and three rows in two groups; one seed is missing. */
static struct table *small(struct wanted *w, const char *folder)
{
    struct err e = {0};
    struct table *t;
    static const double base[] = {64, 66, 63.5}, new_[] = {60, 62, 64};
    wanted_open(w, folder, "pocket");
    want(w, "zero-shot CLIP", "zero-shot", NULL, "A & B", 0, 0, 57.1, 70);
    want(w, "zero-shot CLIP", "zero-shot", NULL, "C", 0, 0, 9.5, 100);
    for (int s = 0; s < 3; s++) {
        want(w, "CoOp", "coop", NULL, "A & B", 16, s + 1, base[s], new_[s]);
        want(w, "CoOp", "coop", NULL, "C", 16, s + 1, 30, 50);
        want(w, "RLP", "rlp", NULL, "A & B", 16, s + 1, s == 1 ? NAN : 80, 90);
        want(w, "RLP", "rlp", NULL, "C", 16, s + 1, 12.25, 90);
    }
    for (size_t i = 0; i < w->n; i++)
        w->runs[i].group = w->runs[i].shots ? "trained" : "as it is";
    const struct table_options options = {.name = "main",
                                          .title = "A title",
                                          .metrics = base_new_h,
                                          .recipe = "r.yaml",
                                          .recipe_sha256 = "abcdef",
                                          .command = "promptgrid table r.yaml"};
    assert_ok(table_build(&t, w->store, w->runs, w->n, &options, &e), &e);
    return t;
}

static char *formatted(const struct table *t, const char *format)
{
    struct err e = {0};
    struct str out = STR_INIT;
    table_open_file(format, "a <page>", &out);
    assert_ok(table_format(t, format, 0, &out, &e), &e);
    table_close_file(format, &out);
    return str_detach(&out);
}

/* From the first line that starts with `from` on. */
static const char *from_line(const char *text, const char *from)
{
    const char *at = strstr(text, from);
    if (!at)
        fail_msg("no '%s' in: %s", from, text);
    return at;
}

static void latex_sets_numbers_in_columns_of_their_own(void **state)
{
    struct wanted w;
    struct table *t = small(&w, *state);
    char *out = formatted(t, "latex");
    const char *body = from_line(out, "\\begin{table}");
    assert_non_null(strstr(out, "% Command: promptgrid table r.yaml\n"
                                "% Recipe's SHA-256: abcdef\n"
                                "% runs of zero-shot CLIP, A & B: 9e3779b10000\n"));
    assert_string_equal(
        body,
        "\\begin{table}\n"
        "\\centering\\footnotesize\\setlength{\\tabcolsep}{4pt}\n"
        "\\sisetup{detect-weight=true,mode=text,retain-explicit-plus=true}\n"
        "\\caption{A title. base / new / H in percent, pocket, base-to-new. Mean and sample "
        "standard deviation over seeds. H is the harmonic mean of mean base and mean new accuracy. "
        "Average is the mean over datasets; its H is the H of the averages. n/N: n of N seeds have "
        "a result; such cells are neither ranked nor averaged.}\n"
        "\\label{tab:main}\n"
        "\\medskip\n"
        "\\begin{tabular}{@{}l S[table-format=2.1]@{\\,}l S[table-format=2.1]@{\\,}l "
        "S[table-format=2.1]@{\\,}l S[table-format=2.1]@{\\,}l S[table-format=3.1]@{\\,}l "
        "S[table-format=2.1]@{}}\n"
        "\\toprule\n"
        " & \\multicolumn{6}{c}{A \\& B} & \\multicolumn{5}{c}{C} \\\\\n"
        "\\cmidrule(lr){2-7}\\cmidrule(lr){8-12}\n"
        " & \\multicolumn{2}{c}{base} & \\multicolumn{2}{c}{new} & \\multicolumn{2}{c}{H}"
        " & \\multicolumn{2}{c}{base} & \\multicolumn{2}{c}{new} & \\multicolumn{1}{c}{H} \\\\\n"
        "\\midrule\n"
        "\\addlinespace\n"
        "{\\itshape as it is} \\\\\n"
        "{\\quad zero-shot CLIP} & 57.1 &  & 70.0 &  & 62.9 &  & 9.5 &  & 100.0 &  & 17.4 \\\\\n"
        "\\addlinespace\n"
        "{\\itshape trained} \\\\\n"
        "{\\quad CoOp} & 64.5 & {\\scriptsize$\\pm$1.3} & 62.0 & {\\scriptsize$\\pm$2.0} & 63.2 & "
        " & \\bfseries 30.0 & {\\scriptsize$\\pm$0.0} & {\\phantom{0}\\underline{50.0}} & "
        "{\\scriptsize$\\pm$0.0} & \\bfseries 37.5 \\\\\n"
        "{\\quad RLP} & 80.0 & {\\scriptsize$\\pm$0.0} & 90.0 & {\\scriptsize$\\pm$0.0} & 84.7 & "
        "{\\scriptsize (2/3)} & {\\underline{12.3}} & {\\scriptsize$\\pm$0.0} & \\bfseries 90.0 & "
        "{\\scriptsize$\\pm$0.0} & {\\underline{21.6}} \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "\n"
        "\\bigskip\n"
        "\n"
        "\\begin{tabular}{@{}l S[table-format=2.1] S[table-format=2.1] S[table-format=2.1]@{}}\n"
        "\\toprule\n"
        " & \\multicolumn{3}{c}{Average} \\\\\n"
        "\\cmidrule(lr){2-4}\n"
        " & \\multicolumn{1}{c}{base} & \\multicolumn{1}{c}{new} & \\multicolumn{1}{c}{H} \\\\\n"
        "\\midrule\n"
        "\\addlinespace\n"
        "{\\itshape as it is} \\\\\n"
        "{\\quad zero-shot CLIP} & 33.3 & 85.0 & 47.9 \\\\\n"
        "\\addlinespace\n"
        "{\\itshape trained} \\\\\n"
        "{\\quad CoOp} & 47.3 & 56.0 & 51.3 \\\\\n"
        "{\\quad RLP} & \\multicolumn{3}{c}{1/2 columns} \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "\\par\\smallskip\\begin{minipage}{\\linewidth}\\raggedright\\scriptsize\n"
        "\\end{minipage}\n"
        "\\end{table}\n");
    free(out);
    table_free(t);
    wanted_close(&w);
}

static void html_has_numbers_runs_and_classes(void **state)
{
    struct wanted w;
    struct table *t = small(&w, *state);
    char *out = formatted(t, "html");
    assert_int_equal(strncmp(out, "<!doctype html>\n", 16), 0);
    assert_non_null(strstr(out, "<title>a &lt;page&gt;</title>"));
    assert_non_null(strstr(out, "content=\"default-src 'none'; style-src 'unsafe-inline'\""));
    assert_non_null(strstr(out, "<section class=\"table\" data-table=\"main\" "
                                "data-recipe-sha256=\"abcdef\" data-command=\"promptgrid table "
                                "r.yaml\">\n<h2>A title</h2>\n"));
    assert_non_null(strstr(
        out, "<thead>\n<tr><th rowspan=\"2\"></th><th scope=\"col\" colspan=\"3\">A &amp; B</th>"));
    assert_non_null(strstr(out, "<tr class=\"group\"><th scope=\"row\" colspan=\"10\">trained</th>"
                                "</tr>\n"));
    const char *row = from_line(out, "<tr class=\"ours\"><th scope=\"row\">  RLP</th>");
    const char *want_row =
        "<tr class=\"ours\"><th scope=\"row\">  RLP</th>"
        "<td data-value=\"80.000000\" data-runs=\"%s %s\">80.0<small>±0.0</small></td>"
        "<td data-value=\"90.000000\">90.0<small>±0.0</small></td>"
        "<td data-value=\"84.705882\">84.7 <small>(2/3)</small></td>"
        "<td class=\"second\" data-value=\"12.250000\"";
    char *want_text = str_format(want_row, w.runs[4].run, w.runs[12].run);
    assert_int_equal(strncmp(row, want_text, strlen(want_text)), 0);
    free(want_text);
    free(out);
    table_free(t);
    wanted_close(&w);
}

/* Every hostile name as a row, a column, a title, a command and a failure's reason. */
static struct table *hostile_table(struct wanted *w, const char *folder, bool turned)
{
    struct err e = {0};
    struct table *t;
    int n;
    wanted_open(w, folder, "pocket \\input{x} <b>");
    w->protocol = "few-shot";
    for (int i = 0; i < HOSTILE; i++) {
        want(w, hostile[i], "m", NULL, "D", 16, 1, 50 + i, NAN);
        w->runs[w->n - 1].column = hostile[(i + 1) % HOSTILE];
        want(w, hostile[i], "m", NULL, "D", 16, 1, 40, NAN);
        w->runs[w->n - 1].group = w->runs[w->n - 2].group = hostile[(i + 2) % HOSTILE];
    }
    want(w, "failed", "m", NULL, "D", 16, 1, NAN, NAN);
    const char *run = w->runs[w->n - 1].run;
    json_t *spec = fixture_spec("D", "m", 16, 1);
    assert_ok(store_run(w->store, run, spec, &e), &e);
    assert_ok(store_begin(w->store, run, 1, 1, "x", "x", &n, &e), &e);
    assert_ok(store_failed(w->store, run, n, "failed", "numeric", hostile[3], &e), &e);
    json_decref(spec);
    const struct table_options options = {.name = "main",
                                          .title = hostile[3],
                                          .metrics = accuracy,
                                          .transpose = turned,
                                          .recipe = hostile[19],
                                          .recipe_sha256 = "ab",
                                          .command = hostile[20]};
    assert_ok(table_build(&t, w->store, w->runs, w->n, &options, &e), &e);
    return t;
}

static bool have(const char *command)
{
    char *text = str_format("%s >/dev/null 2>&1", command);
    bool found = system(text) == 0;
    free(text);
    return found;
}

static void compile(const char *folder, const char *latex)
{
    struct err e = {0};
    char *path = fs_join(folder, "page.tex");
    char *page = str_format("\\documentclass{article}\n\\usepackage{booktabs}\n"
                            "\\usepackage{siunitx}\n\\begin{document}\n%s\\end{document}\n",
                            latex);
    assert_ok(fs_write(path, page, strlen(page), &e), &e);
    char *command = str_format("cd '%s' && pdflatex -no-shell-escape -interaction=nonstopmode "
                               "-halt-on-error page.tex >log.txt 2>&1 || { tail -20 log.txt; exit "
                               "1; }",
                               folder);
    assert_int_equal(system(command), 0);
    char *canary = fs_join(folder, "canary");
    assert_false(fs_is_file(canary));
    free(canary);
    free(command);
    free(page);
    free(path);
}

static void latex_compiles_without_shell_escape(void **state)
{
    if (!have("pdflatex --version") || !have("kpsewhich siunitx.sty") ||
        !have("kpsewhich booktabs.sty")) {
        print_message("skipped: no pdflatex with booktabs and siunitx\n");
        return;
    }
    for (int turned = 0; turned < 2; turned++) {
        struct wanted w;
        char *folder = str_format("%s/%d", (char *)*state, turned);
        struct err e = {0};
        assert_ok(fs_make_folders(folder, &e), &e);
        struct table *t = hostile_table(&w, folder, turned);
        char *out = formatted(t, "latex");
        compile(folder, out);
        free(out);
        free(folder);
        table_free(t);
        wanted_close(&w);
    }
}

static void hostile_names_are_no_markup(void **state)
{
    struct wanted w;
    struct table *t = hostile_table(&w, *state, false);
    char *html = formatted(t, "html"), *text = formatted(t, "text");
    assert_null(strstr(html, "<script"));
    assert_null(strstr(html, "<img"));
    assert_null(strstr(html, "<b>"));
    assert_non_null(strstr(html, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    for (const char *c = text; *c; c++)
        assert_true((unsigned char)*c >= ' ' || *c == '\n');
    free(html);
    free(text);
    table_free(t);
    wanted_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(latex_sets_numbers_in_columns_of_their_own),
        CASE(html_has_numbers_runs_and_classes),
        CASE(latex_compiles_without_shell_escape),
        CASE(hostile_names_are_no_markup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
