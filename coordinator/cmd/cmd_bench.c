/* `ggdm bench network`: how fast a network is, with the graphs that a worker runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/isa.h"
#include "common/json_write.h"
#include "common/philox.h"
#include "common/threads.h"
#include "coordinator/cmd/bench_program.h"
#include "coordinator/cmd/bench_timing.h"
#include "coordinator/cmd/command.h"
#include "models/random_model.h"
#include "worker/startup.h"

typedef struct bench_options {
    const char *action, *model, *guide;
    int batch, threads, seconds;
    ggdm_precision precision;
    bool json;
} bench_options;

/* A model by name or directory, or a config.json with random weights. */
typedef struct bench_model {
    ggdm_model_files files;
    ggdm_random_model random;
    ggdm_model *model; /* one of the two; NULL: none */
} bench_model;

typedef struct report {
    ggdm_isa isa;
    ggdm_job job;
    ggdm_timing forward, gradient, guided;
    double flops;          /* forward pass of one image */
    double gradient_flops; /* with the gradient to the image */
    double peak;           /* flop/s of a large matrix product */
} report;

static ggdm_status open_model(const char *name, bench_model *m, ggdm_error *err)
{
    struct stat s;
    if (stat(name, &s) == 0 && S_ISREG(s.st_mode)) {
        GGDM_TRY(ggdm_random_model_make(name, &m->random, err));
        m->model = m->random.model;
        return GGDM_OK;
    }
    GGDM_TRY(ggdm_model_files_open(name, &m->files, err));
    return ggdm_model_create(&m->files, &m->model, err);
}

static void close_model(bench_model *m)
{
    if (m->model != m->random.model)
        ggdm_model_destroy(&m->model);
    ggdm_random_model_deinit(&m->random);
    ggdm_model_files_close(&m->files);
}

/* Values of a noisy image and of a timestep in the middle of the chain. */
static void fill_inputs(const ggdm_program *p)
{
    for (int32_t i = 0; i < p->batch; i++) {
        ggdm_normals(0, GGDM_STREAM_SAMPLER, (uint32_t)i, 0, p->elements, p->x + i * p->elements);
        p->t[i] = 500.0f;
        if (p->x0_x) {
            p->x0_x[i] = 3.6f;
            p->x0_eps[i] = -3.4f;
        }
    }
    for (int32_t k = 0; k < p->n_prompts; k++)
        ggdm_normals(
            0, GGDM_STREAM_SAMPLER, 0, 1,
            (int64_t)((size_t)p->batch * (size_t)p->prompts[k].copies * p->prompts[k].numbers),
            p->prompts[k].data);
}

static ggdm_timing per_image(ggdm_timing t, int batch)
{
    return (ggdm_timing){t.median / batch, t.best / batch, t.cpu / batch, t.runs};
}

static ggdm_status measure_program(const ggdm_bench_programs *b, int32_t program,
                                   const bench_options *o, ggdm_timing *out, double *flops,
                                   ggdm_error *err)
{
    const ggdm_program *p = NULL;
    GGDM_TRY(ggdm_programs_get(b->programs, program, o->batch, &p, err));
    fill_inputs(p);
    *out = per_image(ggdm_bench_graph(p->graph, o->seconds), o->batch);
    if (flops)
        *flops = ggdm_graph_flops(p->graph) / o->batch;
    return GGDM_OK;
}

/* Noise, a timestep in the middle, and as a text the same token again and again. */
static void fill_ports(ggdm_graph *g, const ggdm_ports *p, int batch)
{
    if (p->x >= 0)
        ggdm_normals(0, GGDM_STREAM_SAMPLER, 0, 0, ggdm_shape_count(ggdm_graph_shape(g, p->x)),
                     ggdm_graph_data(g, p->x));
    if (p->text >= 0)
        memset(ggdm_graph_data(g, p->text), 0,
               (size_t)ggdm_shape_count(ggdm_graph_shape(g, p->text)) * sizeof(int32_t));
    for (int i = 0; p->t >= 0 && i < batch; i++)
        ((float *)ggdm_graph_data(g, p->t))[i] = 500.0f;
}

/* A network alone: its forward pass, or with the gradient of what it gives to its images. */
static ggdm_status measure_alone(const ggdm_model *m, const bench_options *o, bool gradient,
                                 report *r, ggdm_error *err)
{
    const bool bf16 = r->job.precision == GGDM_PRECISION_BF16;
    ggdm_graph *g = NULL;
    GGDM_TRY(ggdm_graph_create(bf16 ? GGDM_BF16 : GGDM_F32, &g, err));
    ggdm_ports p = ggdm_arch_inputs(m->arch, g, o->batch);
    if (gradient && m->info.two_towers)
        p.text = -1;
    ggdm_val y = ggdm_arch_emit(m->arch, g, &p), gy = -1, gx;
    ggdm_graph_output(g, y);
    if (gradient) {
        gy = ggdm_graph_input(g, "gy", GGDM_F32, *ggdm_graph_shape(g, y));
        ggdm_graph_backward(g, y, gy, 1, &p.x, &gx);
    }
    ggdm_status st = ggdm_graph_compile(g, &m->params, err);
    if (st == GGDM_OK) {
        fill_ports(g, &p, o->batch);
        if (gradient)
            ggdm_normals(0, GGDM_STREAM_SAMPLER, 1, 0, ggdm_shape_count(ggdm_graph_shape(g, gy)),
                         ggdm_graph_data(g, gy));
        *(gradient ? &r->gradient : &r->forward) =
            per_image(ggdm_bench_graph(g, o->seconds), o->batch);
        *(gradient ? &r->gradient_flops : &r->flops) = ggdm_graph_flops(g) / o->batch;
    }
    ggdm_graph_destroy(&g);
    return st;
}

/* A classifier, as a judge or features take it, or an encoder: of images, as guidance takes it. */
static ggdm_status measure_others(const ggdm_model *m, const bench_options *o, report *r,
                                  ggdm_error *err)
{
    GGDM_TRY(measure_alone(m, o, false, r, err));
    if (m->info.role == GGDM_ENCODER && m->info.ports & GGDM_PORT_X)
        return measure_alone(m, o, true, r, err);
    return GGDM_OK;
}

/* A diffusion model, alone and with its guide. */
static ggdm_status measure_diffusion(ggdm_model *model, ggdm_model *guide, const bench_options *o,
                                     report *r, ggdm_error *err)
{
    ggdm_bench_programs programs = {0};
    ggdm_status st;
    GGDM_TRY_GOTO(
        st, ggdm_bench_programs_init(&programs, model, guide, r->job.precision, r->job.batch, err),
        done);
    GGDM_TRY_GOTO(st, measure_program(&programs, programs.plain, o, &r->forward, &r->flops, err),
                  done);
    if (guide)
        st = measure_program(&programs, programs.guided, o, &r->guided, NULL, err);
done:
    ggdm_bench_programs_deinit(&programs);
    return st;
}

static ggdm_status bench_models(const bench_options *o, report *r, ggdm_error *err)
{
    bench_model model = {0}, guide = {0};
    ggdm_status st;
    r->job = (ggdm_job){.precision = o->precision, .batch = o->batch, .threads = o->threads};
    GGDM_TRY(ggdm_isa_choose(&r->isa, err));
    GGDM_TRY(ggdm_startup_precision(&r->job.precision, &r->isa, err));
    GGDM_TRY(ggdm_isa_pin(r->isa, err));
    ggdm_use_threads(o->threads);
    GGDM_TRY_GOTO(st, open_model(o->model, &model, err), done);
    if (o->guide)
        GGDM_TRY_GOTO(st, open_model(o->guide, &guide, err), done);
    const bool alone = model.model->info.role != GGDM_DIFFUSION && !guide.model;
    GGDM_TRY_GOTO(st,
                  alone ? measure_others(model.model, o, r, err)
                        : measure_diffusion(model.model, guide.model, o, r, err),
                  done);
    st = ggdm_bench_peak(r->job.precision == GGDM_PRECISION_BF16 ? GGDM_BF16 : GGDM_F32, o->seconds,
                         &r->peak, err);
done:
    close_model(&guide);
    close_model(&model);
    return st;
}

static void put_timing(ggdm_json *j, const char *name, const ggdm_timing *t)
{
    static const char *const suffix[] = {"ms_per_image", "best_ms_per_image", "cpu_ms_per_image"};
    const double seconds[] = {t->median, t->best, t->cpu};
    for (int i = 0; t->runs && i < 3; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s_%s", name, suffix[i]);
        ggdm_json_put_double(j, key, 1e3 * seconds[i]);
    }
    char key[64];
    snprintf(key, sizeof key, "%s_runs", name);
    ggdm_json_put_int(j, key, t->runs);
}

static ggdm_status print_bench_json(const report *r, ggdm_error *err)
{
    ggdm_json j;
    char *text = NULL;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    put_timing(&j, "forward", &r->forward);
    put_timing(&j, "gradient", &r->gradient);
    put_timing(&j, "guided", &r->guided);
    ggdm_json_put_string(&j, "isa", ggdm_isa_name(r->isa));
    ggdm_json_put_string(&j, "precision", ggdm_precision_names[r->job.precision]);
    ggdm_json_put_int(&j, "batch", r->job.batch);
    ggdm_json_put_int(&j, "threads", r->job.threads);
    ggdm_json_put_double(&j, "forward_gflop_per_image", 1e-9 * r->flops);
    ggdm_json_put_double(&j, "peak_gflops", 1e-9 * r->peak);
    ggdm_json_put_double(&j, "peak_share", r->flops / r->forward.best / r->peak);
    if (r->gradient.runs)
        ggdm_json_put_double(&j, "gradient_peak_share",
                             r->gradient_flops / r->gradient.best / r->peak);
    ggdm_json_end(&j);
    GGDM_TRY(ggdm_json_finish(&j, &text, NULL, err));
    fputs(text, stdout);
    free(text);
    return GGDM_OK;
}

static void print_timing(const char *name, const ggdm_timing *t)
{
    if (t->runs)
        printf("%-8s %8.3f ms per image (median of %d; best %.3f; CPU time %.3f)\n", name,
               1e3 * t->median, t->runs, 1e3 * t->best, 1e3 * t->cpu);
}

static void print_bench_text(const report *r)
{
    printf("%s, %s, batch %d, threads %d\n", ggdm_isa_name(r->isa),
           ggdm_precision_names[r->job.precision], r->job.batch, r->job.threads);
    print_timing("forward", &r->forward);
    print_timing("gradient", &r->gradient);
    print_timing("guided", &r->guided);
    printf("%.1f GFLOP/s forward, %.1f %% of a large matrix product's %.1f\n",
           1e-9 * r->flops / r->forward.best, 100 * r->flops / r->forward.best / r->peak,
           1e-9 * r->peak);
}

static const struct argp_option arguments[] = {
    {"guide", 'g', "DIR", 0,
     "classifier, or network of images and texts, whose gradient guides: measures guided steps "
     "too",
     0},
    {"batch", 'b', "N", 0, "images of a batch (default: 32)", 0},
    {"threads", 't', "M", 0, "OpenMP threads (default: 1)", 0},
    {"precision", 'p', "auto|fp32|bf16", 0, "precision of the activations (default: auto)", 0},
    {"seconds", 's', "S", 0, "measure each network for so long, at least (default: 2)", 0},
    {"json", 'j', NULL, 0, "print one JSON object", 0},
    {0},
};

static error_t parse_bench(int key, char *arg, struct argp_state *state)
{
    bench_options *o = state->input;
    switch (key) {
    case 'g':
        o->guide = arg;
        break;
    case 'b':
        o->batch = ggdm_command_int(state, "--batch", arg, 1, 4096);
        break;
    case 't':
        o->threads = ggdm_command_int(state, "--threads", arg, 1, 1024);
        break;
    case 'p':
        o->precision =
            (ggdm_precision)ggdm_command_choice(state, "--precision", arg, ggdm_precision_names);
        break;
    case 's':
        o->seconds = ggdm_command_int(state, "--seconds", arg, 1, 3600);
        break;
    case 'j':
        o->json = true;
        break;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1)
            argp_error(state,
                       "too many arguments, expected 'network' and a model, 'ops' or 'dispatch'");
        *(state->arg_num == 0 ? &o->action : &o->model) = arg;
        break;
    case ARGP_KEY_END:
        if (!o->model || strcmp(o->action, "network") != 0)
            argp_error(state, "expected 'network' and a model, 'ops' or 'dispatch'");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_bench(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse_bench,
        "network MODEL\nops\ndispatch",
        "dispatch: measure the coordinator (ggdm bench dispatch --help).\n"
        "ops: measure the ops of the networks one by one (ggdm bench ops --help).\n"
        "network: measure a diffusion model: the forward pass, and with --guide the guided step "
        "(forward pass and gradient to x_t through both networks), as workers run them; or the "
        "forward pass of a classifier or an encoder, and of an encoder of images also that pass "
        "with the gradient to them.\v"
        "MODEL is a name under models/zoo, a directory, or a config.json, whose network then gets "
        "random weights.\n\n"
        "Example:\n  ggdm bench network mnist-ddpm --guide mnist-cnn",
        NULL,
        NULL,
        NULL};
    bench_options options = {.batch = 32, .threads = 1, .seconds = 2};
    report r = {0};
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &options))
        return GGDM_EXIT_USAGE;
    ggdm_status st = bench_models(&options, &r, &err);
    if (st == GGDM_OK && options.json)
        st = print_bench_json(&r, &err);
    else if (st == GGDM_OK)
        print_bench_text(&r);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("bench", &err);
}
