/* `ggdm reference`: the features of a data set, their mean and covariance, as an npz file. */
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/cmd/command.h"
#include "coordinator/cmd/evaluations.h"
#include "evaluate/reference.h"
#include "models/find.h"

typedef struct reference_options {
    const char *set, *features, *out;
} reference_options;

static ggdm_status find_model(void *context, const char *name, char **path, ggdm_error *err)
{
    (void)context;
    return ggdm_model_find(name, path, err);
}

static ggdm_status make(void *options, ggdm_world *world, ggdm_error *err)
{
    const reference_options *o = options;
    ggdm_features *features = NULL;
    ggdm_reference reference = {0};
    ggdm_status st = ggdm_evaluations_pin(world, err);
    if (st == GGDM_OK)
        st = ggdm_features_open(o->features, false, find_model, NULL, &features, err);
    st = ggdm_world_agree(world, st, err);
    if (st == GGDM_OK)
        st = ggdm_reference_open(world, o->set, features, "`ggdm reference'", &reference, err);
    if (st == GGDM_OK)
        st = ggdm_reference_write(&reference, ggdm_features_name(features, 0), o->out, err);
    if (st == GGDM_OK && ggdm_world_rank(world) == 0)
        printf("%s: %s, %lld images, %lld features, %s\n", o->out, reference.name,
               (long long)reference.n, (long long)reference.d, ggdm_features_name(features, 0));
    ggdm_reference_close(&reference);
    ggdm_features_close(&features);
    return st;
}

/* ---- arguments ---- */

enum { KEY_FEATURES = 256 };

static const struct argp_option arguments[] = {
    {"features", KEY_FEATURES, "SOURCE", 0,
     "pixels (default), MODEL or MODEL:LAYER, as in `ggdm evaluate'", 0},
    {"out", 'o', "FILE", 0, "where to write it: FILE.npz", 0},
    {0},
};

static error_t parse_reference(int key, char *arg, struct argp_state *state)
{
    reference_options *o = state->input;
    switch (key) {
    case KEY_FEATURES:
        o->features = arg;
        break;
    case 'o':
        o->out = arg;
        break;
    case ARGP_KEY_ARG:
        if (o->set)
            argp_error(state, "too many arguments, expected one data set");
        o->set = arg;
        break;
    case ARGP_KEY_END:
        if (!o->set)
            argp_error(state, "no data set given, expected one, as mnist-test");
        if (!o->out)
            argp_error(state, "expected --out FILE.npz");
        if (!ggdm_reference_is_file(o->out)) /* it could not be read as one */
            argp_error(state, "--out: value '%s', expected FILE.npz", o->out);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_reference(int argc, char **argv)
{
    static const struct argp argp = {
        .options = arguments,
        .parser = parse_reference,
        .args_doc = "DATASET",
        .doc =
            "Run the images of a data set through a network and write what `ggdm evaluate "
            "--reference FILE' compares with, so that it need not be computed each time.  DATASET "
            "is NAME-train or NAME-test of data/NAME (`ggdm data NAME' obtains it) or of a "
            "directory, or FILE.npz with images (arr_0).\v"
            "The file is an npz archive of NumPy: mu [d] and sigma [d, d], as pytorch-fid and "
            "others take them, n, features (what they are of, as bytes) and activations [n, d], "
            "the features of each image.  Under mpirun or srun all ranks share the work.\n\n"
            "Example:\n  ggdm reference mnist-test --features mnist-judge --out mnist-test.npz",
    };
    reference_options o = {.features = "pixels"};
    if (ggdm_command_parse(&argp, argc, argv, &o))
        return GGDM_EXIT_USAGE;
    return ggdm_command_together("reference", make, &o);
}
