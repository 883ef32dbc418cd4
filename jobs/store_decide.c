/* Decisions of sweeps that end themselves: what the images of a round say, who goes on, and the
 * units of the next round, in one transaction (docs/decisions/020-until.md). */
#include "jobs/store_grow.h"

#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/argmax.h"
#include "common/mem.h"

/* A cell of the sweep that is decided on. */
typedef struct entry {
    int32_t cell, wanted, made; /* made: images that its trajectory is to have */
    char name[GGDM_CELL_NAME_SIZE];
    int64_t trajectory, scorer;
    int32_t aim;
    bool open;
    int32_t contestant; /* of those that are compared; -1: it is closed or cancelled */
    ggdm_until_state state;
} entry;

typedef struct decision {
    ggdm_store *s;
    int32_t sweep;
    const ggdm_until *rule;
    entry *entries; /* [n], owned: by trajectory, aim and scorer, so that what is one contestant
                       stands together */
    size_t n, cap;
    int32_t images;               /* of each open cell */
    int32_t field;                /* contestants the sweep began with */
    ggdm_contestant *contestants; /* [n_contestants], owned */
    int32_t *first;               /* [n_contestants], owned: index of an entry */
    int32_t n_contestants;
    uint64_t *bits; /* [n_contestants][words], owned: of a race */
} decision;

/* ---- the cells ------------------------------------------------------------------------------ */

static ggdm_status find_scorer(const decision *d, int32_t cell, int32_t panel, int64_t *out,
                               ggdm_error *err)
{
    int32_t n;
    const ggdm_store_measure *m = ggdm_store_panel(d->s, panel, &n);
    for (int32_t i = 0; i < n; i++)
        if (m[i].output == GGDM_OUTPUT_CLASSES && strcmp(m[i].name, d->rule->measure) == 0) {
            *out = m[i].scorer;
            return GGDM_OK;
        }
    return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: no classifier '%s' scores cell %d",
                     d->s->path, d->rule->measure, cell);
}

static ggdm_status read_entry(decision *d, sqlite3_stmt *stmt, ggdm_error *err)
{
    ggdm_store *s = d->s;
    GGDM_TRY(ggdm_grow(&d->entries, &d->cap, d->n + 1, sizeof *d->entries, err));
    entry *e = &d->entries[d->n++];
    *e = (entry){.contestant = -1};
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 0, 0, s->n_cells - 1, &e->cell, err));
    e->trajectory = sqlite3_column_int64(stmt, 1);
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 2, 1, GGDM_MAX_SAMPLES, &e->wanted, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 3, 1, GGDM_MAX_SAMPLES, &e->made, err));
    GGDM_TRY(find_scorer(d, e->cell, sqlite3_column_int(stmt, 4), &e->scorer, err));
    const ggdm_store_cell cell = {.index = e->cell, .sweep = d->sweep};
    e->aim = ggdm_store_aim(s, &cell);
    e->open = sqlite3_column_int(stmt, 6) != 0;
    const char *name = (const char *)sqlite3_column_text(stmt, 7);
    snprintf(e->name, sizeof e->name, "%s", name ? name : "");
    if (e->open && sqlite3_column_int(stmt, 5) != 0)
        e->state = GGDM_UNTIL_CANCELLED;
    if (e->open && d->images && e->wanted != d->images)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s is damaged: open cell %d has %d images, another one %d", s->path,
                         e->cell, e->wanted, d->images);
    if (e->open)
        d->images = e->wanted;
    return GGDM_OK;
}

static int by_contestant(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->trajectory != y->trajectory)
        return x->trajectory < y->trajectory ? -1 : 1;
    if (x->aim != y->aim)
        return x->aim < y->aim ? -1 : 1;
    if (x->scorer != y->scorer)
        return x->scorer < y->scorer ? -1 : 1;
    return (x->cell > y->cell) - (x->cell < y->cell);
}

static bool is_same(const entry *a, const entry *b)
{
    return a->trajectory == b->trajectory && a->aim == b->aim && a->scorer == b->scorer;
}

static ggdm_status read_entries(decision *d, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row;
    GGDM_TRY(ggdm_store_prepare(d->s,
                                "SELECT c.idx, c.trajectory, c.wanted, t.wanted, c.panel, "
                                "c.cancelled, r.settings = 'open', c.name FROM cell AS c "
                                "JOIN trajectory AS t ON t.id = c.trajectory "
                                "JOIN result AS r ON r.cell = c.idx AND r.metric = 'until' "
                                "WHERE c.sweep = ?1",
                                &stmt, err));
    sqlite3_bind_int(stmt, 1, d->sweep);
    for (;;) {
        GGDM_TRY_GOTO(st, ggdm_store_step(d->s, stmt, &row, err), done);
        if (!row)
            break;
        GGDM_TRY_GOTO(st, read_entry(d, stmt, err), done);
    }
    if (d->n)
        qsort(d->entries, d->n, sizeof *d->entries, by_contestant);
done:
    sqlite3_finalize(stmt);
    return st;
}

/* Who is compared: each contestant of which a cell is open and wanted. */
static ggdm_status find_contestants(decision *d, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&d->first, d->n, sizeof *d->first, err));
    GGDM_TRY(ggdm_alloc(&d->contestants, d->n, sizeof *d->contestants, err));
    int32_t here = -1; /* the contestant of this entry, where it has a number */
    for (size_t i = 0; i < d->n; i++) {
        entry *e = &d->entries[i];
        if (i == 0 || !is_same(&d->entries[i - 1], e)) {
            d->field++;
            here = -1;
        }
        if (!e->open || e->state == GGDM_UNTIL_CANCELLED)
            continue;
        if (here < 0) {
            here = d->n_contestants++;
            d->first[here] = (int32_t)i;
        }
        e->contestant = here;
    }
    return GGDM_OK;
}

/* ---- their images --------------------------------------------------------------------------- */

typedef struct reading {
    int32_t aim, images, k;
    uint64_t *bits; /* NULL: only the number counts */
} reading;

static ggdm_status add_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    reading *r = context;
    const ggdm_score *score = &sample->scores[0];
    (void)err;
    if (sample->index >= r->images || sample->diverged || score->n == 0 || r->aim < 0 ||
        ggdm_argmax(score->data, score->n) != r->aim)
        return GGDM_OK;
    r->k++;
    if (r->bits)
        r->bits[sample->index / 64] |= UINT64_C(1) << (sample->index % 64);
    return GGDM_OK;
}

/* What is missing, has diverged or has no finite score is not right. */
static ggdm_status read_images(decision *d, ggdm_error *err)
{
    const size_t words = ((size_t)d->images + 63) / 64;
    if (d->rule->best > 0)
        GGDM_TRY(ggdm_alloc(&d->bits, (size_t)d->n_contestants * words, sizeof *d->bits, err));
    for (int32_t i = 0; i < d->n_contestants; i++) {
        const entry *e = &d->entries[d->first[i]];
        reading r = {.aim = e->aim, .images = d->images};
        r.bits = d->bits ? d->bits + (size_t)i * words : NULL;
        GGDM_TRY(ggdm_store_each_sample(d->s, e->trajectory, d->images, false, &e->scorer, 1,
                                        add_sample, &r, err));
        d->contestants[i] = (ggdm_contestant){.k = r.k, .right = r.bits};
    }
    return GGDM_OK;
}

/* ---- the decision --------------------------------------------------------------------------- */

static ggdm_status put_event(const decision *d, ggdm_until_state state, const char *message,
                             ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(d->s, GGDM_SQL_PUT_EVENT, &stmt, err));
    sqlite3_bind_double(stmt, 1, d->s->now);
    sqlite3_bind_int64(stmt, 2, d->s->epoch);
    sqlite3_bind_int64(stmt, 3, -1); /* of no unit */
    sqlite3_bind_text(stmt, 4, ggdm_until_state_names[GGDM_UNTIL_OPEN], -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 5, ggdm_until_state_names[state], -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 6, 0);
    sqlite3_bind_int(stmt, 7, -1);
    sqlite3_bind_text(stmt, 8, message, -1, SQLITE_TRANSIENT);
    return ggdm_store_run(d->s, stmt, err);
}

/* The numbers that a cell's verdict was taken on. */
static void describe(const decision *d, const entry *e, const ggdm_contestant *c, char text[300])
{
    int n =
        snprintf(text, 300, "until: cell %s, %.60s %" PRId32 " of %" PRId32 ": %.4f [%.4f, %.4f]",
                 e->name, d->rule->measure, c->k, d->images, c->share.p, c->share.lo, c->share.hi);
    if (c->lost_to >= 0)
        snprintf(text + n, 300 - (size_t)n, "; %" PRId32 " images alone, %s %" PRId32, c->alone,
                 d->entries[d->first[c->lost_to]].name, c->against);
}

static ggdm_status put_verdict(decision *d, entry *e, ggdm_error *err)
{
    const ggdm_contestant *c = e->contestant >= 0 ? &d->contestants[e->contestant] : NULL;
    ggdm_store_verdict v = {
        .cell = e->cell, .state = e->state, .share = {(double)NAN, (double)NAN, (double)NAN}};
    char text[300];
    snprintf(text, sizeof text, "until: cell %s was cancelled", e->name);
    if (c) {
        v.state = e->state = c->state;
        v.share = c->share;
        v.n = d->images;
        describe(d, e, c, text);
    }
    GGDM_TRY(ggdm_store_put_verdict(d->s, &v, err));
    return put_event(d, v.state, text, err);
}

static ggdm_status raise_wanted(decision *d, const entry *e, int32_t next, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(d->s, GGDM_SQL_SET_CELL_WANTED, &stmt, err));
    sqlite3_bind_int(stmt, 1, e->cell);
    sqlite3_bind_int(stmt, 2, next);
    d->s->images_asked += next - e->wanted;
    return ggdm_store_run(d->s, stmt, err);
}

/* The next round of those that go on; images that are there are not made again. */
static ggdm_status plan_round(decision *d, const ggdm_growth *how, ggdm_store_decided *out,
                              ggdm_error *err)
{
    const int32_t next = ggdm_until_next(d->rule, d->images);
    ggdm_more_images *more = NULL;
    int64_t last = -1;
    int32_t n = 0;
    ggdm_status st = GGDM_OK;
    GGDM_TRY(ggdm_alloc(&more, d->n, sizeof *more, err));
    for (size_t i = 0; i < d->n; i++) {
        const entry *e = &d->entries[i];
        if (!e->open || e->state != GGDM_UNTIL_OPEN)
            continue;
        GGDM_TRY_GOTO(st, raise_wanted(d, e, next, err), done);
        if (e->trajectory != last && e->made < next) {
            more[n++] = (ggdm_more_images){e->trajectory, e->made, next - e->made};
            out->images += next - e->made;
        }
        last = e->trajectory;
    }
    st = ggdm_store_grow(d->s, how, more, n, err);
done:
    free(more);
    return st;
}

static ggdm_status decide(decision *d, const ggdm_growth *how, ggdm_store_decided *out,
                          ggdm_error *err)
{
    GGDM_TRY(read_entries(d, err));
    if (d->images == 0) /* no cell is open */
        return GGDM_OK;
    GGDM_TRY(find_contestants(d, err));
    GGDM_TRY(read_images(d, err));
    ggdm_until_decide(d->rule, d->images, d->contestants, d->n_contestants, d->field);
    for (size_t i = 0; i < d->n; i++) {
        entry *e = &d->entries[i];
        if (!e->open)
            continue;
        GGDM_TRY(put_verdict(d, e, err));
        *(e->state == GGDM_UNTIL_OPEN ? &out->open : &out->closed) += 1;
    }
    return plan_round(d, how, out, err);
}

static ggdm_status decide_sweep(ggdm_store *s, int32_t sweep, const ggdm_growth *how,
                                ggdm_store_decided *out, ggdm_error *err)
{
    decision d = {.s = s, .sweep = sweep, .rule = ggdm_store_until(s, sweep)};
    if (!d.rule)
        return GGDM_OK;
    ggdm_status st = decide(&d, how, out, err);
    free(d.entries);
    free(d.contestants);
    free(d.first);
    free(d.bits);
    return st;
}

ggdm_status ggdm_store_decide(ggdm_store *store, double now, const ggdm_growth *how,
                              ggdm_store_decided *out, ggdm_error *err)
{
    const ggdm_store_totals before = ggdm_store_totals_of(store);
    *out = (ggdm_store_decided){0};
    if (!ggdm_store_at_rest(store))
        return GGDM_FAIL(err, GGDM_EINTERNAL, "%s: a decision while units are left", store->path);
    GGDM_TRY(ggdm_store_begin(store, now, err));
    ggdm_status st = GGDM_OK;
    for (int32_t i = 1; i <= store->sheet.n_sweeps && st == GGDM_OK; i++)
        st = decide_sweep(store, i, how, out, err);
    if (st == GGDM_OK)
        st = ggdm_store_write_counts(store, err);
    if (st == GGDM_OK)
        st = ggdm_store_commit(store, err);
    ggdm_store_rollback(store);
    if (st == GGDM_OK)
        return ggdm_store_load_counts(store, err);
    ggdm_store_put_back(store, &before);
    return st;
}
