#include "worker/scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/recipe.h"
#include "worker/kinds.h"
#include "worker/model_rows.h"

#define MAX_WAITING 256 /* samples: their memory is for so many at most */

typedef struct scorer {
    const ggdm_item *item;
    const ggdm_scorer_kind *kind;
    ggdm_values values;
    int32_t program; /* for images of the shape; -1: it has no graph */
} scorer;

typedef struct waiting {
    ggdm_finished f;
    const ggdm_segment *segment;
} waiting;

/* A sample's wish for a score. */
typedef struct wish {
    int32_t program;        /* of the scorer */
    int32_t sample, scorer; /* indices */
    int32_t place;          /* among the sample's scores */
} wish;

struct ggdm_scores {
    const ggdm_tools *tools;
    const ggdm_unit *unit;
    ggdm_arena arena;
    scorer *scorers; /* [unit->n_scorers], the arena's */
    ggdm_image_shape shape;
    int64_t elements; /* of an image */
    int32_t batch, n;
    waiting *samples; /* [batch] */
    wish *wishes;
    size_t n_wishes, cap;
};

static ggdm_status read_scorer(ggdm_scores *s, const char *text, scorer *out, ggdm_error *err)
{
    ggdm_item *item = NULL;
    GGDM_TRY(
        ggdm_recipe_parse(s->tools->catalogue, &s->arena, GGDM_FAMILY_SCORER, text, &item, err));
    GGDM_TRY(ggdm_model_rows_check(s->tools->models, NULL, item, err));
    *out = (scorer){.item = item, .kind = (const ggdm_scorer_kind *)item->kind};
    return ggdm_values_of(&s->arena, item, &out->values, err);
}

static ggdm_status read_scorers(ggdm_scores *s, ggdm_error *err)
{
    const ggdm_unit *u = s->unit;
    GGDM_TRY(ggdm_alloc(&s->samples, (size_t)s->batch, sizeof *s->samples, err));
    GGDM_TRY(
        ggdm_arena_alloc(&s->arena, (size_t)u->n_scorers * sizeof *s->scorers, &s->scorers, err));
    for (int32_t i = 0; i < u->n_scorers; i++)
        if (read_scorer(s, u->scorers[i].text, &s->scorers[i], err) != GGDM_OK)
            return ggdm_error_prefix(err, "scorer %lld", (long long)u->scorers[i].id);
    return GGDM_OK;
}

ggdm_status ggdm_scores_create(const ggdm_tools *tools, const ggdm_unit *unit, ggdm_scores **out,
                               ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    (*out)->tools = tools;
    (*out)->unit = unit;
    (*out)->batch = tools->job.batch < MAX_WAITING ? tools->job.batch : MAX_WAITING;
    ggdm_status st = read_scorers(*out, err);
    if (st != GGDM_OK)
        ggdm_scores_destroy(out);
    return st;
}

static void drop_samples(ggdm_scores *s)
{
    while (s->n > 0) {
        ggdm_finished *f = &s->samples[--s->n].f;
        ggdm_sample_deinit(&f->sample);
        free(f->seen);
    }
}

void ggdm_scores_destroy(ggdm_scores **scores)
{
    ggdm_scores *s = *scores;
    if (!s)
        return;
    drop_samples(s);
    free(s->samples);
    free(s->wishes);
    ggdm_arena_deinit(&s->arena);
    free(s);
    *scores = NULL;
}

ggdm_status ggdm_scores_shape(ggdm_scores *s, ggdm_image_shape shape, ggdm_error *err)
{
    s->shape = shape;
    s->elements = (int64_t)shape.height * shape.width * shape.channels;
    for (int32_t i = 0; i < s->unit->n_scorers; i++) {
        scorer *r = &s->scorers[i];
        r->program = -1;
        if (r->kind->emit)
            GGDM_TRY(ggdm_programs_score(s->tools->programs, r->item, shape, &r->program, err));
    }
    return GGDM_OK;
}

bool ggdm_scores_take(const ggdm_scores *s, ggdm_image_shape shape)
{
    return s->n < s->batch && s->shape.height == shape.height && s->shape.width == shape.width &&
           s->shape.channels == shape.channels;
}

void ggdm_scores_add(ggdm_scores *s, const ggdm_segment *segment, ggdm_finished *sample)
{
    s->samples[s->n++] = (waiting){.f = *sample, .segment = segment};
    *sample = (ggdm_finished){0};
}

/* ---- scoring ---- */

/* What one wish is told. */
static ggdm_status put_score(ggdm_scores *s, const wish *w, const float *numbers, int32_t n,
                             ggdm_error *err)
{
    ggdm_score *score = &s->samples[w->sample].f.sample.scores[w->place];
    GGDM_TRY(ggdm_alloc(&score->data, (size_t)n, sizeof *numbers, err));
    memcpy(score->data, numbers, (size_t)n * sizeof *numbers);
    score->n = n;
    return GGDM_OK;
}

static ggdm_status score_plain(ggdm_scores *s, const wish *w, ggdm_error *err)
{
    const ggdm_finished *f = &s->samples[w->sample].f;
    const ggdm_scoring scoring = {
        .x = f->seen, .saturated = isnan(f->saturated) ? NULL : &f->saturated, .n = 1};
    float number;
    if (!s->scorers[w->scorer].kind->plain(&scoring, 0, &number))
        return GGDM_OK;
    return put_score(s, w, &number, 1, err);
}

/* At most a batch of wishes with one program. */
static ggdm_status score_batch(ggdm_scores *s, const wish *w, int32_t n, ggdm_error *err)
{
    const ggdm_program *p;
    GGDM_TRY(ggdm_programs_get(s->tools->programs, w->program, n, &p, err));
    for (int32_t i = 0; i < n; i++) {
        memcpy(p->x + i * s->elements, s->samples[w[i].sample].f.seen,
               sizeof *p->x * (size_t)s->elements);
        ggdm_program_fill(p, i, NULL, NULL, &s->scorers[w[i].scorer].values);
        GGDM_TRY(ggdm_program_fill_prompts(p, i, NULL, &s->scorers[w[i].scorer].values, err));
    }
    ggdm_graph_run(p->graph);
    for (int32_t i = 0; i < n; i++)
        GGDM_TRY(put_score(s, &w[i], p->score + (int64_t)i * p->width, p->width, err));
    return GGDM_OK;
}

/* All wishes, and room for what they are told. */
static ggdm_status collect_wishes(ggdm_scores *s, ggdm_error *err)
{
    s->n_wishes = 0;
    for (int32_t i = 0; i < s->n; i++) {
        const ggdm_segment *segment = s->samples[i].segment;
        ggdm_sample *sample = &s->samples[i].f.sample;
        size_t n = (size_t)segment->score_count;
        GGDM_TRY(ggdm_alloc(&sample->scores, n, sizeof *sample->scores, err));
        GGDM_TRY(ggdm_grow(&s->wishes, &s->cap, s->n_wishes + n, sizeof *s->wishes, err));
        sample->n_scores = segment->score_count;
        for (int32_t k = 0; k < segment->score_count; k++) {
            int32_t index = s->unit->scores[segment->score_first + k];
            sample->scores[k].scorer = s->unit->scorers[index].id;
            s->wishes[s->n_wishes++] = (wish){s->scorers[index].program, i, index, k};
        }
    }
    return GGDM_OK;
}

static int by_program(const void *a, const void *b)
{
    const wish *x = a, *y = b;
    const int32_t p[] = {x->program, x->sample, x->place}, q[] = {y->program, y->sample, y->place};
    int i = 0;
    while (i < 2 && p[i] == q[i])
        i++;
    return (p[i] > q[i]) - (p[i] < q[i]);
}

/* Wishes of one program next to each other, batch by batch. */
static ggdm_status score_all(ggdm_scores *s, ggdm_error *err)
{
    for (size_t i = 0, n; i < s->n_wishes; i += n) {
        const wish *w = s->wishes + i;
        n = 1;
        while (w->program >= 0 && n < (size_t)s->batch && i + n < s->n_wishes &&
               w[n].program == w->program)
            n++;
        GGDM_TRY(w->program < 0 ? score_plain(s, w, err) : score_batch(s, w, (int32_t)n, err));
    }
    return GGDM_OK;
}

/* Scores that cannot be known are not there. */
static void leave_out_unknown(ggdm_sample *sample)
{
    int32_t n = 0;
    for (int32_t i = 0; i < sample->n_scores; i++)
        if (sample->scores[i].n > 0)
            sample->scores[n++] = sample->scores[i];
    sample->n_scores = n;
}

ggdm_status ggdm_scores_flush(ggdm_scores *s, const ggdm_executor_sink *sink, ggdm_error *err)
{
    GGDM_TRY(collect_wishes(s, err));
    if (s->n_wishes > 0)
        qsort(s->wishes, s->n_wishes, sizeof *s->wishes, by_program);
    GGDM_TRY(score_all(s, err));
    for (int32_t i = 0; i < s->n; i++) {
        leave_out_unknown(&s->samples[i].f.sample);
        GGDM_TRY(sink->sample(sink->context, &s->samples[i].f.sample, err));
    }
    drop_samples(s);
    return GGDM_OK;
}
