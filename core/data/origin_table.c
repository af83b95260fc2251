/*
 * Where the built-in datasets come from: spec/datasets.md section 7, with the sizes and hashes that
 * are public knowledge (those that torchvision and TensorFlow Datasets check, and what publishers
 * state themselves). Split files and class names have none: their content is checked instead.
 * Nobody here has seen these addresses answer; `verified` says when somebody has.
 */
#include "core/data/origin.h"

#define CLASSNAMES                                                                                 \
    {                                                                                              \
        .file = "classnames.txt", .gives = "classnames.txt",                                       \
        .drive = "1-61f_ol79pViBFDG_IDlUQSwoLcn2XXF"                                               \
    }
#define SPLIT(name, id)                                                                            \
    {                                                                                              \
        .file = name, .gives = name, .drive = id                                                   \
    }

static const struct origin_file imagenet[] = {CLASSNAMES, {0}};

static const struct origin_file caltech101[] = {
    {.file = "caltech-101.zip",
     .gives = "101_ObjectCategories",
     .inner = "caltech-101/101_ObjectCategories.tar.gz",
     .md5 = "3138e1922a9193bfa496528edbbc45d0",
     .urls = {"https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip"}},
    {.file = "101_ObjectCategories.tar.gz",
     .gives = "101_ObjectCategories",
     .sha256 = "af6ece2f339791ca20f855943d8b55dd60892c0a25105fcd631ee3d6430f9926",
     .md5 = "b224c7392d521a49829488ab0f1120d9",
     .bytes = 131740031,
     .drive = "137RyRjvTBkBiIfeYBNZBtViDHQ6_Ewsp"},
    SPLIT("split_zhou_Caltech101.json", "1hyarUivQE36mY6jSomru6Fjd-JzwcCzN"),
    {0},
};

static const struct origin_file oxford_pets[] = {
    {.file = "images.tar.gz",
     .gives = "images",
     .sha256 = "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
     .md5 = "5c4f3ee8e5d25df40f4fd59a7f44e54c",
     .bytes = 791918971,
     .urls = {"https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz"}},
    {.file = "annotations.tar.gz",
     .gives = "annotations",
     .sha256 = "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
     .md5 = "95a8c909bbe2e81eed6a22bccdf3f68f",
     .bytes = 19173078,
     .urls = {"https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz"}},
    SPLIT("split_zhou_OxfordPets.json", "1501r8Ber4nNKvmlFVQZ8SeUHTcdTTEqs"),
    {0},
};

#define CARS_BY_HAND                                                                               \
    "Stanford's address is dead; any copy of this file will do, it is told by its hash"

static const struct origin_file stanford_cars[] = {
    {.file = "cars_train.tgz",
     .gives = "cars_train",
     .sha256 = "512b227b30e2f0a8aab9e09485786ab4479582073a144998da74d64b801fd288",
     .md5 = "065e5b463ae28d29e77c1b4b166cfe61",
     .bytes = 979269282,
     .by_hand = CARS_BY_HAND},
    {.file = "cars_test.tgz",
     .gives = "cars_test",
     .sha256 = "bffea656d6f425cba3c91c6d83336e4c5f86c6cffd8975b0f375d3a10da8e243",
     .md5 = "4ce7ebf6a94d07f1952d94dd34c4d501",
     .bytes = 977350468,
     .by_hand = CARS_BY_HAND},
    SPLIT("split_zhou_StanfordCars.json", "1ObCFbaAgVu0I-k_Au-gIUcefirdAuizT"),
    {0},
};

static const struct origin_file oxford_flowers[] = {
    {.file = "102flowers.tgz",
     .gives = "jpg",
     .sha256 = "2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
     .md5 = "52808999861908f626f3c1f4e79d11fa",
     .bytes = 344862509,
     .urls = {"https://www.robots.ox.ac.uk/~vgg/data/flowers/102/102flowers.tgz"}},
    {.file = "imagelabels.mat",
     .gives = "imagelabels.mat",
     .sha256 = "4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
     .md5 = "e0620be6f572b9609742df49c70aed4d",
     .bytes = 502,
     .urls = {"https://www.robots.ox.ac.uk/~vgg/data/flowers/102/imagelabels.mat"}},
    SPLIT("cat_to_name.json", "1AkcxCXeK_RCGCEC_GvmWxjcjaNhu-at0"),
    SPLIT("split_zhou_OxfordFlowers.json", "1Pp0sRXzZFZq15zVOzKjKBu4A9i01nozT"),
    {0},
};

static const struct origin_file food101[] = {
    {.file = "food-101.tar.gz",
     .gives = "images",
     .from = "food-101",
     .sha256 = "d97d15e438b7f4498f96086a4f7e2fa42a32f2712e87d3295441b2b6314053a4",
     .md5 = "85eeb15f3717b99a5da872d97d918f87",
     .bytes = 4996278331,
     .urls = {"https://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",
              "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz"}},
    SPLIT("split_zhou_Food101.json", "1QK0tGi096I0Ba6kggatX1ee6dJFIcEJl"),
    {0},
};

static const struct origin_file fgvc_aircraft[] = {
    {.file = "fgvc-aircraft-2013b.tar.gz",
     .gives = "images",
     .from = "fgvc-aircraft-2013b/data",
     .sha256 = "d5f68b1b81d6d7831eb9d5c5517074176b5dfbce6bcb43dc14ed1c66a87b8d75",
     .md5 = "d4acdd33327262359767eeaa97a4f732",
     .bytes = 2770575360,
     .urls = {"https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/"
              "fgvc-aircraft-2013b.tar.gz"}},
    {0},
};

static const struct origin_file sun397[] = {
    {.file = "SUN397.tar.gz",
     .gives = "SUN397",
     .sha256 = "f404130965a7ad77bed5ececc71e720ab50f3cc1e1bb257257610d38f3b928ec",
     .md5 = "8ca2778205c41d23104230ba66911c7a",
     .bytes = 39077296924,
     .urls = {"https://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz",
              "http://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz"}},
    {.file = "Partitions.zip",
     .gives = "ClassName.txt",
     .sha256 = "e3311ea5f812d4cc6faef194688343d1111f6cd6f70f2c62f393c2b8d6ba1ec9",
     .bytes = 18293705,
     .urls = {"https://vision.princeton.edu/projects/2010/SUN/download/Partitions.zip"}},
    SPLIT("split_zhou_SUN397.json", "1y2RD81BYuiyvebdN-JymPfyWYcd8_MUq"),
    {0},
};

static const struct origin_file dtd[] = {
    {.file = "dtd-r1.0.1.tar.gz",
     .gives = "images",
     .from = "dtd",
     .sha256 = "e42855a52a4950a3b59612834602aa253914755c95b0cff9ead6d07395f8e205",
     .md5 = "fff73e5086ae6bdbea199a49dfb8a4c1",
     .bytes = 625239812,
     .urls = {"https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz",
              "https://thor.robots.ox.ac.uk/dtd/dtd-r1.0.1.tar.gz"}},
    SPLIT("split_zhou_DescribableTextures.json", "1u3_QfB467jqHgNXC00UIzbLZRQCg2S7x"),
    {0},
};

static const struct origin_file eurosat[] = {
    {.file = "EuroSAT.zip",
     .gives = "2750",
     .sha256 = "8ebea626349354c5328b142b96d0430e647051f26efc2dc974c843f25ecf70bd",
     .md5 = "c8fa014336c82ac7804f0398fcb19387",
     .bytes = 94280567,
     .urls = {"https://huggingface.co/datasets/torchgeo/eurosat/resolve/"
              "c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
              "https://madm.dfki.de/files/sentinel/EuroSAT.zip",
              "http://madm.dfki.de/files/sentinel/EuroSAT.zip"}},
    SPLIT("split_zhou_EuroSAT.json", "1Ip7yaCWFi0eaOFUGga0lUdVi_DDQth1o"),
    {0},
};

static const struct origin_file ucf101[] = {
    {.file = "UCF-101-midframes.zip",
     .gives = "UCF-101-midframes",
     .drive = "10Jqome3vtUA2keJkNanAiFpgbyC9Hc2O"},
    SPLIT("split_zhou_UCF101.json", "1I0S0q91hJfsV9Gf4xDIjgDq4AqBNJb1y"),
    {0},
};

static const struct origin_file imagenetv2[] = {
    {.file = "imagenetv2-matched-frequency.tar.gz",
     .gives = "imagenetv2-matched-frequency-format-val",
     .sha256 = "a32004f9e773279307499059d320336a23ccdc62cb32063da29bae9bd04c122c",
     .bytes = 1253959680,
     .urls = {"https://huggingface.co/datasets/vaishaal/ImageNetV2/resolve/main/"
              "imagenetv2-matched-frequency.tar.gz",
              "https://s3-us-west-2.amazonaws.com/imagenetv2public/"
              "imagenetv2-matched-frequency.tar.gz"}},
    CLASSNAMES,
    {0},
};

static const struct origin_file imagenet_sketch[] = {
    {.file = "ImageNet-Sketch.zip",
     .gives = "images",
     .from = "sketch",
     .into = "images",
     .drive = "1Mj0i5HBthqH1p_yeXzsg22gZduvgoNeA"},
    CLASSNAMES,
    {0},
};

static const struct origin_file imagenet_a[] = {
    {.file = "imagenet-a.tar",
     .gives = "imagenet-a",
     .sha256 = "3bb3632277e6ba6392ea64c02ddbf4dd2266c9caffd6bc09c9656d28f012589e",
     .md5 = "c3e55429088dc681f30d81f4726b6595",
     .bytes = 687552512,
     .urls = {"https://people.eecs.berkeley.edu/~hendrycks/imagenet-a.tar"}},
    CLASSNAMES,
    {0},
};

static const struct origin_file imagenet_r[] = {
    {.file = "imagenet-r.tar",
     .gives = "imagenet-r",
     .sha256 = "18c6bf493b39a0d975d48e587437f562caab9c52ae6327dcfa9dd8eb54aa1b52",
     .md5 = "a61312130a589d0ca1a8fca1f2bd3337",
     .bytes = 2191079936,
     .urls = {"https://people.eecs.berkeley.edu/~hendrycks/imagenet-r.tar"}},
    CLASSNAMES,
    {0},
};

/* ---- the datasets ---- */

#define FOR_RESEARCH "for research that is not commercial; the pictures belong to who made them"

const struct origin origins[] = {
    {"imagenet", "https://image-net.org/download.php",
     "O. Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 2015",
     "ImageNet's terms of access, agreed to when an account is made at image-net.org",
     "make an account at https://image-net.org, agree to its terms, and get from ILSVRC2012\n"
     "    ILSVRC2012_img_train.tar  147897477120 bytes  MD5 1d675b47d978889d74fa0da5fadfb00e\n"
     "    ILSVRC2012_img_val.tar    6744924160 bytes    MD5 29b22e2961454d5413ddabcf34fc5622\n"
     "in the folder 'imagenet', with those two files beside it, type\n"
     "    mkdir -p images/train images/val && tar -xf ../ILSVRC2012_img_train.tar -C images/train\n"
     "    for t in images/train/*.tar; do d=${t%.tar}; mkdir $d && tar -xf $t -C $d && rm $t; "
     "done\n"
     "    tar -xf ../ILSVRC2012_img_val.tar -C images/val\n"
     "the 50,000 pictures of images/val then go into a folder a class; Kaggle's\n"
     "LOC_val_solution.csv says which (a line is 'ILSVRC2012_val_00000001,n01751748 ...'):\n"
     "    sed 1d LOC_val_solution.csv | while IFS=', ' read -r f c _; do\n"
     "        mkdir -p images/val/$c && mv images/val/$f.JPEG images/val/$c/; done",
     imagenet},
    {"caltech101", "https://data.caltech.edu/records/mzrjq-6wc02",
     "L. Fei-Fei, R. Fergus and P. Perona, Learning generative visual models from few training "
     "examples, CVPR workshop 2004",
     "CC BY 4.0", NULL, caltech101},
    {"oxford_pets", "https://www.robots.ox.ac.uk/~vgg/data/pets/",
     "O. M. Parkhi, A. Vedaldi, A. Zisserman and C. V. Jawahar, Cats and Dogs, CVPR 2012",
     "CC BY-SA 4.0", NULL, oxford_pets},
    {"stanford_cars", "https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
     "J. Krause, M. Stark, J. Deng and L. Fei-Fei, 3D Object Representations for Fine-Grained "
     "Categorization, ICCV workshop 2013",
     FOR_RESEARCH,
     "Stanford's page is gone. Put cars_train.tgz and cars_test.tgz, wherever they come from, "
     "into\n"
     "'stanford_cars/downloads' and give the command again; or get the pictures at\n"
     "    https://www.kaggle.com/datasets/jessicali9530/stanford-cars-dataset\n"
     "and put them into 'stanford_cars', as cars_train/00001.jpg ... and cars_test/00001.jpg ...\n"
     "(Kaggle packs them as cars_train/cars_train/...: one folder more)",
     stanford_cars},
    {"oxford_flowers", "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
     "M.-E. Nilsback and A. Zisserman, Automated flower classification over a large number of "
     "classes, ICVGIP 2008",
     FOR_RESEARCH, NULL, oxford_flowers},
    {"food101", "https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/",
     "L. Bossard, M. Guillaumin and L. Van Gool, Food-101: Mining Discriminative Components with "
     "Random Forests, ECCV 2014",
     "the archive's license_agreement.txt: the pictures are Foodspotting's, to be used for "
     "science within fair use",
     NULL, food101},
    {"fgvc_aircraft", "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/",
     "S. Maji, E. Rahtu, J. Kannala, M. Blaschko and A. Vedaldi, Fine-Grained Visual "
     "Classification of Aircraft, arXiv 1306.5151",
     "for research that is not commercial", NULL, fgvc_aircraft},
    {"sun397", "https://vision.princeton.edu/projects/2010/SUN/",
     "J. Xiao, J. Hays, K. A. Ehinger, A. Oliva and A. Torralba, SUN Database: Large-scale Scene "
     "Recognition from Abbey to Zoo, CVPR 2010",
     FOR_RESEARCH, NULL, sun397},
    {"dtd", "https://www.robots.ox.ac.uk/~vgg/data/dtd/",
     "M. Cimpoi, S. Maji, I. Kokkinos, S. Mohamed and A. Vedaldi, Describing Textures in the Wild, "
     "CVPR 2014",
     FOR_RESEARCH, NULL, dtd},
    {"eurosat", "https://github.com/phelber/EuroSAT",
     "P. Helber, B. Bischke, A. Dengel and D. Borth, EuroSAT: A Novel Dataset and Deep Learning "
     "Benchmark for Land Use and Land Cover Classification, IEEE JSTARS 2019",
     "MIT; the pictures are of Copernicus Sentinel", NULL, eurosat},
    {"ucf101", "https://www.crcv.ucf.edu/data/UCF101.php",
     "K. Soomro, A. R. Zamir and M. Shah, UCF101: A Dataset of 101 Human Actions Classes From "
     "Videos in The Wild, arXiv 1212.0402",
     FOR_RESEARCH, NULL, ucf101},
    {"imagenetv2", "https://github.com/modestyachts/ImageNetV2",
     "B. Recht, R. Roelofs, L. Schmidt and V. Shankar, Do ImageNet Classifiers Generalize to "
     "ImageNet?, ICML 2019",
     "MIT; the pictures belong to who made them", NULL, imagenetv2},
    {"imagenet_sketch", "https://github.com/HaohanWang/ImageNet-Sketch",
     "H. Wang, S. Ge, Z. Lipton and E. P. Xing, Learning Robust Global Representations by "
     "Penalizing Local Predictive Power, NeurIPS 2019",
     "MIT; the pictures belong to who made them", NULL, imagenet_sketch},
    {"imagenet_a", "https://github.com/hendrycks/natural-adv-examples",
     "D. Hendrycks, K. Zhao, S. Basart, J. Steinhardt and D. Song, Natural Adversarial Examples, "
     "CVPR 2021",
     "MIT; the pictures belong to who made them", NULL, imagenet_a},
    {"imagenet_r", "https://github.com/hendrycks/imagenet-r",
     "D. Hendrycks et al., The Many Faces of Robustness: A Critical Analysis of "
     "Out-of-Distribution Generalization, ICCV 2021",
     "MIT; the pictures belong to who made them", NULL, imagenet_r},
    {0},
};
