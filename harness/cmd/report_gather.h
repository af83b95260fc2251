/* What a report shows, gathered from plan and store; the page is results/report.h. */
#ifndef PROMPTGRID_HARNESS_REPORT_GATHER_H
#define PROMPTGRID_HARNESS_REPORT_GATHER_H

#include "harness/cmd/table_files.h"
#include "results/report.h"

struct report_data {
    struct report report;
    struct table_files files;
    char *text;     // of the recipe
    size_t undrawn; // figures
};

/* Draws the recipe's figures into `folder`. `command` is how the report is made again. */
int report_gather(struct report_data *d, const struct cmd_common *common, const char *recipe,
                  const char *folder, const char *command, struct err *e);
void report_release(struct report_data *d); // fine after a failure

#endif
