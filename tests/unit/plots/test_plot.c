/* Figures: data and script whole, hostile names, failures, and the pictures of the real gnuplot. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "harness/proc.h"
#include "plots/plot.h"

static char *folder; // of the running case

static int setup(void **state)
{
    (void)state;
    folder = t_folder();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct err e = {0};
    struct fs_names names;
    assert_ok(fs_list(&names, folder, &e), &e);
    for (size_t i = 0; i < names.n; i++) {
        char *path = fs_join(folder, names.names[i]);
        unlink(path);
        free(path);
    }
    fs_names_release(&names);
    int rc = rmdir(folder);
    free(folder);
    return rc;
}

static char *read_text(const char *path)
{
    struct err e = {0};
    char *text = NULL;
    assert_ok(fs_read(&text, NULL, path, 1 << 20, &e), &e);
    return text;
}

static char *read_output(const char *name)
{
    char *path = fs_join(folder, name), *text = read_text(path);
    free(path);
    return text;
}

static bool is_there(const char *name)
{
    char *path = fs_join(folder, name);
    bool there = fs_is_file(path);
    free(path);
    return there;
}

/* Two panels, a band, an incomplete point, a single point, a reference line. */
static struct plot_point rlp[] = {{1, 70, 1.5, 3, 3}, {2, 71.25, 0.5, 2, 3}, {4, 72, 0, 3, 3}};
static struct plot_point coop[] = {{2, 69.5, 1, 3, 3}};
static struct plot_point zero[] = {{0, 66.4, 0, 1, 1}};
static struct plot_series flowers[] = {
    {.label = "RLP", .points = rlp, .n = 3},
    {.label = "zero-shot CLIP", .points = zero, .n = 1, .reference = true, .colour = 6, .dash = 2}};
static struct plot_series average[] = {
    {.label = "RLP", .points = rlp, .n = 2},
    {.label = "CoOp", .points = coop, .n = 1, .colour = 1, .dash = 1}};
static struct plot_panel panels[] = {{.title = "flowers", .series = flowers, .n = 2},
                                     {.title = "Average", .series = average, .n = 2}};
static const struct plot small = {.name = "small",
                                  .title = "Rank",
                                  .x_label = "rank",
                                  .y_label = "accuracy (%)",
                                  .x_log2 = true,
                                  .panels = panels,
                                  .n = 2,
                                  .caption = "recipe quick\ncommit 0123456"};

static int calls;

/* As gnuplot that draws: leaves pictures. */
static int draw(const char *const *argv, const char *where, struct err *e)
{
    calls++;
    assert_string_equal(where, folder);
    assert_string_equal(argv[0], "gnuplot");
    assert_string_equal(argv[1], "-d");
    assert_string_equal(argv[2], "small.gp");
    assert_null(argv[3]);
    for (int i = 0; i < 3; i++) {
        char *path = str_format("%s/small.%s", where, plot_endings[i]);
        assert_false(fs_is_file(path)); // no old picture stays while a new one is drawn
        assert_ok(fs_write(path, "picture", 7, e), e);
        free(path);
    }
    return 0;
}

static int draw_nothing(const char *const *argv, const char *where, struct err *e)
{
    (void)argv;
    (void)where;
    (void)e;
    return 0;
}

static int no_such_program(const char *const *argv, const char *where, struct err *e)
{
    (void)where;
    return err_set(e, ERR_MISSING, "there is no program '%s'", argv[0]);
}

/* As gnuplot that stops half way. */
static int stop_half_way(const char *const *argv, const char *where, struct err *e)
{
    (void)argv;
    char *path = fs_join(where, "small.pdf");
    assert_ok(fs_write(path, "%PDF", 4, e), e);
    free(path);
    return err_set(e, ERR_SYS, "'gnuplot -d small.gp' exited with status 1");
}

static void data_and_script_are_exactly_the_golden_ones(void **state)
{
    (void)state;
    struct err e = {0};
    for (int i = 0; i < 2; i++) // again: over the old pictures, the same bytes
        assert_ok(plot_write(&small, folder, draw, &e), &e);
    static const char *const names[] = {"small.tsv", "small.gp"};
    for (int i = 0; i < 2; i++) {
        char *path = fs_join("tests/unit/plots", names[i]);
        char *got = read_output(names[i]), *want = read_text(path);
        assert_string_equal(got, want);
        free(path);
        free(got);
        free(want);
    }
    assert_true(is_there("small.pdf") && is_there("small.svg") && is_there("small.png"));
    assert_int_equal(calls, 2);
}

static void without_gnuplot_data_and_script_are_kept_and_the_package_is_named(void **state)
{
    (void)state;
    struct err e = {0};
    assert_ok(plot_write(&small, folder, draw, &e), &e);
    assert_int_equal(plot_write(&small, folder, no_such_program, &e), ERR_MISSING);
    char *want = str_format("gnuplot is not installed (Debian package gnuplot-nox); data and "
                            "script of figure 'small' are in '%s'",
                            folder);
    assert_text(&e, want);
    assert_int_equal(err_exit_status(&e), 3);
    free(want);
    assert_true(is_there("small.tsv") && is_there("small.gp"));
    assert_false(is_there("small.pdf") || is_there("small.svg") || is_there("small.png"));
}

static void a_failed_run_leaves_no_half_picture(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(plot_write(&small, folder, stop_half_way, &e), ERR_SYS);
    assert_text(&e, "figure 'small': 'gnuplot -d small.gp' exited with status 1");
    assert_false(is_there("small.pdf"));
    assert_true(is_there("small.gp"));
    assert_int_equal(plot_write(&small, folder, draw_nothing, &e), ERR_MISSING);
}

/* Text that would run a command, end a string or a block, or start a line of its own. */
static const char *const hostile[] = {"`touch canary`",
                                      "$(touch canary)",
                                      "'.system('touch canary').'",
                                      "\"; system(\"touch canary\"); \"",
                                      "x'\nsystem('touch canary')\n'",
                                      "@canary {/Bold x} ^2 _3",
                                      "}\n}\nsystem 'touch canary'\n{",
                                      "#\t1\t2",
                                      "\\",
                                      "'",
                                      "\x1b[2J\xff",
                                      "",
                                      "%s %d \\n",
                                      "''.system(\"touch canary\").",
                                      "caf\xc3\xa9 \xe2\x82\xac"};
enum { HOSTILE = sizeof hostile / sizeof hostile[0] };

static bool have_gnuplot(void)
{
    struct err e = {0};
    const char *const argv[] = {"gnuplot", "--version", NULL};
    return proc_run(argv, NULL, &e) == 0;
}

static void assert_starts(const char *name, const char *magic)
{
    char *path = fs_join(folder, name);
    struct err e = {0};
    struct fs_map m;
    assert_ok(fs_map_open(&m, path, &e), &e);
    assert_true(m.size > 1000);
    assert_memory_equal(m.data, magic, strlen(magic));
    fs_map_close(&m);
    free(path);
}

static void gnuplot_draws_hostile_names_and_runs_none_of_them(void **state)
{
    (void)state;
    if (!have_gnuplot()) {
        print_message("skipped: gnuplot is not installed\n");
        return;
    }
    struct err e = {0};
    struct plot_series series[HOSTILE];
    struct plot_panel two[2];
    for (int i = 0; i < HOSTILE; i++) {
        for (int j = 0; j < HOSTILE; j++)
            series[j] = (struct plot_series){
                .label = hostile[(i + j) % HOSTILE], .points = rlp, .n = 3, .colour = j};
        two[0] = (struct plot_panel){.title = hostile[i], .series = series, .n = HOSTILE};
        two[1] = (struct plot_panel){.title = "", .y_label = hostile[i], .series = series, .n = 1};
        struct plot p = {.name = "hostile",
                         .title = hostile[i],
                         .x_label = hostile[i],
                         .y_label = hostile[i],
                         .panels = two,
                         .n = 2,
                         .columns = 1,
                         .caption = hostile[i]};
        if (i > 6 &&
            i < HOSTILE - 2) // one turn for each kind of danger is enough for the real program
            continue;
        assert_ok(plot_write(&p, folder, proc_run, &e), &e);
        assert_starts("hostile.pdf", "%PDF-");
        assert_starts("hostile.svg", "<?xml");
        assert_starts("hostile.png", "\x89PNG\r\n");
        assert_false(is_there("canary"));
        assert_int_equal(access("canary", F_OK), -1);
    }
}

static void gnuplot_draws_the_small_figure_and_panels_without_points(void **state)
{
    (void)state;
    if (!have_gnuplot()) {
        print_message("skipped: gnuplot is not installed\n");
        return;
    }
    struct err e = {0};
    assert_ok(plot_write(&small, folder, proc_run, &e), &e);
    assert_starts("small.pdf", "%PDF-");
    char *svg = read_output("small.svg");
    assert_non_null(strstr(svg, "zero-shot CLIP"));
    assert_non_null(strstr(svg, "accuracy (%)"));
    free(svg);

    struct plot_panel bare[] = {{.title = "nothing"},
                                {.title = "only a line", .series = &flowers[1], .n = 1}};
    struct plot p = small;
    p.panels = bare;
    assert_ok(plot_write(&p, folder, proc_run, &e), &e);
    assert_starts("small.png", "\x89PNG\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(data_and_script_are_exactly_the_golden_ones, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            without_gnuplot_data_and_script_are_kept_and_the_package_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_run_leaves_no_half_picture, setup, teardown),
        cmocka_unit_test_setup_teardown(gnuplot_draws_hostile_names_and_runs_none_of_them, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(gnuplot_draws_the_small_figure_and_panels_without_points,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
