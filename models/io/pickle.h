/* Pickles, Python's serialised objects, read as data.
 *
 * A pickle is a program for a stack machine, which may name any function and have it called with
 * any arguments.  Here nothing is ever called: the machine (pickle.c) knows only the instructions
 * that put values together, a call is written down as a value, and a name that the reader did not
 * list is an error.  What the values mean is up to the reader (torch_file.c). */
#ifndef GGDM_MODELS_IO_PICKLE_H
#define GGDM_MODELS_IO_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/status.h"

#define GGDM_PICKLE_MAX ((size_t)16 << 20) /* bytes of a pickle */
#define GGDM_PICKLE_VALUES ((size_t)1 << 21)
#define GGDM_PICKLE_DEPTH 256 /* lists, tuples and dicts that are open at a time */

typedef enum ggdm_pickle_kind {
    GGDM_PICKLE_NONE,
    GGDM_PICKLE_BOOL,
    GGDM_PICKLE_INT,
    GGDM_PICKLE_REAL,
    GGDM_PICKLE_TEXT, /* also bytes */
    GGDM_PICKLE_TUPLE,
    GGDM_PICKLE_LIST,
    GGDM_PICKLE_DICT,
    GGDM_PICKLE_GLOBAL,     /* a name of those that are allowed */
    GGDM_PICKLE_CALL,       /* of a name with arguments: written down, not made */
    GGDM_PICKLE_PERSISTENT, /* what is stored outside of the pickle */
} ggdm_pickle_kind;

/* Values may be shared, and a list may hold itself: walk over them with a limit. */
typedef struct ggdm_pickle_value ggdm_pickle_value;
struct ggdm_pickle_value {
    ggdm_pickle_kind kind;
    bool seen;        /* free for who walks over them; false at first */
    int64_t integer;  /* BOOL, INT; GLOBAL: its row */
    double real;      /* REAL */
    const char *text; /* TEXT, with a NUL behind its n bytes */
    /* TUPLE, LIST: items; DICT: key, value, key, value ...; CALL: the name, then a tuple of the
     * arguments; PERSISTENT: its identification. */
    ggdm_pickle_value **items;
    size_t n, cap;
};

/* A name that a pickle may have; a call of it makes a DICT, or a CALL. */
typedef struct ggdm_pickle_global {
    const char *module, *name; /* NULL ends a table */
    ggdm_pickle_kind makes;
} ggdm_pickle_global;

typedef struct ggdm_pickle {
    ggdm_pickle_value *root;
    ggdm_pickle_value *persistent; /* LIST of all of this kind, wherever they are */
    size_t used;                   /* bytes: what is behind them is not looked at */
    ggdm_arena arena;              /* of the values */
} ggdm_pickle;

/** Read the pickle at the begin of size bytes (borrowed during the call).  where: for messages.
 *  Memory is at most some hundred bytes for each of the pickle's, and bounded by the limits above.
 *  Errors: GGDM_EUNSUPPORTED naming a global that is not in globals, an instruction that PyTorch
 *  does not write, or a limit; GGDM_EFORMAT for what is no pickle; GGDM_ENOMEM. */
ggdm_status ggdm_pickle_read(const void *bytes, size_t size, const ggdm_pickle_global *globals,
                             const char *where, ggdm_pickle *out, ggdm_error *err);
/** Safe on a zeroed pickle and twice. */
void ggdm_pickle_close(ggdm_pickle *pickle);

/** The value of a DICT's text key; NULL: there is none, or it is no DICT. */
ggdm_pickle_value *ggdm_pickle_get(const ggdm_pickle_value *dict, const char *key);

#endif
