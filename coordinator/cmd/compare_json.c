#include <math.h>
#include <stdlib.h>

#include "common/json_write.h"
#include "coordinator/cmd/compare_view.h"

typedef struct writer {
    ggdm_json j;
    const ggdm_compare_what *what;
    const ggdm_comparison *c;
    const ggdm_compare_label *labels; /* [n_labels] */
    int32_t n_labels;
} writer;

static const char *const side_names[] = {"a", "b"};

static void put_run(writer *w, int side)
{
    const ggdm_run_info *info = w->what->table[side]->info;
    ggdm_json_begin_object(&w->j, side_names[side]);
    ggdm_json_put_string(&w->j, "dir", w->what->dir[side]);
    ggdm_json_put_string(&w->j, "name", info->name);
    ggdm_json_put_string(&w->j, "precision", ggdm_precision_names[info->precision]);
    ggdm_json_put_string(&w->j, "isa", info->isa);
    ggdm_json_put_int(&w->j, "cells", w->what->table[side]->n_rows);
    ggdm_json_end(&w->j);
}

static void put_setting(void *context, const char *name, const char *a, const char *b)
{
    ggdm_json *j = context;
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "setting", name);
    ggdm_json_put_string(j, "a", a);
    ggdm_json_put_string(j, "b", b);
    ggdm_json_end(j);
}

static void put_matching(writer *w)
{
    const ggdm_partners *p = &w->what->partners;
    ggdm_json_put_string(&w->j, "against", w->what->against);
    ggdm_json_begin_array(&w->j, "matched_by");
    for (int32_t i = 0; i < p->n_columns; i++)
        ggdm_json_put_string(&w->j, NULL, w->what->table[0]->columns[p->columns[i].a].name);
    ggdm_json_end(&w->j);
    ggdm_json_begin_array(&w->j, "settings");
    if (!w->what->against)
        ggdm_compare_each_setting(w->what, put_setting, &w->j);
    ggdm_json_end(&w->j);
}

/* ---- pairs ---- */

static void put_measured(ggdm_json *j, const char *name, const ggdm_measured *m, bool classes)
{
    ggdm_json_begin_object(j, name);
    ggdm_json_put_int(j, "n", classes ? m->n : m->n_mean);
    if (classes) {
        ggdm_json_put_int(j, "right", m->right);
        ggdm_json_put_double(j, "accuracy", m->accuracy.p);
        ggdm_json_put_double(j, "lo", m->accuracy.lo);
        ggdm_json_put_double(j, "hi", m->accuracy.hi);
    } else {
        ggdm_json_put_double(j, "mean", m->mean);
        ggdm_json_put_double(j, "deviation", m->deviation);
    }
    ggdm_json_end(j);
}

static void put_test(ggdm_json *j, const ggdm_compared_measure *m)
{
    if (m->n) {
        ggdm_json_put_int(j, "both_right", m->right.both);
        ggdm_json_put_int(j, "only_a_right", m->right.only_a);
        ggdm_json_put_int(j, "only_b_right", m->right.only_b);
        ggdm_json_put_int(j, "neither_right", m->right.neither);
    }
    ggdm_json_put_string(j, "test", m->n ? "mcnemar" : "fisher");
    ggdm_json_put_double(j, "p", m->p);
    ggdm_json_put_double(j, "p_holm", m->adjusted);
    ggdm_json_put_bool(j, "differs", ggdm_compared_differs(m));
}

static void put_measure(ggdm_json *j, const ggdm_measure *measure, const ggdm_compared_measure *m)
{
    const bool classes = measure->output == GGDM_OUTPUT_CLASSES;
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "measure", measure->name);
    put_measured(j, "a", m->a, classes);
    put_measured(j, "b", m->b, classes);
    ggdm_json_put_int(j, "pairs", m->n);
    ggdm_json_begin_object(j, "difference");
    ggdm_json_put_double(j, "value", m->difference.value);
    ggdm_json_put_double(j, "lo", m->difference.lo);
    ggdm_json_put_double(j, "hi", m->difference.hi);
    ggdm_json_end(j);
    if (classes && !isnan(m->p))
        put_test(j, m);
    ggdm_json_end(j);
}

static void put_pair(writer *w, const ggdm_compared *p)
{
    ggdm_json *j = &w->j;
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "a", w->c->a->rows[p->who.a].cell.name);
    ggdm_json_put_string(j, "b", w->c->b->rows[p->who.b].cell.name);
    ggdm_json_begin_object(j, "parameters");
    for (int32_t i = 0; i < w->n_labels; i++)
        ggdm_results_put_value(j, ggdm_compare_label_column(w->what, &w->labels[i]),
                               ggdm_compare_label_value(w->what, &w->labels[i], &p->who));
    ggdm_json_end(j);
    ggdm_json_put_bool(j, "matched_by_key", p->who.by_key);
    ggdm_json_put_bool(j, "same_key", p->same_key);
    ggdm_json_put_bool(j, "same_noise", p->paired);
    ggdm_json_put_int(j, "images", p->images);
    ggdm_json_put_int(j, "images_only_a", p->alone_a);
    ggdm_json_put_int(j, "images_only_b", p->alone_b);
    ggdm_json_put_int(j, "equal", p->equal);
    ggdm_json_put_double(j, "mean_abs_difference", p->difference);
    ggdm_json_begin_array(j, "measures");
    for (int32_t k = 0; k < w->c->n_measures; k++)
        if (p->measures[k].known)
            put_measure(j, &w->c->measures[k], &p->measures[k]);
    ggdm_json_end(j);
    ggdm_json_end(j);
}

/* ---- cells that are compared with none ---- */

static const char *const reasons[] = {
    [GGDM_ALONE_NOT] = NULL,          [GGDM_ALONE_NONE] = "no partner",
    [GGDM_ALONE_SEVERAL] = "several", [GGDM_ALONE_AGAIN] = "again",
    [GGDM_ALONE_OUTSIDE] = NULL,
};

static void put_alone(writer *w, int side)
{
    const ggdm_results *r = w->what->table[side];
    ggdm_json_begin_array(&w->j, side_names[side]);
    for (int32_t i = 0; i < r->n_rows; i++) {
        const char *reason = reasons[ggdm_compare_alone(w->what, side, i)];
        if (!reason)
            continue;
        ggdm_json_begin_object(&w->j, NULL);
        ggdm_json_put_string(&w->j, "cell", r->rows[i].cell.name);
        ggdm_json_begin_object(&w->j, "parameters");
        for (int32_t k = 0; k < r->n_varying; k++)
            ggdm_results_put_value(&w->j, &r->columns[r->varying[k]],
                                   ggdm_results_value(r, &r->rows[i], r->varying[k]));
        ggdm_json_end(&w->j);
        ggdm_json_put_string(&w->j, "reason", reason);
        ggdm_json_end(&w->j);
    }
    ggdm_json_end(&w->j);
}

static void put_unknown(void *context, const char *name, const char *reason)
{
    ggdm_json *j = context;
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "measure", name);
    ggdm_json_put_string(j, "reason", reason);
    ggdm_json_end(j);
}

static void put_summary(writer *w)
{
    const ggdm_compare_counts n = ggdm_compare_count(w->c);
    ggdm_json_begin_object(&w->j, "summary");
    ggdm_json_put_int(&w->j, "pairs", w->c->n);
    ggdm_json_put_int(&w->j, "equal", n.equal);
    ggdm_json_put_int(&w->j, "different", n.unequal);
    ggdm_json_put_int(&w->j, "no_common_images", n.apart);
    ggdm_json_begin_array(&w->j, "measures");
    for (int32_t k = 0; k < w->c->n_measures; k++) {
        int32_t tests;
        const int32_t differing = ggdm_compare_n_differing(w->c, k, &tests);
        if (!tests)
            continue;
        ggdm_json_begin_object(&w->j, NULL);
        ggdm_json_put_string(&w->j, "measure", w->c->measures[k].name);
        ggdm_json_put_int(&w->j, "tests", tests);
        ggdm_json_put_int(&w->j, "differ", differing);
        ggdm_json_end(&w->j);
    }
    ggdm_json_end(&w->j);
    ggdm_json_put_double(&w->j, "level", GGDM_COMPARE_LEVEL);
    ggdm_json_end(&w->j);
}

static void put_all(writer *w)
{
    ggdm_json_init(&w->j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&w->j, NULL);
    for (int side = 0; side < 2; side++)
        put_run(w, side);
    put_matching(w);
    ggdm_json_begin_array(&w->j, "pairs");
    for (int32_t i = 0; i < w->c->n; i++)
        put_pair(w, &w->c->pairs[i]);
    ggdm_json_end(&w->j);
    ggdm_json_begin_object(&w->j, "not_compared");
    for (int side = 0; side < 2; side++)
        put_alone(w, side);
    ggdm_json_begin_array(&w->j, "measures");
    ggdm_compare_each_unknown(w->c, put_unknown, &w->j);
    ggdm_json_end(&w->j);
    ggdm_json_end(&w->j);
    put_summary(w);
    ggdm_json_end(&w->j);
}

ggdm_status ggdm_compare_print_json(FILE *out, const ggdm_compare_what *what,
                                    const ggdm_comparison *c, ggdm_error *err)
{
    ggdm_arena arena = {0};
    ggdm_compare_label *labels = NULL;
    int32_t n = 0;
    char *text = NULL;
    ggdm_status st = ggdm_compare_labels(what, &arena, &labels, &n, err);
    if (st == GGDM_OK) {
        writer w = {.what = what, .c = c, .labels = labels, .n_labels = n};
        put_all(&w);
        st = ggdm_json_finish(&w.j, &text, NULL, err);
    }
    if (st == GGDM_OK)
        fputs(text, out);
    free(text);
    ggdm_arena_deinit(&arena);
    return st;
}
