/* The table: see sources.h. */
#include "core/data/sources.h"

#include "core/base/mem.h"
#include "core/base/str.h"

const char source_merges[] = "bpe";

const struct source sources[] = {
    {"rn50", "RN50", "RN50.pt", "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762",
     NULL, NULL},
    {"rn101", "RN101", "RN101.pt",
     "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599", NULL, NULL},
    {"vit-b32", "ViT-B/32", "ViT-B-32.pt",
     "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af", NULL, NULL},
    {"vit-b16", "ViT-B/16", "ViT-B-16.pt",
     "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f", NULL, NULL},
    {"vit-l14", "ViT-L/14", "ViT-L-14.pt",
     "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836", NULL, NULL},
    {"vit-l14-336", "ViT-L/14@336px", "ViT-L-14-336px.pt",
     "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02", NULL, NULL},
    {"rn50x4", "RN50x4", "RN50x4.pt",
     "7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd", NULL, NULL},
    {"rn50x16", "RN50x16", "RN50x16.pt",
     "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa", NULL, NULL},
    {"rn50x64", "RN50x64", "RN50x64.pt",
     "be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c", NULL, NULL},
    {source_merges, NULL, "bpe_simple_vocab_16e6.txt.gz",
     "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
     "https://raw.githubusercontent.com/openai/CLIP/main/clip/bpe_simple_vocab_16e6.txt.gz", NULL},
    {0},
};

const struct source *source_find(const char *name)
{
    for (const struct source *s = sources; s->name; s++)
        if (str_eq(s->name, name))
            return s;
    return NULL;
}

const struct source *source_of_hash(const char *sha256)
{
    for (const struct source *s = sources; s->name; s++)
        if (str_eq(s->sha256, sha256))
            return s;
    return NULL;
}

const char *source_nearest(const char *name)
{
    return str_nearest(name, sources, sizeof sources / sizeof sources[0] - 1, sizeof sources[0]);
}

char *source_url(const struct source *s)
{
    return s->url ? mem_strdup(s->url)
                  : str_format("https://openaipublic.azureedge.net/clip/models/%s/%s", s->sha256,
                               s->file);
}
