/* Our numbers against published ones: verdicts, other sources, claims. */
#include "table_fixture.h"

#include "results/table_model.h"

static const char *const accuracy[] = {"accuracy", NULL};
static const char *const base_new_h[] = {"base", "new", "H", NULL};

#define HEAD "table,method,backbone,shots,dataset,split,accuracy,source_url\n"

static void put_file(const char *folder, const char *name, const char *text)
{
    struct err e = {0};
    char *path = fs_join(folder, name);
    assert_ok(fs_write(path, text, strlen(text), &e), &e);
    free(path);
}

static struct table *against(struct wanted *w, const char *folder, const char *const *metrics,
                             double tolerance)
{
    struct err e = {0};
    struct table *t;
    const struct table_options options = {.name = "main",
                                          .metrics = metrics,
                                          .against_published = true,
                                          .published_folder = folder,
                                          .tolerance = tolerance};
    assert_ok(table_build(&t, w->store, w->runs, w->n, &options, &e), &e);
    return t;
}

static const struct table_value *value_of(const struct table *t, size_t c)
{
    return &t->rows[0].cells[c].value[METRIC_ACCURACY];
}

/* Five datasets: within 0.5, above, below, nothing published, a seed missing; and one whose seeds
 * are so far apart that the interval covers the published number. */
static void fill(struct wanted *w, const char *folder)
{
    static const struct {
        const char *dataset;
        double values[3];
    } cells[] = {{"A", {70.4, 70.5, 70.6}}, {"B", {71, 71, 71}},  {"C", {68.9, 69, 69.1}},
                 {"D", {10, 10, 10}},       {"E", {70, 70, NAN}}, {"F", {66, 72, 78}}};
    put_file(folder, "p.csv",
             HEAD "fewshot,CoOp,B,16,A,all,70,u1\nfewshot,CoOp,B,16,B,all,70,u1\n"
                  "fewshot,CoOp,B,16,C,all,70,u1\nfewshot,CoOp,B,16,E,all,70,u1\n"
                  "fewshot,CoOp,B,16,F,all,70,u1\nfewshot_alt,CoOp,B,16,A,all,70,u2\n"
                  "fewshot_alt,CoOp,B,16,B,all,71,u3\n");
    wanted_open(w, folder, "B");
    w->protocol = "few-shot";
    for (size_t d = 0; d < sizeof cells / sizeof cells[0]; d++)
        for (int s = 0; s < 3; s++)
            want(w, "CoOp", "coop", "CoOp", cells[d].dataset, 16, s + 1, cells[d].values[s], NAN);
}

static void a_verdict_is_by_half_a_point_or_the_interval(void **state)
{
    static const enum verdict want[] = {VERDICT_REPRODUCED, VERDICT_HIGHER,     VERDICT_LOWER,
                                        VERDICT_NO_CLAIM,   VERDICT_INCOMPLETE, VERDICT_REPRODUCED};
    struct wanted w;
    struct str words = STR_INIT;
    fill(&w, *state);
    struct table *t = against(&w, *state, accuracy, 0);
    for (size_t c = 0; c < 6; c++)
        assert_int_equal(value_of(t, c)->verdict, want[c]);
    assert_true(fabs(value_of(t, 0)->difference - 0.5) < 1e-9); // exactly on the edge
    assert_true(fabs(value_of(t, 1)->difference - 1) < 1e-9);
    assert_true(fabs(value_of(t, 2)->difference + 1) < 1e-9);
    assert_true(isnan(value_of(t, 3)->difference));
    table_verdicts(t, &words);
    assert_string_equal(words.data, "Against published numbers: 2 of 4 cells reproduced, 1 higher, "
                                    "1 lower; 1 without a published number; 1 incomplete.\n");
    str_release(&words);
    json_t *origin = table_origin_json(t), *verdicts = json_object_get(origin, "verdicts");
    assert_int_equal(json_integer_value(json_object_get(verdicts, "reproduced")), 2);
    assert_int_equal(json_integer_value(json_object_get(verdicts, "no_claim")), 1);
    json_decref(origin);
    json_t *rows = table_json(t), *row = json_row(rows, "CoOp", "B", "accuracy");
    assert_string_equal(json_string_value(json_object_get(row, "verdict")), "higher");
    assert_true(fabs(json_real_at(row, "difference") - 1) < 1e-9);
    json_decref(rows);
    table_free(t);
    wanted_close(&w);
}

static void a_tolerance_of_the_recipe_decides_alone(void **state)
{
    struct wanted w;
    fill(&w, *state);
    struct table *t = against(&w, *state, accuracy, 0.2);
    assert_int_equal(value_of(t, 0)->verdict, VERDICT_HIGHER);
    assert_int_equal(value_of(t, 5)->verdict, VERDICT_HIGHER); // whatever its interval
    table_free(t);
    t = against(&w, *state, accuracy, 3);
    assert_int_equal(t->n_verdicts[VERDICT_REPRODUCED], 4);
    table_free(t);
    wanted_close(&w);
}

static void sources_that_differ_have_rows_of_their_own(void **state)
{
    struct err e = {0};
    struct str out = STR_INIT;
    struct wanted w;
    fill(&w, *state);
    struct table *t = against(&w, *state, accuracy, 0);
    assert_int_equal(t->rows[0].n_listings, 2);
    assert_true(t->rows[0].listings[0].same); // u2 says what u1 says
    assert_false(t->rows[0].listings[1].same);
    assert_ok(table_format(t, "text", 0, &out, &e), &e);
    assert_non_null(strstr(out.data, "\nCoOp, published [1][2]  70.00 "));
    assert_non_null(strstr(out.data, "\nverdict                     =       +1.00       -1.00"));
    assert_non_null(strstr(out.data, "\nCoOp, elsewhere [3]     -           71.00       -  "));
    assert_non_null(strstr(out.data, "\n[1] u1\n[2] u2\n[3] u3\n"));
    str_release(&out);
    table_free(t);
    wanted_close(&w);
}

/* ---- claims ---- */

#define CLAIM                                                                                      \
    "[{\"claim\": \"x beats y\", \"source\": \"paper\", \"method\": \"rlp\", \"over\": \"coop\", " \
    "\"datasets\": 2, \"points\": 5.25, \"most_parameters\": 549}]"

/* RLP on two datasets, `gain` above CoOp in new. */
static struct table *claimed(struct wanted *w, const char *folder, double gain, long parameters)
{
    static const char *const datasets[] = {"A", "B"};
    put_file(folder, "p.csv", HEAD "base2new,KgCoOp,B,16,A,base,70,u\n");
    put_file(folder, "claims.json", CLAIM);
    wanted_open(w, folder, "B");
    for (int d = 0; d < 2; d++) {
        want(w, "CoOp", "coop", "CoOp", datasets[d], 16, 1, 70, 60);
        want(w, "RLP", "rlp", NULL, datasets[d], 16, 1, 70, 60 + gain);
        w->runs[w->n - 1].parameters = parameters;
    }
    return against(w, folder, base_new_h, 0);
}

static void assert_claim(const struct table *t, const char *state, const char *text)
{
    assert_int_equal(t->n_claims, 1);
    assert_string_equal(t->claims[0].state, state);
    assert_string_equal(t->claims[0].text, text);
}

static void a_claim_holds_or_not_or_is_not_tested(void **state)
{
    static const struct {
        double gain;
        long parameters;
        const char *state, *text;
    } cases[] = {
        {6, 516, "holds", "at most +6.00 points, in new, by RLP with 516 parameters"},
        {5, 516, "does not hold", "at most +5.00 points, in new, by RLP with 516 parameters"},
        {6, 1032, "not tested",
         "it needs the Average of a row with at most 549 parameters and of the row that it is "
         "compared with"},
        {NAN, 516, "not tested",
         "it needs the Average of a row with at most 549 parameters and of the row that it is "
         "compared with"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wanted w;
        struct err e = {0};
        char *folder = str_format("%s/%zu", (char *)*state, i);
        assert_ok(fs_make_folders(folder, &e), &e);
        struct table *t = claimed(&w, folder, cases[i].gain, cases[i].parameters);
        assert_claim(t, cases[i].state, cases[i].text);
        struct str words = STR_INIT;
        table_verdicts(t, &words);
        char *line =
            str_format("Claim of paper: x beats y. Here: %s: %s.\n", cases[i].state, cases[i].text);
        assert_non_null(strstr(words.data, line));
        free(line);
        str_release(&words);
        table_free(t);
        wanted_close(&w);
        free(folder);
    }
}

static void a_claim_about_other_datasets_is_not_tested(void **state)
{
    struct wanted w;
    put_file(*state, "claims.json", CLAIM);
    put_file(*state, "p.csv", HEAD "base2new,KgCoOp,B,16,A,base,70,u\n");
    wanted_open(&w, *state, "B");
    want(&w, "CoOp", "coop", "CoOp", "A", 16, 1, 70, 60);
    want(&w, "RLP", "rlp", NULL, "A", 16, 1, 70, 60);
    struct table *t = against(&w, *state, base_new_h, 0);
    assert_claim(t, "not tested", "it is about 2 datasets, this table has 1");
    table_free(t);
    w.n--; // without RLP there is nothing to say
    t = against(&w, *state, base_new_h, 0);
    assert_int_equal(t->n_claims, 0);
    table_free(t);
    w.n++;
    wanted_close(&w);
}

static void a_broken_claim_is_refused_with_its_place(void **state)
{
    struct err e = {0};
    struct table *t;
    struct wanted w;
    put_file(*state, "claims.json", "[{\"claim\": \"x\"}]");
    put_file(*state, "p.csv", HEAD "base2new,KgCoOp,B,16,A,base,70,u\n");
    wanted_open(&w, *state, "B");
    want(&w, "CoOp", "coop", "CoOp", "A", 16, 1, 70, 60);
    const struct table_options options = {.name = "main",
                                          .metrics = base_new_h,
                                          .against_published = true,
                                          .published_folder = *state};
    assert_int_equal(table_build(&t, w.store, w.runs, w.n, &options, &e), ERR_PARSE);
    assert_non_null(strstr(e.text, "claims.json: claim 1: Object item not found: source"));
    wanted_close(&w);
}

static void the_claims_of_the_tree_can_be_read(void **state)
{
    struct wanted w;
    wanted_open(&w, *state, "ViT-B/16");
    want(&w, "CoOp", "coop", "CoOp", "DTD", 16, 1, 70, 60);
    want(&w, "RLP", "rlp", NULL, "DTD", 16, 1, 70, 60);
    struct table *t = against(&w, "results/published", base_new_h, 0);
    assert_claim(t, "not tested", "it is about 11 datasets, this table has 1");
    table_free(t);
    wanted_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_verdict_is_by_half_a_point_or_the_interval),
        CASE(a_tolerance_of_the_recipe_decides_alone),
        CASE(sources_that_differ_have_rows_of_their_own),
        CASE(a_claim_holds_or_not_or_is_not_tested),
        CASE(a_claim_about_other_datasets_is_not_tested),
        CASE(a_broken_claim_is_refused_with_its_place),
        CASE(the_claims_of_the_tree_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
