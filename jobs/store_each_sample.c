/* Reading samples with their scores. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* The scores of one scorer, block after block. */
typedef struct cursor {
    sqlite3_stmt *stmt;
    bool row;             /* a block is there: */
    int32_t first, count; /* its samples */
    int32_t each;         /* numbers of a sample */
    const uint8_t *data;  /* until the next step */
    float *numbers;       /* owned: of one sample, aligned */
    size_t cap;
} cursor;

static ggdm_status open_cursor(ggdm_store *s, int64_t trajectory, int64_t scorer, cursor *c,
                               ggdm_error *err)
{
    GGDM_TRY(ggdm_store_prepare(s, ggdm_store_sql_scores, &c->stmt, err));
    sqlite3_bind_int64(c->stmt, 1, trajectory);
    sqlite3_bind_int64(c->stmt, 2, scorer);
    c->row = true;
    return GGDM_OK;
}

static ggdm_status next_block(ggdm_store *s, cursor *c, ggdm_error *err)
{
    const void *data;
    size_t size;
    GGDM_TRY(ggdm_store_step(s, c->stmt, &c->row, err));
    if (!c->row)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_column_i32(s, c->stmt, 0, 0, GGDM_MAX_SAMPLES, &c->first, err));
    GGDM_TRY(ggdm_store_column_i32(s, c->stmt, 1, 1, GGDM_MAX_SAMPLES, &c->count, err));
    GGDM_TRY(ggdm_store_column_blob(s, c->stmt, 2, (size_t)c->count * sizeof *c->numbers, SIZE_MAX,
                                    &data, &size, err));
    c->data = data;
    size /= (size_t)c->count * sizeof *c->numbers;
    if (size < 1 || size > GGDM_MAX_SCORE)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: a sample has %zu scores", s->path,
                         size);
    c->each = (int32_t)size;
    return ggdm_grow(&c->numbers, &c->cap, size, sizeof *c->numbers, err);
}

/* The scores of sample idx; SQLite does not promise alignment for floats. */
static ggdm_status score_of(ggdm_store *s, cursor *c, int32_t idx, ggdm_score *out, ggdm_error *err)
{
    while (c->row && idx - c->first >= c->count)
        GGDM_TRY(next_block(s, c, err));
    out->n = c->row && idx >= c->first ? c->each : 0;
    out->data = out->n ? c->numbers : NULL;
    size_t size = (size_t)out->n * sizeof *c->numbers;
    if (size)
        memcpy(c->numbers, c->data + (size_t)(idx - c->first) * size, size);
    return GGDM_OK;
}

/* stmt: idx, media, diverged, diverged_step, perhaps data. */
static ggdm_status read_sample(ggdm_store *s, sqlite3_stmt *stmt, ggdm_sample *out, ggdm_error *err)
{
    const void *data = NULL;
    size_t size = 0;
    int32_t media, diverged;
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 0, 0, GGDM_MAX_SAMPLES - 1, &out->index, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 1, 0, GGDM_MEDIAS - 1, &media, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 2, 0, 1, &diverged, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 3, -1, INT32_MAX, &out->diverged_step, err));
    if (sqlite3_column_count(stmt) > 4)
        GGDM_TRY(ggdm_store_column_blob(s, stmt, 4, 1, UINT32_MAX, &data, &size, err));
    out->media = (ggdm_media)media;
    out->diverged = diverged != 0;
    out->data = (uint8_t *)(uintptr_t)data;
    out->size = (uint32_t)size;
    return GGDM_OK;
}

struct ggdm_sample_reader {
    ggdm_store *store; /* borrowed */
    int64_t trajectory;
    sqlite3_stmt *stmt;
    cursor *cursors;    /* [n], owned */
    ggdm_score *scores; /* [n], owned */
    int32_t n;
};

static ggdm_status begin_reading(ggdm_sample_reader *r, int32_t max, bool with_data,
                                 const int64_t *scorers, int32_t n, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&r->cursors, (size_t)n, sizeof *r->cursors, err));
    GGDM_TRY(ggdm_alloc(&r->scores, (size_t)n, sizeof *r->scores, err));
    for (; r->n < n; r->n++) {
        r->scores[r->n].scorer = scorers[r->n];
        GGDM_TRY(open_cursor(r->store, r->trajectory, scorers[r->n], &r->cursors[r->n], err));
    }
    GGDM_TRY(ggdm_store_prepare(
        r->store, with_data ? ggdm_store_sql_samples_data : ggdm_store_sql_samples, &r->stmt, err));
    sqlite3_bind_int64(r->stmt, 1, r->trajectory);
    sqlite3_bind_int(r->stmt, 2, max);
    return GGDM_OK;
}

ggdm_status ggdm_store_samples_open(ggdm_store *store, int64_t trajectory, int32_t max,
                                    bool with_data, const int64_t *scorers, int32_t n_scorers,
                                    ggdm_sample_reader **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    (*out)->store = store;
    (*out)->trajectory = trajectory;
    ggdm_status st = begin_reading(*out, max, with_data, scorers, n_scorers, err);
    if (st != GGDM_OK)
        ggdm_store_samples_close(out);
    return st;
}

void ggdm_store_samples_close(ggdm_sample_reader **reader)
{
    ggdm_sample_reader *r = *reader;
    if (!r)
        return;
    sqlite3_finalize(r->stmt);
    for (int32_t i = 0; i < r->n; i++) {
        sqlite3_finalize(r->cursors[i].stmt);
        free(r->cursors[i].numbers);
    }
    free(r->cursors);
    free(r->scores);
    free(r);
    *reader = NULL;
}

ggdm_status ggdm_store_samples_next(ggdm_sample_reader *r, ggdm_sample *out, bool *more,
                                    ggdm_error *err)
{
    *out = (ggdm_sample){.trajectory = r->trajectory, .n_scores = r->n, .scores = r->scores};
    GGDM_TRY(ggdm_store_step(r->store, r->stmt, more, err));
    if (!*more)
        return GGDM_OK;
    GGDM_TRY(read_sample(r->store, r->stmt, out, err));
    for (int32_t i = 0; i < r->n; i++)
        GGDM_TRY(score_of(r->store, &r->cursors[i], out->index, &r->scores[i], err));
    return GGDM_OK;
}

ggdm_status ggdm_store_each_sample(ggdm_store *store, int64_t trajectory, int32_t max,
                                   bool with_data, const int64_t *scorers, int32_t n_scorers,
                                   ggdm_sample_visitor visit, void *context, ggdm_error *err)
{
    ggdm_sample_reader *r = NULL;
    ggdm_sample sample;
    bool more = true;
    GGDM_TRY(
        ggdm_store_samples_open(store, trajectory, max, with_data, scorers, n_scorers, &r, err));
    ggdm_status st = ggdm_store_samples_next(r, &sample, &more, err);
    while (st == GGDM_OK && more) {
        st = visit(context, &sample, err);
        if (st == GGDM_OK)
            st = ggdm_store_samples_next(r, &sample, &more, err);
    }
    ggdm_store_samples_close(&r);
    return st;
}

/* ---- one alone ------------------------------------------------------------------------------- */

/* Its bytes are the statement's until that goes. */
static ggdm_status keep_bytes(ggdm_sample *sample, ggdm_error *err)
{
    const uint8_t *bytes = sample->data;
    sample->data = NULL;
    GGDM_TRY(ggdm_alloc(&sample->data, sample->size, 1, err));
    memcpy(sample->data, bytes, sample->size);
    return GGDM_OK;
}

ggdm_status ggdm_store_sample(ggdm_store *store, int64_t trajectory, int32_t index,
                              ggdm_sample *out, bool *found, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_sample sample = {.trajectory = trajectory};
    *out = sample;
    GGDM_TRY(ggdm_store_prepare(store, ggdm_store_sql_sample, &stmt, err));
    sqlite3_bind_int64(stmt, 1, trajectory);
    sqlite3_bind_int(stmt, 2, index);
    ggdm_status st = ggdm_store_step(store, stmt, found, err);
    if (st == GGDM_OK && *found)
        st = read_sample(store, stmt, &sample, err);
    if (st == GGDM_OK && *found)
        st = keep_bytes(&sample, err);
    if (st == GGDM_OK)
        *out = sample;
    sqlite3_finalize(stmt);
    return st;
}

/* ---- for units that score ------------------------------------------------------------------- */

static ggdm_status pack_block(ggdm_store *s, int64_t trajectory, const ggdm_unit *unit,
                              ggdm_wire *wire, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st = GGDM_OK;
    bool row;
    GGDM_TRY(ggdm_store_prepare(s,
                                "SELECT idx, media, diverged, diverged_step, data FROM sample "
                                "WHERE trajectory = ?1 AND idx BETWEEN ?2 AND ?3 ORDER BY idx",
                                &stmt, err));
    sqlite3_bind_int64(stmt, 1, trajectory);
    sqlite3_bind_int(stmt, 2, unit->image_first);
    sqlite3_bind_int(stmt, 3, unit->image_first + unit->image_count - 1);
    for (int32_t i = 0; i < unit->image_count; i++) {
        ggdm_sample sample = {.trajectory = trajectory};
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row) {
            st = GGDM_FAIL(err, GGDM_EFORMAT,
                           "%s is damaged: unit %" PRId64 " is to score %d images of trajectory "
                           "%" PRId64 ", there are %d",
                           s->path, unit->id, unit->image_count, trajectory, i);
            goto done;
        }
        GGDM_TRY_GOTO(st, read_sample(s, stmt, &sample, err), done);
        GGDM_TRY_GOTO(st, ggdm_sample_pack(&sample, wire, err), done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

ggdm_status ggdm_store_pack_samples(ggdm_store *store, ggdm_unit *unit, ggdm_error *err)
{
    ggdm_wire wire;
    ggdm_status st = GGDM_OK;
    ggdm_wire_init(&wire);
    for (int32_t i = 0; i < unit->n_segments && st == GGDM_OK; i++)
        st = pack_block(store, unit->segments[i].trajectory, unit, &wire, err);
    if (st != GGDM_OK) {
        ggdm_wire_deinit(&wire);
        return st;
    }
    unit->state = wire.data; /* owned from here on */
    unit->state_size = wire.size;
    return GGDM_OK;
}
