/* What `classify` puts to work: a learner with its classes. For classify*.c. */
#ifndef PROMPTGRID_RUNNER_CLASSIFY_H
#define PROMPTGRID_RUNNER_CLASSIFY_H

#include "core/clip/vision.h"
#include "runner/prompt.h"

struct classify_options {
    struct prompt_options prompt; // workspace, data, backbone, dataset, top, json, as
    const char *word;             // --prompt; NULL: zero-shot
    const char *classes;          // file of names, one a line
    const char *template_;        // zero-shot
};

struct classifier {
    struct trained trained;
    json_t *params; // of zero-shot
    struct device *device;
    struct clip clip;
    struct bpe *bpe;
    struct learner learner;
    char **names; // (K) as they stand in the prompt
    int K;
};

int classifier_open(struct classifier *c, const struct classify_options *o, struct err *e);
void classifier_close(struct classifier *c); // fine after a failure

/* logits (n, K), host = of images (n, 3, S, S), host */
int classifier_run(struct classifier *c, struct vision *vision, const float *images, int n,
                   float *logits, struct err *e);

/* Does it need features of the image tower, or does its method look at images itself? */
bool classifier_wants_features(const struct classifier *c);

#endif
