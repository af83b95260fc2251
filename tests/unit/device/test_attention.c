/*
 * Attention, full and over forests, on every device: values against a double-precision reference,
 * gradients against the closed form and against finite differences of the objective sum(out dout),
 * at ragged sizes.
 *
 * Full attention is checked as a forest, too: the path of a token is all of its image.
 */
#include "device/ops.h"

enum { D = DEVICE_HEAD };

/* ---- forests ---- */

static struct device_tree tree_new(int rows, int queries, int paths)
{
    int *query = mem_alloc((size_t)queries, sizeof *query),
        *start = mem_alloc((size_t)queries + 1, sizeof *start),
        *path = mem_alloc((size_t)paths, sizeof *path);
    start[0] = 0;
    return (struct device_tree){rows, queries, query, start, path};
}

static void tree_free(struct device_tree *t)
{
    free((int *)t->query);
    free((int *)t->start);
    free((int *)t->path);
}

/* Query i's path is row `row`'s chain of parents, root first. */
static void tree_chain(struct device_tree *t, int i, int row, const int *parent)
{
    int *start = (int *)t->start, *path = (int *)t->path, n = 0;
    ((int *)t->query)[i] = row;
    for (int at = row; at >= 0; at = parent[at])
        n++;
    start[i + 1] = start[i] + n;
    for (int at = row; at >= 0; at = parent[at])
        path[start[i] + --n] = at;
}

/* A trunk of `trunk` rows, and branches of `branch` rows each that hang from its end or, every
 * third, from its middle; `ends`: only the branches' last rows ask, and the last one twice. */
static struct device_tree text_tree(int rows, int trunk, int branch, bool ends)
{
    int *parent = mem_alloc((size_t)rows, sizeof *parent), queries = 0;
    for (int r = 0; r < rows; r++)
        parent[r] = r < trunk || (r - trunk) % branch ? r - 1
                    : (r - trunk) / branch % 3        ? trunk - 1
                                                      : trunk / 2;
    struct device_tree t = tree_new(rows, rows + 1, (rows + 1) * (trunk + branch));
    for (int r = 0; r < rows; r++)
        if (!ends || (r - trunk) % branch == branch - 1 || r == rows - 1)
            tree_chain(&t, queries++, r, parent);
    if (ends)
        tree_chain(&t, queries++, rows - 1, parent);
    t.queries = queries;
    free(parent);
    return t;
}

/* Rows under any number, forks of any width; some are roots, some nobody asks for, and some paths
 * are out of order. */
static struct device_tree wild_tree(int rows)
{
    int *parent = mem_alloc((size_t)rows, sizeof *parent),
        *name = mem_alloc((size_t)rows, sizeof *name), queries = 0;
    for (int r = 0; r < rows; r++) {
        const int other = (int)((random_unit() + 1) / 2 * (float)r);
        name[r] = name[other];
        name[other] = r;
    }
    for (int r = 0; r < rows; r++) {
        const int above = (int)((random_unit() + 1) * 2) + 1; // of the rows before
        parent[name[r]] = above > r || r % 50 == 7 ? -1 : name[r - above];
    }
    struct device_tree t = tree_new(rows, rows, rows * rows / 2);
    for (int r = 0; r < rows; r++)
        if (r % 5) {
            tree_chain(&t, queries++, r, parent);
            int *last = (int *)t.path + t.start[queries] - 1;
            if (r % 7 == 1 && t.start[queries] - t.start[queries - 1] > 2) {
                const int other = last[-1];
                last[-1] = last[-2];
                last[-2] = other;
            }
        }
    t.queries = queries;
    free(parent);
    free(name);
    return t;
}

/* B images of T tokens; every token asks for the whole image, or only the first of each. */
static struct device_tree image_tree(int B, int T, bool firsts)
{
    int queries = firsts ? B : B * T;
    struct device_tree t = tree_new(B * T, queries, queries * T);
    for (int i = 0; i < queries; i++) {
        int image = firsts ? i : i / T;
        ((int *)t.query)[i] = firsts ? i * T : i;
        ((int *)t.start)[i + 1] = (i + 1) * T;
        for (int j = 0; j < T; j++)
            ((int *)t.path)[i * T + j] = image * T + j;
    }
    return t;
}

/* ---- the reference ---- */

/* A case: who attends to whom, and where q, k and v lie in one array of n numbers; gradients lie
 * like what they are of. */
struct problem {
    struct device_tree t;
    int H, C;
    size_t q, k, v, n;
    int ldq, ldkv;
    float *x, *dout; // (n), (Q, C)
};

/* q|k|v of every row side by side; a query's q at its row, `stride` rows apart. */
static struct problem side_by_side(struct device_tree t, int H, int stride)
{
    const int C = H * D;
    const size_t n = (size_t)t.rows * 3 * (size_t)C;
    return (struct problem){t,
                            H,
                            C,
                            0,
                            (size_t)C,
                            2 * (size_t)C,
                            n,
                            stride * 3 * C,
                            3 * C,
                            random_floats(n),
                            random_floats((size_t)(t.queries * C))};
}

/* q of the queries, then k|v of the rows. */
static struct problem apart(struct device_tree t, int H)
{
    const int C = H * D;
    const size_t q = (size_t)(t.queries * C), n = q + (size_t)t.rows * 2 * (size_t)C;
    return (struct problem){
        t, H, C, 0, q, q + (size_t)C, n, C, 2 * C, random_floats(n), random_floats(q)};
}

static void problem_free(struct problem *s)
{
    tree_free(&s->t);
    free(s->x);
    free(s->dout);
}

/* Where the columns of head h begin: of query i's q, of row r's k (v: the same, from s->v). */
static size_t q_of(const struct problem *s, int i, int h)
{
    return s->q + (size_t)i * (size_t)s->ldq + (size_t)(h * D);
}

static size_t k_of(const struct problem *s, int r, int h)
{
    return s->k + (size_t)r * (size_t)s->ldkv + (size_t)(h * D);
}

/* out (Q, C), p (H, paths): softmax(q . k / 8) v along the paths. */
static void forward(double *out, double *p, const struct problem *s, const double *x)
{
    const struct device_tree *t = &s->t;
    for (int i = 0; i < t->queries; i++)
        for (int h = 0; h < s->H; h++) {
            const int *rows = t->path + t->start[i], n = t->start[i + 1] - t->start[i];
            const double *q = x + q_of(s, i, h);
            double *e = p + h * t->start[t->queries] + t->start[i], sum = 0;
            double *to = out + i * s->C + h * D;
            for (int j = 0; j < n; j++) {
                const double *k = x + k_of(s, rows[j], h);
                double score = 0;
                for (int c = 0; c < D; c++)
                    score += q[c] * k[c];
                sum += e[j] = exp(score / 8);
            }
            for (int c = 0; c < D; c++)
                to[c] = 0;
            for (int j = 0; j < n; j++) {
                const double *v = x + k_of(s, rows[j], h) + (s->v - s->k);
                e[j] /= sum;
                for (int c = 0; c < D; c++)
                    to[c] += e[j] * v[c];
            }
        }
}

/* out and p, yours to free(): p is part of out. */
static double *outputs(const struct problem *s, const double *x, double **p)
{
    const size_t n = (size_t)(s->t.queries * s->C);
    double *out = mem_alloc(n + (size_t)(s->H * s->t.start[s->t.queries]), sizeof *out);
    *p = out + n;
    forward(out, *p, s, x);
    return out;
}

/* dx (n) += the gradient of sum(out dout), by the closed form. */
static void backward(double *dx, const struct problem *s, const double *x)
{
    const struct device_tree *t = &s->t;
    const size_t value = s->v - s->k;
    double *p, *out = outputs(s, x, &p);
    for (int i = 0; i < t->queries; i++)
        for (int h = 0; h < s->H; h++) {
            const float *dout = s->dout + i * s->C + h * D;
            const size_t q = q_of(s, i, h);
            double along = 0;
            for (int c = 0; c < D; c++)
                along += out[i * s->C + h * D + c] * dout[c];
            for (int j = t->start[i]; j < t->start[i + 1]; j++) {
                const size_t k = k_of(s, t->path[j], h);
                const double e = p[h * t->start[t->queries] + j];
                double slope = -along;
                for (size_t c = 0; c < D; c++)
                    slope += dout[c] * x[k + value + c];
                for (size_t c = 0; c < D; c++) {
                    dx[q + c] += e * slope / 8 * x[k + c];
                    dx[k + c] += e * slope / 8 * x[q + c];
                    dx[k + value + c] += e * dout[c];
                }
            }
        }
    free(out);
}

static double objective(const struct problem *s, const double *x)
{
    double *p, *out = outputs(s, x, &p), sum = 0;
    for (int i = 0; i < s->t.queries * s->C; i++)
        sum += out[i] * s->dout[i];
    free(out);
    return sum;
}

/* Of gradients r->out (n) keep some, and want their finite differences instead. */
static void keep_some(struct result *r, const struct problem *s, double *x)
{
    enum { SOME = 20 };
    float *kept = poison(SOME);
    for (size_t i = 0; i < SOME; i++) {
        const size_t at = (i * 7919 + 13) % r->n;
        const double was = x[at], step = 1e-5;
        x[at] = was + step;
        const double above = objective(s, x);
        x[at] = was - step;
        r->want[i] = (above - objective(s, x)) / (2 * step);
        x[at] = was;
        kept[i] = r->out[at];
    }
    memcpy(r->out, kept, sizeof *kept * SOME);
    r->n = SOME;
    free(kept);
}

/* ---- cases ---- */

enum { SIZES = 7 };

static const struct {
    int B, T, H;
} images[SIZES] = {{1, 1, 1},   {3, 5, 2},   {2, 64, 1}, {1, 65, 3},
                   {1, 197, 1}, {1, 257, 1}, {1, 33, 2}};

static struct problem image_problem(int size)
{
    return side_by_side(image_tree(images[size].B, images[size].T, false), images[size].H, 1);
}

/* Trunks of 5 and 17 rows, a thousand readers of a row, a last block's queries, an image's first
 * tokens, a full context, a tree without a plan. */
static struct problem tree_problem(int size)
{
    switch (size) {
    case 0:
        return side_by_side(text_tree(1, 1, 1, false), 1, 1);
    case 1:
        return side_by_side(text_tree(40, 5, 4, false), 3, 1);
    case 2:
        return side_by_side(text_tree(1100, 17, 6, false), 1, 1);
    case 3:
        return apart(text_tree(200, 5, 6, true), 8);
    case 4:
        return side_by_side(image_tree(3, 197, true), 5, 197);
    case 5:
        return apart(text_tree(78, 77, 1, true), 2);
    default:
        return apart(wild_tree(300), 1);
    }
}

static double *widen(const float *x, size_t n)
{
    double *y = mem_alloc(n, sizeof *y);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i];
    return y;
}

static struct result attention_forward(struct device *d, int size)
{
    struct problem s = image_problem(size);
    struct result r = result_new((size_t)(s.t.queries * s.C));
    float *out = up(d, r.out, r.n);
    d->ops->attention_fwd(d, out, up(d, s.x, s.n), images[size].B, images[size].T, s.H);
    down(d, r.out, out, r.n);
    double *x = widen(s.x, s.n), *p;
    free(r.want);
    r.want = outputs(&s, x, &p);
    free(x);
    problem_free(&s);
    return r;
}

static struct result attention_gradient(struct device *d, int size, bool differences)
{
    struct problem s = image_problem(size);
    struct result r = result_new(s.n);
    float *dx = up(d, r.out, r.n);
    d->ops->attention_bwd(d, dx, up(d, s.dout, s.n / 3), up(d, s.x, s.n), images[size].B,
                          images[size].T, s.H);
    down(d, r.out, dx, r.n);
    double *x = widen(s.x, s.n);
    if (differences)
        keep_some(&r, &s, x);
    else
        backward(r.want, &s, x);
    free(x);
    problem_free(&s);
    return r;
}

static struct result attention_backward(struct device *d, int size)
{
    return attention_gradient(d, size, false);
}

static struct result attention_differences(struct device *d, int size)
{
    return attention_gradient(d, size, true);
}

/* out, then the probabilities */
static struct result tree_forward(struct device *d, int size)
{
    struct problem s = tree_problem(size);
    const size_t n = (size_t)(s.t.queries * s.C);
    struct result r = result_new(n + (size_t)(s.H * s.t.start[s.t.queries]));
    struct forest *f = d->ops->forest_new(d, &s.t);
    float *out = up(d, r.out, r.n), *in = up(d, s.x, s.n);
    d->ops->tree_fwd(d, out, out + n, in + s.q, s.ldq, in + s.k, in + s.v, s.ldkv, f, s.H);
    down(d, r.out, out, r.n);
    d->ops->forest_free(d, f);
    double *x = widen(s.x, s.n), *p;
    free(r.want);
    r.want = outputs(&s, x, &p);
    free(x);
    problem_free(&s);
    return r;
}

/* What no operation writes is still poison: there it may count as right. */
static void forgive_untouched(struct result *r, const struct problem *s)
{
    const int stride = s->ldq / s->ldkv;
    static const unsigned char poisoned[sizeof(float)] = {0xff, 0xff, 0xff, 0xff};
    for (size_t i = 0; i < r->n && stride > 1; i++)
        if (i % (size_t)s->ldkv < (size_t)s->C && i / (size_t)s->ldkv % (size_t)stride) {
            assert_memory_equal(&r->out[i], poisoned, sizeof poisoned);
            r->out[i] = 0;
        }
}

static struct result tree_gradient(struct device *d, int size, bool differences)
{
    struct problem s = tree_problem(size);
    const size_t outs = (size_t)(s.t.queries * s.C), paths = (size_t)(s.H * s.t.start[s.t.queries]);
    struct result r = result_new(s.n);
    struct forest *f = d->ops->forest_new(d, &s.t);
    float *none = poison(outs + paths), *out = up(d, none, outs + paths), *p = out + outs;
    float *in = up(d, s.x, s.n), *dx = up(d, r.out, s.n);
    d->ops->tree_fwd(d, out, p, in + s.q, s.ldq, in + s.k, in + s.v, s.ldkv, f, s.H);
    d->ops->tree_bwd(d, dx + s.q, dx + s.k, dx + s.v, up(d, s.dout, outs), p, in + s.q, s.ldq,
                     in + s.k, in + s.v, s.ldkv, f, s.H);
    down(d, r.out, dx, s.n);
    d->ops->forest_free(d, f);
    double *x = widen(s.x, s.n);
    forgive_untouched(&r, &s);
    if (differences)
        keep_some(&r, &s, x);
    else
        backward(r.want, &s, x);
    free(none);
    free(x);
    problem_free(&s);
    return r;
}

static struct result tree_backward(struct device *d, int size)
{
    return tree_gradient(d, size, false);
}

static struct result tree_differences(struct device *d, int size)
{
    return tree_gradient(d, size, true);
}

static const struct op_case cases[] = {
    {"attention", attention_forward, 1e-6},
    {"attention backward", attention_backward, 2e-6},
    {"attention's finite differences", attention_differences, 1e-5},
    {"tree attention", tree_forward, 1e-6},
    {"tree attention backward", tree_backward, 2e-6},
    {"tree attention's finite differences", tree_differences, 1e-5},
};

enum { CASES = sizeof cases / sizeof cases[0] };

static void attention_matches_its_double_precision_reference(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KINDS; k++)
        check_values(kinds[k], cases, CASES, SIZES);
}

static void bits_do_not_depend_on_threads(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KINDS; k++)
        check_bits(kinds[k], cases, CASES, SIZES);
}

/* Scores of hundreds, of both signs or all below zero: e to such a power is no number, nor is what
 * a tile's rows past the last would make of it. */
static void large_scores_do_not_overflow(void **unused)
{
    (void)unused;
    enum { T = 70, N = T * D };
    for (size_t k = 0; k < 2 * KINDS; k++) {
        const bool below = k % 2;
        struct device *d = open_device(kinds[k / 2], 2);
        struct err e;
        state = 3;
        struct problem s = side_by_side(image_tree(1, T, false), 1, 1);
        for (size_t i = 0; i < s.n; i++)
            s.x[i] = i % (3 * D) < D       ? 300 * (below ? -0.1f : s.x[i])
                     : i % (3 * D) < 2 * D ? s.x[i] + (below ? 1.5f : 0)
                                           : s.x[i];
        float *want = poison(N), *got = poison(N), *gradients = poison(s.n);
        struct forest *f = d->ops->forest_new(d, &s.t);
        float *in = up(d, s.x, s.n), *out = up(d, want, N), *dx = up(d, gradients, s.n);
        d->ops->attention_fwd(d, out, in, 1, T, 1);
        down(d, want, out, N);
        d->ops->tree_fwd(d, out, up(d, gradients, T * T), in, 3 * D, in + D, in + 2 * D, 3 * D, f,
                         1);
        down(d, got, out, N);
        d->ops->attention_bwd(d, dx, up(d, s.dout, N), in, 1, T, 1);
        down(d, gradients, dx, s.n);
        d->ops->forest_free(d, f);
        release_blocks(d);
        assert_ok(device_sync(d, &e), &e);
        for (int i = 0; i < N; i++)
            assert_true(fabsf(got[i] - want[i]) <= 1e-4f);
        for (size_t i = 0; i < s.n; i++)
            assert_true(isfinite(gradients[i]));
        device_close(d);
        problem_free(&s);
        free(want);
        free(got);
        free(gradients);
    }
}

/* Each image alone gives the bits that it has among others. */
static void an_image_does_not_depend_on_its_company(void **unused)
{
    (void)unused;
    enum { B = 3, T = 70, H = 2, C = H * D };
    for (size_t k = 0; k < KINDS; k++) {
        struct device *d = open_device(kinds[k], 2);
        struct err e;
        state = 5;
        const size_t n = (size_t)(T * C);
        float *x = random_floats(B * 3 * n), *dout = random_floats(B * n);
        float *all = poison(B * 4 * n), *one = poison(4 * n);
        float *in = up(d, x, B * 3 * n), *slope = up(d, dout, B * n), *out = up(d, all, B * 4 * n);
        d->ops->attention_fwd(d, out, in, B, T, H);
        d->ops->attention_bwd(d, out + B * n, slope, in, B, T, H);
        down(d, all, out, B * 4 * n);
        for (size_t b = 0; b < B; b++) {
            d->ops->attention_fwd(d, out, in + b * 3 * n, 1, T, H);
            d->ops->attention_bwd(d, out + n, slope + b * n, in + b * 3 * n, 1, T, H);
            down(d, one, out, 4 * n);
            assert_memory_equal(one, all + b * n, n * sizeof *one);
            assert_memory_equal(one + n, all + B * n + b * 3 * n, 3 * n * sizeof *one);
        }
        release_blocks(d);
        assert_ok(device_sync(d, &e), &e);
        device_close(d);
        free(x);
        free(dout);
        free(all);
        free(one);
    }
}

/* No memory: forests and operations pass by without effect, and sync says it. */
static void nothing_happens_after_a_failure(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KINDS; k++) {
        struct device *d = open_device(kinds[k], 2);
        struct device_tree t = text_tree(200, 5, 6, false);
        struct err e;
        float *x = d->ops->alloc(d, (size_t)1 << 60);
        struct forest *f = d->ops->forest_new(d, &t);
        d->ops->tree_fwd(d, x, x, x, D, x, x, D, f, 1);
        d->ops->tree_bwd(d, x, x, x, x, x, x, D, x, x, D, f, 1);
        d->ops->attention_fwd(d, x, x, 1, 5, 1);
        d->ops->attention_bwd(d, x, x, x, 1, 5, 1);
        if (d->ops->image_block)
            d->ops->image_block(d, x, x, &(struct device_block){0}, 1, 5, 1);
        d->ops->forest_free(d, f);
        d->ops->forest_free(d, NULL);
        assert_int_equal(device_sync(d, &e), ERR_MEMORY);
        assert_int_equal(device_sync(d, &e), 0);
        device_close(d);
        tree_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_matches_its_double_precision_reference),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(large_scores_do_not_overflow),
        cmocka_unit_test(an_image_does_not_depend_on_its_company),
        cmocka_unit_test(nothing_happens_after_a_failure),
    };
    return run_device_tests(tests);
}
