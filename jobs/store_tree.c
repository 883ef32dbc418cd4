/* Trees of units: read from the database once, then copied from memory. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static ggdm_status check_ends(ggdm_store *s, int64_t tree, const ggdm_unit *unit, ggdm_error *err)
{
    for (int32_t i = 0; i < unit->n_segments; i++) {
        int64_t t = unit->segments[i].trajectory;
        if (t < -1 || t >= s->n_trajectories)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s is damaged: tree %" PRId64 " ends in trajectory %" PRId64 " of %d",
                             s->path, tree, t, s->n_trajectories);
    }
    return GGDM_OK;
}

static ggdm_status read_tree(ggdm_store *s, const ggdm_unit_row *row, ggdm_unit *out,
                             ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool found;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_GET_TREE, &stmt, err));
    sqlite3_bind_int64(stmt, 1, row->tree);
    ggdm_status st = ggdm_store_step(s, stmt, &found, err);
    const void *data = NULL;
    size_t size = 0;
    if (st == GGDM_OK && !found)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: unit %" PRId64 " has no tree", s->path,
                       row->id);
    if (st == GGDM_OK)
        st = ggdm_store_column_blob(s, stmt, 0, 1, SIZE_MAX, &data, &size, err);
    if (st == GGDM_OK) {
        ggdm_wire wire;
        ggdm_wire_read(&wire, data, size);
        st = ggdm_unit_unpack(out, &wire, err);
        if (st != GGDM_OK)
            ggdm_error_prefix(err, "%s is damaged: tree %" PRId64, s->path, row->tree);
    }
    ggdm_store_reset(stmt);
    return st == GGDM_OK ? check_ends(s, row->tree, out, err) : st;
}

static ggdm_store_tree *place_of(ggdm_store *s, int64_t tree)
{
    return &s->trees[(uint64_t)tree % GGDM_STORE_TREES];
}

static ggdm_status copy_segments(const ggdm_segment *from, int32_t n, ggdm_segment **out,
                                 ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, (size_t)n, sizeof **out, err));
    memcpy(*out, from, (size_t)n * sizeof *from);
    return GGDM_OK;
}

/* Keep a copy; without memory for it the next one reads again. */
static void keep(ggdm_store *s, int64_t tree, const ggdm_unit *unit)
{
    ggdm_store_tree *place = place_of(s, tree);
    if (unit->n_segments > GGDM_STORE_TREE_SEGMENTS)
        return;
    free(place->segments);
    *place = (ggdm_store_tree){.id = tree, .n_segments = unit->n_segments};
    if (copy_segments(unit->segments, unit->n_segments, &place->segments, NULL) != GGDM_OK)
        place->segments = NULL;
}

static ggdm_status get_tree(ggdm_store *s, const ggdm_unit_row *row, ggdm_unit *out,
                            ggdm_error *err)
{
    const ggdm_store_tree *place = place_of(s, row->tree);
    if (place->segments && place->id == row->tree) {
        out->n_segments = place->n_segments;
        return copy_segments(place->segments, place->n_segments, &out->segments, err);
    }
    GGDM_TRY(read_tree(s, row, out, err));
    keep(s, row->tree, out);
    return GGDM_OK;
}

ggdm_status ggdm_store_unpack_unit(ggdm_store *store, const ggdm_unit_row *row, ggdm_unit *out,
                                   ggdm_error *err)
{
    *out = (ggdm_unit){0};
    ggdm_status st = get_tree(store, row, out, err);
    if (st != GGDM_OK) {
        ggdm_unit_deinit(out);
        return st;
    }
    out->id = row->id;
    out->attempt = row->attempt;
    out->image_first = row->image_first;
    out->image_count = row->image_count;
    return GGDM_OK;
}

void ggdm_store_forget_trees(ggdm_store *store)
{
    for (int i = 0; i < GGDM_STORE_TREES; i++)
        free(store->trees[i].segments);
}
