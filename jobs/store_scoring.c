/* Units of kind score: for samples that are there and lack scores which a cell wants.
 *
 * A tree of one trajectory, and a unit for each run of samples that lack the same scores.  Which
 * these are is asked when the unit is claimed (store_tree.c). */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define BLOCK_SAMPLES 1024 /* of a unit at most */
#define SAMPLE_BYTES 64    /* of a packed sample without its data, at most */

/* ---- what is planned already ---------------------------------------------------------------- */

/* A unit that is to score, or, with unit -1, the tree of a trajectory. */
typedef struct planned {
    int64_t trajectory, tree, unit;
    int32_t first, count;
} planned;

typedef struct planned_list {
    planned *items; /* owned, by trajectory */
    size_t n, cap;
} planned_list;

static int by_trajectory(const void *a, const void *b)
{
    int64_t x = ((const planned *)a)->trajectory, y = ((const planned *)b)->trajectory;
    return (x > y) - (x < y);
}

static ggdm_status add_planned(planned_list *list, planned p, ggdm_error *err)
{
    GGDM_TRY(ggdm_grow(&list->items, &list->cap, list->n + 1, sizeof p, err));
    list->items[list->n++] = p;
    return GGDM_OK;
}

/* Trees that score, and their units that are not done. */
static ggdm_status read_planned(ggdm_store *s, planned_list *list, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row;
    GGDM_TRY(ggdm_store_prepare(s,
                                "SELECT t.id, coalesce(u.id, -1), coalesce(u.image_first, 0), "
                                "coalesce(u.image_count, 0) FROM tree AS t LEFT JOIN unit AS u "
                                "ON u.tree = t.id AND u.state <> 'done' WHERE t.steps = 0 "
                                "AND EXISTS (SELECT 1 FROM tree WHERE steps = 0)",
                                &stmt, err));
    for (;;) {
        planned p;
        ggdm_unit tree;
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row)
            break;
        p = (planned){.tree = sqlite3_column_int64(stmt, 0), .unit = sqlite3_column_int64(stmt, 1)};
        p.first = sqlite3_column_int(stmt, 2);
        p.count = sqlite3_column_int(stmt, 3);
        GGDM_TRY_GOTO(st, ggdm_store_read_tree(s, p.tree, &tree, err), done);
        p.trajectory = tree.segments[0].trajectory;
        ggdm_unit_deinit(&tree);
        GGDM_TRY_GOTO(st, add_planned(list, p, err), done);
    }
    if (list->n)
        qsort(list->items, list->n, sizeof *list->items, by_trajectory);
done:
    sqlite3_finalize(stmt);
    return st;
}

/* ---- the samples of a trajectory ------------------------------------------------------------ */

typedef struct sample_mark {
    int32_t idx;
    int64_t size;
    bool scored;  /* by the scorer at hand */
    bool lacks;   /* scores of any */
    bool begins;  /* lacks other scores than the one before */
    bool planned; /* a unit is there */
} sample_mark;

typedef struct scoring {
    ggdm_store *s;
    planned_list planned;
    sample_mark *marks; /* owned, [n], by index */
    size_t n, cap;
    int64_t *scorers; /* owned: what the cells of the trajectory at hand want */
    size_t n_scorers, scorers_cap;
    int64_t next_tree, next_unit;
} scoring;

static ggdm_status read_samples(scoring *w, int64_t trajectory, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row;
    w->n = 0;
    GGDM_TRY(ggdm_store_prepare(
        w->s, "SELECT idx, length(data) FROM sample WHERE trajectory = ?1 ORDER BY idx", &stmt,
        err));
    sqlite3_bind_int64(stmt, 1, trajectory);
    for (;;) {
        GGDM_TRY_GOTO(st, ggdm_store_step(w->s, stmt, &row, err), done);
        if (!row)
            break;
        GGDM_TRY_GOTO(st, ggdm_grow(&w->marks, &w->cap, w->n + 1, sizeof *w->marks, err), done);
        w->marks[w->n] = (sample_mark){.idx = sqlite3_column_int(stmt, 0),
                                       .size = sqlite3_column_int64(stmt, 1) + SAMPLE_BYTES};
        w->marks[w->n].begins = w->n == 0 || w->marks[w->n].idx != w->marks[w->n - 1].idx + 1;
        w->n++;
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

/* What samples lack of a scorer. */
static ggdm_status mark_scorer(scoring *w, int64_t trajectory, int64_t scorer, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row;
    size_t i = 0;
    for (size_t k = 0; k < w->n; k++)
        w->marks[k].scored = false;
    GGDM_TRY(ggdm_store_prepare(
        w->s,
        "SELECT first, first + count FROM score WHERE trajectory = ?1 AND scorer = ?2 "
        "ORDER BY first",
        &stmt, err));
    sqlite3_bind_int64(stmt, 1, trajectory);
    sqlite3_bind_int64(stmt, 2, scorer);
    for (;;) {
        GGDM_TRY_GOTO(st, ggdm_store_step(w->s, stmt, &row, err), done);
        if (!row)
            break;
        int64_t first = sqlite3_column_int64(stmt, 0), end = sqlite3_column_int64(stmt, 1);
        while (i < w->n && w->marks[i].idx < first)
            i++;
        while (i < w->n && w->marks[i].idx < end)
            w->marks[i++].scored = true;
    }
    for (size_t k = 0; k < w->n; k++) {
        w->marks[k].lacks = w->marks[k].lacks || !w->marks[k].scored;
        w->marks[k].begins = w->marks[k].begins || w->marks[k].scored != w->marks[k - 1].scored;
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

/* What is planned of a trajectory; returns its tree, or -1. */
static int64_t mark_planned(scoring *w, int64_t trajectory)
{
    const planned key = {.trajectory = trajectory};
    const planned *all = w->planned.items, *end = all + w->planned.n;
    const planned *p =
        w->planned.n ? bsearch(&key, all, w->planned.n, sizeof key, by_trajectory) : NULL;
    int64_t tree = p ? p->tree : -1;
    while (p && p > all && p[-1].trajectory == trajectory)
        p--;
    for (; p && p < end && p->trajectory == trajectory; p++)
        for (size_t i = 0; i < w->n; i++)
            if (w->marks[i].idx - p->first >= 0 && w->marks[i].idx - p->first < p->count)
                w->marks[i].planned = true;
    return tree;
}

/* ---- units ---------------------------------------------------------------------------------- */

static ggdm_status put_tree(scoring *w, int64_t trajectory, int64_t *tree, ggdm_error *err)
{
    const ggdm_segment segment = {.parent = -1, .setting = -1, .trajectory = trajectory};
    if (*tree >= 0)
        return GGDM_OK;
    *tree = w->next_tree++;
    return ggdm_store_put_tree(w->s, *tree, -1, 0, 0, &segment, 1, NULL, 0, err);
}

static ggdm_status put_unit(scoring *w, int64_t tree, int32_t first, int32_t count, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(w->s, GGDM_SQL_PUT_UNIT, &stmt, err));
    sqlite3_bind_int64(stmt, 1, w->next_unit++);
    sqlite3_bind_int64(stmt, 2, tree);
    sqlite3_bind_int(stmt, 3, first);
    sqlite3_bind_int(stmt, 4, count);
    GGDM_TRY(ggdm_store_run(w->s, stmt, err));
    w->s->counts.units[GGDM_UNIT_READY]++;
    w->s->counts.units_total++;
    return GGDM_OK;
}

/* Blocks of marks that lack the same, and have no unit. */
static ggdm_status put_blocks(scoring *w, int64_t trajectory, int64_t tree, ggdm_error *err)
{
    for (size_t i = 0, k; i < w->n; i = k) {
        int64_t size = 0;
        for (k = i; k < w->n && k - i < BLOCK_SAMPLES; k++) {
            const sample_mark *m = &w->marks[k];
            size += m->size;
            if (!m->lacks || m->planned ||
                (k > i && (m->begins || size > (int64_t)GGDM_MAX_CHECKPOINT)))
                break;
        }
        if (k == i) {
            k++;
            continue;
        }
        GGDM_TRY(put_tree(w, trajectory, &tree, err));
        GGDM_TRY(put_unit(w, tree, w->marks[i].idx, (int32_t)(k - i), err));
    }
    return GGDM_OK;
}

static ggdm_status plan_trajectory(scoring *w, int64_t trajectory, int32_t done, ggdm_error *err)
{
    bool lacks = false;
    for (size_t i = 0; i < w->n_scorers && done > 0 && !lacks; i++)
        GGDM_TRY(ggdm_store_lacks_scores(w->s, trajectory, done, w->scorers[i], &lacks, err));
    if (!lacks)
        return GGDM_OK;
    GGDM_TRY(read_samples(w, trajectory, err));
    for (size_t i = 0; i < w->n_scorers; i++)
        GGDM_TRY(mark_scorer(w, trajectory, w->scorers[i], err));
    return put_blocks(w, trajectory, mark_planned(w, trajectory), err);
}

/* ---- the cells ------------------------------------------------------------------------------ */

static ggdm_status add_panel(scoring *w, int32_t panel, ggdm_error *err)
{
    int32_t n;
    const ggdm_store_measure *m = ggdm_store_panel(w->s, panel, &n);
    for (int32_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < w->n_scorers && w->scorers[k] != m[i].scorer)
            k++;
        if (k < w->n_scorers)
            continue;
        GGDM_TRY(ggdm_grow(&w->scorers, &w->scorers_cap, k + 1, sizeof *w->scorers, err));
        w->scorers[w->n_scorers++] = m[i].scorer;
    }
    return GGDM_OK;
}

/* Trajectory after trajectory, with what the chosen cells want of it. */
static ggdm_status plan_all(scoring *w, const bool *cells, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row;
    int64_t trajectory = -1;
    int32_t done = 0, i;
    GGDM_TRY(ggdm_store_prepare(w->s,
                                "SELECT c.trajectory, t.done, c.panel, c.idx FROM cell AS c "
                                "JOIN trajectory AS t ON t.id = c.trajectory WHERE c.cancelled = 0 "
                                "ORDER BY c.trajectory",
                                &stmt, err));
    for (;;) {
        GGDM_TRY_GOTO(st, ggdm_store_step(w->s, stmt, &row, err), done);
        int64_t t = row ? sqlite3_column_int64(stmt, 0) : -1;
        if (t != trajectory) {
            GGDM_TRY_GOTO(st, plan_trajectory(w, trajectory, done, err), done);
            w->n_scorers = 0;
        }
        if (!row)
            break;
        trajectory = t;
        done = sqlite3_column_int(stmt, 1);
        GGDM_TRY_GOTO(st, ggdm_store_column_i32(w->s, stmt, 3, 0, w->s->n_cells - 1, &i, err),
                      done);
        if (!cells || cells[i])
            GGDM_TRY_GOTO(st, add_panel(w, sqlite3_column_int(stmt, 2), err), done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

ggdm_status ggdm_store_plan_scores(ggdm_store *store, const bool *cells, ggdm_error *err)
{
    scoring w = {.s = store};
    ggdm_status st;
    GGDM_TRY(
        ggdm_store_ask_int(store, "SELECT coalesce(max(id) + 1, 0) FROM tree", &w.next_tree, err));
    GGDM_TRY(
        ggdm_store_ask_int(store, "SELECT coalesce(max(id) + 1, 0) FROM unit", &w.next_unit, err));
    st = read_planned(store, &w.planned, err);
    if (st == GGDM_OK)
        st = plan_all(&w, cells, err);
    free(w.planned.items);
    free(w.marks);
    free(w.scorers);
    return st;
}
