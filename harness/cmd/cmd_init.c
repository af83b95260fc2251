/* promptgrid init DIR: a commented recipe that runs as it is, to begin one's own with. */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/str.h"
#include "harness/cmd/cmd.h"
#include "harness/system/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char recipe_text[] =
    "# A recipe: a grid of experiments. It runs as it is, on the tiny CLIP and the small datasets\n"
    "# that come with the program: 24 prompts in a few seconds.\n"
    "#   promptgrid plan   recipe.yaml     what will run, and why\n"
    "#   promptgrid run    recipe.yaml     run what is missing; the same again goes on\n"
    "#   promptgrid table  recipe.yaml     the numbers; promptgrid plot recipe.yaml: the figures\n"
    "# Every key: man promptgrid-recipe. Methods and their parameters: promptgrid methods.\n"
    "\n"
    "recipe: first\n"
    "about: CoOp and RLP beside zero-shot CLIP on two small datasets\n"
    "\n"
    "# few-shot: all classes; base-to-new: train on the first half of them, test on both halves.\n"
    "protocol: base-to-new\n"
    "\n"
    "# For the numbers of papers: vit-b16, after 'promptgrid weights fetch vit-b16' and\n"
    "# 'promptgrid weights fetch bpe'.\n"
    "backbone: pocket\n"
    "\n"
    "# A list is an axis, and the grid is the product of all axes. Known datasets and sets of "
    "them\n"
    "# (all11): promptgrid data list. Datasets of your own: --data DIR.\n"
    "dataset: [pocket-shapes, pocket-textures]\n"
    "shots: 16          # training pictures of each class\n"
    "seed: [1, 2, 3]    # tables show mean and deviation over them\n"
    "\n"
    "# How often a picture is seen in another cut: none is fastest, as features are computed "
    "once;\n"
    "# fresh, as the papers do, makes new ones for every epoch.\n"
    "views: none\n"
    "\n"
    "# A parameter here is the default of every method that has it; a list is an axis here too.\n"
    "epochs: 20\n"
    "method:\n"
    "  - zero-shot\n"
    "  - coop: {context: a photo of a}\n"
    "  - rlp:  {context: a photo of a, rank: [1, 2, 4], lr: 0.05}\n"
    "\n"
    "# Settings under a condition; later ones win.\n"
    "when:\n"
    "  - {if: {dataset: pocket-textures}, set: {epochs: 10}}\n"
    "\n"
    "# Combinations to leave out would be:\n"
    "# exclude: [{method: rlp, rank: 4, dataset: pocket-shapes}]\n"
    "\n"
    "table:\n"
    "  - {name: main, title: Base-to-new with 16 shots, metrics: [base, new, H]}\n"
    "figure:\n"
    "  - {name: rank, title: Accuracy against rank, x: rank, y: [base, new, H], panel: dataset}\n";

static int init(const char *folder, struct err *e)
{
    char *path = fs_join(folder, "recipe.yaml");
    int rc = fs_make_folders(folder, e);
    if (rc == 0 && fs_is_file(path))
        rc = err_set(e, ERR_USAGE, "'%s' is there already; name another folder", path);
    if (rc == 0)
        rc = fs_write(path, recipe_text, strlen(recipe_text), e);
    if (rc == 0) {
        const char *next[] = {"promptgrid", "run", path, NULL};
        char *command = proc_command_text(next);
        printf("%s\n", path);
        log_info("next: %s", command);
        free(command);
    }
    free(path);
    return rc;
}

int cmd_init(const struct cmd *self, int argc, char **argv)
{
    const struct opt table[] = {{0}};
    struct err e = {0};
    int rest, status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status >= 0)
        return status;
    return init(argv[1], &e) < 0 ? log_fail(&e) : 0;
}
