/* Keys with numbers. */
#include "t.h"

#include "core/base/map.h"
#include "core/base/str.h"

static void numbers_follow_the_order_of_first_appearance(void **state)
{
    (void)state;
    struct map m = {0};
    bool is_new;
    assert_int_equal(map_add_text(&m, "b", &is_new), 0);
    assert_true(is_new);
    assert_int_equal(map_add_text(&m, "a", &is_new), 1);
    assert_true(is_new);
    assert_int_equal(map_add_text(&m, "b", &is_new), 0);
    assert_false(is_new);
    assert_int_equal(map_add_text(&m, "", NULL), 2);
    assert_int_equal(m.n, 3);
    assert_string_equal(map_text(&m, 1), "a");
    assert_string_equal(map_text(&m, 2), "");
    map_release(&m);
    assert_int_equal(m.n, 0);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    struct map m = {0};
    size_t number = 7;
    assert_false(map_find_text(&m, "a", &number));
    map_add_text(&m, "a", NULL);
    assert_true(map_find_text(&m, "a", &number));
    assert_int_equal(number, 0);
    assert_false(map_find_text(&m, "aa", &number));
    assert_false(map_find_text(&m, "", &number));
    map_release(&m);
}

static void keys_are_bytes(void **state)
{
    (void)state;
    struct map m = {0};
    size_t number;
    for (size_t size = 1; size < 20; size++) // prefixes of one another, of zeros
        assert_int_equal(map_add(&m, (char[20]){0}, size, NULL), size - 1);
    assert_true(map_find(&m, (char[20]){0}, 9, &number));
    assert_int_equal(number, 8);
    map_release(&m);
}

/* Sizes from far below to far above a block of the map's memory. */
static void many_keys_keep_their_numbers_and_places(void **state)
{
    (void)state;
    struct map m = {0};
    const char *kept[5000];
    for (int i = 0; i < 5000; i++) {
        struct str key = STR_INIT;
        str_addf(&key, "key %d", i);
        str_pad(&key, i % 1000 == 999 ? 100000 : (size_t)i % 50, '.');
        assert_int_equal(map_add_text(&m, key.data, NULL), i);
        kept[i] = map_keep(&m, key.data);
        str_release(&key);
    }
    for (int i = 0; i < 5000; i++) {
        assert_ptr_equal(map_text(&m, (size_t)i), kept[i]);
        assert_int_equal(map_add_text(&m, kept[i], NULL), i);
    }
    assert_int_equal(m.n, 5000);
    map_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_follow_the_order_of_first_appearance),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(keys_are_bytes),
        cmocka_unit_test(many_keys_keep_their_numbers_and_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
