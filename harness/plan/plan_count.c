/* How many numbers a planned run trains, from the facts of its files. */
#include "core/base/str.h"
#include "core/data/split.h"
#include "core/proto/method_keys.h"
#include "harness/plan/plan_facts.h"

long plan_parameters(const struct plan_backbone *b, const struct plan_dataset *d,
                     const struct plan_run *run)
{
    const struct method_row *method = method_find(plan_text(run, "method"));
    struct method_sizes sizes = b->sizes;
    bool base = str_eq(plan_text(run, "protocol"), "base-to-new");
    if (method->needs & METHOD_FILE)
        return -1; // whoever trained it knows
    if (!method->parameters)
        return 0;
    if (!sizes.text_width)
        return -1;
    sizes.classes = base ? split_base_classes(d->classes) : d->classes;
    for (long k = 0; k < sizes.classes; k++)
        sizes.images += d->class_images[k] < run->shots ? d->class_images[k] : run->shots;
    return method->parameters(run->params, &sizes);
}
