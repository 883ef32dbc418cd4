#include "coordinator/show/paper_cells.h"

#include <math.h>
#include <string.h>

#include "common/plural.h"
#include "jobs/results_until.h"

#define LONG_TEXT 40   /* bytes of a text that is set in lines */
#define MAX_CELLS 1000 /* that are shown */

typedef struct listing {
    ggdm_paper *p;
    bool cell, n, diverged; /* columns that it has */
    int32_t n_least, n_most, unscored, incomplete;
    const char *note;          /* of a number, the first; NULL: there is none */
    int32_t n_noted, n_others; /* numbers that have it, and that have another one */
    const char **names;        /* [columns] */
    bool *wraps;               /* [columns] */
    int32_t columns;
} listing;

static void look(listing *l)
{
    const ggdm_results *r = l->p->r;
    for (int32_t i = 0; i < r->n_rows; i++) {
        const ggdm_row *row = &r->rows[i];
        l->n_least = i == 0 || row->n < l->n_least ? row->n : l->n_least;
        l->n_most = i == 0 || row->n > l->n_most ? row->n : l->n_most;
        l->diverged = l->diverged || row->diverged > 0;
        l->incomplete += row->n < row->cell.wanted;
        for (int32_t k = 0; k < r->n_measures; k++)
            l->unscored += row->measured[k].unscored;
        for (int32_t k = 0; k < l->p->n; k++) {
            const char *note = ggdm_quantity_note(l->p->shown[k].quantity, row);
            l->note = *note && !l->note ? note : l->note;
            l->n_noted += *note && strcmp(note, l->note) == 0;
            l->n_others += *note && strcmp(note, l->note) != 0;
        }
    }
    l->n = l->n_least != l->n_most;
    l->cell = l->p->markup->is_document || r->n_varying == 0;
}

static bool has_long_text(const ggdm_results *r, int32_t column)
{
    for (int32_t i = 0; i < r->n_rows; i++)
        if (strlen(ggdm_results_value(r, &r->rows[i], column).text) > LONG_TEXT)
            return true;
    return false;
}

static void add(listing *l, const char *name, bool wraps)
{
    l->names[l->columns] = name;
    l->wraps[l->columns++] = wraps;
}

static ggdm_status make_columns(listing *l, ggdm_error *err)
{
    enum { FIXED = 3 };
    const ggdm_results *r = l->p->r;
    ggdm_arena *arena = &l->p->arena;
    const size_t most = FIXED + (size_t)r->n_varying + (size_t)l->p->n;
    GGDM_TRY(ggdm_arena_alloc(arena, most * sizeof *l->names, &l->names, err));
    GGDM_TRY(ggdm_arena_alloc(arena, most * sizeof *l->wraps, &l->wraps, err));
    if (l->cell)
        add(l, "cell", false);
    for (int32_t i = 0; i < r->n_varying; i++)
        add(l, r->columns[r->varying[i]].label, has_long_text(r, r->varying[i]));
    if (l->n)
        add(l, "n", false);
    if (l->diverged)
        add(l, "diverged", false);
    for (int32_t i = 0; i < l->p->n; i++) {
        char text[500];
        const char *name;
        ggdm_quantity_name(r, l->p->shown[i].quantity, r->rows, text, sizeof text);
        GGDM_TRY(ggdm_arena_text(arena, text, &name, err));
        add(l, name, false);
    }
    return GGDM_OK;
}

static void caption_of(const listing *l, bool goes_on, char *text, size_t size)
{
    char interval[GGDM_INTERVAL_SIZE];
    size_t n = (size_t)snprintf(text, size, "Cells of %s: ", l->p->r->info->name);
    ggdm_results_interval(l->p->r, interval);
    if (l->n_least == l->n_most)
        n += (size_t)snprintf(text + n, size - n, "n = %d image%s each", l->n_most,
                              ggdm_plural(l->n_most));
    else
        n += (size_t)snprintf(text + n, size - n, "n images each");
    if (l->p->n && l->p->shown[0].quantity.kind == GGDM_ACCURACY)
        n += (size_t)snprintf(text + n, size - n,
                              ", accuracies in %% with %s intervals, diverged images count as "
                              "wrong%s",
                              interval,
                              l->unscored ? ", images without a finite score not at all" : "");
    if (l->note)
        n += (size_t)snprintf(text + n, size - n, "; %d number%s: %s", l->n_noted,
                              ggdm_plural(l->n_noted), l->note);
    if (l->n_others)
        n += (size_t)snprintf(text + n, size - n, "; %d other%s with other notes: see summary.csv",
                              l->n_others, ggdm_plural(l->n_others));
    if (l->incomplete)
        n += (size_t)snprintf(text + n, size - n, "; %d %s incomplete", l->incomplete,
                              ggdm_is(l->incomplete));
    snprintf(text + n, size - n, goes_on ? " (continued)." : ".");
}

static void put_row(const listing *l, const ggdm_table_head *head, const ggdm_row *row)
{
    const ggdm_results *r = l->p->r;
    const ggdm_markup *m = l->p->markup;
    FILE *f = l->p->out;
    int32_t column = 0;
    char text[32];
    if (l->cell)
        ggdm_markup_put_text(f, m, column++, row->cell.name);
    for (int32_t i = 0; i < r->n_varying; i++)
        ggdm_markup_put_text(f, m, column++, ggdm_results_value(r, row, r->varying[i]).text);
    if (l->n) {
        snprintf(text, sizeof text, "%d", row->n);
        ggdm_markup_put_text(f, m, column++, text);
    }
    if (l->diverged) {
        snprintf(text, sizeof text, "%d", row->diverged);
        ggdm_markup_put_text(f, m, column++, text);
    }
    for (int32_t i = 0; i < l->p->n; i++) {
        const ggdm_metric_value v = ggdm_quantity_value(r, l->p->shown[i].quantity, row);
        ggdm_markup_put_number(f, m, head, column++, (const double[]){v.value, v.lo, v.hi},
                               l->p->shown[i].decimals);
    }
    m->end_row(f);
}

ggdm_status ggdm_paper_put_cells(ggdm_paper *p, bool folded, ggdm_error *err)
{
    listing l = {.p = p};
    char caption[1000];
    const int32_t n = p->r->n_rows < MAX_CELLS ? p->r->n_rows : MAX_CELLS;
    look(&l);
    GGDM_TRY(make_columns(&l, err));
    if (folded)
        fputs("<details><summary>All cells</summary>\n\n", p->out);
    for (int32_t first = 0; first < n; first += p->markup->rows) {
        caption_of(&l, first > 0, caption, sizeof caption);
        const ggdm_table_head head = {.caption = caption,
                                      .run = p->r->info->name,
                                      .number = ++p->tables,
                                      .names = l.names,
                                      .wraps = l.wraps,
                                      .columns = l.columns};
        p->markup->begin(p->out, &head);
        for (int32_t i = first; i < n && i < first + p->markup->rows; i++)
            put_row(&l, &head, &p->r->rows[i]);
        p->markup->end(p->out);
    }
    if (n < p->r->n_rows)
        fprintf(p->out, "The first %d of %d cells: see summary.csv.\n\n", n, p->r->n_rows);
    if (folded)
        fputs("</details>\n", p->out);
    return GGDM_OK;
}
