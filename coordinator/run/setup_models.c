/* The models and files of a sweep: found, opened, and checked against the sweep. */
#include "coordinator/run/setup_models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/transport.h"
#include "coordinator/run/model_paths.h"
#include "worker/cost.h"
#include "worker/kinds.h"
#include "worker/noise_levels.h"
#include "worker/programs.h"
#include "worker/said.h"

/* Append more (owned) where it is not there yet. */
static ggdm_status add_notes(char **notes, char *more, ggdm_error *err)
{
    char *joined = NULL;
    ggdm_status st = GGDM_OK;
    if (more && !(*notes && strstr(*notes, more))) {
        st = ggdm_asprintf(&joined, err, "%s%s%s", *notes ? *notes : "", *notes ? "\n" : "", more);
        if (st == GGDM_OK) {
            free(*notes);
            *notes = joined;
        }
    }
    free(more);
    return st;
}

/* The same of a line that is not owned; NULL: none. */
static ggdm_status add_note(char **notes, const char *line, ggdm_error *err)
{
    char *note = NULL;
    if (line)
        GGDM_TRY(ggdm_strdup(line, &note, err));
    return add_notes(notes, note, err);
}

/* ---- models -------------------------------------------------------------------------------- */

static ggdm_setup_model *find_by_name(const ggdm_setup *s, const char *name)
{
    for (int32_t i = 0; i < s->n_models; i++)
        if (strcmp(s->models[i].name, name) == 0)
            return &s->models[i];
    return NULL;
}

static const ggdm_model *find_by_digest(const ggdm_setup *s, const char *digest)
{
    return ggdm_models_find(&s->known, digest);
}

static ggdm_status grow_by_one(ggdm_setup *s, ggdm_error *err)
{
    ggdm_setup_model *models = realloc(s->models, ((size_t)s->n_models + 1) * sizeof *models);
    if (models)
        s->models = models;
    ggdm_model_ref *refs = realloc(s->refs, (s->known.n + 1) * sizeof *refs);
    if (refs)
        s->refs = refs;
    ggdm_outfit *o = &s->outfit;
    if (!o->models) /* its elements must not move: models refer to them */
        GGDM_TRY(ggdm_alloc(&o->models, GGDM_MAX_MODELS, sizeof *o->models, err));
    if (o->n_models == GGDM_MAX_MODELS)
        return GGDM_FAIL(err, GGDM_EINVAL, "more than %d models in a run", GGDM_MAX_MODELS);
    return models && refs ? GGDM_OK : GGDM_FAIL(err, GGDM_ENOMEM, "cannot keep another model");
}

/* The digests of refs are those of models, which may have moved. */
static void point_refs(ggdm_setup *s)
{
    s->known.items = s->refs;
    s->known.n = 0;
    for (int32_t i = 0; i < s->n_models; i++)
        if (s->models[i].model)
            s->refs[s->known.n++] =
                (ggdm_model_ref){s->models[i].digest, s->models[i].model, s->models[i].name};
}

/* Open a model by a name that is new: its weights must be finite and fit its config. */
static ggdm_status open_model(ggdm_setup *s, const char *name, ggdm_setup_model **out,
                              ggdm_error *err)
{
    ggdm_setup_model m = {.files = s->outfit.n_models};
    char *path = NULL;
    ggdm_status st;
    GGDM_TRY(grow_by_one(s, err));
    ggdm_model_files *files = &s->outfit.models[m.files];
    GGDM_TRY_GOTO(st, ggdm_strdup(name, &m.name, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_path_find(s->run_dir, s->spec.where, name, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_files_open(path, files, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_create(files, &m.model, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_check_finite(m.model, err), done);
    ggdm_hash_hex(files->digest, m.digest);
    for (int32_t i = 0; i < s->n_models && m.model; i++)
        if (strcmp(s->models[i].digest, m.digest) == 0) { /* the same under another name */
            m.files = s->models[i].files;
            ggdm_model_destroy(&m.model);
            ggdm_model_files_close(files);
        }
    s->outfit.n_models += m.model != NULL;
    s->models[s->n_models] = m;
    *out = &s->models[s->n_models++];
    point_refs(s);
done:
    free(path);
    if (st != GGDM_OK) {
        free(m.name);
        ggdm_model_destroy(&m.model);
        ggdm_model_files_close(files);
    }
    return st;
}

static ggdm_status take_model(ggdm_setup *s, const char *name, ggdm_setup_model **out,
                              ggdm_error *err)
{
    *out = find_by_name(s, name);
    return *out ? GGDM_OK : open_model(s, name, out, err);
}

/* Is it what the row wants? */
static ggdm_status check_port(const ggdm_arch_info *info, const ggdm_param *row, const char *name,
                              ggdm_error *err)
{
    static const struct {
        const char *port, *what;
    } whats[] = {{"eps", "a diffusion model"},
                 {"logits", "a classifier"},
                 {"features", "a classifier with inner layers"},
                 {"embedding", "a network of images and texts, as CLIP is"},
                 {"sequence", "a network that reads prompts, as CLIPTextModel is"}};
    const char *what = "another";
    if (ggdm_arch_has_port(info, row->port))
        return GGDM_OK;
    for (size_t i = 0; i < sizeof whats / sizeof *whats; i++)
        if (strcmp(row->port, whats[i].port) == 0)
            what = whats[i].what;
    return GGDM_FAIL(err, GGDM_EINVAL, "model '%s' is a %s, expected %s (with the output '%s')",
                     name, info->class_name, what, row->port);
}

static ggdm_status check_takes(const ggdm_arch_info *info, const ggdm_param *row, const char *name,
                               ggdm_error *err)
{
    if (!row->takes || ggdm_arch_has_port(info, row->takes))
        return GGDM_OK;
    if (strcmp(row->takes, "text") == 0)
        return GGDM_FAIL(err, GGDM_EINVAL, "model '%s' is a %s, expected one that reads prompts",
                         name, info->class_name);
    if (strcmp(row->takes, "t") != 0)
        return GGDM_FAIL(err, GGDM_EINVAL, "model '%s' is a %s without the input '%s'", name,
                         info->class_name, row->takes);
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "model '%s' is a %s that is not told t, expected a noise-aware classifier "
                     "(one with the input 't'); a plain one may be a term with at: xt",
                     name, info->class_name);
}

ggdm_status ggdm_setup_resolve_model(void *context, const ggdm_param *row, const char *name,
                                     const char **digest, int32_t *classes, ggdm_error *err)
{
    ggdm_setup *s = context;
    ggdm_setup_model *m = NULL;
    GGDM_TRY(take_model(s, name, &m, err));
    const ggdm_model *model = find_by_digest(s, m->digest);
    GGDM_TRY(check_port(&model->info, row, name, err));
    GGDM_TRY(check_takes(&model->info, row, name, err));
    *classes = model->info.n_classes;
    /* (Texts of the arena last; the list of models may move.) */
    return ggdm_arena_text(&s->spec.arena, m->digest, digest, err);
}

ggdm_status ggdm_setup_add_model(ggdm_setup *s, const char *name, const char *digest,
                                 ggdm_error *err)
{
    ggdm_setup_model *m = NULL;
    if (find_by_digest(s, digest))
        return GGDM_OK;
    GGDM_TRY(take_model(s, name, &m, err));
    if (strcmp(m->digest, digest) == 0)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_ESTATE,
                     "model '%s' of the run in %s has the digest %s now, expected %s, with which "
                     "the run began",
                     name, s->run_dir, m->digest, digest);
}

static ggdm_status complete(void *context, ggdm_item *stage, ggdm_error *err)
{
    ggdm_setup *s = context;
    const ggdm_model_files *f = find_by_digest(s, ggdm_item_text(stage, "model"))->files;
    ggdm_status st = ggdm_said_follow(f->scheduler, f->scheduler_path,
                                      ggdm_item_child(stage, "sampler"), NULL, err);
    return st == GGDM_OK ? ggdm_setup_complete_condition(s, stage, err)
                         : ggdm_spec_blame(&s->spec, "model", err);
}

static ggdm_status check_step(void *context, const ggdm_item *stage, const ggdm_item *setting,
                              ggdm_error *err)
{
    ggdm_setup *s = context;
    GGDM_TRY(ggdm_costs_check(s->costs, stage, setting, err));
    return add_note(&s->notes, ggdm_guidance_note(ggdm_item_child(stage, "sampler"), setting), err);
}

static ggdm_status check_scorer(void *context, const ggdm_item *stage, const ggdm_item *scorer,
                                ggdm_error *err)
{
    const ggdm_setup *s = context;
    return ggdm_scorer_check(&s->known, stage, scorer, err);
}

static const ggdm_class_groups *names_of_classes(void *context, const char *digest)
{
    const ggdm_model *model = find_by_digest(context, digest);
    return model ? model->info.classes : NULL;
}

ggdm_resolver ggdm_setup_resolver(ggdm_setup *s)
{
    return (ggdm_resolver){.context = s,
                           .model = ggdm_setup_resolve_model,
                           .file = ggdm_setup_resolve_file,
                           .classes = names_of_classes,
                           .text = ggdm_setup_check_prompt,
                           .complete = complete,
                           .check_step = check_step,
                           .check_scorer = check_scorer,
                           .precision = s->outfit.job.precision,
                           .isa = ggdm_isa_name(s->outfit.isa)};
}

ggdm_status ggdm_setup_freeze_models(const ggdm_setup *s, const char *dir, ggdm_error *err)
{
    const char **names = NULL, **paths = NULL;
    const size_t n = (size_t)s->n_models;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&names, n, sizeof *names, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&paths, n, sizeof *paths, err), done);
    for (size_t i = 0; i < n; i++) {
        names[i] = s->models[i].name;
        paths[i] = s->outfit.models[s->models[i].files].path;
    }
    st = ggdm_model_paths_write(dir, names, paths, n, err);
done:
    free(names);
    free(paths);
    return st;
}

void ggdm_setup_models_deinit(ggdm_setup *s)
{
    for (int32_t i = 0; i < s->n_models; i++) {
        free(s->models[i].name);
        ggdm_model_destroy(&s->models[i].model);
    }
    free(s->models);
    free(s->refs);
    ggdm_intern_deinit(&s->prompts);
}

/* ---- chains -------------------------------------------------------------------------------- */

/* The chain of the stage that stands in the spec, of a model. */
static ggdm_status check_chain(ggdm_setup *s, const ggdm_model *model, ggdm_error *err)
{
    const ggdm_model_files *files = model->files;
    ggdm_item *sampler = ggdm_item_child(s->spec.stage, "sampler");
    ggdm_noise_levels levels = {0};
    ggdm_chain chain = {0};
    char *notes = NULL;
    ggdm_status st = ggdm_noise_levels_read(files->scheduler, files->scheduler_path, &levels, err);
    if (st != GGDM_OK)
        return ggdm_spec_blame(&s->spec, "model", err);
    levels.variance = ggdm_arch_has_port(&model->info, "variance");
    st = ggdm_said_follow(files->scheduler, files->scheduler_path, sampler, &notes, err);
    if (st != GGDM_OK)
        GGDM_TRY_GOTO(st, ggdm_spec_blame(&s->spec, "model", err), done);
    GGDM_TRY_GOTO(st, add_notes(&s->notes, notes, err), done);
    st = ggdm_chain_create(sampler, &levels, &chain, err);
done:
    ggdm_chain_deinit(&chain);
    ggdm_noise_levels_deinit(&levels);
    return st;
}

ggdm_status ggdm_setup_check_chains(ggdm_setup *s, ggdm_error *err)
{
    const ggdm_cells *c = &s->cells;
    ggdm_status st = GGDM_OK;
    bool *seen = NULL;
    GGDM_TRY(ggdm_alloc(&seen, (size_t)c->n_heads, 1, err));
    for (int32_t i = 0; i < c->n_trajectories && st == GGDM_OK; i++) {
        const ggdm_trajectory *t = &c->trajectories[i];
        if (seen[t->head])
            continue;
        seen[t->head] = true;
        ggdm_spec_put_cell(&s->spec, c->cells[t->first_cell].place);
        const char *name = ggdm_item_text(s->spec.stage, "model");
        st = check_chain(s, find_by_digest(s, find_by_name(s, name)->digest), err);
    }
    ggdm_spec_put_cell(&s->spec, 0);
    free(seen);
    return st;
}

ggdm_status ggdm_setup_note_scorers(ggdm_setup *s, ggdm_error *err)
{
    for (int32_t i = 0; i < s->cells.n_notes; i++)
        GGDM_TRY(add_note(&s->notes, s->cells.notes[i], err));
    return GGDM_OK;
}

/* ---- judges -------------------------------------------------------------------------------- */

static bool is_judge(const ggdm_spec *s, const char *name)
{
    for (int32_t i = 0; i < s->n_judges; i++)
        if (strcmp(s->judges[i].name, name) == 0)
            return true;
    return false;
}

/* A scorer that stands in a panel both as a judge and as what measures the guidance. */
static const char *judge_that_guides(const ggdm_setup *s, const ggdm_panel *panel)
{
    for (int32_t i = 0; i < panel->n; i++)
        for (int32_t k = 0; k < panel->n; k++)
            if (panel->entries[i].scorer == panel->entries[k].scorer &&
                is_judge(&s->spec, panel->entries[i].name) &&
                !is_judge(&s->spec, panel->entries[k].name))
                return panel->entries[i].name;
    return NULL;
}

void ggdm_setup_warn_of_judges(const ggdm_setup *s)
{
    const char *judge = NULL;
    for (int32_t i = 0; i < s->cells.n_panels && !judge; i++)
        judge = judge_that_guides(s, &s->cells.panels[i]);
    if (judge && !ggdm_launched_by_mpi()) /* said once, not by every rank */
        ggdm_log(GGDM_LOG_WARN,
                 "%s%s is the classifier that guides: it finds right what fools the guide",
                 strcmp(judge, "judge") == 0 ? "the " : "judge ", judge);
}
