/* Checkpoints: resumed equals uninterrupted for every method; files that must not be used. */
#include "rig.h"

#include "core/base/fs.h"
#include "core/train/checkpoint.h"

#include <sys/stat.h>

static const struct checkpoint_owner owner = {"0123456789abcdef", "this program on this device"};
static char *folder, *path, *previous;

static int setup(void **state)
{
    (void)state;
    folder = t_folder();
    path = fs_join(folder, "c.safetensors");
    previous = str_format("%s.previous", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    unlink(previous);
    int rc = rmdir(folder); // nothing else is left there
    free(previous);
    free(path);
    free(folder);
    return rc;
}

/* A training that writes down its curve and may be cut. */
struct diary {
    json_t *curve;
    int cut; // after so many epochs, with a checkpoint after each; 0 = not at all
};

static int write_down(void *arg, struct learner *l, const struct loop_epoch *epoch,
                      const struct loop_state *state, struct err *e)
{
    struct diary *d = arg;
    json_array_append_new(d->curve,
                          json_pack("{s:i, s:f, s:f, s:f}", "epoch", epoch->epoch, "loss",
                                    epoch->loss, "lr", epoch->lr, "accuracy", epoch->accuracy));
    if (!d->cut)
        return 0;
    assert_ok(checkpoint_save(path, &owner, l, state, d->curve, e), e);
    return state->epoch == d->cut ? err_set(e, ERR_CANCELLED, "cut") : 0;
}

static void train(struct rig *g, struct diary *d)
{
    struct err e = {0};
    int rc = loop_train(&g->l, &g->data, &g->config, &g->state, write_down, d, &e);
    if (d->cut)
        assert_int_equal(rc, ERR_CANCELLED);
    else
        assert_ok(rc, &e);
}

/* Leave checkpoints of epochs 1 .. cut on the disk. */
static void train_and_cut(const char *method, json_t *set, int cut)
{
    struct rig g;
    struct diary d = {json_array(), cut};
    unlink(path);
    unlink(previous);
    rig_open(&g, method, set);
    train(&g, &d);
    rig_close(&g);
    json_decref(d.curve);
}

static void resumed_is_whole(const char *method, json_t *set)
{
    struct rig whole, resumed;
    struct diary undisturbed = {json_array(), 0}, second = {0};
    struct checkpoint c;
    struct str refused = STR_INIT;
    struct err e = {0};
    print_message("    %s\n", method);
    rig_open(&whole, method, json_incref(set));
    train(&whole, &undisturbed);

    train_and_cut(method, json_incref(set), 2);
    rig_open(&resumed, method, json_incref(set));
    assert_true(checkpoint_find(&c, path, &owner, &refused));
    assert_string_equal(refused.data, "");
    assert_int_equal(c.epoch, 2);
    second.curve = json_deep_copy(c.events);
    assert_ok(checkpoint_restore(&c, &resumed.l, &resumed.state, &e), &e);
    checkpoint_close(&c);
    train(&resumed, &second);

    rig_assert_same(&whole, &resumed);
    assert_int_equal(json_array_size(undisturbed.curve), RIG_EPOCHS);
    assert_true(json_equal(undisturbed.curve, second.curve));
    assert_int_equal(whole.state.number, resumed.state.number);
    assert_memory_equal(&whole.rng, &resumed.rng, sizeof whole.rng);
    rig_close(&whole);
    rig_close(&resumed);
    json_decref(undisturbed.curve);
    json_decref(second.curve);
    json_decref(set);
}

static void of_defaults(const char *method)
{
    resumed_is_whole(method, NULL);
}

static void resumed_equals_uninterrupted_bit_for_bit_for_every_method(void **state)
{
    (void)state;
    rig_each(of_defaults);
    resumed_is_whole(
        "coop", json_pack("{s:s, s:i, s:s}", "context", "", "length", 4, "class-specific", "yes"));
    resumed_is_whole("rlp", json_pack("{s:i, s:f}", "rank", 2, "dropout", 0.5));
}

/* What is refused of the files on the disk, one line each; the epoch found, 0 for none. */
static int find(const struct checkpoint_owner *o, char **lines)
{
    struct checkpoint c = {0};
    struct str refused = STR_INIT;
    bool found = checkpoint_find(&c, path, o, &refused);
    int epoch = c.epoch;
    assert_int_equal(found, epoch > 0);
    checkpoint_close(&c);
    *lines = str_detach(&refused);
    return epoch;
}

static void expect(const struct checkpoint_owner *o, int epoch, const char *newest,
                   const char *older)
{
    char *lines, *want = mem_strdup("");
    assert_int_equal(find(o, &lines), epoch);
    const char *const texts[] = {newest, older}, *const paths[] = {path, previous};
    for (int i = 0; i < 2 && texts[i]; i++) {
        char *more = str_format("%s'%s' %s\n", want, paths[i], texts[i]);
        free(want);
        want = more;
    }
    assert_string_equal(lines, want);
    free(lines);
    free(want);
}

/* Flip a bit at `from_end` bytes before the end. */
static void damage(const char *file, long from_end)
{
    FILE *f = fopen(file, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, -from_end, SEEK_END), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, -from_end, SEEK_END), 0);
    fputc(c ^ 1, f);
    fclose(f);
}

static void a_damaged_checkpoint_gives_way_to_the_one_before(void **state)
{
    (void)state;
    train_and_cut("coop", NULL, 3);
    expect(&owner, 3, NULL, NULL);
    damage(path, 1);
    expect(&owner, 2, "does not match its hash", NULL);
    damage(previous, 5);
    expect(&owner, 0, "does not match its hash", "does not match its hash");
    damage(path, 1);
    expect(&owner, 3, NULL, NULL);
    assert_int_equal(truncate(path, 100), 0);
    damage(previous, 5);
    char *lines;
    assert_int_equal(find(&owner, &lines), 2);
    assert_non_null(strstr(lines, "header says"));
    free(lines);
    unlink(path);
    expect(&owner, 2, NULL, NULL);
    unlink(previous);
    expect(&owner, 0, NULL, NULL);
}

static void a_foreign_checkpoint_is_refused(void **state)
{
    (void)state;
    const struct checkpoint_owner other = {"fedcba9876543210", owner.code};
    const struct checkpoint_owner rebuilt = {owner.run, "another program on this device"};
    train_and_cut("coop", NULL, 2);
    const char *foreign = "is of run '0123456789ab', not of 'fedcba987654'";
    const char *changed = "was made by other code or on another device";
    expect(&other, 0, foreign, foreign);
    expect(&rebuilt, 0, changed, changed);

    struct err e = {0};
    json_t *metadata = json_pack("{s:s}", "format", "promptgrid prompt 1");
    const float value = 1;
    const struct tensor_out one = {"ctx", 1, {1}, &value, DTYPE_F32};
    unlink(previous);
    assert_ok(safetensors_write(path, &one, 1, metadata, &e), &e);
    expect(&owner, 0, "is no checkpoint of this version", NULL);
    json_decref(metadata);
}

static void arrays_of_another_shape_are_refused(void **state)
{
    (void)state;
    struct rig g;
    struct checkpoint c;
    struct err e = {0};
    train_and_cut("rlp", json_pack("{s:i}", "rank", 1), 1);
    rig_open(&g, "rlp", json_pack("{s:i}", "rank", 2));
    assert_ok(checkpoint_open(&c, path, &owner, &e), &e);
    assert_int_equal(checkpoint_restore(&c, &g.l, &g.state, &e), ERR_CORRUPT);
    size_t width = (size_t)g.clip.shape.text_width;
    char *want = str_format("'%s': tensor 'parameters' has shape (%zu), expected (%zu)", path,
                            width + 4, 2 * (width + 4));
    assert_text(&e, want);
    assert_int_equal(g.state.epoch, 0);
    checkpoint_close(&c);
    free(want);
    rig_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumed_equals_uninterrupted_bit_for_bit_for_every_method),
        cmocka_unit_test(a_damaged_checkpoint_gives_way_to_the_one_before),
        cmocka_unit_test(a_foreign_checkpoint_is_refused),
        cmocka_unit_test(arrays_of_another_shape_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
