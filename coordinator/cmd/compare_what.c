#include "coordinator/cmd/compare_what.h"

#include <stdio.h>
#include <string.h>

/* ---- parameters of pairs ---- */

ggdm_status ggdm_compare_labels(const ggdm_compare_what *what, ggdm_arena *arena,
                                ggdm_compare_label **out, int32_t *n, ggdm_error *err)
{
    const ggdm_results *a = what->table[0], *b = what->table[1];
    *n = 0;
    GGDM_TRY(
        ggdm_arena_alloc(arena, (size_t)(a->n_varying + b->n_varying) * sizeof **out, out, err));
    for (int32_t i = 0; i < a->n_varying; i++)
        (*out)[(*n)++] = (ggdm_compare_label){what->against != NULL, a->varying[i]};
    for (int32_t i = 0; i < b->n_varying && !what->against; i++)
        if (ggdm_partners_column(a, &b->columns[b->varying[i]]) < 0)
            (*out)[(*n)++] = (ggdm_compare_label){1, b->varying[i]};
    return GGDM_OK;
}

const ggdm_store_column *ggdm_compare_label_column(const ggdm_compare_what *what,
                                                   const ggdm_compare_label *label)
{
    return &what->table[label->side]->columns[label->column];
}

ggdm_store_value ggdm_compare_label_value(const ggdm_compare_what *what,
                                          const ggdm_compare_label *label,
                                          const ggdm_partner *partner)
{
    const ggdm_results *r = what->table[label->side];
    return ggdm_results_value(r, &r->rows[label->side ? partner->b : partner->a], label->column);
}

/* ---- settings ---- */

static const char *value_in_all(const ggdm_results *r, int32_t column)
{
    if (column < 0)
        return "-";
    if (r->columns[column].varies)
        return "varies";
    const char *text = ggdm_results_value(r, &r->rows[0], column).text;
    return *text ? text : "-";
}

static void visit_different(ggdm_setting_visitor visit, void *context, const char *name,
                            const char *a, const char *b)
{
    if (strcmp(a, b) != 0)
        visit(context, name, a, b);
}

/* What varies in both, or is a parameter of pairs, is seen there. */
static void visit_columns(const ggdm_compare_what *what, ggdm_setting_visitor visit, void *context)
{
    const ggdm_results *a = what->table[0], *b = what->table[1];
    for (int32_t i = 0; i < a->n_columns; i++) {
        const int32_t k = ggdm_partners_column(b, &a->columns[i]);
        if (k < 0 || (!a->columns[i].varies && !b->columns[k].varies))
            visit_different(visit, context, a->columns[i].name, value_in_all(a, i),
                            value_in_all(b, k));
    }
    for (int32_t k = 0; k < b->n_columns; k++)
        if (ggdm_partners_column(a, &b->columns[k]) < 0)
            visit_different(visit, context, b->columns[k].name, "-", value_in_all(b, k));
}

static const char *digest_of(const ggdm_results *r, const char *name)
{
    for (int32_t i = 0; i < r->n_models; i++)
        if (strcmp(r->models[i].name, name) == 0)
            return r->models[i].digest;
    return NULL;
}

static void visit_models(const ggdm_compare_what *what, ggdm_setting_visitor visit, void *context)
{
    const ggdm_results *a = what->table[0];
    for (int32_t i = 0; i < a->n_models; i++) {
        char name[600], x[13], y[13];
        const char *other = digest_of(what->table[1], a->models[i].name);
        if (!other || strcmp(other, a->models[i].digest) == 0)
            continue;
        snprintf(name, sizeof name, "digest of %s", a->models[i].name);
        snprintf(x, sizeof x, "%s", a->models[i].digest);
        snprintf(y, sizeof y, "%s", other);
        visit(context, name, x, y);
    }
}

void ggdm_compare_each_setting(const ggdm_compare_what *what, ggdm_setting_visitor visit,
                               void *context)
{
    const ggdm_run_info *a = what->table[0]->info, *b = what->table[1]->info;
    visit_different(visit, context, "precision", ggdm_precision_names[a->precision],
                    ggdm_precision_names[b->precision]);
    visit_different(visit, context, "instruction set", a->isa, b->isa);
    visit_different(visit, context, "program", a->version, b->version);
    visit_different(visit, context, "library", a->library, b->library);
    visit_different(visit, context, "processor", a->processor, b->processor);
    visit_columns(what, visit, context);
    visit_models(what, visit, context);
}

/* ---- measures that say nothing ---- */

/* Its index among those that both runs have; -1: one alone has it. */
static int32_t find_measure(const ggdm_comparison *c, const ggdm_measure *m)
{
    int32_t k = c->n_measures - 1;
    while (k >= 0 &&
           (strcmp(c->measures[k].name, m->name) != 0 || c->measures[k].output != m->output))
        k--;
    return k;
}

static bool is_known(const ggdm_comparison *c, int32_t measure)
{
    for (int32_t i = 0; i < c->n; i++)
        if (c->pairs[i].measures[measure].known)
            return true;
    return false;
}

void ggdm_compare_each_unknown(const ggdm_comparison *c, ggdm_measure_visitor visit, void *context)
{
    for (int32_t k = 0; k < c->n_measures; k++)
        if (!is_known(c, k))
            visit(context, c->measures[k].name, "another network or other settings in A than in B");
    for (int32_t i = 0; i < c->a->n_measures; i++)
        if (find_measure(c, &c->a->measures[i]) < 0)
            visit(context, c->a->measures[i].name, "A alone has it");
    for (int32_t i = 0; i < c->b->n_measures; i++)
        if (find_measure(c, &c->b->measures[i]) < 0)
            visit(context, c->b->measures[i].name, "B alone has it");
}

/* ---- cells that are compared with none ---- */

ggdm_alone ggdm_compare_alone(const ggdm_compare_what *what, int side, int32_t row)
{
    return (side ? what->partners.alone_b : what->partners.alone_a)[row];
}

int32_t ggdm_compare_n_alone(const ggdm_compare_what *what, int side)
{
    int32_t n = 0;
    for (int32_t i = 0; i < what->table[side]->n_rows; i++) {
        const ggdm_alone alone = ggdm_compare_alone(what, side, i);
        n += alone == GGDM_ALONE_NONE || alone == GGDM_ALONE_SEVERAL;
    }
    return n;
}
