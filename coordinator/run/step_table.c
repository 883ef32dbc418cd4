#include "coordinator/run/step_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/csv.h"
#include "common/mem.h"
#include "worker/recorder.h"

struct ggdm_step_line {
    int32_t step, t, repeat;
    float clamped;
    size_t first, n; /* of its terms */
};

struct ggdm_step_term {
    size_t name;
    ggdm_term_numbers numbers;
};

void ggdm_step_table_deinit(ggdm_step_table *t)
{
    for (size_t i = 0; i < t->n_names; i++)
        free(t->names[i]);
    free(t->names);
    free(t->lines);
    free(t->terms);
    *t = (ggdm_step_table){.n = 0};
}

static ggdm_status find_name(ggdm_step_table *t, const char *name, size_t *out, ggdm_error *err)
{
    size_t k = 0;
    while (k < t->n_names && strcmp(t->names[k], name) != 0)
        k++;
    *out = k;
    if (k < t->n_names)
        return GGDM_OK;
    GGDM_TRY(ggdm_grow(&t->names, &t->names_cap, k + 1, sizeof *t->names, err));
    GGDM_TRY(ggdm_strdup(name, &t->names[k], err));
    t->n_names++;
    return GGDM_OK;
}

ggdm_status ggdm_step_table_see(ggdm_step_table *t, const ggdm_tick_view *view, ggdm_error *err)
{
    ggdm_tick_numbers numbers;
    if (view->evaluation > 0)
        return GGDM_OK;
    ggdm_tick_measure(view, &numbers);
    const size_t n = (size_t)numbers.n_terms;
    GGDM_TRY(ggdm_grow(&t->lines, &t->lines_cap, t->n + 1, sizeof *t->lines, err));
    GGDM_TRY(ggdm_grow(&t->terms, &t->terms_cap, t->n_terms + n, sizeof *t->terms, err));
    t->lines[t->n++] = (struct ggdm_step_line){.step = view->step,
                                               .t = view->t,
                                               .repeat = view->repeat,
                                               .clamped = numbers.clamped,
                                               .first = t->n_terms,
                                               .n = n};
    for (size_t i = 0; i < n; i++) {
        struct ggdm_step_term *term = &t->terms[t->n_terms];
        GGDM_TRY(find_name(t, view->terms[i].name, &term->name, err));
        term->numbers = numbers.terms[i];
        t->n_terms++;
    }
    t->repeats = view->repeat < t->repeats ? t->repeats : view->repeat + 1;
    return GGDM_OK;
}

/* ---- as text ------------------------------------------------------------------------------- */

static void put_header(FILE *f, const ggdm_step_table *t)
{
    static const char *const numbers[] = {"loss", "norm", "cosine"};
    char name[64];
    fprintf(f, "step,t%s,clamped", t->repeats > 1 ? ",repeat" : "");
    for (size_t k = 0; k < t->n_names; k++)
        for (int i = 0; i < 3; i++) {
            snprintf(name, sizeof name, "%s.%s", numbers[i], t->names[k]);
            fputc(',', f);
            ggdm_csv_put(f, name);
        }
    fputc('\n', f);
}

/* Nine digits give a float back. */
static void put_number(FILE *f, float v)
{
    fputc(',', f);
    if (!isnan(v))
        fprintf(f, "%.9g", (double)v);
}

static void put_line(FILE *f, const ggdm_step_table *t, const struct ggdm_step_line *line)
{
    static const ggdm_term_numbers none = {(float)NAN, (float)NAN, (float)NAN};
    fprintf(f, "%d,%d", line->step, line->t);
    if (t->repeats > 1)
        fprintf(f, ",%d", line->repeat);
    put_number(f, line->clamped);
    for (size_t k = 0; k < t->n_names; k++) {
        const ggdm_term_numbers *n = &none;
        for (size_t i = line->first; i < line->first + line->n; i++)
            if (t->terms[i].name == k)
                n = &t->terms[i].numbers;
        put_number(f, n->loss);
        put_number(f, n->norm);
        put_number(f, n->cosine);
    }
    fputc('\n', f);
}

ggdm_status ggdm_step_table_text(const ggdm_step_table *t, char **csv, size_t *size,
                                 ggdm_error *err)
{
    FILE *f = open_memstream(csv, size);
    if (!f)
        return GGDM_FAIL(err, GGDM_ENOMEM, "no memory for a table of steps");
    put_header(f, t);
    for (size_t i = 0; i < t->n; i++)
        put_line(f, t, &t->lines[i]);
    const bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed) {
        free(*csv);
        *csv = NULL;
        return GGDM_FAIL(err, GGDM_ENOMEM, "no memory for a table of steps");
    }
    return GGDM_OK;
}
