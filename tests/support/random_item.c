#include "tests/support/random_item.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "jobs/recipe.h"

enum { DEEP = 4 }; /* from here on only what is needed */

static double random_real(ggdm_test_rng *rng, const ggdm_param *p)
{
    const bool any = p->lo == 0 && p->hi == 0;
    const double lo = any || isinf(p->lo) ? -1e3 : p->lo, hi = any || isinf(p->hi) ? 1e3 : p->hi;
    const double v = ggdm_test_below(rng, 4) ? ggdm_test_uniform(rng, lo, hi) : hi;
    return p->above && v <= p->lo ? hi : v;
}

static int64_t random_whole(ggdm_test_rng *rng, const ggdm_param *p)
{
    const uint64_t lo = (uint64_t)ggdm_param_lowest(p), hi = (uint64_t)ggdm_param_highest(p);
    return (int64_t)(hi - lo == UINT64_MAX ? ggdm_test_bits(rng)
                                           : lo + ggdm_test_bits(rng) % (hi - lo + 1));
}

static const char *random_text(ggdm_arena *arena, ggdm_test_rng *rng, const ggdm_param *p)
{
    static const char *const texts[] = {"", "a cat", "\"\\", "κ\u2028", "[1]", "'#: "};
    const char *text = texts[ggdm_test_below(rng, sizeof texts / sizeof *texts)];
    char digest[65];
    ggdm_error err;
    if (p->type != GGDM_PARAM_TEXT) {
        for (int i = 0; i < 64; i++)
            digest[i] = "0123456789abcdef"[ggdm_test_below(rng, 16)];
        digest[64] = '\0';
        ggdm_test_ok(ggdm_arena_text(arena, digest, &text, &err), &err);
    }
    return text;
}

ggdm_scalar ggdm_random_scalar(ggdm_arena *arena, ggdm_test_rng *rng, const ggdm_param *p)
{
    int64_t choices = 0;
    if (p->neutral && ggdm_test_below(rng, 3) == 0)
        return *p->neutral;
    if (p->fallback && ggdm_test_below(rng, 3) == 0)
        return *p->fallback;
    switch (p->type) {
    case GGDM_PARAM_REAL:
        return (ggdm_scalar){.real = random_real(rng, p)};
    case GGDM_PARAM_WHOLE:
        return (ggdm_scalar){.whole = random_whole(rng, p)};
    case GGDM_PARAM_FLAG:
        return (ggdm_scalar){.whole = ggdm_test_below(rng, 2)};
    case GGDM_PARAM_CLASS:
        return (ggdm_scalar){.whole = ggdm_test_below(rng, GGDM_MAX_CLASSES)};
    case GGDM_PARAM_CHOICE:
        while (p->choices[choices])
            choices++;
        return (ggdm_scalar){.whole = ggdm_test_below(rng, choices)};
    case GGDM_PARAM_WINDOW:
        return (ggdm_scalar){.start = (double)ggdm_test_below(rng, 6),
                             .real = (double)ggdm_test_below(rng, 6)};
    default:
        return (ggdm_scalar){.text = random_text(arena, rng, p)};
    }
}

static ggdm_item *make(const ggdm_catalogue *c, ggdm_arena *arena, ggdm_test_rng *rng,
                       const ggdm_kind *kind, int depth);

static bool is_leaf(const ggdm_kind *k)
{
    for (size_t i = 0; i < k->n_params; i++)
        if (k->params[i].family && k->params[i].required)
            return false;
    return true;
}

static const ggdm_kind *random_kind(const ggdm_catalogue *c, ggdm_test_rng *rng, const char *family,
                                    int depth)
{
    const ggdm_kind *kinds[64];
    int64_t n = 0;
    for (int leaves = depth >= DEEP; n == 0; leaves--)
        for (size_t i = 0; i < c->n_kinds && n < 64; i++)
            if (strcmp(c->kinds[i]->family, family) == 0 && (leaves <= 0 || is_leaf(c->kinds[i])))
                kinds[n++] = c->kinds[i];
    return kinds[ggdm_test_below(rng, n)];
}

static ggdm_item *make_children(const ggdm_catalogue *c, ggdm_arena *arena, ggdm_test_rng *rng,
                                const ggdm_param *p, int depth)
{
    ggdm_item *first = NULL, **end = &first;
    int64_t n =
        p->type == GGDM_PARAM_NODES ? 1 + ggdm_test_below(rng, p->hi < 3 ? (int)p->hi : 3) : 1;
    n = (double)n < p->lo ? (int64_t)p->lo : n;
    for (int64_t i = 0; i < n; i++, end = &(*end)->next) {
        char name[24];
        ggdm_error err;
        *end = make(c, arena, rng, random_kind(c, rng, p->family, depth), depth);
        snprintf(name, sizeof name, "%d", (int)i + 1);
        ggdm_test_ok(ggdm_arena_text(arena, name, &(*end)->name, &err), &err);
    }
    return first;
}

static ggdm_item *make(const ggdm_catalogue *c, ggdm_arena *arena, ggdm_test_rng *rng,
                       const ggdm_kind *kind, int depth)
{
    ggdm_item *item;
    ggdm_error err;
    ggdm_test_ok(ggdm_item_create(arena, kind, &item, &err), &err);
    for (size_t i = 0; i < kind->n_params; i++) {
        const ggdm_param *p = &kind->params[i];
        if (!p->required && (depth >= DEEP || ggdm_test_below(rng, 3) == 0))
            continue;
        item->values[i].set = true;
        if (p->family)
            item->values[i].items = make_children(c, arena, rng, p, depth + 1);
        else
            item->values[i].scalar = ggdm_random_scalar(arena, rng, p);
    }
    return item;
}

ggdm_item *ggdm_random_item(const ggdm_catalogue *c, ggdm_arena *arena, ggdm_test_rng *rng,
                            const ggdm_kind *kind)
{
    return make(c, arena, rng, kind, 0);
}

const char *ggdm_item_text_of(ggdm_arena *arena, const ggdm_item *item)
{
    const char *text = "";
    ggdm_error err;
    if (item)
        ggdm_test_ok(ggdm_recipe_print(arena, item, false, &text, &err), &err);
    return text;
}
