/* The random streams against numbers printed by CPython 3.8 to 3.13, torch 1.13 and Random123. */
#include "t.h"

#include "core/base/half.h"
#include "core/base/rng.h"

static struct rng py(uint64_t seed)
{
    struct rng r;
    rng_seed_py(&r, seed);
    return r;
}

static struct rng torch(uint64_t seed)
{
    struct rng r;
    rng_seed_torch(&r, seed);
    return r;
}

static void assert_sizes(const size_t *got, const size_t *want, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (got[i] != want[i])
            fail_msg("%s, element %zu: got %zu, want %zu", what, i, got[i], want[i]);
}

static void python_seed_gives_its_state(void **state)
{
    (void)state;
    struct rng r = py(1);
    assert_int_equal(r.mt[1], 163610392);
    assert_int_equal(r.mt[2], 3414454684);
    assert_int_equal(r.mt[623], 1781494222);
    assert_int_equal(r.index, 624);
    // Two words of key: random.seed(2**40 + 3); getrandbits(32)
    r = py((1ull << 40) + 3);
    assert_int_equal(rng_u32(&r), 943978446);
}

static void python_words_and_reals(void **state)
{
    (void)state;
    const uint32_t want[] = {577090037, 2444712010, 3639700191, 3445702192, 3280387012};
    struct rng r = py(1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(rng_u32(&r), want[i]);
    r = py(1);
    assert_true(rng_py_random(&r) == 0.13436424411240122);
    assert_true(rng_py_random(&r) == 0.8474337369372327);
}

static void python_below_counts_the_bits_of_n(void **state)
{
    (void)state;
    const uint64_t n[] = {1, 2, 3, 10, 50, 50, 1000, 1ull << 32, 1ull << 40};
    const uint64_t want[] = {0, 0, 1, 1, 31, 48, 460, 901749037, 62224870530};
    struct rng r = py(1);
    for (int i = 0; i < 9; i++)
        assert_int_equal(rng_py_below(&r, n[i]), want[i]);
}

/* Successive samples; a row either seeds a stream or goes on with the one before. */
static const struct sample_case {
    uint64_t seed;
    int go_on;
    size_t n, k, want[16];
} samples[] = {
    {1, 0, 50, 16, {8, 36, 4, 16, 7, 31, 28, 30, 41, 24, 13, 6, 44, 1, 40, 27}},
    {2, 0, 50, 16, {3, 5, 48, 23, 10, 42, 19, 16, 38, 13, 41, 2, 37, 45, 27, 25}},
    {3, 0, 50, 16, {15, 37, 34, 8, 23, 38, 30, 40, 48, 4, 44, 0, 43, 16, 35, 14}},
    {1, 0, 5, 1, {1}},
    {0, 1, 5, 1, {4}},
    {0, 1, 5, 1, {0}},
    {0, 1, 5, 1, {2}},
    {0, 1, 5, 1, {0}},
    {0, 1, 5, 1, {3}},
    {0, 1, 5, 1, {3}},
    {0, 1, 5, 1, {3}},
    {1, 0, 84, 16, {17, 72, 8, 32, 15, 63, 57, 60, 48, 26, 12, 62, 3, 49, 55, 0}},
    {1, 0, 85, 16, {17, 72, 8, 32, 15, 63, 57, 60, 48, 26, 12, 62, 3, 49, 55, 0}},
    {1, 0, 86, 16, {17, 72, 8, 32, 15, 63, 57, 60, 83, 48, 26, 12, 62, 3, 49, 55}},
    {1, 0, 21, 4, {4, 18, 2, 8}},
    {1, 0, 22, 4, {4, 18, 2, 8}},
    {1, 0, 40, 4, {8, 36, 4, 16}},
    {0, 1, 41, 4, {7, 31, 28, 30}},
    {0, 1, 37, 4, {24, 13, 6, 31}},
    {0, 1, 60, 4, {1, 57, 53, 24}},
    {1,
     0,
     1300,
     16,
     {275, 1165, 129, 522, 241, 1014, 920, 967, 777, 429, 192, 999, 58, 798, 886, 1244}},
    {1, 0, 30, 2, {4, 18}},
    {0, 1, 30, 2, {27, 25}},
    {0, 1, 30, 2, {24, 2}},
    {0, 1, 12, 2, {4, 1}},
    {0, 1, 12, 2, {7, 11}},
    {0, 1, 12, 2, {7, 10}},
    {1, 0, 277, 8, {68, 32, 130, 60, 253, 230, 241, 194}},
    {0, 1, 85, 8, {26, 12, 62, 3, 49, 55, 77, 0}},
    {0, 1, 69, 8, {57, 34, 29, 13, 40, 3, 1, 62}},
    {0, 1, 70, 8, {69, 1, 48, 27, 54, 3, 28, 67}},
    {0, 0, 50, 16, {24, 48, 26, 2, 16, 32, 31, 25, 19, 30, 22, 37, 13, 44, 8, 18}},
    {1, 0, 8, 8, {2, 4, 0, 7, 5, 1, 6, 3}},
    {0, 1, 3, 3, {2, 1, 0}},
};

static void python_samples_match(void **state)
{
    (void)state;
    struct rng r = {.index = 624};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const struct sample_case *c = &samples[i];
        char what[64];
        size_t got[16];
        if (!c->go_on)
            r = py(c->seed);
        rng_py_sample(&r, c->n, c->k, got);
        snprintf(what, sizeof what, "row %zu: sample(range(%zu), %zu)", i, c->n, c->k);
        assert_sizes(got, c->want, c->k, what);
    }
}

static void python_shuffle_matches(void **state)
{
    (void)state;
    size_t x[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const size_t want[10] = {6, 8, 9, 7, 5, 3, 0, 4, 1, 2};
    struct rng r = py(1);
    rng_py_shuffle(&r, x, 10);
    assert_sizes(x, want, 10, "shuffle");
    rng_py_shuffle(&r, x, 0);
    rng_py_shuffle(&r, x, 1);
}

static void skipping_is_drawing(void **state)
{
    (void)state;
    const uint64_t counts[] = {0, 1, 623, 624, 625, 5000};
    for (int i = 0; i < 6; i++) {
        struct rng a = torch(9), b = torch(9);
        rng_u32(&a);
        rng_u32(&b);
        for (uint64_t k = 0; k < counts[i]; k++)
            rng_u32(&a);
        rng_skip(&b, counts[i]);
        assert_int_equal(rng_u32(&a), rng_u32(&b));
    }
}

static void torch_integers_match(void **state)
{
    (void)state;
    // torch.manual_seed(3); torch.randperm(12), then five uniform_(0.08, 1.0), then random_()
    const uint32_t perm[] = {10, 9, 1, 6, 4, 11, 3, 7, 2, 0, 8, 5};
    const float uniform[] = {0.815531373f, 0.217853621f, 0.449351311f, 0.129842773f, 0.502652824f};
    uint32_t got[12];
    struct rng r = torch(3);
    rng_torch_randperm(&r, 12, got);
    for (int i = 0; i < 12; i++)
        assert_int_equal(got[i], perm[i]);
    for (int i = 0; i < 5; i++)
        assert_true(rng_torch_uniform(&r, 0.08f, 1.0f) == uniform[i]);
    assert_int_equal(rng_torch_random63(&r), 949402413808418214);
    // Only the seed's low 32 bits count: torch.manual_seed(2**32 + 5); torch.randint(0, 2**31,
    // (1,))
    r = torch((1ull << 32) + 5);
    assert_int_equal(rng_u32(&r) % (1u << 31), 953453411);
}

static void torch_normal_redraws_the_last_sixteen(void **state)
{
    (void)state;
    // torch.manual_seed(7); torch.empty(24).normal_(0, 0.02), then random_()
    const float want[24] = {-0.0164026897f,  0.00791262276f, 0.017978169f,    -0.0277680773f,
                            -0.00333992019f, 0.00570299895f, -0.0128218299f,  -0.0178731084f,
                            -0.0169781726f,  -0.0243385881f, -0.00162043166f, 0.0272297021f,
                            -0.0260643326f,  0.00174956745f, -0.0276992265f,  0.0100712776f,
                            -0.0173340309f,  -0.0112801334f, -0.0411292501f,  -0.0071344506f,
                            0.0219116081f,   0.00964708347f, 0.0279783681f,   0.0281170569f};
    float got[24];
    struct rng r = torch(7);
    rng_torch_normal(&r, 0.02f, 24, got);
    assert_close(got, want, 24, 2e-6, 0); // torch's vectorised log, sin and cos differ by ulps
    assert_int_equal(rng_torch_random63(&r), 1854800229375720637);
}

static void counter_based_words_match_random123(void **state)
{
    (void)state;
    static const struct {
        uint64_t key, counter, stream;
        uint32_t want[4];
    } cases[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {~0ull, ~0ull, ~0ull, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         0x85a308d3243f6a88,
         0x0370734413198a2e,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t got[4];
        rng_at(cases[i].key, cases[i].counter, cases[i].stream, got);
        assert_memory_equal(got, cases[i].want, sizeof got);
    }
    assert_true(rng_unit(0) == 0 && rng_unit(UINT32_MAX) == 1 - 0x1p-24f);
}

/* numpy 1.24: numpy.random.seed(seed), then permutation(n) twice. */
/* CoOp's first context values, as fp16 bits: "normal std .02" after CLIP was built
 * (spec/training.md section 3). */
static void half_precision_contexts_start_with_the_references_bits(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, draws; // of building the model
        uint16_t bits[8];
    } starts[] = {
        {1, 212554752, {0xa433, 0x9f51, 0x1985, 0x26a5, 0x27ac, 0x9ffe, 0x13b4, 0x2845}},
        {2, 212554752, {0x28d0, 0xa279, 0x9f6d, 0xa1ce, 0x2138, 0xa30d, 0xa1be, 0x2577}},
        {3, 212554752, {0xa73e, 0x2134, 0xa424, 0x1ddd, 0x1d6d, 0x99c1, 0xa587, 0x9e71}},
        {1, 179635552, {0xa76e, 0xa199, 0x1f72, 0x2850, 0x989c, 0x1c94, 0x9707, 0xa77b}},
        {2, 179635552, {0xa1ae, 0xa712, 0x2148, 0x2523, 0xa014, 0xa47f, 0xa3bd, 0xa9cd}},
        {3, 179635552, {0x9fd9, 0xa903, 0x216c, 0x225b, 0x1b0f, 0xa706, 0x264f, 0xa29f}},
    };
    static float got[16 * 512];
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct rng r = torch(starts[i].seed);
        rng_skip(&r, starts[i].draws);
        rng_torch_normal_half(&r, 0.02f, 16 * 512, got);
        for (int k = 0; k < 8; k++)
            assert_int_equal(half_bits(got[k]), starts[i].bits[k]);
    }
}

static void half_precision_normal_redraws_the_last_sixteen(void **state)
{
    (void)state;
    // torch.manual_seed(7); torch.empty(24, dtype=torch.half).normal_(0, 0.02), then random_()
    static const uint16_t want[24] = {0x9c29, 0xa5d0, 0x9d77, 0x9459, 0x1fda, 0x1cae,
                                      0x20d7, 0x9cb5, 0xa5a0, 0x24b4, 0xa2e0, 0x243d,
                                      0xa0ab, 0x2520, 0xa92d, 0xa7aa, 0x9a25, 0xa71d,
                                      0xa557, 0xa1fe, 0x9cb2, 0x2273, 0x20d6, 0xa178};
    float got[24];
    struct rng r = torch(7);
    rng_torch_normal_half(&r, 0.02f, 24, got);
    for (int i = 0; i < 24; i++) {
        assert_true(got[i] == half_round(got[i]));
        assert_in_range(half_bits(got[i]), want[i] - 1, want[i] + 1); // torch's own log, sin, cos
    }
    assert_int_equal(rng_torch_random63(&r), 1854800229375720637);
}

static void numpy_permutations_match(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed;
        size_t n, shown, first[12], second[3];
    } cases[] = {
        {1, 10, 10, {2, 9, 6, 4, 0, 3, 1, 7, 8, 5}, {9, 5, 3}},
        {2, 1, 1, {0}, {0}},
        {3, 2, 2, {1, 0}, {1, 0}},
        {7, 257, 12, {133, 249, 161, 24, 57, 65, 2, 132, 251, 94, 243, 171}, {110, 158, 27}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rng r = torch(cases[i].seed);
        size_t got[257];
        rng_np_permutation(&r, cases[i].n, got);
        assert_sizes(got, cases[i].first, cases[i].shown, "first");
        rng_np_permutation(&r, cases[i].n, got);
        assert_sizes(got, cases[i].second, cases[i].n < 3 ? cases[i].n : 3, "second");
    }
}

/* torch.manual_seed(s); torch.empty(1).uniform_(0.08, 1): for these seeds a product that is rounded
 * before the sum is an ulp off. */
static void torchs_uniform_rounds_once(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed;
        float want;
    } cases[] = {{2, 0x1.4a8188p-1f}, {15, 0x1.6a0732p-2f}, {17, 0x1.eb028ep-2f}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rng r;
        rng_seed_torch(&r, cases[i].seed);
        assert_true(rng_torch_uniform(&r, 0.08f, 1.0f) == cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(python_seed_gives_its_state),
        cmocka_unit_test(python_words_and_reals),
        cmocka_unit_test(python_below_counts_the_bits_of_n),
        cmocka_unit_test(python_samples_match),
        cmocka_unit_test(python_shuffle_matches),
        cmocka_unit_test(skipping_is_drawing),
        cmocka_unit_test(torch_integers_match),
        cmocka_unit_test(torch_normal_redraws_the_last_sixteen),
        cmocka_unit_test(half_precision_contexts_start_with_the_references_bits),
        cmocka_unit_test(half_precision_normal_redraws_the_last_sixteen),
        cmocka_unit_test(numpy_permutations_match),
        cmocka_unit_test(counter_based_words_match_random123),
        cmocka_unit_test(torchs_uniform_rounds_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
