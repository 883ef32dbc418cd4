/* Scores: a row for each block of samples that a unit hands in. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#include "common/mem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "scores are stored as they are");

static const ggdm_score *score_of(const ggdm_sample *sample, int64_t scorer)
{
    for (int32_t i = 0; i < sample->n_scores; i++)
        if (sample->scores[i].scorer == scorer)
            return &sample->scores[i];
    return NULL;
}

/* The numbers of a scorer, sample after sample, in s->numbers: [n][*each]. */
static ggdm_status gather(ggdm_store *s, int64_t unit, const ggdm_sample *const *samples, int32_t n,
                          int64_t scorer, int32_t *each, ggdm_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        const ggdm_score *score = score_of(samples[i], scorer);
        int32_t numbers = score ? score->n : 0;
        if (i == 0)
            *each = numbers;
        if (numbers != *each || numbers < 1 || numbers > GGDM_MAX_SCORE)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "unit %" PRId64 ": image %d of trajectory %" PRId64
                             " came with %d numbers of scorer %" PRId64
                             ", expected %d to %d, as many for each image",
                             unit, samples[i]->index, samples[i]->trajectory, numbers, scorer, 1,
                             GGDM_MAX_SCORE);
        size_t at = (size_t)i * (size_t)numbers;
        GGDM_TRY(
            ggdm_grow(&s->numbers, &s->numbers_cap, at + (size_t)numbers, sizeof *s->numbers, err));
        memcpy(s->numbers + at, score->data, (size_t)numbers * sizeof *s->numbers);
    }
    return GGDM_OK;
}

static void bind_block(sqlite3_stmt *stmt, const ggdm_sample *first, int64_t scorer, int32_t n,
                       const float *data, size_t size)
{
    sqlite3_bind_int64(stmt, 1, first->trajectory);
    sqlite3_bind_int64(stmt, 2, scorer);
    sqlite3_bind_int(stmt, 3, first->index);
    sqlite3_bind_int(stmt, 4, n);
    sqlite3_bind_blob64(stmt, 5, data, size, SQLITE_STATIC);
}

static ggdm_status put_block(ggdm_store *s, const ggdm_sample *first, int64_t scorer, int32_t n,
                             const float *data, size_t size, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_SCORE, &stmt, err));
    bind_block(stmt, first, scorer, n, data, size);
    ggdm_status st = ggdm_store_run(s, stmt, err);
    sqlite3_clear_bindings(stmt); /* they borrow the data */
    if (st != GGDM_OK || sqlite3_changes(s->db) == 1)
        return st;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_SAME_SCORE, &stmt, err));
    bind_block(stmt, first, scorer, n, data, size);
    st = ggdm_store_step(s, stmt, &row, err);
    if (st == GGDM_OK && !(row && sqlite3_column_int(stmt, 0) == 1))
        st = GGDM_FAIL(err, GGDM_ESTATE,
                       "images %d+%d of trajectory %" PRId64 " have other scores of scorer %" PRId64
                       " already: two computations of them disagree",
                       first->index, n, first->trajectory, scorer);
    ggdm_store_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return st;
}

ggdm_status ggdm_store_put_scores(ggdm_store *store, const ggdm_unit *unit, int64_t id,
                                  const ggdm_segment *segment, const ggdm_sample *const *samples,
                                  int32_t n, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    for (int32_t i = 0; i < segment->score_count && st == GGDM_OK; i++) {
        int64_t scorer = unit->scorers[unit->scores[segment->score_first + i]].id;
        int32_t each = 0;
        st = gather(store, id, samples, n, scorer, &each, err);
        if (st == GGDM_OK)
            st = put_block(store, samples[0], scorer, n, store->numbers,
                           (size_t)n * (size_t)each * sizeof *store->numbers, err);
    }
    return st;
}

ggdm_status ggdm_store_is_scored(ggdm_store *store, int64_t trajectory, int64_t scorer, int32_t idx,
                                 bool *scored, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_SCORED, &stmt, err));
    sqlite3_bind_int64(stmt, 1, trajectory);
    sqlite3_bind_int64(stmt, 2, scorer);
    sqlite3_bind_int(stmt, 3, idx);
    GGDM_TRY(ggdm_store_step(store, stmt, &row, err));
    *scored = row && sqlite3_column_int(stmt, 0) == 1;
    ggdm_store_reset(stmt);
    return GGDM_OK;
}

ggdm_status ggdm_store_lacks_scores(ggdm_store *store, int64_t trajectory, int32_t done,
                                    int64_t scorer, bool *lacks, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_COUNT_SCORED, &stmt, err));
    sqlite3_bind_int64(stmt, 1, trajectory);
    sqlite3_bind_int64(stmt, 2, scorer);
    GGDM_TRY(ggdm_store_step(store, stmt, &row, err));
    *lacks = !row || sqlite3_column_int64(stmt, 0) < done;
    ggdm_store_reset(stmt);
    return GGDM_OK;
}
