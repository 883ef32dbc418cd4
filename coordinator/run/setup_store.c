/* A setup and its run directory: is the run there one of this sweep, and opening or making its
 * store.
 */
#include "coordinator/run/setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/temp.h"
#include "common/version.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/run/run_dir.h"
#include "coordinator/run/setup_models.h"
#include "coordinator/world/blame.h"
#include "models/nn/onednn.h"
#include "worker/kinds.h"

static ggdm_status same_text(const ggdm_setup *s, const char *what, const char *recorded,
                             const char *now, const char *remedy, ggdm_error *err)
{
    if (!recorded || strcmp(recorded, now) == 0)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_ESTATE,
                     "run directory %s: %s was '%s' when the run began, now '%s'%s", s->run_dir,
                     what, recorded, now, remedy);
}

static ggdm_status another_sweep(const ggdm_setup *s, ggdm_store *store, bool can_add,
                                 ggdm_error *err)
{
    ggdm_spec old = {0};
    ggdm_error why = {.msg = "the sweep differs"};
    char *text = NULL;
    if (ggdm_store_sweep_text(store, 1, &text, NULL) == GGDM_OK &&
        ggdm_spec_parse(&ggdm_methods, text, strlen(text), "sweep.yaml", NULL, 0, &old, NULL) ==
            GGDM_OK)
        ggdm_spec_same(&old, &s->spec, &why);
    ggdm_spec_deinit(&old);
    free(text);
    return GGDM_FAIL(err, GGDM_ESTATE,
                     "run directory %s was made from another sweep than %s: %.400s; expected the "
                     "same sweep, %sor another --run DIR",
                     s->run_dir, s->spec.where, why.msg,
                     can_add ? "--add to add the cells of this one, " : "");
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
    } facts[] = {{"the version of oneDNN", info->library, ggdm_onednn_version()},
                 {"the digest of the self-check (what processor, library and ggdm compute)",
                  info->bits, bits}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (facts[i].was && *facts[i].was)
            GGDM_TRY(same_text(s, facts[i].what, facts[i].was, facts[i].now, remedy, err));
    return GGDM_OK;
}

/* Precision, instruction set, processor and library: what a run fixes.  (Models are in the recipes:
 * other weights are other cells.) */
static ggdm_status same_machinery(const ggdm_setup *s, const ggdm_run_info *info, ggdm_error *err)
{
    char remedy[128];
    snprintf(remedy, sizeof remedy,
             "; set GGDM_ISA=%s on machines that have it, or use another --run DIR",
             info->isa ? info->isa : "");
    GGDM_TRY(same_text(s, "precision", ggdm_precision_names[info->precision],
                       ggdm_precision_names[s->outfit.job.precision], "", err));
    GGDM_TRY(
        same_text(s, "the instruction set", info->isa, ggdm_isa_name(s->outfit.isa), remedy, err));
    return same_bits(s, info, err);
}

/* The models that the run's recipes name must still be what they were. */
static ggdm_status same_models(const ggdm_setup *s, ggdm_store *store, ggdm_error *err)
{
    int32_t n = 0;
    const ggdm_store_model *models = ggdm_store_models(store, &n);
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < s->n_models; k++)
            if (strcmp(models[i].name, s->models[k].name) == 0) {
                char what[160];
                snprintf(what, sizeof what, "the digest (SHA-256) of the model '%.80s'",
                         models[i].name);
                GGDM_TRY(same_text(s, what, models[i].digest, s->models[k].digest, "", err));
            }
    return GGDM_OK;
}

/* And the files what they were when this sweep came. */
static ggdm_status same_files(const ggdm_setup *s, ggdm_store *store, ggdm_error *err)
{
    for (size_t i = 0; i < s->n_files; i++) {
        char what[160], *was = NULL;
        GGDM_TRY(ggdm_store_file_digest(store, s->sweep_digest, s->files[i].name, &was, err));
        snprintf(what, sizeof what, "the digest of the picture '%.80s'", s->files[i].name);
        ggdm_status st = same_text(s, what, was, s->files[i].digest, "", err);
        free(was);
        if (st != GGDM_OK)
            return st;
    }
    return GGDM_OK;
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
    ggdm_status st = same_machinery(s, info, err);
    if (st == GGDM_OK && has)
        st = same_models(s, store, err);
    if (st == GGDM_OK && has)
        st = same_files(s, store, err);
    return has || s->add ? st : another_sweep(s, store, st == GGDM_OK, err);
}

/* Looks only: who goes on opens the store to write. */
static ggdm_status state_of_run(const ggdm_setup *s, ggdm_run_state *state,
                                ggdm_store_counts *counts, ggdm_error *err)
{
    ggdm_store *store = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_store_read(s->run_dir, &store, err), done);
    GGDM_TRY_GOTO(st, ggdm_store_check_version(store, err), done);
    bool add;
    GGDM_TRY_GOTO(st, same_run(s, store, &add, err), done);
    const ggdm_store_counts *c = ggdm_store_counts_get(store);
    if (counts)
        *counts = *c;
    bool left = !ggdm_store_is_done(store);
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
    return ggdm_setup_plan(s, err);
}

static ggdm_status compare_plans(ggdm_setup *s, ggdm_store *store, ggdm_setup_found *out,
                                 ggdm_error *err)
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
    return ggdm_dir_done(&store, compare_plans(s, store, out, err), err);
}

/* Texts and pixels of a batch are borrowed. */
typedef struct brought {
    ggdm_store_model *models;
    ggdm_store_asset *assets;
} brought;

static void free_brought(brought *b)
{
    free(b->models);
    free(b->assets);
}

/* What the sweep brings into a store. */
static ggdm_status make_batch(const ggdm_setup *s, brought *b, ggdm_store_batch *out,
                              ggdm_error *err)
{
    const ggdm_pictures *pictures = &s->outfit.pictures;
    GGDM_TRY(ggdm_alloc(&b->models, (size_t)s->n_models, sizeof *b->models, err));
    GGDM_TRY(ggdm_alloc(&b->assets, pictures->n, sizeof *b->assets, err));
    for (int32_t i = 0; i < s->n_models; i++)
        b->models[i] = (ggdm_store_model){s->models[i].digest, s->models[i].name};
    for (size_t i = 0; i < pictures->n; i++) {
        const ggdm_picture *p = &pictures->items[i];
        b->assets[i] = (ggdm_store_asset){.digest = p->digest,
                                          .media = "image/raw",
                                          .height = p->height,
                                          .width = p->width,
                                          .channels = p->channels,
                                          .data = p->data,
                                          .size = ggdm_picture_bytes(p)};
    }
    *out = (ggdm_store_batch){.sweep = {s->sweep_text, s->sweep_digest},
                              .cells = &s->cells,
                              .plan = &s->plan,
                              .models = b->models,
                              .n_models = (size_t)s->n_models,
                              .assets = b->assets,
                              .n_assets = pictures->n,
                              .files = s->files,
                              .n_files = s->n_files};
    return GGDM_OK;
}

static ggdm_status create_store(const ggdm_setup *s, ggdm_error *err)
{
    char version[32], isa[16], library[48], processor[GGDM_PROCESSOR_SIZE];
    char bits[GGDM_HASH_TEXT_SIZE];
    brought b = {NULL};
    ggdm_store_batch batch;
    snprintf(version, sizeof version, "%s", ggdm_version);
    snprintf(library, sizeof library, "%s", ggdm_onednn_version());
    snprintf(isa, sizeof isa, "%s", ggdm_isa_name(s->outfit.isa));
    ggdm_processor_name(processor);
    ggdm_hash_hex(s->outfit.bits, bits);
    const ggdm_run_info info = {.name = s->spec.name,
                                .isa = isa,
                                .precision = s->outfit.job.precision,
                                .version = version,
                                .library = library,
                                .processor = processor,
                                .bits = bits,
                                .notes = s->notes,
                                .sheet = s->spec.sheet};
    GGDM_TRY(ggdm_make_dirs(s->run_dir, err));
    ggdm_status st = make_batch(s, &b, &batch, err);
    if (st == GGDM_OK)
        st = ggdm_store_create(s->run_dir, &info, &batch, err);
    free_brought(&b);
    return st;
}

/* Add the sweep's cells; what is there already is not planned again. */
static ggdm_status add_sweep(ggdm_setup *s, ggdm_store *store, ggdm_error *err)
{
    ggdm_store_matched m;
    brought b = {NULL};
    ggdm_store_batch batch;
    char more[96] = "";
    GGDM_TRY(plan_rest(s, store, &m, err));
    ggdm_status st = make_batch(s, &b, &batch, err);
    if (st == GGDM_OK)
        st = ggdm_store_add(store, ggdm_wall_clock(), &batch, err);
    free_brought(&b);
    if (st != GGDM_OK)
        return st;
    if (m.cancelled)
        snprintf(more, sizeof more, ", %d cancelled ones put back", m.cancelled);
    if (m.unscored)
        snprintf(more + strlen(more), sizeof more - strlen(more), ", %d to be scored", m.unscored);
    ggdm_log(GGDM_LOG_INFO,
             "cells of %s added to the run in %s: %d new, %d already done, %d already queued%s",
             s->spec.where, s->run_dir, m.fresh, m.done, m.queued, more);
    return GGDM_OK;
}

/* Workers need the models of all sweeps of the run, not only those of this one. */
static ggdm_status add_models(ggdm_setup *s, const ggdm_store *store, ggdm_error *err)
{
    int32_t n = 0;
    const ggdm_store_model *models = ggdm_store_models(store, &n);
    for (int32_t i = 0; i < n; i++)
        GGDM_TRY(ggdm_setup_add_model(s, models[i].name, models[i].digest, err));
    return GGDM_OK;
}

static ggdm_status complete_store(ggdm_setup *s, ggdm_run_state state, ggdm_store *store,
                                  ggdm_error *err)
{
    if (state == GGDM_RUN_ADD)
        GGDM_TRY(add_sweep(s, store, err));
    /* After the store, which holds the texts, too, so that a start that was killed leaves nothing
     * that looks like somebody else's directory. */
    GGDM_TRY(ggdm_run_dir_freeze_sweeps(store, s->run_dir, err));
    GGDM_TRY(add_models(s, store, err));
    GGDM_TRY(ggdm_setup_add_pictures(s, store, err));
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
    ggdm_store_options run = {.mode = GGDM_STORE_RUN, .threads = s->outfit.job.threads};
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
