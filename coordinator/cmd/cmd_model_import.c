/* `ggdm model import`, and `ggdm model verify` of what is not imported. */
#include <inttypes.h>
#include <stdio.h>

#include "common/hash.h"
#include "common/plural.h"
#include "coordinator/cmd/cmd_model.h"
#include "models/import/import.h"

/* What was not taken as it is. */
static void print_notes(const ggdm_import *im, const char *out)
{
    if (im->n_outside)
        printf("note: %zu tensor%s whose names do not begin with '%s' left out\n", im->n_outside,
               ggdm_plural((int64_t)im->n_outside), im->is.prefix);
    if (im->n_integers)
        printf("note: %zu tensor%s of integers left out: no result depends on them\n",
               im->n_integers, ggdm_plural((int64_t)im->n_integers));
    if (im->n_rounded)
        printf("note: %zu tensor%s of F64 rounded to F32\n", im->n_rounded,
               ggdm_plural((int64_t)im->n_rounded));
    if (im->model->info.ports & GGDM_PORT_TEXT && !im->files.tokenizer)
        printf("note: no tokenizer is beside it: for prompts put vocab.json and merges.txt into "
               "%s\n",
               out ? out : "it");
}

static void print_import(const ggdm_import *im, const char *source, const char *out)
{
    char digest[GGDM_HASH_TEXT_SIZE];
    const char *state = ggdm_foreign_state(&im->foreign, im->is.state);
    const char *class_name = im->model->info.class_name;
    ggdm_hash_hex(im->files.digest, digest);
    printf("%s: %s, %s%s%s%s\n", im->foreign.path, im->is.layout ? im->is.layout->name : class_name,
           im->foreign.form, *state ? ", its '" : "", state, *state ? "'" : "");
    printf("%s: %s%s: %zu tensors, %" PRId64 " parameters, all finite, exactly those of the "
           "network; digest %s\n",
           out ? out : source, out ? "" : "could be imported as a ", class_name,
           im->model->params.n, ggdm_model_count(im->model), digest);
    print_notes(im, out);
    if (!out)
        printf("to use it: ggdm model import %s --out DIR\n", source);
}

ggdm_status ggdm_model_import(const char *source, const ggdm_import_options *options,
                              ggdm_error *err)
{
    const ggdm_import_source from = {source, options->config, options->state};
    ggdm_import im;
    if (options->out)
        GGDM_TRY(ggdm_import_check_new(options->out, err));
    ggdm_status st = ggdm_import_open(&from, &im, err);
    if (st == GGDM_OK && options->out)
        st = ggdm_import_write(&im, options->out, err);
    if (st == GGDM_OK)
        print_import(&im, source, options->out);
    ggdm_import_close(&im);
    return st;
}
