#include "coordinator/run/setup_models.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/shipped.h"
#include "common/version.h"
#include "coordinator/world/blame.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/run/run_dir.h"
#include "models/nn/onednn.h"

/* ---- the whole ---- */

static void resolve_job(ggdm_setup *s, const ggdm_setup_options *options)
{
    ggdm_job *job = &s->outfit.job;
    *job = s->sweep.job;
    if (options->batch > 0)
        job->batch = options->batch;
    if (options->threads > 0)
        job->threads = options->threads;
    if (job->threads <= 0)
        job->threads = 1;
}

/* The batch where neither the sweep nor the command line says one: the precision must be settled.
 */
static void set_batch(ggdm_job *job)
{
    if (job->batch <= 0)
        job->batch =
            job->threads * (job->precision == GGDM_PRECISION_BF16 ? GGDM_DEFAULT_BATCH_BF16
                                                                  : GGDM_DEFAULT_BATCH_FP32);
}

static ggdm_status read_sweep(ggdm_setup *s, const char *name, ggdm_error *err)
{
    size_t size;
    uint8_t digest[GGDM_HASH_SIZE];
    char *path = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_shipped_file(name, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_read_file(path, (size_t)16 << 20, &s->sweep_text, &size, err), done);
    GGDM_TRY_GOTO(st, ggdm_sweep_parse(s->sweep_text, size, path, &s->sweep, err), done);
    GGDM_TRY_GOTO(st, ggdm_sweep_digest(&s->sweep, digest, err), done);
    ggdm_hash_hex(digest, s->sweep_digest);
done:
    free(path);
    return st;
}

static ggdm_status plan(ggdm_setup *s, ggdm_error *err)
{
    ggdm_plan_options options = ggdm_plan_options_default();
    const ggdm_arch_info *x = &s->info[GGDM_ROLE_DIFFUSION];
    s->image_bytes = (size_t)x->size * (size_t)x->size * (size_t)x->channels * sizeof(float);
    options.image_bytes = s->image_bytes;
    if (s->no_share)
        options.max_trajectories = 1;
    GGDM_TRY(ggdm_plan_make(&s->sweep, &s->cells, &options, &s->plan, err));
    return s->shards ? ggdm_plan_keep_shard(&s->plan, s->shard, s->shards, err) : GGDM_OK;
}

static ggdm_status expand(ggdm_setup *s, ggdm_error *err)
{
    ggdm_key_context context = {.precision = s->outfit.job.precision,
                                .isa = ggdm_isa_name(s->outfit.isa)};
    memcpy(context.diffusion, s->outfit.files[GGDM_ROLE_DIFFUSION].digest, GGDM_HASH_SIZE);
    memcpy(context.guide, s->outfit.files[GGDM_ROLE_GUIDE].digest, GGDM_HASH_SIZE);
    GGDM_TRY(ggdm_cells_expand(&s->sweep, &context, &s->cells, err));
    return plan(s, err);
}

/* Where none is given: that of a run whose own copy of the sweep this is, else one of its name. */
static ggdm_status choose_run_dir(ggdm_setup *s, const char *given, ggdm_error *err)
{
    char *folder = NULL, *store = NULL;
    if (given)
        return ggdm_strdup(given, &s->run_dir, err);
    if (s->shards)
        return ggdm_asprintf(&s->run_dir, err, "runs/%s/shards/%d", s->sweep.name, s->shard);
    ggdm_status st = ggdm_folder_of(s->sweep.where, &folder, err);
    if (st == GGDM_OK)
        st = ggdm_path_join(folder, GGDM_STORE_FILE, &store, err);
    if (st == GGDM_OK)
        st = ggdm_exists(store) ? ggdm_strdup(folder, &s->run_dir, err)
                                : ggdm_asprintf(&s->run_dir, err, "runs/%s", s->sweep.name);
    free(folder);
    free(store);
    return st;
}

static ggdm_status make(ggdm_setup *s, const ggdm_setup_options *options, ggdm_error *err)
{
    GGDM_TRY(read_sweep(s, options->sweep, err));
    GGDM_TRY(choose_run_dir(s, options->run, err));
    resolve_job(s, options);
    if (ggdm_startup_precision(&s->outfit.job.precision, &s->outfit.isa, err) != GGDM_OK)
        return ggdm_sweep_blame(&s->sweep, "precision", err);
    GGDM_TRY(ggdm_isa_pin(s->outfit.isa, err));
    GGDM_TRY(ggdm_startup_bits(s->outfit.job.precision, s->outfit.bits, err));
    set_batch(&s->outfit.job);
    GGDM_TRY(ggdm_setup_open_models(s, err));
    GGDM_TRY(expand(s, err));
    return ggdm_setup_check_targets(s, err);
}

ggdm_status ggdm_setup_make(const ggdm_setup_options *options, ggdm_isa isa, ggdm_setup *out,
                            ggdm_error *err)
{
    *out = (ggdm_setup){.outfit.isa = isa,
                        .no_share = options->no_share,
                        .add = options->add,
                        .shard = options->shard,
                        .shards = options->shards};
    ggdm_status st = make(out, options, err);
    if (st != GGDM_OK)
        ggdm_setup_deinit(out);
    return st;
}

void ggdm_setup_deinit(ggdm_setup *s)
{
    ggdm_plan_deinit(&s->plan);
    ggdm_cells_deinit(&s->cells);
    ggdm_outfit_deinit(&s->outfit);
    ggdm_sweep_deinit(&s->sweep);
    free(s->sweep_text);
    free(s->run_dir);
    free(s->notes);
    *s = (ggdm_setup){0};
}

/* ---- the run directory ---- */

static ggdm_status same_text(const ggdm_setup *s, const char *what, const char *recorded,
                             const char *now, const char *remedy, ggdm_error *err)
{
    if (!recorded || strcmp(recorded, now) == 0)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_ESTATE,
                     "run directory %s: %s was '%s' when the run began, now '%s'%s", s->run_dir,
                     what, recorded, now, remedy);
}

static ggdm_status another_sweep(const ggdm_setup *s, const ggdm_run_info *info, bool can_add,
                                 ggdm_error *err)
{
    ggdm_sweep old = {0};
    ggdm_error why = {.msg = "the sweep differs"};
    const char *text = info->sweep_text ? info->sweep_text : "";
    if (ggdm_sweep_parse(text, strlen(text), "sweep.yaml", &old, NULL) == GGDM_OK)
        ggdm_sweep_same(&old, &s->sweep, &why);
    ggdm_sweep_deinit(&old);
    return GGDM_FAIL(err, GGDM_ESTATE,
                     "run directory %s was made from another sweep than %s: %.400s; expected the "
                     "same sweep, %sor another --run DIR",
                     s->run_dir, s->sweep.where, why.msg,
                     can_add ? "--add to add the cells of this one, " : "");
}

/* All that the sweeps of one run have in common, beside models and machine. */
static ggdm_status same_job(const ggdm_setup *s, const ggdm_run_info *info, ggdm_error *err)
{
    const ggdm_job *old = &info->job, *job = &s->outfit.job;
    const struct {
        const char *what, *was, *now;
    } names[] = {
        {"sampler.variance", ggdm_variance_names[old->variance],
         ggdm_variance_names[job->variance]},
        {"guidance.gradient", ggdm_gradient_names[old->gradient],
         ggdm_gradient_names[job->gradient]},
        {"guidance.loss.form", ggdm_loss_form_names[old->form], ggdm_loss_form_names[job->form]},
        {"precision", ggdm_precision_names[old->precision], ggdm_precision_names[job->precision]}};
    const struct {
        const char *what;
        uint64_t was, now;
    } numbers[] = {{"seed", old->seed, job->seed},
                   {"samples", (uint64_t)info->samples, (uint64_t)s->sweep.samples},
                   {"sampler.steps", (uint64_t)old->steps, (uint64_t)job->steps},
                   {"sampler.clip_x0", old->clip_x0, job->clip_x0}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        GGDM_TRY(same_text(s, names[i].what, names[i].was, names[i].now, "", err));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char was[24], now[24];
        snprintf(was, sizeof was, "%" PRIu64, numbers[i].was);
        snprintf(now, sizeof now, "%" PRIu64, numbers[i].now);
        GGDM_TRY(same_text(s, numbers[i].what, was, now, "", err));
    }
    return GGDM_OK;
}

/* That images to come have the bits that those stored would have here: by the digest of the
 * self-check, and by the library's version, which may differ elsewhere. */
static ggdm_status same_bits(const ggdm_setup *s, const ggdm_run_info *info, ggdm_error *err)
{
    static const char remedy[] = "; images made here would not be the same to the bit: go on where "
                                 "the run began, or use another --run DIR";
    char bits[GGDM_HASH_TEXT_SIZE];
    ggdm_hash_hex(s->outfit.bits, bits);
    const struct {
        const char *what, *was, *now;
    } facts[] = {
        {"the version of oneDNN", info->library, ggdm_onednn_version()},
        {"the digest of the self-check (what processor and library compute)", info->bits, bits}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (facts[i].was && *facts[i].was)
            GGDM_TRY(same_text(s, facts[i].what, facts[i].was, facts[i].now, remedy, err));
    return GGDM_OK;
}

/* Models, instruction set, processor and library. */
static ggdm_status same_machinery(const ggdm_setup *s, const ggdm_run_info *info, ggdm_error *err)
{
    const char *const recorded[] = {info->model_digest, info->guide_digest, info->judge_digest};
    for (int role = 0; role < GGDM_N_ROLES; role++) {
        char hex[GGDM_HASH_TEXT_SIZE] = "";
        if (s->outfit.files[role].config)
            ggdm_hash_hex(s->outfit.files[role].digest, hex);
        char what[64];
        snprintf(what, sizeof what, "the digest (SHA-256) of %s", ggdm_role_fields[role]);
        GGDM_TRY(same_text(s, what, recorded[role], hex, "", err));
    }
    char remedy[128];
    snprintf(remedy, sizeof remedy,
             "; set GGDM_ISA=%s on machines that have it, or use another --run DIR",
             info->isa ? info->isa : "");
    GGDM_TRY(
        same_text(s, "the instruction set", info->isa, ggdm_isa_name(s->outfit.isa), remedy, err));
    return same_bits(s, info, err);
}

/* Is the run in the store one of this setup, or one that it can be added to (*add)? */
static ggdm_status same_run(const ggdm_setup *s, ggdm_store *store, bool *add, ggdm_error *err)
{
    const ggdm_run_info *info = ggdm_store_run_info(store);
    bool has;
    GGDM_TRY(ggdm_store_has_sweep(store, s->sweep_digest, &has, err));
    *add = !has;
    char was[32], now[32];
    snprintf(was, sizeof was, "%d/%d", info->shard, info->shards);
    snprintf(now, sizeof now, "%d/%d", s->shard, s->shards);
    GGDM_TRY(same_text(s, "--shard (0/0: all of the run)", was, now, "", err));
    if (has)
        return same_machinery(s, info, err);
    ggdm_status st = same_job(s, info, err);
    if (st == GGDM_OK)
        st = same_machinery(s, info, err);
    return s->add ? st : another_sweep(s, info, st == GGDM_OK, err);
}

/* Looks only: who goes on opens the store to write, and migrates an older one. */
static ggdm_status state_of_run(const ggdm_setup *s, ggdm_run_state *state,
                                ggdm_store_counts *counts, ggdm_error *err)
{
    ggdm_store *store = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_store_read(s->run_dir, &store, err), done);
    bool add;
    GGDM_TRY_GOTO(st, same_run(s, store, &add, err), done);
    const ggdm_store_counts *c = ggdm_store_counts_get(store);
    if (counts)
        *counts = *c;
    bool left =
        c->units[GGDM_UNIT_READY] + c->units[GGDM_UNIT_RUNNING] + c->units[GGDM_UNIT_FAILED] > 0;
    bool products = false;
    if (!left)
        st = ggdm_run_dir_has_products(store, s->run_dir, &products, err);
    *state = add        ? GGDM_RUN_ADD
             : left     ? GGDM_RUN_STARTED
             : products ? GGDM_RUN_COMPLETE
                        : GGDM_RUN_UNITS_DONE;
done:
    ggdm_store_close(&store);
    return st;
}

ggdm_status ggdm_setup_run_state(const ggdm_setup *s, ggdm_run_state *state,
                                 ggdm_store_counts *counts, ggdm_error *err)
{
    bool present = false;
    *state = GGDM_RUN_NEW;
    GGDM_TRY(ggdm_run_dir_check(s->run_dir, &present, err));
    if (s->add && !present)
        return GGDM_FAIL(err, GGDM_ESTATE,
                         "run directory %s: holds no run, expected one to add to (--add)",
                         s->run_dir);
    return present ? state_of_run(s, state, counts, err) : GGDM_OK;
}

/* Cells and plan of what the store lacks. */
static ggdm_status plan_rest(ggdm_setup *s, ggdm_store *store, ggdm_store_matched *matched,
                             ggdm_error *err)
{
    GGDM_TRY(ggdm_store_match(store, &s->cells, matched, err));
    ggdm_plan_deinit(&s->plan);
    return plan(s, err);
}

static ggdm_status compare(ggdm_setup *s, ggdm_store *store, ggdm_setup_found *out, ggdm_error *err)
{
    ggdm_store_work work;
    ggdm_setup adding = *s; /* borrows */
    adding.add = true;
    GGDM_TRY(ggdm_store_work_get(store, &work, err));
    double cost = ggdm_store_cost(store);
    out->counts = *ggdm_store_counts_get(store);
    out->done = cost > 0 ? (work.done + work.saved) / cost : 1;
    if (same_run(&adding, store, &out->other, &out->why) != GGDM_OK || !out->other)
        return GGDM_OK;
    return plan_rest(s, store, &out->matched, err);
}

ggdm_status ggdm_setup_look(ggdm_setup *s, ggdm_setup_found *out, ggdm_error *err)
{
    ggdm_store *store = NULL;
    ggdm_error why = {0};
    *out = (ggdm_setup_found){0};
    ggdm_status st = ggdm_dir_read(s->run_dir, &store, &why);
    if (st == GGDM_EINVAL) /* no run there */
        return GGDM_OK;
    if (st != GGDM_OK)
        return GGDM_FAIL(err, st, "%s", why.msg);
    out->present = true;
    return ggdm_dir_done(&store, compare(s, store, out, err), err);
}

static ggdm_status create_store(const ggdm_setup *s, ggdm_error *err)
{
    char hex[GGDM_N_ROLES][GGDM_HASH_TEXT_SIZE] = {"", "", ""};
    for (int role = 0; role < GGDM_N_ROLES; role++)
        if (s->outfit.files[role].config)
            ggdm_hash_hex(s->outfit.files[role].digest, hex[role]);
    char version[32], digest[GGDM_HASH_TEXT_SIZE];
    snprintf(version, sizeof version, "%s", ggdm_version);
    memcpy(digest, s->sweep_digest, sizeof digest);
    char isa[16], library[48], processor[GGDM_PROCESSOR_SIZE], bits[GGDM_HASH_TEXT_SIZE];
    snprintf(library, sizeof library, "%s", ggdm_onednn_version());
    snprintf(isa, sizeof isa, "%s", ggdm_isa_name(s->outfit.isa));
    ggdm_processor_name(processor);
    ggdm_hash_hex(s->outfit.bits, bits);
    const ggdm_run_info info = {
        .name = s->sweep.name,
        .sweep_text = s->sweep_text,
        .sweep_digest = digest,
        .isa = isa,
        .version = version,
        .library = library,
        .processor = processor,
        .bits = bits,
        .model = s->sweep.model,
        .model_digest = hex[GGDM_ROLE_DIFFUSION],
        .guide = s->sweep.guide,
        .guide_digest = hex[GGDM_ROLE_GUIDE],
        .judge = s->sweep.judge,
        .judge_digest = hex[GGDM_ROLE_JUDGE],
        .notes = s->notes,
        .samples = s->sweep.samples,
        .job = s->outfit.job,
    };
    GGDM_TRY(ggdm_make_dirs(s->run_dir, err));
    return ggdm_store_create(s->run_dir, &info, &s->cells, &s->plan, err);
}

/* Add the sweep's cells; what is there already is not planned again. */
static ggdm_status add_sweep(ggdm_setup *s, ggdm_store *store, ggdm_error *err)
{
    ggdm_store_matched m;
    GGDM_TRY(plan_rest(s, store, &m, err));
    GGDM_TRY(ggdm_store_add(store, ggdm_wall_clock(), s->sweep_text, s->sweep_digest, &s->cells,
                            &s->plan, err));
    char cancelled[48] = "";
    if (m.cancelled)
        snprintf(cancelled, sizeof cancelled, ", %d cancelled ones put back", m.cancelled);
    ggdm_log(GGDM_LOG_INFO,
             "cells of %s added to the run in %s: %d new, %d already done, %d already queued%s",
             s->sweep.where, s->run_dir, m.fresh, m.done, m.queued, cancelled);
    return GGDM_OK;
}

/* RUN/sweep.yaml, sweep-2.yaml ...: the frozen texts, after the store, which holds them too, so
 * that a start that was killed leaves nothing that looks like somebody else's directory. */
static ggdm_status freeze_sweep(const ggdm_setup *s, ggdm_store *store, int32_t i, ggdm_error *err)
{
    char name[GGDM_SWEEP_NAME_SIZE], *path = NULL, *text = NULL;
    ggdm_status st = GGDM_OK;
    ggdm_sweep_file_name(i, name);
    GGDM_TRY(ggdm_path_join(s->run_dir, name, &path, err));
    if (!ggdm_exists(path)) {
        st = ggdm_store_sweep_text(store, i, &text, err);
        if (st == GGDM_OK)
            st = ggdm_replace_file(path, text, strlen(text), err);
    }
    free(path);
    free(text);
    return st;
}

static ggdm_status complete_store(ggdm_setup *s, ggdm_run_state state, ggdm_store *store,
                                  ggdm_error *err)
{
    int32_t n = 0;
    if (state == GGDM_RUN_ADD)
        GGDM_TRY(add_sweep(s, store, err));
    GGDM_TRY(ggdm_store_n_sweeps(store, &n, err));
    for (int32_t i = 1; i <= n; i++)
        GGDM_TRY(freeze_sweep(s, store, i, err));
    return ggdm_setup_freeze_models(s, s->run_dir, err);
}

/* Not an error: the bits are the same there (same_bits). */
static void note_processor(const ggdm_store *store)
{
    const char *was = ggdm_store_run_info(store)->processor;
    char now[GGDM_PROCESSOR_SIZE];
    ggdm_processor_name(now);
    if (was && *was && strcmp(was, now) != 0)
        ggdm_log(GGDM_LOG_INFO, "the run began on another processor: %s; now %s", was, now);
}

ggdm_status ggdm_setup_open_store(ggdm_setup *s, ggdm_store **out, ggdm_error *err)
{
    ggdm_run_state state;
    bool successor = ggdm_blame_is_successor(getenv(GGDM_LOSS_ENV));
    GGDM_TRY(ggdm_run_dir_wait(s->run_dir, successor, err));
    GGDM_TRY(ggdm_setup_run_state(s, &state, NULL, err));
    if (state == GGDM_RUN_NEW)
        GGDM_TRY(create_store(s, err));
    ggdm_store_options run = {.mode = GGDM_STORE_RUN};
    ggdm_blame_to_store(getenv(GGDM_LOSS_ENV), &run);
    GGDM_TRY(ggdm_store_open(s->run_dir, &run, out, err));
    note_processor(*out);
    ggdm_status st = complete_store(s, state, *out, err);
    if (st == GGDM_OK)
        ggdm_store_publish(*out);
    else
        ggdm_store_close(out);
    return st;
}
