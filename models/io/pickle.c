/* The machine that reads pickles (Python's pickletools.py has the language).  Of protocol 2, which
 * torch.save writes, these are the instructions that put data together; what makes objects of
 * classes (NEWOBJ, INST, OBJ, EXT) is not among them.  REDUCE writes a call down, BUILD drops the
 * attributes of an object.
 *
 * Every instruction is at least one byte, makes at most one value and takes its operands from the
 * bytes that are there, so that nothing can be asked for beyond what was given. */
#include "models/io/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/io/pickle_machine.h"

typedef ggdm_pickle_value value;
typedef ggdm_pickle_machine machine;

/* ---- instructions ----
 *
 * Several differ in a number only: the bytes of an operand, how many, what kind. */

static ggdm_status op_proto(machine *m, int size)
{
    uint64_t version; /* the instructions tell */
    return ggdm_pickle_take_number(m, (size_t)size, &version);
}

static ggdm_status op_stop(machine *m, int unused)
{
    value **p = NULL;
    (void)unused;
    GGDM_TRY(ggdm_pickle_pop(m, 1, &p));
    m->result = *p;
    return m->n_stack || m->n_marks
               ? ggdm_pickle_bad(m, GGDM_EFORMAT, "it ends with something left over")
               : GGDM_OK;
}

static ggdm_status op_mark(machine *m, int unused)
{
    (void)unused;
    if (m->n_marks == GGDM_PICKLE_DEPTH)
        return ggdm_pickle_bad(m, GGDM_EUNSUPPORTED, "nested more than %d deep", GGDM_PICKLE_DEPTH);
    m->marks[m->n_marks++] = m->n_stack;
    return GGDM_OK;
}

/* None, an empty list, an empty dict. */
static ggdm_status op_new(machine *m, int kind)
{
    value *v;
    return ggdm_pickle_push_new(m, (ggdm_pickle_kind)kind, &v);
}

static ggdm_status push_integer(machine *m, ggdm_pickle_kind kind, uint64_t bits)
{
    value *v;
    GGDM_TRY(ggdm_pickle_push_new(m, kind, &v));
    v->integer = (int64_t)bits;
    return GGDM_OK;
}

static ggdm_status op_bool(machine *m, int is_true)
{
    return push_integer(m, GGDM_PICKLE_BOOL, (uint64_t)is_true);
}

static ggdm_status op_natural(machine *m, int size)
{
    uint64_t number;
    GGDM_TRY(ggdm_pickle_take_number(m, (size_t)size, &number));
    return push_integer(m, GGDM_PICKLE_INT, number);
}

/* In two's complement. */
static ggdm_status op_integer(machine *m, int size)
{
    uint64_t number;
    GGDM_TRY(ggdm_pickle_take_number(m, (size_t)size, &number));
    if (size > 0 && size < 8 && number >> (8 * size - 1))
        number |= UINT64_MAX << (8 * size);
    return push_integer(m, GGDM_PICKLE_INT, number);
}

static ggdm_status op_long(machine *m, int length_size)
{
    uint64_t n;
    GGDM_TRY(ggdm_pickle_take_number(m, (size_t)length_size, &n));
    if (n > 8)
        return ggdm_pickle_bad(m, GGDM_EUNSUPPORTED, "an integer of %d bytes, expected at most 8",
                               (int)n);
    return op_integer(m, (int)n);
}

/* Big-endian, as no other number. */
static ggdm_status op_real(machine *m, int size)
{
    const uint8_t *p = NULL;
    uint64_t bits = 0;
    value *v;
    GGDM_TRY(ggdm_pickle_take(m, (size_t)size, &p));
    for (int i = 0; i < size; i++)
        bits = bits << 8 | p[i];
    GGDM_TRY(ggdm_pickle_push_new(m, GGDM_PICKLE_REAL, &v));
    memcpy(&v->real, &bits, sizeof bits);
    return GGDM_OK;
}

static ggdm_status op_text(machine *m, int length_size)
{
    uint64_t n;
    const uint8_t *p = NULL;
    char *copy;
    value *v;
    GGDM_TRY(ggdm_pickle_take_number(m, (size_t)length_size, &n));
    GGDM_TRY(ggdm_pickle_take(m, (size_t)n, &p));
    GGDM_TRY(ggdm_pickle_push_new(m, GGDM_PICKLE_TEXT, &v));
    GGDM_TRY(ggdm_arena_alloc(m->arena, (size_t)n + 1, &copy, m->err));
    memcpy(copy, p, (size_t)n);
    v->text = copy;
    v->n = (size_t)n;
    return GGDM_OK;
}

static ggdm_status push_tuple(machine *m, value **items, size_t n)
{
    value *v;
    GGDM_TRY(ggdm_pickle_make(m, GGDM_PICKLE_TUPLE, &v));
    GGDM_TRY(ggdm_pickle_append(m, v, items, n));
    return ggdm_pickle_push(m, v);
}

static ggdm_status op_tuple(machine *m, int n)
{
    value **items = NULL;
    GGDM_TRY(ggdm_pickle_pop(m, (size_t)n, &items));
    return push_tuple(m, items, (size_t)n);
}

static ggdm_status op_tuple_from_mark(machine *m, int unused)
{
    value **items = NULL;
    size_t n = 0;
    (void)unused;
    GGDM_TRY(ggdm_pickle_pop_mark(m, &items, &n));
    return push_tuple(m, items, n);
}

/* items into the value below them. */
static ggdm_status add_items(machine *m, ggdm_pickle_kind kind, value **items, size_t n)
{
    value *to;
    GGDM_TRY(ggdm_pickle_top(m, &to));
    if (to->kind != kind)
        return ggdm_pickle_bad(m, GGDM_EFORMAT, "items for what is no %s",
                               kind == GGDM_PICKLE_LIST ? "list" : "dict");
    if (kind == GGDM_PICKLE_DICT && n % 2)
        return ggdm_pickle_bad(m, GGDM_EFORMAT, "a key without a value");
    return ggdm_pickle_append(m, to, items, n);
}

static ggdm_status op_add(machine *m, int kind)
{
    value **items = NULL;
    const size_t n = kind == GGDM_PICKLE_DICT ? 2 : 1;
    GGDM_TRY(ggdm_pickle_pop(m, n, &items));
    return add_items(m, (ggdm_pickle_kind)kind, items, n);
}

static ggdm_status op_add_from_mark(machine *m, int kind)
{
    value **items = NULL;
    size_t n = 0;
    GGDM_TRY(ggdm_pickle_pop_mark(m, &items, &n));
    return add_items(m, (ggdm_pickle_kind)kind, items, n);
}

/* Memos are numbered as they are made. */
static ggdm_status op_put(machine *m, int size)
{
    uint64_t i;
    value *v;
    GGDM_TRY(ggdm_pickle_take_number(m, (size_t)size, &i));
    GGDM_TRY(ggdm_pickle_top(m, &v));
    if (i > m->n_memo)
        return ggdm_pickle_bad(m, GGDM_EFORMAT, "memo %llu, expected at most %zu",
                               (unsigned long long)i, m->n_memo);
    GGDM_TRY(ggdm_grow(&m->memo, &m->cap_memo, (size_t)i + 1, sizeof *m->memo, m->err));
    m->n_memo += i == m->n_memo;
    m->memo[i] = v;
    return GGDM_OK;
}

static ggdm_status op_get(machine *m, int size)
{
    uint64_t i;
    GGDM_TRY(ggdm_pickle_take_number(m, (size_t)size, &i));
    if (i >= m->n_memo)
        return ggdm_pickle_bad(m, GGDM_EFORMAT, "memo %llu of %zu", (unsigned long long)i,
                               m->n_memo);
    return ggdm_pickle_push(m, m->memo[i]);
}

static bool same(const char *text, int size, const char *name)
{
    return strlen(name) == (size_t)size && memcmp(text, name, (size_t)size) == 0;
}

static ggdm_status op_global(machine *m, int unused)
{
    const char *module = NULL, *name = NULL;
    int n_module = 0, n_name = 0, row = 0;
    (void)unused;
    GGDM_TRY(ggdm_pickle_take_line(m, &module, &n_module));
    GGDM_TRY(ggdm_pickle_take_line(m, &name, &n_name));
    const ggdm_pickle_global *g = m->globals;
    while (g[row].name &&
           !(same(module, n_module, g[row].module) && same(name, n_name, g[row].name)))
        row++;
    if (!g[row].name)
        return ggdm_pickle_bad(
            m, GGDM_EUNSUPPORTED,
            "it asks for %.*s.%.*s, which is not among the few names that weights need; "
            "nothing was run (save the weights alone, docs/MODELS.md)",
            n_module, module, n_name, name);
    return push_integer(m, GGDM_PICKLE_GLOBAL, (uint64_t)row);
}

static ggdm_status op_reduce(machine *m, int unused)
{
    value **p = NULL, *v;
    (void)unused;
    GGDM_TRY(ggdm_pickle_pop(m, 2, &p));
    if (p[0]->kind != GGDM_PICKLE_GLOBAL || p[1]->kind != GGDM_PICKLE_TUPLE)
        return ggdm_pickle_bad(m, GGDM_EFORMAT, "a call of what is no name, or without arguments");
    const ggdm_pickle_global *g = &m->globals[p[0]->integer];
    GGDM_TRY(ggdm_pickle_make(m, g->makes, &v));
    if (g->makes == GGDM_PICKLE_CALL)
        GGDM_TRY(ggdm_pickle_append(m, v, p, 2));
    else if (p[1]->n != 0)
        return ggdm_pickle_bad(m, GGDM_EUNSUPPORTED, "%s of something, expected an empty one",
                               g->name);
    return ggdm_pickle_push(m, v);
}

static ggdm_status op_build(machine *m, int unused)
{
    value **state = NULL, *of;
    (void)unused;
    GGDM_TRY(ggdm_pickle_pop(m, 1, &state));
    GGDM_TRY(ggdm_pickle_top(m, &of));
    return of->kind == GGDM_PICKLE_DICT || of->kind == GGDM_PICKLE_CALL
               ? GGDM_OK
               : ggdm_pickle_bad(m, GGDM_EFORMAT, "attributes of what is no object");
}

static ggdm_status op_persistent(machine *m, int unused)
{
    value **id = NULL, *v;
    (void)unused;
    GGDM_TRY(ggdm_pickle_pop(m, 1, &id));
    GGDM_TRY(ggdm_pickle_make(m, GGDM_PICKLE_PERSISTENT, &v));
    GGDM_TRY(ggdm_pickle_append(m, v, id, 1));
    GGDM_TRY(ggdm_pickle_append(m, m->persistent, &v, 1));
    return ggdm_pickle_push(m, v);
}

static const struct {
    ggdm_status (*run)(machine *m, int with);
    int with;
} ops[256] = {
    [0x80] = {op_proto, 1},
    ['.'] = {op_stop, 0},
    ['('] = {op_mark, 0},
    ['N'] = {op_new, GGDM_PICKLE_NONE},
    [']'] = {op_new, GGDM_PICKLE_LIST},
    ['}'] = {op_new, GGDM_PICKLE_DICT},
    [0x88] = {op_bool, true},
    [0x89] = {op_bool, false},
    ['K'] = {op_natural, 1},
    ['M'] = {op_natural, 2},
    ['J'] = {op_integer, 4},
    [0x8a] = {op_long, 1},
    ['G'] = {op_real, 8},
    ['X'] = {op_text, 4},
    ['T'] = {op_text, 4}, /* bytes of Python 2, which had no other texts */
    ['U'] = {op_text, 1},
    [')'] = {op_tuple, 0},
    [0x85] = {op_tuple, 1},
    [0x86] = {op_tuple, 2},
    [0x87] = {op_tuple, 3},
    ['t'] = {op_tuple_from_mark, 0},
    ['a'] = {op_add, GGDM_PICKLE_LIST},
    ['s'] = {op_add, GGDM_PICKLE_DICT},
    ['e'] = {op_add_from_mark, GGDM_PICKLE_LIST},
    ['u'] = {op_add_from_mark, GGDM_PICKLE_DICT},
    ['q'] = {op_put, 1},
    ['r'] = {op_put, 4},
    ['h'] = {op_get, 1},
    ['j'] = {op_get, 4},
    ['c'] = {op_global, 0},
    ['R'] = {op_reduce, 0},
    ['b'] = {op_build, 0},
    ['Q'] = {op_persistent, 0},
};

/* ---- the whole ---- */

static ggdm_status run(machine *m)
{
    GGDM_TRY(ggdm_grow(&m->stack, &m->cap_stack, 1, sizeof *m->stack, m->err)); /* never NULL */
    GGDM_TRY(ggdm_pickle_make(m, GGDM_PICKLE_LIST, &m->persistent));
    while (!m->result) {
        const uint8_t *p = NULL;
        m->op_at = (size_t)(m->at - m->begin);
        GGDM_TRY(ggdm_pickle_take(m, 1, &p));
        if (!ops[*p].run)
            return ggdm_pickle_bad(
                m, GGDM_EUNSUPPORTED,
                "instruction 0x%02x, which torch.save does not write for weights (protocol "
                "2); nothing was run",
                *p);
        GGDM_TRY(ops[*p].run(m, ops[*p].with));
    }
    return GGDM_OK;
}

ggdm_status ggdm_pickle_read(const void *bytes, size_t size, const ggdm_pickle_global *globals,
                             const char *where, ggdm_pickle *out, ggdm_error *err)
{
    *out = (ggdm_pickle){0};
    machine m = {.begin = bytes,
                 .at = bytes,
                 .end = (const uint8_t *)bytes + (size < GGDM_PICKLE_MAX ? size : GGDM_PICKLE_MAX),
                 .globals = globals,
                 .where = where,
                 .arena = &out->arena,
                 .err = err};
    ggdm_status st = run(&m);
    out->root = m.result;
    out->persistent = m.persistent;
    out->used = (size_t)(m.at - m.begin);
    free(m.stack);
    free(m.memo);
    if (st != GGDM_OK)
        ggdm_pickle_close(out);
    return st;
}

void ggdm_pickle_close(ggdm_pickle *p)
{
    ggdm_arena_deinit(&p->arena);
    *p = (ggdm_pickle){0};
}

ggdm_pickle_value *ggdm_pickle_get(const ggdm_pickle_value *dict, const char *key)
{
    for (size_t i = 0; dict && dict->kind == GGDM_PICKLE_DICT && i < dict->n; i += 2)
        if (dict->items[i]->kind == GGDM_PICKLE_TEXT && strcmp(dict->items[i]->text, key) == 0)
            return dict->items[i + 1];
    return NULL;
}
