#include "jobs/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/argmax.h"
#include "common/mem.h"
#include "jobs/results_metrics.h"
#include "jobs/results_until.h"

#define CONFIDENT 0.9 /* probability */

ggdm_share ggdm_wilson(int64_t k, int64_t n)
{
    /* Wilson 1927; z is the 97.5 % quantile of the normal distribution. */
    const double z = 1.959963984540054;
    if (n <= 0)
        return (ggdm_share){0, 0, 1};
    double m = (double)n, p = (double)k / m, z2 = z * z / m;
    double centre = (p + z2 / 2) / (1 + z2);
    double half = z / (1 + z2) * sqrt(p * (1 - p) / m + z2 / (4 * m));
    /* At the ends rounding would leave them by a hair. */
    double lo = k == 0 ? 0 : centre - half, hi = k == n ? 1 : centre + half;
    return (ggdm_share){p, lo, hi};
}

/* ---- a measure of a cell: sums while images come, figures when they are closed --------------- */

static ggdm_status add_classes(ggdm_arena *arena, ggdm_measured *m, const ggdm_score *score,
                               bool diverged, int32_t aim, ggdm_error *err)
{
    if (!m->histogram) {
        GGDM_TRY(
            ggdm_arena_alloc(arena, (size_t)score->n * sizeof *m->histogram, &m->histogram, err));
        m->classes = score->n;
    }
    if (score->n != m->classes)
        return GGDM_FAIL(err, GGDM_EFORMAT, "scores of %d classes, expected %d", score->n,
                         m->classes);
    int32_t best = ggdm_argmax(score->data, score->n);
    m->n += diverged || best >= 0;
    m->unscored += !diverged && best < 0;
    if (diverged || best < 0)
        return GGDM_OK;
    double p = exp((double)score->data[best]);
    m->n_mean++;
    m->confidence += p;
    m->histogram[best]++;
    m->confident += p >= CONFIDENT;
    m->right += best == aim;
    if (aim >= 0 && aim < m->classes)
        m->loss -= (double)score->data[aim];
    return GGDM_OK;
}

/* Welford 1962: deviation is the sum of squares so far. */
static ggdm_status add_number(ggdm_measured *m, const ggdm_score *score, bool diverged,
                              ggdm_error *err)
{
    if (score->n != 1)
        return GGDM_FAIL(err, GGDM_EFORMAT, "a score of %d numbers, expected 1", score->n);
    double v = (double)score->data[0];
    m->n += diverged || isfinite(v);
    m->unscored += !diverged && !isfinite(v);
    if (diverged || !isfinite(v))
        return GGDM_OK;
    m->n_mean++;
    double before = v - m->mean;
    m->mean += before / m->n_mean;
    m->deviation += before * (v - m->mean);
    return GGDM_OK;
}

static void open_measured(ggdm_measured *m)
{
    *m = (ggdm_measured){.histogram = m->histogram, .classes = m->classes};
    if (m->histogram)
        memset(m->histogram, 0, (size_t)m->classes * sizeof *m->histogram);
}

/* row NULL: none that aims at anything. */
static void close_measured(ggdm_measured *m, ggdm_output output, const ggdm_row *row)
{
    const int32_t aim = row ? row->aim : -1;
    const bool has_mean = m->n_mean > 0;
    const bool has_share = has_mean || (m->n > 0 && m->unscored == 0);
    const bool is_class = aim >= 0 && aim < m->classes;
    const bool classes = output == GGDM_OUTPUT_CLASSES;
    m->accuracy = has_share && is_class ? ggdm_results_share(row, m->right, m->n)
                                        : (ggdm_share){(double)NAN, (double)NAN, (double)NAN};
    m->confidence = classes && has_mean ? m->confidence / m->n_mean : (double)NAN;
    m->loss = is_class && has_mean ? m->loss / m->n_mean : (double)NAN;
    m->confident = classes && has_share ? m->confident / m->n : (double)NAN;
    m->deviation = !classes && m->n_mean > 1 ? sqrt(m->deviation / (m->n_mean - 1)) : (double)NAN;
    m->mean = !classes && has_mean ? m->mean : (double)NAN;
}

/* ---- reading samples ------------------------------------------------------------------------- */

/* Rows of one trajectory and one panel: each sample is read once for all of them. */
typedef struct sample_reader {
    ggdm_results *r;
    const int32_t *rows;
    int32_t n;
    const ggdm_results_panel *panel;
} sample_reader;

static ggdm_status add_to_row(sample_reader *s, ggdm_row *row, const ggdm_sample *sample,
                              ggdm_error *err)
{
    row->n++;
    row->diverged += sample->diverged;
    for (int32_t k = 0; k < s->panel->n; k++) {
        const ggdm_score *score = &sample->scores[k];
        const int32_t measure = s->panel->measure[k];
        ggdm_measured *m = &row->measured[measure];
        if (score->n == 0)
            continue;
        m->known = true;
        ggdm_status st = s->r->measures[measure].output == GGDM_OUTPUT_CLASSES
                             ? add_classes(&s->r->arena, m, score, sample->diverged, row->aim, err)
                             : add_number(m, score, sample->diverged, err);
        if (st != GGDM_OK)
            return ggdm_error_prefix(err, "cell %s: image %d: %s", row->cell.name, sample->index,
                                     s->r->measures[measure].name);
    }
    return GGDM_OK;
}

static ggdm_status add_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    sample_reader *s = context;
    for (int32_t i = 0; i < s->n; i++) {
        ggdm_row *row = &s->r->rows[s->rows[i]];
        if (sample->index < row->cell.wanted)
            GGDM_TRY(add_to_row(s, row, sample, err));
    }
    return GGDM_OK;
}

static ggdm_status read_group(ggdm_results *r, const int32_t *rows, int32_t n, ggdm_error *err)
{
    const ggdm_row *first = &r->rows[rows[0]];
    sample_reader s = {.r = r, .rows = rows, .n = n, .panel = ggdm_results_panel_of(r, first)};
    int32_t wanted = 0;
    for (int32_t i = 0; i < n; i++) {
        ggdm_row *row = &r->rows[rows[i]];
        wanted = row->cell.wanted > wanted ? row->cell.wanted : wanted;
        row->n = row->diverged = 0;
        for (int32_t k = 0; k < r->n_measures; k++)
            open_measured(&row->measured[k]);
    }
    GGDM_TRY(ggdm_store_each_sample(r->store, first->cell.trajectory, wanted, false,
                                    s.panel->scorers, s.panel->n, add_sample, &s, err));
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < r->n_measures; k++)
            close_measured(&r->rows[rows[i]].measured[k], r->measures[k].output, &r->rows[rows[i]]);
    return GGDM_OK;
}

typedef struct row_place {
    int64_t trajectory;
    int32_t panel, row;
} row_place;

static int by_samples(const void *a, const void *b)
{
    const row_place *x = a, *y = b;
    if (x->trajectory != y->trajectory)
        return x->trajectory < y->trajectory ? -1 : 1;
    if (x->panel != y->panel)
        return x->panel < y->panel ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static ggdm_status read_samples(ggdm_results *r, ggdm_error *err)
{
    row_place *places = NULL;
    int32_t *rows = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&places, (size_t)r->n_rows, sizeof *places, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&rows, (size_t)r->n_rows, sizeof *rows, err), done);
    for (int32_t i = 0; i < r->n_rows; i++)
        places[i] = (row_place){r->rows[i].cell.trajectory, r->rows[i].cell.panel, i};
    qsort(places, (size_t)r->n_rows, sizeof *places, by_samples);
    for (int32_t i = 0, n; i < r->n_rows; i += n) {
        for (n = 0; i + n < r->n_rows && places[i + n].trajectory == places[i].trajectory &&
                    places[i + n].panel == places[i].panel;
             n++)
            rows[i + n] = places[i + n].row;
        GGDM_TRY_GOTO(st, read_group(r, rows + i, n, err), done);
    }
done:
    free(places);
    free(rows);
    return st;
}

/* ---- the table ------------------------------------------------------------------------------- */

static ggdm_status find_columns(ggdm_results *r, ggdm_error *err)
{
    r->info = ggdm_store_run_info(r->store);
    r->models = ggdm_store_models(r->store, &r->n_models);
    r->columns = ggdm_store_columns(r->store, &r->n_columns);
    r->aim_column = -1;
    GGDM_TRY(
        ggdm_arena_alloc(&r->arena, (size_t)r->n_columns * sizeof *r->varying, &r->varying, err));
    for (int32_t i = 0; i < r->n_columns; i++) {
        if (r->columns[i].varies)
            r->varying[r->n_varying++] = i;
        if (r->columns[i].aim && r->aim_column < 0)
            r->aim_column = i;
    }
    return GGDM_OK;
}

/* The measure that counts: what the images were made to please says least of them. */
static int32_t find_verdict(const ggdm_store_measure *m, int32_t n)
{
    int32_t last = -1;
    for (int32_t k = 0; k < n; k++) {
        if (m[k].output != GGDM_OUTPUT_CLASSES)
            continue;
        last = k;
        if (strcmp(m[k].name, "judge") == 0)
            break;
    }
    return last;
}

/* Index of a measure in the table; room is for one more. */
static int32_t place_measure(ggdm_results *r, const ggdm_store_measure *m)
{
    int32_t i = 0;
    while (i < r->n_measures &&
           (strcmp(r->measures[i].name, m->name) != 0 || r->measures[i].output != m->output))
        i++;
    if (i == r->n_measures)
        r->measures[r->n_measures++] = (ggdm_measure){m->name, m->output};
    return i;
}

/* What guides comes before the judges in a panel, and after them where people read: what it says is
 * what the images were made to please. */
static ggdm_status find_shown(ggdm_results *r, ggdm_error *err)
{
    int32_t n = 0;
    GGDM_TRY(ggdm_arena_alloc(&r->arena, (size_t)r->n_measures * sizeof *r->shown, &r->shown, err));
    for (int32_t k = r->n_measures - 1; k >= 0; k--)
        if (r->measures[k].output == GGDM_OUTPUT_CLASSES)
            r->shown[n++] = k;
    for (int32_t k = 0; k < r->n_measures; k++)
        if (r->measures[k].output == GGDM_OUTPUT_NUMBER)
            r->shown[n++] = k;
    return GGDM_OK;
}

static ggdm_status find_panels(ggdm_results *r, ggdm_error *err)
{
    int32_t total = 0;
    GGDM_TRY(ggdm_arena_alloc(&r->arena, (size_t)r->n_panels * sizeof *r->panels, &r->panels, err));
    for (int32_t p = 0; p < r->n_panels; p++) {
        ggdm_store_panel(r->store, p, &r->panels[p].n);
        total += r->panels[p].n;
    }
    GGDM_TRY(ggdm_arena_alloc(&r->arena, (size_t)total * sizeof *r->measures, &r->measures, err));
    for (int32_t p = 0; p < r->n_panels; p++) {
        ggdm_results_panel *out = &r->panels[p];
        const ggdm_store_measure *m = ggdm_store_panel(r->store, p, &out->n);
        const size_t n = (size_t)out->n;
        GGDM_TRY(ggdm_arena_alloc(&r->arena, n * sizeof *out->scorers, &out->scorers, err));
        GGDM_TRY(ggdm_arena_alloc(&r->arena, n * sizeof *out->measure, &out->measure, err));
        for (int32_t k = 0; k < out->n; k++) {
            out->scorers[k] = m[k].scorer;
            out->measure[k] = place_measure(r, &m[k]);
        }
        out->verdict = find_verdict(m, out->n);
    }
    return find_shown(r, err);
}

/* One array of each kind for all rows: there may be a million. */
static ggdm_status make_rows(ggdm_results *r, ggdm_error *err)
{
    ggdm_measured *measured = NULL;
    const size_t n = (size_t)r->n_rows, m = (size_t)r->n_measures;
    GGDM_TRY(ggdm_arena_alloc(&r->arena, n * m * sizeof *measured, &measured, err));
    for (size_t i = 0; i < n; i++) {
        r->rows[i].measured = measured + i * m;
        for (size_t k = 0; k < m; k++)
            close_measured(&r->rows[i].measured[k], r->measures[k].output, NULL);
    }
    return GGDM_OK;
}

static ggdm_status find_values(ggdm_results *r, ggdm_error *err)
{
    const size_t n = (size_t)r->n_columns;
    GGDM_TRY(
        ggdm_arena_alloc(&r->arena, (size_t)r->n_rows * n * sizeof *r->values, &r->values, err));
    for (int32_t i = 0; i < r->n_rows; i++)
        for (int32_t c = 0; c < r->n_columns; c++)
            r->values[(size_t)i * n + (size_t)c] =
                ggdm_store_value_of(r->store, &r->rows[i].cell, c);
    return GGDM_OK;
}

static ggdm_status get_cell(ggdm_results *r, int32_t i, ggdm_error *err)
{
    GGDM_TRY(ggdm_store_cell_get(r->store, i, &r->rows[i].cell, err));
    if (r->rows[i].cell.panel < 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "cell %s has no panel", r->rows[i].cell.name);
    r->rows[i].aim = ggdm_store_aim(r->store, &r->rows[i].cell);
    r->rows[i].until = ggdm_store_until(r->store, r->rows[i].cell.sweep);
    return GGDM_OK;
}

ggdm_status ggdm_results_open(ggdm_store *store, ggdm_results *out, ggdm_error *err)
{
    *out = (ggdm_results){.store = store, .n_rows = ggdm_store_n_cells(store)};
    ggdm_results *r = out;
    GGDM_TRY(find_columns(r, err));
    GGDM_TRY(ggdm_arena_alloc(&r->arena, (size_t)r->n_rows * sizeof *r->rows, &r->rows, err));
    for (int32_t i = 0; i < r->n_rows; i++) {
        GGDM_TRY(get_cell(r, i, err));
        if (r->rows[i].cell.panel >= r->n_panels)
            r->n_panels = r->rows[i].cell.panel + 1;
    }
    GGDM_TRY(find_values(r, err));
    GGDM_TRY(find_panels(r, err));
    GGDM_TRY(make_rows(r, err));
    GGDM_TRY(ggdm_results_read_verdicts(r, err));
    return ggdm_results_read_metrics(r, err);
}

ggdm_status ggdm_results_read(ggdm_store *store, ggdm_results *out, ggdm_error *err)
{
    GGDM_TRY(ggdm_results_open(store, out, err));
    return read_samples(out, err);
}

ggdm_status ggdm_results_read_cell(ggdm_results *r, int32_t cell, ggdm_error *err)
{
    GGDM_TRY(get_cell(r, cell, err));
    return read_group(r, &cell, 1, err);
}

void ggdm_results_deinit(ggdm_results *r)
{
    ggdm_arena_deinit(&r->arena);
    *r = (ggdm_results){0};
}
