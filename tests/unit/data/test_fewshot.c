/* Few-shot selection: the specification's example, and CPython's picks on real splits. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/data/fewshot.h"

#define DATA "../shared/data"

static void selection_is_grouped_by_first_appearance(void **state)
{
    (void)state;
    // Item i has label (2, 0, 1)[i mod 3]; 90 train and 36 val items; K = 8, seed 1.
    static const size_t train[24] = {12, 54, 81, 75, 72, 6, 24, 9,  46, 73, 43, 88,
                                     61, 37, 19, 10, 47, 2, 80, 38, 41, 59, 86, 68};
    static const size_t val[12] = {21, 12, 9, 3, 16, 1, 31, 28, 32, 26, 2, 20};
    struct split_item items[90];
    for (int i = 0; i < 90; i++)
        items[i] = (struct split_item){NULL, (i % 3 + 2) % 3};
    struct split s = {.classes = 3, .part = {{items, 90}, {items, 36}}};
    size_t *picks, n;
    fewshot_select(&s, SPLIT_TRAIN, 8, 1, &picks, &n);
    assert_int_equal(n, 24);
    assert_memory_equal(picks, train, sizeof train);
    free(picks);
    fewshot_select(&s, SPLIT_VAL, 8, 1, &picks, &n);
    assert_int_equal(n, 12);
    assert_memory_equal(picks, val, sizeof val);
    free(picks);
}

static void a_small_group_is_taken_whole_without_a_draw(void **state)
{
    (void)state;
    // Three items of label 1 draw nothing, so label 0's sample is the first of the stream.
    struct split_item items[53];
    for (int i = 0; i < 53; i++)
        items[i] = (struct split_item){NULL, i < 3};
    static const size_t want[19] = {0,  1,  2,  11, 39, 7,  19, 10, 34, 31,
                                    33, 44, 27, 16, 9,  47, 4,  43, 30};
    struct split s = {.classes = 2, .part = {{items, 53}}};
    size_t *picks, n;
    fewshot_select(&s, SPLIT_TRAIN, 16, 1, &picks, &n);
    assert_int_equal(n, 19);
    assert_memory_equal(picks, want, sizeof want);
    free(picks);
    fewshot_select(&s, SPLIT_TRAIN, 1000000000, 1, &picks, &n);
    assert_int_equal(n, 53);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(picks[i], i);
    free(picks);
}

/* The hash of the picked paths, joined by newlines. */
static void hash_picks(char out[HASH_HEX], const struct split_list *list, const size_t *picks,
                       size_t n)
{
    struct str text = STR_INIT;
    for (size_t i = 0; i < n; i++)
        str_addf(&text, "%s%s", i ? "\n" : "", list->items[picks[i]].path);
    hash_bytes(out, text.data, text.size);
    str_release(&text);
}

/* The split file `name` of picks.txt; false when it is not on this machine. */
static bool open_split(struct split *s, const char *name)
{
    struct err e;
    struct dataset_row row = {.name = "test", .images = "", .layout = LAYOUT_SPLIT_JSON};
    bool shared = str_starts(name, "DATA/");
    char *path = shared ? str_format(DATA "%s", name + 4) : str_format("%s", name);
    bool there = fs_is_file(path);
    if (there) {
        char *folder = fs_folder(path);
        row.split = fs_base(path);
        assert_ok(split_load(s, &row, folder, &e), &e);
        free(folder);
    } else if (!shared) {
        fail_msg("'%s' is missing", path);
    }
    free(path);
    return there;
}

static void picks_are_cpythons(void **state)
{
    (void)state;
    struct err e;
    struct split s = {0};
    char *text, *rest = NULL, name[256], open[256] = "", part[8], want[HASH_HEX], got[HASH_HEX];
    int shots, seed, used = 0, skipped = 0;
    size_t expected;
    bool there = false;
    assert_ok(fs_read(&text, NULL, "tests/oracle/fewshot/picks.txt", 1 << 20, &e), &e);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        assert_int_equal(
            sscanf(line, "%255s %7s %d %d %zu %64s", name, part, &shots, &seed, &expected, want),
            6);
        if (!str_eq(name, open)) {
            split_release(&s);
            there = open_split(&s, name);
            snprintf(open, sizeof open, "%s", name);
        }
        if (!there) {
            skipped++;
            continue;
        }
        enum split_part p = str_eq(part, "val") ? SPLIT_VAL : SPLIT_TRAIN;
        size_t *picks, n;
        fewshot_select(&s, p, shots, (uint64_t)seed, &picks, &n);
        hash_picks(got, &s.part[p], picks, n);
        if (n != expected || !str_eq(got, want))
            fail_msg("%s\n  got %zu %s", line, n, got);
        free(picks);
        used++;
    }
    assert_true(used >= 250);
    if (skipped)
        print_message("%d selections of official splits skipped: no " DATA "\n", skipped);
    split_release(&s);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selection_is_grouped_by_first_appearance),
        cmocka_unit_test(a_small_group_is_taken_whole_without_a_draw),
        cmocka_unit_test(picks_are_cpythons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
