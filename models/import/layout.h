/* Layouts of other people's weights: how one is told, and how its tensors become those of a network
 * of ours.  A layout is a file, models/import/layout_NAME.c, and a line in layouts.c; how its
 * tensors are renamed and reshaped is data, rules in a table.  A classifier that is a plain
 * sequence becomes a TorchSequential (models/arch/sequential.h), whose layers may have any names:
 * then there are no rules, and config writes the layers.
 *
 * In names '*' stands for a number: "blocks.*.attn.weight"; in the n-th '*' of what a rule makes of
 * it that of the n-th comes back. */
#ifndef GGDM_MODELS_IMPORT_LAYOUT_H
#define GGDM_MODELS_IMPORT_LAYOUT_H

#include "common/fields.h"
#include "common/json_write.h"
#include "models/io/safetensors.h"

/* The tensors of a source under the names that its layout has (without what stands in front of all
 * of them: "module."), sorted by these. */
typedef struct ggdm_named {
    const char *where; /* for messages */
    const ggdm_st_tensor *tensors;
    size_t n;
} ggdm_named;

typedef enum ggdm_layout_how {
    GGDM_LAYOUT_KEEP,      /* as it is */
    GGDM_LAYOUT_TRANSPOSE, /* [a, b] -> [b, a] */
    GGDM_LAYOUT_SPLIT,     /* [k a, ...] -> one of [a, ...] for each name of the rule, in order */
    GGDM_LAYOUT_LEAVE_OUT,
} ggdm_layout_how;

enum { GGDM_LAYOUT_PARTS = 3 };

typedef struct ggdm_layout_rule {
    const char *from; /* NULL ends a table */
    const char *to[GGDM_LAYOUT_PARTS];
    ggdm_layout_how how;
} ggdm_layout_rule;

typedef struct ggdm_layout {
    const char *name;              /* for people: "CLIP of OpenAI" */
    const char *class_name;        /* of the network that it becomes */
    const char *const *has;        /* names that it always has; the first without '*' */
    const char *const *lacks;      /* those that it never has, may have '*'; NULL: none */
    const ggdm_layout_rule *rules; /* the first that fits a name counts; what none fits keeps its
                                      name; NULL: all do */
    /** Write the keys of config.json into the open object, from shapes, where these tell all, or
     *  from a file of other keys (said, or NULL) that the user gave.  NULL: shapes do not tell, the
     *  source must have a config.json of class_name.  Errors: those that name what is missing. */
    ggdm_status (*config)(const ggdm_named *tensors, const ggdm_node *said, ggdm_json *config,
                          ggdm_error *err);
    /** The same for scheduler_config.json, where none is there; NULL: none is written. */
    ggdm_status (*scheduler)(const ggdm_named *tensors, const ggdm_node *said, ggdm_json *scheduler,
                             ggdm_error *err);
} ggdm_layout;

/* All, special ones in front of general ones; ends with NULL. */
extern const ggdm_layout *const ggdm_layouts[];

/** Sort n tensors (borrowed from then on) and look at their extents, which layouts multiply.
 *  Errors: GGDM_EFORMAT naming one that is above INT32_MAX, as that of a tensor without elements
 *  may be. */
ggdm_status ggdm_named_init(const char *where, ggdm_st_tensor *tensors, size_t n, ggdm_named *out,
                            ggdm_error *err);
/** The tensor of this name (no '*'), or NULL. */
const ggdm_st_tensor *ggdm_named_find(const ggdm_named *tensors, const char *name);
/** The same; it must be there with so many dimensions, each of at least 1.  Errors: GGDM_EFORMAT.
 */
ggdm_status ggdm_named_get(const ggdm_named *tensors, const char *name, int n_dims,
                           const ggdm_st_tensor **out, ggdm_error *err);
/** That of this number in the place of the '*', or NULL. */
const ggdm_st_tensor *ggdm_named_at(const ggdm_named *tensors, const char *pattern, int k);
/** How many numbers 0, 1, 2 ... in the place of the '*' have a tensor. */
int ggdm_named_count(const ggdm_named *tensors, const char *pattern);

/** Does a name fit a pattern?  What its '*' stand for goes to numbers (may be NULL). */
enum { GGDM_LAYOUT_NUMBERS = 4 };
typedef struct ggdm_layout_numbers {
    const char *text[GGDM_LAYOUT_NUMBERS];
    int size[GGDM_LAYOUT_NUMBERS], n;
} ggdm_layout_numbers;
bool ggdm_layout_match(const char *pattern, const char *name, ggdm_layout_numbers *numbers);
/** The name that a pattern and numbers make, in *out (owned).  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_layout_name(const char *pattern, const ggdm_layout_numbers *numbers, char **out,
                             ggdm_error *err);

extern const ggdm_layout ggdm_layout_unet2d, ggdm_layout_unet2d_condition, ggdm_layout_clip,
    ggdm_layout_clip_openai, ggdm_layout_inception, ggdm_layout_adm, ggdm_layout_adm_classifier,
    ggdm_layout_ggdm_unet, ggdm_layout_lenet, ggdm_layout_lenet_large;

#endif
