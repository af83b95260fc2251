/* Conditions of the command line: read and refused as a recipe's are. */
#include "t.h"

#include "core/base/str.h"
#include "harness/cmd/where.h"

static void assert_read(const char *a, const char *b, const char *want)
{
    struct err e = {0};
    const char *items[] = {a, b};
    const struct opt_list given = {items, b ? 2 : 1, 2};
    json_t *where;
    assert_ok(where_read(&where, &given, &e), &e);
    char *text = json_dumps(where, JSON_COMPACT);
    assert_string_equal(text, want);
    free(text);
    json_decref(where);
}

static void assert_refused(const char *a, const char *b, const char *want)
{
    struct err e = {0};
    const char *items[] = {a, b};
    const struct opt_list given = {items, b ? 2 : 1, 2};
    json_t *where;
    assert_int_equal(where_read(&where, &given, &e), ERR_USAGE);
    assert_null(where);
    assert_text(&e, want);
}

static void values_have_the_types_of_their_axis(void **state)
{
    (void)state;
    assert_read("dataset=dtd,eurosat", NULL, "{\"dataset\":[\"dtd\",\"eurosat\"]}");
    assert_read("shots=1,16", "rank=2", "{\"shots\":[1,16],\"rank\":[2]}");
    assert_read("dropout=0.5", "method=rlp", "{\"dropout\":[0.5],\"method\":[\"rlp\"]}");
    struct err e = {0};
    const struct opt_list none = {0};
    json_t *where;
    assert_ok(where_read(&where, &none, &e), &e);
    assert_null(where);
}

static void what_is_wrong_is_shown_with_its_place(void **state)
{
    (void)state;
    assert_refused("dataset", NULL, "--where 'dataset': expected AXIS=VALUE[,VALUE...]");
    assert_refused("=dtd", NULL, "--where '=dtd': expected AXIS=VALUE[,VALUE...]");
    assert_refused("shots=16,x", NULL,
                   "--where:1:10: 'shots' is 'x', expected a whole number\n"
                   "shots=16,x\n"
                   "         ^");
    assert_refused("datset=dtd", NULL,
                   "--where:1:1: unknown axis 'datset', did you mean 'dataset'?\n"
                   "datset=dtd\n"
                   "^");
    assert_refused("shots=1", "shots=2",
                   "--where: 'shots' is given twice; give its values at once");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_the_types_of_their_axis),
        cmocka_unit_test(what_is_wrong_is_shown_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
