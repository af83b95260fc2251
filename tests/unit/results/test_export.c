/* Tables as text, Markdown and CSV, compared whole; names are data in each of them. */
#include "table_fixture.h"

#define CSV_HEAD                                                                                   \
    "table,row,method,column,metric,mean,std,n,wanted,source,group,interval,delta,verdict,"        \
    "difference,marks,code,runs,recipe_sha256,command\n"
#define CODE "0123456789abcdef0123456789abcdef01234567+changed"

static const char *const base_new_h[] = {"base", "new", "H", NULL};
static const char *const accuracy[] = {"accuracy", NULL};

/* The printed table, with the store's path as STORE. */
static void assert_format(struct wanted *w, const struct table *t, const char *format, int columns,
                          const char *want)
{
    struct err e = {0};
    struct str out = STR_INIT, seen = STR_INIT;
    table_open_file(format, "x", &out);
    assert_ok(table_format(t, format, columns, &out, &e), &e);
    const char *from = out.data, *at = strstr(out.data, w->path);
    if (at) {
        str_addn(&seen, from, (size_t)(at - from));
        str_add(&seen, "STORE");
        from = at + strlen(w->path);
    }
    str_add(&seen, from);
    assert_string_equal(seen.data, want);
    str_release(&seen);
    str_release(&out);
}

/* Two datasets; CoOp complete, RLP with one seed of A missing, a third row not begun on B. */
static void fill(struct wanted *w, const char *folder)
{
    static const double base[] = {64, 66, 63.5}, new_[] = {60, 62, 64};
    wanted_open(w, folder, "pocket");
    want(w, "zero-shot CLIP", "zero-shot", "zero-shot CLIP", "A", 0, 0, 57.1, 70);
    want(w, "zero-shot CLIP", "zero-shot", "zero-shot CLIP", "B", 0, 0, 9.5, 100);
    for (int s = 0; s < 3; s++) {
        want(w, "CoOp", "coop", "CoOp", "A", 16, s + 1, base[s], new_[s]);
        want(w, "CoOp", "coop", "CoOp", "B", 16, s + 1, 30, 50);
        want(w, "RLP, rank 2", "rlp", NULL, "A", 16, s + 1, s == 1 ? NAN : 80, 90);
        want(w, "RLP, rank 2", "rlp", NULL, "B", 16, s + 1, NAN, 0);
    }
}

static void text_lines_up_and_counts_what_is_missing(void **state)
{
    struct wanted w;
    fill(&w, *state);
    struct table *t = wanted_table(&w, base_new_h, false);
    assert_format(
        &w, t, "text", 0,
        "the main table\n"
        "base / new / H in percent, pocket, base-to-new\n"
        "\n"
        "                A                                 B                            Average\n"
        "---------------------------------------------------------------------------------------"
        "----------\n"
        "zero-shot CLIP  57.1     / 70.0     / 62.9         9.5     / 100.0     / 17.4  33.3 / "
        "85.0 / 47.9\n"
        "CoOp            64.5±1.3 / 62.0±2.0 / 63.2        30.0±0.0 /  50.0±0.0 / 37.5  47.3 / "
        "56.0 / 51.3\n"
        "RLP, rank 2     80.0±0.0 / 90.0±0.0 / 84.7 (2/3)  0/3                          0/2 "
        "columns\n"
        "\n"
        "Mean and sample standard deviation over seeds. H is the harmonic mean of mean base and "
        "mean new accuracy. Average is the mean over datasets; its H is the H of the averages. "
        "n/N: n of N seeds have a result; such cells are neither ranked nor averaged.\n"
        "Results: STORE, 10 of 14 runs done.\n"
        "Code: 0123456789 with uncommitted changes.\n");
    table_free(t);
    wanted_close(&w);
}

static void a_narrow_terminal_gets_blocks_of_columns(void **state)
{
    struct wanted w;
    wanted_open(&w, *state, "pocket");
    w.protocol = "few-shot";
    static const char *const datasets[] = {"pocket-one", "pocket-two", "pocket-six", "pocket-ten"};
    for (int d = 0; d < 4; d++) {
        want(&w, "CoOp", "coop", "CoOp", datasets[d], 16, 1, 50 + d, NAN);
        want(&w, "RLP", "rlp", NULL, datasets[d], 16, 1, 51.04, NAN);
    }
    struct table *t = wanted_table(&w, accuracy, false);
    assert_format(&w, t, "terminal", 44,
                  "the main table\n"
                  "accuracy in percent, pocket, few-shot\n"
                  "\n"
                  "      pocket-one  pocket-two  pocket-six\n"
                  "----------------------------------------\n"
                  "CoOp  \033[4m50.0\033[0m        \033[1m51.0\033[0m        \033[1m52.0\033[0m\n"
                  "RLP   \033[1m51.0\033[0m        \033[1m51.0\033[0m        \033[4m51.0\033[0m\n"
                  "\n"
                  "      pocket-ten  Average\n"
                  "-------------------------\n"
                  "CoOp  \033[1m53.0\033[0m        \033[1m51.5\033[0m\n"
                  "RLP   \033[4m51.0\033[0m        \033[4m51.0\033[0m\n"
                  "\n"
                  "Mean and sample standard deviation over\n"
                  "seeds. Average is the mean over datasets.\n"
                  "Results:\n"
                  "STORE,\n"
                  "8 of 8 runs done.\n"
                  "Code: 0123456789 with uncommitted changes.\n");
    table_free(t);
    wanted_close(&w);
}

static void datasets_as_rows_are_the_same_table_turned(void **state)
{
    struct wanted w;
    wanted_open(&w, *state, "pocket");
    w.protocol = "few-shot";
    want(&w, "CoOp", "coop", "CoOp", "A", 16, 1, 50, NAN);
    want(&w, "CoOp", "coop", "CoOp", "B", 16, 1, 70, NAN);
    want(&w, "RLP", "rlp", NULL, "A", 16, 1, 60, NAN);
    want(&w, "RLP", "rlp", NULL, "B", 16, 1, NAN, NAN);
    for (size_t i = 0; i < w.n; i++) {
        const char *row = w.runs[i].row;
        w.runs[i].row = w.runs[i].column;
        w.runs[i].column = row;
    }
    struct table *t = wanted_table(&w, accuracy, false);
    assert_format(&w, t, "text", 0,
                  "the main table\n"
                  "accuracy in percent, pocket, few-shot\n"
                  "\n"
                  "         CoOp  RLP\n"
                  "--------------------------\n"
                  "A        50.0  60.0\n"
                  "B        70.0  0/1\n"
                  "Average  60.0  1/2 columns\n"
                  "\n"
                  "Mean and sample standard deviation over seeds. Average is the mean over "
                  "datasets. n/N: n of N seeds have a result; such cells are neither ranked nor "
                  "averaged.\n"
                  "Results: STORE, 3 of 4 runs done.\n"
                  "Code: 0123456789 with uncommitted changes.\n");
    json_t *rows = table_json(t), *row = json_row(rows, "CoOp", "B", "accuracy");
    assert_true(json_real_at(row, "mean") == 70); // rows of JSON are methods either way
    json_decref(rows);
    table_free(t);
    wanted_close(&w);
}

static void markdown_marks_best_and_second_and_both_of_a_tie(void **state)
{
    struct wanted w;
    wanted_open(&w, *state, "pocket");
    w.protocol = "few-shot";
    want(&w, "a", "coop", NULL, "A", 16, 1, 50.04, NAN);
    want(&w, "b", "coop", NULL, "A", 16, 1, 49.96, NAN);
    want(&w, "c", "coop", NULL, "A", 16, 1, 49.9, NAN);
    want(&w, "d", "coop", NULL, "A", 16, 1, 12, NAN);
    want(&w, "e", "coop", NULL, "A", 16, 1, 99, NAN);
    want(&w, "e", "coop", NULL, "A", 16, 2, NAN, NAN);
    struct table *t = wanted_table(&w, accuracy, false);
    assert_format(&w, t, "markdown", 0,
                  "### the main table\n"
                  "\n"
                  "accuracy in percent, pocket, few-shot\n"
                  "\n"
                  "|  | A |\n"
                  "| --- | --- |\n"
                  "| a | **50.0** |\n"
                  "| b | **50.0** |\n"
                  "| c | <u>49.9</u> |\n"
                  "| d | 12.0 |\n"
                  "| e | 99.0 (1/2) |\n"
                  "\n"
                  "Mean and sample standard deviation over seeds. n/N: n of N seeds have a result; "
                  "such cells are neither ranked nor averaged.  \n"
                  "Results: STORE, 5 of 6 runs done.  \n"
                  "Code: 0123456789 with uncommitted changes.  \n");
    table_free(t);
    wanted_close(&w);
}

/* A dataset and two methods with every sign that some format could take for its own. */
static void fill_odd(struct wanted *w, const char *folder)
{
    wanted_open(w, folder, "pocket");
    w->protocol = "few-shot";
    want(w, "=1+1", "coop", NULL, "a|b \"c\"\n<d>", 16, 1, 50, NAN);
    want(w, "été, *_x", "rlp", NULL, "a|b \"c\"\n<d>", 16, 1, 40, NAN);
}

static void odd_names_are_data_in_csv(void **state)
{
    struct wanted w;
    fill_odd(&w, *state);
    struct table *t = wanted_table(&w, accuracy, false);
    assert_format(&w, t, "csv", 0,
                  CSV_HEAD
                  "main,\"'=1+1\",coop,\"a|b \"\"c\"\"\n<d>\",accuracy,50.0000,,1,1,,,,,,,," CODE
                  ",9e3779b100000000000000000000000000000000000000000000000000000001,,\n"
                  "main,\"été, *_x\",rlp,\"a|b \"\"c\"\"\n<d>\",accuracy,40.0000,,1,1,,,,,,,," CODE
                  ",3c6ef36200000000000000000000000000000000000000000000000000000002,,\n");
    table_free(t);
    wanted_close(&w);
}

static void odd_names_are_data_in_markdown_and_text(void **state)
{
    struct wanted w;
    fill_odd(&w, *state);
    struct table *t = wanted_table(&w, accuracy, false);
    assert_format(&w, t, "markdown", 0,
                  "### the main table\n"
                  "\n"
                  "accuracy in percent, pocket, few-shot\n"
                  "\n"
                  "|  | a\\|b \"c\"\\\\x0a&lt;d&gt; |\n"
                  "| --- | --- |\n"
                  "| =1+1 | **50.0** |\n"
                  "| été, \\*\\_x | <u>40.0</u> |\n"
                  "\n"
                  "Mean and sample standard deviation over seeds.  \n"
                  "Results: STORE, 2 of 2 runs done.  \n"
                  "Code: 0123456789 with uncommitted changes.  \n");
    assert_format(&w, t, "text", 0,
                  "the main table\n"
                  "accuracy in percent, pocket, few-shot\n"
                  "\n"
                  "          a|b \"c\"\\x0a<d>\n"
                  "------------------------\n"
                  "=1+1      50.0\n"
                  "été, *_x  40.0\n"
                  "\n"
                  "Mean and sample standard deviation over seeds.\n"
                  "Results: STORE, 2 of 2 runs done.\n"
                  "Code: 0123456789 with uncommitted changes.\n");
    table_free(t);
    wanted_close(&w);
}

static void published_rows_stand_below_a_line_with_their_sources(void **state)
{
    struct err e = {0};
    struct wanted w;
    struct table *t;
    char *path = fs_join(*state, "p.csv");
    const char *csv = "table,method,backbone,shots,dataset,split,accuracy,source_url\n"
                      "fewshot,CoOp,B,16,A,all,71.25,https://one\n"
                      "fewshot_alt,CoOp,B,16,A,all,72,https://two\n"
                      "fewshot,KgCoOp,B,16,A,all,70.5,https://three_x\n"
                      "fewshot,CoOp,B,8,A,all,1.5,https://one\n";
    assert_ok(fs_write(path, csv, strlen(csv), &e), &e);
    free(path);
    wanted_open(&w, *state, "B");
    w.protocol = "few-shot";
    want(&w, "CoOp, lr 1", "coop", "CoOp", "A", 16, 1, 71.3, NAN);
    const struct table_options options = {.name = "main",
                                          .title = "main",
                                          .metrics = accuracy,
                                          .against_published = true,
                                          .published_folder = *state};
    assert_ok(table_build(&t, w.store, w.runs, w.n, &options, &e), &e);
    assert_format(&w, t, "text", 0,
                  "main\n"
                  "accuracy in percent, B, few-shot\n"
                  "\n"
                  "                     A\n"
                  "--------------------------\n"
                  "CoOp, lr 1           71.30\n"
                  "CoOp, published [1]  71.25\n"
                  "verdict                  =\n"
                  "CoOp, elsewhere [2]  72.00\n"
                  "--------------------------\n"
                  "KgCoOp [3]           70.50\n"
                  "\n"
                  "[1] https://one\n"
                  "[2] https://two\n"
                  "[3] https://three_x\n"
                  "Mean and sample standard deviation over seeds. Verdict: = is reproduced, within "
                  "the larger of 0.5 points and half of Student's 95 % interval; otherwise by how "
                  "many points ours is higher or lower.\n"
                  "Against published numbers: 1 of 1 cells reproduced.\n"
                  "Results: STORE, 1 of 1 runs done.\n"
                  "Code: 0123456789 with uncommitted changes.\n");
    assert_format(
        &w, t, "csv", 0,
        CSV_HEAD "main,\"CoOp, lr 1\",coop,A,accuracy,71.3000,,1,1,,,,,reproduced,0.0500,," CODE
                 ",9e3779b100000000000000000000000000000000000000000000000000000001,,\n"
                 "main,\"CoOp, published\",CoOp,A,accuracy,71.2500,,,,https://one,,,,,,,,,,\n"
                 "main,\"CoOp, published\",CoOp,A,accuracy,72.0000,,,,https://two,,,,,,,,,,\n"
                 "main,\"KgCoOp, published\",KgCoOp,A,accuracy,70.5000,,,,https://three_x,,,,,,,,,,"
                 "\n");
    table_free(t);
    wanted_close(&w);
}

static void an_unknown_format_is_refused(void **state)
{
    struct err e = {0};
    struct str out = STR_INIT;
    struct wanted w;
    fill_odd(&w, *state);
    struct table *t = wanted_table(&w, accuracy, false);
    assert_int_equal(table_format(t, "tex", 0, &out, &e), ERR_USAGE);
    assert_text(&e, "unknown format 'tex': expected text, markdown, latex, csv, html or json");
    str_release(&out);
    table_free(t);
    wanted_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(text_lines_up_and_counts_what_is_missing),
        CASE(a_narrow_terminal_gets_blocks_of_columns),
        CASE(datasets_as_rows_are_the_same_table_turned),
        CASE(markdown_marks_best_and_second_and_both_of_a_tie),
        CASE(odd_names_are_data_in_csv),
        CASE(odd_names_are_data_in_markdown_and_text),
        CASE(published_rows_stand_below_a_line_with_their_sources),
        CASE(an_unknown_format_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
