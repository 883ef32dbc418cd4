#include "evaluate/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/argmax.h"
#include "common/mem.h"
#include "common/png_image.h"

/* One of the two cells whose images come. */
typedef struct side {
    const ggdm_results *r;
    const ggdm_row *row;
    int64_t *scorers; /* [n_measures] of the measures that both have, in the order of `shared` */
    ggdm_sample_reader *reader;
    ggdm_sample sample;
    bool more; /* sample is one */
} side;

typedef struct walk {
    ggdm_comparison *out;
    side sides[2];
    int32_t *shared; /* [n_shared] measures of the pair */
    int32_t n_shared;
    ggdm_moments *differences; /* [n_measures] of numbers */
    double pixels;             /* sum of the images' mean differences */
    bool sizes;                /* images of two sizes were met */
} walk;

/* ---- measures that cells share ---- */

/* The scorer that is called so in a panel; NULL. */
static const ggdm_store_measure *find_scorer(const ggdm_results *r, const ggdm_row *row,
                                             const ggdm_measure *measure)
{
    int32_t n = 0;
    const ggdm_store_measure *m = ggdm_store_panel(r->store, row->cell.panel, &n);
    for (int32_t i = 0; i < n; i++)
        if (strcmp(m[i].name, measure->name) == 0 && m[i].output == measure->output)
            return &m[i];
    return NULL;
}

static int32_t index_of(const ggdm_results *r, const ggdm_measure *measure)
{
    int32_t i = 0;
    while (i < r->n_measures && (strcmp(r->measures[i].name, measure->name) != 0 ||
                                 r->measures[i].output != measure->output))
        i++;
    return i < r->n_measures ? i : -1;
}

/* Those that both tables have; no pair need share them. */
static ggdm_status find_measures(ggdm_comparison *c, ggdm_error *err)
{
    GGDM_TRY(ggdm_arena_alloc(&c->arena, (size_t)c->a->n_measures * sizeof *c->measures,
                              &c->measures, err));
    for (int32_t i = 0; i < c->a->n_measures; i++) {
        const ggdm_measure *m = &c->a->measures[c->a->shown[i]];
        if (index_of(c->b, m) >= 0)
            c->measures[c->n_measures++] = *m;
    }
    return GGDM_OK;
}

/* Two judges are one if they are one network, whatever they are called. */
static void find_shared(walk *w, ggdm_compared *pair)
{
    ggdm_comparison *c = w->out;
    w->n_shared = 0;
    for (int32_t k = 0; k < c->n_measures; k++) {
        const ggdm_measure *m = &c->measures[k];
        const ggdm_store_measure *a = find_scorer(c->a, w->sides[0].row, m),
                                 *b = find_scorer(c->b, w->sides[1].row, m);
        if (!a || !b || strcmp(a->text, b->text) != 0)
            continue;
        w->sides[0].scorers[w->n_shared] = a->scorer;
        w->sides[1].scorers[w->n_shared] = b->scorer;
        w->shared[w->n_shared++] = k;
        w->differences[k] = (ggdm_moments){0};
        pair->measures[k] = (ggdm_compared_measure){
            .known = true,
            .a = &w->sides[0].row->measured[index_of(c->a, m)],
            .b = &w->sides[1].row->measured[index_of(c->b, m)],
        };
    }
}

/* ---- two images of one index ---- */

/* As results count: 1 right, 0 wrong, -1 not counted. */
static int verdict(const ggdm_sample *sample, const ggdm_score *score, int32_t aim)
{
    const int32_t best = score->n ? ggdm_argmax(score->data, score->n) : -1;
    if (score->n == 0 || aim < 0 || aim >= score->n || (!sample->diverged && best < 0))
        return -1;
    return !sample->diverged && best == aim;
}

static double number(const ggdm_sample *sample, const ggdm_score *score)
{
    return score->n == 1 && !sample->diverged ? (double)score->data[0] : (double)NAN;
}

static void count_measures(walk *w, ggdm_compared *pair)
{
    const ggdm_sample *a = &w->sides[0].sample, *b = &w->sides[1].sample;
    for (int32_t i = 0; i < w->n_shared; i++) {
        const int32_t k = w->shared[i];
        ggdm_pair_counts *right = &pair->measures[k].right;
        if (w->out->measures[k].output == GGDM_OUTPUT_NUMBER) {
            const double difference = number(b, &b->scores[i]) - number(a, &a->scores[i]);
            if (isfinite(difference))
                ggdm_moments_add(&w->differences[k], difference);
            continue;
        }
        const int x = verdict(a, &a->scores[i], w->sides[0].row->aim),
                  y = verdict(b, &b->scores[i], w->sides[1].row->aim);
        if (x < 0 || y < 0)
            continue;
        int64_t *const counts[2][2] = {{&right->neither, &right->only_b},
                                       {&right->only_a, &right->both}};
        ++*counts[x][y];
    }
}

static ggdm_status decode(const side *s, ggdm_pixels *out, ggdm_error *err)
{
    if (ggdm_png_decode(s->sample.data, s->sample.size, GGDM_PNG_MAX_SIDE, out, err) == GGDM_OK)
        return GGDM_OK;
    return ggdm_error_prefix(err, "%s: cell %s: image %d", ggdm_store_dir(s->r->store),
                             s->row->cell.name, s->sample.index);
}

static void count_pixels(walk *w, ggdm_compared *pair, const ggdm_pixels *a, const ggdm_pixels *b)
{
    const int64_t n = (int64_t)a->height * a->width * a->channels;
    int64_t sum = 0;
    if (a->height != b->height || a->width != b->width || a->channels != b->channels) {
        w->sizes = true;
        return;
    }
    for (int64_t i = 0; i < n; i++)
        sum += abs(a->data[i] - b->data[i]);
    pair->equal += sum == 0;
    w->pixels += (double)sum / (double)n;
}

/* Equal files have equal pixels, and need not be decoded. */
static ggdm_status compare_images(walk *w, ggdm_compared *pair, ggdm_error *err)
{
    const ggdm_sample *a = &w->sides[0].sample, *b = &w->sides[1].sample;
    ggdm_pixels x = {0}, y = {0};
    ggdm_status st = GGDM_OK;
    pair->images++;
    if (a->size == b->size && memcmp(a->data, b->data, a->size) == 0) {
        pair->equal++;
    } else {
        st = decode(&w->sides[0], &x, err);
        if (st == GGDM_OK)
            st = decode(&w->sides[1], &y, err);
        if (st == GGDM_OK)
            count_pixels(w, pair, &x, &y);
        ggdm_pixels_deinit(&x);
        ggdm_pixels_deinit(&y);
    }
    count_measures(w, pair);
    return st;
}

/* ---- all images of two cells ---- */

static ggdm_status next(side *s, ggdm_error *err)
{
    return ggdm_store_samples_next(s->reader, &s->sample, &s->more, err);
}

/* Both in the order of their indices, one image of each in memory. */
static ggdm_status walk_images(walk *w, ggdm_compared *pair, ggdm_error *err)
{
    side *a = &w->sides[0], *b = &w->sides[1];
    GGDM_TRY(next(a, err));
    GGDM_TRY(next(b, err));
    while (a->more || b->more) {
        const bool of_a = a->more && (!b->more || a->sample.index <= b->sample.index);
        const bool of_b = b->more && (!a->more || b->sample.index <= a->sample.index);
        if (of_a && of_b)
            GGDM_TRY(compare_images(w, pair, err));
        pair->alone_a += !of_b;
        pair->alone_b += !of_a;
        if (of_a)
            GGDM_TRY(next(a, err));
        if (of_b)
            GGDM_TRY(next(b, err));
    }
    return GGDM_OK;
}

static ggdm_trials trials(const ggdm_measured *m)
{
    return isnan(m->accuracy.p) ? (ggdm_trials){0, 0} : (ggdm_trials){m->right, m->n};
}

static void judge_classes(const ggdm_compared *pair, ggdm_compared_measure *m)
{
    const ggdm_trials a = trials(m->a), b = trials(m->b);
    m->n = pair->paired ? ggdm_pair_total(&m->right) : 0;
    m->p = (double)NAN;
    m->difference = m->n ? ggdm_difference_of_pairs(&m->right) : ggdm_difference_of_shares(a, b);
    if (m->n || (a.n && b.n))
        m->p = m->n ? ggdm_mcnemar(&m->right) : ggdm_fisher(a, b);
}

static void judge_numbers(const ggdm_compared *pair, const ggdm_moments *differences,
                          ggdm_compared_measure *m)
{
    m->n = pair->paired ? differences->n : 0;
    m->p = (double)NAN;
    m->difference = m->n ? ggdm_difference_of_numbers(differences)
                         : ggdm_difference_of_means(m->a->n_mean, m->a->mean, m->a->deviation,
                                                    m->b->n_mean, m->b->mean, m->b->deviation);
}

/* The value of the seed, which every sweep has. */
static const char *seed_of(const side *s)
{
    for (int32_t i = 0; i < s->r->n_columns; i++)
        if (strcmp(s->r->columns[i].path, "seed") == 0)
            return ggdm_results_value(s->r, s->row, i).text;
    return "";
}

static void close_pair(walk *w, ggdm_compared *pair)
{
    pair->same_key = memcmp(w->sides[0].row->cell.key, w->sides[1].row->cell.key,
                            sizeof w->sides[0].row->cell.key) == 0;
    pair->difference = pair->images && !w->sizes ? w->pixels / pair->images : (double)NAN;
    pair->paired =
        pair->images && !w->sizes && strcmp(seed_of(&w->sides[0]), seed_of(&w->sides[1])) == 0;
    for (int32_t i = 0; i < w->n_shared; i++) {
        ggdm_compared_measure *m = &pair->measures[w->shared[i]];
        if (w->out->measures[w->shared[i]].output == GGDM_OUTPUT_CLASSES)
            judge_classes(pair, m);
        else
            judge_numbers(pair, &w->differences[w->shared[i]], m);
    }
}

static ggdm_status compare_pair(walk *w, ggdm_compared *pair, ggdm_error *err)
{
    ggdm_status st;
    w->sides[0].row = &w->out->a->rows[pair->who.a];
    w->sides[1].row = &w->out->b->rows[pair->who.b];
    w->pixels = 0;
    w->sizes = false;
    find_shared(w, pair);
    for (int i = 0; i < 2; i++) {
        side *s = &w->sides[i];
        GGDM_TRY_GOTO(st,
                      ggdm_store_samples_open(s->r->store, s->row->cell.trajectory,
                                              s->row->cell.wanted, true, s->scorers, w->n_shared,
                                              &s->reader, err),
                      done);
    }
    GGDM_TRY_GOTO(st, walk_images(w, pair, err), done);
    close_pair(w, pair);
done:
    for (int i = 0; i < 2; i++)
        ggdm_store_samples_close(&w->sides[i].reader);
    return st;
}

/* ---- all pairs ---- */

/* Over all pairs of cells, a measure at a time. */
static ggdm_status correct(ggdm_comparison *c, ggdm_error *err)
{
    double *p = NULL;
    ggdm_status st = ggdm_alloc(&p, 2 * (size_t)c->n, sizeof *p, err);
    for (int32_t k = 0; k < c->n_measures && st == GGDM_OK; k++) {
        for (int32_t i = 0; i < c->n; i++)
            p[i] = c->pairs[i].measures[k].known ? c->pairs[i].measures[k].p : (double)NAN;
        st = ggdm_holm(p, c->n, p + c->n, err);
        for (int32_t i = 0; i < c->n; i++)
            c->pairs[i].measures[k].adjusted = p[c->n + i];
    }
    free(p);
    return st;
}

static ggdm_status open_pairs(ggdm_comparison *c, const ggdm_partners *partners, ggdm_error *err)
{
    ggdm_compared_measure *measures = NULL;
    const size_t n = (size_t)partners->n, m = (size_t)c->n_measures;
    GGDM_TRY(ggdm_arena_alloc(&c->arena, n * sizeof *c->pairs, &c->pairs, err));
    GGDM_TRY(ggdm_arena_alloc(&c->arena, n * m * sizeof *measures, &measures, err));
    c->n = partners->n;
    for (size_t i = 0; i < n; i++)
        c->pairs[i] = (ggdm_compared){.who = partners->pairs[i], .measures = measures + i * m};
    return GGDM_OK;
}

ggdm_status ggdm_compare(const ggdm_results *a, const ggdm_results *b,
                         const ggdm_partners *partners, ggdm_comparison *out, ggdm_error *err)
{
    *out = (ggdm_comparison){.a = a, .b = b};
    walk w = {.out = out, .sides = {{.r = a}, {.r = b}}};
    GGDM_TRY(find_measures(out, err));
    GGDM_TRY(open_pairs(out, partners, err));
    const size_t m = (size_t)out->n_measures;
    for (int i = 0; i < 2; i++)
        GGDM_TRY(ggdm_arena_alloc(&out->arena, m * sizeof *w.sides[i].scorers, &w.sides[i].scorers,
                                  err));
    GGDM_TRY(ggdm_arena_alloc(&out->arena, m * sizeof *w.shared, &w.shared, err));
    GGDM_TRY(ggdm_arena_alloc(&out->arena, m * sizeof *w.differences, &w.differences, err));
    for (int32_t i = 0; i < out->n; i++)
        GGDM_TRY(compare_pair(&w, &out->pairs[i], err));
    return correct(out, err);
}

void ggdm_comparison_deinit(ggdm_comparison *comparison)
{
    ggdm_arena_deinit(&comparison->arena);
    *comparison = (ggdm_comparison){0};
}

bool ggdm_compared_differs(const ggdm_compared_measure *m)
{
    return m->known && m->adjusted <= GGDM_COMPARE_LEVEL; /* NAN is not */
}
