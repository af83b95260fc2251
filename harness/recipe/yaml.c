/*
 * Parsing is driven by libfyaml's events rather than its documents: the tree is then ours, limits
 * hold while it grows, and aliases are followed by sharing nodes.
 */
#include "harness/recipe/yaml.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_LIMIT = 1 << 20,
    LEVEL_LIMIT = 32,
    ALIAS_LIMIT = 1000,
    NODE_LIMIT = 100000,
    KEY_LIMIT = 1000,    // in one map: looking for duplicates is quadratic
    SHOWN_COLUMNS = 160, // of a source line in an error
};

/* ---- errors ---- */

/* Bytes of the UTF-8 sequence at `s`, 0 when it is not one. */
static size_t utf8_bytes(const unsigned char *s, size_t left)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (n == 0 || n > left || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

static size_t line_start(const struct yaml_file *f, size_t offset)
{
    while (offset > 0 && f->text[offset - 1] != '\n')
        offset--;
    return offset;
}

static size_t line_number(const struct yaml_file *f, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset; i++)
        line += f->text[i] == '\n';
    return line;
}

/* `bytes` of a source line as one line of visible text; yours to free(). */
static char *show(const char *text, size_t bytes)
{
    char *line = mem_strndup(text, bytes);
    for (char *c = line; *c; c++)
        if (*c == '\t')
            *c = ' ';
    char *visible = str_visible(line);
    free(line);
    return visible;
}

static int error_at(struct err *e, int code, const struct yaml_file *f, size_t offset,
                    const char *message)
{
    size_t start = line_start(f, offset);
    size_t end = offset;
    while (end < f->size && f->text[end] != '\n' && f->text[end] != '\r')
        end++;
    char *before = show(f->text + start, offset - start);
    size_t column = str_columns(before) + 1;

    /* a long line loses its head or its tail, the caret stays in view */
    size_t shown = start, limit = SHOWN_COLUMNS;
    if (offset - start > limit * 3 / 4)
        shown = offset - limit / 2;
    while (shown > start && ((unsigned char)f->text[shown] & 0xc0) == 0x80)
        shown--;
    if (end - shown > limit)
        end = shown + limit > offset ? shown + limit : offset;
    while (end > offset && end < f->size && ((unsigned char)f->text[end] & 0xc0) == 0x80)
        end--;

    char *line = show(f->text + shown, end - shown);
    char *indent = show(f->text + shown, offset - shown);
    err_set(e, code, "%s:%zu:%zu: %.1000s\n%s\n%*s^", f->path, line_number(f, offset), column,
            message, line, (int)str_columns(indent), "");
    free(indent);
    free(line);
    free(before);
    return code;
}

int yaml_error(struct err *e, int code, const struct yaml_node *at, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return error_at(e, code, at->file, at->offset, message);
}

size_t yaml_line(const struct yaml_node *node)
{
    return line_number(node->file, node->offset);
}

/* ---- building ---- */

struct anchor {
    char *name;
    struct yaml_node *node;
};

struct builder {
    struct yaml_file *file;
    struct fy_parser *parser;
    struct fy_diag *diag;
    struct anchor *anchors;
    size_t n_anchors, capacity;
    int aliases;
};

static struct yaml_node *node_new(struct builder *b, enum yaml_kind kind, struct fy_event *event)
{
    struct yaml_node *node = mem_zero(1, sizeof *node);
    const struct fy_mark *mark = fy_event_start_mark(event);
    node->kind = kind;
    node->file = b->file;
    node->offset = mark && mark->input_pos < b->file->size ? mark->input_pos : b->file->size;
    if (node->offset > 0 && kind == YAML_SCALAR && event->type != FYET_DOCUMENT_START &&
        strchr("'\"*", b->file->text[node->offset - 1]))
        node->offset--; // the library's mark stands after a quote and after an alias's star
    node->expanded = 1;
    node->levels = 1;
    MEM_PUSH(b->file->nodes, b->file->n_nodes, b->file->capacity) = node;
    return node;
}

static char *token_text(struct fy_token *token)
{
    size_t n = 0;
    const char *text = token ? fy_token_get_text(token, &n) : NULL;
    return mem_strndup(text ? text : "", text ? n : 0);
}

/* An escape, as in "a\0b", may make what text cannot hold. */
static bool holds_nul(struct fy_token *token)
{
    size_t n = 0;
    const char *text = token ? fy_token_get_text(token, &n) : NULL;
    return text && memchr(text, 0, n);
}

/* The library's first complaint, in our form. */
static int library_error(struct builder *b, struct err *e)
{
    void *at = NULL;
    struct fy_diag_error *first = fy_diag_errors_iterate(b->diag, &at);
    const struct yaml_file *f = b->file;
    if (!first)
        return error_at(e, ERR_PARSE, f, f->size, "not YAML");
    size_t offset = 0;
    for (int line = 1; line < first->line && offset < f->size; offset++)
        line += f->text[offset] == '\n';
    for (int column = 1; column < first->column && offset < f->size && f->text[offset] != '\n';
         column++)
        offset += utf8_bytes((const unsigned char *)f->text + offset, f->size - offset);
    return error_at(e, ERR_PARSE, f, offset, first->msg);
}

static int next_event(struct builder *b, struct fy_event **event, struct err *e)
{
    *event = fy_parser_parse(b->parser);
    return *event ? 0 : library_error(b, e);
}

static int build(struct builder *b, struct fy_event *event, int level, struct yaml_node **out,
                 struct err *e);

/* Count what `child` adds to `node`. */
static int adopt(struct yaml_node *node, struct yaml_node *child, int level, struct err *e)
{
    node->expanded += child->expanded;
    if (node->levels < child->levels + 1)
        node->levels = child->levels + 1;
    if (level + node->levels > LEVEL_LIMIT)
        return yaml_error(e, ERR_RANGE, child, "more than %d levels", LEVEL_LIMIT);
    if (node->expanded > NODE_LIMIT)
        return yaml_error(e, ERR_RANGE, child, "its aliases expand to more than %d values",
                          NODE_LIMIT);
    return 0;
}

static int check_key(const struct yaml_node *map, const struct yaml_node *key, struct err *e)
{
    if (key->kind != YAML_SCALAR || !*key->text)
        return yaml_error(e, ERR_PARSE, key, "expected a name before ':'");
    if (map->n > KEY_LIMIT)
        return yaml_error(e, ERR_RANGE, key, "more than %d keys in one map", KEY_LIMIT);
    for (size_t i = 0; i + 1 < map->n; i++) {
        if (!str_eq(map->items[2 * i]->text, key->text))
            continue;
        char *name = yaml_describe(key);
        yaml_error(e, ERR_PARSE, key, "duplicate key %s, first given in line %zu", name,
                   yaml_line(map->items[2 * i]));
        free(name);
        return e->code;
    }
    return 0;
}

/* The items of a list or the pairs of a map, up to its end event. */
static int build_items(struct builder *b, struct yaml_node *node, int level, struct err *e)
{
    bool map = node->kind == YAML_MAP;
    size_t held = 0, capacity = 0;
    for (;;) {
        struct fy_event *event;
        struct yaml_node *child;
        if (next_event(b, &event, e) < 0)
            return e->code;
        if (event->type == (map ? FYET_MAPPING_END : FYET_SEQUENCE_END)) {
            fy_parser_event_free(b->parser, event);
            return 0;
        }
        int rc = build(b, event, level + 1, &child, e);
        fy_parser_event_free(b->parser, event);
        if (rc < 0 || (rc = adopt(node, child, level, e)) < 0)
            return rc;
        if (map && held % 2 == 1 && yaml_is_null(child) && !*child->text)
            child->offset = node->items[held - 1]->offset; // nothing stands nowhere: show its key
        MEM_PUSH(node->items, held, capacity) = child;
        node->n = map ? (held + 1) / 2 : held;
        if (map && held % 2 == 1 && check_key(node, child, e) < 0)
            return e->code;
    }
}

static int build_alias(struct builder *b, struct fy_event *event, struct yaml_node **out,
                       struct err *e)
{
    struct yaml_node *here = node_new(b, YAML_SCALAR, event);
    here->text = token_text(event->alias.anchor);
    if (++b->aliases > ALIAS_LIMIT)
        return yaml_error(e, ERR_RANGE, here, "more than %d aliases", ALIAS_LIMIT);
    for (size_t i = b->n_anchors; i-- > 0;)
        if (str_eq(b->anchors[i].name, here->text)) {
            *out = b->anchors[i].node;
            return 0;
        }
    return yaml_error(e, ERR_PARSE, here, "alias '*%s' has no complete anchor before it",
                      here->text);
}

static int build(struct builder *b, struct fy_event *event, int level, struct yaml_node **out,
                 struct err *e)
{
    struct yaml_node *node;
    struct fy_token *anchor, *tag;
    switch (event->type) {
    case FYET_ALIAS:
        return build_alias(b, event, out, e);
    case FYET_SCALAR:
        node = node_new(b, YAML_SCALAR, event);
        node->text = token_text(event->scalar.value);
        if (holds_nul(event->scalar.value))
            return yaml_error(e, ERR_PARSE, node, "a NUL byte; a recipe is text");
        node->quoted =
            event->scalar.value && fy_token_scalar_style(event->scalar.value) != FYSS_PLAIN;
        anchor = event->scalar.anchor;
        tag = event->scalar.tag;
        break;
    case FYET_SEQUENCE_START:
        node = node_new(b, YAML_LIST, event);
        anchor = event->sequence_start.anchor;
        tag = event->sequence_start.tag;
        break;
    case FYET_MAPPING_START:
        node = node_new(b, YAML_MAP, event);
        anchor = event->mapping_start.anchor;
        tag = event->mapping_start.tag;
        break;
    default:
        BUG("YAML event %d where a value begins", (int)event->type);
    }
    *out = node;
    if (tag)
        return yaml_error(e, ERR_PARSE, node, "tags are not used in recipes");
    if (level >= LEVEL_LIMIT)
        return yaml_error(e, ERR_RANGE, node, "more than %d levels", LEVEL_LIMIT);
    if (b->file->n_nodes > NODE_LIMIT)
        return yaml_error(e, ERR_RANGE, node, "more than %d values", NODE_LIMIT);
    char *name = anchor ? token_text(anchor) : NULL;
    if (node->kind != YAML_SCALAR && build_items(b, node, level, e) < 0) {
        free(name);
        return e->code;
    }
    if (name) {
        struct anchor *a = &MEM_PUSH(b->anchors, b->n_anchors, b->capacity);
        *a = (struct anchor){name, node};
    }
    return 0;
}

/* Stream start, document start, one value, document end, stream end. */
static int build_stream(struct builder *b, struct err *e)
{
    struct yaml_file *f = b->file;
    bool open = true;
    int documents = 0;
    while (open) {
        struct fy_event *event;
        if (next_event(b, &event, e) < 0)
            return e->code;
        int rc = 0;
        if (event->type == FYET_STREAM_END)
            open = false;
        else if (event->type == FYET_DOCUMENT_START && documents++ > 0)
            rc = yaml_error(e, ERR_PARSE, node_new(b, YAML_SCALAR, event),
                            "a second document begins here; a recipe is one");
        else if (event->type != FYET_STREAM_START && event->type != FYET_DOCUMENT_START &&
                 event->type != FYET_DOCUMENT_END)
            rc = build(b, event, 0, &f->root, e);
        fy_parser_event_free(b->parser, event);
        if (rc < 0)
            return rc;
    }
    return f->root ? 0 : error_at(e, ERR_PARSE, f, 0, "the file is empty");
}

static void swallow(struct fy_diag *diag, void *user, const char *text, size_t size)
{
    (void)diag, (void)user, (void)text, (void)size; // errors are collected, not printed
}

static int parse(struct yaml_file *f, struct err *e)
{
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    quiet.output_fn = swallow;
    quiet.colorize = false;
    struct builder b = {.file = f, .diag = fy_diag_create(&quiet)};
    if (!b.diag)
        return err_set(e, ERR_MEMORY, "unable to read '%s': out of memory", f->path);
    fy_diag_set_collect_errors(b.diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 |
                                        FYPCF_ALLOW_DUPLICATE_KEYS,
                               .diag = b.diag};
    int rc;
    b.parser = fy_parser_create(&cfg);
    if (!b.parser || fy_parser_set_string(b.parser, f->text, f->size) < 0)
        rc = err_set(e, ERR_MEMORY, "unable to read '%s': out of memory", f->path);
    else
        rc = build_stream(&b, e);
    fy_parser_destroy(b.parser);
    fy_diag_destroy(b.diag);
    for (size_t i = 0; i < b.n_anchors; i++)
        free(b.anchors[i].name);
    free(b.anchors);
    return rc;
}

static int check_bytes(const struct yaml_file *f, struct err *e)
{
    for (size_t i = 0; i < f->size;) {
        size_t n = utf8_bytes((const unsigned char *)f->text + i, f->size - i);
        if (n == 0)
            return error_at(e, ERR_PARSE, f, i, "invalid UTF-8");
        if (f->text[i] == 0)
            return error_at(e, ERR_PARSE, f, i, "a NUL byte; a recipe is text");
        i += n;
    }
    return 0;
}

int yaml_read(struct yaml_file **out, const char *path, struct err *e)
{
    struct yaml_file *f = mem_zero(1, sizeof *f);
    *out = NULL;
    if (fs_read(&f->text, &f->size, path, TEXT_LIMIT, e) < 0) {
        yaml_free(f);
        return e->code;
    }
    f->path = mem_strdup(path);
    hash_bytes(f->sha256, f->text, f->size);
    if (f->size >= 3 && memcmp(f->text, "\xef\xbb\xbf", 3) == 0) {
        f->size -= 3;
        memmove(f->text, f->text + 3, f->size + 1);
    }
    if (check_bytes(f, e) < 0 || parse(f, e) < 0) {
        yaml_free(f);
        return e->code;
    }
    *out = f;
    return 0;
}

void yaml_free(struct yaml_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_nodes; i++) {
        free(f->nodes[i]->text);
        free(f->nodes[i]->items);
        free(f->nodes[i]);
    }
    free(f->nodes);
    free(f->text);
    free(f->path);
    free(f);
}

/* ---- looking ---- */

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map->kind == YAML_MAP && i < map->n; i++)
        if (str_eq(map->items[2 * i]->text, key))
            return map->items[2 * i + 1];
    return NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->quoted &&
           (!*node->text || str_eq(node->text, "~") || str_eq(node->text, "null"));
}

char *yaml_describe(const struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR)
        return mem_strdup(node->kind == YAML_LIST ? "a list" : "a map");
    if (yaml_is_null(node))
        return mem_strdup("nothing");
    char *visible = str_visible(node->text);
    char *text = str_format(node->quoted ? "the text \"%.80s\"" : "'%.80s'", visible);
    free(visible);
    return text;
}
