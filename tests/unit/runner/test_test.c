/* What a run says of its test images: predictions are labels of the dataset, whatever the part. */
#include "job_case.h"

enum { CLASSES = 5, BASE = 3 };

static const json_t *event_of(const json_t *events, const char *name, const char *part,
                              const char *metric)
{
    size_t i;
    const json_t *event;
    json_array_foreach(events, i, event)
    {
        const char *split = json_string_value(json_object_get(event, "split"));
        const char *of = json_string_value(json_object_get(event, "name"));
        if (str_eq(json_string_value(json_object_get(event, "event")), name) &&
            str_eq(split, part) && (!metric || str_eq(of, metric)))
            return event;
    }
    fail_msg("no '%s' of '%s'", name, part);
    return NULL;
}

/* What the untrained context makes of the part's rows of the test bank: the dataset's labels. */
static void expect(const struct job_case *c, char *const *names, int first, int n, int *want)
{
    struct case_hand h;
    struct err e;
    float *images = case_features("test", 1, CLASSES * CASE_EACH), logits[CLASSES * CASE_EACH][8];
    case_hand_open(&h, c, BASE);
    assert_ok(learner_classes(&h.l, names + first, n, false, &e), &e);
    for (int i = 0; i < n * CASE_EACH; i++) {
        h.l.method->logits(&h.l, images + (first * CASE_EACH + i) * CASE_DIM, 1, logits[i]);
        int top = 0;
        for (int k = 1; k < n; k++)
            top = logits[i][k] > logits[i][top] ? k : top;
        want[i] = first + top;
    }
    case_hand_close(&h);
    free(images);
}

/* The part's predictions are the dataset's labels and as accurate as it says. */
static void check_part(const struct job_case *c, const json_t *events, char *const *names,
                       const char *part, int first, int n)
{
    const json_t *labels = json_object_get(event_of(events, "prediction", part, NULL), "labels");
    const json_t *accuracy = event_of(events, "metric", part, "accuracy");
    int hits = 0, images = n * CASE_EACH, want[CLASSES * CASE_EACH];
    expect(c, names, first, n, want);
    assert_int_equal(json_array_size(labels), images);
    for (int i = 0; i < images; i++) {
        assert_int_equal(json_integer_value(json_array_get(labels, (size_t)i)), want[i]);
        hits += want[i] == first + i / CASE_EACH; // the list's order is the labels'
    }
    assert_true(hits > 0 && hits < images); // or the accuracy would tell nothing
    assert_true(
        fabs(json_number_value(json_object_get(accuracy, "value")) - 100.0 * hits / images) < 1e-9);
}

static void predictions_of_each_part_are_the_datasets_labels(void **unused)
{
    (void)unused;
    char text[CLASSES][8] = {"lake", "sea", "forest", "river", "desert"};
    char *const names[] = {text[0], text[1], text[2], text[3], text[4]};
    struct job_case c;
    case_open(&c, names, CLASSES, "base-to-new", "none", "coop",
              "epochs=1;batch=4;lr=0;warmup-lr=0");
    json_t *events = case_run(&c);
    check_part(&c, events, names, "base", 0, BASE);
    check_part(&c, events, names, "new", BASE, CLASSES - BASE);
    json_decref(events);
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_of_each_part_are_the_datasets_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
