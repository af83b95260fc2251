/* The linear probe's selection against numpy's own (tests/oracle/fewshot/make_numpy.py). */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/data/fewshot.h"

static void hash_picks(char out[HASH_HEX], const struct split_list *list, const size_t *picks,
                       size_t n)
{
    struct str text = STR_INIT;
    for (size_t i = 0; i < n; i++)
        str_addf(&text, "%s%s", i ? "\n" : "", list->items[picks[i]].path);
    hash_bytes(out, text.data, text.size);
    str_release(&text);
}

static void open_split(struct split *s, const char *path)
{
    struct err e;
    char *folder = fs_folder(path);
    struct dataset_row row = {
        .name = "test", .images = "", .layout = LAYOUT_SPLIT_JSON, .split = fs_base(path)};
    assert_ok(split_load(s, &row, folder, &e), &e);
    free(folder);
}

static void picks_are_numpys(void **state)
{
    (void)state;
    struct err e;
    char *text, *rest = NULL;
    int used = 0;
    assert_ok(fs_read(&text, NULL, "tests/oracle/fewshot/numpy_picks.txt", 1 << 20, &e), &e);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[256], part[8], want[HASH_HEX], got[HASH_HEX];
        int shots, seed;
        size_t expected, *picks, n;
        struct split s;
        assert_int_equal(
            sscanf(line, "%255s %7s %d %d %zu %64s", name, part, &shots, &seed, &expected, want),
            6);
        open_split(&s, name);
        enum split_part p = str_eq(part, "val") ? SPLIT_VAL : SPLIT_TRAIN;
        assert_ok(fewshot_select_numpy(&s, p, shots, (uint64_t)seed, &picks, &n, &e), &e);
        hash_picks(got, &s.part[p], picks, n);
        if (n != expected || !str_eq(got, want))
            fail_msg("%s\n  got %zu %s", line, n, got);
        free(picks);
        split_release(&s);
        used++;
    }
    assert_int_equal(used, 150);
    free(text);
}

static void a_class_with_too_few_images_is_refused(void **state)
{
    (void)state;
    struct err e;
    struct split s;
    size_t *picks, n;
    open_split(&s, "recipes/pocket/data/pocket-land/split_zhou_pocket-land.json");
    assert_int_equal(fewshot_select_numpy(&s, SPLIT_TRAIN, 21, 1, &picks, &n, &e), ERR_RANGE);
    char *want = str_format("class '%s' has 20 train images, but 21 are asked for; numpy's picks "
                            "take no class whole",
                            s.names[0]);
    assert_text(&e, want);
    assert_null(picks);
    free(want);
    split_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_are_numpys),
        cmocka_unit_test(a_class_with_too_few_images_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
