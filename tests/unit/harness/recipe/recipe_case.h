/* Recipes written to a folder of their own, loaded and compared: for the tests of recipes. */
#ifndef PROMPTGRID_TESTS_RECIPE_CASE_H
#define PROMPTGRID_TESTS_RECIPE_CASE_H

#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "harness/recipe/recipe.h"

static char *case_folder; // made by the group's setup

static inline int case_setup(void **state)
{
    (void)state;
    case_folder = t_folder();
    return 0;
}

static inline int case_teardown(void **state)
{
    (void)state;
    struct err e = {0};
    struct fs_names names;
    if (fs_list(&names, case_folder, &e) == 0) {
        for (size_t i = 0; i < names.n; i++) {
            char *path = fs_join(case_folder, names.names[i]);
            unlink(path);
            free(path);
        }
        fs_names_release(&names);
    }
    rmdir(case_folder);
    free(case_folder);
    return 0;
}

static inline void case_write(const char *name, const void *text, size_t size)
{
    struct err e = {0};
    char *path = fs_join(case_folder, name);
    assert_ok(fs_write(path, text, size, &e), &e);
    free(path);
}

static inline int case_load_bytes(struct recipe **r, const void *text, size_t size, struct err *e)
{
    case_write("r.yaml", text, size);
    char *path = fs_join(case_folder, "r.yaml");
    int rc = recipe_load(r, path, e);
    free(path);
    return rc;
}

static inline struct recipe *case_load(const char *text)
{
    struct recipe *r;
    struct err e = {0};
    assert_ok(case_load_bytes(&r, text, strlen(text), &e), &e);
    return r;
}

/* The error of a bad recipe, with the folder's name taken away; yours to free(). */
static inline char *case_error(const void *text, size_t size)
{
    struct recipe *r;
    struct err e = {0};
    int rc = case_load_bytes(&r, text, size, &e);
    if (rc == 0) {
        recipe_free(r);
        fail_msg("%s", "the recipe was accepted");
    }
    assert_int_equal(rc, e.code);
    size_t n = strlen(case_folder) + 1;
    return strdup(strncmp(e.text, case_folder, n - 1) == 0 ? e.text + n : e.text);
}

static inline void assert_refused(const char *recipe, const char *want)
{
    char *got = case_error(recipe, strlen(recipe));
    assert_string_equal(got, want);
    free(got);
}

#endif
