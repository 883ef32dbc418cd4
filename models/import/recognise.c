#include "models/import/recognise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plural.h"

enum { MAX_SETS = 64 };

/* Sets of weights that were found; why the first of others cannot be one. */
typedef struct sets {
    ggdm_recognised items[MAX_SETS];
    size_t n;
    ggdm_error refused;
} sets;

/* From here on the tensors are those of this state; false where they cannot be. */
static bool choose_state(ggdm_foreign *f, size_t state, sets *s)
{
    ggdm_error own = {0};
    if (ggdm_foreign_choose(f, state, &own) == GGDM_OK)
        return true;
    if (s->refused.code == GGDM_OK)
        s->refused = own;
    return false;
}

static void release(sets *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i].prefix);
    s->n = 0;
}

static bool begins_with(const char *text, const char *begin, size_t n)
{
    return strncmp(text, begin, n) == 0;
}

/* ---- telling layouts ---- */

/* Does one of the tensors with this prefix fit the pattern? */
static bool any_fits(const ggdm_foreign *f, const char *prefix, size_t n, const char *pattern)
{
    for (size_t i = 0; i < f->n_tensors; i++)
        if (begins_with(f->tensors[i].name, prefix, n) &&
            ggdm_layout_match(pattern, f->tensors[i].name + n, NULL))
            return true;
    return false;
}

/* Are the tensors whose names begin with these n bytes of prefix in this layout? */
static bool is_layout(const ggdm_foreign *f, const ggdm_layout *l, const char *prefix, size_t n)
{
    for (const char *const *name = l->has; *name; name++)
        if (!any_fits(f, prefix, n, *name))
            return false;
    for (const char *const *name = l->lacks; name && *name; name++)
        if (any_fits(f, prefix, n, *name))
            return false;
    return true;
}

static size_t count_with(const ggdm_foreign *f, const char *prefix)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n_tensors; i++)
        n += begins_with(f->tensors[i].name, prefix, strlen(prefix));
    return n;
}

static ggdm_status fail_many(const ggdm_foreign *f, ggdm_error *err)
{
    return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: more than %d sets of weights", f->path, MAX_SETS);
}

static ggdm_status add(sets *s, const ggdm_foreign *f, const ggdm_layout *l, size_t state,
                       const char *prefix, size_t n, ggdm_error *err)
{
    ggdm_recognised *r = &s->items[s->n];
    if (s->n == MAX_SETS)
        return fail_many(f, err);
    GGDM_TRY(ggdm_asprintf(&r->prefix, err, "%.*s", (int)n, prefix));
    r->layout = l;
    r->state = state;
    r->n_tensors = count_with(f, r->prefix);
    s->n++;
    return GGDM_OK;
}

/* Where the names that the chosen state has end with what a layout always has, there it may be. */
static ggdm_status find_layout(const ggdm_foreign *f, size_t state, const ggdm_layout *l, sets *s,
                               ggdm_error *err)
{
    const size_t n = strlen(l->has[0]);
    int left = MAX_SETS; /* each of them is a walk over all names */
    for (size_t i = 0; i < f->n_tensors; i++) {
        const char *name = f->tensors[i].name;
        const size_t all = strlen(name), before = all - n;
        if (all < n || strcmp(name + before, l->has[0]) != 0 ||
            (before > 0 && name[before - 1] != '.'))
            continue;
        if (left-- == 0)
            return fail_many(f, err);
        if (is_layout(f, l, name, before))
            GGDM_TRY(add(s, f, l, state, name, before, err));
    }
    return GGDM_OK;
}

static ggdm_status find_layouts(ggdm_foreign *f, const char *class_name, sets *s, ggdm_error *err)
{
    for (size_t i = 0; i < ggdm_foreign_n_states(f); i++) {
        if (!choose_state(f, i, s))
            continue;
        for (const ggdm_layout *const *l = ggdm_layouts; *l; l++)
            if (!class_name || strcmp((*l)->class_name, class_name) == 0)
                GGDM_TRY(find_layout(f, i, *l, s, err));
    }
    return GGDM_OK;
}

/* ---- names as they are ---- */

/* What wrappers put in front of all names. */
static const char *const wrappers[] = {"module.", "_orig_mod.", NULL};

static ggdm_status add_state(ggdm_foreign *f, size_t state, sets *s, ggdm_error *err)
{
    if (!choose_state(f, state, s))
        return GGDM_OK;
    for (const char *const *w = wrappers; *w; w++)
        if (count_with(f, *w) == f->n_tensors)
            return add(s, f, NULL, state, *w, strlen(*w), err);
    return add(s, f, NULL, state, "", 0, err);
}

static ggdm_status add_states(ggdm_foreign *f, sets *s, ggdm_error *err)
{
    for (size_t i = 0; i < ggdm_foreign_n_states(f); i++)
        GGDM_TRY(add_state(f, i, s, err));
    return GGDM_OK;
}

/* ---- choosing ---- */

/* "state_dict.model" of a set; "" of the only one. */
static void name_set(const ggdm_foreign *f, const ggdm_recognised *r, char *out, size_t size)
{
    const char *state = ggdm_foreign_state(f, r->state);
    const int n = (int)strlen(r->prefix);
    snprintf(out, size, "%s%s%.*s", state, *state && n ? "." : "", n ? n - 1 : 0, r->prefix);
}

/* Keep those of this name: of the whole, or of their state. */
static void keep_wanted(const ggdm_foreign *f, sets *s, const char *wanted)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        char name[400];
        name_set(f, &s->items[i], name, sizeof name);
        if (strcmp(name, wanted) == 0 ||
            strcmp(ggdm_foreign_state(f, s->items[i].state), wanted) == 0)
            s->items[kept++] = s->items[i];
        else
            free(s->items[i].prefix);
    }
    s->n = kept;
}

/* "'model' (12 tensors), 'ema' (12 tensors)" */
static void list_sets(const ggdm_foreign *f, const sets *s, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < s->n && used < size; i++) {
        char name[100];
        name_set(f, &s->items[i], name, sizeof name);
        used +=
            (size_t)snprintf(out + used, size - used, "%s'%s' (%zu tensor%s)", i ? ", " : "", name,
                             s->items[i].n_tensors, ggdm_plural((int64_t)s->items[i].n_tensors));
    }
}

static ggdm_status fail_unknown(const ggdm_foreign *f, ggdm_error *err)
{
    char known[500] = "";
    size_t used = 0;
    for (size_t i = 0; ggdm_layouts[i] && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                 ggdm_layouts[i]->name);
    return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                     "%s: %zu tensor%s, among them '%.100s', of no known layout (%s): a network "
                     "of plain layers needs a config.json beside it or by --config "
                     "(docs/MODELS.md)",
                     f->path, f->n_tensors, ggdm_plural((int64_t)f->n_tensors),
                     f->n_tensors ? f->tensors[0].name : "", known);
}

static ggdm_status choose(const ggdm_foreign *f, sets *s, const char *wanted, ggdm_recognised *out,
                          ggdm_error *err)
{
    char list[500];
    list_sets(f, s, list, sizeof list);
    const bool nameless = s->n == 1 && strncmp(list, "''", 2) == 0;
    if (wanted)
        keep_wanted(f, s, wanted);
    if (s->n == 0 && nameless)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: no weights '%s': there is one set of them, without a name, expected "
                         "no --state",
                         f->path, wanted);
    if (s->n == 0)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: no weights '%s', expected one of %s", f->path,
                         wanted, list);
    if (s->n > 1)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: several sets of weights, %s: choose one by --state NAME", f->path,
                         list);
    *out = s->items[0];
    s->n = 0; /* moved */
    return GGDM_OK;
}

ggdm_status ggdm_recognise(ggdm_foreign *f, const char *wanted, const char *class_name,
                           ggdm_recognised *out, ggdm_error *err)
{
    sets s = {.n = 0, .refused = {0}};
    *out = (ggdm_recognised){0};
    ggdm_status st = find_layouts(f, class_name, &s, err);
    if (st == GGDM_OK && s.n == 0 && class_name)
        st = add_states(f, &s, err);
    if (st == GGDM_OK && s.n == 0 && s.refused.code != GGDM_OK)
        st = GGDM_FAIL(err, s.refused.code, "%s", s.refused.msg);
    else if (st == GGDM_OK)
        st = s.n ? choose(f, &s, wanted, out, err) : fail_unknown(f, err);
    release(&s);
    if (st == GGDM_OK)
        st = ggdm_foreign_choose(f, out->state, err);
    return st;
}
