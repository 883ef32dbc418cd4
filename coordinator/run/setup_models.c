/* The models of a sweep: found, opened, and checked against the sweep and each other. */
#include "coordinator/run/setup_models.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/transport.h"
#include "coordinator/run/model_paths.h"
#include "worker/schedule.h"

const char *const ggdm_role_fields[GGDM_N_ROLES] = {[GGDM_ROLE_DIFFUSION] = "model",
                                                    [GGDM_ROLE_GUIDE] = "guidance.loss.model",
                                                    [GGDM_ROLE_JUDGE] = "judge"};

static const struct {
    ggdm_arch_role role;
    const char *text;
} wanted[GGDM_N_ROLES] = {
    [GGDM_ROLE_DIFFUSION] = {GGDM_DIFFUSION, "a diffusion model"},
    [GGDM_ROLE_GUIDE] = {GGDM_CLASSIFIER, "a classifier"},
    [GGDM_ROLE_JUDGE] = {GGDM_CLASSIFIER, "a classifier"},
};

static const char *model_name(const ggdm_sweep *sweep, int role)
{
    const char *const names[] = {sweep->model, sweep->guide, sweep->judge};
    return names[role];
}

/* Open one model, check that its weights fit its config, and that it is what the sweep needs. */
static ggdm_status open_model(ggdm_setup *s, int role, ggdm_error *err)
{
    const char *name = model_name(&s->sweep, role);
    if (!name)
        return GGDM_OK;
    ggdm_model *model = NULL;
    ggdm_model_files *files = &s->outfit.files[role];
    char *path = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_model_path_find(s->run_dir, s->sweep.where, name, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_files_open(path, files, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_create(files, &model, err), done);
    s->info[role] = model->info;
    if (model->info.role != wanted[role].role)
        st = GGDM_FAIL(err, GGDM_EINVAL, "model '%s' is a %s, expected %s", name,
                       model->info.class_name, wanted[role].text);
    else if (role == GGDM_ROLE_DIFFUSION && model->info.n_classes > 0)
        st = GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                       "model '%s' has %d class labels, expected an unconditional model", name,
                       model->info.n_classes);
    if (st == GGDM_OK)
        st = ggdm_model_check_finite(model, err);
    s->info[role].class_name = ""; /* the strings belong to the model; only the presence counts */
    s->info[role].weights_file = "";
done:
    free(path);
    ggdm_model_destroy(&model);
    return st == GGDM_OK ? st : ggdm_sweep_blame(&s->sweep, ggdm_role_fields[role], err);
}

ggdm_status ggdm_setup_freeze_models(const ggdm_setup *s, const char *dir, ggdm_error *err)
{
    const char *names[GGDM_N_ROLES], *paths[GGDM_N_ROLES];
    for (int role = 0; role < GGDM_N_ROLES; role++) {
        names[role] = model_name(&s->sweep, role);
        paths[role] = s->outfit.files[role].path;
    }
    return ggdm_model_paths_write(dir, names, paths, GGDM_N_ROLES, err);
}

static ggdm_status check_images(const ggdm_setup *s, int role, ggdm_error *err)
{
    const ggdm_arch_info *x = &s->info[GGDM_ROLE_DIFFUSION], *c = &s->info[role];
    if (!c->class_name || (c->size == x->size && c->channels == x->channels))
        return GGDM_OK;
    GGDM_FAIL(err, GGDM_ESHAPE,
              "model '%s' takes images of %d x %d x %d, expected those of model '%s': %d x %d x %d",
              model_name(&s->sweep, role), c->size, c->size, c->channels, s->sweep.model, x->size,
              x->size, x->channels);
    return ggdm_sweep_blame(&s->sweep, ggdm_role_fields[role], err);
}

/* Is key one of those of the sweep's sampler? */
static bool sampler_says(const ggdm_setup *s, const char *key)
{
    return ggdm_node_get(ggdm_node_get(s->sweep.doc->root, "sampler"), key) != NULL;
}

/* The chain must fit the schedule the model was trained with. */
static ggdm_status check_steps(const ggdm_setup *s, const ggdm_model_files *files, ggdm_error *err)
{
    int32_t most;
    GGDM_TRY(ggdm_schedule_train_steps(files->scheduler, files->scheduler_path, &most, err));
    if (s->sweep.job.steps <= most)
        return GGDM_OK;
    GGDM_FAIL(err, GGDM_EINVAL, "value '%d', expected 1 to %d, the timesteps of model '%s'",
              s->sweep.job.steps, most, s->sweep.model);
    return ggdm_sweep_blame(&s->sweep, "sampler.steps", err);
}

static ggdm_status review_schedule(ggdm_setup *s, const ggdm_model_files *files, ggdm_error *err)
{
    const ggdm_job *job = &s->outfit.job;
    const ggdm_schedule_use use = {job->clip_x0, sampler_says(s, "clip_x0"), job->variance,
                                   sampler_says(s, "variance")};
    ggdm_schedule schedule;
    ggdm_status st = ggdm_schedule_create(files->scheduler, files->scheduler_path, job->steps,
                                          job->variance, &schedule, err);
    ggdm_schedule_deinit(&schedule);
    if (st == GGDM_OK)
        st = ggdm_schedule_review(files->scheduler, files->scheduler_path, &use, &s->notes, err);
    return st == GGDM_OK ? st
                         : ggdm_sweep_blame(&s->sweep, ggdm_role_fields[GGDM_ROLE_DIFFUSION], err);
}

/* Said once, not by every rank. */
static void warn_of_judge(const ggdm_setup *s)
{
    const ggdm_model_files *guide = &s->outfit.files[GGDM_ROLE_GUIDE],
                           *judge = &s->outfit.files[GGDM_ROLE_JUDGE];
    if (guide->config && judge->config && !ggdm_launched_by_mpi() &&
        memcmp(guide->digest, judge->digest, GGDM_HASH_SIZE) == 0)
        ggdm_log(GGDM_LOG_WARN,
                 "judge '%s' is the classifier that guides: it finds right what fools the guide",
                 s->sweep.judge);
}

ggdm_status ggdm_setup_open_models(ggdm_setup *s, ggdm_error *err)
{
    for (int role = 0; role < GGDM_N_ROLES; role++)
        GGDM_TRY(open_model(s, role, err));
    warn_of_judge(s);
    const ggdm_model_files *diffusion = &s->outfit.files[GGDM_ROLE_DIFFUSION];
    GGDM_TRY(check_steps(s, diffusion, err));
    GGDM_TRY(review_schedule(s, diffusion, err));
    for (int role = GGDM_ROLE_GUIDE; role < GGDM_N_ROLES; role++)
        GGDM_TRY(check_images(s, role, err));
    return GGDM_OK;
}

static ggdm_status check_targets(const ggdm_setup *s, int role, ggdm_error *err)
{
    if (!s->info[role].class_name)
        return GGDM_OK;
    bool axis = false;
    for (int g = 0; g < s->sweep.n_groups; g++)
        axis = axis || s->sweep.groups[g].values[GGDM_AXIS_TARGET];
    for (int32_t i = 0; i < s->cells.n_cells; i++) {
        int32_t target = s->cells.cells[i].target;
        if (target < s->info[role].n_classes)
            continue;
        GGDM_FAIL(err, GGDM_EINVAL, "value '%d', expected a class of model '%s', 0 to %d", target,
                  model_name(&s->sweep, role), s->info[role].n_classes - 1);
        return ggdm_sweep_blame(&s->sweep, axis ? "sweep.target" : "guidance.loss.target", err);
    }
    return GGDM_OK;
}

ggdm_status ggdm_setup_check_targets(const ggdm_setup *s, ggdm_error *err)
{
    for (int role = GGDM_ROLE_GUIDE; role < GGDM_N_ROLES; role++)
        GGDM_TRY(check_targets(s, role, err));
    return GGDM_OK;
}
