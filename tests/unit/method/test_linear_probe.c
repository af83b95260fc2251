/*
 * Logistic regression against scikit-learn (tests/oracle/adapt/make.py), and the search of C.
 */
#include "t.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/method/logistic.h"
#include "core/method/method.h"
#include "tests/unit/clip/oracle.h"

enum { N = 60, D = 24 };

/* The fixture's problem: labels i % K, class 0 moved along the first feature. */
static float *make_images(const char *name, int K, int *labels)
{
    char *key = str_format("probe.%s", name);
    float *x = oracle_values(key, N * D, 2);
    for (int i = 0; i < N; i++) {
        labels[i] = i % K;
        x[i * D] += labels[i] == 0 ? 2.0f : 0.0f;
    }
    free(key);
    return x;
}

static float *want(const struct safetensors *f, const char *name, char what, int i)
{
    char *key = str_format("%s.%c.%d", name, what, i);
    const struct tensor *t = safetensors_find(f, key);
    assert_non_null(t);
    float *out = mem_alloc(t->count, sizeof *out);
    safetensors_slice(t, 0, t->count, out);
    free(key);
    return out;
}

static void weights_are_scikit_learns(void **state)
{
    (void)state;
    static const double Cs[] = {0.01, 1, 100};
    struct safetensors f;
    struct err e;
    assert_ok(safetensors_open(&f, "tests/oracle/adapt/probe.safetensors", &e), &e);
    for (int K = 2; K <= 3; K++) {
        const char *name = K == 2 ? "two" : "three";
        int labels[N];
        float *x = make_images(name, K, labels), got[(D + 1) * 3];
        double w[(D + 1) * 3], again[(D + 1) * 3];
        for (int i = 0; i < 3; i++) {
            // scikit-learn has one vector for two classes: as two of half the C
            struct logistic_problem p = {x, labels, N, D, K, K == 2 ? Cs[i] / 2 : Cs[i]};
            for (int threads = 1; threads <= 3; threads += 2) {
                struct thread_pool *pool = thread_pool_new(threads);
                assert_ok(logistic_fit(threads == 1 ? w : again, &p, pool, &e), &e);
                thread_pool_free(pool);
            }
            assert_memory_equal(w, again, sizeof(double) * (size_t)((D + 1) * K));
            float *W = want(&f, name, 'W', i), *b = want(&f, name, 'b', i);
            for (int k = 0; k < (D + 1) * K; k++)
                got[k] = (float)w[k];
            // As far as a gradient of 1e-4 determines them.
            assert_near(got, W, (size_t)(D * K), 1e-3);
            assert_near(got + D * K, b, (size_t)K, 1e-3);
            free(W);
            free(b);
        }
        free(x);
    }
    safetensors_close(&f);
}

/* Half of the images fit, the other half validate. */
static void search(const char *params_text, float *weights, float *C)
{
    struct err e;
    struct device *d;
    struct rng r;
    struct learner l;
    int labels[N];
    float *x = make_images("three", 3, labels);
    json_t *params = json_loads(params_text, 0, NULL);
    assert_ok(device_open(&d, "cpu", 2, &e), &e);
    struct clip clip = {.shape = {.embed = D}, .device = d};
    struct fit_data data = {.train = {x, labels, 1, N / 2},
                            .val = {x + N / 2 * D, labels + N / 2, 1, N / 2},
                            .K = 3,
                            .threads = 2};
    assert_ok(learner_init(&l, method_get("linear-probe"), &clip, NULL, params, 1, 3, &r, &e), &e);
    assert_ok(learner_classes(&l, NULL, 3, true, &e), &e);
    assert_ok(l.method->fit(&l, &data, &e), &e);
    memcpy(weights, l.parameters, l.n * sizeof *weights);
    for (int i = 0; i < l.n_kept; i++)
        if (str_eq(l.kept[i].name, "C"))
            *C = l.kept[i].data[0];

    // The layer that is deployed is these weights.
    float logits[3], want_logits[3];
    assert_ok(learner_classes(&l, NULL, 3, false, &e), &e);
    l.method->logits(&l, x, 1, logits);
    for (int k = 0; k < 3; k++) {
        want_logits[k] = weights[3 * D + k];
        for (int c = 0; c < D; c++)
            want_logits[k] += x[c] * weights[k * D + c];
    }
    assert_near(logits, want_logits, 3, 1e-5);
    learner_release(&l);
    device_close(d);
    json_decref(params);
    free(x);
}

/* The search again, as the reference writes it, with logistic_fit. */
static double reference_search(double *w, int steps)
{
    int labels[N];
    float *x = make_images("three", 3, labels);
    struct logistic_problem train = {x, labels, N / 2, D, 3, 0};
    struct logistic_problem val = {x + N / 2 * D, labels + N / 2, N / 2, D, 3, 0};
    static const double tried[] = {1e6, 1e4, 1e2, 1, 1e-2, 1e-4, 1e-6};
    struct thread_pool *pool = thread_pool_new(1);
    double best = 0, left, right, final = 0, ends[2][(D + 1) * 3];
    size_t most = 0, hits[2];
    struct err e;
    for (int i = 0; i < 7; i++) {
        train.C = tried[i];
        assert_ok(logistic_fit(w, &train, pool, &e), &e);
        size_t found = logistic_hits(w, &val, pool);
        if (i == 0 || found > most) {
            most = found;
            best = tried[i];
        }
    }
    left = 0.1 * best;
    right = 10 * best;
    for (int i = 0; i < steps; i++) {
        for (int end = 0; end < 2; end++) {
            train.C = end ? right : left;
            assert_ok(logistic_fit(ends[end], &train, pool, &e), &e);
            hits[end] = logistic_hits(ends[end], &val, pool);
        }
        bool right_wins = hits[0] < hits[1];
        final = right_wins ? right : left;
        memcpy(w, ends[right_wins], sizeof ends[0]);
        if (right_wins)
            left = sqrt(left * right);
        else
            right = sqrt(left * right);
    }
    thread_pool_free(pool);
    free(x);
    return final;
}

static void the_search_of_c_is_the_references(void **state)
{
    (void)state;
    for (int steps = 1; steps <= 8; steps += 7) {
        float got[(D + 1) * 3], transposed[(D + 1) * 3], C = 0;
        double w[(D + 1) * 3], final = reference_search(w, steps);
        char *params = str_format("{\"C\": 0, \"steps\": %d}", steps);
        search(params, got, &C);
        assert_true(fabs(C - final) <= 1e-6 * final);
        for (int k = 0; k < 3; k++) {
            for (int c = 0; c < D; c++)
                transposed[k * D + c] = (float)w[c * 3 + k];
            transposed[3 * D + k] = (float)w[D * 3 + k];
        }
        assert_near(got, transposed, (D + 1) * 3, 1e-6);
        free(params);
    }
}

static void a_given_c_is_not_searched(void **state)
{
    (void)state;
    float got[(D + 1) * 3], C = 0;
    search("{\"C\": 3.5, \"steps\": 8}", got, &C);
    assert_true(C == 3.5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_scikit_learns),
        cmocka_unit_test(the_search_of_c_is_the_references),
        cmocka_unit_test(a_given_c_is_not_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
