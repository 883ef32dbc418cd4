#include "jobs/cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define KEY_VERSION 1 /* of the key's layout and of the meaning of everything in it */

static bool is_guided(const ggdm_cell *cell)
{
    return cell->kappa != 0 && cell->duration != 0;
}

void ggdm_cell_key(const ggdm_sweep *sweep, const ggdm_key_context *context, const ggdm_cell *cell,
                   uint8_t key[GGDM_HASH_SIZE])
{
    static const ggdm_key_context nothing = {.isa = ""};
    const ggdm_key_context *c = context ? context : &nothing;
    ggdm_hash h;
    ggdm_hash_init(&h);
    ggdm_hash_text(&h, "ggdm trajectory");
    ggdm_hash_u64(&h, KEY_VERSION);
    ggdm_hash_text(&h, "ddpm");
    ggdm_hash_u64(&h, (uint64_t)sweep->job.steps);
    ggdm_hash_text(&h, ggdm_variance_names[sweep->job.variance]);
    ggdm_hash_u64(&h, sweep->job.clip_x0);
    ggdm_hash_u64(&h, sweep->job.seed);
    ggdm_hash_text(&h, ggdm_precision_names[c->precision]);
    ggdm_hash_text(&h, c->isa ? c->isa : "");
    ggdm_hash_update(&h, c->diffusion, GGDM_HASH_SIZE);
    ggdm_hash_u64(&h, is_guided(cell));
    if (is_guided(cell)) {
        ggdm_hash_text(&h, "gradient of a classifier");
        ggdm_hash_text(&h, ggdm_gradient_names[sweep->job.gradient]);
        ggdm_hash_text(&h, ggdm_loss_form_names[sweep->job.form]);
        ggdm_hash_update(&h, c->guide, GGDM_HASH_SIZE);
        ggdm_hash_f64(&h, cell->kappa);
        ggdm_hash_u64(&h, (uint64_t)cell->duration);
        ggdm_hash_u64(&h, (uint64_t)cell->target);
        if (cell->start) /* from 0: the key of the time before windows */
            ggdm_hash_u64(&h, (uint64_t)cell->start);
    }
    ggdm_hash_final(&h, key);
}

/* Parameters of cell i: the fixed ones, overlaid by its place in each group (first slowest). */
static ggdm_cell make_cell(const ggdm_sweep *s, int32_t i)
{
    double v[GGDM_N_AXES];
    size_t rest = (size_t)i;
    memcpy(v, s->fixed, sizeof v);
    for (int g = s->n_groups - 1; g >= 0; g--) {
        const ggdm_axis_group *group = &s->groups[g];
        size_t k = rest % group->count;
        rest /= group->count;
        for (int axis = 0; axis < GGDM_N_AXES; axis++)
            if (group->values[axis])
                v[axis] = group->values[axis][k];
    }
    return (ggdm_cell){.index = i,
                       .kappa = v[GGDM_AXIS_KAPPA],
                       .start = (int32_t)v[GGDM_AXIS_START],
                       .duration = (int32_t)v[GGDM_AXIS_DURATION],
                       .target = (int32_t)v[GGDM_AXIS_TARGET]};
}

static int by_key(const void *a, const void *b)
{
    const ggdm_cell *x = *(const ggdm_cell *const *)a, *y = *(const ggdm_cell *const *)b;
    int order = memcmp(x->key, y->key, GGDM_HASH_SIZE);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static ggdm_trajectory make_trajectory(const ggdm_cell *cell)
{
    ggdm_trajectory t = {.target = -1, .first_cell = cell->index};
    if (is_guided(cell)) {
        t.kappa = cell->kappa;
        t.start = cell->start;
        t.duration = cell->duration;
        t.target = cell->target;
    }
    memcpy(t.key, cell->key, GGDM_HASH_SIZE);
    return t;
}

/* Cells of one key share a trajectory; trajectories are numbered by their first cell. */
static ggdm_status find_trajectories(ggdm_cells *c, ggdm_error *err)
{
    size_t n = (size_t)c->n_cells;
    const ggdm_cell **sorted = NULL;
    int32_t *first = NULL; /* of each cell: the first cell with its key */
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&sorted, n, sizeof *sorted, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&first, n, sizeof *first, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&c->trajectories, n, sizeof *c->trajectories, err), done);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &c->cells[i];
    qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t i = 0; i < n; i++) {
        bool same = i > 0 && memcmp(sorted[i - 1]->key, sorted[i]->key, GGDM_HASH_SIZE) == 0;
        first[sorted[i]->index] = same ? first[sorted[i - 1]->index] : sorted[i]->index;
    }
    for (size_t i = 0; i < n; i++) {
        ggdm_cell *cell = &c->cells[i];
        if (first[i] == cell->index) {
            cell->trajectory = c->n_trajectories++;
            c->trajectories[cell->trajectory] = make_trajectory(cell);
        } else {
            cell->trajectory = c->cells[first[i]].trajectory;
        }
    }

done:
    free(sorted);
    free(first);
    return st;
}

ggdm_status ggdm_cells_expand(const ggdm_sweep *sweep, const ggdm_key_context *context,
                              ggdm_cells *out, ggdm_error *err)
{
    memset(out, 0, sizeof *out);
    GGDM_TRY(ggdm_alloc(&out->cells, (size_t)sweep->n_cells, sizeof *out->cells, err));
    out->n_cells = (int32_t)sweep->n_cells;
    for (int32_t i = 0; i < out->n_cells; i++) {
        ggdm_cell *cell = &out->cells[i];
        *cell = make_cell(sweep, i);
        ggdm_cell_key(sweep, context, cell, cell->key);
    }
    ggdm_status st = find_trajectories(out, err);
    if (st != GGDM_OK)
        ggdm_cells_deinit(out);
    return st;
}

void ggdm_cells_deinit(ggdm_cells *cells)
{
    free(cells->cells);
    free(cells->trajectories);
    memset(cells, 0, sizeof *cells);
}

void ggdm_window_label(int32_t start, int32_t duration, char label[GGDM_WINDOW_LABEL_SIZE])
{
    if (start)
        snprintf(label, GGDM_WINDOW_LABEL_SIZE, "%d+%d", (int)start, (int)duration);
    else
        snprintf(label, GGDM_WINDOW_LABEL_SIZE, "%d", (int)duration);
}

void ggdm_cell_name(int32_t n_cells, int32_t index, char name[GGDM_CELL_NAME_SIZE])
{
    int width = 1;
    for (int32_t last = n_cells - 1; last >= 10; last /= 10)
        width++;
    snprintf(name, GGDM_CELL_NAME_SIZE, "c%0*d", width < 4 ? 4 : width, (int)index);
}
