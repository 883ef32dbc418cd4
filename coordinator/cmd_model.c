/* `ggdm model info|verify PATH`: looks into model directories. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "coordinator/command.h"
#include "models/model.h"

typedef struct arguments {
    const char *action, *path;
} arguments;

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (!a->action)
            a->action = arg;
        else if (!a->path)
            a->path = arg;
        else
            argp_error(state, "too many arguments, expected an action and a model");
        return 0;
    case ARGP_KEY_END:
        if (!a->action || !a->path)
            argp_error(state, "expected an action (info or verify) and a model");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .parser = parse_option,
    .args_doc = "info|verify MODEL",
    .doc = "Look into a model: a name under models/zoo or a directory with config.json and "
           "safetensors weights."
           "\v  info    kind, size, digest, and a table of all tensors\n"
           "  verify  check that the weights are exactly those of the architecture",
};

static int64_t count_parameters(const ggdm_model *m)
{
    int64_t n = 0;
    for (size_t i = 0; i < m->params.n; i++)
        n += ggdm_shape_count(&m->params.items[i].shape);
    return n;
}

static void print_summary(const ggdm_model *m)
{
    char digest[GGDM_HASH_TEXT_SIZE];
    const ggdm_arch_info *a = &m->info;
    ggdm_hash_hex(m->files->digest, digest);
    printf("path        %s\n", m->files->path);
    printf("class       %s (%s)\n", a->class_name,
           a->role == GGDM_DIFFUSION ? "diffusion model" : "classifier");
    printf("images      %d x %d x %d\n", a->size, a->size, a->channels);
    if (a->n_classes)
        printf("classes     %d\n", a->n_classes);
    printf("tensors     %zu\n", m->params.n);
    printf("parameters  %" PRId64 "\n", count_parameters(m));
    printf("weights     %s, %zu bytes\n", a->weights_file, m->files->weights_size);
    printf("digest      %s\n", digest);
}

static void print_info(const ggdm_model *m)
{
    print_summary(m);
    printf("\n%-56s %-5s %12s  shape\n", "tensor", "dtype", "elements");
    for (size_t i = 0; i < m->params.n; i++) {
        const ggdm_tensor *t = &m->params.items[i];
        char shape[128];
        printf("%-56s %-5s %12" PRId64 "  %s\n", t->name, "F32", ggdm_shape_count(&t->shape),
               ggdm_shape_text(&t->shape, shape, sizeof shape));
    }
}

static void print_verified(const ggdm_model *m)
{
    char digest[GGDM_HASH_TEXT_SIZE];
    ggdm_hash_hex(m->files->digest, digest);
    printf("%s: ok: %zu tensors, %" PRId64 " parameters, exactly those of config.json; digest %s\n",
           m->files->path, m->params.n, count_parameters(m), digest);
}

static const struct {
    const char *name;
    void (*print)(const ggdm_model *m);
} actions[] = {{"info", print_info}, {"verify", print_verified}};

int ggdm_cmd_model(int argc, char **argv)
{
    arguments a = {0};
    ggdm_error err = {0};
    ggdm_model_files files = {0};
    ggdm_model *model = NULL;
    if (ggdm_command_parse(&parser, argc, argv, &a) != 0)
        return GGDM_EXIT_USAGE;
    size_t i = 0, n = sizeof actions / sizeof *actions;
    while (i < n && strcmp(actions[i].name, a.action))
        i++;
    ggdm_status st =
        i < n ? GGDM_OK
              : GGDM_FAIL(&err, GGDM_EINVAL, "action '%s', expected info or verify", a.action);
    if (st == GGDM_OK)
        st = ggdm_model_files_open(a.path, &files, &err);
    if (st == GGDM_OK)
        st = ggdm_model_create(&files, &model, &err);
    if (st == GGDM_OK)
        actions[i].print(model);
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("model", &err);
}
