/* Datasets without a split file: Aircraft's lists, ImageNet's folders, and its variants. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/data/split.h"

#define NAMES "../shared/data/splits/imagenet_classnames.txt"

/* spec/datasets.md section 3: where the classes of R and A stand among ImageNet's 1,000. */
static const int of_r[200] = {
    1,   2,   4,   6,   8,   9,   11,  13,  22,  23,  26,  29,  31,  39,  47,  63,  71,  76,  79,
    84,  90,  94,  96,  97,  99,  100, 105, 107, 113, 122, 125, 130, 132, 144, 145, 147, 148, 150,
    151, 155, 160, 161, 162, 163, 171, 172, 178, 187, 195, 199, 203, 207, 208, 219, 231, 232, 234,
    235, 242, 245, 247, 250, 251, 254, 259, 260, 263, 265, 267, 269, 276, 277, 281, 288, 289, 291,
    292, 293, 296, 299, 301, 308, 309, 310, 311, 314, 315, 319, 323, 327, 330, 334, 335, 337, 338,
    340, 341, 344, 347, 353, 355, 361, 362, 365, 366, 367, 368, 372, 388, 390, 393, 397, 401, 407,
    413, 414, 425, 428, 430, 435, 437, 441, 447, 448, 457, 462, 463, 469, 470, 471, 472, 476, 483,
    487, 515, 546, 555, 558, 570, 579, 583, 587, 593, 594, 596, 609, 613, 617, 621, 629, 637, 657,
    658, 701, 717, 724, 763, 768, 774, 776, 779, 780, 787, 805, 812, 815, 820, 824, 833, 847, 852,
    866, 875, 883, 889, 895, 907, 928, 931, 932, 933, 934, 936, 937, 943, 945, 947, 948, 949, 951,
    953, 954, 957, 963, 965, 967, 980, 981, 983, 988};
static const int of_a[200] = {
    6,   11,  13,  15,  17,  22,  23,  27,  30,  37,  39,  42,  47,  50,  57,  70,  71,  76,  79,
    89,  90,  94,  96,  97,  99,  105, 107, 108, 110, 113, 124, 125, 130, 132, 143, 144, 150, 151,
    207, 234, 235, 254, 277, 283, 287, 291, 295, 298, 301, 306, 307, 308, 309, 310, 311, 313, 314,
    315, 317, 319, 323, 324, 326, 327, 330, 334, 335, 336, 347, 361, 363, 372, 378, 386, 397, 400,
    401, 402, 404, 407, 411, 416, 417, 420, 425, 428, 430, 437, 438, 445, 456, 457, 461, 462, 470,
    472, 483, 486, 488, 492, 496, 514, 516, 528, 530, 539, 542, 543, 549, 552, 557, 561, 562, 569,
    572, 573, 575, 579, 589, 606, 607, 609, 614, 626, 627, 640, 641, 642, 643, 658, 668, 677, 682,
    684, 687, 701, 704, 719, 736, 746, 749, 752, 758, 763, 765, 768, 773, 774, 776, 779, 780, 786,
    792, 797, 802, 803, 804, 813, 815, 820, 823, 831, 833, 835, 839, 845, 847, 850, 859, 862, 870,
    879, 880, 888, 890, 897, 900, 907, 913, 924, 932, 933, 934, 937, 943, 945, 947, 951, 954, 956,
    957, 959, 971, 972, 980, 981, 984, 986, 987, 988};

static void put(const char *folder, const char *name, const char *text)
{
    struct err e;
    char *path = fs_join(folder, name), *parent = fs_folder(path);
    assert_ok(fs_make_folders(parent, &e), &e);
    assert_ok(fs_write(path, text, strlen(text), &e), &e);
    free(parent);
    free(path);
}

static void aircraft_lists_are_read_in_file_order(void **state)
{
    (void)state;
    struct err e;
    struct split s;
    char *folder = t_folder();
    const struct dataset_row *row = dataset_find("fgvc_aircraft");
    put(folder, "variants.txt", "707-320\nF/A-18\nDash 8 100\n");
    put(folder, "images_variant_train.txt", "0034 Dash 8 100\n0011 707-320\n");
    put(folder, "images_variant_val.txt", "0099 F/A-18\r\n");
    put(folder, "images_variant_test.txt", "0001 F/A-18");
    assert_ok(split_load(&s, row, folder, &e), &e);
    assert_int_equal(s.classes, 3);
    assert_string_equal(s.names[2], "Dash 8 100");
    assert_string_equal(s.part[SPLIT_TRAIN].items[0].path, "0034.jpg");
    assert_int_equal(s.part[SPLIT_TRAIN].items[0].label, 2);
    assert_int_equal(s.part[SPLIT_VAL].items[0].label, 1);
    assert_int_equal(s.part[SPLIT_TEST].n, 1);
    char *note = split_note(&s, row), hash[HASH_HEX];
    assert_string_equal(note,
                        "not the official 'fgvc_aircraft': classes 3, officially 100; train 2, "
                        "officially 3334; val 1, officially 3333; test 1, officially 3333");
    free(note);
    memcpy(hash, s.hash, sizeof hash);
    split_release(&s);

    put(folder, "images_variant_test.txt", "0001 707-320");
    assert_ok(split_load(&s, row, folder, &e), &e);
    assert_string_not_equal(s.hash, hash);
    split_release(&s);

    put(folder, "images_variant_test.txt", "0001 F/A-18\n0002 Spitfire\n");
    assert_int_equal(split_load(&s, row, folder, &e), ERR_PARSE);
    char *want = str_format("%s/images_variant_test.txt:2: expected an image id and a variant of "
                            "variants.txt",
                            folder);
    assert_text(&e, want);
    free(want);
    free(folder);
}

static void imagenet_folders_are_ranked_and_files_sorted(void **state)
{
    (void)state;
    struct err e;
    struct split s;
    char *folder = t_folder();
    const struct dataset_row *row = dataset_find("imagenet");
    put(folder, "classnames.txt", "n02 great white shark\nn01 tench\nn99 missile\n");
    put(folder, "images/train/n01/b.JPEG", "");
    put(folder, "images/train/n01/a.JPEG", "");
    put(folder, "images/train/n01/.hidden", "");
    put(folder, "images/train/n02/c.JPEG", "");
    put(folder, "images/val/n01/v.JPEG", "");
    put(folder, "images/val/n02/w.JPEG", "");
    assert_ok(split_load(&s, row, folder, &e), &e);
    assert_int_equal(s.classes, 2);
    assert_string_equal(s.names[1], "great white shark");
    assert_int_equal(s.imagenet[1], 1);
    assert_int_equal(s.part[SPLIT_TRAIN].n, 3);
    assert_string_equal(s.part[SPLIT_TRAIN].items[0].path, "train/n01/a.JPEG");
    assert_int_equal(s.part[SPLIT_TRAIN].items[2].label, 1);
    assert_int_equal(s.part[SPLIT_VAL].n, 2);
    assert_int_equal(s.part[SPLIT_TEST].n, 2); // "val" is the test set
    assert_string_equal(s.part[SPLIT_TEST].items[1].path, "val/n02/w.JPEG");
    assert_ok(split_check(&s, &e), &e);
    split_release(&s);

    put(folder, "classnames.txt", "n01 tench\n");
    assert_int_equal(split_load(&s, row, folder, &e), ERR_MISSING);
    char *want = str_format("'%s/classnames.txt' has no name for folder 'n02'", folder);
    assert_text(&e, want);
    free(want);
    free(folder);
}

static void bad_class_names_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *want; // %s = the dataset's folder
    } cases[] = {
        {"n01 tench\nn02\n", ERR_PARSE, "%s/classnames.txt:2: expected a folder and a class name"},
        {"\n\n", ERR_RANGE, "'%s/classnames.txt' names no class"},
        {"n01 tench\nn02 shark\nn01 tench\n", ERR_CORRUPT,
         "'%s/classnames.txt' names folder 'n01' twice"},
    };
    char *folder = t_folder();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e;
        struct split s;
        put(folder, "classnames.txt", cases[i].text);
        assert_int_equal(split_load(&s, dataset_find("imagenet"), folder, &e), cases[i].code);
        char *want = str_format(cases[i].want, folder);
        assert_text(&e, want);
        free(want);
    }
    free(folder);
}

static void v2_folders_are_labels_into_the_list_of_names(void **state)
{
    (void)state;
    struct err e;
    struct split s;
    char *folder = t_folder();
    const struct dataset_row *row = dataset_find("imagenetv2");
#define V2 "imagenetv2-matched-frequency-format-val/"
    // Twelve, so that "10" sorts before "2"; the list is not sorted.
    put(folder, "classnames.txt",
        "n20 a\nn01 b\nn02 c c\nn03 d\nn04 e\nn05 f\nn06 g\nn07 h\nn08 i\nn09 j\nn10 k\nn11 l\n");
    for (int k = 0; k < 12; k++) {
        char *name = str_format(V2 "%d/x%d.jpeg", k, k);
        put(folder, name, "");
        free(name);
    }
    put(folder, V2 "2/a.jpeg", "");
    assert_ok(split_load(&s, row, folder, &e), &e);
    assert_int_equal(s.classes, 12);
    assert_int_equal(s.part[SPLIT_TRAIN].n + s.part[SPLIT_VAL].n, 0);
    assert_int_equal(s.part[SPLIT_TEST].n, 13);
    assert_string_equal(s.part[SPLIT_TEST].items[2].path, "2/a.jpeg");
    assert_int_equal(s.part[SPLIT_TEST].items[12].label, 11);
    assert_string_equal(s.part[SPLIT_TEST].items[12].path, "11/x11.jpeg");
    assert_string_equal(s.names[2], "c c");
    assert_int_equal(s.imagenet[0], 11); // n20 is the last of the sorted folders
    assert_int_equal(s.imagenet[1], 0);
    assert_ok(split_check(&s, &e), &e);
    char *note = split_note(&s, row);
    assert_string_equal(note, "not the official 'imagenetv2': classes 12, officially 1000; "
                              "test 13, officially 10000");
    free(note);
    split_release(&s);

    put(folder, V2 "12/x.jpeg", "");
    assert_int_equal(split_load(&s, row, folder, &e), ERR_CORRUPT);
    char *want = str_format("'%s/imagenetv2-matched-frequency-format-val' holds 13 folders, but "
                            "'%s/classnames.txt' has 12 lines",
                            folder, folder);
    assert_text(&e, want);
    free(want);
    free(folder);
}

/* A variant's folders are those of `positions`; its labels must lead back to them. */
static void check_positions(const char *dataset, const int *positions)
{
    struct err e;
    struct split s;
    const struct dataset_row *row = dataset_find(dataset);
    char *folder = t_folder(), *text, *rest, wnid[1000][10], name[1000][64];
    assert_ok(fs_read(&text, NULL, NAMES, 1 << 20, &e), &e);
    put(folder, "classnames.txt", text);
    rest = text;
    for (int k = 0; k < 1000; k++, rest = strchr(rest, '\n') + 1)
        assert_int_equal(sscanf(rest, "%9s %63[^\n]", wnid[k], name[k]), 2);
    free(text);
    for (int k = 199; k >= 0; k--) {
        char *path = str_format("%s/%s/%d.jpg", row->images, wnid[positions[k]], k);
        put(folder, path, "");
        free(path);
    }
    char *readme = str_format("%s/README.txt", row->images);
    put(folder, readme, "not a class");
    assert_ok(split_load(&s, row, folder, &e), &e);
    assert_ok(split_check_classes(&s, row, &e), &e);
    assert_ok(split_check(&s, &e), &e);
    assert_int_equal(s.part[SPLIT_TEST].n, 200);
    for (int k = 0; k < 200; k++) {
        assert_int_equal(s.imagenet[k], positions[k]);
        assert_int_equal(s.part[SPLIT_TEST].items[k].label, k);
        assert_string_equal(s.names[k], name[positions[k]]);
    }
    split_release(&s);
    free(readme);
    free(folder);
}

static void a_and_r_have_their_own_200_labels(void **state)
{
    (void)state;
    if (!fs_is_file(NAMES)) {
        print_message("skipped: no " NAMES "\n");
        return;
    }
    check_positions("imagenet_a", of_a);
    check_positions("imagenet_r", of_r);
}

static void sketch_takes_every_folder(void **state)
{
    (void)state;
    struct err e;
    struct split s;
    char *folder = t_folder();
    put(folder, "classnames.txt", "n01 tench\nn02 goldfish\nn03 great white shark\n");
    put(folder, "images/n03/b.JPEG", "");
    put(folder, "images/n01/a.JPEG", "");
    assert_ok(split_load(&s, dataset_find("imagenet_sketch"), folder, &e), &e);
    assert_int_equal(s.classes, 2);
    assert_string_equal(s.names[1], "great white shark");
    assert_int_equal(s.imagenet[1], 2);
    assert_string_equal(s.part[SPLIT_TEST].items[1].path, "n03/b.JPEG");
    split_release(&s);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aircraft_lists_are_read_in_file_order),
        cmocka_unit_test(imagenet_folders_are_ranked_and_files_sorted),
        cmocka_unit_test(bad_class_names_are_refused),
        cmocka_unit_test(v2_folders_are_labels_into_the_list_of_names),
        cmocka_unit_test(a_and_r_have_their_own_200_labels),
        cmocka_unit_test(sketch_takes_every_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
