/* Numbers that were made otherwise than most of a table carry a mark and a footnote. */
#include "table_fixture.h"

#include "results/table_model.h"

static const char *const accuracy[] = {"accuracy", NULL};

struct guarded {
    struct wanted w;
    json_t *specs[4];
};

/* Two rows of two datasets; specs agree but for what `change` sets in the last run's. */
static struct table *build(struct guarded *g, const char *folder, const char *key, json_t *value,
                           const char *sql)
{
    static const char *const rows[] = {"x", "x", "y", "y"}, *const datasets[] = {"A", "B", "A",
                                                                                 "B"};
    wanted_open(&g->w, folder, "pocket");
    g->w.protocol = "few-shot";
    for (int i = 0; i < 4; i++) {
        want(&g->w, rows[i], rows[i], NULL, datasets[i], 16, 1, 50 + i, NAN);
        g->specs[i] = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "version", 1, "backbone",
                                "pocket", "dataset", datasets[i], "weights", "aaaa", "split",
                                i % 2 ? "bbbb" : "cccc", "precision", "fp32");
        if (key && i == 3)
            json_object_set(g->specs[i], key, value);
        g->w.runs[i].spec = g->specs[i];
    }
    json_decref(value);
    if (sql)
        fixture_sql(g->w.path, sql);
    return wanted_table(&g->w, accuracy, false);
}

static void close_all(struct guarded *g, struct table *t)
{
    for (int i = 0; i < 4; i++)
        json_decref(g->specs[i]);
    table_free(t);
    wanted_close(&g->w);
}

/* The last run's cell and its row's Average are marked with this footnote, and nothing else is. */
static void assert_marked(const struct table *t, const char *text)
{
    struct err e = {0};
    assert_int_equal(t->n_marks, 1);
    assert_string_equal(t->marks[0], text);
    for (size_t r = 0; r < 2; r++)
        for (size_t c = 0; c < 3; c++)
            assert_int_equal(t->rows[r].cells[c].n_marks, r == 1 && c >= 1);
    assert_int_equal(table_check(t, &e), ERR_CORRUPT);
    char *want = str_format("table 'main' mixes runs that were made differently: %s", text);
    assert_text(&e, want);
    free(want);
}

static void each_guarded_fact_is_marked(void **state)
{
    static const struct {
        const char *key, *value, *text;
    } facts[] = {
        {"weights", "dddd", "weights of pocket dddd, where others have aaaa"},
        {"precision", "bf16", "precision bf16, where others have fp32"},
        {"split", "dddd", "split of B dddd, where others have bbbb"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct guarded g;
        char *folder = str_format("%s/%zu", (char *)*state, i);
        struct err e = {0};
        assert_ok(fs_make_folders(folder, &e), &e);
        struct table *t = build(&g, folder, facts[i].key, json_string(facts[i].value), NULL);
        if (i < 2)
            assert_marked(t, facts[i].text);
        else // one of two: the first seen is what the others have
            assert_string_equal(t->marks[0], facts[i].text);
        close_all(&g, t);
        free(folder);
    }
    struct guarded g;
    struct table *t = build(&g, *state, "version", json_integer(2), NULL);
    assert_marked(t, "version 2, where others have 1");
    close_all(&g, t);
}

static void other_code_is_marked_and_printed(void **state)
{
    struct guarded g;
    struct err e = {0};
    struct str out = STR_INIT;
    struct table *t =
        build(&g, *state, NULL, NULL,
              "INSERT INTO revision (id, hash, git_commit, dirty, diff, runner_sha256, build) "
              "VALUES (9, 'h', 'fedcba9876543210fedcba9876543210fedcba98', 0, '', 'r', 'b'); "
              "UPDATE attempt SET revision = 9 WHERE run = "
              "(SELECT id FROM run WHERE method = 'y' AND dataset = 'B')");
    assert_marked(t, "code fedcba9876, where others have 0123456789 with uncommitted changes "
                     "(7c4604d0)");
    assert_ok(table_format(t, "text", 0, &out, &e), &e);
    assert_non_null(strstr(out.data, "y  52.0  53.0 [a]  52.5 [a]\n"));
    assert_non_null(strstr(out.data, "\n[a] code fedcba9876, where others have 0123456789 with "
                                     "uncommitted changes (7c4604d0)\n"));
    assert_non_null(strstr(out.data, "\nCode: 0123456789 with uncommitted changes, fedcba9876.\n"));
    str_clear(&out);
    assert_ok(table_format(t, "markdown", 0, &out, &e), &e);
    assert_non_null(strstr(out.data, "| **53.0**<sup>a</sup> |"));
    str_clear(&out);
    assert_ok(table_format(t, "latex", 0, &out, &e), &e);
    assert_non_null(strstr(out.data, "\\textsuperscript{a} code fedcba9876, where others have"));
    json_t *origin = table_origin_json(t);
    assert_non_null(json_object_get(json_object_get(origin, "marks"), "a"));
    assert_int_equal(json_array_size(json_object_get(origin, "revisions")), 2);
    json_decref(origin);
    str_release(&out);
    close_all(&g, t);
}

static void another_kind_of_device_is_marked(void **state)
{
    struct guarded g;
    struct table *t =
        build(&g, *state, NULL, NULL,
              "UPDATE attempt SET runner = '{\"device\": \"cuda: NVIDIA H100\"}' WHERE run = "
              "(SELECT id FROM run WHERE method = 'y' AND dataset = 'B'); "
              "UPDATE attempt SET runner = 'no JSON' WHERE run = "
              "(SELECT id FROM run WHERE method = 'x' AND dataset = 'A')");
    assert_marked(t, "device cuda, where others have cpu");
    close_all(&g, t);
}

static void another_build_of_the_same_text_is_the_same_code(void **state)
{
    struct guarded g;
    struct err e = {0};
    struct table *t =
        build(&g, *state, NULL, NULL,
              "INSERT INTO revision (id, hash, git_commit, dirty, diff, runner_sha256, build) "
              "SELECT 9, 'h', git_commit, dirty, diff, 'other', 'b' FROM revision WHERE id = 1; "
              "UPDATE attempt SET revision = 9 WHERE rowid = 1");
    assert_int_equal(t->n_marks, 0);
    assert_int_equal(t->n_codes, 1);
    assert_ok(table_check(t, &e), &e);
    close_all(&g, t);
}

static void marks_have_names_like_columns_of_a_sheet(void **state)
{
    (void)state;
    static const struct {
        size_t number;
        const char *name;
    } names[] = {{0, "a"},   {25, "z"},   {26, "aa"},  {51, "az"},
                 {52, "ba"}, {701, "zz"}, {702, "aaa"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[16];
        table_mark_name(names[i].number, name);
        assert_string_equal(name, names[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_guarded_fact_is_marked),
        CASE(other_code_is_marked_and_printed),
        CASE(another_kind_of_device_is_marked),
        CASE(another_build_of_the_same_text_is_the_same_code),
        cmocka_unit_test(marks_have_names_like_columns_of_a_sheet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
