/* A node of a sweep or a recipe: a kind with the values of its rows.  Items form trees, live in an
 * arena, and are plain data: read from documents (YAML of a sweep, JSON of a recipe), copied,
 * printed as canonical text. */
#ifndef GGDM_JOBS_ITEM_H
#define GGDM_JOBS_ITEM_H

#include "common/fields.h"
#include "common/json_write.h"
#include "jobs/catalogue.h"

typedef struct ggdm_value {
    bool set; /* given; otherwise the row's default holds (is in scalar, if any) */
    ggdm_scalar scalar;
    ggdm_item *items;    /* NODE, NODES: the first, or NULL */
    const ggdm_node *at; /* where it stands in a document; NULL */
} ggdm_value;

struct ggdm_item {
    const ggdm_kind *kind;
    const char *name;    /* of a member of a list, given or made; else NULL */
    bool named;          /* it was given */
    const ggdm_node *at; /* NULL */
    ggdm_item *next;     /* of a list */
    ggdm_value values[]; /* [kind->n_params], as its rows */
};

/** An item whose values are the rows' defaults. */
ggdm_status ggdm_item_create(ggdm_arena *arena, const ggdm_kind *kind, ggdm_item **out,
                             ggdm_error *err);
/** A deep copy.  Texts are shared with the original. */
ggdm_status ggdm_item_copy(ggdm_arena *arena, const ggdm_item *item, ggdm_item **out,
                           ggdm_error *err);
/** A deep copy without the nodes that a filter does not keep, and without owners that required
 * them: *out NULL: nothing is left. */
typedef bool (*ggdm_item_filter)(void *context, const ggdm_item *item);
ggdm_status ggdm_item_copy_kept(ggdm_arena *arena, const ggdm_item *item, ggdm_item_filter keep,
                                void *context, ggdm_item **out, ggdm_error *err);

/** The value of a row by key; it must exist. */
ggdm_value *ggdm_item_value(const ggdm_item *item, const char *key);
/* What an implementation asks. */
double ggdm_item_real(const ggdm_item *item, const char *key);
int64_t ggdm_item_whole(const ggdm_item *item, const char *key);
bool ggdm_item_flag(const ggdm_item *item, const char *key);
const char *ggdm_item_text(const ggdm_item *item, const char *key); /* CHOICE: its name */
ggdm_item *ggdm_item_child(const ggdm_item *item, const char *key); /* NODE, NODES: the first */
/** What stands in the MODEL row that a class or a prompt is of: beside it, else of the stage (NULL:
 *  not asked); NULL: nothing. */
const char *ggdm_item_model_of(const ggdm_item *item, const ggdm_item *stage,
                               const ggdm_param *row);
/** May prompts of this item be cut where they are too long (its row `truncate`)? */
bool ggdm_item_truncates(const ggdm_item *item);
/* What a preset's expansion sets. */
void ggdm_item_set(ggdm_item *item, const char *key, ggdm_scalar scalar);
void ggdm_item_set_child(ggdm_item *item, const char *key, ggdm_item *child);

/* Whose words a document uses. */
typedef enum ggdm_dialect {
    GGDM_OF_SWEEP, /* of a user: names, windows, defaults left to the program */
    GGDM_OF_RECIPE /* of the canonical text: digests, no windows, no names, revisions count */
} ggdm_dialect;

/** Read a node of a document (a map; where the family has an implied kind, `kind` may be absent)
 *  against the rows: unknown keys and wrong values are errors with position.  What is required is
 *  not asked for yet: ggdm_item_check, when all that may give it has been read.
 *  ignore    keys that are not this reader's, NULL-terminated; NULL: none
 *  Errors: GGDM_EINVAL, GGDM_EFORMAT (depth, number of nodes), GGDM_EUNSUPPORTED (kind or revision
 *  of a recipe). */
ggdm_status ggdm_item_read(const ggdm_catalogue *c, ggdm_arena *arena, const char *family,
                           const ggdm_node *node, const char *const *ignore, ggdm_dialect dialect,
                           ggdm_item **out, ggdm_error *err);
/** May a member of a list, or a measure, be called so? */
bool ggdm_item_is_name(const char *text);
/** Is all there that is required, and as the kinds want it?  Errors: GGDM_EINVAL with position. */
ggdm_status ggdm_item_check(const ggdm_item *item, ggdm_error *err);
/** Read one scalar as a row says. */
ggdm_status ggdm_scalar_read(ggdm_arena *arena, const ggdm_param *p, const ggdm_node *node,
                             ggdm_dialect dialect, ggdm_scalar *out, ggdm_error *err);
/** Does a value of a prompt's row name a file of prompts ("@prompts.txt")?  One that stands alone
 *  does, in a list it is a text. */
bool ggdm_is_prompt_file(const ggdm_param *p, const ggdm_node *node);
/** Fail at the place of a row's value, or of the item where it has none. */
ggdm_status ggdm_item_fail(const ggdm_item *item, const char *key, ggdm_error *err,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));

/** Do a and b mean the same for a row of this type? */
bool ggdm_scalar_equal(ggdm_param_type type, const ggdm_scalar *a, const ggdm_scalar *b);
/** For people and columns: "0.1", "250+100", "true", a name. */
void ggdm_scalar_text(const ggdm_param *p, const ggdm_scalar *v, char *text, size_t size);

/** Write the item as canonical JSON (docs/decisions/016): keys in the order of the rows, `kind`
 *  first unless implied, `revision` where it is not 0, defaults left out.
 *  program  value rows are written as null, whether at their default or not
 *  skip     key of the top item's row that is left out; NULL: none */
void ggdm_item_print(const ggdm_item *item, bool program, const char *skip, ggdm_json *j);

/* A visit of every value of a tree, in the order of the rows, children after their row. */
typedef ggdm_status (*ggdm_value_visitor)(void *context, const ggdm_item *item,
                                          const ggdm_param *row, ggdm_value *value,
                                          const char *path, ggdm_error *err);
/** path is that of the value below root ("guidance.loss.target"): members of lists go by their name
 *  and without the list's key.  Parameters of NODE and NODES rows themselves are not visited. */
ggdm_status ggdm_item_visit(ggdm_item *root, ggdm_value_visitor visit, void *context,
                            ggdm_error *err);

/** Forget where values stand in a document, which may then go. */
void ggdm_item_forget_places(ggdm_item *item);

/** The tree without what does nothing: nodes at a neutral value, and owners that required them.
 *  NULL: nothing is left.  Doing it twice changes nothing. */
ggdm_item *ggdm_item_reduce(ggdm_arena *arena, ggdm_item *item);
/** The tree with presets expanded, everywhere. */
ggdm_status ggdm_item_expand(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *item,
                             ggdm_item **out, ggdm_error *err);

#endif
