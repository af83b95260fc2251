/* The datasets that are known, built-in ones and those of the user's folders: see catalogue.h. */
#include "core/data/catalogue.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/own.h"

#include <stdlib.h>

const struct dataset_row *dataset_at(size_t i)
{
    const size_t n = dataset_rows_count();
    return i < n ? &dataset_rows[i] : own_at(i - n);
}

const struct dataset_row *dataset_find(const char *name)
{
    const struct dataset_row *d = dataset_built_in(name);
    return d ? d : own_find(name);
}

const char *dataset_label(const char *name)
{
    const struct dataset_row *d = name ? dataset_find(name) : NULL;
    return d ? d->label : name;
}

int dataset_get(const struct dataset_row **row, const char *name, struct err *e)
{
    size_t n = dataset_rows_count() + own_count();
    *row = dataset_find(name);
    if (*row)
        return 0;
    if (own_problem(name))
        return err_set(e, ERR_USAGE, "dataset '%s' cannot be used: %s", name, own_problem(name));
    const char **names = mem_alloc(n, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = dataset_at(i)->name;
    const char *near = str_nearest(name, names, n, sizeof *names);
    free(names);
    return err_set(e, ERR_USAGE, "unknown dataset '%s'%s%s%s", name, near ? ", did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

int dataset_in(const struct dataset_row **row, const char *name, const char *folder, struct err *e)
{
    *row = dataset_built_in(name);
    if (*row)
        return 0;
    int rc = own_read(row, folder, e);
    if (rc == ERR_MISSING)
        return err_set(e, ERR_MISSING, "unknown dataset '%s', and folder '%s' holds no %s", name,
                       folder, own_file);
    if (rc == 0 && !str_eq((*row)->name, name))
        rc = err_set(e, ERR_MISSING, "folder '%s' is not that of dataset '%s'", folder, name);
    return rc;
}
