#include "store_fixture.h"

#include "core/base/fs.h"
#include "results/baseline.h"

#define HEADER "table,method,backbone,shots,dataset,split,accuracy,source_url\n"

static int load_text(void **state, const char *text, struct baselines *b, struct err *e)
{
    char *path = fs_join(*state, "x.csv");
    assert_ok(fs_write(path, text, strlen(text), e), e);
    free(path);
    return baselines_load(b, *state, e);
}

static void the_published_file_is_whole(void **state)
{
    (void)state;
    struct err e = {0};
    struct baselines b;
    assert_ok(baselines_load(&b, "results/published", &e), &e);
    assert_int_equal(b.n, 2688);
    assert_string_equal(b.rows[0].method, "zero-shot CLIP");
    assert_true(b.rows[0].value == 72.43);
    assert_int_equal(b.rows[0].line, 2);
    baselines_release(&b);
}

static void quotes_commas_and_line_ends_are_undone(void **state)
{
    struct err e = {0};
    struct baselines b;
    const char *text = "table,method,backbone,shots,dataset,split,accuracy,source_url\r\n"
                       "t,\"Co\"\"Op, new\nline\",B,16,D,base,80.5,u\r\n"
                       "t,\"\"\"\",B,0,D,H,7,\"u\"";
    assert_ok(load_text(state, text, &b, &e), &e);
    assert_int_equal(b.n, 2);
    assert_string_equal(b.rows[0].method, "Co\"Op, new\nline");
    assert_string_equal(b.rows[0].source, "u");
    assert_int_equal(b.rows[0].shots, 16);
    assert_string_equal(b.rows[1].method, "\"");
    assert_string_equal(b.rows[1].source, "u");
    assert_int_equal(b.rows[1].line, 4);
    baselines_release(&b);
}

static void each_fault_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ":1: expected the header table,method,backbone,shots,dataset,split,accuracy,"
             "source_url, found '' in column 1 of 1"},
        {"table,method,backbone,shots,dataset,split,accuracy,source\n",
         ":1: expected the header table,method,backbone,shots,dataset,split,accuracy,source_url, "
         "found 'source' in column 8 of 8"},
        {HEADER "t,m,B,16,D,base,80\n", ":2: expected 8 fields, found 7"},
        {HEADER "t,m,B,16,D,base,80,u\n\nt,m,B,1,D,base,80,u\n", ":3: expected 8 fields, found 1"},
        {HEADER "t,m,B,16,D,base,80,\n",
         ":2: 'source_url' is empty: every number needs its citation"},
        {HEADER "t,m,B,16,D,base,80, \n",
         ":2: 'source_url' is empty: every number needs its citation"},
        {HEADER "t, ,B,16,D,base,80,u\n", ":2: 'method' is empty"},
        {HEADER "t,m ,B,16,D,base,80,u\n", ":2: 'method' begins or ends with a blank"},
        {HEADER "t,m,B,16,D,base,80,u\nt,\xff,B,16,D,base,80,u\n", ":3: 'method' is not UTF-8"},
        {HEADER "t,m,B,x,D,base,80,u\n", ":2: shots 'x' is not a whole number"},
        {HEADER "t,m,B,16,D,base,172.4,u\n",
         ":2: accuracy '172.4' is not a percentage from 0 to 100"},
        {HEADER "t,m,B,16,D,base,nan,u\n", ":2: accuracy 'nan' is not a percentage from 0 to 100"},
        {HEADER "t,m,B,16,D,base,-1,u\n", ":2: accuracy '-1' is not a percentage from 0 to 100"},
        {HEADER "t,m,B,16,D,base,0.724,u\n",
         ":2: accuracy '0.724' looks like a fraction; expected percent"},
        {HEADER "t,m,B,16,D,Base,72.4,u\n", ":2: split 'Base' is not one of base, new, H, all"},
        {HEADER "t,\"m,B,16,D,base,72.4,u\n", ":2: a quote that does not end"},
        {HEADER "t,\"m\"x,B,16,D,base,72.4,u\n", ":2: text after the closing quote of field 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        struct baselines b;
        char *want = str_format("%s/x.csv%s", (char *)*state, cases[i].want);
        assert_true(load_text(state, cases[i].text, &b, &e) < 0);
        assert_text(&e, want);
        free(want);
    }
}

static void the_same_number_twice_is_refused_unless_sources_differ(void **state)
{
    struct err e = {0};
    struct baselines b;
    assert_int_equal(load_text(state,
                               HEADER "t,m,B,16,D,base,80,u\nt,m,B,16,D,new,70,u\n"
                                      "t,m,B,16,D,base,81,u\n",
                               &b, &e),
                     ERR_CORRUPT);
    char *want =
        str_format("%s/x.csv:4: 'base' of 'm' on 'D' (t, 16 shots) is in %s/x.csv:2 already, "
                   "from the same source",
                   (char *)*state, (char *)*state);
    assert_text(&e, want);
    free(want);
    assert_ok(load_text(state, HEADER "t,m,B,16,D,base,80,u\nt,m,B,16,D,base,81,v\n", &b, &e), &e);
    assert_int_equal(b.n, 2);
    baselines_release(&b);
}

static void a_users_own_come_after_the_others(void **state)
{
    struct err e = {0};
    struct baselines b;
    char *own = fs_join(*state, "own"), *path = fs_join(own, "mine.csv");
    assert_ok(load_text(state, "\xef\xbb\xbf" HEADER "t,m,B,16,D,base,80,u\n", &b, &e), &e);
    assert_ok(baselines_load_own(&b, NULL, &e), &e);
    assert_ok(baselines_load_own(&b, own, &e), &e); // not there
    assert_int_equal(b.n, 1);
    assert_ok(fs_make_folders(own, &e), &e);
    const char *text = HEADER "t,n,B,16,D,base,81,v\n";
    assert_ok(fs_write(path, text, strlen(text), &e), &e);
    assert_ok(baselines_load_own(&b, own, &e), &e);
    assert_int_equal(b.n, 2);
    assert_string_equal(b.rows[1].method, "n");
    assert_string_equal(b.rows[1].file, path);
    text = HEADER "t,n,B,16,D,new,81,v\nt,m,B,16,D,base,80,u\n";
    assert_ok(fs_write(path, text, strlen(text), &e), &e);
    b.n = 1;
    assert_int_equal(baselines_load_own(&b, own, &e), ERR_CORRUPT);
    char *want = str_format("%s:3: 'base' of 'm' on 'D' (t, 16 shots) is in %s/x.csv:2 already, "
                            "from the same source",
                            path, (char *)*state);
    assert_text(&e, want);
    free(want);
    free(path);
    free(own);
    baselines_release(&b);
}

static bool only_d(const char *dataset)
{
    return str_eq(dataset, "D");
}

static void rows_about_other_datasets_are_named(void **state)
{
    struct err e = {0};
    struct baselines b;
    assert_ok(load_text(state, HEADER "t,m,B,16,D,base,80,u\nt,m,B,16,E,new,70,u\n", &b, &e), &e);
    assert_int_equal(baselines_check(&b, only_d, &e), ERR_PARSE);
    char *want = str_format("%s/x.csv:3: unknown dataset 'E': expected a dataset's name in tables, "
                            "or Average",
                            (char *)*state);
    assert_text(&e, want);
    free(want);
    b.n = 1;
    assert_ok(baselines_check(&b, only_d, &e), &e);
    baselines_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_file_is_whole),
        CASE(quotes_commas_and_line_ends_are_undone),
        CASE(each_fault_is_named_with_its_line),
        CASE(rows_about_other_datasets_are_named),
        CASE(a_users_own_come_after_the_others),
        CASE(the_same_number_twice_is_refused_unless_sources_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
