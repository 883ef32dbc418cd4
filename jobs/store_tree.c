/* Trees of units: read from the database once, made complete with texts and scorers, then copied
 * from memory. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define SEGMENT_BYTES 20 /* i32 parent, i32 end, i32 setting, i64 trajectory */

/* ---- as they are stored --------------------------------------------------------------------- */

static ggdm_status pack_tree(const ggdm_segment *segments, int32_t n,
                             const ggdm_store_numbers *numbers, int64_t first, ggdm_wire *w,
                             ggdm_error *err)
{
    ggdm_put_i32(w, n);
    for (int32_t i = 0; i < n; i++) {
        const ggdm_segment *s = &segments[i];
        bool ends = numbers && s->trajectory >= 0;
        ggdm_put_i32(w, s->parent);
        ggdm_put_i32(w, s->end);
        ggdm_put_i32(w, numbers ? numbers->settings[s->setting] : s->setting);
        ggdm_put_i64(w, ends ? numbers->trajectories[s->trajectory - first] : s->trajectory);
    }
    return ggdm_wire_status(w, "tree", err);
}

ggdm_status ggdm_store_put_tree(ggdm_store *store, int64_t id, int64_t head, int32_t steps,
                                double cost, const ggdm_segment *segments, int32_t n,
                                const ggdm_store_numbers *numbers, int64_t first, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_wire wire;
    ggdm_wire_init(&wire);
    ggdm_status st = pack_tree(segments, n, numbers, first, &wire, err);
    if (st == GGDM_OK)
        st = ggdm_store_use(store, GGDM_SQL_PUT_TREE, &stmt, err);
    if (st == GGDM_OK) {
        sqlite3_bind_int64(stmt, 1, id);
        if (head >= 0)
            sqlite3_bind_int64(stmt, 2, head);
        sqlite3_bind_int(stmt, 3, steps);
        sqlite3_bind_double(stmt, 4, cost);
        sqlite3_bind_blob64(stmt, 5, wire.data, wire.size, SQLITE_STATIC);
        st = ggdm_store_run(store, stmt, err);
        sqlite3_clear_bindings(stmt); /* they borrow the wire */
    }
    ggdm_wire_deinit(&wire);
    return st;
}

static bool segment_fits(const ggdm_store *s, const ggdm_unit *unit, int32_t i)
{
    const ggdm_segment *g = &unit->segments[i];
    bool leaf = g->trajectory >= 0;
    return g->parent >= -1 && g->parent < i && g->trajectory >= -1 &&
           g->trajectory < s->n_trajectories && g->end <= unit->steps &&
           (unit->kind == GGDM_UNIT_SCORE
                ? leaf && g->parent == -1 && g->end == 0 && g->setting == -1
                : g->end > g->begin && (!leaf || g->end == unit->steps));
}

static ggdm_status unpack_tree(ggdm_store *s, int64_t id, const void *data, size_t size,
                               ggdm_unit *out, ggdm_error *err)
{
    ggdm_wire w;
    ggdm_wire_read(&w, data, size);
    int32_t n = ggdm_get_count(&w, INT32_MAX, SEGMENT_BYTES);
    GGDM_TRY(ggdm_alloc(&out->segments, (size_t)n, sizeof *out->segments, err));
    out->n_segments = n;
    bool good = n > 0;
    for (int32_t i = 0; i < n && good; i++) {
        ggdm_segment *g = &out->segments[i];
        g->parent = ggdm_get_i32(&w);
        g->end = ggdm_get_i32(&w);
        g->setting = ggdm_get_i32(&w);
        g->trajectory = ggdm_get_i64(&w);
        good = w.status == GGDM_OK && g->parent < i;
        g->begin = good && g->parent >= 0 ? out->segments[g->parent].end : 0;
        good = good && segment_fits(s, out, i);
    }
    if (!good || w.pos != w.size)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: tree %" PRId64 " cannot be read",
                         s->path, id);
    return GGDM_OK;
}

static ggdm_status read_tree(ggdm_store *s, int64_t id, ggdm_unit *out, int64_t *head,
                             ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool found;
    const void *data;
    size_t size;
    *out = (ggdm_unit){0};
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_GET_TREE, &stmt, err));
    sqlite3_bind_int64(stmt, 1, id);
    ggdm_status st = ggdm_store_step(s, stmt, &found, err);
    if (st == GGDM_OK && !found)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: there is no tree %" PRId64, s->path, id);
    if (st == GGDM_OK)
        st = ggdm_store_column_i32(s, stmt, 1, 0, GGDM_MAX_STEPS, &out->steps, err);
    if (st == GGDM_OK)
        st = ggdm_store_column_blob(s, stmt, 3, 1, SIZE_MAX, &data, &size, err);
    if (st == GGDM_OK) {
        out->kind = out->steps ? GGDM_UNIT_GENERATE : GGDM_UNIT_SCORE;
        *head = sqlite3_column_int64(stmt, 0);
        out->cost = sqlite3_column_double(stmt, 2);
        st = unpack_tree(s, id, data, size, out, err);
    }
    if (st == GGDM_OK && !(isfinite(out->cost) && out->cost >= 0))
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: tree %" PRId64 " costs %g", s->path, id,
                       out->cost);
    ggdm_store_reset(stmt);
    if (st != GGDM_OK)
        ggdm_unit_deinit(out);
    return st;
}

ggdm_status ggdm_store_read_tree(ggdm_store *store, int64_t id, ggdm_unit *out, ggdm_error *err)
{
    int64_t head;
    return read_tree(store, id, out, &head, err);
}

/* ---- made complete -------------------------------------------------------------------------- */

/* Settings by place in the unit instead of the store's numbers, and their texts. */
static ggdm_status add_settings(ggdm_store *s, ggdm_unit *unit, ggdm_error *err)
{
    int32_t *numbers = NULL;
    ggdm_status st;
    size_t n = (size_t)unit->n_segments;
    GGDM_TRY(ggdm_alloc(&numbers, n, sizeof *numbers, err));
    GGDM_TRY_GOTO(st, ggdm_alloc(&unit->settings, n, sizeof *unit->settings, err), done);
    for (int32_t i = 0; i < unit->n_segments; i++) {
        int32_t k = 0, number = unit->segments[i].setting;
        while (k < unit->n_settings && numbers[k] != number)
            k++;
        if (k == unit->n_settings) {
            GGDM_TRY_GOTO(
                st, ggdm_store_get_text(s, GGDM_STORE_SETTINGS, number, &unit->settings[k], err),
                done);
            numbers[k] = number;
            unit->n_settings++;
        }
        unit->segments[i].setting = k;
    }
done:
    free(numbers);
    return st;
}

/* Room for the lists while they grow. */
typedef struct scorer_lists {
    ggdm_unit *unit;
    size_t scorers, scores;
} scorer_lists;

/* A scorer of the segment, which may have it from another panel. */
static ggdm_status add_score(scorer_lists *l, ggdm_segment *segment, const ggdm_store_measure *m,
                             ggdm_error *err)
{
    ggdm_unit *u = l->unit;
    int32_t k = 0;
    while (k < u->n_scorers && u->scorers[k].id != m->scorer)
        k++;
    for (int32_t i = 0; i < segment->score_count; i++)
        if (u->scores[segment->score_first + i] == k)
            return GGDM_OK;
    if (k == u->n_scorers) {
        GGDM_TRY(ggdm_grow(&u->scorers, &l->scorers, (size_t)k + 1, sizeof *u->scorers, err));
        u->scorers[k] = (ggdm_scorer_ref){.id = m->scorer};
        GGDM_TRY(ggdm_strdup(m->text, &u->scorers[k].text, err));
        u->n_scorers++;
    }
    GGDM_TRY(ggdm_grow(&u->scores, &l->scores, (size_t)u->n_scores + 1, sizeof *u->scores, err));
    u->scores[u->n_scores++] = k;
    segment->score_count++;
    return GGDM_OK;
}

/* What the cells want that show the segment's trajectory and are not cancelled. */
static ggdm_status add_scores(ggdm_store *s, scorer_lists *l, ggdm_segment *segment,
                              ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st = GGDM_OK;
    bool row = true;
    segment->score_first = l->unit->n_scores;
    segment->score_count = 0;
    if (segment->trajectory < 0)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PANELS_OF, &stmt, err));
    sqlite3_bind_int64(stmt, 1, segment->trajectory);
    for (;;) {
        int32_t n;
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row)
            break;
        const ggdm_store_measure *m = ggdm_store_panel(s, sqlite3_column_int(stmt, 0), &n);
        for (int32_t i = 0; i < n; i++)
            GGDM_TRY_GOTO(st, add_score(l, segment, &m[i], err), done);
    }
done:
    ggdm_store_reset(stmt);
    return st;
}

static ggdm_status load_tree(ggdm_store *s, int64_t id, ggdm_store_tree *out, ggdm_error *err)
{
    scorer_lists lists = {.unit = &out->unit};
    int64_t head;
    out->id = id;
    GGDM_TRY(read_tree(s, id, &out->unit, &head, err));
    ggdm_unit *u = &out->unit;
    if (u->kind == GGDM_UNIT_SCORE)
        GGDM_TRY(ggdm_strdup("", &u->head, err));
    else
        GGDM_TRY(ggdm_store_get_text(s, GGDM_STORE_HEADS, head, &u->head, err));
    if (u->kind == GGDM_UNIT_GENERATE)
        GGDM_TRY(add_settings(s, u, err));
    for (int32_t i = 0; i < u->n_segments; i++)
        GGDM_TRY(add_scores(s, &lists, &u->segments[i], err));
    return GGDM_OK;
}

static void drop_tree(ggdm_store_tree *tree)
{
    ggdm_unit_deinit(&tree->unit);
    *tree = (ggdm_store_tree){0};
}

ggdm_status ggdm_store_get_tree(ggdm_store *store, int64_t id, const ggdm_store_tree **out,
                                ggdm_error *err)
{
    ggdm_store_tree *places = store->trees, *place = &places[(uint64_t)id % GGDM_STORE_TREES];
    *out = place;
    if (place->unit.n_segments && place->id == id)
        return GGDM_OK;
    ggdm_store_tree tree = {0};
    ggdm_status st = load_tree(store, id, &tree, err);
    if (st != GGDM_OK) {
        drop_tree(&tree);
        return st;
    }
    if (tree.unit.n_segments > GGDM_STORE_TREE_SEGMENTS)
        *out = place = &places[GGDM_STORE_TREES];
    drop_tree(place);
    *place = tree;
    return GGDM_OK;
}

void ggdm_store_forget_trees(ggdm_store *store)
{
    for (int i = 0; i <= GGDM_STORE_TREES; i++)
        drop_tree(&store->trees[i]);
}

/* ---- units ---------------------------------------------------------------------------------- */

static ggdm_status copy_array(const void *from, int32_t n, size_t size, void *out, ggdm_error *err)
{
    void *copy = NULL;
    GGDM_TRY(ggdm_alloc(&copy, (size_t)n, size, err));
    if (n)
        memcpy(copy, from, (size_t)n * size);
    memcpy(out, &copy, sizeof copy);
    return GGDM_OK;
}

/* out: zeroed; to be deinitialised after an error, too. */
static ggdm_status copy_unit(const ggdm_unit *from, ggdm_unit *out, ggdm_error *err)
{
    out->kind = from->kind;
    out->steps = from->steps;
    out->cost = from->cost;
    GGDM_TRY(ggdm_strdup(from->head, &out->head, err));
    GGDM_TRY(ggdm_alloc(&out->settings, (size_t)from->n_settings, sizeof *out->settings, err));
    for (; out->n_settings < from->n_settings; out->n_settings++)
        GGDM_TRY(
            ggdm_strdup(from->settings[out->n_settings], &out->settings[out->n_settings], err));
    GGDM_TRY(
        copy_array(from->segments, from->n_segments, sizeof *from->segments, &out->segments, err));
    out->n_segments = from->n_segments;
    GGDM_TRY(ggdm_alloc(&out->scorers, (size_t)from->n_scorers, sizeof *out->scorers, err));
    for (; out->n_scorers < from->n_scorers; out->n_scorers++) {
        const ggdm_scorer_ref *ref = &from->scorers[out->n_scorers];
        out->scorers[out->n_scorers].id = ref->id;
        GGDM_TRY(ggdm_strdup(ref->text, &out->scorers[out->n_scorers].text, err));
    }
    GGDM_TRY(copy_array(from->scores, from->n_scores, sizeof *from->scores, &out->scores, err));
    out->n_scores = from->n_scores;
    return GGDM_OK;
}

/* Scores that are there are not asked for again: of a block either all samples have them or none.
 */
static ggdm_status leave_out_scored(ggdm_store *s, ggdm_unit *unit, ggdm_error *err)
{
    for (int32_t i = 0; i < unit->n_segments; i++) {
        ggdm_segment *g = &unit->segments[i];
        int32_t *scores = &unit->scores[g->score_first], kept = 0;
        for (int32_t k = 0; k < g->score_count; k++) {
            bool scored;
            GGDM_TRY(ggdm_store_is_scored(s, g->trajectory, unit->scorers[scores[k]].id,
                                          unit->image_first, &scored, err));
            if (!scored)
                scores[kept++] = scores[k];
        }
        g->score_count = kept;
    }
    return GGDM_OK;
}

ggdm_status ggdm_store_make_unit(ggdm_store *store, const ggdm_unit_row *row, ggdm_unit *out,
                                 ggdm_error *err)
{
    const ggdm_store_tree *tree;
    *out = (ggdm_unit){0};
    GGDM_TRY(ggdm_store_get_tree(store, row->tree, &tree, err));
    out->id = row->id;
    out->attempt = row->attempt;
    out->image_first = row->image_first;
    out->image_count = row->image_count;
    ggdm_status st = copy_unit(&tree->unit, out, err);
    if (st == GGDM_OK && out->kind == GGDM_UNIT_SCORE)
        st = leave_out_scored(store, out, err);
    if (st != GGDM_OK)
        ggdm_unit_deinit(out);
    return st;
}
