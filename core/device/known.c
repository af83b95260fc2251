/* The known answer: see known.h. */
#include "core/device/known.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <math.h>
#include <stdlib.h>

enum {
    ROWS = 64, // of a copy of the input; also tokens of an image, rows of the tree, labels
    HEADS = 2,
    C = HEADS * DEVICE_HEAD,
    WIDE = 3 * C, // q|k|v side by side
    COPY = ROWS * WIDE,
    COPIES = 16, // a GPU gets as many, so that much of it has work; the CPU one
    TRUNK = 8,   // rows that all paths of the tree share; then as many a branch
    PATHS = TRUNK * (TRUNK + 1) / 2 + (ROWS / TRUNK - 1) * (TRUNK * TRUNK + TRUNK * (TRUNK + 1) / 2)
};

/* The problem on one device. */
struct side {
    struct device *d;
    int copies;
    float *x;                   // (COPIES ROWS, WIDE): the copies are equal
    float *out;                 // (COPIES ROWS, WIDE): what a part is asked for comes first
    float *kept;                // what a part's first operation leaves to its second
    struct linear *full, *half; // (WIDE, WIDE) in fp32, bf16
    struct forest *forest;      // one tree of ROWS
    int *labels;                // (ROWS)
};

/* ---- the parts ---- */

static void product(const struct side *s)
{
    s->d->ops->linear_fwd(s->d, s->out, s->x, s->full, s->copies * ROWS);
}

static void product_back(const struct side *s)
{
    s->d->ops->linear_bwd(s->d, s->out, s->x, s->full, s->copies * ROWS);
}

static void product_bf16(const struct side *s)
{
    s->d->ops->linear_fwd(s->d, s->out, s->x, s->half, s->copies * ROWS);
}

static void product_bf16_back(const struct side *s)
{
    s->d->ops->linear_bwd(s->d, s->out, s->x, s->half, s->copies * ROWS);
}

static void matrices_nt(const struct side *s)
{
    s->d->ops->matmul_nt(s->d, s->out, s->x, s->x, s->copies * ROWS, WIDE, WIDE, 1);
}

static void matrices_nn(const struct side *s)
{
    s->d->ops->matmul_nn(s->d, s->out, s->x, s->x, s->copies * ROWS, WIDE, WIDE, 1);
}

static void matrices_tn(const struct side *s)
{
    s->d->ops->matmul_tn(s->d, s->out, s->x, s->x, WIDE, WIDE, ROWS, 1);
}

static void attention(const struct side *s)
{
    s->d->ops->attention_fwd(s->d, s->kept, s->x, s->copies, ROWS, HEADS);
    s->d->ops->attention_bwd(s->d, s->out, s->kept, s->x, s->copies, ROWS, HEADS);
}

static void tree_attention(const struct side *s)
{
    const float *k = s->x + C, *v = k + C;
    float *p = s->kept + ROWS * C, *dk = s->out + C, *dv = dk + C;
    s->d->ops->tree_fwd(s->d, s->kept, p, s->x, WIDE, k, v, WIDE, s->forest, HEADS);
    s->d->ops->tree_bwd(s->d, s->out, dk, dv, s->kept, p, s->x, WIDE, k, v, WIDE, s->forest, HEADS);
}

static void layer_norm(const struct side *s)
{
    const int rows = s->copies * ROWS;
    const float *gamma = s->x, *beta = s->x + WIDE;
    float *mean = s->kept + (size_t)rows * WIDE, *rstd = mean + rows;
    s->d->ops->layernorm_fwd(s->d, s->kept, mean, rstd, s->x, gamma, beta, rows, WIDE);
    s->d->ops->zero(s->d, s->out, (size_t)rows * WIDE * sizeof *s->out);
    s->d->ops->layernorm_bwd(s->d, s->out, s->kept, s->x, mean, rstd, gamma, rows, WIDE);
}

static void quickgelu(const struct side *s)
{
    const size_t n = (size_t)s->copies * COPY;
    s->d->ops->quickgelu_fwd(s->d, s->kept, s->x, n);
    s->d->ops->quickgelu_bwd(s->d, s->out, s->kept, s->kept, n); // its slope at -0.75 is almost 0
}

static void cross_entropy(const struct side *s)
{
    float *loss = s->out, *hit = loss + ROWS, *dlogits = hit + ROWS;
    s->d->ops->cross_entropy(s->d, loss, hit, dlogits, s->x, s->labels, ROWS, WIDE);
}

static const struct part {
    const char *name;
    void (*run)(const struct side *s);
    size_t n;    // numbers of its answer
    bool copied; // as many times as there are copies
    float limit; // of the error of a first answer, relative to the largest number; 0: none
} parts[] = {
    {"a product in fp32", product, COPY, true, 0},
    {"a backward product in fp32", product_back, COPY, true, 0},
    {"a product in bf16", product_bf16, COPY, true, 0},
    {"a backward product in bf16", product_bf16_back, COPY, true, 0},
    {"a product a b^T", matrices_nt, COPY, true, 0},
    {"a product a b", matrices_nn, COPY, true, 0},
    {"a product a^T b", matrices_tn, WIDE *WIDE, false, 0},
    {"attention", attention, COPY, true, 1e-4f},
    {"attention along paths", tree_attention, COPY, false, 1e-4f},
    {"layer norm", layer_norm, COPY, true, 1e-4f},
    {"QuickGELU", quickgelu, COPY, true, 1e-4f},
    {"softmax and cross entropy", cross_entropy, COPY + 2 * ROWS, false, 1e-4f},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

struct known {
    struct side side;
    float *got; // (COPIES COPY), host
    struct answer {
        float *want;
        size_t n;    // numbers in want, again for each copy
        float bound; // error allowed; 0: these very numbers
    } answers[PARTS];
};

/* ---- the input ---- */

/* Multiples of 1/4 from -1 to 1, none of them 0: fixed, and all exact in bf16. */
static void fill(float *x, size_t n, uint32_t state)
{
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        const int quarters = (int)(state >> 29) - 4;
        x[i] = 0.25f * (float)(quarters < 0 ? quarters : quarters + 1);
    }
}

/* Row r, counted from the last row, attends to the trunk, down to itself or whole, and then to its
 * branch: row 0 is a leaf. */
static struct forest *plant(struct device *d)
{
    int query[ROWS], start[ROWS + 1] = {0}, path[PATHS], n = 0;
    for (int row = 0; row < ROWS; row++) {
        const int r = ROWS - 1 - row;
        for (int i = 0; i < TRUNK && i <= r; i++)
            path[n++] = ROWS - 1 - i;
        for (int i = r - r % TRUNK; r >= TRUNK && i <= r; i++)
            path[n++] = ROWS - 1 - i;
        query[row] = row;
        start[row + 1] = n;
    }
    const struct device_tree tree = {ROWS, ROWS, query, start, path};
    BUG_IF(n != PATHS);
    return d->ops->forest_new(d, &tree);
}

static void side_open(struct side *s, struct device *d, int copies)
{
    const bool cpu = str_eq(d->ops->kind, "cpu");
    const size_t all = (size_t)COPIES * COPY;
    const int both = LINEAR_FORWARD | LINEAR_BACKWARD;
    float *x = mem_alloc(all, sizeof *x), *weight = mem_alloc(WIDE * WIDE, sizeof *weight);
    int labels[ROWS];
    for (int i = 0; i < COPIES; i++)
        fill(x + (size_t)i * COPY, COPY, 1);
    fill(weight, WIDE * WIDE, 2);
    for (int i = 0; i < ROWS; i++)
        labels[i] = i * 5 % WIDE;
    *s = (struct side){.d = d, .copies = copies};
    s->x = device_put(d, x, all);
    s->out = device_floats(d, all);
    s->kept = device_floats(d, all + 2 * (size_t)COPIES * ROWS);
    s->full = d->ops->linear_new(d, weight, NULL, WIDE, WIDE, both);
    // bf16 changes no number here, and not every CPU has it.
    s->half = d->ops->linear_new(d, weight, NULL, WIDE, WIDE, both | (cpu ? 0 : LINEAR_BF16));
    s->forest = plant(d);
    s->labels = device_put_ints(d, labels, ROWS);
    free(x);
    free(weight);
}

static void side_close(struct side *s)
{
    if (!s->d)
        return;
    device_release(s->d, s->x);
    device_release(s->d, s->out);
    device_release(s->d, s->kept);
    s->d->ops->linear_free(s->d, s->full);
    s->d->ops->linear_free(s->d, s->half);
    s->d->ops->forest_free(s->d, s->forest);
    device_release(s->d, s->labels);
}

/* ---- asking ---- */

/* What the part gives on this side, into host memory. */
static int ask(const struct side *s, const struct part *p, float *out, size_t n, struct err *e)
{
    p->run(s);
    s->d->ops->download(s->d, out, s->out, n * sizeof *out);
    return device_sync(s->d, e);
}

/* The answers as the CPU has them. */
static int learn(struct known *k, struct err *e)
{
    struct device *cpu;
    struct side side;
    int rc = device_open(&cpu, "cpu", 1, e);
    if (rc < 0)
        return rc;
    side_open(&side, cpu, 1);
    for (int i = 0; i < PARTS && (rc = device_sync(cpu, e)) == 0; i++) {
        struct answer *a = &k->answers[i];
        float most = 0;
        a->n = parts[i].n;
        a->want = mem_alloc(a->n, sizeof *a->want);
        if ((rc = ask(&side, &parts[i], a->want, a->n, e)) < 0)
            break;
        for (size_t j = 0; j < a->n; j++)
            most = fmaxf(most, fabsf(a->want[j]));
        a->bound = parts[i].limit * most;
    }
    side_close(&side);
    device_close(cpu);
    return rc;
}

/* The first of n numbers that is not as it should be; n: none. A number that is none is not. */
static size_t first_wrong(const struct answer *a, const float *got, size_t n)
{
    for (size_t at = 0; at < n; at += a->n) {
        int wrong = 0;
        for (size_t i = 0; i < a->n; i++)
            wrong |= !(fabsf(got[at + i] - a->want[i]) <= a->bound);
        for (size_t i = 0; wrong && i < a->n; i++)
            if (!(fabsf(got[at + i] - a->want[i]) <= a->bound))
                return at + i;
    }
    return n;
}

int known_ask(struct known *k, struct err *e)
{
    for (int i = 0; k && i < PARTS; i++) {
        struct answer *a = &k->answers[i];
        const size_t n = parts[i].n * (parts[i].copied ? COPIES : 1);
        int rc = ask(&k->side, &parts[i], k->got, n, e);
        if (rc < 0)
            return rc;
        const size_t at = first_wrong(a, k->got, n);
        if (at < n)
            return err_set(e, ERR_DEVICE,
                           "%s: it computes wrongly: number %zu of %zu of %s is %.9g, expected "
                           "%.9g; what this run made does not count; test the GPU, as by 'dcgmi "
                           "diag -r 3'",
                           k->side.d->name, at, n, parts[i].name, (double)k->got[at],
                           (double)a->want[at % a->n]);
        if (a->bound > 0) { // from now on these bits
            free(a->want);
            *a = (struct answer){mem_dup(k->got, n * sizeof *k->got), n, 0};
        }
    }
    return 0;
}

int known_open(struct known **out, struct device *d, struct err *e)
{
    *out = NULL;
    if (str_eq(d->ops->kind, "cpu"))
        return 0;
    struct known *k = *out = mem_zero(1, sizeof *k);
    k->got = mem_alloc((size_t)COPIES * COPY, sizeof *k->got);
    int rc = learn(k, e);
    if (rc < 0)
        return rc;
    side_open(&k->side, d, COPIES);
    rc = device_sync(d, e);
    return rc < 0 ? rc : known_ask(k, e);
}

void known_close(struct known *k)
{
    if (!k)
        return;
    side_close(&k->side);
    for (int i = 0; i < PARTS; i++)
        free(k->answers[i].want);
    free(k->got);
    free(k);
}
