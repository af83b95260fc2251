/* Test images -> metrics: see test.h. */
#include "runner/test.h"

#include "core/base/mem.h"
#include "core/proto/event.h"
#include "core/train/eval.h"

#include <stdlib.h>
#include <string.h>

static void send_result(const struct part *part, const struct eval_result *r, size_t n)
{
    const struct {
        const char *name;
        double value;
    } metrics[] = {{"accuracy", r->accuracy}, {"macro_f1", r->macro_f1}};
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        event_send(json_pack("{s:s, s:s, s:s, s:f}", "event", "metric", "split", part->name, "name",
                             metrics[i].name, "value", metrics[i].value));
    json_t *labels = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(labels, json_integer(r->predicted[i] + part->first));
    event_send(
        json_pack("{s:s, s:s, s:o}", "event", "prediction", "split", part->name, "labels", labels));
}

/* Test images of a part: rows of the test bank, or of the test list for methods on pixels. */
struct test_images {
    struct device *device;
    const struct bank *bank;
    size_t *rows;
    struct pixels *pixels;
};

static int fetch_features(void *arg, size_t first, size_t n, float *out, struct err *e)
{
    const struct test_images *images = arg;
    size_t E = images->bank->dim;
    float *host = mem_alloc(n * E, sizeof *host);
    (void)e;
    for (size_t i = 0; i < n; i++)
        memcpy(host + i * E, images->bank->features + images->rows[first + i] * E, E * sizeof *out);
    images->device->ops->upload(images->device, out, host, n * E * sizeof *out);
    free(host);
    return 0;
}

static int fetch_pixels(void *arg, size_t first, size_t n, float *out, struct err *e)
{
    const struct test_images *images = arg;
    return pixels_fetch(images->pixels, first, n, out, e);
}

int test_measure(struct work *w, const struct bank *bank, const struct part *part,
                 struct eval_result *out, size_t *count, struct err *e)
{
    const struct split_list *list = &w->split.part[SPLIT_TEST];
    struct test_images images = {w->device, bank, mem_alloc(list->n, sizeof *images.rows), NULL};
    bool pixels = w->method->pixels;
    int *labels = mem_alloc(list->n, sizeof *labels);
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        int label = list->items[i].label - part->first;
        if (label < 0 || label >= part->n)
            continue;
        long row = pixels ? (long)i : bank_row(bank, i);
        BUG_IF(row < 0); // a test bank covers the whole list
        images.rows[n] = (size_t)row;
        labels[n++] = label;
    }
    if (pixels)
        images.pixels = work_pixels(w, "test", images.rows, n);
    struct eval_images all = {pixels ? fetch_pixels : fetch_features, &images, n, labels};
    int rc = learner_classes(&w->learner, w->names + part->first, part->n, false, e);
    if (rc == 0)
        rc = eval_run(&w->learner, &all, out, e);
    if (rc < 0)
        err_wrap(e, "testing on '%s'", part->name);
    *count = n;
    pixels_close(images.pixels);
    free(images.rows);
    free(labels);
    return rc;
}

int test_part(struct work *w, const struct bank *bank, const struct part *part, struct err *e)
{
    struct eval_result result = {0};
    size_t n;
    int rc = test_measure(w, bank, part, &result, &n, e);
    if (rc == 0)
        rc = known_ask(w->known, e);
    if (rc == 0)
        send_result(part, &result, n);
    free(result.predicted);
    return rc;
}
