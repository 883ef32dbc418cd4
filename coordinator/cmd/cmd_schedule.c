/* `ggdm schedule`: the numbers that a chain is computed with, to compare them with another
 * program's or to choose a duration. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/yaml.h"
#include "coordinator/cmd/command.h"
#include "models/betas.h"
#include "models/model.h"
#include "worker/kinds.h"
#include "worker/noise_levels.h"
#include "worker/said.h"
#include "worker/timesteps.h"

#define MAX_BETA 0.999 /* of scheduler_config.json */

typedef struct arguments {
    const char *model;
    const char *kind;            /* where no model is given; NULL: linear */
    int train_steps;             /* T; 0: 1000 */
    double beta_start, beta_end; /* -1: not given */
    int steps;                   /* of the chain; 0: as the sampler says, else T */
    const char *sampler;         /* as in a sweep file; NULL: the standard one */
    int spacing;                 /* of ggdm_spacing_names; -1: as the sampler says */
    const char *respacing;
    bool json;
} arguments;

enum {
    KEY_KIND = 256,
    KEY_TRAIN_STEPS,
    KEY_BETA_START,
    KEY_BETA_END,
    KEY_SAMPLER,
    KEY_SPACING,
    KEY_RESPACING
};

static const struct argp_option options[] = {
    {"steps", 's', "N", 0, "sampler steps of the chain (default: all timesteps)", 0},
    {"sampler", KEY_SAMPLER, "SAMPLER", 0,
     "the sampler as in a sweep file (default: {kind: ddpm}; `ggdm methods sampler` lists them)",
     0},
    {"spacing", KEY_SPACING, "leading|trailing|linspace|karras", 0,
     "which timesteps are visited (default: as the sampler says)", 0},
    {"respacing", KEY_RESPACING, "STEPS", 0,
     "the same as OpenAI's programs say it: 10,15,20 or ddim50", 0},
    {"json", 'j', NULL, 0, "print one JSON object", 0},
    {NULL, 0, NULL, 0, "Without a model:", 0},
    {"kind", KEY_KIND, "linear|scaled_linear|squaredcos_cap_v2|sigmoid", 0,
     "form of the betas (default: linear); of squaredcos_cap_v2 there is but one", 0},
    {"timesteps", KEY_TRAIN_STEPS, "T", 0, "timesteps of the training (default: 1000)", 0},
    {"beta-start", KEY_BETA_START, "B", 0, "first beta (default: 1e-4)", 0},
    {"beta-end", KEY_BETA_END, "B", 0, "last beta (default: 0.02)", 0},
    {0}};

/* Options that would say nothing.  Ends of betas are given to all kinds by scripts that compare
 * them, as scheduler_config.json has them for all: that is worth a line. */
static void check_meaning(const arguments *a, const struct argp_state *state)
{
    const bool ends = a->beta_start >= 0 || a->beta_end >= 0;
    if (a->model && (a->kind || a->train_steps > 0 || ends))
        argp_error(state,
                   "--kind, --timesteps, --beta-start and --beta-end have no meaning with a model, "
                   "whose scheduler_config.json says them");
    if (ends && a->kind && strcmp(a->kind, ggdm_beta_schedules[GGDM_BETAS_SQUAREDCOS]) == 0)
        ggdm_log(GGDM_LOG_WARN, "--beta-start and --beta-end have no meaning with --kind %s",
                 a->kind);
}

static error_t parse_schedule_option(int key, char *arg, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case 's':
        a->steps = ggdm_command_int(state, "--steps", arg, 1, 1000000);
        return 0;
    case KEY_SAMPLER:
        a->sampler = arg;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case KEY_KIND:
        a->kind =
            ggdm_beta_schedules[ggdm_command_choice(state, "--kind", arg, ggdm_beta_schedules)];
        return 0;
    case KEY_SPACING:
        a->spacing = ggdm_command_choice(state, "--spacing", arg, ggdm_spacing_names);
        return 0;
    case KEY_RESPACING:
        a->respacing = arg;
        return 0;
    case KEY_TRAIN_STEPS:
        a->train_steps = ggdm_command_int(state, "--timesteps", arg, 1, 100000);
        return 0;
    case KEY_BETA_START:
        a->beta_start = ggdm_command_real(state, "--beta-start", arg, 0, MAX_BETA);
        return 0;
    case KEY_BETA_END:
        a->beta_end = ggdm_command_real(state, "--beta-end", arg, 0, MAX_BETA);
        return 0;
    case ARGP_KEY_ARG:
        if (a->model)
            argp_error(state, "too many arguments, expected at most one model");
        a->model = arg;
        return 0;
    case ARGP_KEY_END:
        check_meaning(a, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = parse_schedule_option,
    .args_doc = "[MODEL]",
    .doc =
        "Print the noise schedule of a model (its scheduler_config.json), or of the one described "
        "by options, and what each sampler step computes with: beta, alpha_bar and the standard "
        "deviation of the noise, in sampling order, and 1/sqrt(alpha_bar), by which the gradient "
        "to x_t exceeds that to x0-hat (xt-affine)."
        "\vExample:\n"
        "  ggdm schedule mnist-ddpm --steps 250",
};

/* Options written as a scheduler_config.json: one reader for both. */
static ggdm_status make_config(const arguments *a, char **out, ggdm_error *err)
{
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_begin_object(&j, NULL);
    if (a->kind)
        ggdm_json_put_string(&j, "beta_schedule", a->kind);
    if (a->train_steps > 0)
        ggdm_json_put_int(&j, "num_train_timesteps", a->train_steps);
    if (a->beta_start >= 0)
        ggdm_json_put_double(&j, "beta_start", a->beta_start);
    if (a->beta_end >= 0)
        ggdm_json_put_double(&j, "beta_end", a->beta_end);
    ggdm_json_end(&j);
    return ggdm_json_finish(&j, out, NULL, err);
}

static double beta_of(const ggdm_step *p)
{
    return 1.0 - p->alpha_bar / p->alpha_bar_next;
}

static void print_schedule_table(const ggdm_chain *s, int32_t train_steps)
{
    printf("%d of %d timesteps, in sampling order\n", s->steps, train_steps);
    printf("%6s %6s %12s %12s %12s %12s\n", "step", "t", "beta", "alpha_bar", "sigma",
           "1/sqrt(ab)");
    for (int32_t i = 0; i < s->steps; i++) {
        const ggdm_step *p = &s->step[(int64_t)i * s->evaluations];
        printf("%6d %6d %12.6g %12.6g %12.6g %12.6g\n", i, p->t, beta_of(p), p->alpha_bar, p->sigma,
               p->x0_x);
    }
}

static ggdm_status print_schedule_json(const ggdm_chain *s, int32_t train_steps, ggdm_error *err)
{
    ggdm_json j;
    char *text = NULL;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_int(&j, "timesteps", train_steps);
    ggdm_json_put_int(&j, "steps", s->steps);
    ggdm_json_begin_array(&j, "chain");
    for (int32_t i = 0; i < s->steps; i++) {
        const ggdm_step *p = &s->step[(int64_t)i * s->evaluations];
        ggdm_json_begin_object(&j, NULL);
        ggdm_json_put_int(&j, "t", p->t);
        ggdm_json_put_double(&j, "beta", beta_of(p));
        ggdm_json_put_double(&j, "alpha_bar", p->alpha_bar);
        ggdm_json_put_double(&j, "sigma", p->sigma);
        ggdm_json_end(&j);
    }
    ggdm_json_end(&j);
    ggdm_json_end(&j);
    GGDM_TRY(ggdm_json_finish(&j, &text, NULL, err));
    fputs(text, stdout);
    free(text);
    return GGDM_OK;
}

/* What the model says of the chain; told to stderr, as standard output is the table. */
static ggdm_status follow_model(const ggdm_model_files *files, ggdm_item *sampler, ggdm_error *err)
{
    char *notes;
    GGDM_TRY(ggdm_said_follow(files->scheduler, files->scheduler_path, sampler, &notes, err));
    if (notes)
        ggdm_log(GGDM_LOG_INFO, "%s", notes);
    free(notes);
    return GGDM_OK;
}

/* What an item was read from and lives in. */
typedef struct read_sampler {
    ggdm_doc *doc;
    ggdm_arena arena;
    ggdm_item *item;
} read_sampler;

/* A row of the sampler out of an option. */
static ggdm_status set_row(ggdm_item *sampler, const char *key, ggdm_scalar scalar, ggdm_error *err)
{
    if (!ggdm_item_value(sampler, key))
        return GGDM_FAIL(err, GGDM_EINVAL, "--%s: sampler '%s' has no such parameter", key,
                         sampler->kind->name);
    ggdm_item_set(sampler, key, scalar);
    return GGDM_OK;
}

static ggdm_status set_timesteps(const arguments *a, int32_t train_steps, ggdm_item *sampler,
                                 ggdm_error *err)
{
    int64_t steps = a->steps;
    if (a->spacing >= 0)
        GGDM_TRY(set_row(sampler, "spacing", (ggdm_scalar){.whole = a->spacing}, err));
    if (a->respacing) {
        GGDM_TRY(set_row(sampler, "respacing", (ggdm_scalar){.text = a->respacing}, err));
        const int64_t sum = ggdm_respacing_steps(a->respacing);
        if (sum < 1)
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "--respacing: value '%.60s', expected steps of parts (10,15,20) or "
                             "ddim50",
                             a->respacing);
        steps = steps ? steps : sum;
    }
    if (steps > train_steps)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: %lld steps, expected at most %d, the timesteps",
                         a->steps ? "--steps" : "--respacing", (long long)steps, train_steps);
    if (steps > 0 || !ggdm_item_value(sampler, "steps")->set)
        ggdm_item_set(sampler, "steps", (ggdm_scalar){.whole = steps > 0 ? steps : train_steps});
    return GGDM_OK;
}

static ggdm_status read_sampler_text(const arguments *a, int32_t train_steps, read_sampler *out,
                                     ggdm_error *err)
{
    const char *text = a->sampler ? a->sampler : "{kind: ddpm}";
    GGDM_TRY(ggdm_yaml_parse(text, strlen(text), "--sampler", &out->doc, err));
    GGDM_TRY(ggdm_item_read(&ggdm_methods, &out->arena, GGDM_FAMILY_SAMPLER, out->doc->root, NULL,
                            GGDM_OF_SWEEP, &out->item, err));
    GGDM_TRY(set_timesteps(a, train_steps, out->item, err));
    return ggdm_item_check(out->item, err);
}

static ggdm_status print_chain(const arguments *a, const ggdm_model_files *files, const char *json,
                               const char *where, ggdm_error *err)
{
    ggdm_noise_levels levels = {0};
    ggdm_chain chain = {0};
    read_sampler sampler = {0};
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_noise_levels_read(json, where, &levels, err), done);
    levels.variance = true; /* if a network has one: sigma is the largest */
    GGDM_TRY_GOTO(st, read_sampler_text(a, levels.train_steps, &sampler, err), done);
    if (a->model)
        GGDM_TRY_GOTO(st, follow_model(files, sampler.item, err), done);
    GGDM_TRY_GOTO(st, ggdm_chain_create(sampler.item, &levels, &chain, err), done);
    if (a->json)
        st = print_schedule_json(&chain, levels.train_steps, err);
    else
        print_schedule_table(&chain, levels.train_steps);
done:
    ggdm_chain_deinit(&chain);
    ggdm_noise_levels_deinit(&levels);
    ggdm_arena_deinit(&sampler.arena);
    ggdm_doc_destroy(&sampler.doc);
    return st;
}

static ggdm_status run_schedule(const arguments *a, ggdm_error *err)
{
    ggdm_model_files files = {0};
    char *made = NULL;
    ggdm_status st =
        a->model ? ggdm_model_files_open(a->model, &files, err) : make_config(a, &made, err);
    if (st == GGDM_OK)
        st = print_chain(a, &files, a->model ? files.scheduler : made,
                         a->model ? files.scheduler_path : "options", err);
    ggdm_model_files_close(&files);
    free(made);
    return st;
}

int ggdm_cmd_schedule(int argc, char **argv)
{
    arguments a = {.beta_start = -1, .beta_end = -1, .spacing = -1};
    ggdm_error err = {0};
    if (ggdm_command_parse(&parser, argc, argv, &a) != 0)
        return GGDM_EXIT_USAGE;
    return run_schedule(&a, &err) == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("schedule", &err);
}
