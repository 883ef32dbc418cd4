/* `ggdm bench ops`: the ops one by one, in the shapes that the shipped models have: the rows of the
 * op table that say "(model)". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/isa.h"
#include "common/json_write.h"
#include "common/mem.h"
#include "common/threads.h"
#include "coordinator/cmd/bench_timing.h"
#include "coordinator/cmd/command.h"
#include "models/nn/op_table.h"
#include "worker/startup.h"

typedef struct options {
    int batch, threads, milliseconds;
    ggdm_precision precision;
} options;

/* A graph of one op.  Inputs are zero, parameters 0.1: no op's time depends on the values. */
typedef struct single {
    ggdm_graph *g;
    ggdm_tensor tensors[GGDM_OP_INPUTS];
    float *values[GGDM_OP_INPUTS]; /* of parameters, owned */
    double bytes;                  /* of inputs, parameters and result */
} single;

static double bytes_of(const ggdm_graph *g, ggdm_val v)
{
    return (double)ggdm_shape_count(ggdm_graph_shape(g, v)) *
           (ggdm_graph_dtype(g, v) == GGDM_BF16 ? 2 : 4);
}

static ggdm_status declare_param(single *s, const char *name, ggdm_shape shape, size_t i,
                                 ggdm_val *out, ggdm_error *err)
{
    size_t n = (size_t)ggdm_shape_count(&shape);
    GGDM_TRY(ggdm_alloc(&s->values[i], n, sizeof(float), err));
    for (size_t k = 0; k < n; k++)
        s->values[i][k] = 0.1f;
    s->tensors[i] = (ggdm_tensor){name, GGDM_F32, shape, s->values[i]};
    *out = ggdm_graph_param(s->g, name, shape, (ggdm_init){GGDM_INIT_ZERO, 0});
    return GGDM_OK;
}

/* gradient: the op and its gradients to the activations; otherwise the op alone. */
static ggdm_status single_build(single *s, const ggdm_op_row *row, const options *o, bool gradient,
                                ggdm_error *err)
{
    ggdm_dtype dtype = o->precision == GGDM_PRECISION_BF16 ? GGDM_BF16 : GGDM_F32;
    ggdm_val in[GGDM_OP_INPUTS], wrt[GGDM_OP_INPUTS], grads[GGDM_OP_INPUTS];
    ggdm_params params = {.items = s->tensors};
    int n_wrt = 0;
    GGDM_TRY(ggdm_graph_create(dtype, &s->g, err));
    for (int i = 0; i < GGDM_OP_INPUTS; i++) {
        const ggdm_op_input *input = &row->op->in[i];
        ggdm_shape shape = ggdm_op_input_shape(row, i, o->batch);
        in[i] = -1;
        if (input->role == GGDM_ROLE_NONE || shape.n == 0)
            continue;
        bool image = input->role == GGDM_ROLE_ACT && shape.n > 2;
        if (input->role == GGDM_ROLE_PARAM)
            GGDM_TRY(declare_param(s, input->name, shape, params.n++, &in[i], err));
        else
            in[i] = ggdm_graph_input(s->g, input->name,
                                     input->role == GGDM_ROLE_INDEX ? GGDM_I32
                                     : image                        ? dtype
                                                                    : GGDM_F32,
                                     shape);
        s->bytes += bytes_of(s->g, in[i]);
        if (input->role == GGDM_ROLE_ACT)
            wrt[n_wrt++] = in[i];
    }
    ggdm_val y = row->op->emit(s->g, &row->cfg, in);
    ggdm_graph_output(s->g, y);
    s->bytes += bytes_of(s->g, y);
    if (gradient) {
        ggdm_val gy =
            ggdm_graph_input(s->g, "gy", ggdm_graph_dtype(s->g, y), *ggdm_graph_shape(s->g, y));
        ggdm_graph_backward(s->g, y, gy, n_wrt, wrt, grads);
    }
    return ggdm_graph_compile(s->g, &params, err);
}

static void single_destroy(single *s)
{
    ggdm_graph_destroy(&s->g);
    for (int i = 0; i < GGDM_OP_INPUTS; i++)
        free(s->values[i]);
}

static ggdm_status measure_row(const ggdm_op_row *row, const options *o, double peak,
                               double bandwidth, ggdm_json *j, ggdm_error *err)
{
    ggdm_timing t[2];
    double flops = 0, bytes = 0;
    for (int gradient = 0; gradient < 2; gradient++) {
        single s = {0};
        ggdm_status st = single_build(&s, row, o, gradient, err);
        if (st == GGDM_OK)
            t[gradient] = ggdm_bench_graph(s.g, 1e-3 * o->milliseconds);
        if (st == GGDM_OK && !gradient) {
            flops = ggdm_graph_flops(s.g);
            bytes = s.bytes;
        }
        single_destroy(&s);
        GGDM_TRY(st);
    }
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "op", row->name);
    ggdm_json_put_int(j, "n", t[0].runs);
    ggdm_json_put_double(j, "median_us", 1e6 * t[0].median);
    ggdm_json_put_double(j, "best_us", 1e6 * t[0].best);
    ggdm_json_put_double(j, "with_gradient_us", 1e6 * t[1].median);
    ggdm_json_put_double(j, "gflops", 1e-9 * flops / t[0].median);
    ggdm_json_put_double(j, "gbytes_per_second", 1e-9 * bytes / t[0].median);
    ggdm_json_put_double(j, "flops_share", flops / t[0].median / peak);
    ggdm_json_put_double(j, "bandwidth_share", bytes / t[0].median / bandwidth);
    ggdm_json_end(j);
    return GGDM_OK;
}

static ggdm_status bench_ops(options *o, ggdm_json *j, ggdm_error *err)
{
    ggdm_isa isa;
    double peak, bandwidth;
    GGDM_TRY(ggdm_isa_choose(&isa, err));
    GGDM_TRY(ggdm_startup_precision(&o->precision, &isa, err));
    GGDM_TRY(ggdm_isa_pin(isa, err));
    ggdm_use_threads(o->threads);
    GGDM_TRY(
        ggdm_bench_peak(o->precision == GGDM_PRECISION_BF16 ? GGDM_BF16 : GGDM_F32, 1, &peak, err));
    GGDM_TRY(ggdm_bench_bandwidth(1, &bandwidth, err));
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "isa", ggdm_isa_name(isa));
    ggdm_json_put_string(j, "precision", ggdm_precision_names[o->precision]);
    ggdm_json_put_int(j, "batch", o->batch);
    ggdm_json_put_int(j, "threads", o->threads);
    ggdm_json_put_double(j, "peak_gflops", 1e-9 * peak);
    ggdm_json_put_double(j, "memory_gbytes_per_second", 1e-9 * bandwidth);
    ggdm_json_begin_array(j, "ops");
    for (size_t i = 0; i < ggdm_op_n_rows; i++)
        if (strstr(ggdm_op_rows[i].name, "(model)"))
            GGDM_TRY(measure_row(&ggdm_op_rows[i], o, peak, bandwidth, j, err));
    ggdm_json_end(j);
    ggdm_json_end(j);
    return GGDM_OK;
}

static const struct argp_option arguments[] = {
    {"batch", 'b', "N", 0, "images of a batch (default: 32)", 0},
    {"threads", 't', "M", 0, "OpenMP threads (default: 1)", 0},
    {"precision", 'p', "auto|fp32|bf16", 0, "precision of the activations (default: auto)", 0},
    {"milliseconds", 'm', "MS", 0, "measure each op for so long, at least (default: 100)", 0},
    {0},
};

static error_t parse_bench_ops(int key, char *arg, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case 'b':
        o->batch = ggdm_command_int(state, "--batch", arg, 1, 4096);
        return 0;
    case 't':
        o->threads = ggdm_command_int(state, "--threads", arg, 1, 1024);
        return 0;
    case 'p':
        o->precision =
            (ggdm_precision)ggdm_command_choice(state, "--precision", arg, ggdm_precision_names);
        return 0;
    case 'm':
        o->milliseconds = ggdm_command_int(state, "--milliseconds", arg, 1, 1000000);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int ggdm_cmd_bench_ops(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse_bench_ops,
        NULL,
        "Measure the ops of the shipped models one by one and print one JSON object.\v"
        "gflops and gbytes_per_second are of the op alone (inputs, parameters and result once); "
        "with_gradient_us is the time of the op and its gradients to the activations.  Shares are "
        "of a large matrix product and of sums of arrays in memory, measured in the same call; "
        "what stays in a cache may exceed the latter.\n\n"
        "Example:\n  ggdm bench ops --precision bf16",
        NULL,
        NULL,
        NULL};
    options o = {.batch = 32, .threads = 1, .milliseconds = 100};
    ggdm_error err = {0};
    ggdm_json j;
    char *text = NULL;
    if (ggdm_command_parse(&argp, argc, argv, &o))
        return GGDM_EXIT_USAGE;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_status st = bench_ops(&o, &j, &err);
    if (st == GGDM_OK)
        st = ggdm_json_finish(&j, &text, NULL, &err);
    else
        ggdm_json_deinit(&j);
    if (st == GGDM_OK)
        fputs(text, stdout);
    free(text);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("bench", &err);
}
