/* See sources_reference.h. */
#include "harness/cmd/sources_reference.h"

#include "core/data/origin.h"
#include "core/data/sources.h"

#include <stdlib.h>

static const char *when(const char *verified)
{
    return verified ? verified : "never";
}

static void weights(struct str *out)
{
    str_add(out, "## Weights\n\n"
                 "`promptgrid weights fetch NAME`; `--from URL` names another place of the same "
                 "file. rn50x4, rn50x16, rn50x64 and vit-l14-336\ncome in and are checked, but are "
                 "no names for a recipe's `backbone`: give their folder.\n\n"
                 "| name | file | SHA-256 | address | last verified |\n"
                 "| --- | --- | --- | --- | --- |\n");
    for (const struct source *s = sources; s->name; s++) {
        char *url = source_url(s);
        str_addf(out, "| %s | %s | `%s` | %s | %s |\n", s->name, s->file, s->sha256, url,
                 when(s->verified));
        free(url);
    }
}

static void add_file(struct str *out, const char *dataset, const struct origin_file *f)
{
    char *urls[ORIGIN_ADDRESSES];
    const size_t n = origin_addresses(f, urls);
    str_addf(out, "| %s | %s | ", dataset, f->file);
    if (f->bytes)
        str_addf(out, "%lld", f->bytes);
    str_add(out, " | ");
    if (f->sha256 || f->md5)
        str_addf(out, "%s `%s`", f->sha256 ? "SHA-256" : "MD5", f->sha256 ? f->sha256 : f->md5);
    else
        str_add(out, origin_is_archive(f) ? "none: that it unpacks, and the images"
                                          : "none: its content");
    str_add(out, " | ");
    for (size_t i = 0; i < n; i++) {
        str_addf(out, "%s%s", i ? "<br>" : "", urls[i]);
        free(urls[i]);
    }
    if (f->by_hand)
        str_addf(out, "by hand: %s", f->by_hand);
    str_addf(out, " | %s |\n", when(f->verified));
}

static void datasets(struct str *out)
{
    str_add(out,
            "\n## Datasets\n\n"
            "`promptgrid data fetch NAME`; `--mirror URL` names a folder with the same files. "
            "`promptgrid data show NAME` has the terms, what\nto cite, and for ImageNet and "
            "Stanford Cars what has to be done by hand. Addresses are tried from the first on.\n\n"
            "| dataset | file | bytes | proof | address | last verified |\n"
            "| --- | --- | --- | --- | --- | --- |\n");
    for (const struct origin *o = origins; o->dataset; o++)
        for (const struct origin_file *f = o->files; f->file; f++)
            add_file(out, o->dataset, f);
}

void sources_reference(struct str *out)
{
    str_add(out, "<!-- Made by 'promptgrid reference sources.md' from core/data/sources.c and "
                 "origin_table.c. -->\n\n# Published files\n\n"
                 "What is fetched from where, what proves that it is the right file, and when "
                 "somebody last saw it come: a date stands there once\nsomebody has, and "
                 "\"never\" until then. A dead or changed address gives an error, not wrong "
                 "data.\n\n");
    weights(out);
    datasets(out);
}
