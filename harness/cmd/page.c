/* Manual pages and Markdown: see page.h. The roff is that of man(7), nothing else. */
#include "harness/cmd/page.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- roff ---- */

/* Backslashes and dashes as themselves; no line starts as a request does. */
static void roff_text(struct str *out, const char *text)
{
    bool begins = !out->size || out->data[out->size - 1] == '\n';
    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\''))
            str_add(out, "\\&");
        begins = *text == '\n';
        if (*text == '\\')
            str_add(out, "\\e");
        else if (*text == '-')
            str_add(out, "\\-");
        else if (*text == '\'')
            str_add(out, "\\(aq");
        else if (*text == '`')
            str_add(out, "\\(ga");
        else if (*text == '^')
            str_add(out, "\\(ha");
        else if (*text == '~')
            str_add(out, "\\(ti");
        else
            str_addc(out, *text);
    }
}

/* As the one argument of a request. */
static void roff_quoted(struct str *out, const char *text)
{
    struct str plain = STR_INIT;
    str_addc(&plain, ' '); // it is in the middle of a line
    roff_text(&plain, text);
    str_addc(out, '"');
    for (const char *c = plain.data + 1; *c; c++)
        str_add(out, *c == '"' ? "\\(dq" : (char[]){*c, 0});
    str_addc(out, '"');
    str_release(&plain);
}

static void roff_title(struct page *p, const char *name, int section, const char *about)
{
    str_add(&p->out, ".TH ");
    for (const char *c = name; *c; c++)
        str_addc(&p->out, (char)toupper((unsigned char)*c));
    str_addf(&p->out, " %d \"\" \"promptgrid " PROMPTGRID_VERSION "\" \"promptgrid\"\n", section);
    str_add(&p->out, ".SH NAME\n");
    roff_text(&p->out, name);
    str_add(&p->out, " \\- ");
    roff_text(&p->out, about);
    str_addc(&p->out, '\n');
}

static void roff_heading(struct page *p, int level, const char *text)
{
    char *shown = mem_strdup(text);
    for (char *c = shown; level == 1 && *c; c++)
        *c = (char)toupper((unsigned char)*c);
    str_add(&p->out, level == 1 ? ".SH " : ".SS ");
    roff_quoted(&p->out, shown);
    str_addc(&p->out, '\n');
    free(shown);
}

static void roff_paragraph(struct page *p, const char *text)
{
    str_add(&p->out, ".PP\n");
    roff_text(&p->out, text);
    str_addc(&p->out, '\n');
}

static void roff_code(struct page *p, const char *text)
{
    str_add(&p->out, ".PP\n.nf\n.RS 4\n");
    roff_text(&p->out, text);
    if (!str_ends(text, "\n"))
        str_addc(&p->out, '\n');
    str_add(&p->out, ".RE\n.fi\n");
}

static void roff_terms(struct page *p, const struct page_columns *columns)
{
    p->columns = *columns;
}

static void roff_term(struct page *p, const struct page_term *t)
{
    str_add(&p->out, ".TP\n\\fB");
    roff_text(&p->out, t->name);
    str_add(&p->out, "\\fR");
    if (t->values && *t->values) {
        str_add(&p->out, " \\fI");
        roff_text(&p->out, t->values);
        str_add(&p->out, "\\fR");
    }
    str_addc(&p->out, '\n');
    roff_text(&p->out, t->help);
    if (t->preset) {
        str_add(&p->out, "\n(default: ");
        roff_text(&p->out, t->preset);
        str_addc(&p->out, ')');
    }
    str_addc(&p->out, '\n');
}

const struct page_format page_roff = {roff_title, roff_heading, roff_paragraph,
                                      roff_code,  roff_terms,   roff_term};

/* ---- Markdown ---- */

static void markdown_text(struct str *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\`*_[]<>|", *text))
            str_addc(out, '\\');
        str_addc(out, *text);
    }
}

/* In code a bar still ends a cell. */
static void markdown_code_cell(struct str *out, const char *text)
{
    str_addc(out, '`');
    for (; *text; text++)
        str_add(out, *text == '|' ? "\\|" : (char[]){*text, 0});
    str_addc(out, '`');
}

static void markdown_title(struct page *p, const char *name, int section, const char *about)
{
    (void)section;
    str_add(&p->out, "# ");
    markdown_text(&p->out, name);
    str_add(&p->out, "\n\n");
    markdown_text(&p->out, about);
    str_addc(&p->out, '\n');
}

static void markdown_heading(struct page *p, int level, const char *text)
{
    str_add(&p->out, level == 1 ? "\n## " : "\n### ");
    markdown_text(&p->out, text);
    str_addc(&p->out, '\n');
}

static void markdown_paragraph(struct page *p, const char *text)
{
    str_addc(&p->out, '\n');
    markdown_text(&p->out, text);
    str_addc(&p->out, '\n');
}

static void markdown_code(struct page *p, const char *text)
{
    str_addc(&p->out, '\n');
    while (*text) {
        size_t size = strcspn(text, "\n");
        if (size)
            str_add(&p->out, "    ");
        str_addn(&p->out, text, size);
        str_addc(&p->out, '\n');
        text += size + (text[size] == '\n');
    }
}

static void markdown_cells(struct page *p, const char *const cells[4])
{
    for (int i = 0; i < 4; i++)
        if (cells[i])
            str_addf(&p->out, "| %s ", cells[i]);
    str_add(&p->out, "|\n");
}

static void markdown_terms(struct page *p, const struct page_columns *columns)
{
    const char *words[4] = {columns->name, columns->values, columns->preset, columns->help};
    const char *rule[4];
    p->columns = *columns;
    for (int i = 0; i < 4; i++)
        rule[i] = words[i] ? "---" : NULL;
    str_addc(&p->out, '\n');
    markdown_cells(p, words);
    markdown_cells(p, rule);
}

static void markdown_term(struct page *p, const struct page_term *t)
{
    const struct page_columns *c = &p->columns;
    BUG_IF((t->values && !c->values) || (t->preset && !c->preset));
    str_add(&p->out, "| ");
    markdown_code_cell(&p->out, t->name);
    if (c->values) {
        str_add(&p->out, " | ");
        markdown_text(&p->out, t->values ? t->values : "");
    }
    if (c->preset) {
        str_add(&p->out, " | ");
        if (t->preset)
            markdown_code_cell(&p->out, *t->preset ? t->preset : "\"\"");
    }
    str_add(&p->out, " | ");
    markdown_text(&p->out, t->help);
    str_add(&p->out, " |\n");
}

const struct page_format page_markdown = {markdown_title, markdown_heading, markdown_paragraph,
                                          markdown_code,  markdown_terms,   markdown_term};
