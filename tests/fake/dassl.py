#!/usr/bin/python3
"""Output folders as Dassl's trainers leave them, with made-up numbers.

    dassl.py FOLDER

base2new/      train_base and test_new of CoCoOp on two datasets, seeds 1 to 3. caltech101 is whole;
               of oxford_pets the loss of seed 2 becomes nan and seed 3 stops in the middle.
dtd/, ...      CoOp's few-shot folders, one of an older Dassl: other words, two decimals
imagenet/      CoCoOp's training for other datasets, and evaluation/ with what it does on them

A line is printed for each result: log's folder, correct, total.
"""
import os
import sys

NAMES = {"caltech101": "Caltech101", "oxford_pets": "OxfordPets", "dtd": "DescribableTextures",
         "imagenet": "ImageNet", "imagenetv2": "ImageNetV2", "eurosat": "EuroSAT"}


class Log:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        self.out = open(os.path.join(folder, "log.txt"), "w")

    def say(self, text=""):
        self.out.write(text + "\n")

    def head(self, dataset, trainer, seed, shots, classes, backbone="ViT-B/16", model=""):
        stars = "*" * 15
        for line in (stars, "** Arguments **", stars, "backbone: ", "config_file: configs/trainers/x.yaml",
                     "dataset_config_file: configs/datasets/%s.yaml" % dataset, "eval_only: %s" % bool(model),
                     "head: ", "load_epoch: %s" % (10 if model else None), "model_dir: " + model, "no_train: False",
                     "opts: ['DATASET.NUM_SHOTS', '%d']" % shots, "output_dir: " + self.folder, "resume: ",
                     "root: /data", "seed: %d" % seed, "trainer: " + trainer, "transforms: None"):
            self.say(line)
        stars = "*" * 12
        for line in (stars, "** Config **", stars, "DATALOADER:", "  NUM_WORKERS: 8", "  TEST:",
                     "    BATCH_SIZE: 100", "    SAMPLER: SequentialSampler", "DATASET:", "  ALL_AS_UNLABELED: False",
                     "  NAME: " + NAMES[dataset], "  NUM_SHOTS: %d" % shots, "  ROOT: /data",
                     "  SUBSAMPLE_CLASSES: " + classes, "MODEL:", "  BACKBONE:", "    NAME: " + backbone,
                     "    PRETRAINED: True", "  HEAD:", "    NAME: ", "OPTIM:", "  MAX_EPOCH: 10", "  NAME: sgd",
                     "OUTPUT_DIR: " + self.folder, "SEED: %d" % seed, "TRAINER:", "  COCOOP:", "    CTX_INIT: a photo of a",
                     "    N_CTX: 4", "  NAME: " + trainer, "USE_CUDA: True", "VERBOSE: True",
                     "Collecting env info ...", "** System info **", "PyTorch version: 1.13.1", "NAME: not of the config",
                     "", "Loading trainer: " + trainer, "Loading dataset: " + NAMES[dataset]):
            self.say(line)

    def epochs(self, n, of, nan_from=None, old=False):
        self.say("No checkpoint found, train from scratch")
        for e in range(1, n + 1):
            loss = "nan" if nan_from and e >= nan_from else "%.4f" % (1.5 / e)
            if old:
                self.say("epoch [%d/%d][5/5]\ttime 0.112 (0.121)\tdata 0.000 (0.010)\teta 0:00:00\tloss %s (%s)\t"
                         "acc 81.2500 (80.0000)\tlr 2.0000e-03" % (e, of, loss, loss))
            else:
                self.say("epoch [%d/%d] batch [20/20] time 0.112 (0.121) data 0.000 (0.010) loss %s (%s) lr 2.0000e-03 "
                         "eta 0:00:0%d" % (e, of, loss, loss, of - e))

    def result(self, correct, total, decimals=1, test="Evaluate on the *test* set"):
        accuracy = 100.0 * correct / total
        self.say(test)
        for line in ("=> result", "* total: {:,}".format(total), "* correct: {:,}".format(correct),
                     "* accuracy: %.*f%%" % (decimals, accuracy), "* error: %.*f%%" % (decimals, 100 - accuracy),
                     "* macro_f1: %.*f%%" % (decimals, max(accuracy - 1, 0))):
            self.say(line)

    def close(self):
        self.out.close()


def trained(folder, dataset, trainer, seed, shots, classes, correct, total, backbone="ViT-B/16", **fault):
    log = Log(folder)
    log.head(dataset, trainer, seed, shots, classes, backbone)
    log.epochs(fault.get("stop", 10), 10, fault.get("nan"))
    if "stop" not in fault:
        log.say("Finish training")
        log.say("Deploy the last-epoch model")
        log.result(correct, total)
        log.say("Elapsed: 0:01:05")
        print(folder, correct, total)
    log.close()


def evaluated(folder, dataset, trainer, seed, shots, classes, correct, total, model):
    log = Log(folder)
    log.head(dataset, trainer, seed, shots, classes, model=model)
    log.say('Loading weights to prompt_learner from "%s" (epoch = 10)' % model)
    log.result(correct, total)
    log.close()
    print(folder, correct, total)


def old(folder, correct, total):
    """Of an older Dassl, without a head; a test on the way, which does not count."""
    log = Log(folder)
    log.epochs(5, 10, old=True)
    log.result(1, total, 2, "Do evaluation on test set")
    log.epochs(10, 10, old=True)
    log.say("Finished training")
    log.result(correct, total, 2, "Do evaluation on test set")
    log.say("Elapsed: 1 day, 2:03:04")
    log.close()
    print(folder, correct, total)


def main(top):
    config = "vit_b16_c4_ep10_batch1_ctxv1"
    for dataset, base, new in (("caltech101", (1549, 1520), (916, 860)), ("oxford_pets", (1881, 1790), (1788, 1747))):
        for seed in (1, 2, 3):
            tail = "%s/shots_16/CoCoOp/%s/seed%d" % (dataset, config, seed)
            fault = {}
            if dataset == "oxford_pets" and seed == 2:
                fault = {"nan": 7}
            if dataset == "oxford_pets" and seed == 3:
                fault = {"stop": 4}
            trained(top + "/base2new/train_base/" + tail, dataset, "CoCoOp", seed, 16, "base", base[1] + seed, base[0], **fault)
            if not fault:
                evaluated(top + "/base2new/test_new/" + tail, dataset, "CoCoOp", seed, 16, "new", new[1] - seed, new[0],
                          "output/base2new/train_base/" + tail)
    for shots in (1, 16):
        for seed in (1, 2):
            trained("%s/dtd/CoOp/rn50_ep50_%dshots/nctx16_cscFalse_ctpend/seed%d" % (top, shots, seed), "dtd", "CoOp", seed,
                    shots, "all", 900 + 10 * shots + seed, 1692, "RN50")
    old(top + "/eurosat/CoOp/rn50_16shots/nctx16_cscFalse_ctpend/seed1", 6600, 8100)
    source = "imagenet/CoCoOp/%s_16shots/seed1" % config
    trained(top + "/" + source, "imagenet", "CoCoOp", 1, 16, "all", 35510, 50000)
    for dataset, correct, total in (("caltech101", 2330, 2465), ("imagenetv2", 6407, 10000)):
        evaluated("%s/evaluation/CoCoOp/%s_16shots/%s/seed1" % (top, config, dataset), dataset, "CoCoOp", 1, -1, "all",
                  correct, total, "output/" + source)


main(sys.argv[1])
