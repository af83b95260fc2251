/* Torch's archives: the same bits as torch wrote (tests/oracle/torchfile), a table of faults in
 * pickles and layouts, and random damage to every file. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/base/str.h"
#include "core/clip/torchfile.h"
#include "core/clip/torchwrite.h"

#include <sys/stat.h>
#include <zlib.h>

static const char oracle[] = "tests/oracle/torchfile";
static const char *const files[] = {"script.pt", "state.pt", "views.pt", "checkpoint.pt"};
static char *folder, *path;

static int setup(void **state)
{
    (void)state;
    folder = t_folder();
    path = fs_join(folder, "x.pt");
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

/* Without fs_write's wait for the disk: thousands are written. */
static void write_bytes(const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* ---- what torch wrote ---- */

static size_t element_bytes(const char *name, enum dtype dtype)
{
    static const size_t sizes[] = {[DTYPE_F32] = 4, [DTYPE_F16] = 2, [DTYPE_BF16] = 2,
                                   [DTYPE_F64] = 8, [DTYPE_I64] = 8, [DTYPE_I32] = 4};
    return dtype != DTYPE_OTHER ? sizes[dtype] : str_ends(name, "I16") ? 2 : 1;
}

static void every_tensor_has_torchs_bits(void **state)
{
    (void)state;
    struct err e;
    struct safetensors want;
    char *expected = fs_join(oracle, "expected.safetensors");
    assert_ok(safetensors_open(&want, expected, &e), &e);
    size_t compared = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct torchfile f;
        char *file = fs_join(oracle, files[i]);
        assert_ok(torchfile_open(&f, file, &e), &e);
        assert_int_equal(f.script, i == 0);
        for (size_t k = 0; k < f.n; k++) {
            const struct tensor *t = &f.tensors[k];
            char *name = str_format("%s/%s", files[i], t->name);
            const struct tensor *w = safetensors_find(&want, name);
            if (!w)
                fail_msg("'%s' is not expected", name);
            assert_int_equal(t->dtype, w->dtype);
            assert_int_equal(t->dims, w->dims);
            assert_memory_equal(t->shape, w->shape, (size_t)t->dims * sizeof *t->shape);
            assert_int_equal(t->count, w->count);
            if (t->count)
                assert_memory_equal(t->data, w->data, t->count * element_bytes(name, t->dtype));
            assert_ptr_equal(torchfile_find(&f, t->name), t);
            free(name);
            compared++;
        }
        assert_null(torchfile_find(&f, "nothing"));
        torchfile_close(&f);
        free(file);
    }
    assert_int_equal(compared, want.n);
    safetensors_close(&want);
    free(expected);
}

/* ---- refusals ---- */

/* The error's text with folders left out. */
static char *error_of(const char *file)
{
    struct err e = {0};
    struct torchfile f;
    if (torchfile_open(&f, file, &e) >= 0)
        fail_msg("'%s' was opened", file);
    assert_null(f.path);
    char *directory = fs_folder(file), *at = strstr(e.text, directory);
    char *text = at ? str_format("%.*s%s", (int)(at - e.text), e.text, at + strlen(directory) + 1)
                    : mem_strdup(e.text);
    free(directory);
    return text;
}

static void refused(const char *file, const char *want)
{
    char *text = error_of(file);
    assert_string_equal(text, want);
    free(text);
}

static void a_pickle_that_would_run_a_program_runs_nothing(void **state)
{
    (void)state;
    refused("tests/oracle/torchfile/hostile.pt",
            "'hostile.pt': data.pkl: byte 13: global 'os.system' is none of those that tensors and "
            "their containers are made of; nothing was executed");
    assert_int_equal(access("hostile-was-here", F_OK), -1);
}

static void the_old_format_says_how_to_go_on(void **state)
{
    (void)state;
    refused("tests/oracle/torchfile/old.pt",
            "'old.pt' is a torch file of the kind before torch 1.6, which is not read: save it "
            "again with torch.save of a newer torch");
}

/* A ZIP archive of stored entries, as torch lays it out. */
struct zip {
    struct str out, directory;
    unsigned entries;
};

static void put(struct str *s, unsigned long value, int bytes)
{
    while (bytes--) {
        str_addc(s, (char)(value & 255));
        value >>= 8;
    }
}

static void zip_add(struct zip *z, const char *name, const void *data, size_t size)
{
    const unsigned long crc = crc32(0, data, (unsigned)size), at = z->out.size;
    struct str *parts[] = {&z->out, &z->directory};
    for (int i = 0; i < 2; i++) {
        put(parts[i], i ? 0x02014b50 : 0x04034b50, 4);
        put(parts[i], 20, i ? 2 : 0); // made by
        put(parts[i], 20, 2);
        put(parts[i], 0, 2 + 2 + 4); // flags, method, time
        put(parts[i], crc, 4);
        put(parts[i], size, 4);
        put(parts[i], size, 4);
        put(parts[i], strlen(name), 2);
        put(parts[i], 0, i ? 2 + 2 + 2 + 2 + 4 : 2); // extra, comment, disk, attributes
        put(parts[i], at, i ? 4 : 0);
        str_add(parts[i], name);
    }
    str_addn(&z->out, data, size);
    z->entries++;
}

static void zip_write(struct zip *z)
{
    const size_t at = z->out.size;
    str_addn(&z->out, z->directory.data, z->directory.size);
    put(&z->out, 0x06054b50, 4);
    put(&z->out, 0, 4);
    put(&z->out, z->entries, 2);
    put(&z->out, z->entries, 2);
    put(&z->out, z->directory.size, 4);
    put(&z->out, at, 4);
    put(&z->out, 0, 2);
    write_bytes(z->out.data, z->out.size);
    str_release(&z->out);
    str_release(&z->directory);
}

#define ZIP_INIT                                                                                   \
    {                                                                                              \
        STR_INIT, STR_INIT, 0                                                                      \
    }

static void write_archive(const char *pickle, size_t size)
{
    static const float six[6] = {0, 1, 2, 3, 4, 5};
    struct zip z = ZIP_INIT;
    zip_add(&z, "x/data.pkl", pickle, size);
    zip_add(&z, "x/data/0", six, sizeof six);
    zip_write(&z);
}

/* One tensor "t" of storage 0, which has 6 floats; the numbers as opcodes. */
#define STORAGE(type, key, count) "(U\7storagectorch\n" type "Storage\nU\1" key "U\3cpuK" count "tQ"
#define TENSOR(storage, offset, shape, stride)                                                     \
    "\x80\2}U\1tctorch._utils\n_rebuild_tensor_v2\n(" storage offset shape stride "\x89}tRs."
#define SIX STORAGE("Float", "0", "\6")
#define K(n) "K" n

static void what_a_pickle_may_not_say_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *pickle;
        size_t size;
        const char *want;
    } cases[] = {
#define CASE(pickle, want) {pickle, sizeof pickle - 1, "'x.pt'" want}
        CASE("\x80\2cposix\nsystem\n.",
             ": data.pkl: byte 16: global 'posix.system' is none of those that tensors and their "
             "containers are made of; nothing was executed"),
        CASE("\x80\2ctorch\nload\n.",
             ": data.pkl: byte 14: global 'torch.load' is none of those that tensors and their "
             "containers are made of; nothing was executed"),
        CASE("\x80\2ccollections\nOrderedDict\n(U\2hitR.",
             ": data.pkl: byte 34: a dict is made of something, expected an empty one"),
        CASE("\x80\2ctorch\nFloatStorage\n)R.",
             ": data.pkl: byte 24: 'torch.FloatStorage' is called"),
        CASE("\x80\2}}R.",
             ": data.pkl: byte 5: a call of something that is no global, or without a tuple"),
        CASE("\x80\2(ios\nsystem\n.",
             ": data.pkl: byte 4: opcode 0x69 is none of those that are read"),
        CASE("\x80\1}.", ": data.pkl: byte 2: pickle protocol 1, expected 2 to 4"),
        CASE("\x80\2X\xff\xff\xff\xff", ": data.pkl: byte 7: 4294967295 bytes are missing"),
        CASE("\x80\2h\5.", ": data.pkl: byte 4: memo entry 5 was never stored"),
        CASE("\x80\2}r\xff\xff\xff\xff.",
             ": data.pkl: byte 8: memo entry 4294967295, at most 1048576 are kept"),
        CASE("\x80\2t.", ": data.pkl: byte 3: there is no mark"),
        CASE("\x80\2K\1(a.", ": data.pkl: byte 6: the stack is empty"),
        CASE("\x80\2].", " holds no tensor by name"),
        CASE("\x80\2}", ": data.pkl: byte 3: 1 bytes are missing"),
        CASE("\x80\2K\1q\0}U\1ah\0s", ": data.pkl: byte 13: 1 bytes are missing"),
        CASE(TENSOR(SIX, K("\1"), K("\6") "\x85", K("\1") "\x85"),
             ": tensor 't' reaches beyond its storage"),
        CASE(TENSOR(SIX, K("\7"), K("\0") "\x85", K("\1") "\x85"),
             ": tensor 't' reaches beyond its storage"),
        CASE(TENSOR(SIX, K("\0"), K("\7") "\x85", K("\0") "\x85"),
             ": tensor 't' is larger than its storage: its elements repeat"),
        CASE(TENSOR(SIX, "J\xff\xff\xff\xff", K("\1") "\x85", K("\1") "\x85"),
             ": tensor 't' starts before its storage"),
        CASE(TENSOR(SIX, K("\5"), K("\2") "\x85", "J\xff\xff\xff\xff\x85"),
             ": tensor 't' has a negative size or stride"),
        CASE(TENSOR(SIX, K("\0"), "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f" K("\3") "\x86",
                    K("\1") K("\1") "\x86"),
             ": tensor 't' has more elements than can be counted"),
        CASE(TENSOR(SIX, K("\1"), K("\2") "\x85", "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f\x85"),
             ": tensor 't' reaches beyond its storage"),
        CASE(
            TENSOR(SIX, K("\0"), K("\1") K("\1") "\x86", K("\1") "\x85"),
            ": data.pkl: byte 96: a tensor's shape and stride are not the same number of sizes, at "
            "most 8"),
        CASE(TENSOR(STORAGE("Float", "0", "\7"), K("\0"), K("\6") "\x85", K("\1") "\x85"),
             ": tensor 't' has a storage whose size is not the one described"),
        CASE(TENSOR(STORAGE("Long", "0", "\6"), K("\0"), K("\6") "\x85", K("\1") "\x85"),
             ": tensor 't' has a storage whose size is not the one described"),
        CASE(TENSOR(STORAGE("Float", "1", "\6"), K("\0"), K("\6") "\x85", K("\1") "\x85"),
             ": tensor 't' has no data in the archive"),
        CASE("\x80\2}q\0U\1ah\0s.",
             ": tensor "
             "'a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
             "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a' lies too deep: names within "
             "themselves"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_archive(cases[i].pickle, cases[i].size);
        char *text = error_of(path);
        if (!str_eq(text, cases[i].want))
            fail_msg("case %zu: %s\nwanted: %s", i, text, cases[i].want);
        free(text);
    }
}

static void a_handmade_archive_is_read(void **state)
{
    (void)state;
    static const char pickle[] =
        TENSOR(SIX, K("\1"), K("\2") K("\2") "\x86", K("\1") K("\3") "\x86");
    struct err e;
    struct torchfile f;
    write_archive(pickle, sizeof pickle - 1);
    assert_ok(torchfile_open(&f, path, &e), &e);
    assert_int_equal(f.n, 1);
    assert_memory_equal(f.tensors[0].data, ((float[]){1, 4, 2, 5}), 16);
    torchfile_close(&f);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    static const float a[6] = {1, -2, 3, 4, 5, 1e-40f}, scale = 4.6f;
    const struct tensor_out tensors[] = {{.name = "ctx", .dims = 2, .shape = {2, 3}, .data = a},
                                         {.name = "scale", .data = &scale}};
    struct err e;
    struct torchfile f;
    assert_ok(torchwrite_checkpoint(path, tensors, 2, 50, &e), &e);
    assert_ok(torchfile_open(&f, path, &e), &e);
    assert_int_equal(f.n, 2);
    const struct tensor *ctx = torchfile_find(&f, "ctx"), *s = torchfile_find(&f, "scale");
    assert_int_equal(ctx->dims, 2);
    assert_int_equal(ctx->shape[0], 2);
    assert_memory_equal(ctx->data, a, sizeof a);
    assert_int_equal((size_t)((const unsigned char *)ctx->data - f.map.data) % 64, 0);
    assert_int_equal(s->dims, 0);
    assert_memory_equal(s->data, &scale, sizeof scale);
    torchfile_close(&f);
}

/* Each dict holds the one before twice: 2^60 tensors in a few hundred bytes. */
static void names_without_end_are_cut_short(void **state)
{
    (void)state;
    struct str p = STR_INIT;
    str_addn(&p, "\x80\2}U\1tK\1sq\0", 11);
    for (int i = 0; i < 60; i++) {
        const char step[] = {'}', '(', 'U', 1,       'a', 'h', (char)i,      'U',
                             1,   'b', 'h', (char)i, 'u', 'q', (char)(i + 1)};
        str_addn(&p, step, sizeof step);
    }
    str_addc(&p, '.');
    write_archive(p.data, p.size);
    char *text = error_of(path);
    assert_non_null(strstr(text, "comes after too many values"));
    free(text);
    str_release(&p);
}

/* Objects without end that share one large dict. */
static void shared_attributes_do_not_exhaust_memory(void **state)
{
    (void)state;
    struct str p = STR_INIT;
    str_addn(&p, "\x80\2c__torch__\nA\nq\1}q\0(", 21);
    for (int i = 0; i < 100000; i++)
        str_addn(&p, "NN", 2);
    str_addc(&p, 'u');
    for (int i = 0; i < 100000; i++)
        str_addn(&p, "h\1)\x81h\0b", 7);
    str_addc(&p, '.');
    write_archive(p.data, p.size);
    char *text = error_of(path);
    assert_non_null(strstr(text, "more than 4194304 items in containers"));
    free(text);
    str_release(&p);
}

static void archives_that_are_none_of_torchs_are_refused(void **state)
{
    (void)state;
    struct zip none = ZIP_INIT, twice = ZIP_INIT, same = ZIP_INIT, big = ZIP_INIT;
    zip_add(&none, "x/readme", "hello", 5);
    zip_write(&none);
    refused(path, "'x.pt' is a ZIP archive without data.pkl: it was not written by torch");
    zip_add(&twice, "x/data.pkl", "}.", 2);
    zip_add(&twice, "y/data.pkl", "}.", 2);
    zip_write(&twice);
    refused(path, "'x.pt' holds more than one data.pkl");
    zip_add(&same, "x/data.pkl", "}.", 2);
    zip_add(&same, "x/data.pkl", "].", 2);
    zip_write(&same);
    char *text = error_of(path);
    assert_true(str_eq(text, "'x.pt' has an entry twice") || strstr(text, "whole ZIP archive"));
    free(text);
    zip_add(&big, "x/data.pkl", "}.", 2);
    zip_add(&big, "x/byteorder", "big", 3);
    zip_write(&big);
    refused(path, "'x.pt' was written by a big-endian machine, expected little-endian numbers");
}

/* ---- damage ---- */

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    char *data, *file = fs_join(oracle, "views.pt");
    size_t size;
    struct err e;
    assert_ok(fs_read(&data, &size, file, 1 << 20, &e), &e);
    for (size_t cut = 0; cut < size; cut += 61) {
        struct torchfile f;
        write_bytes(data, cut);
        assert_true(torchfile_open(&f, path, &e) < 0);
    }
    free(data);
    free(file);
}

static void a_flipped_bit_in_a_storage_is_found(void **state)
{
    (void)state;
    static const char pickle[] = TENSOR(SIX, K("\0"), K("\6") "\x85", K("\1") "\x85");
    struct err e;
    size_t size;
    char *data;
    write_archive(pickle, sizeof pickle - 1);
    assert_ok(fs_read(&data, &size, path, 1 << 20, &e), &e);
    char *four = memmem(data, size, &(float){4}, sizeof(float));
    assert_non_null(four);
    *four ^= 1;
    write_bytes(data, size);
    free(data);
    char *text = error_of(path);
    assert_true(str_starts(text, "'x.pt': entry 'x/data/0': ZIP bad CRC"));
    free(text);
}

/* Whatever the damage: an error, or the same names; never a crash. */
static void damage_never_crashes(void **state)
{
    (void)state;
    struct rng r;
    const char *given = getenv("PROMPTGRID_MUTATIONS");
    const long rounds = given ? strtol(given, NULL, 10) : 400;
    rng_seed_py(&r, 28);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *data, *file = fs_join(oracle, files[i]);
        size_t size;
        struct err e;
        assert_ok(fs_read(&data, &size, file, 1 << 20, &e), &e);
        for (long n = 0; n < rounds; n++) {
            char *copy = mem_dup(data, size);
            for (uint64_t k = 1 + rng_py_below(&r, 4); k; k--)
                copy[rng_py_below(&r, size)] = (char)rng_u32(&r);
            struct torchfile f;
            write_bytes(copy, size);
            if (torchfile_open(&f, path, &e) == 0)
                torchfile_close(&f);
            free(copy);
        }
        free(data);
        free(file);
    }
}

/* The same to the pickle alone, with a right checksum so that it is read. */
static void a_damaged_pickle_never_crashes(void **state)
{
    (void)state;
    static const char pickle[] =
        TENSOR(SIX, K("\1"), K("\2") K("\2") "\x86", K("\1") K("\3") "\x86");
    struct rng r;
    const char *given = getenv("PROMPTGRID_MUTATIONS");
    const long rounds = given ? strtol(given, NULL, 10) : 1000;
    rng_seed_py(&r, 29);
    for (long n = 0; n < rounds; n++) {
        char copy[sizeof pickle];
        struct torchfile f;
        struct err e;
        memcpy(copy, pickle, sizeof pickle);
        for (uint64_t k = 1 + rng_py_below(&r, 3); k; k--)
            copy[rng_py_below(&r, sizeof pickle - 1)] = (char)rng_u32(&r);
        write_archive(copy, sizeof pickle - 1);
        if (torchfile_open(&f, path, &e) == 0)
            torchfile_close(&f);
    }
}

/* A header of 384 bytes begins with 0x80 0x01, as a pickle of protocol 1 does. */
static void safetensors_are_no_pickle(void **state)
{
    (void)state;
    static const unsigned char header[] = "\x80\1\0\0\0\0\0\0{\"a\"";
    static const unsigned char pickle[] = "\x80\2\x8a\x0al\xfc\x9c\x46\xf9 j";
    assert_false(torchfile_is(header, sizeof header));
    assert_true(torchfile_is(pickle, sizeof pickle));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tensor_has_torchs_bits),
        cmocka_unit_test(a_pickle_that_would_run_a_program_runs_nothing),
        cmocka_unit_test(the_old_format_says_how_to_go_on),
        cmocka_unit_test(what_a_pickle_may_not_say_is_refused_by_name),
        cmocka_unit_test(a_handmade_archive_is_read),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(names_without_end_are_cut_short),
        cmocka_unit_test(shared_attributes_do_not_exhaust_memory),
        cmocka_unit_test(archives_that_are_none_of_torchs_are_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(safetensors_are_no_pickle),
        cmocka_unit_test(a_flipped_bit_in_a_storage_is_found),
        cmocka_unit_test(damage_never_crashes),
        cmocka_unit_test(a_damaged_pickle_never_crashes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
