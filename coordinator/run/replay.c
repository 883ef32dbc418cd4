#include "coordinator/run/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/png_image.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/run/setup.h"
#include "coordinator/run/setup_models.h"
#include "jobs/recipe.h"
#include "models/nn/onednn.h"
#include "worker/kinds.h"

struct ggdm_replay {
    ggdm_store *store;
    ggdm_setup setup; /* of the run, without a sweep: its models and pictures, as far as needed */
    ggdm_executor *executor; /* NULL: the models have changed, or there were none yet */
};

/* ---- the machine --------------------------------------------------------------------------- */

static ggdm_status find_isa(const char *name, ggdm_isa *out)
{
    for (int i = 0; i < GGDM_N_ISAS; i++)
        if (strcmp(ggdm_isa_name((ggdm_isa)i), name) == 0) {
            *out = (ggdm_isa)i;
            return GGDM_OK;
        }
    return GGDM_EFORMAT;
}

/* Not an error: whether the pixels are the same shows when they are compared. */
static ggdm_status note_bits(ggdm_setup *s, const ggdm_run_info *info, ggdm_error *err)
{
    char bits[GGDM_HASH_TEXT_SIZE], processor[GGDM_PROCESSOR_SIZE];
    GGDM_TRY(ggdm_startup_bits(info->precision, s->outfit.bits, err));
    ggdm_hash_hex(s->outfit.bits, bits);
    ggdm_processor_name(processor);
    if (info->bits && *info->bits && strcmp(info->bits, bits) != 0)
        ggdm_log(GGDM_LOG_WARN,
                 "processor and library give other bits here (%s, %s) than where the run began "
                 "(%s, %s): images may differ",
                 processor, ggdm_onednn_version(), info->processor, info->library);
    return GGDM_OK;
}

/* Instruction set and precision are the run's. */
static ggdm_status pin_machine(ggdm_replay *r, ggdm_error *err)
{
    const ggdm_run_info *info = ggdm_store_run_info(r->store);
    ggdm_setup *s = &r->setup;
    ggdm_isa here;
    GGDM_TRY(ggdm_isa_choose(&here, err));
    if (find_isa(info->isa ? info->isa : "", &s->outfit.isa) != GGDM_OK)
        return GGDM_FAIL(err, GGDM_EFORMAT, "run directory %s: unknown instruction set '%s'",
                         s->run_dir, info->isa);
    if (s->outfit.isa > here)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "run directory %s: its images were made in %s with the instruction set "
                         "'%s', %s has at most '%s': they can be the same to the bit only on a "
                         "machine that has it",
                         s->run_dir, ggdm_precision_names[info->precision], info->isa,
                         getenv("GGDM_ISA") ? "GGDM_ISA" : "this machine", ggdm_isa_name(here));
    GGDM_TRY(ggdm_isa_pin(s->outfit.isa, err));
    s->outfit.job.precision = info->precision;
    return note_bits(s, info, err);
}

/* ---- life ---------------------------------------------------------------------------------- */

static ggdm_status open_replay(ggdm_replay *r, const char *dir, int32_t threads, ggdm_error *err)
{
    ggdm_setup *s = &r->setup;
    s->outfit.job = (ggdm_job){.batch = 1, .threads = threads};
    s->known.pictures = &s->outfit.pictures;
    GGDM_TRY(ggdm_dir_read(dir, &r->store, err));
    GGDM_TRY(ggdm_strdup(dir, &s->run_dir, err));
    GGDM_TRY(
        ggdm_path_join(dir, "sweep.yaml", &s->spec.where, err)); /* whose names are looked up */
    GGDM_TRY(pin_machine(r, err));
    return ggdm_setup_add_pictures(s, r->store, err);
}

ggdm_status ggdm_replay_open(const char *dir, int32_t threads, ggdm_replay **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    ggdm_status st = open_replay(*out, dir, threads, err);
    return st == GGDM_OK ? st : ggdm_replay_done(out, st, err);
}

ggdm_status ggdm_replay_done(ggdm_replay **replay, ggdm_status st, ggdm_error *err)
{
    ggdm_replay *r = *replay;
    *replay = NULL;
    if (!r)
        return st;
    ggdm_executor_destroy(&r->executor);
    ggdm_setup_deinit(&r->setup);
    st = ggdm_dir_done(&r->store, st, err);
    free(r);
    return st;
}

ggdm_store *ggdm_replay_store(const ggdm_replay *replay)
{
    return replay->store;
}

void ggdm_replayed_deinit(ggdm_replayed *replayed)
{
    ggdm_sample_deinit(&replayed->made);
    ggdm_sample_deinit(&replayed->stored);
}

static void put_end(const ggdm_sample *s, char *text, size_t size)
{
    if (s->diverged_step >= 0)
        snprintf(text, size, "diverged in step %d", s->diverged_step);
    else
        snprintf(text, size, "%s", s->diverged ? "diverged" : "did not diverge");
}

void ggdm_replayed_text(const ggdm_replayed *p, char *text, size_t size)
{
    char made[32], stored[32];
    put_end(&p->made, made, sizeof made);
    put_end(&p->stored, stored, sizeof stored);
    if (p->same)
        snprintf(text, size, "the same to the bit");
    else if (p->differing < 0)
        snprintf(text, size, "what is stored is no such image");
    else if (p->differing)
        snprintf(text, size, "%lld of %lld values of pixels differ", (long long)p->differing,
                 (long long)p->values);
    else
        snprintf(text, size, "it %s, the stored one %s", made, stored);
}

/* ---- models -------------------------------------------------------------------------------- */

static ggdm_status add_model(void *context, const ggdm_item *item, const ggdm_param *row,
                             ggdm_value *value, const char *path, ggdm_error *err)
{
    ggdm_replay *r = context;
    const char *digest = value->scalar.text;
    int32_t n = 0;
    (void)item;
    if (row->type != GGDM_PARAM_MODEL || !digest || ggdm_models_find(&r->setup.known, digest))
        return GGDM_OK;
    const ggdm_store_model *models = ggdm_store_models(r->store, &n);
    for (int32_t i = 0; i < n; i++)
        if (strcmp(models[i].digest, digest) == 0) {
            ggdm_executor_destroy(&r->executor);
            ggdm_status st = ggdm_setup_add_model(&r->setup, models[i].name, digest, err);
            return st == GGDM_OK ? st
                                 : ggdm_error_prefix(err,
                                                     "model '%.100s' (%.12s...) of the run in %s "
                                                     "(its models.json can say where)",
                                                     models[i].name, digest, r->setup.run_dir);
        }
    return GGDM_FAIL(err, GGDM_EFORMAT, "%s: model %s is none of this run", path, digest);
}

static ggdm_status add_models_of(ggdm_replay *r, const char *family, const char *text,
                                 ggdm_error *err)
{
    ggdm_arena arena = {0};
    ggdm_item *item = NULL;
    ggdm_status st = ggdm_recipe_parse(&ggdm_methods, &arena, family, text, &item, err);
    if (st == GGDM_OK && item)
        st = ggdm_item_visit(item, add_model, r, err);
    ggdm_arena_deinit(&arena);
    return st;
}

static ggdm_status get_ready(ggdm_replay *r, const ggdm_unit *unit, ggdm_error *err)
{
    const ggdm_setup *s = &r->setup;
    GGDM_TRY(add_models_of(r, GGDM_FAMILY_STAGE, unit->head, err));
    for (int32_t i = 0; i < unit->n_settings; i++)
        GGDM_TRY(add_models_of(r, GGDM_FAMILY_GUIDANCE, unit->settings[i], err));
    if (r->executor)
        return GGDM_OK;
    return ggdm_executor_create(&s->outfit.job, &ggdm_methods, &s->known, &r->executor, err);
}

/* ---- images -------------------------------------------------------------------------------- */

/* Of the executor's sink. */
typedef struct looking {
    ggdm_sample *made;
    void (*watch)(void *context, const ggdm_tick_view *view);
    void *context;
} looking;

static bool on_step(void *context, int64_t done, int64_t total)
{
    (void)context;
    (void)done;
    (void)total;
    return true;
}

static void on_tick(void *context, const ggdm_tick_view *view)
{
    const looking *l = context;
    l->watch(l->context, view);
}

static ggdm_status on_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    ggdm_sample *made = ((looking *)context)->made;
    *made = (ggdm_sample){.trajectory = sample->trajectory,
                          .index = sample->index,
                          .diverged = sample->diverged,
                          .diverged_step = sample->diverged_step,
                          .media = sample->media};
    GGDM_TRY(ggdm_alloc(&made->data, sample->size, 1, err));
    memcpy(made->data, sample->data, sample->size);
    made->size = sample->size;
    return GGDM_OK;
}

/* By pixels: another zlib packs the same ones otherwise. */
static ggdm_status compare(ggdm_replayed *p, ggdm_error *err)
{
    ggdm_pixels a = {0}, b = {0};
    ggdm_status st = ggdm_png_decode(p->made.data, p->made.size, GGDM_PNG_MAX_SIDE, &a, err);
    p->values = (int64_t)a.width * a.height * a.channels;
    const bool is_image = st == GGDM_OK && ggdm_png_decode(p->stored.data, p->stored.size,
                                                           GGDM_PNG_MAX_SIDE, &b, NULL) == GGDM_OK;
    if (is_image && a.width == b.width && a.height == b.height && a.channels == b.channels) {
        for (int64_t i = 0; i < p->values; i++)
            p->differing += a.data[i] != b.data[i];
    } else {
        p->differing = -1;
    }
    p->same = p->differing == 0 && p->made.diverged == p->stored.diverged &&
              p->made.diverged_step == p->stored.diverged_step;
    ggdm_pixels_deinit(&a);
    ggdm_pixels_deinit(&b);
    return st;
}

static ggdm_status find_stored(ggdm_replay *r, int64_t trajectory, int32_t index,
                               ggdm_sample *stored, ggdm_error *err)
{
    bool found;
    GGDM_TRY(ggdm_store_sample(r->store, trajectory, index, stored, &found, err));
    if (!found)
        return GGDM_FAIL(err, GGDM_EINVAL, "run directory %s: image %d is not there (yet)",
                         r->setup.run_dir, index);
    return GGDM_OK;
}

static ggdm_status make(ggdm_replay *r, const ggdm_unit *unit, looking *l, ggdm_error *err)
{
    const ggdm_executor_sink sink = {
        .context = l, .step = on_step, .sample = on_sample, .watch = l->watch ? on_tick : NULL};
    GGDM_TRY(get_ready(r, unit, err));
    return ggdm_executor_run(r->executor, unit, &sink, err);
}

ggdm_status ggdm_replay_image(ggdm_replay *r, int64_t trajectory, int32_t index,
                              void (*watch)(void *context, const ggdm_tick_view *view),
                              void *context, ggdm_replayed *out, ggdm_error *err)
{
    looking l = {.made = &out->made, .watch = watch, .context = context};
    ggdm_unit unit = {0};
    *out = (ggdm_replayed){.same = false};
    ggdm_status st = find_stored(r, trajectory, index, &out->stored, err);
    if (st == GGDM_OK)
        st = ggdm_store_leaf(r->store, trajectory, index, &unit, err);
    if (st == GGDM_OK)
        st = make(r, &unit, &l, err);
    if (st == GGDM_OK)
        st = compare(out, err);
    ggdm_unit_deinit(&unit);
    if (st != GGDM_OK)
        ggdm_replayed_deinit(out);
    return st;
}
