#include "jobs/until.h"

#include <math.h>

const char *const ggdm_until_state_names[] = {
    [GGDM_UNTIL_OPEN] = "open",       [GGDM_UNTIL_NARROW] = "narrow",
    [GGDM_UNTIL_AT_MOST] = "at-most", [GGDM_UNTIL_LOST] = "lost",
    [GGDM_UNTIL_BEST] = "best",       [GGDM_UNTIL_CANCELLED] = "cancelled",
    [GGDM_UNTIL_STATES] = 0,
};

int32_t ggdm_until_next(const ggdm_until *rule, int32_t n)
{
    return n > rule->at_most - rule->block ? rule->at_most : n + rule->block;
}

/* Images that a has right and b has not. */
static int32_t alone(const ggdm_contestant *a, const ggdm_contestant *b, int32_t n)
{
    int32_t count = 0;
    for (int32_t w = 0; w < (n + 63) / 64; w++)
        count += __builtin_popcountll(a->right[w] & ~b->right[w]);
    return count;
}

/* Does a contestant lose to another one?  Both stay in the comparisons of this round. */
static void compare(ggdm_contestant *c, int32_t i, int32_t k, int32_t n, double bound)
{
    const int32_t worse = c[i].k < c[k].k ? i : k, better = worse == i ? k : i;
    if (c[i].k == c[k].k || c[worse].lost_to >= 0)
        return;
    const int32_t a = alone(&c[better], &c[worse], n), b = alone(&c[worse], &c[better], n);
    if (ggdm_sequence_lead(a, b) < bound)
        return;
    c[worse].lost_to = better;
    c[worse].alone = b;
    c[worse].against = a;
    c[worse].state = GGDM_UNTIL_LOST;
}

static void race(const ggdm_until *rule, int32_t n, ggdm_contestant *c, int32_t n_c, int32_t field)
{
    const double bound = log((field > 1 ? field - 1 : 1) / (1 - rule->best));
    int32_t left = 0;
    for (int32_t i = 0; i < n_c; i++)
        for (int32_t k = i + 1; k < n_c; k++)
            compare(c, i, k, n, bound);
    for (int32_t i = 0; i < n_c; i++)
        left += c[i].state == GGDM_UNTIL_OPEN;
    for (int32_t i = 0; i < n_c; i++)
        if (c[i].state == GGDM_UNTIL_OPEN && left == 1)
            c[i].state = GGDM_UNTIL_BEST;
}

void ggdm_until_decide(const ggdm_until *rule, int32_t n, ggdm_contestant *c, int32_t n_c,
                       int32_t field)
{
    for (int32_t i = 0; i < n_c; i++) {
        c[i].state = GGDM_UNTIL_OPEN;
        c[i].lost_to = -1;
        c[i].alone = c[i].against = 0;
        c[i].share = ggdm_sequence_share(c[i].k, n, rule->level);
        if (rule->halfwidth > 0 && ggdm_share_halfwidth(c[i].share) <= rule->halfwidth)
            c[i].state = GGDM_UNTIL_NARROW;
    }
    if (rule->best > 0)
        race(rule, n, c, n_c, field);
    for (int32_t i = 0; i < n_c; i++)
        if (c[i].state == GGDM_UNTIL_OPEN && n >= rule->at_most)
            c[i].state = GGDM_UNTIL_AT_MOST;
}
