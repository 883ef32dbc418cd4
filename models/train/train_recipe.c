#include "models/train/train_recipe.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/shipped.h"
#include "common/yaml.h"
#include "models/find.h"
#include "models/schedule_config.h"

const char *const ggdm_objective_names[] = {"ddpm",        "classifier",        "noisy-classifier",
                                            "contrastive", "noisy-contrastive", NULL};
static const char *const precision_names[] = {"fp32", "bf16", NULL};

const char *const ggdm_weights_form_names[] = {"f32", "f16", "bf16", NULL};

#define MAX_CONFIG ((size_t)1 << 20) /* bytes */

/* The file as written: its top level, with the maps inside as nodes. */
typedef struct raw_recipe {
    ggdm_recipe r;
    char *config_name;
    const ggdm_node *data, *optimizer, *augment, *diffusion, *checkpoint;
} raw_recipe;

#define TOP(member) .offset = offsetof(raw_recipe, member)
#define IN(member) .offset = offsetof(ggdm_recipe, member)

static const ggdm_field top_fields[] = {
    {"name", GGDM_FIELD_STRING, TOP(r.name), .required = true,
     .help = "of the model; it is trained into `trained/NAME` unless `--out` says otherwise"},
    {"objective", GGDM_FIELD_CHOICE, TOP(r.objective), .required = true,
     .choices = ggdm_objective_names,
     .help = "what is learnt: `ddpm`, a diffusion model (Ho et al. 2020, algorithm 1; what it "
             "predicts says `diffusion.prediction_type`); `classifier`, the classes of the images "
             "(cross entropy); "
             "`noisy-classifier`, those of images at all noise levels, by a network that is told "
             "the level; `contrastive`, which caption goes with which image (CLIP, Radford et al. "
             "2021); `noisy-contrastive`, the same of images at all noise levels"},
    {"config", GGDM_FIELD_STRING, TOP(config_name), .required = true,
     .help =
         "the network: its `config.json` ([MODELS.md](MODELS.md)), by its path from the recipe"},
    {"tokenizer", GGDM_FIELD_STRING, TOP(r.tokenizer),
     .help = "the directory with the files of the captions' tokenizer (contrastive), from where "
             "`ggdm` is called, else from the recipe; they are copied to the model"},
    {"text_encoder", GGDM_FIELD_STRING, TOP(r.text_encoder),
     .help = "a model, by its name or directory, whose text transformer reads the captions for a "
             "network with cross attention (ddpm); it is not trained, and written beside it"},
    {"from", GGDM_FIELD_STRING, TOP(r.from),
     .help = "a model, by its name or directory: tensors of equal name and shape begin with its "
             "weights, the others anew"},
    {"weights", GGDM_FIELD_CHOICE, TOP(r.weights), .choices = ggdm_weights_form_names,
     .help = "in which precision the weights are written in the end; what is measured last is the "
             "model with these"},
    {"seed", GGDM_FIELD_UINT64, TOP(r.seed),
     .help = "of the first weights, the order of the images, their changes and the noise"},
    {"precision", GGDM_FIELD_CHOICE, TOP(r.precision), .choices = precision_names,
     .help = "of activations and weights inside the network; `bf16` needs a CPU with bf16 "
             "products, parameters, optimiser and evaluations are f32 in both"},
    {"images", GGDM_FIELD_INT64, TOP(r.images), .required = true, .lo = 1, .hi = 1e12,
     .help = "training images in all, repetitions counted: passes times images of a pass"},
    {"batch", GGDM_FIELD_INT32, TOP(r.batch), .required = true, .lo = 1, .hi = 65536,
     .help = "images of one step, over all ranks; a multiple of their number"},
    {"data", GGDM_FIELD_NODE, TOP(data)},
    {"optimizer", GGDM_FIELD_NODE, TOP(optimizer)},
    {"augment", GGDM_FIELD_NODE, TOP(augment)},
    {"diffusion", GGDM_FIELD_NODE, TOP(diffusion)},
    {"label_smoothing", GGDM_FIELD_DOUBLE, TOP(r.label_smoothing), .lo = 0, .hi = 0.9,
     .help = "share of each label that is spread over all classes (classifiers)"},
    {"label_dropout", GGDM_FIELD_DOUBLE, TOP(r.label_dropout), .lo = 0, .hi = 0.9,
     .help = "share of the labels that become the network's null label, which makes it learn to do "
             "without (ddpm; for classifier-free guidance, Ho and Salimans 2022)"},
    {"caption_dropout", GGDM_FIELD_DOUBLE, TOP(r.caption_dropout), .lo = 0, .hi = 0.9,
     .help = "share of the captions that become the empty one, which makes the network learn to do "
             "without (ddpm, with `text_encoder`)"},
    {"evaluate_steps", GGDM_FIELD_INT64, TOP(r.evaluate_steps), .lo = 1, .hi = 1e12,
     .help = "measure on the test images every so many steps, and after the last"},
    {"curve_steps", GGDM_FIELD_INT64, TOP(r.curve_steps), .lo = 1, .hi = 1e12,
     .help = "a row of `curve.csv` every so many steps"},
    {"checkpoint", GGDM_FIELD_NODE, TOP(checkpoint)},
    {0}};

static const ggdm_field data_fields[] = {
    {"dir", GGDM_FIELD_STRING, IN(data_dir),
     .help = "the data, see above: a directory, an .npz or a .tar, from where `ggdm` is called, "
             "else from the recipe"},
    {"crop", GGDM_FIELD_CHOICE, IN(crop), .choices = ggdm_crop_names,
     .help = "pictures in files that are not of the network's size or colours: `none`, they are "
             "errors; `center`, they are scaled, their middle is taken, and colours become grey "
             "where the network takes grey"},
    {"size", GGDM_FIELD_INT32, IN(shorter), .lo = 1, .hi = 8192,
     .help = "pixels of a picture's shorter side before it is cropped: larger than the network's "
             "size cuts more off; the network's size where it is not given"},
    {"part", GGDM_FIELD_CHOICE, IN(part), .choices = ggdm_part_names,
     .help = "the training images that are used: all, or one of two halves without a common image "
             "(for a guide and its judge)"},
    {"test_share", GGDM_FIELD_DOUBLE, IN(test_share), .lo = 0, .hi = 1,
     .help = "share of the images that are held out for testing, where the data have no test set"},
    {0}};

static const ggdm_field optimizer_fields[] = {
    {"lr", GGDM_FIELD_DOUBLE, IN(optim.lr), .lo = 1e-9, .hi = 10,
     .help = "learning rate, after the warm-up"},
    {"lr_floor", GGDM_FIELD_DOUBLE, IN(optim.lr_floor), .lo = 0, .hi = 10,
     .help = "learning rate of the last step; it falls along half a cosine"},
    {"warmup_steps", GGDM_FIELD_INT64, IN(optim.warmup), .lo = 0, .hi = 1e9,
     .help = "steps in which the learning rate rises from 0"},
    {"beta1", GGDM_FIELD_DOUBLE, IN(optim.beta1), .lo = 0, .hi = 0.999999,
     .help = "of AdamW (Loshchilov and Hutter 2019)"},
    {"beta2", GGDM_FIELD_DOUBLE, IN(optim.beta2), .lo = 0, .hi = 0.999999, .help = "of AdamW"},
    {"eps", GGDM_FIELD_DOUBLE, IN(optim.eps), .lo = 1e-16, .hi = 1, .help = "of AdamW"},
    {"weight_decay", GGDM_FIELD_DOUBLE, IN(optim.weight_decay), .lo = 0, .hi = 10,
     .help = "of AdamW, times the learning rate; of matrices and kernels only"},
    {"clip", GGDM_FIELD_DOUBLE, IN(optim.clip), .lo = 0, .hi = 1e9,
     .help = "largest norm of all gradients together; 0: any"},
    {"ema", GGDM_FIELD_DOUBLE, IN(optim.ema), .lo = 0, .hi = 0.9999999,
     .help = "decay of the running average of the weights, which is what is measured and written; "
             "0: the weights themselves"},
    {0}};

static const ggdm_field augment_fields[] = {
    {"rotate", GGDM_FIELD_DOUBLE, IN(augment.rotate), .lo = 0, .hi = 180,
     .help = "degrees, to either side"},
    {"scale", GGDM_FIELD_DOUBLE, IN(augment.scale), .lo = 0, .hi = 1,
     .help = "each axis by up to exp of this, larger or smaller"},
    {"shear", GGDM_FIELD_DOUBLE, IN(augment.shear), .lo = 0, .hi = 2,
     .help = "tangent of the angle, to either side"},
    {"shift", GGDM_FIELD_DOUBLE, IN(augment.shift), .lo = 0, .hi = 64,
     .help = "pixels, in each direction"},
    {"blur", GGDM_FIELD_DOUBLE, IN(augment.blur), .lo = 0, .hi = 4,
     .help = "largest standard deviation of a Gaussian, in pixels"},
    {"blur_share", GGDM_FIELD_DOUBLE, IN(augment.blur_share), .lo = 0, .hi = 1,
     .help = "share of the images that are blurred"},
    {"noise", GGDM_FIELD_DOUBLE, IN(augment.noise), .lo = 0, .hi = 4,
     .help = "largest standard deviation of added noise, in units of the range [-1, 1]"},
    {"noise_share", GGDM_FIELD_DOUBLE, IN(augment.noise_share), .lo = 0, .hi = 1,
     .help = "share of the images that get noise"},
    {"contrast", GGDM_FIELD_DOUBLE, IN(augment.contrast), .lo = 0, .hi = 1,
     .help = "amplitude about mid-grey by a factor of 1 - this to 1 + this"},
    {"flip", GGDM_FIELD_DOUBLE, IN(augment.flip), .lo = 0, .hi = 1,
     .help = "share of the images that are mirrored, left to right"},
    {0}};

static const ggdm_field diffusion_fields[] = {
    {"timesteps", GGDM_FIELD_INT32, IN(timesteps), .lo = 1, .hi = 100000,
     .help = "T, the number of noise levels"},
    {"beta_start", GGDM_FIELD_DOUBLE, IN(beta_start), .lo = 1e-9, .hi = 0.999,
     .help = "first of the betas"},
    {"beta_end", GGDM_FIELD_DOUBLE, IN(beta_end), .lo = 1e-9, .hi = 0.999, .help = "last of them"},
    {"beta_schedule", GGDM_FIELD_CHOICE, IN(betas), .choices = ggdm_beta_schedules,
     .help = "how they rise ([GUIDANCE.md](GUIDANCE.md#chains)); `squaredcos_cap_v2` has no first "
             "and last"},
    {"rescale_betas_zero_snr", GGDM_FIELD_BOOL, IN(zero_snr),
     .help = "the last timestep is noise alone; not with `epsilon`"},
    {"prediction_type", GGDM_FIELD_CHOICE, IN(prediction), .choices = ggdm_prediction_names,
     .help = "what a diffusion model learns to find: the noise, the image, or v "
             "([GUIDANCE.md](GUIDANCE.md#x0-hat))"},
    {0}};

static const ggdm_field checkpoint_fields[] = {
    {"steps", GGDM_FIELD_INT64, IN(checkpoint_steps), .lo = 0, .hi = 1e12,
     .help = "a checkpoint every so many steps; 0: by time only"},
    {"seconds", GGDM_FIELD_DOUBLE, IN(checkpoint_seconds), .lo = 0, .hi = 1e9,
     .help = "a checkpoint every so many seconds; 0: by steps only"},
    {0}};

static const ggdm_recipe defaults = {
    .data_dir = (char *)"data/mnist",
    .test_share = 0.1,
    .optim = {.lr = 1e-3,
              .lr_floor = 0,
              .warmup = 200,
              .beta1 = 0.9,
              .beta2 = 0.999,
              .eps = 1e-8,
              .weight_decay = 0,
              .clip = 1,
              .ema = 0.999},
    .timesteps = 1000,
    .beta_start = 1e-4,
    .beta_end = 0.02,
    .evaluate_steps = 1000,
    .curve_steps = 50,
    .checkpoint_seconds = 120,
};

/* The maps inside. */
static const struct {
    const char *key;
    size_t node; /* offset in raw_recipe */
    const ggdm_field *fields;
} maps[] = {
    {"data", offsetof(raw_recipe, data), data_fields},
    {"optimizer", offsetof(raw_recipe, optimizer), optimizer_fields},
    {"augment", offsetof(raw_recipe, augment), augment_fields},
    {"diffusion", offsetof(raw_recipe, diffusion), diffusion_fields},
    {"checkpoint", offsetof(raw_recipe, checkpoint), checkpoint_fields},
};
enum { N_MAPS = sizeof maps / sizeof *maps };

static ggdm_status read_maps(raw_recipe *raw, ggdm_error *err)
{
    for (int i = 0; i < N_MAPS; i++) {
        const ggdm_node *node = *(const ggdm_node **)((char *)raw + maps[i].node);
        if (node)
            GGDM_TRY(ggdm_fields_read(node, maps[i].fields, NULL, &raw->r, err));
    }
    return GGDM_OK;
}

void ggdm_recipe_print_keys(FILE *out)
{
    const raw_recipe raw = {.r = defaults};
    fputs("| key | value | default | meaning |\n|---|---|---|---|\n", out);
    ggdm_fields_print(out, "", top_fields, &raw);
    for (int i = 0; i < N_MAPS; i++)
        ggdm_fields_print(out, maps[i].key, maps[i].fields, &raw.r);
}

/* Keys that are not for every objective: those for which they have a meaning, as bits. */
enum {
    DDPM = 1 << GGDM_OBJECTIVE_DDPM,
    NOISY_CLASSIFIER = 1 << GGDM_OBJECTIVE_NOISY_CLASSIFIER,
    CLASSIFIERS = 1 << GGDM_OBJECTIVE_CLASSIFIER | NOISY_CLASSIFIER,
    NOISY_CONTRASTIVE = 1 << GGDM_OBJECTIVE_NOISY_CONTRASTIVE,
    CONTRASTIVE = 1 << GGDM_OBJECTIVE_CONTRASTIVE | NOISY_CONTRASTIVE,
    NOISY = DDPM | NOISY_CLASSIFIER | NOISY_CONTRASTIVE
};
static const struct {
    const char *key;
    unsigned objectives;
} meanings[] = {{"augment", CLASSIFIERS | CONTRASTIVE},
                {"tokenizer", CONTRASTIVE},
                {"label_smoothing", CLASSIFIERS},
                {"label_dropout", DDPM},
                {"text_encoder", DDPM},
                {"caption_dropout", DDPM},
                {"diffusion", NOISY}};

/* Keys of the noise that say nothing, or nothing that could be learnt. */
static ggdm_status check_diffusion(const raw_recipe *raw, ggdm_error *err)
{
    const ggdm_recipe *r = &raw->r;
    const ggdm_node *map = raw->diffusion, *start = ggdm_node_get(map, "beta_start");
    const ggdm_node *end = ggdm_node_get(map, "beta_end"),
                    *type = ggdm_node_get(map, "prediction_type");
    if (r->betas == GGDM_BETAS_SQUAREDCOS && (start || end))
        return ggdm_node_fail_key(start ? start : end, err, "has no meaning for beta_schedule '%s'",
                                  ggdm_beta_schedules[r->betas]);
    if (r->beta_end < r->beta_start)
        return ggdm_node_fail(map, err, "beta_end %g, expected at least beta_start %g", r->beta_end,
                              r->beta_start);
    if (type && r->objective != GGDM_OBJECTIVE_DDPM)
        return ggdm_node_fail_key(type, err, "has no meaning for objective '%s'",
                                  ggdm_objective_names[r->objective]);
    if (r->zero_snr && r->objective == GGDM_OBJECTIVE_DDPM && r->prediction == GGDM_PREDICT_EPSILON)
        return ggdm_node_expected(ggdm_node_get(map, "rescale_betas_zero_snr"), err,
                                  "false with prediction_type epsilon");
    if (r->zero_snr && r->timesteps == 1)
        return ggdm_node_expected(ggdm_node_get(map, "rescale_betas_zero_snr"), err,
                                  "false with timesteps 1");
    return GGDM_OK;
}

/* What says nothing to this objective is a mistake. */
static ggdm_status check_objective(const raw_recipe *raw, const ggdm_node *root, ggdm_error *err)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        const ggdm_node *node = ggdm_node_get(root, meanings[i].key);
        if (node && !(meanings[i].objectives & 1u << raw->r.objective))
            return ggdm_node_fail(node, err, "has no meaning for objective '%s'",
                                  ggdm_objective_names[raw->r.objective]);
    }
    const ggdm_node *size = ggdm_node_get(raw->data, "size");
    if (size && raw->r.crop == GGDM_CROP_NONE)
        return ggdm_node_fail_key(size, err, "has no meaning without `crop: center`");
    if (CONTRASTIVE & 1u << raw->r.objective && !raw->r.tokenizer)
        return ggdm_node_fail(root, err, "required field 'tokenizer' is missing for objective '%s'",
                              ggdm_objective_names[raw->r.objective]);
    if (raw->r.caption_dropout > 0 && !raw->r.text_encoder)
        return ggdm_node_fail(ggdm_node_get(root, "caption_dropout"), err,
                              "has no meaning without text_encoder");
    if (raw->diffusion)
        GGDM_TRY(check_diffusion(raw, err));
    if (raw->r.optim.lr_floor > raw->r.optim.lr)
        return ggdm_node_fail(raw->optimizer, err, "lr_floor %g, expected at most lr %g",
                              raw->r.optim.lr_floor, raw->r.optim.lr);
    return GGDM_OK;
}

/* NAME in the directory of the recipe. */
static ggdm_status beside(const ggdm_recipe *r, const char *name, char **out, ggdm_error *err)
{
    const char *slash = strrchr(r->path, '/');
    char *dir = NULL;
    GGDM_TRY(ggdm_asprintf(&dir, err, "%.*s", slash ? (int)(slash - r->path) : 0, r->path));
    ggdm_status st = ggdm_path_join(slash == r->path ? "/" : dir, name, out, err);
    free(dir);
    return st;
}

/* config is named relative to the recipe. */
static ggdm_status read_config(raw_recipe *raw, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(beside(&raw->r, raw->config_name, &path, err));
    ggdm_status st = ggdm_read_file(path, MAX_CONFIG, &raw->r.config, NULL, err);
    free(path);
    return st;
}

/* What is not where the user is may be beside the recipe. */
static ggdm_status find_beside(const ggdm_recipe *r, bool found, char **name, ggdm_error *err)
{
    char *path = NULL;
    if (found)
        return GGDM_OK;
    GGDM_TRY(beside(r, *name, &path, err));
    if (ggdm_exists(path)) {
        free(*name);
        *name = path;
    } else {
        free(path);
    }
    return GGDM_OK;
}

static ggdm_status read_recipe(raw_recipe *raw, ggdm_doc **doc, ggdm_error *err)
{
    ggdm_recipe *r = &raw->r;
    size_t size = 0;
    GGDM_TRY(ggdm_read_file(r->path, GGDM_YAML_MAX_SIZE, &r->text, &size, err));
    GGDM_TRY(ggdm_yaml_parse(r->text, size, r->path, doc, err));
    GGDM_TRY(ggdm_fields_read((*doc)->root, top_fields, NULL, raw, err));
    GGDM_TRY(read_maps(raw, err));
    GGDM_TRY(check_objective(raw, (*doc)->root, err));
    GGDM_TRY(read_config(raw, err));
    GGDM_TRY(find_beside(r, ggdm_exists(r->data_dir), &r->data_dir, err));
    if (r->tokenizer)
        GGDM_TRY(find_beside(r, ggdm_exists(r->tokenizer), &r->tokenizer, err));
    if (r->text_encoder)
        GGDM_TRY(find_beside(r, ggdm_model_exists(r->text_encoder), &r->text_encoder, err));
    if (r->from)
        GGDM_TRY(find_beside(r, ggdm_model_exists(r->from), &r->from, err));
    ggdm_hash h;
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_hash_init(&h);
    ggdm_hash_text(&h, r->text);
    ggdm_hash_text(&h, r->config);
    ggdm_hash_final(&h, digest);
    ggdm_hash_hex(digest, r->digest);
    return GGDM_OK;
}

ggdm_status ggdm_recipe_read(const char *path, ggdm_recipe *out, ggdm_error *err)
{
    raw_recipe raw = {.r = defaults};
    ggdm_doc *doc = NULL;
    raw.r.data_dir = NULL; /* what is replaced is freed */
    ggdm_status st = ggdm_strdup(defaults.data_dir, &raw.r.data_dir, err);
    if (st == GGDM_OK)
        st = ggdm_shipped_file(path, &raw.r.path, err);
    if (st == GGDM_OK)
        st = read_recipe(&raw, &doc, err);
    ggdm_doc_destroy(&doc);
    free(raw.config_name);
    *out = raw.r;
    if (st != GGDM_OK)
        ggdm_recipe_deinit(out);
    return st;
}

void ggdm_recipe_deinit(ggdm_recipe *r)
{
    free(r->path);
    free(r->text);
    free(r->config);
    free(r->name);
    free(r->data_dir);
    free(r->tokenizer);
    free(r->text_encoder);
    free(r->from);
    *r = (ggdm_recipe){0};
}

int64_t ggdm_recipe_steps(const ggdm_recipe *r)
{
    return (r->images + r->batch - 1) / r->batch;
}
