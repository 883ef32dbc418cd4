/* `ggdm plan`: everything `ggdm run` would check, and what the run will be.  Writes nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "common/limits.h"
#include "common/plural.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/plan_products.h"
#include "coordinator/cmd/plan_until.h"
#include "coordinator/cmd/evaluations.h"
#include "coordinator/run/estimate.h"
#include "coordinator/run/progress.h"
#include "coordinator/run/setup.h"

typedef struct plan_options {
    ggdm_setup_options setup;
    int workers;
    bool json, recipe;
} plan_options;

static double run_seconds(const ggdm_setup *s, const ggdm_estimate *e, int workers)
{
    return ggdm_estimate_seconds(e, &s->plan.shared) / workers;
}

/* Work of the plan by that of all cells on their own: operations weighted by the measured time of
 * those of unguided and of guided steps. */
static double work_share(const ggdm_setup *s, const ggdm_estimate *e)
{
    return ggdm_estimate_seconds(e, &s->plan.shared) / ggdm_estimate_seconds(e, &s->plan.naive);
}

/* A step of one image. */
static void put_tick(ggdm_json *j, const char *key, const ggdm_estimate_tick *tick)
{
    ggdm_json_begin_object(j, key);
    ggdm_json_put_double(j, "gflop_per_image", tick->operations * 1e-9);
    ggdm_json_put_double(j, "ms_per_image", tick->seconds * 1e3);
    ggdm_json_end(j);
}

static void put_count(ggdm_json *j, const char *key, const ggdm_plan_count *work,
                      const ggdm_estimate *e)
{
    ggdm_json_begin_object(j, key);
    ggdm_json_put_int(j, "evaluations", work->evaluations);
    ggdm_json_put_int(j, "guided", work->guided);
    ggdm_json_put_double(j, "operations", work->operations);
    ggdm_json_put_double(j, "worker_seconds", ggdm_estimate_seconds(e, work));
    ggdm_json_end(j);
}

/* ---- what was assumed ---- */

/* The next line of *text into line, without its end; false behind the last. */
static bool next_line(const char **text, char line[1000])
{
    if (!*text || !**text)
        return false;
    size_t n = strcspn(*text, "\n");
    snprintf(line, 1000, "%.*s", (int)n, *text);
    *text += n + ((*text)[n] != '\0');
    return true;
}

static void put_notes(ggdm_json *j, const char *notes)
{
    char line[1000];
    ggdm_json_begin_array(j, "notes");
    while (next_line(&notes, line))
        ggdm_json_put_string(j, NULL, line);
    ggdm_json_end(j);
}

static void print_notes(const char *notes)
{
    char line[1000];
    while (next_line(&notes, line))
        printf("  note           %s\n", line);
}

/* ---- what is there already ---- */

static bool is_over(const ggdm_setup_found *found)
{
    const int64_t *units = found->counts.units;
    return units[GGDM_UNIT_READY] + units[GGDM_UNIT_RUNNING] + units[GGDM_UNIT_FAILED] +
               found->counts.cells_open ==
           0;
}

/* Of the plan as it was made, or of what the run there lacks. */
static double seconds_left(const ggdm_setup *s, const ggdm_setup_found *found,
                           const ggdm_estimate *e, int workers)
{
    double all = run_seconds(s, e, workers);
    return !found->present || found->other ? all : is_over(found) ? 0 : all * (1 - found->done);
}

static void put_found(ggdm_json *j, const ggdm_setup *s, const ggdm_setup_found *found,
                      const ggdm_estimate *e, int workers)
{
    if (!found->present) {
        ggdm_json_put_null(j, "found");
        return;
    }
    ggdm_json_begin_object(j, "found");
    ggdm_json_put_string(j, "conflict", found->why.code ? found->why.msg : NULL);
    ggdm_json_put_bool(j, "other_sweep", found->other);
    ggdm_json_put_int(j, "images_done", found->counts.images_done);
    ggdm_json_put_int(j, "images", found->counts.images_total);
    ggdm_json_put_double(j, "work_done", found->done);
    if (found->other && !found->why.code) {
        ggdm_json_put_int(j, "cells_new", found->matched.fresh);
        ggdm_json_put_int(j, "images_new", s->plan.n_images);
    }
    if (!found->why.code)
        ggdm_json_put_double(j, "seconds_left", seconds_left(s, found, e, workers));
    ggdm_json_end(j);
}

static void print_found(const ggdm_setup *s, const ggdm_setup_found *found, const ggdm_estimate *e,
                        int workers)
{
    const ggdm_store_counts *c = &found->counts;
    const ggdm_store_matched *m = &found->matched;
    char time[16];
    if (!found->present)
        return;
    printf("  there          ");
    ggdm_duration_text(seconds_left(s, found, e, workers), time);
    if (found->why.code)
        printf("another run: %s\n", found->why.msg);
    else if (found->other)
        printf("a run of another sweep; --add would add these %d cell%s: %d new (%lld image%s, "
               "about %s), %d done, %d queued\n",
               s->cells.n_cells, ggdm_plural(s->cells.n_cells), m->fresh,
               (long long)s->plan.n_images, ggdm_plural(s->plan.n_images), time, m->done,
               m->queued + m->cancelled);
    else if (is_over(found))
        printf("this run: %lld of %lld images, nothing is left to do\n", (long long)c->images_done,
               (long long)c->images_total);
    else
        printf("this run: %lld of %lld images, %.1f %% of the work; about %s to go\n",
               (long long)c->images_done, (long long)c->images_total, 100 * found->done, time);
}

static ggdm_status print_plan_json(ggdm_setup *s, const ggdm_estimate *e, int workers,
                                   ggdm_error *err)
{
    ggdm_setup_found found;
    ggdm_json j;
    char *text = NULL;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "name", s->spec.name);
    ggdm_json_put_string(&j, "run", s->run_dir);
    ggdm_json_put_string(&j, "sweep_digest", s->sweep_digest);
    ggdm_json_put_string(&j, "isa", ggdm_isa_name(s->outfit.isa));
    ggdm_json_put_string(&j, "precision", ggdm_precision_names[s->outfit.job.precision]);
    ggdm_json_put_int(&j, "cells", s->cells.n_cells);
    ggdm_json_put_int(&j, "samples", s->spec.samples);
    ggdm_plan_put_until(&j, s, run_seconds(s, e, workers));
    ggdm_json_put_int(&j, "images_asked", (int64_t)s->cells.n_cells * s->spec.samples);
    ggdm_json_put_int(&j, "images", s->plan.n_images);
    ggdm_json_put_int(&j, "trajectories", s->cells.n_trajectories);
    ggdm_json_put_int(&j, "trees", s->plan.n_trees);
    ggdm_json_put_int(&j, "units", s->plan.n_units);
    put_count(&j, "naive", &s->plan.naive, e);
    put_count(&j, "shared", &s->plan.shared, e);
    ggdm_json_put_double(&j, "work_share", work_share(s, e));
    ggdm_json_put_double(&j, "cost", s->plan.cost);
    ggdm_json_put_int(&j, "workers", workers);
    ggdm_json_put_int(&j, "threads", s->outfit.job.threads);
    ggdm_json_put_int(&j, "batch", s->outfit.job.batch);
    ggdm_json_put_uint(&j, "weights_bytes_per_node", e->weights);
    ggdm_json_put_uint(&j, "memory_bytes_per_worker", e->arenas + e->packed + e->states);
    ggdm_json_put_uint(&j, "state_bytes_per_worker", e->states);
    ggdm_json_put_int(&j, "workers_that_fit", ggdm_estimate_room(e));
    put_tick(&j, "unguided", &e->plain);
    put_tick(&j, "guided", &e->guided);
    ggdm_json_put_double(&j, "seconds", run_seconds(s, e, workers));
    ggdm_plan_put_products(&j, s);
    put_notes(&j, s->notes);
    ggdm_status st = ggdm_setup_look(s, &found, err);
    if (st == GGDM_OK)
        put_found(&j, s, &found, e, workers);
    ggdm_json_end(&j);
    if (st != GGDM_OK) {
        ggdm_json_deinit(&j);
        return st;
    }
    GGDM_TRY(ggdm_json_finish(&j, &text, NULL, err));
    fputs(text, stdout);
    free(text);
    return GGDM_OK;
}

static void print_room(const ggdm_estimate *e, int workers)
{
    const int room = ggdm_estimate_room(e);
    if (room < workers)
        printf("  too little     memory on this machine for %d worker%s of about %llu MiB each, "
               "program and packed weights included: room for %d; fewer --workers, a smaller "
               "--batch, or more memory\n",
               workers, ggdm_plural(workers),
               (unsigned long long)(ggdm_estimate_worker_bytes(e) >> 20), room);
}

static void print_tick(const ggdm_estimate_tick *tick, const char *what)
{
    if (tick->operations > 0)
        printf("%.2f ms a step of an image %s, ", tick->seconds * 1e3, what);
}

static void print_evaluations(const ggdm_spec *spec)
{
    const ggdm_spec_trace *trace = &spec->trace;
    for (int32_t i = 0; i < spec->n_evaluations; i++)
        printf("  %-15s%s by %s%s%s\n", i == 0 ? "then" : "", spec->evaluations[i].metrics,
               ggdm_evaluation_features(&spec->evaluations[i]),
               spec->evaluations[i].reference ? " against " : "",
               spec->evaluations[i].reference ? spec->evaluations[i].reference : "");
    if (trace->images)
        printf("  %-15sthe way of %d image%s of each cell\n", spec->n_evaluations ? "" : "then",
               trace->images, ggdm_plural(trace->images));
}

static ggdm_status print_plan_text(ggdm_setup *s, const ggdm_estimate *e, int workers,
                                   ggdm_error *err)
{
    char time[16];
    ggdm_setup_found found;
    double mib = 1.0 / (1 << 20);
    printf("%s -> %s\n", s->spec.name, s->run_dir);
    const long long asked = (long long)s->cells.n_cells * s->spec.samples;
    printf("  cells          %d of %d image%s: %lld image%s\n", s->cells.n_cells, s->spec.samples,
           ggdm_plural(s->spec.samples), asked, ggdm_plural(asked));
    ggdm_plan_print_until(s, run_seconds(s, e, workers));
    printf("  trajectories   %d distinct, %lld image%s to generate, in %d unit%s\n",
           s->cells.n_trajectories, (long long)s->plan.n_images, ggdm_plural(s->plan.n_images),
           s->plan.n_units, ggdm_plural(s->plan.n_units));
    printf("  naive          %lld network evaluations, %lld of them guided: %.4g TFLOP\n",
           (long long)s->plan.naive.evaluations, (long long)s->plan.naive.guided,
           s->plan.naive.operations * 1e-12);
    printf(
        "  shared         %lld evaluations, %lld guided: %.4g TFLOP, %.1f %% of the naive work\n",
        (long long)s->plan.shared.evaluations, (long long)s->plan.shared.guided,
        s->plan.shared.operations * 1e-12, 100 * work_share(s, e));
    printf("  memory         %.1f MiB per worker: %.1f of networks (batch %d), %.1f of weights "
           "packed for "
           "them, %.1f of images under way; weights %.1f MiB per node\n",
           (double)(e->arenas + e->packed + e->states) * mib, (double)e->arenas * mib,
           s->outfit.job.batch, (double)e->packed * mib, (double)e->states * mib,
           (double)e->weights * mib);
    printf("  time           about %s with %d worker%s of %d thread%s (",
           ggdm_duration_text(run_seconds(s, e, workers), time), workers, ggdm_plural(workers),
           s->outfit.job.threads, ggdm_plural(s->outfit.job.threads));
    print_tick(&e->plain, "unguided");
    print_tick(&e->guided, "guided");
    printf("%s, %s)\n", ggdm_precision_names[s->outfit.job.precision],
           ggdm_isa_name(s->outfit.isa));
    print_room(e, workers);
    ggdm_plan_print_products(s);
    print_evaluations(&s->spec);
    print_notes(s->notes);
    GGDM_TRY(ggdm_setup_look(s, &found, err)); /* last: it makes another plan */
    print_found(s, &found, e, workers);
    return GGDM_OK;
}

/* Does a digest stand in the text of a recipe? */
static bool is_computed(const ggdm_cells *c, const char *digest)
{
    for (int32_t i = 0; i < c->n_heads; i++)
        if (strstr(c->heads[i], digest))
            return true;
    for (int32_t i = 0; i < c->n_settings; i++)
        if (strstr(c->settings[i], digest))
            return true;
    return false;
}

static void print_name(const ggdm_cells *c, const char *digest, const char *name)
{
    if (is_computed(c, digest))
        printf("# %s is %s\n", digest, name);
}

/* What the sweep calls the models and files behind the digests of recipes. */
static void print_names(const ggdm_setup *s)
{
    for (int32_t i = 0; i < s->n_models; i++)
        print_name(&s->cells, s->models[i].digest, s->models[i].name);
    for (size_t i = 0; i < s->n_files; i++)
        print_name(&s->cells, s->files[i].digest, s->files[i].name);
}

/* What is really computed: a line for each trajectory, the first cell that shows it and its recipe.
 */
static ggdm_status print_recipes(const ggdm_setup *s, ggdm_error *err)
{
    ggdm_arena arena = {0};
    ggdm_status st = GGDM_OK;
    for (int32_t i = 0; i < s->cells.n_trajectories && st == GGDM_OK; i++) {
        const ggdm_trajectory *t = &s->cells.trajectories[i];
        char name[GGDM_CELL_NAME_SIZE], *text = NULL;
        ggdm_recipe recipe;
        ggdm_arena_reset(&arena);
        ggdm_cell_name(s->cells.n_cells, t->first_cell, name);
        st = ggdm_cells_recipe(&s->cells, &arena, t, &recipe, err);
        if (st == GGDM_OK)
            st = ggdm_recipe_text(&recipe, &text, err);
        if (st == GGDM_OK)
            printf("%s %s\n", name, text);
        free(text);
    }
    ggdm_arena_deinit(&arena);
    return st;
}

static ggdm_status plan_run(const plan_options *o, ggdm_error *err)
{
    ggdm_isa isa;
    ggdm_setup setup;
    ggdm_estimate estimate;
    GGDM_TRY(ggdm_isa_choose(&isa, err));
    GGDM_TRY(ggdm_setup_make(&o->setup, isa, &setup, err));
    if (o->recipe) {
        ggdm_status printed = print_recipes(&setup, err);
        if (printed == GGDM_OK)
            print_names(&setup);
        ggdm_setup_deinit(&setup);
        return printed;
    }
    ggdm_status st = ggdm_evaluations_check(&setup.spec, setup.run_dir, err);
    if (st == GGDM_OK)
        ggdm_evaluations_warn(&setup.spec);
    if (st == GGDM_OK)
        st = ggdm_estimate_make(&setup, &estimate, err);
    int workers = o->workers > 0 ? o->workers : ggdm_usable_cores() / setup.outfit.job.threads;
    workers = workers > 0 ? workers : 1;
    if (st == GGDM_OK && o->json)
        st = print_plan_json(&setup, &estimate, workers, err);
    else if (st == GGDM_OK)
        st = print_plan_text(&setup, &estimate, workers, err);
    ggdm_setup_deinit(&setup);
    return st;
}

enum { KEY_RECIPE = 256 };

static const struct argp_option arguments[] = {
    {"json", 'j', NULL, 0, "print one JSON object", 0},
    {"recipe", KEY_RECIPE, NULL, 0,
     "print what is computed instead: for each distinct recipe the first cell that has it and its "
     "text, presets expanded, models and files by digest; then, behind #, what the sweep calls "
     "these",
     0},
    {"workers", 'w', "N", 0, "workers to estimate for (default: one per core)", 0},
    {0},
};

static error_t parse_plan(int key, char *arg, struct argp_state *state)
{
    plan_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->setup;
        break;
    case 'j':
        o->json = true;
        break;
    case KEY_RECIPE:
        o->recipe = true;
        break;
    case 'w':
        o->workers = ggdm_command_int(state, "--workers", arg, 0, 100000);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_plan(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse_plan,
        "SWEEP.yaml",
        "Check a sweep file and its models, and show cells, images, network evaluations, memory "
        "and "
        "time, and what the run directory has of it already.  Writes nothing.\v"
        "Example:\n  ggdm plan examples/mnist-demo.yaml",
        ggdm_setup_children,
        NULL,
        NULL};
    plan_options options = {0};
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &options))
        return GGDM_EXIT_USAGE;
    return plan_run(&options, &err) == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("plan", &err);
}
