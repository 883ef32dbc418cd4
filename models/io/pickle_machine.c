#include "models/io/pickle_machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"

typedef ggdm_pickle_value value;
typedef ggdm_pickle_machine machine;

ggdm_status ggdm_pickle_bad(machine *m, ggdm_status code, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return GGDM_FAIL(m->err, code, "%s: byte %zu of the pickle: %s", m->where, m->op_at, text);
}

/* ---- operands ---- */

ggdm_status ggdm_pickle_take(machine *m, size_t n, const uint8_t **out)
{
    if (n > (size_t)(m->end - m->at))
        return ggdm_pickle_bad(m, GGDM_EFORMAT,
                               "it ends here, expected %zu bytes more (is it truncated?)", n);
    *out = m->at;
    m->at += n;
    return GGDM_OK;
}

ggdm_status ggdm_pickle_take_number(machine *m, size_t n, uint64_t *out)
{
    const uint8_t *p = NULL;
    GGDM_TRY(ggdm_pickle_take(m, n, &p));
    *out = 0;
    while (n-- > 0)
        *out = *out << 8 | p[n];
    return GGDM_OK;
}

ggdm_status ggdm_pickle_take_line(machine *m, const char **out, int *size)
{
    const uint8_t *end = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (!end || end - m->at > 255)
        return ggdm_pickle_bad(m, GGDM_EFORMAT, "a name without end, expected at most 255 bytes");
    *out = (const char *)m->at;
    *size = (int)(end - m->at);
    m->at = end + 1;
    return GGDM_OK;
}

/* ---- values and the stack ---- */

ggdm_status ggdm_pickle_make(machine *m, ggdm_pickle_kind kind, value **out)
{
    if (++m->n_values > GGDM_PICKLE_VALUES)
        return ggdm_pickle_bad(m, GGDM_EUNSUPPORTED, "more than %zu values", GGDM_PICKLE_VALUES);
    GGDM_TRY(ggdm_arena_alloc(m->arena, sizeof **out, out, m->err));
    (*out)->kind = kind;
    return GGDM_OK;
}

ggdm_status ggdm_pickle_push(machine *m, value *v)
{
    GGDM_TRY(ggdm_grow(&m->stack, &m->cap_stack, m->n_stack + 1, sizeof *m->stack, m->err));
    m->stack[m->n_stack++] = v;
    return GGDM_OK;
}

ggdm_status ggdm_pickle_push_new(machine *m, ggdm_pickle_kind kind, value **out)
{
    GGDM_TRY(ggdm_pickle_make(m, kind, out));
    return ggdm_pickle_push(m, *out);
}

ggdm_status ggdm_pickle_pop(machine *m, size_t n, value ***out)
{
    size_t floor = m->n_marks ? m->marks[m->n_marks - 1] : 0;
    if (m->n_stack - floor < n)
        return ggdm_pickle_bad(m, GGDM_EFORMAT, "nothing is there to work with");
    m->n_stack -= n;
    *out = m->stack + m->n_stack;
    return GGDM_OK;
}

ggdm_status ggdm_pickle_pop_mark(machine *m, value ***out, size_t *n)
{
    if (m->n_marks == 0)
        return ggdm_pickle_bad(m, GGDM_EFORMAT, "an end without a begin");
    size_t at = m->marks[--m->n_marks];
    *n = m->n_stack - at;
    *out = m->stack + at;
    m->n_stack = at;
    return GGDM_OK;
}

ggdm_status ggdm_pickle_top(machine *m, value **out)
{
    value **p = NULL;
    GGDM_TRY(ggdm_pickle_pop(m, 1, &p));
    m->n_stack++;
    *out = *p;
    return GGDM_OK;
}

ggdm_status ggdm_pickle_append(machine *m, value *to, value **items, size_t n)
{
    if (to->n + n > to->cap) {
        size_t cap = 2 * to->cap > to->n + n ? 2 * to->cap : to->n + n;
        value **grown;
        GGDM_TRY(ggdm_arena_alloc(m->arena, cap * sizeof *grown, &grown, m->err));
        if (to->n)
            memcpy(grown, to->items, to->n * sizeof *grown);
        to->items = grown;
        to->cap = cap;
    }
    if (n)
        memcpy(to->items + to->n, items, n * sizeof *items);
    to->n += n;
    return GGDM_OK;
}
