/* The `slurm` block: what becomes of it on sbatch's command line, and what is refused. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "harness/recipe/slurm_config.h"

#include <unistd.h>

/* The block of this text, or NULL with the error. */
static json_t *read_block(const char *text, struct err *e)
{
    struct yaml_file *file;
    json_t *block = NULL;
    char *folder = t_folder(), *path = fs_join(folder, "s.yaml");
    assert_ok(fs_write(path, text, strlen(text), e), e);
    if (yaml_read(&file, path, e) == 0) {
        slurm_block_read(file->root, &block, e);
        yaml_free(file);
    }
    unlink(path);
    rmdir(folder);
    free(path);
    free(folder);
    return block;
}

static void a_block_becomes_options_of_sbatch(void **state)
{
    (void)state;
    struct err e = {0};
    json_t *argv = json_array();
    json_t *block = read_block("partition: gpu\ntime: 2-0\ncpus: 4\nextra: [--a=b, --c]\n", &e);
    assert_non_null(block);
    slurm_config_options(block, argv);
    char *text = json_dumps(argv, JSON_COMPACT);
    assert_string_equal(
        text, "[\"--partition=gpu\",\"--time=2-0\",\"--cpus-per-task=4\",\"--a=b\",\"--c\"]");
    assert_int_equal(slurm_config_count(block, "array"), 1000);
    free(text);
    json_decref(argv);
    json_decref(block);
}

static void times_are_read_as_sbatch_does(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } times[] = {{"5", 300},      {"5:30", 330},       {"1:00:00", 3600},
                 {"2-0", 172800}, {"1-12:30", 131400}, {"1-0:0:1", 86401},
                 {"infinite", 0}, {"1:2:3:4", 0},      {"-", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        json_t *config = json_pack("{s:s}", "time", times[i].text);
        if (slurm_config_seconds(config) != times[i].seconds)
            fail_msg("'%s' reads as %f", times[i].text, slurm_config_seconds(config));
        json_decref(config);
    }
}

static void what_sbatch_would_not_take_is_refused(void **state)
{
    static const struct {
        const char *text, *word;
    } bad[] = {{"partitoin: gpu\n", "did you mean 'partition'?"},
               {"cpus: 0\n", "whole number from 1 to 4096"},
               {"extra: --x\n", "a list of options"},
               {"extra: [rm]\n", "an option as sbatch takes it"},
               {"time: [1]\n", "one value for 'time'"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err e = {0};
        assert_null(read_block(bad[i].text, &e));
        if (!strstr(e.text, bad[i].word))
            fail_msg("'%s'", e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_becomes_options_of_sbatch),
        cmocka_unit_test(times_are_read_as_sbatch_does),
        cmocka_unit_test(what_sbatch_would_not_take_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
