#include "coordinator/show/status_map.h"

#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "coordinator/show/status_parts.h"
#include "jobs/axes.h"

#define STORE_SECONDS 20.0 /* between two looks: a coordinator makes its snapshots no sooner */

void ggdm_status_map_deinit(ggdm_status_map *map)
{
    ggdm_arena_deinit(&map->arena);
    *map = (ggdm_status_map){0};
}

static ggdm_status take_cells(ggdm_status_map *m, int32_t n, ggdm_error *err)
{
    ggdm_arena_deinit(&m->arena);
    *m = (ggdm_status_map){.n = n, .run = 1, .asked = m->asked, .when = m->when};
    return ggdm_arena_alloc(&m->arena, (size_t)n * sizeof *m->cells, &m->cells, err);
}

/* ---- how they lie ---- */

static ggdm_status copy_axis(ggdm_status_map *m, const ggdm_axis *axis, ggdm_map_axis *out,
                             ggdm_error *err)
{
    const size_t n = (size_t)m->n;
    char text[GGDM_LABEL_SIZE];
    GGDM_TRY(ggdm_arena_text(&m->arena, axis->column->name, &out->name, err));
    GGDM_TRY(ggdm_arena_alloc(&m->arena, (size_t)axis->n * sizeof *out->labels, &out->labels, err));
    for (int32_t i = 0; i < axis->n; i++)
        GGDM_TRY(ggdm_arena_text(&m->arena, ggdm_axis_label(axis, i, text), &out->labels[i], err));
    GGDM_TRY(ggdm_arena_alloc(&m->arena, n * sizeof *out->rank, &out->rank, err));
    memcpy(out->rank, axis->rank, n * sizeof *out->rank);
    out->n = axis->n;
    return GGDM_OK;
}

/* What changes from the first cell to the second does so until it is as it was. */
static int32_t run_of(const ggdm_axes *a, int32_t n)
{
    int32_t run = n > 1 ? n : 1;
    for (int32_t k = 0; k < a->n && n > 1; k++) {
        const int32_t *rank = a->axes[k].rank;
        int32_t i = 1;
        while (i < n && rank[i] != rank[0])
            i++;
        run = i > 1 && i < run ? i : run;
    }
    return run;
}

/* Only where two axes say all; texts go down, as there is more room for them before a line. */
static ggdm_status lay_out(ggdm_status_map *m, const ggdm_results *r, ggdm_error *err)
{
    ggdm_axes a;
    ggdm_status st = ggdm_axes_find(r, &a, err);
    const int32_t y = a.curve >= 0 ? a.curve : a.aim;
    const bool told = a.n_others == 0 && (a.aim < 0 || a.aim == y);
    const bool down = ggdm_axes_is_text(&a, a.x) && !ggdm_axes_is_text(&a, y);
    if (st == GGDM_OK)
        m->run = run_of(&a, m->n);
    if (st == GGDM_OK && told && a.x >= 0)
        st = copy_axis(m, &a.axes[a.x], down ? &m->y : &m->x, err);
    if (st == GGDM_OK && told && y >= 0)
        st = copy_axis(m, &a.axes[y], down ? &m->x : &m->y, err);
    ggdm_axes_deinit(&a);
    return st;
}

static ggdm_status ask(ggdm_status_map *m, const char *dir, ggdm_error *err)
{
    ggdm_store *store = NULL;
    ggdm_results r = {0};
    ggdm_status st = ggdm_store_read(dir, &store, err);
    if (st == GGDM_OK)
        st = ggdm_results_open(store, &r, err);
    if (st == GGDM_OK)
        st = take_cells(m, r.n_rows, err);
    for (int32_t i = 0; st == GGDM_OK && i < m->n; i++) {
        const ggdm_store_cell *c = &r.rows[i].cell;
        m->cells[i] = (ggdm_map_cell){c->done, c->wanted, c->diverged, c->cancelled};
    }
    if (st == GGDM_OK)
        st = lay_out(m, &r, err);
    ggdm_results_deinit(&r);
    ggdm_store_close(&store);
    return st;
}

/* ---- how far they are ---- */

static ggdm_map_cell cell_of(const ggdm_node *n)
{
    return (ggdm_map_cell){.done = ggdm_status_int(n, "done"),
                           .wanted = ggdm_status_int(n, "wanted"),
                           .diverged = ggdm_status_int(n, "diverged"),
                           .cancelled = strcmp(ggdm_status_text_of(n, "state"), "cancelled") == 0};
}

ggdm_status ggdm_status_map_read(const char *dir, const ggdm_node *root, ggdm_status_map *m,
                                 ggdm_error *err)
{
    const ggdm_node *cells = ggdm_node_get(root, "cells");
    const bool listed = cells && cells->kind == GGDM_NODE_LIST;
    const bool known =
        m->asked && (listed ? (size_t)m->n == cells->count : ggdm_now() - m->when < STORE_SECONDS);
    if (!known) {
        const ggdm_status st = ask(m, dir, err);
        m->asked = true;
        m->when = ggdm_now();
        if (st == GGDM_ENOMEM)
            return st;
        if (listed && (size_t)m->n != cells->count)
            GGDM_TRY(take_cells(m, (int32_t)cells->count, err));
    }
    int32_t i = 0;
    for (const ggdm_node *n = listed ? cells->first : NULL; n; n = n->next)
        m->cells[i++] = cell_of(n);
    return GGDM_OK;
}
