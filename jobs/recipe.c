#include "jobs/recipe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"

#define UNGUIDED "{}"
#define KEY_VERSION "ggdm recipe 1\n" /* before what is hashed */

/* ---- the skeleton -------------------------------------------------------------------------- */

static const ggdm_param stage_rows[] = {
    {.key = "model",
     .type = GGDM_PARAM_MODEL,
     .required = true,
     .structure = true,
     .port = "eps",
     .help = "The diffusion model: a name under models/zoo, or a directory."},
    {.key = "sampler",
     .type = GGDM_PARAM_NODE,
     .required = true,
     .family = GGDM_FAMILY_SAMPLER,
     .help = "How a step is made."},
    {.key = "condition",
     .type = GGDM_PARAM_NODE,
     .family = GGDM_FAMILY_CONDITION,
     .help = "What the diffusion model itself is given."},
    {.key = "guidance",
     .type = GGDM_PARAM_NODE,
     .family = GGDM_FAMILY_GUIDANCE,
     .help = "What steers the images; without it they are unguided."},
    {.key = "seed",
     .type = GGDM_PARAM_WHOLE,
     .structure = true,
     .lo = 0,
     .hi = 0x1p63,
     .fallback = GGDM_WHOLE(0),
     .help = "Of the noise: images of one index and one seed begin alike."},
};

const ggdm_kind ggdm_kind_stage = {.family = GGDM_FAMILY_STAGE,
                                   .name = "stage",
                                   .implied = true,
                                   .help = "What is generated.",
                                   GGDM_PARAMS(stage_rows)};

/* ---- texts --------------------------------------------------------------------------------- */

ggdm_status ggdm_recipe_print(ggdm_arena *arena, const ggdm_item *item, bool program,
                              const char **out, ggdm_error *err)
{
    ggdm_json j;
    char *text = NULL;
    size_t size = 0;
    ggdm_json_init(&j, GGDM_JSON_COMPACT);
    ggdm_item_print(item, program, item->kind == &ggdm_kind_stage ? "guidance" : NULL, &j);
    GGDM_TRY(ggdm_json_finish(&j, &text, &size, err));
    ggdm_status st = size < GGDM_MAX_RECIPE
                         ? ggdm_arena_text(arena, text, out, err)
                         : GGDM_FAIL(err, GGDM_ESHAPE,
                                     "a recipe of %zu bytes, expected fewer than "
                                     "%zu",
                                     size, GGDM_MAX_RECIPE);
    free(text);
    return st;
}

ggdm_status ggdm_recipe_parse(const ggdm_catalogue *c, ggdm_arena *arena, const char *family,
                              const char *text, ggdm_item **out, ggdm_error *err)
{
    const char *again = NULL;
    ggdm_doc *doc = NULL;
    ggdm_status st;
    *out = NULL;
    if (strcmp(family, GGDM_FAMILY_GUIDANCE) == 0 && strcmp(text, UNGUIDED) == 0)
        return GGDM_OK;
    GGDM_TRY_GOTO(st, ggdm_json_parse(text, strlen(text), GGDM_MAX_RECIPE, family, &doc, err),
                  done);
    GGDM_TRY_GOTO(st, ggdm_item_read(c, arena, family, doc->root, NULL, GGDM_OF_RECIPE, out, err),
                  done);
    GGDM_TRY_GOTO(st, ggdm_item_check(*out, err), done);
    again = UNGUIDED;
    if (strcmp(family, GGDM_FAMILY_GUIDANCE) == 0)
        *out = ggdm_item_reduce(arena, *out); /* what does nothing is not in a text */
    if (*out)
        GGDM_TRY_GOTO(st, ggdm_recipe_print(arena, *out, false, &again, err), done);
    if (strcmp(text, again) != 0)
        st = GGDM_FAIL(err, GGDM_EFORMAT,
                       "%s: not the canonical text of what it says: '%.200s', expected '%.200s'",
                       family, text, again);
done:
    /* Messages about what was read have been made: the places go with the document. */
    if (*out && st == GGDM_OK)
        ggdm_item_forget_places(*out);
    else
        *out = NULL;
    ggdm_doc_destroy(&doc);
    return st;
}

/* ---- windows ------------------------------------------------------------------------------- */

typedef struct edges {
    int32_t steps; /* of the chain */
    int32_t *at;   /* [n] steps where something begins or ends */
    size_t n, cap;
} edges;

static int32_t step_of(double v, bool share, int32_t steps)
{
    return (int32_t)ggdm_to_int(share ? floor(v * steps + 0.5) : v, 0, INT32_MAX);
}

/* [first, end) of a window in a chain.  Shares are rounded at both ends, so that windows that
 * adjoin as shares adjoin as steps. */
static void window_in(const ggdm_scalar *v, int32_t steps, int32_t *first, int64_t *end)
{
    *first = step_of(v->start, v->start_share, steps);
    if (v->start_share && v->length_share)
        *end = step_of(v->start + v->real, true, steps);
    else
        *end = (int64_t)*first + step_of(v->real, v->length_share, steps);
}

static ggdm_status add_window(void *context, const ggdm_item *item, const ggdm_param *row,
                              ggdm_value *value, const char *path, ggdm_error *err)
{
    edges *e = context;
    int32_t first;
    int64_t end;
    (void)path;
    if (row->type != GGDM_PARAM_WINDOW || !value->set)
        return GGDM_OK;
    window_in(&value->scalar, e->steps, &first, &end);
    if (first > e->steps || end > e->steps) {
        char text[80];
        ggdm_scalar_text(row, &value->scalar, text, sizeof text);
        return ggdm_item_fail(
            item, row->key, err,
            "value '%s', expected a number of steps from 0 to %d (sampler.steps%s)", text,
            e->steps - (first > e->steps ? 0 : first),
            first > 0 && first <= e->steps ? " less start_step" : "");
    }
    GGDM_TRY(ggdm_grow(&e->at, &e->cap, e->n + 2, sizeof *e->at, err));
    e->at[e->n++] = first;
    e->at[e->n++] = (int32_t)end;
    return GGDM_OK;
}

static int by_step(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* What acts in a step. */
typedef struct moment {
    int32_t step, steps;
} moment;

static bool acts(void *context, const ggdm_item *item)
{
    const moment *m = context;
    for (size_t i = 0; i < item->kind->n_params; i++) {
        int32_t first;
        int64_t end;
        if (item->kind->params[i].type != GGDM_PARAM_WINDOW || !item->values[i].set)
            continue;
        window_in(&item->values[i].scalar, m->steps, &first, &end);
        if (m->step < first || m->step >= end)
            return false;
    }
    return true;
}

static ggdm_status forget_window(void *context, const ggdm_item *item, const ggdm_param *row,
                                 ggdm_value *value, const char *path, ggdm_error *err)
{
    (void)context, (void)item, (void)path, (void)err;
    if (row->type == GGDM_PARAM_WINDOW)
        *value = (ggdm_value){.set = false};
    return GGDM_OK;
}

/* A guidance in one step. */
static ggdm_status setting_at(ggdm_arena *arena, const ggdm_item *guidance, moment m,
                              ggdm_run_text *out, ggdm_error *err)
{
    ggdm_item *now = NULL;
    GGDM_TRY(ggdm_item_copy_kept(arena, guidance, acts, &m, &now, err));
    if (now)
        GGDM_TRY(ggdm_item_visit(now, forget_window, NULL, err));
    if (now)
        now = ggdm_item_reduce(arena, now);
    *out = (ggdm_run_text){.setting = UNGUIDED, .tree = now};
    return now ? ggdm_recipe_print(arena, now, false, &out->setting, err) : GGDM_OK;
}

/* The runs of an expanded guidance, edges sorted, the chain's end among them. */
static ggdm_status cut(ggdm_arena *arena, const ggdm_item *guidance, const edges *e,
                       ggdm_recipe *out, ggdm_error *err)
{
    int32_t begin = 0;
    for (size_t i = 0; i < e->n; i++) {
        ggdm_run_text run;
        if (e->at[i] == begin)
            continue;
        GGDM_TRY(setting_at(arena, guidance, (moment){begin, e->steps}, &run, err));
        begin = e->at[i];
        if (!out->n_runs || strcmp(out->runs[out->n_runs - 1].setting, run.setting) != 0)
            out->runs[out->n_runs++] = run;
        out->runs[out->n_runs - 1].end = begin;
    }
    return GGDM_OK;
}

ggdm_status ggdm_recipe_make(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *stage,
                             ggdm_recipe *out, ggdm_error *err)
{
    const ggdm_item *guidance = ggdm_item_child(stage, "guidance");
    ggdm_item *expanded = NULL;
    edges e = {.steps = (int32_t)ggdm_item_whole(ggdm_item_child(stage, "sampler"), "steps")};
    ggdm_status st;
    *out = (ggdm_recipe){.steps = e.steps};
    GGDM_TRY(ggdm_recipe_print(arena, stage, false, &out->head, err));
    if (guidance) {
        GGDM_TRY(ggdm_item_expand(c, arena, guidance, &expanded, err));
        GGDM_TRY_GOTO(st, ggdm_item_visit(expanded, add_window, &e, err), done);
    }
    GGDM_TRY_GOTO(st, ggdm_grow(&e.at, &e.cap, e.n + 1, sizeof *e.at, err), done);
    e.at[e.n++] = e.steps;
    qsort(e.at, e.n, sizeof *e.at, by_step);
    if (e.n > GGDM_MAX_RUNS)
        GGDM_TRY_GOTO(st,
                      GGDM_FAIL(err, GGDM_ESHAPE, "%zu edges of windows, expected at most %d", e.n,
                                GGDM_MAX_RUNS),
                      done);
    GGDM_TRY_GOTO(st, ggdm_arena_alloc(arena, e.n * sizeof *out->runs, &out->runs, err), done);
    if (expanded) {
        st = cut(arena, expanded, &e, out, err);
    } else {
        out->n_runs = 1;
        out->runs[0] = (ggdm_run_text){.end = e.steps, .setting = UNGUIDED};
    }
done:
    free(e.at);
    return st;
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* Pieces of the whole text one after the other, to whoever takes them. */
typedef void (*piece_taker)(void *context, const char *piece);

static void give_pieces(const ggdm_recipe *r, piece_taker take, void *context)
{
    take(context, "{\"stages\":[{\"head\":");
    take(context, r->head);
    take(context, ",\"runs\":[");
    for (int32_t i = 0; i < r->n_runs; i++) {
        char end[24];
        snprintf(end, sizeof end, "%s[%d,", i ? "," : "", (int)r->runs[i].end);
        take(context, end);
        take(context, r->runs[i].setting);
        take(context, "]");
    }
    take(context, "]}]}");
}

static void add_length(void *context, const char *piece)
{
    *(size_t *)context += strlen(piece);
}

static void add_piece(void *context, const char *piece)
{
    char **end = context;
    *end = stpcpy(*end, piece);
}

static void hash_piece(void *context, const char *piece)
{
    ggdm_hash_update(context, piece, strlen(piece));
}

ggdm_status ggdm_recipe_text(const ggdm_recipe *recipe, char **out, ggdm_error *err)
{
    size_t size = 1;
    give_pieces(recipe, add_length, &size);
    GGDM_TRY(ggdm_alloc(out, size, 1, err));
    char *end = *out;
    give_pieces(recipe, add_piece, &end);
    return GGDM_OK;
}

void ggdm_recipe_key(const ggdm_recipe *recipe, const char *precision, const char *isa,
                     uint8_t key[GGDM_HASH_SIZE])
{
    ggdm_hash h;
    ggdm_hash_init(&h);
    const char *const head[] = {KEY_VERSION, precision, " ", isa, "\n"};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        hash_piece(&h, head[i]);
    give_pieces(recipe, hash_piece, &h);
    ggdm_hash_final(&h, key);
}
