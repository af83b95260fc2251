/* Logs of Dassl's trainers, piece by piece; whole ones are in cli/test_import_logs.sh. */
#include "t.h"

#include "core/base/str.h"
#include "harness/logs/dassl_log.h"

#define RESULT(accuracy)                                                                           \
    "=> result\n* total: 2,465\n* correct: 2,263\n* accuracy: " accuracy                           \
    "\n* error: 8.2%\n* macro_f1: 90.5%\n"
#define EPOCH(n) "epoch [" n "/50] batch [5/5] time 0.1 (0.1) loss 0.5000 (0.6000) lr 2.0000e-03\n"
#define END "Finish training\nDeploy the last-epoch model\nEvaluate on the *test* set\n"

static int read_text(struct dassl_log *log, const char *text, struct err *e)
{
    char *copy = strdup(text);
    *e = (struct err){0};
    int rc = dassl_log_read(log, copy, "log.txt", e);
    free(copy);
    return rc;
}

static void the_result_is_exact_and_last(void **state)
{
    (void)state;
    struct dassl_log log;
    struct err e;
    // a test on the way does not count, the counts say more than the rounded accuracy
    assert_ok(
        read_text(&log,
                  EPOCH("25") "=> result\n* total: 4\n* correct: 1\n* accuracy: 25.0%\n" EPOCH("50")
                      END RESULT("91.8%") "Elapsed: 0:04:05\n",
                  &e),
        &e);
    assert_true(log.trained);
    assert_true(fabs(log.accuracy - 100.0 * 2263 / 2465) < 1e-12);
    assert_true(log.macro_f1 == 90.5);
    assert_int_equal(log.images, 2465);
    assert_true(log.seconds == 245);
    assert_ok(read_text(&log,
                        "epoch [2/2][5/5]\ttime 0.1\tloss 0.5 (0.5)\nFinished training\n" RESULT(
                            "91.81%") "Elapsed: 1 day, 2:03:04\r\n",
                        &e),
              &e);
    assert_true(log.seconds == 26 * 3600 + 3 * 60 + 4);
    // an evaluation has no end to wait for; without counts the printed number stands
    assert_ok(read_text(&log, "=> result\n* accuracy: 70.25%", &e), &e);
    assert_false(log.trained);
    assert_true(log.accuracy == 70.25 && isnan(log.macro_f1));
}

static void the_head_says_what_was_run(void **state)
{
    (void)state;
    struct dassl_log log;
    struct err e;
    assert_ok(
        read_text(&log,
                  "***\n** Arguments **\n***\nmodel_dir: output/imagenet/CoOp/x/seed1\nseed: 9\n"
                  "***\n** Config **\n***\nDATASET:\n  NAME: OxfordPets\n  NUM_SHOTS: 16\n"
                  "  SUBSAMPLE_CLASSES: new\nMODEL:\n  BACKBONE:\n    NAME: 'ViT-B/16'\n  HEAD:\n"
                  "    NAME: \nSEED: 3\nTRAINER:\n  COOP:\n    NAME: no\n  NAME: CoCoOp\n"
                  "Collecting env info ...\n** System info **\nSEED: 4\n" RESULT("91.8%"),
                  &e),
        &e);
    assert_string_equal(log.dataset, "OxfordPets");
    assert_string_equal(log.trainer, "CoCoOp");
    assert_string_equal(log.backbone, "ViT-B/16");
    assert_string_equal(log.classes, "new");
    assert_string_equal(log.model, "output/imagenet/CoOp/x/seed1");
    assert_int_equal(log.shots, 16);
    assert_int_equal(log.seed, 3);
    assert_ok(read_text(&log, RESULT("91.8%"), &e), &e);
    assert_string_equal(log.dataset, "");
    assert_int_equal(log.seed, -1);
}

static void what_is_no_whole_result_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *error;
    } rows[] = {
        {"\nepoch [7/50] batch [5/5] time 0.1 (0.1) loss nan (nan) acc 2.0 (2.0)\n" END RESULT(
             "91.8%"),
         ERR_NUMERIC, "log.txt:2: the loss is no number in epoch 7 of 50"},
        {"epoch [7/50][5/5]\tloss -inf (0.1)\n" END RESULT("91.8%"), ERR_NUMERIC,
         "log.txt:1: the loss is no number in epoch 7 of 50"},
        {EPOCH("3") "FloatingPointError: Loss is infinite or NaN!\n", ERR_NUMERIC,
         "log.txt:2: the loss is infinite or NaN"},
        {EPOCH("36") EPOCH("37"), ERR_MISSING,
         "log.txt:2: it ends in epoch 37 of 50, without a result"},
        {EPOCH("37") RESULT("91.8%"), ERR_MISSING,
         "log.txt:1: it ends in epoch 37 of 50, without a result"},
        {EPOCH("50") END, ERR_MISSING, "log.txt:4: it ends without a result"},
        {EPOCH("50") RESULT("91.8%") END, ERR_MISSING, "log.txt:10: it ends without a result"},
        {"", ERR_MISSING, "log.txt:0: it ends without a result"},
        {"=> result\n* total: 2,465\n", ERR_MISSING,
         "log.txt:2: its result has no accuracy: is it still being written?"},
        {"=> result\n* total: 0\n* correct: 0\n* accuracy: nan%\n", ERR_NUMERIC,
         "log.txt:4: its result is no number"},
        {"=> result\n* accuracy: 0.918\n", ERR_CORRUPT,
         "log.txt:2: its result is no percentage from 0 to 100"},
        {"=> result\n* accuracy: 918%\n", ERR_CORRUPT,
         "log.txt:2: its result is no percentage from 0 to 100"},
        {RESULT("92.1%"), ERR_CORRUPT, "log.txt:1: it says 92.1 %, but 2263 of 2465 are 91.81 %"},
        {"=> result\n* total: 10\n* correct: 11\n* accuracy: 100.0%\n", ERR_CORRUPT,
         "log.txt:1: it says 100.0 %, but 11 of 10 are 110.00 %"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dassl_log log;
        struct err e;
        assert_int_equal(read_text(&log, rows[i].text, &e), rows[i].code);
        assert_text(&e, rows[i].error);
    }
}

/* Words that only look like one. */
static void nan_is_a_word(void **state)
{
    (void)state;
    struct dassl_log log;
    struct err e;
    assert_ok(
        read_text(
            &log,
            "epoch [50/50] batch [5/5] nano 0.1 (0.1) info x loss 0.1 (0.1)\n" END RESULT("91.8%"),
            &e),
        &e);
}

static void damage_never_crashes(void **state)
{
    (void)state;
    const char *whole =
        "** Config **\nMODEL:\n  BACKBONE:\n    NAME: x\n" EPOCH("50") END RESULT("91.8%");
    const size_t n = strlen(whole);
    for (size_t i = 0; i < n; i++)
        for (int c = 1; c < 256; c += 7) {
            struct dassl_log log;
            struct err e = {0};
            char *copy = strdup(whole);
            copy[i] = (char)c;
            dassl_log_read(&log, copy, "log.txt", &e);
            copy[i] = 0;
            dassl_log_read(&log, copy, "log.txt", &e);
            free(copy);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_result_is_exact_and_last),
        cmocka_unit_test(the_head_says_what_was_run),
        cmocka_unit_test(what_is_no_whole_result_is_refused_with_its_line),
        cmocka_unit_test(nan_is_a_word),
        cmocka_unit_test(damage_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
