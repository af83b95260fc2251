/* Events of one run: see collect.h. */
#include "harness/sched/collect.h"

#include "core/base/fs.h"
#include "harness/sched/failure.h"
#include "harness/system/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void collect_init(struct collect *c)
{
    *c = (struct collect){
        .line = STR_INIT, .events = json_array(), .seen = json_object(), .epoch = -1};
}

void collect_release(struct collect *c)
{
    str_release(&c->line);
    json_decref(c->events);
    json_decref(c->seen);
    c->events = c->seen = NULL;
}

static const char *name_of(const json_t *event)
{
    return json_string_value(json_object_get(event, "event"));
}

/* Events that are rows of results, and the fields that name the row: said once. */
static const struct {
    const char *event, *fields[2];
} once[] = {
    {"start", {0}},
    {"epoch", {"epoch"}},
    {"metric", {"split", "name"}},
    {"prediction", {"split"}},
    {"artifact", {"kind"}},
};

static bool is_repeated(struct collect *c, const json_t *event)
{
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        if (!str_eq(once[i].event, name_of(event)))
            continue;
        struct str key = STR_INIT;
        str_add(&key, once[i].event);
        for (int f = 0; f < 2 && once[i].fields[f]; f++) {
            const json_t *value = json_object_get(event, once[i].fields[f]);
            if (json_is_string(value))
                str_addf(&key, " %s", json_string_value(value));
            else
                str_addf(&key, " %lld", (long long)json_integer_value(value));
        }
        bool repeated = json_object_get(c->seen, key.data) != NULL;
        if (repeated)
            err_set(&c->broken, ERR_PARSE, "'%s' came twice", key.data);
        else
            json_object_set_new(c->seen, key.data, json_true());
        str_release(&key);
        return repeated;
    }
    return false;
}

/* Epochs come in order, those of an earlier attempt first. */
static bool is_out_of_order(struct collect *c, const json_t *event)
{
    if (!str_eq(name_of(event), "epoch"))
        return false;
    long epoch = (long)json_integer_value(json_object_get(event, "epoch"));
    bool late = epoch <= c->epoch;
    if (late)
        err_set(&c->broken, ERR_PARSE, "epoch %ld came after epoch %ld", epoch, c->epoch);
    c->epoch = epoch;
    return late;
}

static void take_event(struct collect *c, json_t *event, size_t bytes)
{
    const char *name = name_of(event);
    if (c->done || c->fail) {
        err_set(&c->broken, ERR_PARSE, "event '%s' came after '%s'", name,
                c->done ? "done" : "fail");
    } else if (str_eq(name, "progress")) {
        c->step = (long)json_integer_value(json_object_get(event, "done"));
        c->of = (long)json_integer_value(json_object_get(event, "of"));
        snprintf(c->unit, sizeof c->unit, "%s", json_string_value(json_object_get(event, "unit")));
    } else if ((c->bytes += bytes) > COLLECT_LIMIT) {
        err_set(&c->broken, ERR_RANGE, "more than %d bytes of events", COLLECT_LIMIT);
    } else if (!is_repeated(c, event) && !is_out_of_order(c, event)) {
        c->done = str_eq(name, "done");
        c->fail = str_eq(name, "fail") ? event : NULL;
        json_array_append(c->events, event);
    }
    json_decref(event);
}

static void take_line(struct collect *c)
{
    json_t *event;
    if (!c->broken.code && event_parse(&event, c->line.data, c->line.size, &c->broken) == 0)
        take_event(c, event, c->line.size);
    str_clear(&c->line);
}

void collect_feed(void *arg, const char *data, size_t size)
{
    struct collect *c = arg;
    c->fed += size;
    while (size && !c->broken.code) {
        const char *end = memchr(data, '\n', size);
        size_t n = end ? (size_t)(end - data) : size;
        str_addn(&c->line, data, n);
        if (end || c->line.size > EVENT_LINE_LIMIT) // a line that is too long is refused there
            take_line(c);
        n += end != NULL;
        data += n;
        size -= n;
    }
}

static const json_t *find(const struct collect *c, const char *name)
{
    for (size_t i = 0; i < json_array_size(c->events); i++)
        if (str_eq(name_of(json_array_get(c->events, i)), name))
            return json_array_get(c->events, i);
    return NULL;
}

/* What a run that says "done" must have said before: banks an artifact, others a metric. */
static void check_complete(struct collect *c, const char *kind, const char *out)
{
    const json_t *artifact = find(c, "artifact");
    if (!artifact && str_eq(kind, "bank")) {
        err_set(&c->broken, ERR_MISSING, "done without a bank");
    } else if (artifact && !kind) {
        err_set(&c->broken, ERR_CORRUPT, "it made a file that nobody asked for");
    } else if (artifact) {
        const char *path = json_string_value(json_object_get(artifact, "path"));
        const char *made = json_string_value(json_object_get(artifact, "kind"));
        if (!str_eq(path, out) || !str_eq(made, kind))
            err_set(&c->broken, ERR_CORRUPT, "it made %s '%s' instead of %s '%s'", made, path, kind,
                    out);
        else if (!fs_is_file(out))
            err_set(&c->broken, ERR_MISSING, "the %s '%s' is not there", kind, out);
    }
    if (!c->broken.code && !str_eq(kind, "bank") && !find(c, "metric"))
        err_set(&c->broken, ERR_MISSING, "done without a metric");
}

bool collect_verdict(struct collect *c, int status, const char *kind, const char *out,
                     char class_[16], struct str *reason)
{
    const char *name = "protocol";
    struct str text = STR_INIT;
    if (!c->broken.code && !c->fail && status == 0) {
        if (c->line.size)
            err_set(&c->broken, ERR_PARSE, "the last event is cut off");
        else if (!c->done)
            err_set(&c->broken, ERR_PARSE, "the runner ended without 'done'");
        else
            check_complete(c, kind, out);
    }
    if (c->broken.code) {
        str_addf(&text, "protocol: %s", c->broken.text);
    } else if (c->fail) {
        str_add(&text, json_string_value(json_object_get(c->fail, "text")));
        name = failure_of_event(json_string_value(json_object_get(c->fail, "class")), text.data);
    } else if (status) {
        name = failure_of_status(status);
        proc_status_text(status, &text);
    }
    bool ok = !text.size;
    snprintf(class_, 16, "%s", ok ? "" : name);
    char *visible = str_visible(text.data);
    str_addf(reason, "%.1000s", visible);
    free(visible);
    str_release(&text);
    return ok;
}

void collect_summary(const struct collect *c, struct str *out)
{
    for (size_t i = 0; i < json_array_size(c->events); i++) {
        const json_t *event = json_array_get(c->events, i);
        if (str_eq(name_of(event), "metric") &&
            str_eq(json_string_value(json_object_get(event, "name")), "accuracy")) {
            str_addf(out, "%s%s ", out->size ? " " : "",
                     json_string_value(json_object_get(event, "split")));
            str_add_decimal(out, json_number_value(json_object_get(event, "value")), 1);
        }
    }
}
