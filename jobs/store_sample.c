/* Samples: stored with their scores and the state change of their unit, in one transaction. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* An end of a unit's tree: a trajectory whose samples the unit makes or scores. */
typedef struct unit_end {
    const ggdm_segment *segment;
    const ggdm_sample **samples; /* [image_count], by index; a part of unit_ends.samples */
    int64_t added, diverged;     /* samples new to the store */
} unit_end;

typedef struct unit_ends {
    unit_end *ends; /* owned, by trajectory */
    size_t n;
    const ggdm_sample **samples; /* owned */
} unit_ends;

static void free_ends(unit_ends *e)
{
    free(e->samples);
    free(e->ends);
}

/* Trajectories in ascending order; a tree that ends twice in one of them is damaged. */
static int by_trajectory(const void *a, const void *b)
{
    int64_t x = ((const unit_end *)a)->segment->trajectory;
    int64_t y = ((const unit_end *)b)->segment->trajectory;
    return (x > y) - (x < y);
}

static ggdm_status list_ends(const ggdm_unit *tree, const ggdm_unit_row *row, unit_ends *out,
                             ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&out->ends, (size_t)tree->n_segments, sizeof *out->ends, err));
    for (int32_t i = 0; i < tree->n_segments; i++)
        if (tree->segments[i].trajectory >= 0)
            out->ends[out->n++].segment = &tree->segments[i];
    qsort(out->ends, out->n, sizeof *out->ends, by_trajectory);
    size_t count = (size_t)row->image_count;
    GGDM_TRY(ggdm_alloc(&out->samples, out->n * count, sizeof *out->samples, err));
    for (size_t i = 0; i < out->n; i++) {
        out->ends[i].samples = &out->samples[i * count];
        if (i > 0 && by_trajectory(&out->ends[i], &out->ends[i - 1]) == 0)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "unit %" PRId64 " ends twice in trajectory %" PRId64, row->id,
                             out->ends[i].segment->trajectory);
    }
    return GGDM_OK;
}

/* Put a sample where it belongs.  Errors: GGDM_EFORMAT. */
static ggdm_status take_place(const ggdm_unit *tree, const ggdm_unit_row *row, const unit_ends *e,
                              const ggdm_sample *sample, unit_end **out, ggdm_error *err)
{
    const ggdm_segment segment = {.trajectory = sample->trajectory};
    const unit_end key = {.segment = &segment};
    unit_end *end = bsearch(&key, e->ends, e->n, sizeof key, by_trajectory);
    int64_t k = (int64_t)sample->index - row->image_first;
    if (!end || k < 0 || k >= row->image_count)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "unit %" PRId64 ": image %d of trajectory %" PRId64
                         " is not one of its own",
                         row->id, sample->index, sample->trajectory);
    if (end->samples[k])
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "unit %" PRId64 ": image %d of trajectory %" PRId64 " came twice", row->id,
                         sample->index, sample->trajectory);
    if ((sample->size == 0) != (tree->kind == GGDM_UNIT_SCORE) ||
        (unsigned)sample->media >= GGDM_MEDIAS)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "unit %" PRId64 ": image %d of trajectory %" PRId64
                         " has %u bytes of medium %d",
                         row->id, sample->index, sample->trajectory, sample->size, sample->media);
    end->samples[k] = sample;
    *out = end;
    return GGDM_OK;
}

static void bind_sample(sqlite3_stmt *stmt, const ggdm_sample *sample)
{
    sqlite3_bind_int64(stmt, 1, sample->trajectory);
    sqlite3_bind_int(stmt, 2, sample->index);
    sqlite3_bind_int(stmt, 3, sample->media);
    sqlite3_bind_int(stmt, 4, sample->diverged);
    sqlite3_bind_int(stmt, 5, sample->diverged_step);
    sqlite3_bind_blob64(stmt, 6, sample->data, sample->size, SQLITE_STATIC);
}

static ggdm_status put_sample(ggdm_store *s, int64_t unit, const ggdm_sample *sample, bool *added,
                              ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_SAMPLE, &stmt, err));
    bind_sample(stmt, sample);
    sqlite3_bind_int64(stmt, 7, unit);
    ggdm_status st = ggdm_store_run(s, stmt, err);
    sqlite3_clear_bindings(stmt); /* they borrow the sample */
    GGDM_TRY(st);
    *added = sqlite3_changes(s->db) == 1;
    if (*added)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_SAME_SAMPLE, &stmt, err));
    bind_sample(stmt, sample);
    st = ggdm_store_step(s, stmt, &row, err);
    if (st == GGDM_OK && !(row && sqlite3_column_int(stmt, 0) == 1))
        st = GGDM_FAIL(err, GGDM_ESTATE,
                       "image %d of trajectory %" PRId64
                       " is stored already with other content: two computations of it disagree",
                       sample->index, sample->trajectory);
    ggdm_store_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return st;
}

/* What the sample noted on its way.  One that is there stays: it may be of another wish. */
static ggdm_status put_record(ggdm_store *s, const ggdm_sample *sample, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    if (sample->record_size == 0)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_RECORD, &stmt, err));
    sqlite3_bind_int64(stmt, 1, sample->trajectory);
    sqlite3_bind_int(stmt, 2, sample->index);
    sqlite3_bind_blob64(stmt, 3, sample->record, sample->record_size, SQLITE_STATIC);
    ggdm_status st = ggdm_store_run(s, stmt, err);
    sqlite3_clear_bindings(stmt);
    return st;
}

static ggdm_status count_samples(ggdm_store *s, const unit_ends *e, ggdm_error *err)
{
    for (size_t i = 0; i < e->n; i++) {
        const unit_end *end = &e->ends[i];
        if (end->added == 0)
            continue;
        sqlite3_stmt *stmt = NULL;
        GGDM_TRY(ggdm_store_use(s, GGDM_SQL_COUNT_SAMPLES, &stmt, err));
        sqlite3_bind_int64(stmt, 1, end->segment->trajectory);
        sqlite3_bind_int64(stmt, 2, end->added);
        sqlite3_bind_int64(stmt, 3, end->diverged);
        GGDM_TRY(ggdm_store_run(s, stmt, err));
        s->counts.images_done += end->added;
        s->counts.images_diverged += end->diverged;
    }
    return GGDM_OK;
}

/* tree: of the unit, with what is asked for now. */
static ggdm_status put_all(ggdm_store *s, const ggdm_unit *tree, const ggdm_unit_row *row,
                           const ggdm_sample *samples, int32_t n, ggdm_error *err)
{
    unit_ends e = {0};
    ggdm_status st;
    GGDM_TRY_GOTO(st, list_ends(tree, row, &e, err), done);
    if (n < 0 || (uint64_t)n != e.n * (uint64_t)row->image_count) {
        st = GGDM_FAIL(err, GGDM_EFORMAT, "unit %" PRId64 " came with %d images, expected %zu x %d",
                       row->id, n, e.n, row->image_count);
        goto done;
    }
    for (int32_t i = 0; i < n; i++) {
        unit_end *end = NULL;
        bool added = false;
        GGDM_TRY_GOTO(st, take_place(tree, row, &e, &samples[i], &end, err), done);
        if (tree->kind == GGDM_UNIT_GENERATE) {
            GGDM_TRY_GOTO(st, put_sample(s, row->id, &samples[i], &added, err), done);
            GGDM_TRY_GOTO(st, put_record(s, &samples[i], err), done);
        }
        end->added += added;
        end->diverged += added && samples[i].diverged;
    }
    for (size_t i = 0; i < e.n; i++)
        GGDM_TRY_GOTO(st,
                      ggdm_store_put_scores(s, tree, row->id, e.ends[i].segment, e.ends[i].samples,
                                            row->image_count, err),
                      done);
    st = count_samples(s, &e, err);
done:
    free_ends(&e);
    return st;
}

/* A unit that generates is stored by its tree in memory; of one that scores it depends on the block
 * what is asked for. */
static ggdm_status put_result(ggdm_store *s, const ggdm_unit_row *row, const ggdm_sample *samples,
                              int32_t n, ggdm_error *err)
{
    const ggdm_store_tree *tree;
    ggdm_unit unit;
    GGDM_TRY(ggdm_store_get_tree(s, row->tree, &tree, err));
    if (tree->unit.kind == GGDM_UNIT_GENERATE)
        return put_all(s, &tree->unit, row, samples, n, err);
    GGDM_TRY(ggdm_store_make_unit(s, row, &unit, err));
    ggdm_status st = put_all(s, &unit, row, samples, n, err);
    ggdm_unit_deinit(&unit);
    return st;
}

ggdm_status ggdm_store_finish(ggdm_store *store, int64_t unit, int32_t attempt,
                              const ggdm_sample *samples, int32_t n, bool *accepted,
                              ggdm_error *err)
{
    ggdm_store_call call;
    ggdm_unit_row old;
    ggdm_status st;
    *accepted = false;
    GGDM_TRY(ggdm_store_call_begin(store, &call, err));
    GGDM_TRY_GOTO(st, ggdm_store_answering(store, unit, attempt, "result", &old, accepted, err),
                  done);
    if (*accepted) {
        ggdm_unit_row row = old;
        row.state = GGDM_UNIT_DONE;
        GGDM_TRY_GOTO(st, put_result(store, &old, samples, n, err), done);
        GGDM_TRY_GOTO(st, ggdm_store_drop_checkpoint(store, unit, err), done);
        GGDM_TRY_GOTO(st, ggdm_store_transition(store, &old, &row, NULL, err), done);
    }
done:
    st = ggdm_store_call_end(store, &call, st, err);
    if (st != GGDM_OK)
        *accepted = false;
    return st;
}
