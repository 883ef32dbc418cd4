/* Images: stored with the state change of their unit, in the same transaction. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "log probabilities are stored as they are");

/* An end of a unit's tree: a trajectory whose images the unit makes. */
typedef struct unit_end {
    int64_t trajectory;
    int64_t added, diverged; /* images new to the store */
    bool *seen;              /* [image_count] */
} unit_end;

typedef struct unit_ends {
    unit_end *ends;
    size_t n;
} unit_ends;

static void free_ends(unit_ends *e)
{
    for (size_t i = 0; i < e->n; i++)
        free(e->ends[i].seen);
    free(e->ends);
}

/* Trajectories in ascending order; a tree that ends twice in one of them is damaged. */
static int by_trajectory(const void *a, const void *b)
{
    int64_t x = ((const unit_end *)a)->trajectory, y = ((const unit_end *)b)->trajectory;
    return (x > y) - (x < y);
}

static ggdm_status list_ends(const ggdm_unit *unit, unit_ends *out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&out->ends, (size_t)unit->n_segments, sizeof *out->ends, err));
    for (int32_t i = 0; i < unit->n_segments; i++)
        if (unit->segments[i].trajectory >= 0)
            out->ends[out->n++].trajectory = unit->segments[i].trajectory;
    qsort(out->ends, out->n, sizeof *out->ends, by_trajectory);
    for (size_t i = 0; i < out->n; i++) {
        if (i > 0 && out->ends[i].trajectory == out->ends[i - 1].trajectory)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "unit %" PRId64 " ends twice in trajectory %" PRId64, unit->id,
                             out->ends[i].trajectory);
        GGDM_TRY(ggdm_alloc(&out->ends[i].seen, (size_t)unit->image_count, 1, err));
    }
    return GGDM_OK;
}

/* The end an image belongs to, marked as seen.  Errors: GGDM_EFORMAT. */
static ggdm_status take_place(const ggdm_unit *unit, const unit_ends *e, const ggdm_image *image,
                              unit_end **out, ggdm_error *err)
{
    const unit_end key = {.trajectory = image->trajectory};
    unit_end *end = bsearch(&key, e->ends, e->n, sizeof key, by_trajectory);
    int64_t k = (int64_t)image->index - unit->image_first;
    if (!end || k < 0 || k >= unit->image_count)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "unit %" PRId64 ": image %d of trajectory %" PRId64
                         " is not one of its own",
                         unit->id, image->index, image->trajectory);
    if (end->seen[k])
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "unit %" PRId64 ": image %d of trajectory %" PRId64 " came twice",
                         unit->id, image->index, image->trajectory);
    if (image->n_guide < 0 || image->n_guide > GGDM_MAX_CLASSES || image->n_judge < 0 ||
        image->n_judge > GGDM_MAX_CLASSES || image->png_size == 0 ||
        !(image->saturated >= 0 && image->saturated <= 1))
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "unit %" PRId64 ": image %d of trajectory %" PRId64
                         " has %d and %d classes, %u bytes, saturation %g",
                         unit->id, image->index, image->trajectory, image->n_guide, image->n_judge,
                         image->png_size, (double)image->saturated);
    end->seen[k] = true;
    *out = end;
    return GGDM_OK;
}

/* A NULL pointer would bind NULL; an empty blob is not the same. */
static void bind_bytes(sqlite3_stmt *stmt, int parameter, const void *data, size_t size)
{
    sqlite3_bind_blob64(stmt, parameter, size ? data : "", size, SQLITE_STATIC);
}

static void bind_image(sqlite3_stmt *stmt, const ggdm_image *image)
{
    sqlite3_bind_int64(stmt, 1, image->trajectory);
    sqlite3_bind_int(stmt, 2, image->index);
    sqlite3_bind_int(stmt, 3, image->diverged);
    sqlite3_bind_int(stmt, 4, image->diverged_step);
    sqlite3_bind_double(stmt, 5, (double)image->saturated);
    bind_bytes(stmt, 6, image->guide_logp, (size_t)image->n_guide * sizeof(float));
    bind_bytes(stmt, 7, image->judge_logp, (size_t)image->n_judge * sizeof(float));
    bind_bytes(stmt, 8, image->png, image->png_size);
}

static ggdm_status put_image(ggdm_store *s, int64_t unit, const ggdm_image *image, bool *added,
                             ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_IMAGE, &stmt, err));
    bind_image(stmt, image);
    sqlite3_bind_int64(stmt, 9, unit);
    ggdm_status st = ggdm_store_run(s, stmt, err);
    sqlite3_clear_bindings(stmt); /* they borrow the image */
    GGDM_TRY(st);
    *added = sqlite3_changes(s->db) == 1;
    if (*added)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_SAME_IMAGE, &stmt, err));
    bind_image(stmt, image);
    st = ggdm_store_step(s, stmt, &row, err);
    if (st == GGDM_OK && !(row && sqlite3_column_int(stmt, 0) == 1))
        st = GGDM_FAIL(err, GGDM_ESTATE,
                       "image %d of trajectory %" PRId64
                       " is stored already with other content: two computations of it disagree",
                       image->index, image->trajectory);
    ggdm_store_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return st;
}

static ggdm_status count_images(ggdm_store *s, const unit_ends *e, ggdm_error *err)
{
    for (size_t i = 0; i < e->n; i++) {
        const unit_end *end = &e->ends[i];
        if (end->added == 0)
            continue;
        sqlite3_stmt *stmt = NULL;
        GGDM_TRY(ggdm_store_use(s, GGDM_SQL_COUNT_IMAGES, &stmt, err));
        sqlite3_bind_int64(stmt, 1, end->trajectory);
        sqlite3_bind_int64(stmt, 2, end->added);
        sqlite3_bind_int64(stmt, 3, end->diverged);
        GGDM_TRY(ggdm_store_run(s, stmt, err));
        s->counts.images_done += end->added;
        s->counts.images_diverged += end->diverged;
    }
    return GGDM_OK;
}

static ggdm_status put_images(ggdm_store *s, const ggdm_unit *unit, const ggdm_image *images,
                              int32_t n, ggdm_error *err)
{
    unit_ends e = {0};
    ggdm_status st;
    GGDM_TRY_GOTO(st, list_ends(unit, &e, err), done);
    if (n < 0 || (uint64_t)n != e.n * (uint64_t)unit->image_count) {
        st = GGDM_FAIL(err, GGDM_EFORMAT, "unit %" PRId64 " came with %d images, expected %zu x %d",
                       unit->id, n, e.n, unit->image_count);
        goto done;
    }
    for (int32_t i = 0; i < n; i++) {
        unit_end *end = NULL;
        bool added;
        GGDM_TRY_GOTO(st, take_place(unit, &e, &images[i], &end, err), done);
        GGDM_TRY_GOTO(st, put_image(s, unit->id, &images[i], &added, err), done);
        end->added += added;
        end->diverged += added && images[i].diverged;
    }
    st = count_images(s, &e, err);
done:
    free_ends(&e);
    return st;
}

ggdm_status ggdm_store_finish(ggdm_store *store, int64_t unit, int32_t attempt,
                              const ggdm_image *images, int32_t n, bool *accepted, ggdm_error *err)
{
    ggdm_store_call call;
    ggdm_unit_row old;
    ggdm_unit tree = {0};
    ggdm_status st;
    *accepted = false;
    GGDM_TRY(ggdm_store_call_begin(store, &call, err));
    GGDM_TRY_GOTO(st, ggdm_store_answering(store, unit, attempt, "result", &old, accepted, err),
                  done);
    if (*accepted) {
        ggdm_unit_row row = old;
        row.state = GGDM_UNIT_DONE;
        GGDM_TRY_GOTO(st, ggdm_store_unpack_unit(store, &old, &tree, err), done);
        GGDM_TRY_GOTO(st, put_images(store, &tree, images, n, err), done);
        GGDM_TRY_GOTO(st, ggdm_store_drop_checkpoint(store, unit, err), done);
        GGDM_TRY_GOTO(st, ggdm_store_transition(store, &old, &row, NULL, err), done);
    }
done:
    st = ggdm_store_call_end(store, &call, st, err);
    if (st != GGDM_OK)
        *accepted = false;
    ggdm_unit_deinit(&tree);
    return st;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The image of the current row; its arrays are borrowed until the next step. */
static ggdm_status read_image(ggdm_store *s, sqlite3_stmt *stmt, bool with_png, ggdm_image *out,
                              ggdm_error *err)
{
    const size_t max_logp = GGDM_MAX_CLASSES * sizeof(float);
    const void *guide, *judge, *png = NULL;
    size_t guide_size, judge_size, png_size = 0;
    int32_t diverged;
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 0, 0, s->info.samples - 1, &out->index, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 1, 0, 1, &diverged, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 2, -1, INT32_MAX, &out->diverged_step, err));
    GGDM_TRY(ggdm_store_column_blob(s, stmt, 4, sizeof(float), max_logp, &guide, &guide_size, err));
    GGDM_TRY(ggdm_store_column_blob(s, stmt, 5, sizeof(float), max_logp, &judge, &judge_size, err));
    if (with_png)
        GGDM_TRY(ggdm_store_column_blob(s, stmt, 6, 1, UINT32_MAX, &png, &png_size, err));
    out->diverged = diverged != 0;
    out->saturated = (float)sqlite3_column_double(stmt, 3);
    out->n_guide = (int32_t)(guide_size / sizeof(float));
    out->n_judge = (int32_t)(judge_size / sizeof(float));
    /* SQLite does not promise alignment for floats. */
    memcpy(out->guide_logp, guide_size ? guide : "", guide_size);
    memcpy(out->judge_logp, judge_size ? judge : "", judge_size);
    out->png = (uint8_t *)(uintptr_t)png;
    out->png_size = (uint32_t)png_size;
    return GGDM_OK;
}

static ggdm_status visit_images(ggdm_store *store, int64_t trajectory, bool with_png, int32_t max,
                                ggdm_image_visitor visit, void *context, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    float guide[GGDM_MAX_CLASSES], judge[GGDM_MAX_CLASSES];
    ggdm_status st = GGDM_OK;
    bool row = true;
    GGDM_TRY(ggdm_store_prepare(store, with_png ? ggdm_store_sql_images_png : ggdm_store_sql_images,
                                &stmt, err));
    sqlite3_bind_int64(stmt, 1, trajectory);
    for (int32_t n = 0; n < max; n++) {
        ggdm_image image = {.trajectory = trajectory, .guide_logp = guide, .judge_logp = judge};
        GGDM_TRY_GOTO(st, ggdm_store_step(store, stmt, &row, err), done);
        if (!row)
            break;
        GGDM_TRY_GOTO(st, read_image(store, stmt, with_png, &image, err), done);
        GGDM_TRY_GOTO(st, visit(context, &image, err), done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

ggdm_status ggdm_store_each_image(ggdm_store *store, int64_t trajectory, bool with_png,
                                  ggdm_image_visitor visit, void *context, ggdm_error *err)
{
    return visit_images(store, trajectory, with_png, INT32_MAX, visit, context, err);
}

ggdm_status ggdm_store_first_images(ggdm_store *store, int64_t trajectory, int32_t max,
                                    ggdm_image_visitor visit, void *context, ggdm_error *err)
{
    return visit_images(store, trajectory, true, max, visit, context, err);
}
