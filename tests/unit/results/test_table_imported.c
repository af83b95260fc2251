/* Imported runs in a table: rows of their own, behind ours, without rank, mark or count. */
#include "table_fixture.h"

#define LINE                                                                                       \
    "-------------------------------------------------------------------------------------------"  \
    "------\n"

static char *folder;

static int setup(void **state)
{
    (void)state;
    folder = t_folder();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char *command = str_format("rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
    free(command);
    free(folder);
    return 0;
}

static const char *const accuracy[] = {"base", "new", "H", NULL};

/* Two rows of ours and one of an imported trainer, which is best everywhere. */
static void fill(struct wanted *w)
{
    static const char *const datasets[] = {"DTD", "EuroSAT"};
    wanted_open(w, folder, "ViT-B/16");
    for (int d = 0; d < 2; d++) {
        want(w, "CoOp", "coop", "CoOp", datasets[d], 16, 1, 60, 50);
        want(w, "CoOp", "coop", "CoOp", datasets[d], 16, 2, 62, 52);
        want(w, "RLP", "rlp", NULL, datasets[d], 16, 1, 70, 60);
        want(w, "CoOp (imported)", "CoOp", NULL, datasets[d], 16, 1, 80, 70);
        w->runs[w->n - 1].imported = true;
        want(w, "CoOp (imported)", "CoOp", NULL, datasets[d], 16, 2, d ? NAN : 90, 80);
        w->runs[w->n - 1].imported = true;
    }
}

static void they_are_rows_apart(void **state)
{
    (void)state;
    struct wanted w;
    fill(&w);
    struct table *t = wanted_table(&w, accuracy, false);
    struct str text = STR_INIT;
    struct err e = {0};
    assert_ok(table_format(t, "text", 0, &text, &e), &e);
    char *head = strstr(text.data, "\nMean");
    assert_non_null(head);
    *head = 0;
    assert_string_equal(text.data,
                        "the main table\n"
                        "base / new / H in percent, ViT-B/16, base-to-new\n\n"
                        "                 DTD                         EuroSAT                   "
                        "        Average\n" LINE
                        "CoOp             61.0±1.4 / 51.0±1.4 / 55.6  61.0±1.4 / 51.0±1.4 / 55.6"
                        "        61.0 / 51.0 / 55.6\n"
                        "RLP              70.0     / 60.0     / 64.6  70.0     / 60.0     / 64.6"
                        "        70.0 / 60.0 / 64.6\n" LINE
                        "CoOp (imported)  85.0±7.1 / 75.0±7.1 / 79.7  80.0     / 70.0     / 74.7"
                        " (1/2)  1/2 columns\n");
    assert_non_null(strstr(head + 1, "Rows marked (imported) are from logs of"));
    assert_non_null(strstr(head + 1, "6 of 6 runs done.\nImported: 3 of 4 runs, from logs"));
    str_release(&text);
    table_free(t);
    wanted_close(&w);
}

static void ours_are_ranked_among_themselves(void **state)
{
    (void)state;
    struct wanted w;
    fill(&w);
    struct table *t = wanted_table(&w, accuracy, false);
    struct str text = STR_INIT;
    struct err e = {0};
    assert_ok(table_format(t, "markdown", 0, &text, &e), &e);
    assert_non_null(strstr(text.data, "**70.0**"));
    assert_null(strstr(text.data, "**85.0"));
    json_t *rows = table_json(t);
    assert_true(json_is_true(
        json_object_get(json_row(rows, "CoOp (imported)", "DTD", "base"), "imported")));
    assert_true(json_is_false(json_object_get(json_row(rows, "CoOp", "DTD", "base"), "imported")));
    assert_true(json_real_at(json_row(rows, "CoOp", "DTD", "base"), "mean") == 61);
    assert_true(json_real_at(json_row(rows, "CoOp (imported)", "DTD", "base"), "mean") == 85);
    json_decref(rows);
    str_release(&text);
    table_free(t);
    wanted_close(&w);
}

/* Published rows stand behind them, those of our methods too; every format can be made. */
static void published_rows_come_last(void **state)
{
    (void)state;
    struct wanted w;
    fill(&w);
    struct table *t = wanted_table(&w, accuracy, true);
    struct err e = {0};
    for (size_t i = 0; table_format_name(i); i++) {
        struct str text = STR_INIT;
        assert_ok(table_format(t, table_format_name(i), 0, &text, &e), &e);
        const char *imported = strstr(text.data, "CoOp (imported)");
        const char *kgcoop = strstr(text.data, "KgCoOp");
        assert_non_null(imported);
        assert_non_null(kgcoop);
        assert_true(imported < kgcoop);
        str_release(&text);
    }
    json_t *origin = table_origin_json(t);
    const json_t *verdicts = json_object_get(origin, "verdicts");
    // of CoOp's six numbers; RLP's have no claim, an imported row is asked for none
    assert_int_equal(json_integer_value(json_object_get(verdicts, "reproduced")) +
                         json_integer_value(json_object_get(verdicts, "higher")) +
                         json_integer_value(json_object_get(verdicts, "lower")),
                     6);
    json_decref(origin);
    table_free(t);
    wanted_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_are_rows_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(ours_are_ranked_among_themselves, setup, teardown),
        cmocka_unit_test_setup_teardown(published_rows_come_last, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
