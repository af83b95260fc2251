/* The tokenizer: the specification's examples, two vocabularies against an independent
 * implementation (tests/oracle/tokens), faults of the merges file, random text. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/base/str.h"
#include "core/clip/bpe.h"

#include <jansson.h>

static const char clip_merges[] = "../shared/data/clip/bpe_simple_vocab_16e6.txt.gz";
static const char pocket_merges[] = "recipes/pocket/bpe_pocket.txt";

static void assert_ids(struct bpe *b, const char *text, const int *want, size_t n)
{
    struct err e;
    int *ids;
    size_t got;
    assert_ok(bpe_encode(b, text, &ids, &got, &e), &e);
    struct str line = STR_INIT;
    for (size_t i = 0; i < got; i++)
        str_addf(&line, " %d", ids[i]);
    if (got != n || memcmp(ids, want, n * sizeof *ids) != 0)
        fail_msg("'%s' became%s", text, line.data);
    str_release(&line);
    free(ids);
}

#define A10 "AAAAAAAAAA"
#define X4 "X X X X "

static const struct {
    const char *text;
    int ids[32]; // ends with -1
} examples[] = {
    {"a photo of a cat.", {320, 1125, 539, 320, 2368, 269, -1}},
    {"a photo of a", {320, 1125, 539, 320, -1}},
    {X4 "dog.", {343, 343, 343, 343, 1929, 269, -1}},
    {X4 X4 X4 X4 "golden retriever.", {343, 343, 343, 343, 343, 343, 343,  343,   343, 343,
                                       343, 343, 343, 343, 343, 343, 3878, 28394, 269, -1}},
    {"a photo of a american_bulldog, a type of pet.",
     {320, 1125, 539, 320, 2151, 318, 15611, 267, 320, 3877, 539, 3703, 269, -1}},
    {"a photo of a american bulldog, a type of pet.",
     {320, 1125, 539, 320, 2151, 15611, 267, 320, 3877, 539, 3703, 269, -1}},
    {"a centered satellite photo of Annual Crop Land.",
     {320, 24584, 10316, 1125, 539, 2906, 9955, 973, 269, -1}},
    {"1994 Audi V8 Sedan", {272, 280, 280, 275, 10277, 341, 279, 24237, -1}},
    {"a photo of a 2012 Tesla Model S Sedan.",
     {320, 1125, 539, 320, 273, 271, 272, 273, 12254, 2863, 338, 24237, 269, -1}},
    {"DHC-8-100", {6669, 322, 268, 279, 268, 272, 271, 271, -1}},
    {"a photo of a 707-320, a type of aircraft.",
     {320, 1125, 539, 320, 278, 271, 278, 268, 274, 273, 271, 267, 320, 3877, 539, 7706, 269, -1}},
    {"banded texture.", {37804, 16505, 269, -1}},
    {"a photo of a person doing Apply Eye Makeup.",
     {320, 1125, 539, 320, 2533, 1960, 4356, 3272, 5853, 269, -1}},
    {"a photo of a colt's foot, a type of flower.",
     {320, 1125, 539, 320, 19726, 568, 4738, 267, 320, 3877, 539, 4055, 269, -1}},
    {"a photo of a bird of paradise, a type of flower.",
     {320, 1125, 539, 320, 3329, 539, 7247, 267, 320, 3877, 539, 4055, 269, -1}},
    {"itap of a {}.", {529, 2728, 539, 320, 90, 92, 269, -1}},
    {"a jpeg corrupted photo of the tench.",
     {320, 73, 11207, 30429, 775, 1125, 539, 518, 1149, 634, 269, -1}},
    {"I'LL don't we've", {328, 1342, 847, 713, 649, 1200, -1}},
    {"  Multiple   spaces\tand\nnewlines  ", {6470, 9006, 537, 1218, 3418, -1}},
    {"hello!!!???", {3306, 11194, 3824, -1}},
    {"&lt;b&gt;AT&amp;T&lt;/b&gt;", {283, 321, 285, 536, 261, 339, 34308, 321, 285, -1}},
    {"it's 's S", {585, 568, 568, 338, -1}},
    {"<|endoftext|> x", {49407, 343, -1}},
    {A10 A10 A10, {23126, 23126, 23126, 44413, -1}},
    {"cr\u00e8me br\u00fbl\u00e9e", {1075, 12138, 614, 711, 127, 119, 75, 13489, -1}},
    {"na\u00efve caf\u00e9 123 45", {1097, 35689, 563, 15304, 272, 273, 274, 275, 276, -1}},
    {"\u201ccurly\u201d quotes\u2026 \ufb01", {257, 20795, 257, 5808, 959, 3589, -1}},
    {"\U0001f600 emoji", {7334, 16327, -1}},
    {"a photo of a hot-air balloon-like \u2018thing\u2019.",
     {320, 1125, 539, 320, 2069, 268, 1922, 13634, 268, 789, 713, 71, 519, 4645, -1}},
    {"\u0130stanbul \u1e9e", {328, 16384, 11231, 127, 509, -1}},
    {"", {-1}},
    {"kite (bird of prey).", {19867, 263, 3329, 539, 17131, 1818, -1}},
};

static struct bpe *open_clip(void)
{
    struct bpe *b;
    struct err e;
    if (!fs_is_file(clip_merges)) {
        print_message("skipped: no %s\n", clip_merges);
        skip();
    }
    assert_ok(bpe_open(&b, clip_merges, 49408, &e), &e);
    return b;
}

static void every_example_of_the_specification_holds(void **state)
{
    (void)state;
    struct bpe *b = open_clip();
    assert_int_equal(bpe_start(b), 49406);
    assert_int_equal(bpe_end(b), 49407);
    assert_string_equal(bpe_hash(b),
                        "67603cfda2e032ad77b5f8808af37789d590db664b26df8705d2bf8b3c553fc8");
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        size_t n = 0;
        while (examples[i].ids[n] >= 0)
            n++;
        assert_ids(b, examples[i].text, examples[i].ids, n);
    }
    bpe_free(b);
}

static void ids_name_their_symbols(void **state)
{
    (void)state;
    struct bpe *b = open_clip();
    const struct {
        int id;
        const char *text;
    } cases[] = {{0, "!"},
                 {32, "A"},
                 {93, "~"},
                 {94, "\u00a1"},
                 {187, "\u00ff"},
                 {188, "\u0100"},
                 {220, "\u0120"},
                 {255, "\u0143"},
                 {256, "!</w>"},
                 {444, "\u0100</w>"},
                 {512, "in"},
                 {513, "th"},
                 {49405, "jekyll</w>"},
                 {49406, "<|startoftext|>"},
                 {49407, "<|endoftext|>"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(bpe_token(b, cases[i].id), cases[i].text);
    assert_null(bpe_token(b, -1));
    assert_null(bpe_token(b, 49408));
    bpe_free(b);
}

/* tests/oracle/tokens/strings.json: [[text, clip ids, pocket ids], ...] */
static void compare_oracle(struct bpe *b, size_t column)
{
    json_error_t error;
    json_t *rows = json_load_file("tests/oracle/tokens/strings.json", 0, &error), *row;
    if (!rows)
        fail_msg("strings.json: %s", error.text);
    assert_true(json_array_size(rows) >= 300);
    size_t i, j;
    json_array_foreach(rows, i, row)
    {
        const json_t *list = json_array_get(row, column);
        int *want = mem_alloc(json_array_size(list) + 1, sizeof *want);
        for (j = 0; j < json_array_size(list); j++)
            want[j] = (int)json_integer_value(json_array_get(list, j));
        assert_ids(b, json_string_value(json_array_get(row, 0)), want, json_array_size(list));
        free(want);
    }
    json_decref(rows);
}

static void clip_ids_equal_an_independent_tokenizer(void **state)
{
    (void)state;
    struct bpe *b = open_clip();
    compare_oracle(b, 1);
    bpe_free(b);
}

static void pocket_ids_equal_an_independent_tokenizer(void **state)
{
    (void)state;
    struct bpe *b;
    struct err e;
    assert_ok(bpe_open(&b, pocket_merges, 0, &e), &e);
    assert_int_equal(bpe_end(b), 906);
    compare_oracle(b, 2);
    bpe_free(b);
}

static void pocket_golden_ids_are_equal(void **state)
{
    (void)state;
    struct bpe *b;
    struct err e;
    assert_ok(bpe_open(&b, pocket_merges, 907, &e), &e);
    json_error_t error;
    json_t *goldens = json_load_file("recipes/pocket/goldens.json", 0, &error);
    json_t *prompts = json_object_get(goldens, "prompts"),
           *lists = json_object_get(goldens, "token_ids"), *prompt;
    assert_int_equal(json_array_size(prompts), 8);
    size_t i;
    json_array_foreach(prompts, i, prompt)
    {
        int *ids;
        size_t n;
        assert_ok(bpe_tokenize(b, json_string_value(prompt), 32, &ids, &n, &e), &e);
        const json_t *list = json_array_get(lists, i);
        assert_int_equal(n, json_array_size(list));
        for (size_t j = 0; j < n; j++)
            assert_int_equal(ids[j], json_integer_value(json_array_get(list, j)));
        free(ids);
    }
    json_decref(goldens);
    bpe_free(b);
}

static void a_text_longer_than_the_context_is_refused(void **state)
{
    (void)state;
    struct bpe *b;
    struct err e;
    int *ids;
    size_t n;
    assert_ok(bpe_open(&b, pocket_merges, 0, &e), &e);
    assert_ok(bpe_tokenize(b, "1 2 3", 5, &ids, &n, &e), &e);
    assert_int_equal(n, 5);
    assert_int_equal(ids[4], bpe_end(b));
    free(ids);
    assert_int_equal(bpe_tokenize(b, "1 2 3", 4, &ids, &n, &e), ERR_RANGE);
    assert_text(&e, "text '1 2 3' is 5 tokens with start and end, more than the model's context "
                    "of 4");
    bpe_free(b);
}

static void invalid_utf8_is_refused(void **state)
{
    (void)state;
    struct bpe *b;
    struct err e;
    int *ids;
    size_t n;
    assert_ok(bpe_open(&b, pocket_merges, 0, &e), &e);
    assert_int_equal(bpe_encode(b, "caf\xe9", &ids, &n, &e), ERR_PARSE);
    assert_text(&e, "text 'caf\\xe9' is not valid UTF-8 at byte 3");
    assert_int_equal(bpe_encode(b, "\xed\xa0\x80", &ids, &n, &e), ERR_PARSE); // a surrogate
    assert_int_equal(bpe_encode(b, "\xf4\x90\x80\x80", &ids, &n, &e), ERR_PARSE);
    bpe_free(b);
}

static void entities_outside_the_table_stay(void **state)
{
    (void)state;
    struct bpe *b;
    struct err e;
    int *one, *two;
    size_t n, m;
    const char *const same[][2] = {{"&#65;&#x42;&#X43", "ABC"},
                                   {"&quot;&apos;&nbsp;x", "\"' x"},
                                   {"R&amp;D", "R&D"},
                                   {"a&amp", "a&"},
                                   {"<&amp;lt;>", "<<>"},
                                   {"&#0;&#xd800;&#1114112;", "\ufffd\ufffd\ufffd"},
                                   {"x&#1;y&#x85;z", "xy\u2026z"},
                                   {"\x1b[1;31mred\x1b[0m\x07", "red"},
                                   {"\uff21\uff22\u3000\uff76", "ab \u30ab"},
                                   {"e\u0301", "\u00e9"},
                                   {"\u03a3\u03a3 \u03a3", "\u03c3\u03c2 \u03c3"}};
    const char *const other[][2] = {{"&eacute;", "\u00e9"}, {"&ampx", "&x"}, {"&apos", "'"}};
    assert_ok(bpe_open(&b, pocket_merges, 0, &e), &e);
    for (size_t i = 0; i < 2 * (sizeof same / sizeof *same); i++) {
        const bool equal = i < sizeof same / sizeof *same;
        const size_t at = equal ? i : i - sizeof same / sizeof *same;
        if (!equal && at >= sizeof other / sizeof *other)
            break;
        const char *const *pair = equal ? same[at] : other[at];
        assert_ok(bpe_encode(b, pair[0], &one, &n, &e), &e);
        assert_ok(bpe_encode(b, pair[1], &two, &m, &e), &e);
        if (equal != (n == m && memcmp(one, two, n * sizeof *one) == 0))
            fail_msg("'%s' and '%s' should%s be the same", pair[0], pair[1], equal ? "" : " not");
        free(one);
        free(two);
    }
    bpe_free(b);
}

static void each_fault_of_a_merges_file_has_its_own_error(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int vocab;
        const char *want;
    } faults[] = {
        {"#v\nt h\nth e\n", 517,
         "'PATH' has 2 merges, the model's vocabulary of 517 needs 3; is it another model's file?"},
        {"", 515,
         "'PATH' has 0 merges, the model's vocabulary of 515 needs 1; is it another "
         "model's file?"},
        {"#v\n", 500, "a vocabulary of 500 is too small for CLIP's BPE (at least 514)"},
        {"#v\nt h\nthe e\n", 0, "PATH:3: symbol 'the' is neither a byte nor made by a line above"},
        {"#v\nt \x01\n", 0, "PATH:2: symbol '\\x01' is neither a byte nor made by a line above"},
        {"#v\nth\n", 0, "PATH:2: expected two symbols with one space between them"},
        {"#v\nt h e\n", 0, "PATH:2: expected two symbols with one space between them"},
        {"#v\nt h\n\n", 0, "PATH:3: expected two symbols with one space between them"},
        {"#v\nt h\nt h\n", 0, "PATH:3: this merge makes 'th', which is there already"},
    };
    char *folder = t_folder(), *path = fs_join(folder, "bpe.txt");
    struct bpe *b;
    struct err e;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const char *at = strstr(faults[i].want, "PATH");
        char *want =
            at ? str_format("%.*s%s%s", (int)(at - faults[i].want), faults[i].want, path, at + 4)
               : mem_strdup(faults[i].want);
        assert_ok(fs_write(path, faults[i].text, strlen(faults[i].text), &e), &e);
        assert_true(bpe_open(&b, path, faults[i].vocab, &e) < 0);
        assert_text(&e, want);
        free(want);
    }
    assert_ok(fs_write(path, "#v\nt h\0\n", 8, &e), &e);
    assert_int_equal(bpe_open(&b, path, 0, &e), ERR_PARSE);
    assert_ok(fs_write(path, "#v\nt h\nth e</w>", 15, &e), &e); // no newline at the end
    assert_ok(bpe_open(&b, path, 0, &e), &e);
    assert_string_equal(bpe_token(b, 513), "the</w>");
    assert_ids(b, "the", (int[]){513}, 1);
    bpe_free(b);
    unlink(path);
    rmdir(folder);
    free(path);
    free(folder);
}

/* Random code points: every byte comes back from the symbols' texts, so nothing is lost. */
static void random_text_never_breaks_the_tokenizer(void **state)
{
    (void)state;
    struct bpe *b;
    struct err e;
    struct rng r;
    rng_seed_py(&r, 7);
    assert_ok(bpe_open(&b, pocket_merges, 0, &e), &e);
    for (int round = 0; round < 2000; round++) {
        char text[65];
        const size_t size = rng_py_below(&r, sizeof text);
        for (size_t i = 0; i < size; i++) {
            static const char pool[] = "aA&#x;'<|9 \xc3\xa9\xef\xbc\xa1\x1b[";
            text[i] = rng_py_below(&r, 3) ? pool[rng_py_below(&r, sizeof pool - 1)]
                                          : (char)(1 + rng_py_below(&r, 255));
        }
        text[size] = 0;
        int *ids;
        size_t n;
        if (bpe_encode(b, text, &ids, &n, &e) < 0) {
            assert_int_equal(e.code, ERR_PARSE);
            continue;
        }
        assert_true(n <= 3 * size); // U+FFFD from "&#0" is the worst
        for (size_t i = 0; i < n; i++)
            assert_non_null(bpe_token(b, ids[i]));
        free(ids);
    }
    bpe_free(b);
}

static void the_hash_is_of_the_unpacked_file(void **state)
{
    (void)state;
    struct bpe *b;
    struct err e;
    char direct[HASH_HEX];
    assert_ok(bpe_open(&b, pocket_merges, 0, &e), &e);
    assert_ok(hash_file(direct, pocket_merges, &e), &e);
    assert_string_equal(bpe_hash(b), direct);
    bpe_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_of_the_specification_holds),
        cmocka_unit_test(ids_name_their_symbols),
        cmocka_unit_test(clip_ids_equal_an_independent_tokenizer),
        cmocka_unit_test(pocket_ids_equal_an_independent_tokenizer),
        cmocka_unit_test(pocket_golden_ids_are_equal),
        cmocka_unit_test(a_text_longer_than_the_context_is_refused),
        cmocka_unit_test(invalid_utf8_is_refused),
        cmocka_unit_test(entities_outside_the_table_stay),
        cmocka_unit_test(each_fault_of_a_merges_file_has_its_own_error),
        cmocka_unit_test(random_text_never_breaks_the_tokenizer),
        cmocka_unit_test(the_hash_is_of_the_unpacked_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
