/* Documents (YAML or JSON) as one neutral tree of nodes, and a table-driven reader that fills a
 * struct from a map.  common/yaml.h and common/json.h make the trees.
 *
 *     static const ggdm_field table[] = {
 *         {"steps", GGDM_FIELD_INT32, offsetof(spec, steps), .required = true, .lo = 1, .hi = 1e5},
 *         {"kind", GGDM_FIELD_CHOICE, offsetof(spec, kind), .choices = kind_names},
 *         {0}};
 *     spec s = {.kind = KIND_DEFAULT};          // defaults first: absent fields stay untouched
 *     st = ggdm_fields_read(doc->root, table, NULL, &s, err);
 *     ...
 *     ggdm_fields_release(table, &s);           // also after a failed read
 *
 * Errors read "FILE:LINE:COLUMN: field 'sampler.steps': value 'x', expected an integer ..." (JSON:
 * "FILE: field ...", the library keeps no positions). */
#ifndef GGDM_COMMON_FIELDS_H
#define GGDM_COMMON_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/arena.h"
#include "common/status.h"

typedef enum ggdm_node_kind {
    GGDM_NODE_NULL,
    GGDM_NODE_BOOL,
    GGDM_NODE_INT,
    GGDM_NODE_REAL,
    GGDM_NODE_STRING,
    GGDM_NODE_LIST,
    GGDM_NODE_MAP
} ggdm_node_kind;

typedef struct ggdm_doc ggdm_doc;
typedef struct ggdm_node ggdm_node;

/* Read only outside common/.  Walk a list or map: for (n = node->first; n; n = n->next). */
struct ggdm_node {
    const ggdm_doc *doc;
    const ggdm_node *parent; /* NULL: the root */
    const ggdm_node *first;  /* children of a list or map */
    ggdm_node *last;
    const ggdm_node *next; /* next sibling */
    size_t count;          /* number of children */
    size_t index;          /* position among its siblings */
    const char *key;       /* name in a map, else NULL */
    const char *text;      /* scalars as written (strings: their value); never NULL */
    int line, column;      /* of the value, from 1; 0: unknown */
    int key_line, key_column;
    ggdm_node_kind kind;
    bool boolean;
    bool negative;      /* GGDM_NODE_INT: sign */
    uint64_t magnitude; /* GGDM_NODE_INT: absolute value */
    double real;        /* GGDM_NODE_INT and GGDM_NODE_REAL; may be inf or nan in YAML */
};

struct ggdm_doc {
    char *where; /* file name, for messages; owned */
    const ggdm_node *root;
    ggdm_arena arena; /* of nodes and texts: pointers into a document stay valid */
    size_t n_nodes, max_nodes;
};

/** Free a document and everything that points into it; sets *doc to NULL. */
void ggdm_doc_destroy(ggdm_doc **doc);

/** The child of a map with this key, or NULL (also of what is no map, and of NULL). */
const ggdm_node *ggdm_node_get(const ggdm_node *map, const char *key);
/** The same, or the map itself where it has no such key: the place that an error is about. */
const ggdm_node *ggdm_node_at(const ggdm_node *map, const char *key);

/** The first entry of a map, whose entries have keys; NULL of all else (a list's items have none).
 */
const ggdm_node *ggdm_node_entries(const ggdm_node *map);

/** Fail with position and path in front: "FILE:LINE:COLUMN: field 'a.b[2]': TEXT" (GGDM_EINVAL). */
ggdm_status ggdm_node_fail(const ggdm_node *node, ggdm_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** The same with the position of the key, for keys that should not be there. */
ggdm_status ggdm_node_fail_key(const ggdm_node *node, ggdm_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Fail with "...: value 'VALUE', expected EXPECTED". */
ggdm_status ggdm_node_expected(const ggdm_node *node, ggdm_error *err, const char *expected, ...)
    __attribute__((format(printf, 3, 4)));

typedef enum ggdm_field_type {
    GGDM_FIELD_BOOL,    /* bool */
    GGDM_FIELD_INT32,   /* int32_t (an int) */
    GGDM_FIELD_INT64,   /* int64_t */
    GGDM_FIELD_UINT64,  /* uint64_t */
    GGDM_FIELD_DOUBLE,  /* double, finite; integers are welcome */
    GGDM_FIELD_STRING,  /* char *, owned; not empty */
    GGDM_FIELD_CHOICE,  /* int or enum: index into .choices */
    GGDM_FIELD_DOUBLES, /* ggdm_doubles, owned */
    GGDM_FIELD_INTS,    /* ggdm_ints, owned */
    GGDM_FIELD_STRINGS, /* ggdm_strings, owned */
    GGDM_FIELD_NODE     /* const ggdm_node *, borrowed from the document */
} ggdm_field_type;

typedef struct ggdm_doubles {
    double *data;
    size_t count;
} ggdm_doubles;

typedef struct ggdm_ints {
    int32_t *data;
    size_t count;
} ggdm_ints;

typedef struct ggdm_strings {
    char **data;
    size_t count;
} ggdm_strings;

typedef struct ggdm_field {
    const char *key; /* NULL ends the table */
    ggdm_field_type type;
    size_t offset;              /* into the struct that is filled */
    bool required;              /* otherwise absent (or null) leaves the struct untouched */
    double lo, hi;              /* inclusive range of numbers, of each item in lists; 0, 0: any */
    const char *const *choices; /* GGDM_FIELD_CHOICE: names, NULL-terminated */
    const char *expected;       /* text for messages; NULL: made from type, range and choices */
    const char *help;           /* one sentence for the documentation */
} ggdm_field;

/** Fill *out from a map.  Unknown keys are errors (with "did you mean" where one is close) unless
 *  listed in ignore (NULL-terminated, may be NULL; the entry "*" ignores all of them).  Owned
 *  values already in *out are freed when replaced, so defaults must be heap memory or NULL.
 *  Errors: GGDM_EINVAL with position, GGDM_ENOMEM; *out is then partly filled and can be
 *  released. */
ggdm_status ggdm_fields_read(const ggdm_node *map, const ggdm_field *table,
                             const char *const *ignore, void *out, ggdm_error *err);

/** Read one node as table row says, into its place in *out. */
ggdm_status ggdm_field_read(const ggdm_node *node, const ggdm_field *field, void *out,
                            ggdm_error *err);

/** The rows of a table with a help text as rows of Markdown: "| `PREFIX.KEY` | type | default |
 * help
 *  |".  Defaults are those of the struct that would be filled. */
void ggdm_fields_print(FILE *out, const char *prefix, const ggdm_field *table,
                       const void *defaults);

/** Free the owned strings and lists and null them. */
void ggdm_fields_release(const ggdm_field *table, void *out);

/* One node as one value; lo == hi == 0: any.  Errors: GGDM_EINVAL with position. */
ggdm_status ggdm_node_int(const ggdm_node *node, int64_t lo, int64_t hi, int64_t *out,
                          ggdm_error *err);
ggdm_status ggdm_node_uint(const ggdm_node *node, uint64_t lo, uint64_t hi, uint64_t *out,
                           ggdm_error *err);
ggdm_status ggdm_node_double(const ggdm_node *node, double lo, double hi, double *out,
                             ggdm_error *err);
/** The integer that a map (NULL: empty) has under this key, for display and sums: within 2^53, so
 *  that thousands may be added and none is lost in a double; otherwise where there is none. */
int64_t ggdm_node_count(const ggdm_node *map, const char *key, int64_t otherwise);
/** Borrowed from the document; may be empty. */
ggdm_status ggdm_node_string(const ggdm_node *node, const char **out, ggdm_error *err);

/* For the front ends (yaml.c, json.c) only. */
ggdm_status ggdm_doc_create(const char *where, size_t max_nodes, ggdm_doc **out, ggdm_error *err);
/** A new child of parent (NULL: the root); text and key are copied. */
ggdm_status ggdm_doc_add(ggdm_doc *doc, const ggdm_node *parent, const char *key, const char *text,
                         ggdm_node **out, ggdm_error *err);

#endif
