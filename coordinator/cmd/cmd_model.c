/* `ggdm model list|info|verify|import|apply|tokenize`: looks into model directories, and makes them
 * of other people's weights. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/limits.h"
#include "common/mem.h"
#include "coordinator/cmd/cmd_model.h"
#include "coordinator/cmd/command.h"
#include "models/import/import.h"
#include "models/io/weights.h"
#include "models/model.h"

enum { LIST, INFO, VERIFY, IMPORT, APPLY, TOKENIZE }; /* as action_names */

typedef struct arguments {
    int action; /* of actions; -1: not given */
    const char *path;
    const char *out;
    ggdm_import_options import;
    ggdm_apply_options apply;
    ggdm_tokenize_options tokenize;
} arguments;

enum { KEY_IN = 256, KEY_OUT, KEY_VJP, KEY_TRUNCATE, KEY_JSON, KEY_CONFIG, KEY_STATE };

static const struct argp_option options[] = {
    {"out", KEY_OUT, "PATH", 0, "import: directory to make; apply: safetensors file to write", 0},
    {NULL, 0, NULL, 0, "import, and verify of what is not imported:", 0},
    {"config", KEY_CONFIG, "FILE", 0,
     "config.json of the network (default: the one beside the weights)", 0},
    {"state", KEY_STATE, "NAME", 0, "which of several sets of weights in the file", 0},
    {NULL, 0, NULL, 0, "apply:", 0},
    {"in", KEY_IN, "FILE", 0, "safetensors file with the tensors to run the network on", 0},
    {"vjp", KEY_VJP, NULL, 0, "with the cotangent gy in FILE, also write gx", 0},
    {"precision", 'p', "auto|fp32|bf16", 0, "precision of the activations (default: auto)", 0},
    {"threads", 't', "N", 0, "OpenMP threads (default: the cores it may use)", 0},
    {NULL, 0, NULL, 0, "tokenize:", 0},
    {"truncate", KEY_TRUNCATE, NULL, 0, "cut texts that are too long", 0},
    {"json", KEY_JSON, NULL, 0, "print an object a line", 0},
    {0}};

static const char *const action_names[] = {"list",  "info",     "verify", "import",
                                           "apply", "tokenize", NULL};

static error_t parse_model_option(int key, char *arg, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case KEY_IN:
        a->apply.in = arg;
        return 0;
    case KEY_OUT:
        a->out = arg;
        return 0;
    case KEY_CONFIG:
        a->import.config = arg;
        return 0;
    case KEY_STATE:
        a->import.state = arg;
        return 0;
    case KEY_VJP:
        a->apply.vjp = true;
        return 0;
    case 'p':
        a->apply.precision =
            (ggdm_precision)ggdm_command_choice(state, "--precision", arg, ggdm_precision_names);
        return 0;
    case 't':
        a->apply.threads = ggdm_command_int(state, "--threads", arg, 1, 1024);
        return 0;
    case KEY_TRUNCATE:
        a->tokenize.truncate = true;
        return 0;
    case KEY_JSON:
        a->tokenize.json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->action < 0)
            a->action = ggdm_command_choice(state, "action", arg, action_names);
        else if (!a->path)
            a->path = arg;
        else if (a->action == TOKENIZE)
            a->tokenize.texts[a->tokenize.n_texts++] = arg;
        else
            argp_error(state, "too many arguments, expected an action and a model");
        return 0;
    case ARGP_KEY_END:
        if (a->action < 0 || (a->action != LIST && !a->path))
            argp_error(state,
                       "expected an action (list, info, verify, import, apply or tokenize) and a "
                       "model");
        if (a->action == TOKENIZE && a->tokenize.n_texts == 0)
            argp_error(state, "tokenize: expected texts behind the model");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = parse_model_option,
    .args_doc = "list [DIR]\ninfo|verify|apply MODEL\nimport SOURCE\ntokenize MODEL TEXT...",
    .doc =
        "Look into a model: a name under models/zoo or a directory with config.json and "
        "safetensors weights.  Or make one of other people's: safetensors and what PyTorch saves, "
        "of diffusers, CLIP and others (docs/MODELS.md)."
        "\v  list      the models in DIR (default: in the zoo), and what they are for\n"
        "  info      kind, what it takes and gives, size, digest, and a table of all tensors\n"
        "  verify    check that the weights are exactly those of the architecture, and finite; of "
        "a SOURCE, also that it can be imported\n"
        "  import    make the directory --out of a file of weights (.safetensors, .pt, .pth, "
        ".bin), "
        "or of a directory with them; files of PyTorch are read without running anything in them\n"
        "  apply     run it on the tensors of a file: x [N, C, H, W] F32, and for diffusion models "
        "t [N] I64 (label [N] I64 where it has classes, context [N, S, C] F32 where it looks at "
        "one); for encoders of texts ids [M, T] I64; "
        "writes y: eps, a classifier's log probabilities [N, K], or embeddings (of texts beside "
        "images y_text), and of texts their last hidden states, sequence [M, T, C]\n"
        "  tokenize  print the token ids that its text network gets, a line for each TEXT, or for "
        "each line of @FILE\n\n"
        "Examples:\n"
        "  ggdm model import ~/Downloads/unet.pt --config config.json --out my-unet\n"
        "  ggdm model apply mnist-ddpm --in x.safetensors --out y.safetensors --vjp\n"
        "  ggdm model tokenize faces-clip \"a photo of a man with a beard\"",
};

/* What is loaded, and where it is not the file itself, from how many it was made. */
static void print_weights(const ggdm_weights *w)
{
    if (w->n_files == 0) { /* config.json is all of it */
        printf("weights     none\n");
        return;
    }
    printf("weights     %s, %zu bytes", w->where, w->size);
    if (w->copy)
        printf(" as F32, made from %zu file%s", w->n_files, w->n_files == 1 ? "" : "s");
    printf("\n");
}

/* By ggdm_arch_role. */
static const char *const role_names[] = {[GGDM_DIFFUSION] = "diffusion model",
                                         [GGDM_CLASSIFIER] = "classifier",
                                         [GGDM_ENCODER] = "encoder"};

/* Of pixels, where the network does it itself. */
static void print_normal(const ggdm_normal *normal)
{
    for (int c = 0; c < normal->n; c++)
        printf("%s%g", c ? " " : "pixels      of [0, 1] less ", normal->mean[c]);
    for (int c = 0; c < normal->n; c++)
        printf("%s%g", c ? " " : ", over ", normal->std[c]);
    printf("%s", normal->n ? "\n" : "");
}

/* Their names: of attributes a line for each. */
static void print_classes(const ggdm_class_groups *classes)
{
    for (int32_t i = 0; classes && i < classes->n; i++) {
        const ggdm_class_group *g = &classes->items[i];
        printf("%12s%s%s", "", g->name, *g->name ? ": " : "");
        for (size_t k = 0; k < g->classes.count; k++)
            printf("%s%s", k ? ", " : "", g->classes.data[k]);
        putchar('\n');
    }
}

static void print_summary(const ggdm_model *m)
{
    char digest[GGDM_HASH_TEXT_SIZE], takes[64], gives[64];
    const ggdm_arch_info *a = &m->info;
    ggdm_hash_hex(m->files->digest, digest);
    printf("path        %s\n", m->files->path);
    printf("class       %s (%s)\n", a->class_name, role_names[a->role]);
    if (a->size)
        printf("images      %d x %d x %d\n", a->size, a->size, a->channels);
    print_normal(&a->normal);
    if (a->context_length)
        printf("texts       %d tokens of %d\n", a->context_length, a->vocabulary);
    if (a->context_size)
        printf("context     %d channels\n", a->context_size);
    if (a->embedding_size)
        printf("embedding   %d numbers\n", a->embedding_size);
    if (a->resize != GGDM_RESIZE_NONE)
        printf("resizes     images of any size, as %s\n", ggdm_resize_names[a->resize]);
    printf("takes       %s%s\n",
           ggdm_arch_port_names(a->ports & GGDM_PORTS_IN, takes, sizeof takes),
           a->two_towers ? " (images, texts or both)" : "");
    printf("gives       %s\n",
           ggdm_arch_port_names(a->ports & ~GGDM_PORTS_IN, gives, sizeof gives));
    if (a->n_classes)
        printf("classes     %d\n", a->n_classes);
    print_classes(a->classes);
    if (a->null_label >= 0)
        printf("null label  %d\n", a->null_label);
    printf("tensors     %zu\n", m->params.n);
    printf("parameters  %" PRId64 "\n", ggdm_model_count(m));
    print_weights(m->files->stored);
    printf("digest      %s\n", digest);
}

static void print_info(const ggdm_model *m)
{
    print_summary(m);
    printf("\n%-56s %-5s %12s  shape\n", "tensor", "dtype", "elements");
    const ggdm_weights *w = m->files->stored;
    for (size_t i = 0; i < w->n_tensors; i++) {
        const ggdm_st_tensor *t = &w->tensors[i];
        char shape[128];
        printf("%-56s %-5s %12" PRId64 "  %s\n", t->name, ggdm_safetensors_dtype_name(t->dtype),
               ggdm_shape_count(&t->shape), ggdm_shape_text(&t->shape, shape, sizeof shape));
    }
}

static void print_verified(const ggdm_model *m)
{
    char digest[GGDM_HASH_TEXT_SIZE];
    ggdm_hash_hex(m->files->digest, digest);
    printf("%s: ok: %zu tensors, %" PRId64 " parameters, exactly those of config.json; digest %s\n",
           m->files->path, m->params.n, ggdm_model_count(m), digest);
}

static ggdm_status show_info(const ggdm_model *m, const arguments *a, ggdm_error *err)
{
    (void)a, (void)err;
    print_info(m);
    return GGDM_OK;
}

static ggdm_status show_verified(const ggdm_model *m, const arguments *a, ggdm_error *err)
{
    (void)a;
    GGDM_TRY(ggdm_model_check_finite(m, err));
    print_verified(m);
    return GGDM_OK;
}

static ggdm_status apply(const ggdm_model *m, const arguments *a, ggdm_error *err)
{
    ggdm_apply_options how = a->apply;
    how.out = a->out;
    if (!how.in || !how.out)
        return GGDM_FAIL(err, GGDM_EINVAL, "apply: %s is missing, expected --in FILE --out FILE",
                         how.in ? "--out" : "--in");
    GGDM_TRY(
        ggdm_model_check_finite(m, err)); /* as every run does: what it would write is no number */
    return ggdm_model_apply(m, &how, err);
}

static ggdm_status list(const arguments *a, ggdm_error *err)
{
    return ggdm_model_list(a->path, err);
}

static ggdm_status import(const arguments *a, ggdm_error *err)
{
    ggdm_import_options how = a->import;
    how.out = a->out;
    if (!how.out)
        return GGDM_FAIL(err, GGDM_EINVAL, "import: --out is missing, expected --out DIR");
    return ggdm_model_import(a->path, &how, err);
}

static ggdm_status tokenize(const arguments *a, ggdm_error *err)
{
    return ggdm_model_tokenize(a->path, &a->tokenize, err);
}

/* By action: what is done with a model, or without opening one. */
static const struct {
    ggdm_status (*with)(const ggdm_model *m, const arguments *a, ggdm_error *err);
    ggdm_status (*without)(const arguments *a, ggdm_error *err);
} actions[] = {
    [LIST] = {.without = list},         [INFO] = {.with = show_info},
    [VERIFY] = {.with = show_verified}, [IMPORT] = {.without = import},
    [APPLY] = {.with = apply},          [TOKENIZE] = {.without = tokenize},
};

static ggdm_status open_and_act(const arguments *a, ggdm_error *err)
{
    ggdm_model_files files = {0};
    ggdm_model *model = NULL;
    if (a->action == VERIFY &&
        (a->import.config || a->import.state || ggdm_import_is_needed(a->path)))
        return ggdm_model_import(a->path, &a->import, err);
    ggdm_status st = ggdm_model_files_open(a->path, &files, err);
    if (st == GGDM_OK)
        st = ggdm_model_create(&files, &model, err);
    if (st == GGDM_OK)
        st = actions[a->action].with(model, a, err);
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    return st;
}

int ggdm_cmd_model(int argc, char **argv)
{
    arguments a = {.action = -1, .apply.threads = ggdm_usable_cores()};
    ggdm_error err = {0};
    ggdm_status st = ggdm_alloc(&a.tokenize.texts, (size_t)argc, sizeof *a.tokenize.texts, &err);
    if (st == GGDM_OK && ggdm_command_parse(&parser, argc, argv, &a) != 0) {
        free(a.tokenize.texts);
        return GGDM_EXIT_USAGE;
    }
    if (st == GGDM_OK && actions[a.action].without)
        st = actions[a.action].without(&a, &err);
    else if (st == GGDM_OK)
        st = open_and_act(&a, &err);
    free(a.tokenize.texts);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("model", &err);
}
