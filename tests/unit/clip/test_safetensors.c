/* The safetensors reader and writer: a table of faults, exact widening, random damage. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/base/str.h"
#include "core/clip/safetensors.h"

static char *folder, *path;

static int setup(void **state)
{
    (void)state;
    folder = t_folder();
    path = fs_join(folder, "x.safetensors");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    free(path);
    free(folder);
    return 0;
}

/* A file of the given header length, header text and `data` zero bytes. */
static void write_raw(uint64_t length, const char *header, size_t data)
{
    struct str text = STR_INIT;
    struct err e;
    str_addn(&text, (const char *)&length, sizeof length);
    str_add(&text, header);
    str_pad(&text, data, 0);
    assert_ok(fs_write(path, text.data, text.size, &e), &e);
    str_release(&text);
}

/* The error's text without the folder. */
static const char *plain(const struct err *e)
{
    static char text[sizeof e->text];
    const char *at = strstr(e->text, folder);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s", (int)(at - e->text), e->text, at + strlen(folder) + 1);
    return text;
}

static void open_fails(const char *want)
{
    struct err e = {0};
    struct safetensors s;
    if (safetensors_open(&s, path, &e) >= 0)
        fail_msg("opened, expected: %s", want);
    assert_string_equal(plain(&e), want);
    assert_null(s.tensors);
}

static const struct {
    const char *header;
    size_t data;
    const char *want;
} faults[] = {
    {"[1]", 0, "'x.safetensors': header is no JSON object"},
    {"{\"a\":", 0,
     "'x.safetensors': header is no JSON at byte 5: unexpected token near end of file"},
    {"{\"a\":1,\"a\":2}", 0,
     "'x.safetensors': header is no JSON at byte 10: duplicate object key near '\"a\"'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4,
     "'x.safetensors': header is no JSON at byte 49: too big integer near '99999999999999999999'"},
    {"{\"__metadata__\":[]}", 0, "'x.safetensors': __metadata__ is no JSON object"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "'x.safetensors': __metadata__ 'k' is no string"},
    {"{\"a\":7}", 0, "'x.safetensors': tensor 'a' is described by no JSON object"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "'x.safetensors': tensor 'a' has the unknown dtype ''"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "'x.safetensors': tensor 'a' has the unknown dtype 'F31'"},
    {"{\"a\\n\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4,
     "'x.safetensors': tensor 'a\\x0a' has no list 'shape'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4,
     "'x.safetensors': tensor 'a' has a shape with something else than sizes in it"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4,
     "'x.safetensors': tensor 'a' has a shape with something else than sizes in it"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
     "'x.safetensors': tensor 'a' has 9 dimensions, at most 8 are supported"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
     "'x.safetensors': tensor 'a' has more elements than can be counted"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
     "'x.safetensors': tensor 'a' of F32 x (4611686018427387904) has 0 bytes, its shape needs "
     "4611686018427387904 x 4"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4,
     "'x.safetensors': tensor 'a' has no pair of sizes 'data_offsets'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4,
     "'x.safetensors': tensor 'a' has no pair of sizes 'data_offsets'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4,
     "'x.safetensors': tensor 'a' has the offsets 4 to 0, the file has 4 bytes of data"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4,
     "'x.safetensors': tensor 'a' has the offsets 0 to 8, the file has 4 bytes of data"},
    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[0,8]}}", 8,
     "'x.safetensors': tensor 'a' of F16 x (2, 3) has 8 bytes, its shape needs 6 x 2"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     8, "'x.safetensors': tensor 'b' starts at byte 4 and overlaps 'a', which ends at 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
     12, "'x.safetensors': tensor 'b' starts at byte 8, after a gap; expected 4"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 12,
     "'x.safetensors' has 12 bytes of data, its tensors end at 4"},
};

static void each_fault_of_a_header_has_its_own_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        write_raw(strlen(faults[i].header), faults[i].header, faults[i].data);
        open_fails(faults[i].want);
    }
}

static void a_header_longer_than_the_file_is_refused(void **state)
{
    (void)state;
    write_raw(99999, "{}", 110);
    open_fails("'x.safetensors': header says 99999 bytes, the file has 120");
    write_raw(UINT64_MAX, "{}", 0);
    open_fails("'x.safetensors': header says 18446744073709551615 bytes, the file has 10");
}

static void a_file_too_short_for_its_length_field_is_refused(void **state)
{
    (void)state;
    struct err e;
    assert_ok(fs_write(path, "abc", 3, &e), &e);
    open_fails("'x.safetensors' has 3 bytes, too few for a safetensors file (at least 8)");
    assert_ok(fs_write(path, "", 0, &e), &e);
    open_fails("'x.safetensors' has 0 bytes, too few for a safetensors file (at least 8)");
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct safetensors s;
    struct err e;
    assert_int_equal(safetensors_open(&s, "/nonexistent/x", &e), ERR_MISSING);
    assert_text(&e, "unable to open '/nonexistent/x': No such file or directory");
}

static void written_tensors_are_read_back(void **state)
{
    (void)state;
    const float a[6] = {1, -2, 3.5f, 0, 1e-40f, 7}, b = 4.6052f;
    const struct tensor_out tensors[] = {{"z.weight", 2, {2, 3}, a, DTYPE_F32},
                                         {"scale", 0, {0}, &b, DTYPE_F32},
                                         {"none", 1, {0}, NULL, DTYPE_F32}};
    json_t *metadata = json_pack("{s:s, s:s}", "spec", "{\"k\": \"v\"}", "about", "l\n\"");
    struct err e;
    struct safetensors s;
    assert_ok(safetensors_write(path, tensors, 3, metadata, &e), &e);
    assert_ok(safetensors_open(&s, path, &e), &e);
    assert_int_equal(s.n, 3);
    assert_string_equal(s.tensors[0].name, "none");
    assert_int_equal(
        ((const unsigned char *)safetensors_find(&s, "z.weight")->data - s.map.data) % 8, 0);
    assert_true(json_equal(metadata, json_object_get(s.header, "__metadata__")));
    float *got;
    assert_ok(safetensors_floats(&s, "z.weight", 2, (size_t[]){2, 3}, &got, &e), &e);
    assert_memory_equal(got, a, sizeof a);
    free(got);
    assert_ok(safetensors_floats(&s, "scale", 0, NULL, &got, &e), &e);
    assert_memory_equal(got, &b, sizeof b);
    free(got);
    assert_ok(safetensors_floats(&s, "none", 1, (size_t[]){0}, &got, &e), &e);
    free(got);
    safetensors_close(&s);
    json_decref(metadata);
}

static void other_types_are_written_as_they_are(void **state)
{
    (void)state;
    const uint16_t half[3] = {0x3c00, 0xc000, 1}; // 1, -2, 2^-24
    const double wide[2] = {0.1, -3};
    const struct tensor_out tensors[] = {{"half", 1, {3}, half, DTYPE_F16},
                                         {"wide", 1, {2}, wide, DTYPE_F64}};
    struct err e;
    struct safetensors s;
    assert_ok(safetensors_write(path, tensors, 2, NULL, &e), &e);
    assert_ok(safetensors_open(&s, path, &e), &e);
    const struct tensor *t = safetensors_find(&s, "half"), *w = safetensors_find(&s, "wide");
    assert_int_equal(t->dtype, DTYPE_F16);
    assert_memory_equal(t->data, half, sizeof half);
    assert_int_equal(w->dtype, DTYPE_F64);
    assert_memory_equal(w->data, wide, sizeof wide);
    safetensors_close(&s);
}

static void the_same_arguments_give_the_same_bytes(void **state)
{
    (void)state;
    const float a[2] = {1, 2};
    const struct tensor_out tensors[] = {{"b", 1, {2}, a, DTYPE_F32},
                                         {"a", 2, {1, 2}, a, DTYPE_F32}};
    json_t *one = json_pack("{s:s, s:s}", "x", "1", "y", "2");
    json_t *two = json_pack("{s:s, s:s}", "y", "2", "x", "1");
    char *first, *second;
    size_t n, m;
    struct err e;
    assert_ok(safetensors_write(path, tensors, 2, one, &e), &e);
    assert_ok(fs_read(&first, &n, path, 4096, &e), &e);
    assert_ok(safetensors_write(path, tensors, 2, two, &e), &e);
    assert_ok(fs_read(&second, &m, path, 4096, &e), &e);
    assert_int_equal(n, m);
    assert_memory_equal(first, second, n);
    assert_string_equal(first + 8,
                        "{\"__metadata__\":{\"x\":\"1\",\"y\":\"2\"},"
                        "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                        "\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,16]}} ");
    free(first);
    free(second);
    json_decref(one);
    json_decref(two);
}

static void a_tensor_that_is_not_as_asked_is_refused(void **state)
{
    (void)state;
    const char *header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                         "\"i\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[24,32]}}";
    write_raw(strlen(header), header, 32);
    struct safetensors s;
    struct err e;
    float *out = NULL;
    assert_ok(safetensors_open(&s, path, &e), &e);
    assert_int_equal(safetensors_floats(&s, "b", 0, NULL, &out, &e), ERR_MISSING);
    assert_string_equal(plain(&e), "'x.safetensors' has no tensor 'b'");
    assert_int_equal(safetensors_floats(&s, "a", 2, (size_t[]){3, 2}, &out, &e), ERR_CORRUPT);
    assert_string_equal(plain(&e), "'x.safetensors': tensor 'a' has shape (2, 3), expected (3, 2)");
    assert_int_equal(safetensors_floats(&s, "a", 1, (size_t[]){2}, &out, &e), ERR_CORRUPT);
    assert_string_equal(plain(&e), "'x.safetensors': tensor 'a' has shape (2, 3), expected (2)");
    assert_int_equal(safetensors_floats(&s, "i", 0, NULL, &out, &e), ERR_CORRUPT);
    assert_string_equal(plain(&e), "'x.safetensors': tensor 'i' holds no floating-point numbers, "
                                   "expected F32, F16, BF16 or F64");
    assert_null(out);
    assert_int_equal(safetensors_find(&s, "i")->dtype, DTYPE_I64);
    safetensors_close(&s);
}

/* The value of a half, from its definition. */
static double half_value(unsigned bits)
{
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    double value = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    if (exponent == 31)
        value = mantissa ? NAN : INFINITY;
    return bits & 0x8000 ? -value : value;
}

static void every_half_widens_exactly(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 65536; bits++) {
        double got = (double)dtype_from_f16((unsigned short)bits), want = half_value(bits);
        if (isnan(want) ? !isnan(got) : got != want || signbit(got) != signbit(want))
            fail_msg("half %04x: got %g, want %g", bits, got, want);
    }
}

static void stored_types_are_widened_even_when_unaligned(void **state)
{
    (void)state;
    const char *header = "{\"p\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                         "\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[1,5]},"
                         "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[5,9]},"
                         "\"d\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[9,17]},"
                         "\"f\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[17,21]}}";
    const uint64_t length = strlen(header);
    const uint16_t halves[] = {0x3c00, 0x8001, 0x3fc0, 0xc2f7};
    const double d = 0.1;
    const float f = -0.25f;
    struct str text = STR_INIT;
    str_addn(&text, (const char *)&length, 8);
    str_add(&text, header);
    str_addc(&text, 7);
    str_addn(&text, (const char *)halves, sizeof halves);
    str_addn(&text, (const char *)&d, sizeof d);
    str_addn(&text, (const char *)&f, sizeof f);
    struct err e;
    struct safetensors s;
    assert_ok(fs_write(path, text.data, text.size, &e), &e);
    str_release(&text);
    assert_ok(safetensors_open(&s, path, &e), &e);
    const struct {
        const char *name;
        size_t n;
        float want[2];
    } cases[] = {
        {"h", 2, {1, -0x1p-24f}}, {"b", 2, {1.5f, -123.5f}}, {"d", 1, {0.1f}}, {"f", 1, {-0.25f}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float *got;
        assert_ok(safetensors_floats(&s, cases[i].name, 1, &cases[i].n, &got, &e), &e);
        assert_memory_equal(got, cases[i].want, cases[i].n * sizeof *got);
        free(got);
    }
    safetensors_close(&s);
}

/* Damage at random places: opening either fails with a text or every tensor can be read. */
static void random_damage_never_breaks_the_reader(void **state)
{
    (void)state;
    static const float a[12] = {1, 2, 3};
    const struct tensor_out tensors[] = {{"w", 2, {3, 4}, a, DTYPE_F32},
                                         {"b", 1, {4}, a, DTYPE_F32},
                                         {"scale", 0, {0}, a, DTYPE_F32}};
    struct err e;
    char *good, *bad;
    size_t size;
    assert_ok(safetensors_write(path, tensors, 3, NULL, &e), &e);
    assert_ok(fs_read(&good, &size, path, 4096, &e), &e);
    struct rng r;
    rng_seed_py(&r, 1);
    int opened = 0, refused = 0;
    for (int round = 0; round < 3000; round++) {
        bad = mem_dup(good, size);
        size_t n = size, edits = 1 + rng_py_below(&r, 3);
        for (size_t i = 0; i < edits; i++) {
            size_t at = rng_py_below(&r, size);
            bad[at] = rng_py_below(&r, 2) ? (char)rng_u32(&r) : (char)('0' + rng_py_below(&r, 10));
        }
        if (rng_py_below(&r, 8) == 0)
            n = rng_py_below(&r, size);
        FILE *f = fopen(path, "wb");
        assert_int_equal(fwrite(bad, 1, n, f), n);
        fclose(f);
        free(bad);
        struct safetensors s;
        e.text[0] = 0;
        if (safetensors_open(&s, path, &e) < 0) {
            assert_true(strlen(e.text) > 0);
            refused++;
            continue;
        }
        opened++;
        for (size_t i = 0; i < s.n; i++) {
            float *out;
            const struct tensor *t = &s.tensors[i];
            if (safetensors_floats(&s, t->name, t->dims, t->shape, &out, &e) == 0)
                free(out);
        }
        safetensors_close(&s);
    }
    assert_true(opened > 100 && refused > 1000);
    free(good);
}

/* What may be read of a file of these bytes: refused in words, or tensors that lie within it. */
static bool opens(const char *bytes, size_t size)
{
    struct err e = {0};
    struct safetensors s;
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
    if (safetensors_open(&s, path, &e) < 0) {
        assert_non_null(strstr(e.text, path));
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        float *out;
        if (safetensors_floats(&s, s.tensors[i].name, s.tensors[i].dims, s.tensors[i].shape, &out,
                               &e) == 0)
            free(out);
    }
    safetensors_close(&s);
    return true;
}

static void every_cut_is_refused_and_no_flipped_bit_breaks_the_reader(void **state)
{
    (void)state;
    static const float a[12] = {1, 2, 3};
    const struct tensor_out tensors[] = {{"w", 2, {3, 4}, a, DTYPE_F32},
                                         {"b", 1, {4}, a, DTYPE_F32}};
    struct err e;
    char *bytes;
    size_t size;
    uint64_t header;
    assert_ok(safetensors_write(path, tensors, 2, NULL, &e), &e);
    assert_ok(fs_read(&bytes, &size, path, 4096, &e), &e);
    memcpy(&header, bytes, sizeof header);
    for (size_t cut = 0; cut < size; cut++)
        assert_false(opens(bytes, cut));
    assert_true(opens(bytes, size));
    for (size_t bit = 0; bit < 8 * (sizeof header + header); bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        opens(bytes, size);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_types_are_written_as_they_are),
        cmocka_unit_test(each_fault_of_a_header_has_its_own_error),
        cmocka_unit_test(a_header_longer_than_the_file_is_refused),
        cmocka_unit_test(a_file_too_short_for_its_length_field_is_refused),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(written_tensors_are_read_back),
        cmocka_unit_test(the_same_arguments_give_the_same_bytes),
        cmocka_unit_test(a_tensor_that_is_not_as_asked_is_refused),
        cmocka_unit_test(every_half_widens_exactly),
        cmocka_unit_test(stored_types_are_widened_even_when_unaligned),
        cmocka_unit_test(random_damage_never_breaks_the_reader),
        cmocka_unit_test(every_cut_is_refused_and_no_flipped_bit_breaks_the_reader),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
