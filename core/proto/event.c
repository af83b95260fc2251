/* Events: see event.h. One table says which fields each event has; the sender checks itself
 * against it too, so a runner cannot say what the harness would refuse. */
#include "core/proto/event.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"

#include <errno.h>
#include <math.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind {
    TEXT,
    CLASS,  // name of an error code
    SHA256, // 64 hex digits
    COUNT,  // integer >= 0
    REAL,
    REALS,  // array of reals
    COUNTS, // array of counts
    OBJECT,
};

static const char *const kind_text[] = {
    [TEXT] = "text of at least one character",
    [CLASS] = "a class of errors",
    [SHA256] = "64 hex digits",
    [COUNT] = "a whole number from 0",
    [REAL] = "a finite number",
    [REALS] = "an array of finite numbers",
    [COUNTS] = "an array of whole numbers from 0",
    [OBJECT] = "an object",
};

struct field {
    const char *name;
    enum kind kind;
    const char *words; // TEXT: the only values, between spaces; NULL = any
    bool optional;
};

enum { FIELDS_MAX = 16 };

static const struct {
    const char *name;
    struct field fields[FIELDS_MAX];
} rows[] = {
    {"start",
     {{"runner", OBJECT, NULL, false},
      {"device", TEXT, NULL, false},
      {"determinism", TEXT, " bitwise device none ", true},
      {"threads", COUNT, NULL, false},
      {"resumed", COUNT, NULL, true}}},
    {"progress",
     {{"done", COUNT, NULL, false}, {"of", COUNT, NULL, false}, {"unit", TEXT, NULL, false}}},
    {"epoch",
     {{"epoch", COUNT, NULL, false},
      {"loss", REAL, NULL, false},
      {"lr", REAL, NULL, false},
      {"accuracy", REAL, NULL, false},
      {"singular", REALS, NULL, true},
      {"effective_rank", REAL, NULL, true},
      {"nuclear", REAL, NULL, true},
      {"energy", REALS, NULL, true},
      {"singular_change", REALS, NULL, true},
      {"effective_rank_change", REAL, NULL, true},
      {"nuclear_change", REAL, NULL, true},
      {"energy_change", REALS, NULL, true},
      {"base", REAL, NULL, true},
      {"new", REAL, NULL, true},
      {"test", REAL, NULL, true}}},
    {"metric",
     {{"split", TEXT, " test base new train ", false},
      {"name", TEXT, NULL, false},
      {"value", REAL, NULL, false}}},
    {"prediction",
     {{"split", TEXT, " test base new train ", false}, {"labels", COUNTS, NULL, false}}},
    {"artifact",
     {{"kind", TEXT, " prompt bank ", false},
      {"path", TEXT, NULL, false},
      {"sha256", SHA256, NULL, false}}},
    {"fail", {{"class", CLASS, NULL, false}, {"text", TEXT, NULL, false}}},
    {"done", {{0}}},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static bool is_count(const json_t *v)
{
    return json_is_integer(v) && json_integer_value(v) >= 0;
}

static bool is_real(const json_t *v)
{
    return json_is_number(v) && isfinite(json_number_value(v));
}

static bool is_array_of(const json_t *v, bool (*is)(const json_t *))
{
    if (!json_is_array(v))
        return false;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!is(json_array_get(v, i)))
            return false;
    return true;
}

static bool is_class(const char *text)
{
    for (int code = ERR_SYS; code >= ERR_DEVICE; code--)
        if (str_eq(text, err_name(code)))
            return true;
    return false;
}

static bool is_word(const char *text, const char *words)
{
    if (!words)
        return *text;
    const char *at = *text ? strstr(words, text) : NULL;
    return at && !strchr(text, ' ') && at[-1] == ' ' && at[strlen(text)] == ' ';
}

static bool has_kind(const json_t *v, const struct field *f)
{
    const char *text = json_string_value(v);
    switch (f->kind) {
    case TEXT:
        return text && is_word(text, f->words);
    case CLASS:
        return text && is_class(text);
    case SHA256:
        return text && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
    case COUNT:
        return is_count(v);
    case REAL:
        return is_real(v);
    case REALS:
        return is_array_of(v, is_real);
    case COUNTS:
        return is_array_of(v, is_count);
    case OBJECT:
        return json_is_object(v);
    }
    BUG("event field kind %d", (int)f->kind);
}

static int check(json_t *event, struct err *e)
{
    if (!json_is_object(event))
        return err_set(e, ERR_PARSE, "an event must be a JSON object");
    const char *name = json_string_value(json_object_get(event, "event"));
    if (!name)
        return err_set(e, ERR_PARSE, "an event must say its name in 'event'");
    size_t row = 0;
    while (row < ROWS && !str_eq(rows[row].name, name))
        row++;
    if (row == ROWS) {
        char *shown = str_visible(name);
        err_set(e, ERR_PARSE, "unknown event '%.80s'", shown);
        free(shown);
        return ERR_PARSE;
    }
    size_t known = 1; // "event" itself
    for (const struct field *f = rows[row].fields; f < rows[row].fields + FIELDS_MAX && f->name;
         f++) {
        const json_t *v = json_object_get(event, f->name);
        if (!v && f->optional)
            continue;
        if (!v)
            return err_set(e, ERR_PARSE, "event '%s' has no '%s'", name, f->name);
        if (!has_kind(v, f) && f->words)
            return err_set(e, ERR_PARSE, "event '%s': '%s' must be one of%.*s", name, f->name,
                           (int)strlen(f->words) - 1, f->words);
        if (!has_kind(v, f))
            return err_set(e, ERR_PARSE, "event '%s': '%s' must be %s", name, f->name,
                           kind_text[f->kind]);
        known++;
    }
    if (json_object_size(event) != known)
        return err_set(e, ERR_PARSE, "event '%s' has %zu fields, expected %zu", name,
                       json_object_size(event), known);
    return 0;
}

int event_parse(json_t **out, const char *line, size_t size, struct err *e)
{
    if (size > EVENT_LINE_LIMIT)
        return err_set(e, ERR_PARSE, "an event is longer than the limit of %d bytes",
                       EVENT_LINE_LIMIT);
    json_error_t why;
    json_t *event = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);
    if (!event) {
        char *shown = mem_strndup(line, size < 60 ? size : 60), *visible = str_visible(shown);
        err_set(e, ERR_PARSE, "an event is not JSON: %s: '%s'", why.text, visible);
        free(shown);
        free(visible);
        return ERR_PARSE;
    }
    if (check(event, e) < 0) {
        json_decref(event);
        return ERR_PARSE;
    }
    *out = event;
    return 0;
}

static int events_fd = -1;
static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;

/* A last event from a program that has no memory left for one. */
static void say_out_of_memory(const char *text)
{
    char line[160];
    int size =
        snprintf(line, sizeof line, "{\"event\":\"fail\",\"class\":\"%s\",\"text\":\"%s\"}\n",
                 err_name(ERR_MEMORY), text);
    if (events_fd >= 0 && write(events_fd, line, (size_t)size) < 0)
        _Exit(3);
}

void event_open(int fd)
{
    events_fd = fd;
    mem_at_failure(say_out_of_memory);
}

void event_send(json_t *event)
{
    struct err e;
    if (!event)
        BUG("an event could not be built: a number is not finite or a text is not UTF-8");
    if (check(event, &e) < 0)
        BUG("%s", e.text);
    if (events_fd >= 0) {
        char *text = json_dumps(event, JSON_COMPACT);
        BUG_IF(!text);
        size_t size = strlen(text), sent = 0;
        text[size++] = '\n'; // in place of the terminator
        pthread_mutex_lock(&events_lock);
        while (sent < size) {
            ssize_t n = sys_write(events_fd, text + sent, size - sent);
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0) {
                log_error("unable to send events: %s", strerror(errno));
                _Exit(3);
            }
            sent += (size_t)n;
        }
        pthread_mutex_unlock(&events_lock);
        free(text);
    }
    json_decref(event);
}
