/*
 * CLIP's byte-level BPE: see bpe.h.
 *
 * Symbols are numbers from the start: a merge of symbols a and b with rank r makes symbol 512 + r,
 * so a merge needs only the pair (a, b) to be looked up. Two open-addressing tables of ids serve
 * that: by text (only while the merges file is read) and by pair.
 */
#include "core/clip/bpe.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/clean.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    BYTES = 256,
    MERGED = 2 * BYTES, // the first merge's id
    SPECIAL = 2,        // start and end
    FILE_LIMIT = 64 << 20,
};

/* Words of cleaned text: the first alternative that matches wins (spec/tokenizer.md section 4.5).
 * The only whitespace left is the space. */
static const char word_pattern[] = "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|"
                                   "\\p{L}+|\\p{N}|[^ \\p{L}\\p{N}]+";

static const char *const special_text[SPECIAL] = {"<|startoftext|>", "<|endoftext|>"};

/* Ids by key, open addressing with linear probing; at most half full. */
struct table {
    int *slots; // -1 = free
    size_t mask;
};

struct bpe {
    int vocab;            // start and end included
    struct str text;      // every symbol's text, each terminated
    size_t *place;        // (vocab - 2) where a symbol's text starts
    int (*pair)[2];       // (vocab - 514) the two symbols of a merge
    struct table by_pair; // merged symbols
    int byte_id[BYTES];   // a byte's symbol; with "</w>": + 256
    pcre2_code *words;
    pcre2_match_data *match;
    char hash[HASH_HEX];
};

static void table_init(struct table *t, size_t entries)
{
    size_t capacity = 16;
    while (capacity < 2 * entries)
        capacity *= 2;
    t->slots = mem_alloc(capacity, sizeof *t->slots);
    t->mask = capacity - 1;
    for (size_t i = 0; i < capacity; i++)
        t->slots[i] = -1;
}

static uint64_t hash_key(const void *key, size_t size) // FNV-1a
{
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < size; i++)
        h = (h ^ ((const unsigned char *)key)[i]) * 0x100000001b3;
    return h ^ h >> 32;
}

const char *bpe_token(const struct bpe *b, int id)
{
    if (id < 0 || id >= b->vocab)
        return NULL;
    const int special = id - (b->vocab - SPECIAL);
    return special >= 0 ? special_text[special] : b->text.data + b->place[id];
}

/* The slot of the symbol with this text, or the free one where it belongs. */
static int *find_text(const struct bpe *b, const struct table *t, const char *text, size_t size)
{
    for (size_t i = hash_key(text, size) & t->mask;; i = (i + 1) & t->mask) {
        if (t->slots[i] < 0)
            return &t->slots[i];
        const char *other = b->text.data + b->place[t->slots[i]];
        if (strncmp(other, text, size) == 0 && !other[size])
            return &t->slots[i];
    }
}

static int *find_pair(const struct bpe *b, int left, int right)
{
    const int key[2] = {left, right};
    const struct table *t = &b->by_pair;
    for (size_t i = hash_key(key, sizeof key) & t->mask;; i = (i + 1) & t->mask) {
        const int id = t->slots[i];
        if (id < 0 || (b->pair[id - MERGED][0] == left && b->pair[id - MERGED][1] == right))
            return &t->slots[i];
    }
}

/* A byte's place in CLIP's order: printable bytes first (spec/tokenizer.md section 2). */
static void add_bytes(struct bpe *b, struct table *by_text)
{
    static const struct {
        int first, last;
    } printable[] = {{33, 126}, {161, 172}, {174, 255}};
    int code[BYTES]; // the character that stands for a symbol
    int n = 0;
    memset(b->byte_id, -1, sizeof b->byte_id);
    for (size_t r = 0; r < sizeof printable / sizeof *printable; r++)
        for (int byte = printable[r].first; byte <= printable[r].last; byte++) {
            code[n] = byte;
            b->byte_id[byte] = n++;
        }
    for (int byte = 0, other = 0x100; byte < BYTES; byte++)
        if (b->byte_id[byte] < 0) {
            code[n] = other++;
            b->byte_id[byte] = n++;
        }
    for (int id = 0; id < MERGED; id++) {
        const int c = code[id % BYTES];
        b->place[id] = b->text.size;
        if (c >= 0x80) {
            str_addc(&b->text, (char)(0xc0 | c >> 6));
            str_addc(&b->text, (char)(0x80 | (c & 0x3f)));
        } else {
            str_addc(&b->text, (char)c);
        }
        str_add(&b->text, id < BYTES ? "" : "</w>");
        const char *text = b->text.data + b->place[id];
        *find_text(b, by_text, text, strlen(text)) = id;
        str_addc(&b->text, 0);
    }
}

/* One line "left right" as the merge that makes symbol `id`. */
static int add_merge(struct bpe *b, struct table *by_text, int id, const char *line, size_t size,
                     const char *path, struct err *e)
{
    const int number = id - MERGED + 2; // of the line; the header is line 1
    const char *space = memchr(line, ' ', size);
    if (!space || memchr(space + 1, ' ', (size_t)(line + size - space - 1)))
        return err_set(e, ERR_PARSE, "%s:%d: expected two symbols with one space between them",
                       path, number);
    const char *word[2] = {line, space + 1};
    const size_t length[2] = {(size_t)(space - line), (size_t)(line + size - space - 1)};
    int *merge = b->pair[id - MERGED];
    for (int i = 0; i < 2; i++) {
        merge[i] = *find_text(b, by_text, word[i], length[i]);
        if (merge[i] < 0) {
            char *cut = mem_strndup(word[i], length[i]), *shown = str_visible(cut);
            err_set(e, ERR_PARSE,
                    "%s:%d: symbol '%.200s' is neither a byte nor made by a line above", path,
                    number, shown);
            free(cut);
            free(shown);
            return e->code;
        }
    }
    b->place[id] = b->text.size;
    str_addn(&b->text, word[0], length[0]);
    str_addn(&b->text, word[1], length[1]);
    const char *text = b->text.data + b->place[id];
    int *slot = find_text(b, by_text, text, length[0] + length[1]);
    if (*slot >= 0)
        return err_set(e, ERR_PARSE, "%s:%d: this merge makes '%.200s', which is there already",
                       path, number, text);
    *slot = id;
    str_addc(&b->text, 0);
    *find_pair(b, merge[0], merge[1]) = id;
    return 0;
}

/* Merges that a file's text holds: its lines but the first, an empty last one not counted. */
static int count_merges(const char *text, size_t size)
{
    int lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    if (size && text[size - 1] != '\n')
        lines++;
    return lines ? lines - 1 : 0;
}

static int read_merges(struct bpe *b, const char *text, size_t size, const char *path,
                       struct err *e)
{
    struct table by_text = {0};
    int rc = 0;
    const int symbols = b->vocab - SPECIAL;
    table_init(&by_text, (size_t)symbols);
    table_init(&b->by_pair, (size_t)symbols);
    b->place = mem_alloc((size_t)symbols, sizeof *b->place);
    b->pair = mem_alloc((size_t)(symbols - MERGED) + 1, sizeof *b->pair);
    add_bytes(b, &by_text);
    const char *line = memchr(text, '\n', size), *end = text + size;
    for (int id = MERGED; id < symbols && !rc; id++) {
        line++; // past the newline before it: count_merges has seen it
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop)
            stop = end;
        rc = add_merge(b, &by_text, id, line, (size_t)(stop - line), path, e);
        line = stop;
    }
    free(by_text.slots);
    return rc;
}

static int compile_words(struct bpe *b, struct err *e)
{
    int code;
    PCRE2_SIZE at;
    b->words = pcre2_compile((PCRE2_SPTR)word_pattern, PCRE2_ZERO_TERMINATED,
                             PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS, &code, &at, NULL);
    if (!b->words) {
        PCRE2_UCHAR text[128];
        pcre2_get_error_message(code, text, sizeof text);
        return err_set(e, ERR_SYS, "the PCRE2 library lacks what the tokenizer needs: %s", text);
    }
    pcre2_jit_compile(b->words, PCRE2_JIT_COMPLETE); // without it matching is only slower
    b->match = pcre2_match_data_create_from_pattern(b->words, NULL);
    return b->match ? 0 : err_set(e, ERR_MEMORY, "unable to make the tokenizer's match data");
}

int bpe_open(struct bpe **out, const char *path, int vocab, struct err *e)
{
    char *text = NULL;
    size_t size = 0;
    struct bpe *b = mem_zero(1, sizeof *b);
    b->text = (struct str)STR_INIT;
    int rc = fs_read_gzip(&text, &size, path, FILE_LIMIT, e);
    if (rc < 0)
        goto out;
    hash_bytes(b->hash, text, size);
    if (strlen(text) != size) {
        rc = err_set(e, ERR_PARSE, "'%s' is no text file: it holds a zero byte", path);
        goto out;
    }
    const int merges = count_merges(text, size), wanted = vocab - MERGED - SPECIAL;
    if (vocab && wanted < 0)
        rc = err_set(e, ERR_RANGE, "a vocabulary of %d is too small for CLIP's BPE (at least %d)",
                     vocab, MERGED + SPECIAL);
    else if (vocab && merges < wanted)
        rc = err_set(e, ERR_CORRUPT,
                     "'%s' has %d merges, the model's vocabulary of %d needs %d; is it another "
                     "model's file?",
                     path, merges, vocab, wanted);
    if (rc < 0)
        goto out;
    b->vocab = vocab ? vocab : merges + MERGED + SPECIAL;
    if ((rc = read_merges(b, text, size, path, e)) < 0)
        goto out;
    rc = compile_words(b, e);
out:
    free(text);
    if (rc < 0)
        bpe_free(b);
    else
        *out = b;
    return rc;
}

void bpe_free(struct bpe *b)
{
    if (!b)
        return;
    str_release(&b->text);
    free(b->place);
    free(b->pair);
    free(b->by_pair.slots);
    pcre2_match_data_free(b->match);
    pcre2_code_free(b->words);
    free(b);
}

int bpe_start(const struct bpe *b)
{
    return b->vocab - 2;
}

int bpe_end(const struct bpe *b)
{
    return b->vocab - 1;
}

const char *bpe_hash(const struct bpe *b)
{
    return b->hash;
}

/* Merge the n symbols in place until no pair is in the table; returns how many are left. A merge
 * makes symbols that only later merges know, so ranks grow and each round takes the lowest. */
static size_t merge_symbols(const struct bpe *b, int *symbol, size_t n)
{
    for (;;) {
        int lowest = b->vocab;
        for (size_t i = 0; i + 1 < n; i++) {
            const int id = *find_pair(b, symbol[i], symbol[i + 1]);
            if (id >= 0 && id < lowest)
                lowest = id;
        }
        if (lowest == b->vocab)
            return n;
        const int *pair = b->pair[lowest - MERGED];
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            const int whole = i + 1 < n && symbol[i] == pair[0] && symbol[i + 1] == pair[1];
            symbol[kept++] = whole ? lowest : symbol[i];
            i += (size_t)whole;
        }
        n = kept;
    }
}

/* The ids of one word of `size` bytes, at `out`, which has room for that many. */
static size_t encode_word(const struct bpe *b, const char *word, size_t size, int *out)
{
    for (int i = 0; i < SPECIAL; i++)
        if (size == strlen(special_text[i]) && memcmp(word, special_text[i], size) == 0) {
            *out = b->vocab - SPECIAL + i;
            return 1;
        }
    for (size_t i = 0; i < size; i++)
        out[i] = b->byte_id[(unsigned char)word[i]];
    out[size - 1] += BYTES; // "</w>"
    return merge_symbols(b, out, size);
}

int bpe_encode(struct bpe *b, const char *text, int **ids, size_t *n, struct err *e)
{
    struct str clean = STR_INIT;
    int rc = clean_text(&clean, text, e);
    if (rc < 0)
        goto out;
    *ids = mem_alloc(clean.size + 1, sizeof **ids); // a symbol is at least one byte
    *n = 0;
    for (size_t at = 0; at < clean.size;) {
        const int found = pcre2_match(b->words, (PCRE2_SPTR)clean.data, clean.size, at,
                                      PCRE2_NO_UTF_CHECK, b->match, NULL);
        if (found == PCRE2_ERROR_NOMATCH)
            break;
        if (found < 0) {
            free(*ids);
            *ids = NULL;
            rc = err_set(e, ERR_SYS, "unable to cut text into words: PCRE2 error %d", found);
            goto out;
        }
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(b->match);
        *n += encode_word(b, clean.data + span[0], span[1] - span[0], *ids + *n);
        at = span[1];
    }
out:
    str_release(&clean);
    return rc;
}

int bpe_tokenize(struct bpe *b, const char *text, int context, int **ids, size_t *n, struct err *e)
{
    int *inner;
    size_t count;
    int rc = bpe_encode(b, text, &inner, &count, e);
    if (rc < 0)
        return rc;
    if (context < SPECIAL || count > (size_t)(context - SPECIAL)) {
        char *shown = str_visible(text);
        rc = err_set(e, ERR_RANGE,
                     "text '%.200s' is %zu tokens with start and end, more than the model's "
                     "context of %d",
                     shown, count + SPECIAL, context);
        free(shown);
        goto out;
    }
    *ids = mem_alloc(count + SPECIAL, sizeof **ids);
    (*ids)[0] = bpe_start(b);
    memcpy(*ids + 1, inner, count * sizeof **ids);
    (*ids)[count + 1] = bpe_end(b);
    *n = count + SPECIAL;
out:
    free(inner);
    return rc;
}
