/* The machine that reads a pickle: the bytes that are to come, the values that are in work.  Used
 * by the instructions (pickle.c) alone. */
#ifndef GGDM_MODELS_IO_PICKLE_MACHINE_H
#define GGDM_MODELS_IO_PICKLE_MACHINE_H

#include "models/io/pickle.h"

typedef struct ggdm_pickle_machine {
    const uint8_t *begin, *at, *end;
    const ggdm_pickle_global *globals;
    const char *where;
    size_t op_at; /* of the instruction, for messages */
    ggdm_arena *arena;
    size_t n_values;
    ggdm_pickle_value **stack, **memo;
    size_t n_stack, cap_stack, n_memo, cap_memo;
    size_t marks[GGDM_PICKLE_DEPTH], n_marks; /* heights of the stack */
    ggdm_pickle_value *persistent;            /* a list */
    ggdm_pickle_value *result;                /* of STOP */
    ggdm_error *err;
} ggdm_pickle_machine;

/** Fail with the place of the instruction in front.  Returns code. */
ggdm_status ggdm_pickle_bad(ggdm_pickle_machine *m, ggdm_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** The next n bytes.  Errors, here and below: GGDM_EFORMAT where that is not there. */
ggdm_status ggdm_pickle_take(ggdm_pickle_machine *m, size_t n, const uint8_t **out);
/** n <= 8 bytes, little-endian. */
ggdm_status ggdm_pickle_take_number(ggdm_pickle_machine *m, size_t n, uint64_t *out);
/** A text up to a line end, which is taken, too. */
ggdm_status ggdm_pickle_take_line(ggdm_pickle_machine *m, const char **out, int *size);

/** A value, of the machine's arena.  Errors: GGDM_EUNSUPPORTED for too many, GGDM_ENOMEM. */
ggdm_status ggdm_pickle_make(ggdm_pickle_machine *m, ggdm_pickle_kind kind,
                             ggdm_pickle_value **out);
ggdm_status ggdm_pickle_push(ggdm_pickle_machine *m, ggdm_pickle_value *v);
ggdm_status ggdm_pickle_push_new(ggdm_pickle_machine *m, ggdm_pickle_kind kind,
                                 ggdm_pickle_value **out);
/** The n topmost values, of what is above the last mark; they stay where they are until the next
 *  push. */
ggdm_status ggdm_pickle_pop(ggdm_pickle_machine *m, size_t n, ggdm_pickle_value ***out);
/** All above the last mark, which is then gone. */
ggdm_status ggdm_pickle_pop_mark(ggdm_pickle_machine *m, ggdm_pickle_value ***out, size_t *n);
/** The topmost value, which stays. */
ggdm_status ggdm_pickle_top(ggdm_pickle_machine *m, ggdm_pickle_value **out);
/** n values behind those that to holds. */
ggdm_status ggdm_pickle_append(ggdm_pickle_machine *m, ggdm_pickle_value *to,
                               ggdm_pickle_value **items, size_t n);

#endif
