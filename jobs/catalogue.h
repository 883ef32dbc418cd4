/* The interface of methods: what a user can select (kinds) and set (parameters), as rows.
 *
 * All that the house knows of a sampler, a guidance, a loss or a scorer is its row in a catalogue:
 * reading with positions, checks, defaults, the canonical text and the key, axes, columns, help.
 * The rows stand beside the implementations (worker/methods.c lists them); jobs/ is handed them and
 * names none.  Words: docs/DESIGN.md, "Methods are data". */
#ifndef GGDM_JOBS_CATALOGUE_H
#define GGDM_JOBS_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/status.h"

/* Families that the skeleton of a sweep knows; kinds may bring others ("loss", "term"). */
#define GGDM_FAMILY_STAGE "stage"
#define GGDM_FAMILY_SAMPLER "sampler"
#define GGDM_FAMILY_CONDITION "condition"
#define GGDM_FAMILY_GUIDANCE "guidance"
#define GGDM_FAMILY_SCORER "scorer"

#define GGDM_MAX_CLASSES 1000
#define GGDM_MAX_TEXT 4096 /* bytes of a text, with its NUL */
#define GGDM_MAX_ITEMS 256 /* nodes of one tree */
#define GGDM_MAX_DEPTH 8

typedef enum ggdm_param_type {
    GGDM_PARAM_REAL,   /* a finite number */
    GGDM_PARAM_WHOLE,  /* an integer */
    GGDM_PARAM_FLAG,   /* true, false */
    GGDM_PARAM_TEXT,   /* UTF-8 without control characters */
    GGDM_PARAM_CHOICE, /* one of names */
    GGDM_PARAM_CLASS,  /* a class of the model in the row `of`, by number or name; what a cell aims
                          at */
    GGDM_PARAM_WINDOW, /* sampler steps: a length from step 0 on, or {start_step, length}; a number
                          with a point is a share of the chain */
    GGDM_PARAM_MODEL,  /* a model by name; in a recipe its digest */
    GGDM_PARAM_FILE,   /* a file by path; in a recipe the digest of its meaning */
    GGDM_PARAM_NODE,   /* a node of a family */
    GGDM_PARAM_NODES,  /* a list of them, named where they say `name` */
    GGDM_PARAM_TYPES
} ggdm_param_type;

/* "real", "whole", ... */
extern const char *const ggdm_param_type_names[];

/* A scalar of any type. */
typedef struct ggdm_scalar {
    int64_t whole;                  /* WHOLE, CLASS; FLAG: 0, 1; CHOICE: its number */
    double real;                    /* REAL; WINDOW: its length */
    double start;                   /* WINDOW: where it begins */
    const char *text;               /* TEXT, MODEL, FILE; CLASS: its name, until it is known which
                                       number that is; NULL: it was given as a number */
    bool start_share, length_share; /* WINDOW: of the chain, not a number of steps */
} ggdm_scalar;

#define GGDM_REAL(x) (&(const ggdm_scalar){.real = (x)})
#define GGDM_WHOLE(x) (&(const ggdm_scalar){.whole = (x)})
#define GGDM_TEXT(x) (&(const ggdm_scalar){.text = (x)})

typedef struct ggdm_param {
    const char *key;   /* in its node */
    const char *axis;  /* short name; NULL: key */
    const char *label; /* for people ("\u03ba"); NULL: the short name */
    ggdm_param_type type;
    bool required;              /* must be given; NODE, NODES: where it goes, its owner goes */
    bool structure;             /* decides the graph; else an input per image */
    double lo, hi;              /* REAL, WHOLE: inclusive; 0, 0: any; NODES: how many */
    bool above;                 /* REAL: greater than lo */
    bool filled;                /* TEXT: of a sweep: more than spaces */
    const char *const *choices; /* CHOICE: names, NULL-terminated */
    const char *family;         /* NODE, NODES */
    const char *of; /* CLASS: key of the MODEL row beside it, or of the stage; TEXT: the same of the
                       model that reads it, which makes it a prompt */
    const char *port;            /* MODEL: that it must have ("eps", "logits") */
    const char *shorthand;       /* of a preset: node of the stage whose row of this key it is */
    const char *takes;           /* MODEL: and what it must be told ("t"); NULL: nothing */
    const ggdm_scalar *fallback; /* default; NULL: none */
    const ggdm_scalar *neutral;  /* at which its node does nothing; NULL: never */
    const char *help;            /* one sentence, with a full stop */
} ggdm_param;

typedef struct ggdm_item ggdm_item;
typedef struct ggdm_catalogue ggdm_catalogue;

/* What a scorer makes of one sample. */
typedef enum ggdm_output {
    GGDM_OUTPUT_NUMBER, /* one number */
    GGDM_OUTPUT_CLASSES /* log probabilities of classes, nats */
} ggdm_output;

typedef struct ggdm_kind {
    const char *family, *name;
    int revision;         /* raised by whatever alters its meaning or bits */
    bool implied;         /* of its family, needs no `kind:` and is not written */
    bool standard;        /* of its family, taken where an owner that requires one has none */
    const char *help;     /* one sentence */
    const char *equation; /* in docs/GUIDANCE.md's notation; NULL */
    const ggdm_param *params;
    size_t n_params;
    const char *scorer;  /* kind of scorer that measures this node of a guidance: rows of equal keys
                            are copied, its row `of` is the node itself; NULL: none */
    const char *measure; /* of such a scorer: its name in results, where it is the only one */
    ggdm_output output;  /* of scorers */
    bool always;         /* a scorer of every sample, asked for or not */

    /** What a preset stands for: *out is another item of its family; NULL: itself. */
    ggdm_status (*expand)(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *preset,
                          ggdm_item **out, ggdm_error *err);
    /** Simplify further, after the rows' neutral values: returns another item of its family (a sum
     *  of one), itself, or NULL where nothing is left that acts; NULL: nothing to simplify. */
    ggdm_item *(*reduce)(ggdm_arena *arena, ggdm_item *item);
    /** What the rows cannot say; NULL: nothing.  Errors: GGDM_EINVAL, ggdm_item_fail. */
    ggdm_status (*check)(const ggdm_item *item, ggdm_error *err);
} ggdm_kind;

#define GGDM_PARAMS(table) .params = (table), .n_params = sizeof(table) / sizeof *(table)

struct ggdm_catalogue {
    const ggdm_kind *const *kinds;
    size_t n_kinds;
};

/** The kind of a family by name; name NULL: the implied one.  NULL: there is none. */
const ggdm_kind *ggdm_catalogue_find(const ggdm_catalogue *c, const char *family, const char *name);
/** The row of a kind by key; NULL: there is none, or no kind. */
const ggdm_param *ggdm_kind_param(const ggdm_kind *kind, const char *key);
/** The short name of a row, its label. */
const char *ggdm_param_axis(const ggdm_param *p);
const char *ggdm_param_label(const ggdm_param *p);
/** "a number above 0", "one of a, b": for messages and help. */
void ggdm_param_expected(const ggdm_param *p, char *text, size_t size);
/** The bounds of a WHOLE row as integers. */
int64_t ggdm_param_lowest(const ggdm_param *p);
int64_t ggdm_param_highest(const ggdm_param *p);
/** Are the rows such that the house can carry them (unique keys, defaults in range, known families,
 *  neutral values that exist, ...)?  For the tests of a catalogue.  Errors: GGDM_EINVAL naming
 *  kind and row. */
ggdm_status ggdm_catalogue_check(const ggdm_catalogue *c, ggdm_error *err);

#endif
