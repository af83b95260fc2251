/* promptgrid data link: a dataset that lies elsewhere in another order, by links
 * (core/data/link.h).
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/data/link.h"
#include "harness/cmd_data.h"

#include <stdio.h>
#include <stdlib.h>

/* The dataset's folder, or where it is to be; yours to free(). */
static int find_folder(const struct roots *roots, const struct dataset_row *row, char **folder,
                       struct err *e)
{
    const char *root;
    if (roots_dataset(roots, row, folder, &(struct err){0}) == 0)
        return 0;
    int rc = cmd_data_root(roots, &root, e);
    if (rc == 0)
        *folder = fs_join(root, row->folder);
    return rc;
}

static int run(const struct cmd_common *common, const char *name, const char *from)
{
    const struct dataset_row *row;
    struct roots roots = {0};
    struct links links = {0};
    struct err e = {0};
    char *folder = NULL;
    int status = 0;
    if (roots_open(&roots, common->data.items, common->data.n, &e) < 0 ||
        dataset_get(&row, name, &e) < 0 || find_folder(&roots, row, &folder, &e) < 0 ||
        link_plan(&links, row, folder, from, &e) < 0 || link_make(&links, folder, &e) < 0) {
        const int code = e.code;
        status = cmd_fail(&e);
        if (code == ERR_MISSING && folder && row->split)
            log_info("the split '%s/%s' has to be there first: 'promptgrid data fetch %s'", folder,
                     row->split, name);
    } else {
        log_info("%zu link%s made; 'promptgrid data check %s' looks at every image", links.n,
                 links.n == 1 ? "" : "s", name);
        puts(folder);
    }
    links_release(&links);
    roots_release(&roots);
    free(folder);
    return status;
}

int cmd_data_link(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    const struct opt table[] = {CMD_COMMON(common), {0}};
    int rest, status = cmd_options(self, table, argc, argv, &rest, 2, 2);
    if (status < 0)
        status = run(&common, argv[1], argv[2]);
    free(common.data.items);
    return status;
}
