#include "coordinator/run/setup.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/shipped.h"
#include "coordinator/run/setup_models.h"
#include "coordinator/run/setup_sheet.h"
#include "worker/cost.h"
#include "worker/kinds.h"

static void resolve_job(ggdm_setup *s, const ggdm_setup_options *options)
{
    ggdm_job *job = &s->outfit.job;
    *job = s->spec.job;
    if (options->batch > 0)
        job->batch = options->batch;
    if (options->threads > 0)
        job->threads = options->threads;
    if (job->threads <= 0)
        job->threads = 1;
    if (job->batch <= 0)
        job->batch = job->threads * GGDM_DEFAULT_BATCH;
}

static ggdm_status read_sweep(ggdm_setup *s, const ggdm_setup_options *o, ggdm_error *err)
{
    size_t size;
    uint8_t digest[GGDM_HASH_SIZE];
    char *path = NULL, *text = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_shipped_file(o->sweep, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_read_file(path, (size_t)16 << 20, &text, &size, err), done);
    GGDM_TRY_GOTO(
        st, ggdm_spec_parse(&ggdm_methods, text, size, path, o->sets, o->n_sets, &s->spec, err),
        done);
    GGDM_TRY_GOTO(st, ggdm_spec_freeze(&s->spec, text, o->sets, o->n_sets, &s->sweep_text, err),
                  done);
    GGDM_TRY_GOTO(st, ggdm_spec_digest(&s->spec, digest, err), done);
    ggdm_hash_hex(digest, s->sweep_digest);
done:
    free(path);
    free(text);
    return st;
}

static ggdm_plan_options plan_options(const ggdm_setup *s)
{
    ggdm_plan_options options = ggdm_plan_options_default();
    if (s->no_share)
        options.max_trajectories = 1;
    return options;
}

ggdm_growth ggdm_setup_growth(const ggdm_setup *s)
{
    return (ggdm_growth){&s->coster, s->spec.order, plan_options(s)};
}

ggdm_status ggdm_setup_plan(ggdm_setup *s, ggdm_error *err)
{
    const ggdm_plan_options options = plan_options(s);
    ggdm_plan_deinit(&s->plan);
    ggdm_status st = ggdm_plan_make(&s->cells, &s->coster, &options, &s->plan, err);
    if (st != GGDM_OK) /* what its programs need of models and conditions */
        return ggdm_error_prefix(err, "%s", s->spec.where);
    return s->shards ? ggdm_plan_keep_shard(&s->plan, s->shard, s->shards, err) : GGDM_OK;
}

static ggdm_status expand_sweep(ggdm_setup *s, ggdm_error *err)
{
    const ggdm_resolver resolver = ggdm_setup_resolver(s);
    s->known.pictures = &s->outfit.pictures;
    GGDM_TRY(ggdm_costs_create(&s->known, &s->costs, &s->coster, err));
    GGDM_TRY(ggdm_cells_expand(&s->spec, &resolver, &s->cells, err));
    ggdm_setup_warn_of_judges(s);
    GGDM_TRY(ggdm_setup_check_chains(s, err));
    GGDM_TRY(ggdm_setup_note_scorers(s, err));
    return ggdm_setup_plan(s, err);
}

/* Where none is given: that of a run whose own copy of the sweep this is, else one of its name. */
static ggdm_status choose_run_dir(ggdm_setup *s, const char *given, ggdm_error *err)
{
    char *folder = NULL, *store = NULL;
    if (given)
        return ggdm_strdup(given, &s->run_dir, err);
    if (s->shards)
        return ggdm_asprintf(&s->run_dir, err, "runs/%s/shards/%d", s->spec.name, s->shard);
    ggdm_status st = ggdm_folder_of(s->spec.where, &folder, err);
    if (st == GGDM_OK)
        st = ggdm_path_join(folder, GGDM_STORE_FILE, &store, err);
    if (st == GGDM_OK)
        st = ggdm_exists(store) ? ggdm_strdup(folder, &s->run_dir, err)
                                : ggdm_asprintf(&s->run_dir, err, "runs/%s", s->spec.name);
    free(folder);
    free(store);
    return st;
}

ggdm_status ggdm_setup_check_shards(const ggdm_setup *s, ggdm_error *err)
{
    if (!s->spec.until.at_most)
        return GGDM_OK;
    GGDM_FAIL(err, GGDM_EINVAL, "expected none with shards, which do not see each other's images");
    return ggdm_spec_blame(&s->spec, "until", err);
}

static ggdm_status make_setup(ggdm_setup *s, const ggdm_setup_options *options, ggdm_error *err)
{
    GGDM_TRY(read_sweep(s, options, err));
    GGDM_TRY(choose_run_dir(s, options->run, err));
    if (s->shards)
        GGDM_TRY(ggdm_setup_check_shards(s, err));
    resolve_job(s, options);
    if (ggdm_startup_precision(&s->outfit.job.precision, &s->outfit.isa, err) != GGDM_OK)
        return ggdm_spec_blame(&s->spec, "precision", err);
    GGDM_TRY(ggdm_isa_pin(s->outfit.isa, err));
    GGDM_TRY(ggdm_startup_bits(s->outfit.job.precision, s->outfit.bits, err));
    GGDM_TRY(expand_sweep(s, err));
    return ggdm_setup_check_sheet(s, err);
}

ggdm_status ggdm_setup_make(const ggdm_setup_options *options, ggdm_isa isa, ggdm_setup *out,
                            ggdm_error *err)
{
    *out = (ggdm_setup){.outfit.isa = isa,
                        .no_share = options->no_share,
                        .add = options->add,
                        .shard = options->shard,
                        .shards = options->shards};
    ggdm_status st = make_setup(out, options, err);
    if (st != GGDM_OK)
        ggdm_setup_deinit(out);
    return st;
}

void ggdm_setup_deinit(ggdm_setup *s)
{
    ggdm_plan_deinit(&s->plan);
    ggdm_cells_deinit(&s->cells);
    ggdm_costs_destroy(&s->costs);
    ggdm_setup_models_deinit(s);
    ggdm_setup_files_deinit(s);
    ggdm_outfit_deinit(&s->outfit);
    ggdm_spec_deinit(&s->spec);
    free(s->sweep_text);
    free(s->run_dir);
    free(s->notes);
    *s = (ggdm_setup){0};
}
