/* Which model a file holds: sizes from shapes, torch's draws for it, and files that hold none or
 * not all of one. */
#include "clip/resnet_oracle.h"

static char *folder, *path;

static int setup(void **state)
{
    (void)state;
    folder = t_folder();
    path = fs_join(folder, "model.safetensors");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    free(path);
    free(folder);
    return 0;
}

static void draws_of_construction_match_the_measured_numbers(void **unused)
{
    (void)unused;
    const struct {
        struct clip_shape shape;
        uint64_t draws;
    } known[] = {
        {{224, 32, 768, 12, 512, 12, 77, 49408, 512, CLIP_VIT, {0}}, 214211328},
        {{224, 16, 768, 12, 512, 12, 77, 49408, 512, CLIP_VIT, {0}}, 212554752},
        {{224, 14, 1024, 24, 768, 12, 77, 49408, 768, CLIP_VIT, {0}}, 550254336},
        {{224, 32, 64, 16, 512, 12, 77, 49408, 1024, CLIP_RESNET, {3, 4, 6, 3}}, 179635552},
        {{224, 32, 64, 33, 512, 12, 77, 49408, 512, CLIP_RESNET, {3, 4, 23, 3}}, 196215648},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_int_equal(clip_init_draws(&known[i].shape), known[i].draws);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_of_construction_match_the_measured_numbers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
