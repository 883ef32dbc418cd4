#include "jobs/results_until.h"

#include <stdio.h>

#define MAX_LEFT 10 /* cells that are named */

static ggdm_status take_verdict(void *context, const ggdm_store_verdict *v, ggdm_error *err)
{
    ggdm_results *r = context;
    (void)err;
    r->rows[v->cell].verdict = *v;
    return GGDM_OK;
}

ggdm_status ggdm_results_read_verdicts(ggdm_results *r, ggdm_error *err)
{
    return ggdm_store_each_verdict(r->store, take_verdict, r, err);
}

ggdm_share ggdm_results_share(const ggdm_row *row, int64_t k, int64_t n)
{
    return row->until ? ggdm_sequence_share(k, n, row->until->level) : ggdm_wilson(k, n);
}

/* Rows with a rule; *any: one of them. */
static int32_t count_ruled(const ggdm_results *r, const ggdm_row **any)
{
    int32_t n = 0;
    for (int32_t i = 0; i < r->n_rows; i++)
        if (r->rows[i].until) {
            *any = &r->rows[i];
            n++;
        }
    return n;
}

bool ggdm_results_any_until(const ggdm_results *r)
{
    const ggdm_row *any = NULL;
    return count_ruled(r, &any) > 0;
}

void ggdm_results_interval(const ggdm_results *r, char text[GGDM_INTERVAL_SIZE])
{
    const ggdm_row *any = NULL;
    const int32_t n = count_ruled(r, &any);
    size_t at = 0;
    if (n < r->n_rows || n == 0)
        at = (size_t)snprintf(text, GGDM_INTERVAL_SIZE, "Wilson 95 %%");
    if (n > 0)
        snprintf(text + at, GGDM_INTERVAL_SIZE - at, "%stime-uniform %.4g %%%s",
                 at ? " (with until: " : "", 100 * (1 - any->until->level), at ? ")" : "");
}

/* Who is left of a race that is over. */
static bool is_left(const ggdm_row *row)
{
    return row->until && row->until->best > 0 &&
           (row->verdict.state == GGDM_UNTIL_BEST || row->verdict.state == GGDM_UNTIL_AT_MOST);
}

void ggdm_results_verdicts_text(const ggdm_results *r, char *text, size_t size)
{
    int32_t counts[GGDM_UNTIL_STATES] = {0}, left = 0;
    size_t n = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < r->n_rows; i++)
        if (r->rows[i].until)
            counts[r->rows[i].verdict.state]++;
    for (int s = 0; s < GGDM_UNTIL_STATES && n < size; s++)
        if (counts[s])
            n += (size_t)snprintf(text + n, size - n, "%s%d %s", n ? ", " : "", (int)counts[s],
                                  ggdm_until_state_names[s]);
    for (int32_t i = 0; i < r->n_rows && n < size; i++)
        if (is_left(&r->rows[i]) && left++ <= MAX_LEFT)
            n += (size_t)snprintf(text + n, size - n, "%s%s", left == 1 ? "; left: " : ", ",
                                  left > MAX_LEFT ? "..." : r->rows[i].cell.name);
}
