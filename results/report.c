/* The page: see report.h. */
#include "results/report.h"

#include "core/base/hash.h"
#include "results/escape.h"
#include "results/table_model.h"

#include <stdlib.h>
#include <string.h>

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Base64 of the SHA-256 of `text`, as a policy wants it. */
static void policy_hash(const char *text, struct str *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char hex[HASH_HEX];
    unsigned char bytes[33] = {0}; // 32 and one for the last, short group
    hash_bytes(hex, text, strlen(text));
    for (int i = 0; i < 32; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    for (int i = 0; i < 33; i += 3) {
        unsigned word = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
        for (int k = 0; k < 4; k++)
            str_addc(out, i == 30 && k == 3 ? '=' : digits[word >> (18 - 6 * k) & 63]);
    }
}

static void put_head(struct str *out, const struct report *r)
{
    str_add(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                 "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
                 "script-src 'sha256-");
    policy_hash(report_script, out);
    str_add(out, "'\">\n");
    if (r->refresh)
        str_addf(out, "<meta http-equiv=\"refresh\" content=\"%d\">\n", r->refresh);
    str_add(out, "<title>");
    escape_html(out, r->name);
    str_addf(out, "</title>\n<style>%s%s</style>\n</head>\n<body>\n", export_html_style,
             report_style);
}

/* ---- parts ---- */

/* `text` line by line: line ends are no data here, as escape_html has them. */
static void put_lines(struct str *out, const char *text, const char *before, const char *behind)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        char *line = str_format("%.*s", (int)n, text);
        for (char *tab = line; (tab = strchr(tab, '\t')) != NULL;)
            *tab = ' ';
        str_add(out, before);
        escape_html(out, line);
        str_add(out, behind);
        free(line);
        text += n + (text[n] != 0);
    }
}

static void put_bar(struct str *out, const struct report *r)
{
    const struct {
        const char *name;
        size_t n;
    } parts[] = {{"done", r->done}, {"failed", r->failed}, {"blocked", r->blocked}};
    str_add(out, "<div class=\"bar\">");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].n)
            str_addf(out, "<i class=\"%s\" style=\"width:%.2f%%\"></i>", parts[i].name,
                     100 * (double)parts[i].n / (double)r->runs);
    str_add(out, "</div>\n");
}

static void put_header(struct str *out, const struct report *r)
{
    str_add(out, "<header>\n<h1>");
    escape_html(out, r->name);
    str_add(out, "</h1>\n");
    if (r->about && *r->about) {
        str_add(out, "<p>");
        escape_html(out, r->about);
        str_add(out, "</p>\n");
    }
    str_addf(out, "<p class=\"soft\">%zu of %zu runs done", r->done, r->runs);
    if (r->wanted)
        str_addf(out, ", %zu to do", r->wanted);
    if (r->failed)
        str_addf(out, ", %zu failed", r->failed);
    if (r->blocked)
        str_addf(out, ", %zu cannot run here", r->blocked);
    if (*text_at(r->origins, "last")) {
        str_add(out, "; last result ");
        escape_html(out, text_at(r->origins, "last"));
    }
    str_add(out, "</p>\n");
    if (r->runs)
        put_bar(out, r);
    str_add(out, "<nav>");
    const struct {
        const char *id, *name;
        bool there;
    } parts[] = {{"tables", "Tables", r->n_tables},
                 {"figures", "Figures", r->n_figures},
                 {"failures", "Failures", json_array_size(r->failures) || r->blocked},
                 {"provenance", "Provenance", true},
                 {"again", "How to make it again", true}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].there)
            str_addf(out, "<a href=\"#%s\">%s</a>", parts[i].id, parts[i].name);
    str_add(out, "</nav>\n</header>\n<main>\n");
}

/* The table's section with its tools set in before its end. */
static void put_table(struct str *out, const struct report_table *t)
{
    static const char end[] = "</section>";
    const char *last = NULL;
    for (const char *at = strstr(t->html, end); at; at = strstr(at + 1, end))
        last = at;
    size_t size = last ? (size_t)(last - t->html) : strlen(t->html);
    str_addn(out, t->html, size);
    str_add(out, "<div class=\"tools\"><input type=\"search\" placeholder=\"filter rows\" "
                 "aria-label=\"filter rows\"><button type=\"button\" class=\"latex\">copy as "
                 "LaTeX</button></div>\n<p class=\"runs soft\" hidden></p>\n<pre class=\"latex\" "
                 "hidden>");
    put_lines(out, t->latex, "", "\n");
    str_add(out, "</pre>\n");
    str_add(out, last ? last : "");
}

static void put_figure(struct str *out, const struct report_figure *f, size_t i)
{
    struct err e = {0};
    struct str svg = STR_INIT;
    char *prefix = str_format("f%zu-", i);
    int rc = f->svg ? report_svg(f->svg, prefix, *f->title ? f->title : f->name, &svg, &e) : 0;
    str_add(out, "<figure>\n<figcaption>");
    escape_html(out, *f->title ? f->title : f->name);
    str_add(out, "</figcaption>\n");
    if (f->svg && rc == 0) {
        str_addf(out, "<div class=\"paper\">%s</div>\n", svg.data);
    } else {
        str_add(out, "<p>not drawn: ");
        escape_html(out, f->svg ? e.text : f->why);
        str_add(out, "</p>\n");
    }
    if (f->files) {
        str_add(out, "<p class=\"soft path\">");
        escape_html(out, f->files);
        str_add(out, "</p>\n");
    }
    str_add(out, "</figure>\n");
    str_release(&svg);
    free(prefix);
}

static void put_cell(struct str *out, const char *tag, const char *text)
{
    str_addf(out, "<%s>", tag);
    escape_html(out, text);
    str_addf(out, "</%s>", tag);
}

static void put_failures(struct str *out, const struct report *r)
{
    size_t i;
    json_t *f;
    if (!json_array_size(r->failures) && !r->blocked)
        return;
    str_add(out, "<h2 id=\"failures\">Failures</h2>\n");
    if (json_array_size(r->failures)) {
        str_add(out, "<table class=\"list\">\n<tr><th>run</th><th>reason</th><th>attempts</th>"
                     "<th>log</th></tr>\n");
        json_array_foreach(r->failures, i, f)
        {
            str_add(out, "<tr>");
            put_cell(out, "td", text_at(f, "label"));
            put_cell(out, "td", text_at(f, "reason"));
            str_addf(out, "<td>%d</td>", (int)json_integer_value(json_object_get(f, "attempts")));
            put_cell(out, "td", text_at(f, "log"));
            str_add(out, "</tr>\n");
        }
        str_add(out, "</table>\n");
    }
    if (!r->blocked)
        return;
    str_addf(out, "<p>%zu runs cannot run here:</p>\n<ul>\n", r->blocked);
    put_lines(out, r->missing ? r->missing : "", "<li>", "</li>\n");
    str_add(out, "</ul>\n");
}

/* ---- where it comes from ---- */

static void put_field(struct str *out, const char *name, const char *text)
{
    if (!*text)
        return;
    str_add(out, "<tr>");
    put_cell(out, "th", name);
    put_cell(out, "td", text);
    str_add(out, "</tr>\n");
}

static void put_count(struct str *out, const char *what, size_t i, size_t n, const json_t *object)
{
    int runs = (int)json_integer_value(json_object_get(object, "runs"));
    str_addf(out, "<h3>%s%s <span class=\"soft\">(%d %s)</span></h3>\n<table class=\"list\">\n",
             what, n > 1 ? (i ? ", another" : ", one") : "", runs, runs == 1 ? "run" : "runs");
}

static void put_diff(struct str *out, const char *diff)
{
    if (!*diff)
        return;
    str_add(out, "<details><summary>uncommitted changes</summary><pre>");
    put_lines(out, diff, "", "\n");
    str_add(out, "</pre></details>\n");
}

static void put_origins(struct str *out, const json_t *origins)
{
    const json_t *revisions = json_object_get(origins, "revisions");
    const json_t *machines = json_object_get(origins, "machines");
    size_t i;
    json_t *one, *value;
    const char *key;
    json_array_foreach(revisions, i, one)
    {
        const char *commit = text_at(one, "commit");
        put_count(out, "Code", i, json_array_size(revisions), one);
        put_field(out, "revision", *commit ? commit : "outside a repository");
        put_field(out, "runner", text_at(one, "runner_sha256"));
        put_field(out, "build", text_at(one, "build"));
        str_add(out, "</table>\n");
        put_diff(out, text_at(one, "diff"));
    }
    json_array_foreach(machines, i, one)
    {
        put_count(out, "Machine", i, json_array_size(machines), one);
        json_object_foreach(json_object_get(one, "facts"), key, value)
        {
            char *text = json_is_string(value) ? str_format("%s", json_string_value(value))
                                               : json_dumps(value, JSON_ENCODE_ANY);
            put_field(out, key, text);
            free(text);
        }
        str_add(out, "</table>\n");
    }
}

static void put_inputs(struct str *out, const json_t *inputs)
{
    size_t i;
    json_t *one;
    if (!json_array_size(inputs))
        return;
    str_add(out, "<h3>Inputs</h3>\n<table class=\"list\">\n<tr><th>what</th><th>name</th>"
                 "<th>SHA-256</th></tr>\n");
    json_array_foreach(inputs, i, one)
    {
        str_add(out, "<tr>");
        put_cell(out, "td", text_at(one, "what"));
        put_cell(out, "td", text_at(one, "name"));
        put_cell(out, "td", text_at(one, "sha256"));
        str_add(out, "</tr>\n");
    }
    str_add(out, "</table>\n");
}

static void put_again(struct str *out, const struct report *r)
{
    size_t i;
    json_t *one;
    str_add(out, "<h2 id=\"again\">How to make it again</h2>\n<table class=\"list\">\n");
    json_array_foreach(r->commands, i, one)
    {
        str_add(out, "<tr><td><code>");
        escape_html(out, text_at(one, "command"));
        str_add(out, "</code></td>");
        put_cell(out, "td", text_at(one, "about"));
        str_add(out, "</tr>\n");
    }
    str_add(out, "</table>\n<details open><summary>");
    escape_html(out, r->path);
    str_add(out, " <span class=\"soft path\">SHA-256 ");
    escape_html(out, r->sha256);
    str_add(out, "</span></summary>\n<pre>");
    put_lines(out, r->text, "", "\n");
    str_add(out, "</pre></details>\n");
}

void report_html(const struct report *r, struct str *out)
{
    put_head(out, r);
    put_header(out, r);
    if (r->n_tables)
        str_add(out, "<h2 id=\"tables\">Tables</h2>\n");
    for (size_t i = 0; i < r->n_tables; i++)
        put_table(out, &r->tables[i]);
    if (r->n_figures)
        str_add(out, "<h2 id=\"figures\">Figures</h2>\n<div class=\"figures\">\n");
    for (size_t i = 0; i < r->n_figures; i++)
        put_figure(out, &r->figures[i], i);
    str_add(out, r->n_figures ? "</div>\n" : "");
    put_failures(out, r);
    str_add(out, "<h2 id=\"provenance\">Provenance</h2>\n");
    put_origins(out, r->origins);
    put_inputs(out, r->inputs);
    put_again(out, r);
    str_addf(out, "</main>\n<script>%s</script>\n</body>\n</html>\n", report_script);
}
