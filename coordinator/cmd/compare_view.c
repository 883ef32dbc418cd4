#include "coordinator/cmd/compare_view.h"

#include <math.h>
#include <string.h>

#include "common/plural.h"
#include "coordinator/show/text_table.h"

#define MAX_ALONE 10 /* cells without partner that are named, of a side */

typedef struct view {
    FILE *out;
    const ggdm_compare_what *what;
    const ggdm_comparison *c;
    ggdm_arena arena;
    ggdm_compare_label *labels; /* [n_labels] */
    int32_t n_labels;
    ggdm_text_table table;
} view;

/* ---- what is compared ---- */

static void print_run(FILE *out, const char *name, const char *dir, const ggdm_results *r)
{
    fprintf(out, "%s%s: %s, %s, %s, %d cell%s\n", name, dir, r->info->name,
            ggdm_precision_names[r->info->precision], r->info->isa, r->n_rows,
            ggdm_plural(r->n_rows));
}

static void put_setting(void *context, const char *name, const char *a, const char *b)
{
    ggdm_text_table *t = context;
    ggdm_text_table_put(t, "%s", name);
    ggdm_text_table_put(t, "%s", a);
    ggdm_text_table_put(t, "%s", b);
}

static void print_columns(const view *v)
{
    const ggdm_partners *p = &v->what->partners;
    for (int32_t i = 0; i < p->n_columns; i++)
        fprintf(v->out, "%s%s", i ? ", " : " ", v->what->table[0]->columns[p->columns[i].a].name);
}

static void print_cells_of_run(const view *v)
{
    const bool some = v->what->partners.n_columns > 0;
    print_run(v->out, "", v->what->dir[0], v->what->table[0]);
    fprintf(v->out, "A: %s; B: %s", v->what->against,
            some ? "each other cell that equals one of these in" : "all other cells");
    print_columns(v);
    fputs("\n", v->out);
}

static void print_matching(const view *v)
{
    const ggdm_partners *p = &v->what->partners;
    int32_t by_key = 0;
    for (int32_t i = 0; i < p->n; i++)
        by_key += p->pairs[i].by_key;
    fprintf(v->out, "Cells are matched by");
    print_columns(v);
    if (p->n_columns == 0)
        fputs(" nothing that varies", v->out);
    if (by_key)
        fprintf(v->out, "; %d pair%s by key", by_key, ggdm_plural(by_key));
    fputs(".\n", v->out);
}

static ggdm_status print_settings(view *v, ggdm_error *err)
{
    ggdm_text_table *t = &v->table;
    put_setting(t, "setting", "A", "B");
    ggdm_text_table_head(t);
    ggdm_compare_each_setting(v->what, put_setting, t);
    if (t->n > t->columns) {
        fputs("\nSettings that are not the same\n\n", v->out);
        return ggdm_text_table_print(v->out, t, err);
    }
    ggdm_text_table_deinit(t);
    fputs("All other settings are the same.\n", v->out);
    return GGDM_OK;
}

static ggdm_status print_what(view *v, ggdm_error *err)
{
    const ggdm_compare_what *what = v->what;
    if (what->against) {
        print_cells_of_run(v);
        return GGDM_OK;
    }
    print_run(v->out, "A: ", what->dir[0], what->table[0]);
    print_run(v->out, "B: ", what->dir[1], what->table[1]);
    print_matching(v);
    return print_settings(v, err);
}

/* ---- tables of pairs ---- */

static void put_label_names(view *v)
{
    for (int32_t i = 0; i < v->n_labels; i++)
        ggdm_text_table_put(&v->table, "%s",
                            ggdm_compare_label_column(v->what, &v->labels[i])->name);
}

static void put_labels(view *v, const ggdm_partner *who)
{
    for (int32_t i = 0; i < v->n_labels; i++) {
        const char *text = ggdm_compare_label_value(v->what, &v->labels[i], who).text;
        ggdm_text_table_put(&v->table, "%s", *text ? text : "-");
    }
}

static void put_names(view *v, const char *const *names)
{
    for (; *names; names++)
        ggdm_text_table_put(&v->table, "%s", *names);
    ggdm_text_table_head(&v->table);
}

static ggdm_status print_images(view *v, ggdm_error *err)
{
    static const char *const names[] = {"A", "B", "key", "images", "equal", "difference", NULL};
    ggdm_text_table *t = &v->table;
    fprintf(v->out,
            "\nImages of the same index: how many are equal to the bit; mean absolute "
            "difference of pixels, 0 to 255 (key: the same if all that decides them is)\n\n");
    put_label_names(v);
    put_names(v, names);
    for (int32_t i = 0; i < v->c->n; i++) {
        const ggdm_compared *p = &v->c->pairs[i];
        put_labels(v, &p->who);
        ggdm_text_table_put(t, "%s", v->c->a->rows[p->who.a].cell.name);
        ggdm_text_table_put(t, "%s", v->c->b->rows[p->who.b].cell.name);
        ggdm_text_table_put(t, "%s%s", p->same_key ? "same" : "other",
                            p->who.by_key ? ", matched by key" : "");
        ggdm_text_table_put(t, "%d", p->images);
        ggdm_text_table_put(t, "%d", p->equal);
        ggdm_text_table_put(t, isnan(p->difference) ? "-" : "%.4g", p->difference);
    }
    return ggdm_text_table_print(v->out, t, err);
}

/* Accuracies in percent, with as many figures as a share of images has. */
static void put_accuracy(ggdm_text_table *t, const ggdm_measured *m)
{
    const ggdm_share *s = &m->accuracy;
    ggdm_text_table_put(t, isnan(s->p) ? "-" : "%.1f (%.0f-%.0f)", 100 * s->p, 100 * s->lo,
                        100 * s->hi);
}

static void put_difference(ggdm_text_table *t, const ggdm_difference *d, double scale, int figures)
{
    if (isnan(d->value))
        ggdm_text_table_put(t, "-");
    else if (isnan(d->lo))
        ggdm_text_table_put(t, "%+.*f", figures, scale * d->value);
    else
        ggdm_text_table_put(t, "%+.*f (%+.*f to %+.*f)", figures, scale * d->value, figures,
                            scale * d->lo, figures, scale * d->hi);
}

static void put_pairs(ggdm_text_table *t, const ggdm_compared_measure *m)
{
    const int64_t numbers[] = {m->n, m->right.only_a, m->right.only_b};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ggdm_text_table_put(t, m->n ? "%lld" : "-", (long long)numbers[i]);
}

/* What is too small for a double is not 0. */
static void put_p(ggdm_text_table *t, double p, const char *mark)
{
    if (p > 0)
        ggdm_text_table_put(t, "%.2g%s", p, mark);
    else
        ggdm_text_table_put(t, "<1e-300%s", mark);
}

static ggdm_status print_accuracy(view *v, int32_t measure, ggdm_error *err)
{
    static const char *const names[] = {"A",      "B", "B - A",   "pairs", "only A",
                                        "only B", "p", "p, Holm", NULL};
    ggdm_text_table *t = &v->table;
    fprintf(v->out,
            "\nAccuracy by the %s, %% (95 %% interval); right only in A, only in B; p by "
            "McNemar's exact test or, where there are no pairs, Fisher's (*: more than chance)\n\n",
            v->c->measures[measure].name);
    put_label_names(v);
    put_names(v, names);
    for (int32_t i = 0; i < v->c->n; i++) {
        const ggdm_compared_measure *m = &v->c->pairs[i].measures[measure];
        if (!m->known || isnan(m->p))
            continue;
        put_labels(v, &v->c->pairs[i].who);
        put_accuracy(t, m->a);
        put_accuracy(t, m->b);
        put_difference(t, &m->difference, 100, 1);
        put_pairs(t, m);
        put_p(t, m->p, "");
        put_p(t, m->adjusted, ggdm_compared_differs(m) ? " *" : "");
    }
    return ggdm_text_table_print(v->out, t, err);
}

static ggdm_status print_means(view *v, int32_t measure, ggdm_error *err)
{
    static const char *const names[] = {"A", "B", "B - A", "pairs", NULL};
    ggdm_text_table *t = &v->table;
    fprintf(v->out, "\nMean %s (95 %% interval of the difference)\n\n",
            v->c->measures[measure].name);
    put_label_names(v);
    put_names(v, names);
    for (int32_t i = 0; i < v->c->n; i++) {
        const ggdm_compared_measure *m = &v->c->pairs[i].measures[measure];
        if (!m->known)
            continue;
        put_labels(v, &v->c->pairs[i].who);
        ggdm_text_table_put(t, isnan(m->a->mean) ? "-" : "%.4g", m->a->mean);
        ggdm_text_table_put(t, isnan(m->b->mean) ? "-" : "%.4g", m->b->mean);
        put_difference(t, &m->difference, 1, 4);
        ggdm_text_table_put(t, m->n ? "%lld" : "-", (long long)m->n);
    }
    return ggdm_text_table_print(v->out, t, err);
}

/* A mean that is 0 everywhere says nothing. */
static bool says_something(const ggdm_comparison *c, int32_t measure)
{
    int32_t tests = 0;
    ggdm_compare_n_differing(c, measure, &tests);
    bool some = tests > 0;
    for (int32_t i = 0; i < c->n && !some; i++) {
        const ggdm_compared_measure *m = &c->pairs[i].measures[measure];
        if (c->measures[measure].output == GGDM_OUTPUT_NUMBER && m->known)
            some = (m->a->n_mean && m->a->mean != 0) || (m->b->n_mean && m->b->mean != 0);
    }
    return some;
}

/* ---- the end ---- */

static const char *const reasons[] = {
    [GGDM_ALONE_NOT] = NULL,
    [GGDM_ALONE_NONE] = "no partner",
    [GGDM_ALONE_SEVERAL] = "several cells have its values",
    [GGDM_ALONE_AGAIN] = "another cell of its values shows its images",
    [GGDM_ALONE_OUTSIDE] = NULL,
};

static void print_cell(FILE *out, const ggdm_results *r, int32_t row)
{
    fprintf(out, "  %s", r->rows[row].cell.name);
    for (int32_t i = 0; i < r->n_varying; i++) {
        const char *text = ggdm_results_value(r, &r->rows[row], r->varying[i]).text;
        fprintf(out, "%s%s %s", i ? ", " : " (", r->columns[r->varying[i]].name,
                *text ? text : "-");
    }
    fputs(r->n_varying ? ")" : "", out);
}

static void print_unknown(void *context, const char *name, const char *reason)
{
    fprintf(context, "\nNot compared: %s (%s)\n", name, reason);
}

static void print_alone(const view *v, int side)
{
    const ggdm_results *r = v->what->table[side];
    int32_t n = 0;
    for (int32_t i = 0; i < r->n_rows; i++) {
        const char *reason = reasons[ggdm_compare_alone(v->what, side, i)];
        if (!reason)
            continue;
        if (n == 0)
            fprintf(v->out, "\nNot compared, of %s\n", side ? "B" : "A");
        if (n++ >= MAX_ALONE)
            continue;
        print_cell(v->out, r, i);
        fprintf(v->out, ": %s\n", reason);
    }
    if (n > MAX_ALONE)
        fprintf(v->out, "  and %d more (--json has all)\n", n - MAX_ALONE);
}

ggdm_compare_counts ggdm_compare_count(const ggdm_comparison *c)
{
    ggdm_compare_counts n = {0};
    for (int32_t i = 0; i < c->n; i++) {
        const ggdm_compared *p = &c->pairs[i];
        n.apart += p->images == 0;
        n.equal += p->images > 0 && p->equal == p->images;
        n.unequal += p->equal < p->images;
        n.partly += p->paired && p->alone_a + p->alone_b > 0;
    }
    return n;
}

int32_t ggdm_compare_n_differing(const ggdm_comparison *c, int32_t measure, int32_t *tests)
{
    int32_t n = 0;
    *tests = 0;
    for (int32_t i = 0; i < c->n; i++) {
        const ggdm_compared_measure *m = &c->pairs[i].measures[measure];
        *tests += m->known && !isnan(m->p);
        n += ggdm_compared_differs(m);
    }
    return n;
}

static void print_summary(const view *v)
{
    const ggdm_comparison *c = v->c;
    const ggdm_compare_counts n = ggdm_compare_count(c);
    const int32_t alone[] = {ggdm_compare_n_alone(v->what, 0), ggdm_compare_n_alone(v->what, 1)};
    int32_t tests, shown = 0;
    fprintf(v->out, "\n");
    if (n.partly)
        fprintf(v->out,
                "%d pair%s of cells %s compared by some of their images: others are in one "
                "of them only.\n",
                n.partly, ggdm_plural(n.partly), ggdm_is(n.partly));
    if (alone[0] + alone[1])
        fprintf(v->out, "%d cell%s of A and %d of B have no partner.\n", alone[0],
                ggdm_plural(alone[0]), alone[1]);
    fprintf(v->out, "%d pair%s of cells: %d agree to the bit, %d differ", c->n, ggdm_plural(c->n),
            n.equal, n.unequal);
    if (n.apart)
        fprintf(v->out, ", %d have no image of the same index", n.apart);
    for (int32_t k = 0; k < c->n_measures; k++) {
        const int32_t differing = ggdm_compare_n_differing(c, k, &tests);
        if (tests)
            fprintf(v->out, "%s%d of %d by the %s",
                    shown++ ? ", " : "; by more than chance differ ", differing, tests,
                    c->measures[k].name);
    }
    fprintf(v->out, "%s.\n", shown ? " (at 5 %, Holm's correction over cells)" : "");
}

ggdm_status ggdm_compare_print(FILE *out, const ggdm_compare_what *what, const ggdm_comparison *c,
                               ggdm_error *err)
{
    view v = {.out = out, .what = what, .c = c};
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_compare_labels(what, &v.arena, &v.labels, &v.n_labels, err), done);
    GGDM_TRY_GOTO(st, print_what(&v, err), done);
    GGDM_TRY_GOTO(st, print_images(&v, err), done);
    for (int32_t k = 0; k < c->n_measures; k++)
        if (says_something(c, k))
            GGDM_TRY_GOTO(st,
                          c->measures[k].output == GGDM_OUTPUT_CLASSES ? print_accuracy(&v, k, err)
                                                                       : print_means(&v, k, err),
                          done);
    ggdm_compare_each_unknown(c, print_unknown, out);
    for (int side = 0; side < 2; side++)
        print_alone(&v, side);
    print_summary(&v);
done:
    ggdm_text_table_deinit(&v.table);
    ggdm_arena_deinit(&v.arena);
    return st;
}
