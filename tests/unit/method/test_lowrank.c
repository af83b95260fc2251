/* Where low-rank factors start: torch's numbers (tests/oracle/start) from the run's own seed. */
#include "method/steps.h"

enum { RANK = 2, WIDTH = 64 };

/* The n numbers of a line of the oracle. */
static void read_numbers(const char *name, int seed, float *out, size_t n)
{
    struct err e;
    char *text, *line, *prefix = str_format("%s %d %zu ", name, seed, n);
    assert_ok(fs_read(&text, NULL, "tests/oracle/start/numbers.txt", 1 << 20, &e), &e);
    line = strstr(text, prefix);
    assert_non_null(line);
    line += strlen(prefix);
    for (size_t i = 0; i < n; i++)
        out[i] = strtof(line, &line);
    free(prefix);
    free(text);
}

/* RLP of rank 2, its factor A at zero. */
static void start(const struct steps *s, struct learner *l, int seed)
{
    struct rng r;
    struct err e;
    json_t *params =
        json_pack("{s:s, s:i, s:s, s:f, s:s, s:f}", "context", "a photo of a", "rank", RANK,
                  "init-branch", "yes", "dropout", 0.1, "zero", "A", "std", 0.02);
    rng_seed_torch(&r, 77); // a stream of its own: this one does not matter
    assert_ok(
        learner_init(l, method_get("rlp"), &s->clip, s->bpe, params, (uint64_t)seed, 5, &r, &e),
        &e);
    json_decref(params);
}

static void the_factor_that_is_not_zero_is_torchs_randn_of_the_seed(void **unused)
{
    (void)unused;
    static const int seeds[] = {1, 3};
    struct steps s;
    steps_open(&s, "rlp");
    assert_int_equal(s.clip.shape.text_width, WIDTH);
    for (int i = 0; i < 2; i++) {
        struct learner l;
        float want[RANK * WIDTH];
        const size_t a = 4 * RANK; // numbers of A
        read_numbers("rlp", seeds[i], want, RANK * WIDTH);
        start(&s, &l, seeds[i]);
        assert_int_equal(l.n, a + RANK * WIDTH);
        for (size_t k = 0; k < a; k++)
            assert_true(l.parameters[k] == 0);
        assert_near(l.parameters + a, want, RANK * WIDTH, 1e-6);
        learner_release(&l);
    }
    steps_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_factor_that_is_not_zero_is_torchs_randn_of_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
