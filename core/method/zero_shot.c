/*
 * Zero-shot CLIP: the dataset's template with the class name in place of {} (spec/training.md
 * section 6). Nothing is trained.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/method/method.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

static int prompts(struct learner *l, const json_t *params, char *const *names, size_t K,
                   struct text_prompts *out, struct err *e)
{
    const char *template_ = spec_get_text(params, "template"), *hole = strstr(template_, "{}");
    if (!hole)
        return err_set(e, ERR_RANGE, "template '%s' has no {} for the class name", template_);
    for (size_t k = 0; k < K; k++) {
        char *text = str_format("%.*s%s%s", (int)(hole - template_), template_, names[k], hole + 2);
        int *ids = NULL;
        size_t n = 0;
        int rc = bpe_tokenize(l->bpe, text, l->clip->shape.context, &ids, &n, e);
        if (rc == 0)
            text_prompts_add(out, ids, n);
        free(ids);
        free(text);
        if (rc < 0)
            return rc;
    }
    return 0;
}

const struct method method_zero_shot = {.name = "zero-shot", .prompts = prompts};
