/* The bytes of the messages: structs of fields, one after the other, without padding; little-endian
 * as in common/wire.h.  Enums and flags are u8; a TEXT is u32 size and the bytes without a NUL; a
 * LIST is i32 count and the items.
 *
 *   job      u8 precision, i32 batch, i32 threads, f64 checkpoint
 *   unit     i64 id, i32 attempt, u8 kind, i32 image_first, i32 image_count, i32 steps, TEXT head,
 *            LIST of settings: TEXT
 *            LIST of segments: i32 parent, i32 begin, i32 end, i32 setting, i64 trajectory,
 *                              i32 score_first, i32 score_count
 *            LIST of scorers:  i64 id, TEXT
 *            LIST of scores:   i32 index of a scorer
 *   sample   i64 trajectory, i32 index, u8 diverged, i32 diverged_step, u8 media,
 *            u32 size and the bytes of the medium
 *            LIST of scores:   i64 scorer, LIST of f32
 *
 * A message is never trusted, and what unpack accepts, pack gives back byte by byte:
 *
 *   all      Counts have room in what is left of the message, before memory is taken for them.  A
 *            text has no NUL and with one fits GGDM_MAX_RECIPE.  Enums have a name, numbers are not
 *            negative where nothing else is said.
 *   job      Precision is not auto; at least one image a batch and one thread; checkpoint finite.
 *   unit     At most GGDM_MAX_UNIT bytes.  At least one image, and one segment.  A parent stands
 *            before its children, which begin where it ends; -1 begins at 0.  A trajectory (or -1)
 *            ends at `steps`; only a trajectory has scores, a part of the list.  Settings differ
 *            from each other, scorers' ids and texts, too.
 *   generate 1 to GGDM_MAX_STEPS steps; a head; settings that are not empty; segments of at least
 *            one step, each with one of the settings.
 *   score    No steps, head and settings: segments are trajectories without parent, setting -1.
 *   sample   diverged_step is -1 or a step of a chain.  Scores are of different scorers, 1 to
 *            GGDM_MAX_SCORE numbers each, any numbers. */
#include "jobs/messages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* Least bytes of items of lists. */
enum { SCORER_BYTES = 8 + GGDM_TEXT_BYTES, SCORE_BYTES = 16 };

const char *const ggdm_precision_names[] = {"auto", "fp32", "bf16", NULL};
const char *const ggdm_media_names[] = {"image/png", NULL};

/* ---- what messages are made of -------------------------------------------------------------- */

/* Fail the wire unless what was just read is possible. */
static void expect_that(ggdm_wire *w, bool ok)
{
    if (w->status == GGDM_OK && !ok)
        w->status = GGDM_EFORMAT;
}

/* u8 in [lo, hi]. */
static unsigned get_enum(ggdm_wire *w, unsigned lo, unsigned hi)
{
    unsigned v = ggdm_get_u8(w);
    expect_that(w, v >= lo && v <= hi);
    return w->status == GGDM_OK ? v : lo;
}

static void put_text(ggdm_wire *w, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    if (w->status == GGDM_OK && size >= GGDM_MAX_RECIPE)
        w->status = GGDM_ESHAPE;
    ggdm_put_bytes(w, text, size);
}

/* Owned; NULL after a failure. */
static char *get_text(ggdm_wire *w)
{
    char *text = NULL;
    size_t size;
    const uint8_t *bytes = ggdm_get_bytes(w, &size);
    expect_that(w, size < GGDM_MAX_RECIPE && !(size && memchr(bytes, 0, size)));
    if (w->status == GGDM_OK)
        w->status = ggdm_alloc(&text, size + 1, 1, NULL);
    if (w->status == GGDM_OK)
        memcpy(text, bytes, size);
    return text;
}

/* The count of a list, and zeroed memory for its items in *out (pointer to T*); 0: none, or after a
 * failure. */
static int32_t get_list(ggdm_wire *w, int32_t max, size_t item_bytes, void *out, size_t size)
{
    int32_t n = ggdm_get_count(w, max, item_bytes);
    if (n > 0)
        w->status = ggdm_alloc(out, (size_t)n, size, NULL);
    return w->status == GGDM_OK ? n : 0;
}

/* No two of the items are equal. */
static void check_distinct(ggdm_wire *w, const void *items, int32_t n, size_t size,
                           int (*compare)(const void *, const void *))
{
    char *sorted = NULL;
    if (w->status != GGDM_OK || n < 2)
        return;
    w->status = ggdm_alloc(&sorted, (size_t)n, size, NULL);
    if (w->status != GGDM_OK)
        return;
    memcpy(sorted, items, (size_t)n * size);
    qsort(sorted, (size_t)n, size, compare);
    for (size_t i = 1; i < (size_t)n; i++)
        expect_that(w, compare(sorted + (i - 1) * size, sorted + i * size) != 0);
    free(sorted);
}

static int compare_ids(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_scorer_id(const void *a, const void *b)
{
    return compare_ids(((const ggdm_scorer_ref *)a)->id, ((const ggdm_scorer_ref *)b)->id);
}

static int by_scorer_text(const void *a, const void *b)
{
    return strcmp(((const ggdm_scorer_ref *)a)->text, ((const ggdm_scorer_ref *)b)->text);
}

static int by_scorer(const void *a, const void *b)
{
    return compare_ids(((const ggdm_score *)a)->scorer, ((const ggdm_score *)b)->scorer);
}

/* ---- job ------------------------------------------------------------------------------------ */

ggdm_status ggdm_job_pack(const ggdm_job *job, ggdm_wire *w, ggdm_error *err)
{
    ggdm_put_u8(w, (uint8_t)job->precision);
    ggdm_put_i32(w, job->batch);
    ggdm_put_i32(w, job->threads);
    ggdm_put_f64(w, job->checkpoint);
    ggdm_put_i32(w, job->record.images);
    ggdm_put_i32(w, job->record.points);
    return ggdm_wire_status(w, "job", err);
}

ggdm_status ggdm_job_unpack(ggdm_job *job, ggdm_wire *w, ggdm_error *err)
{
    memset(job, 0, sizeof *job);
    job->precision = (ggdm_precision)get_enum(w, GGDM_PRECISION_FP32, GGDM_PRECISION_BF16);
    job->batch = ggdm_get_i32(w);
    job->threads = ggdm_get_i32(w);
    job->checkpoint = ggdm_get_f64(w);
    job->record.images = ggdm_get_i32(w);
    job->record.points = ggdm_get_i32(w);
    expect_that(w, job->batch >= 1 && job->threads >= 1 && isfinite(job->checkpoint) &&
                       job->checkpoint >= 0 && job->record.images >= 0 &&
                       job->record.images <= GGDM_MAX_RECORD_IMAGES && job->record.points >= 0 &&
                       job->record.points <= GGDM_MAX_RECORD_POINTS);
    return ggdm_wire_status(w, "job", err);
}

/* ---- unit ----------------------------------------------------------------------------------- */

static void put_segments(ggdm_wire *w, const ggdm_unit *unit)
{
    ggdm_put_i32(w, unit->n_segments);
    for (int32_t i = 0; i < unit->n_segments; i++) {
        const ggdm_segment *s = &unit->segments[i];
        ggdm_put_i32(w, s->parent);
        ggdm_put_i32(w, s->begin);
        ggdm_put_i32(w, s->end);
        ggdm_put_i32(w, s->setting);
        ggdm_put_i64(w, s->trajectory);
        ggdm_put_i32(w, s->score_first);
        ggdm_put_i32(w, s->score_count);
    }
}

ggdm_status ggdm_unit_pack(const ggdm_unit *unit, ggdm_wire *w, ggdm_error *err)
{
    size_t begin = w->size;
    ggdm_put_i64(w, unit->id);
    ggdm_put_i32(w, unit->attempt);
    ggdm_put_u8(w, (uint8_t)unit->kind);
    ggdm_put_i32(w, unit->image_first);
    ggdm_put_i32(w, unit->image_count);
    ggdm_put_i32(w, unit->steps);
    put_text(w, unit->head);
    ggdm_put_i32(w, unit->n_settings);
    for (int32_t i = 0; i < unit->n_settings; i++)
        put_text(w, unit->settings[i]);
    put_segments(w, unit);
    ggdm_put_i32(w, unit->n_scorers);
    for (int32_t i = 0; i < unit->n_scorers; i++) {
        ggdm_put_i64(w, unit->scorers[i].id);
        put_text(w, unit->scorers[i].text);
    }
    ggdm_put_i32(w, unit->n_scores);
    for (int32_t i = 0; i < unit->n_scores; i++)
        ggdm_put_i32(w, unit->scores[i]);
    if (w->status == GGDM_OK && w->size - begin > GGDM_MAX_UNIT)
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "message 'unit': %zu bytes of settings, segments and scorers, expected at "
                         "most %zu",
                         w->size - begin, GGDM_MAX_UNIT);
    return ggdm_wire_status(w, "unit", err);
}

static void get_segments(ggdm_wire *w, ggdm_unit *unit)
{
    unit->n_segments =
        get_list(w, INT32_MAX, GGDM_SEGMENT_BYTES, &unit->segments, sizeof *unit->segments);
    for (int32_t i = 0; i < unit->n_segments; i++) {
        ggdm_segment *s = &unit->segments[i];
        s->parent = ggdm_get_i32(w);
        s->begin = ggdm_get_i32(w);
        s->end = ggdm_get_i32(w);
        s->setting = ggdm_get_i32(w);
        s->trajectory = ggdm_get_i64(w);
        s->score_first = ggdm_get_i32(w);
        s->score_count = ggdm_get_i32(w);
    }
}

/* The lists of a unit; after a failure the rest of them is zero. */
static void get_lists(ggdm_wire *w, ggdm_unit *unit)
{
    unit->head = get_text(w);
    unit->n_settings =
        get_list(w, INT32_MAX, GGDM_TEXT_BYTES, &unit->settings, sizeof *unit->settings);
    for (int32_t i = 0; i < unit->n_settings; i++)
        unit->settings[i] = get_text(w);
    get_segments(w, unit);
    unit->n_scorers = get_list(w, INT32_MAX, SCORER_BYTES, &unit->scorers, sizeof *unit->scorers);
    for (int32_t i = 0; i < unit->n_scorers; i++) {
        unit->scorers[i].id = ggdm_get_i64(w);
        unit->scorers[i].text = get_text(w);
    }
    unit->n_scores =
        get_list(w, INT32_MAX, sizeof *unit->scores, &unit->scores, sizeof *unit->scores);
    for (int32_t i = 0; i < unit->n_scores; i++)
        unit->scores[i] = ggdm_get_i32(w);
}

static bool segment_fits(const ggdm_unit *unit, int32_t i)
{
    const ggdm_segment *s = &unit->segments[i];
    bool generate = unit->kind == GGDM_UNIT_GENERATE;
    return s->parent >= -1 && s->parent < i &&
           s->begin == (s->parent < 0 ? 0 : unit->segments[s->parent].end) &&
           s->end <= unit->steps &&
           (generate ? s->end > s->begin && s->setting >= 0 && s->setting < unit->n_settings
                     : s->end == 0 && s->parent == -1 && s->setting == -1 && s->trajectory >= 0) &&
           s->trajectory >= -1 && (s->trajectory < 0 || s->end == unit->steps) &&
           s->score_first >= 0 && s->score_count >= 0 &&
           s->score_first <= unit->n_scores - s->score_count &&
           (s->score_count == 0 || s->trajectory >= 0);
}

/* What all lists say together. */
static void check_unit(ggdm_wire *w, const ggdm_unit *unit)
{
    if (w->status != GGDM_OK)
        return;
    if (unit->kind == GGDM_UNIT_GENERATE)
        expect_that(w, unit->steps >= 1 && unit->steps <= GGDM_MAX_STEPS && *unit->head);
    else
        expect_that(w, unit->steps == 0 && !*unit->head && unit->n_settings == 0);
    expect_that(w, unit->n_segments >= 1);
    for (int32_t i = 0; i < unit->n_segments && w->status == GGDM_OK; i++)
        expect_that(w, segment_fits(unit, i));
    for (int32_t i = 0; i < unit->n_settings; i++)
        expect_that(w, *unit->settings[i]);
    for (int32_t i = 0; i < unit->n_scorers; i++)
        expect_that(w, unit->scorers[i].id >= 0 && *unit->scorers[i].text);
    for (int32_t i = 0; i < unit->n_scores; i++)
        expect_that(w, unit->scores[i] >= 0 && unit->scores[i] < unit->n_scorers);
    check_distinct(w, unit->settings, unit->n_settings, sizeof *unit->settings, by_text);
    check_distinct(w, unit->scorers, unit->n_scorers, sizeof *unit->scorers, by_scorer_id);
    check_distinct(w, unit->scorers, unit->n_scorers, sizeof *unit->scorers, by_scorer_text);
}

ggdm_status ggdm_unit_unpack(ggdm_unit *unit, ggdm_wire *w, ggdm_error *err)
{
    memset(unit, 0, sizeof *unit);
    size_t size = w->size;
    if (size - w->pos > GGDM_MAX_UNIT) /* no count may reach behind it */
        w->size = w->pos + GGDM_MAX_UNIT;
    unit->id = ggdm_get_i64(w);
    unit->attempt = ggdm_get_i32(w);
    unit->kind = (ggdm_unit_kind)get_enum(w, GGDM_UNIT_GENERATE, GGDM_UNIT_SCORE);
    unit->image_first = ggdm_get_i32(w);
    unit->image_count = ggdm_get_i32(w);
    unit->steps = ggdm_get_i32(w);
    expect_that(w, unit->id >= 0 && unit->attempt >= 0 && unit->image_first >= 0 &&
                       unit->image_count >= 1 &&
                       unit->image_count <= INT32_MAX - unit->image_first);
    get_lists(w, unit);
    check_unit(w, unit);
    w->size = size;
    if (w->status != GGDM_OK)
        ggdm_unit_deinit(unit);
    return ggdm_wire_status(w, "unit", err);
}

/* ---- sample --------------------------------------------------------------------------------- */

ggdm_status ggdm_sample_pack(const ggdm_sample *sample, ggdm_wire *w, ggdm_error *err)
{
    ggdm_put_i64(w, sample->trajectory);
    ggdm_put_i32(w, sample->index);
    ggdm_put_u8(w, sample->diverged);
    ggdm_put_i32(w, sample->diverged_step);
    ggdm_put_u8(w, (uint8_t)sample->media);
    ggdm_put_bytes(w, sample->data, sample->size);
    ggdm_put_bytes(w, sample->record, sample->record_size);
    ggdm_put_i32(w, sample->n_scores);
    for (int32_t i = 0; i < sample->n_scores; i++) {
        const ggdm_score *s = &sample->scores[i];
        ggdm_put_i64(w, s->scorer);
        ggdm_put_i32(w, s->n);
        for (int32_t k = 0; k < s->n; k++)
            ggdm_put_f32(w, s->data[k]);
    }
    return ggdm_wire_status(w, "sample", err);
}

/* Bytes of a sample, owned; none: NULL. */
static void get_data(ggdm_wire *w, size_t most, uint8_t **out, uint32_t *out_size)
{
    size_t size;
    const uint8_t *data = ggdm_get_bytes(w, &size);
    expect_that(w, size <= most);
    if (size == 0 || w->status != GGDM_OK)
        return;
    w->status = ggdm_alloc(out, size, 1, NULL);
    if (w->status != GGDM_OK)
        return;
    memcpy(*out, data, size);
    *out_size = (uint32_t)size;
}

static void get_scores(ggdm_wire *w, ggdm_sample *sample)
{
    sample->n_scores = get_list(w, INT32_MAX, SCORE_BYTES, &sample->scores, sizeof *sample->scores);
    for (int32_t i = 0; i < sample->n_scores && w->status == GGDM_OK; i++) {
        ggdm_score *s = &sample->scores[i];
        s->scorer = ggdm_get_i64(w);
        s->n = get_list(w, GGDM_MAX_SCORE, sizeof *s->data, &s->data, sizeof *s->data);
        expect_that(w, s->scorer >= 0 && s->n >= 1);
        for (int32_t k = 0; k < s->n; k++)
            s->data[k] = ggdm_get_f32(w);
    }
    check_distinct(w, sample->scores, sample->n_scores, sizeof *sample->scores, by_scorer);
}

ggdm_status ggdm_sample_unpack(ggdm_sample *sample, ggdm_wire *w, ggdm_error *err)
{
    memset(sample, 0, sizeof *sample);
    sample->trajectory = ggdm_get_i64(w);
    sample->index = ggdm_get_i32(w);
    sample->diverged = get_enum(w, 0, 1);
    sample->diverged_step = ggdm_get_i32(w);
    sample->media = (ggdm_media)get_enum(w, 0, GGDM_MEDIAS - 1);
    expect_that(w, sample->trajectory >= 0 && sample->index >= 0 && sample->diverged_step >= -1 &&
                       sample->diverged_step < GGDM_MAX_STEPS);
    get_data(w, UINT32_MAX, &sample->data, &sample->size);
    get_data(w, GGDM_MAX_RECORD, &sample->record, &sample->record_size);
    get_scores(w, sample);
    if (w->status != GGDM_OK)
        ggdm_sample_deinit(sample);
    return ggdm_wire_status(w, "sample", err);
}

/* ---- memory --------------------------------------------------------------------------------- */

void ggdm_unit_deinit(ggdm_unit *unit)
{
    for (int32_t i = 0; i < unit->n_settings; i++)
        free(unit->settings[i]);
    for (int32_t i = 0; i < unit->n_scorers; i++)
        free(unit->scorers[i].text);
    free(unit->head);
    free(unit->settings);
    free(unit->segments);
    free(unit->scorers);
    free(unit->scores);
    free(unit->state);
    memset(unit, 0, sizeof *unit);
}

void ggdm_sample_deinit(ggdm_sample *sample)
{
    for (int32_t i = 0; i < sample->n_scores; i++)
        free(sample->scores[i].data);
    free(sample->scores);
    free(sample->record);
    free(sample->data);
    memset(sample, 0, sizeof *sample);
}
