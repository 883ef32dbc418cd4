#include "tests/support/paper_results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/results_until.h"

static ggdm_error err;

static ggdm_store_value paper_value(const char *text)
{
    char *end;
    double v = strtod(text, &end);
    return (ggdm_store_value){*text && !*end ? v : (double)NAN, text};
}

static int32_t count_values(const paper_axis *axis)
{
    int32_t n = 0;
    while (axis->values[n])
        n++;
    return n;
}

static void add_columns(paper *p, const paper_axis *axes, int n)
{
    p->r.columns = p->columns;
    p->r.aim_column = -1;
    for (int i = 0; i < n; i++) {
        p->columns[i] = (ggdm_store_column){.name = axes[i].name,
                                            .path = axes[i].name,
                                            .label = axes[i].label,
                                            .type = axes[i].type,
                                            .aim = axes[i].aim,
                                            .varies = count_values(&axes[i]) > 1};
        if (p->columns[i].varies)
            p->varying[p->r.n_varying++] = i;
        if (axes[i].aim)
            p->r.aim_column = i;
    }
    p->columns[n] = (ggdm_store_column){
        .name = "steps", .path = "sampler.steps", .label = "steps", .type = GGDM_PARAM_WHOLE};
    p->r.n_columns = n + 1;
    p->r.varying = p->varying;
}

static void add_row(paper *p, const paper_axis *axes, int n, int32_t i)
{
    ggdm_row *row = &p->r.rows[i];
    ggdm_store_value *values = &p->r.values[i * p->r.n_columns];
    int32_t rest = i;
    *row = (ggdm_row){
        .cell = {.index = i, .trajectory = i, .wanted = PAPER_N, .done = PAPER_N, .key = {0}},
        .aim = -1,
        .n = PAPER_N};
    memset(row->cell.key, i, sizeof row->cell.key);
    snprintf(row->cell.name, sizeof row->cell.name, "c%04d", i);
    for (int k = n - 1; k >= 0; k--) {
        int32_t count = count_values(&axes[k]);
        values[k] = paper_value(axes[k].values[rest % count]);
        rest /= count;
        if (axes[k].aim && !isnan(values[k].number))
            row->aim = (int32_t)values[k].number;
    }
    values[n] = paper_value("100");
    ggdm_test_ok(ggdm_arena_alloc(&p->r.arena, 3 * sizeof *row->measured, &row->measured, &err),
                 &err);
    for (int32_t k = 0; k < 3; k++)
        paper_say(p, i, k, 0, 0);
}

void paper_open(paper *p, const paper_axis *axes, int n)
{
    size_t rows = 1;
    *p = (paper){.info = {.name = "paper \"one\"",
                          .isa = "avx2",
                          .precision = GGDM_PRECISION_FP32,
                          .version = "test",
                          .library = "oneDNN 2.6.3",
                          .processor = "a processor"},
                 .measures = {{"guide", GGDM_OUTPUT_CLASSES},
                              {"judge", GGDM_OUTPUT_CLASSES},
                              {"saturation", GGDM_OUTPUT_NUMBER}},
                 .shown = {PAPER_JUDGE, PAPER_GUIDE, PAPER_SATURATION},
                 .measure = {PAPER_GUIDE, PAPER_JUDGE, PAPER_SATURATION}};
    static const ggdm_store_model models[] = {{"aa11", "mnist-ddpm"}, {"bb22", "mnist-judge"}};
    p->panel = (ggdm_results_panel){
        .n = 3, .scorers = p->scorers, .measure = p->measure, .verdict = PAPER_JUDGE};
    p->r.info = &p->info;
    p->r.models = models;
    p->r.n_models = 2;
    p->r.measures = p->measures;
    p->r.n_measures = 3;
    p->r.shown = p->shown;
    p->r.panels = &p->panel;
    p->r.n_panels = 1;
    add_columns(p, axes, n);
    for (int i = 0; i < n; i++)
        rows *= (size_t)count_values(&axes[i]);
    p->r.n_rows = (int32_t)rows;
    ggdm_test_ok(ggdm_arena_alloc(&p->r.arena, rows * sizeof *p->r.rows, &p->r.rows, &err), &err);
    ggdm_test_ok(ggdm_arena_alloc(&p->r.arena, rows * (size_t)p->r.n_columns * sizeof *p->r.values,
                                  &p->r.values, &err),
                 &err);
    for (int32_t i = 0; i < p->r.n_rows; i++)
        add_row(p, axes, n, i);
}

void paper_close(paper *p)
{
    ggdm_arena_deinit(&p->r.arena);
}

void paper_say(paper *p, int32_t row, int32_t measure, int32_t right, int32_t n)
{
    ggdm_measured *m = &p->r.rows[row].measured[measure];
    const double none = (double)NAN;
    *m = (ggdm_measured){.known = n > 0,
                         .n = n,
                         .n_mean = n,
                         .right = right,
                         .accuracy = {none, none, none},
                         .confidence = none,
                         .confident = none,
                         .loss = none,
                         .mean = none,
                         .deviation = none};
    if (n > 0 && p->measures[measure].output == GGDM_OUTPUT_CLASSES)
        m->accuracy = ggdm_results_share(&p->r.rows[row], right, n);
    else if (n > 0)
        m->mean = right;
}
