/* Figures: data and script whole, hostile names, failures, and the pictures of the real gnuplot. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "harness/system/proc.h"
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
static struct plot_point rlp[] = {{.x = 1, .y = 70, .spread = 1.5, .n = 3, .wanted = 3},
                                  {.x = 2, .y = 71.25, .spread = 0.5, .n = 2, .wanted = 3},
                                  {.x = 4, .y = 72, .n = 3, .wanted = 3}};
static struct plot_point coop[] = {{.x = 2, .y = 69.5, .spread = 1, .n = 3, .wanted = 3}};
static struct plot_point zero[] = {{.y = 66.4, .n = 1, .wanted = 1}};
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
                                  .x_log = 2,
                                  .least_y = 2,
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
        char *path = str_format("%s/small%s", where, plot_endings[i]);
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

/* Data and script of the figure are exactly the files of its name beside this one. */
static void assert_golden(const struct plot *p)
{
    struct str data = STR_INIT, script = STR_INIT;
    plot_data(p, &data);
    plot_script(p, &script);
    const struct {
        const char *ending, *got;
    } files[] = {{"tsv", data.data}, {"gp", script.data}};
    for (int i = 0; i < 2; i++) {
        char *path = str_format("tests/unit/plots/%s.%s", p->name, files[i].ending);
        char *want = read_text(path);
        assert_string_equal(files[i].got, want);
        free(path);
        free(want);
    }
    str_release(&data);
    str_release(&script);
}

static void data_and_script_are_exactly_the_golden_ones(void **state)
{
    (void)state;
    struct err e = {0};
    for (int i = 0; i < 2; i++) // again: over the old pictures, the same bytes
        assert_ok(plot_write(&small, folder, draw, &e), &e);
    assert_golden(&small);
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

/* ---- other shapes ---- */

/* Effective rank on the left, new accuracy on the right. */
static struct plot_series sides[] = {
    {.label = "effective rank", .points = rlp, .n = 3},
    {.label = "new", .points = coop, .n = 1, .second = true, .colour = 1, .dash = 1}};
static struct plot_panel sides_panel = {.title = "", .series = sides, .n = 2};
static const struct plot axes = {.name = "axes",
                                 .x_label = "epoch",
                                 .y_label = "effective rank, mean of 11 datasets of the paper",
                                 .y2_label = "new accuracy (%)",
                                 .least_y2 = 2,
                                 .panels = &sides_panel,
                                 .n = 1,
                                 .width = 12,
                                 .font = "Latin Modern Roman",
                                 .latex = true};

static struct plot_point ranks[] = {
    {.x = 516, .y = 77, .spread = 0.5, .n = 3, .wanted = 3, .label = "RLP, rank 1"},
    {.x = 1032,
     .y = 78,
     .spread = 0.5,
     .x_spread = 3,
     .n = 2,
     .wanted = 3,
     .label = "RLP, rank 2"}};
static struct plot_point maple[] = {
    {.x = 3555072, .y = 78.55, .n = 1, .wanted = 1, .label = "MaPLe"}};
static struct plot_series methods[] = {
    {.label = "ours", .points = ranks, .n = 2},
    {.label = "published", .points = maple, .n = 1, .colour = 8, .hollow = true},
    {.label = "zero-shot CLIP", .points = zero, .n = 1, .reference = true, .colour = 6, .dash = 2}};
static struct plot_panel methods_panel = {.title = "", .series = methods, .n = 3};
static const struct plot marks = {.name = "marks",
                                  .shape = PLOT_MARKS,
                                  .x_label = "trained parameters",
                                  .y_label = "H (%)",
                                  .x_log = 10,
                                  .least_y = 2,
                                  .panels = &methods_panel,
                                  .n = 1};
static struct plot_panel equal_panel = {.title = "", .series = methods, .n = 1};
static const struct plot equal = {.name = "equal-h",
                                  .shape = PLOT_MARKS,
                                  .x_label = "base accuracy (%)",
                                  .y_label = "new accuracy (%)",
                                  .equal_h = true,
                                  .least_y = 2,
                                  .panels = &equal_panel,
                                  .n = 1};

static struct plot_point higher[] = {
    {.x = 4.5, .y = 3, .x_spread = 1, .n = 3, .wanted = 3, .label = "EuroSAT"}};
static struct plot_point lower[] = {{.x = -1, .y = 2, .n = 2, .wanted = 3, .label = "DTD"}};
static struct plot_point middle[] = {{.x = 1.75, .y = 1, .n = 1, .wanted = 1, .label = "Average"}};
static struct plot_series deltas[] = {
    {.label = "RLP higher", .points = higher, .n = 1},
    {.label = "CoOp higher", .points = lower, .n = 1, .colour = 1},
    {.label = "Average", .points = middle, .n = 1, .colour = 6}};
static struct plot_panel deltas_panel = {.title = "H", .series = deltas, .n = 3};
static const struct plot bars = {.name = "bars",
                                 .shape = PLOT_BARS,
                                 .x_label = "difference in points",
                                 .y_label = "",
                                 .panels = &deltas_panel,
                                 .n = 1};

static double values[] = {90, 10, NAN, 80};
static int seeds[] = {3, 3, 0, 2}, all_seeds[] = {3, 3, 3, 3};
static char *classes[] = {(char *)"annual_crop_land and more", (char *)"forest"};
static struct plot_cells matrix = {.rows = 2,
                                   .columns = 2,
                                   .values = values,
                                   .n = seeds,
                                   .wanted = all_seeds,
                                   .row_names = classes,
                                   .column_names = classes};
static struct plot_panel matrix_panels[] = {{.title = "RLP", .cells = &matrix}, {.title = "none"}};
static const struct plot cells = {.name = "cells",
                                  .shape = PLOT_CELLS,
                                  .x_label = "predicted class",
                                  .y_label = "true class",
                                  .scale = "share (%)",
                                  .panels = matrix_panels,
                                  .n = 2};

static const struct plot *const shapes[] = {&axes, &marks, &equal, &bars, &cells};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void every_shape_has_exactly_its_golden_data_and_script(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++)
        assert_golden(shapes[i]);
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

/* The name at every place of the other shapes. */
static void draw_hostile_shapes(const char *name)
{
    struct plot_point at[] = {{.x = 1, .y = 1, .n = 1, .wanted = 1, .label = name},
                              {.x = 2, .y = 2, .n = 1, .wanted = 2, .label = name}};
    struct plot_series s = {.label = name, .points = at, .n = 2};
    char *names[] = {(char *)name, (char *)name};
    struct plot_cells m = matrix;
    m.row_names = m.column_names = names;
    struct err e = {0};
    for (int shape = PLOT_MARKS; shape < PLOT_SHAPES; shape++) {
        struct plot_panel panel = {.title = name, .series = &s, .n = 1};
        if (shape == PLOT_CELLS)
            panel = (struct plot_panel){.title = name, .cells = &m};
        struct plot p = {.name = "hostile",
                         .title = name,
                         .shape = (enum plot_shape)shape,
                         .x_label = name,
                         .y_label = name,
                         .scale = name,
                         .font = name,
                         .latex = true,
                         .panels = &panel,
                         .n = 1,
                         .caption = name};
        assert_ok(plot_write(&p, folder, proc_run, &e), &e);
        assert_starts("hostile.pdf", "%PDF-");
    }
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
        assert_ok(plot_write(&p, folder, proc_run, &e), &e); // not confined: the names alone hold
        assert_starts("hostile.pdf", "%PDF-");
        assert_starts("hostile.svg", "<?xml");
        assert_starts("hostile.png", "\x89PNG\r\n");
        draw_hostile_shapes(hostile[i]);
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

static void gnuplot_draws_every_shape_and_again_to_the_same_bytes(void **state)
{
    (void)state;
    if (!have_gnuplot()) {
        print_message("skipped: gnuplot is not installed\n");
        return;
    }
    struct err e = {0};
    for (int i = 0; i < SHAPES; i++) {
        static const char *const endings[] = {".pdf", ".svg", ".png", "-tex.tex", "-tex.pdf"};
        char *first[5] = {NULL};
        size_t size[5];
        int n = shapes[i]->latex ? 5 : 3;
        for (int turn = 0; turn < 2; turn++) {
            assert_ok(plot_write(shapes[i], folder, proc_run_confined, &e), &e);
            for (int k = 0; k < n; k++) {
                char *name = str_format("%s/%s%s", folder, shapes[i]->name, endings[k]), *bytes;
                size_t now;
                assert_ok(fs_read(&bytes, &now, name, 1 << 24, &e), &e);
                if (turn) {
                    assert_int_equal(now, size[k]);
                    assert_memory_equal(bytes, first[k], now);
                    free(first[k]);
                    free(bytes);
                } else {
                    first[k] = bytes;
                    size[k] = now;
                }
                free(name);
            }
            if (!turn)
                usleep(1100000); // a PDF that said when it was made would differ now
        }
    }
}

/* A script that somebody has tampered with can still start nothing. */
static void a_confined_gnuplot_starts_no_program(void **state)
{
    (void)state;
    if (!have_gnuplot()) {
        print_message("skipped: gnuplot is not installed\n");
        return;
    }
    static const char script[] = "system('touch canary')\nx = `touch canary`\n"
                                 "set print '|cat >canary'\nprint 1\nset print\n!touch canary\n";
    struct err e = {0};
    char *path = fs_join(folder, "bad.gp");
    assert_ok(fs_write(path, script, strlen(script), &e), &e);
    const char *const argv[] = {"gnuplot", "-d", "bad.gp", NULL};
    proc_run_confined(argv, folder, &e); // it may fail or not
    assert_false(is_there("canary"));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(data_and_script_are_exactly_the_golden_ones, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_shape_has_exactly_its_golden_data_and_script, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(gnuplot_draws_every_shape_and_again_to_the_same_bytes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_confined_gnuplot_starts_no_program, setup, teardown),
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
