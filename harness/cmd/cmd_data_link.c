/* promptgrid data link: a dataset that lies elsewhere in another order, by links
 * (core/data/link.h).
 */
#include "core/base/log.h"
#include "core/data/link.h"
#include "harness/cmd/cmd_data.h"

#include <stdio.h>
#include <stdlib.h>

static int run(const struct cmd_common *common, const char *name, const char *from)
{
    const struct dataset_row *row;
    struct roots roots = {0};
    struct links links = {0};
    struct err e = {0};
    char *folder = NULL;
    int status = 0;
    if (roots_open(&roots, common->data.items, common->data.n, &e) < 0 ||
        dataset_get(&row, name, &e) < 0 || cmd_data_folder(&roots, row, &folder, &e) < 0 ||
        link_plan(&links, row, folder, from, &e) < 0 || link_make(&links, folder, &e) < 0) {
        const int code = e.code;
        status = log_fail(&e);
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
