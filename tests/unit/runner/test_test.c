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

/* The part's predictions lie in its classes and are as accurate as it says. */
static void check_part(const json_t *events, const char *part, int first, int n)
{
    const json_t *labels = json_object_get(event_of(events, "prediction", part, NULL), "labels");
    const json_t *accuracy = event_of(events, "metric", part, "accuracy");
    int hits = 0, images = n * CASE_EACH;
    assert_int_equal(json_array_size(labels), images);
    for (int i = 0; i < images; i++) {
        int label = (int)json_integer_value(json_array_get(labels, (size_t)i));
        assert_in_range(label, first, first + n - 1);
        hits += label == first + i / CASE_EACH; // the list's order is the labels'
    }
    assert_true(hits > 0); // or the accuracy would tell nothing
    assert_true(
        fabs(json_number_value(json_object_get(accuracy, "value")) - 100.0 * hits / images) < 1e-9);
}

static void predictions_of_the_new_classes_are_the_datasets_labels(void **unused)
{
    (void)unused;
    char text[CLASSES][8] = {"lake", "sea", "forest", "river", "desert"};
    char *const names[] = {text[0], text[1], text[2], text[3], text[4]};
    struct job_case c;
    case_open(&c, names, CLASSES, "base-to-new", "none", "coop", "epochs=1;batch=4");
    json_t *events = case_run(&c);
    check_part(events, "base", 0, BASE);
    check_part(events, "new", BASE, CLASSES - BASE);
    json_decref(events);
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_of_the_new_classes_are_the_datasets_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
