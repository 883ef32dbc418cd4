/* The sweep file: read against a catalogue, with its axes; and its tree with a cell's values put
 * in.
 *
 * jobs/ knows the skeleton: name, model, sampler, condition, guidance, seed (one stage: the rows of
 * ggdm_kind_stage), sweep, samples, until, judge, evaluate, record, trace, precision, batch,
 * threads, checkpoint, order.  All else is rows. */
#ifndef GGDM_JOBS_SPEC_H
#define GGDM_JOBS_SPEC_H

#include "common/hash.h"
#include "jobs/item.h"
#include "jobs/messages.h"
#include "jobs/until.h"

#define GGDM_MAX_AXES 16 /* groups of them */
#define GGDM_MAX_CELLS 1000000
#define GGDM_MAX_SETS 64
#define GGDM_MAX_SAMPLES 100000000
#define GGDM_MAX_SHEET 100
#define GGDM_MAX_FILES 16 /* of prompts */

typedef enum ggdm_order { GGDM_ORDER_COST, GGDM_ORDER_SHUFFLE } ggdm_order;

/* "cost", "shuffle", NULL. */
extern const char *const ggdm_order_names[];

/* A parameter of the tree and the values it takes: one, unless it is an axis.  Axes that are joined
 * by `zip:` have the same stride. */
typedef struct ggdm_parameter {
    const char *path; /* "guidance.loss.target" */
    const char *name; /* "target": the short name where it is unique in this tree, else the path */
    const char *label;
    const ggdm_param *row;
    ggdm_value *slot;     /* in the tree */
    int64_t stride;       /* cell i has value (i / stride) % count */
    int32_t count;        /* of values, at least 1 */
    ggdm_scalar *values;  /* [count]; where count is 1, perhaps the row's default */
    const ggdm_node **at; /* [count] where they stand; NULL */
    bool known;           /* it has a value at all (no default, not given: none) */
    int32_t judge;        /* whose target it is, no parameter of the tree; -1 */
} ggdm_parameter;

/* A scorer that the sweep asks for, of images of any cell. */
typedef struct ggdm_judge {
    const char *name;  /* in results: "judge", the others by their models, or as given */
    ggdm_item *item;   /* of GGDM_FAMILY_SCORER */
    ggdm_value target; /* the class that a cell's images are asked for, where it says so */
} ggdm_judge;

/* Metrics that the run is given when all images are there, as `ggdm evaluate` takes them. */
typedef struct ggdm_evaluation {
    const char *metrics; /* names, joined by commas */
    char *features;      /* owned; NULL: not said */
    char *reference;     /* owned; NULL: not said */
    const ggdm_node *at; /* where the metrics stand */
} ggdm_evaluation;

/* Images whose way from noise is shown when all are there, as `ggdm trace` takes them. */
#define GGDM_MAX_TRACED 1000
typedef struct ggdm_spec_trace {
    int32_t images; /* the first ones of each cell; 0: none */
    int32_t every;  /* steps between two pictures; 0: not said */
} ggdm_spec_trace;

/* A file of prompts. */
typedef struct ggdm_spec_file {
    const ggdm_node *node; /* where the sweep names it */
    ggdm_doc *doc;         /* owned: a list of texts */
} ggdm_spec_file;

typedef struct ggdm_spec {
    char *where; /* file name, for messages */
    ggdm_doc *doc;
    ggdm_doc *sets[GGDM_MAX_SETS]; /* [n_sets] the values of --set, which positions point into */
    int n_sets;
    ggdm_spec_file files[GGDM_MAX_FILES]; /* [n_files] which positions point into, too */
    int n_files;
    ggdm_arena arena; /* of all below */
    const ggdm_catalogue *catalogue;

    char *name; /* letters, digits, '.', '_', '-'; at most 64: also the default run directory */
    ggdm_item *stage;           /* the tree; parameters' slots point into it */
    ggdm_parameter *parameters; /* [n_parameters], in the order of the tree */
    int32_t n_parameters;
    int32_t class_parameter; /* what a cell aims at: a judge's target, else the first of type class
                                in its guidance, else in its condition; -1: none */
    int32_t class_numbers;   /* the same as numbers within groups of classes (jobs/aims.h), where it
                                is not such a number itself; -1 */
    ggdm_judge *judges;      /* [n_judges] */
    int32_t n_judges;
    ggdm_evaluation *evaluations; /* [n_evaluations]; change no image */
    int32_t n_evaluations;
    ggdm_spec_trace trace; /* changes no image */
    int32_t samples;       /* images per cell; with until: of its first round */
    ggdm_until until;      /* when the sweep is done; at_most 0: when it has these images */
    int64_t n_cells;       /* product of the axes */
    ggdm_job job;          /* as written: precision may be AUTO, batch and threads 0 */
    ggdm_order order;      /* in which units run; operational, like batch and threads */
    int32_t sheet;         /* images of each cell on the sheet over all; 0: not said */
} ggdm_spec;

/** Read and check a sweep text.
 *  sets      [n_sets] of "PATH=VALUE" (--set): the value is YAML, put in place of what the text
 * says; a value for an axis takes the axis away *out is owned: ggdm_spec_deinit (safe after an
 * error).  Errors: GGDM_EFORMAT, GGDM_EINVAL "FILE:LINE:COLUMN: field 'F': value 'V', expected
 * ...". */
ggdm_status ggdm_spec_parse(const ggdm_catalogue *c, const char *text, size_t size,
                            const char *where, const char *const *sets, int n_sets, ggdm_spec *out,
                            ggdm_error *err);
void ggdm_spec_deinit(ggdm_spec *spec);

/** The text of a file that says alone what text says with its files of prompts and these --set: the
 *  prompts stand in place of a file's name, the sets in the last key `set`, a list.  *out owned.
 *  Errors: GGDM_EINVAL where the file has a `set` that is not its last key. */
ggdm_status ggdm_spec_freeze(const ggdm_spec *spec, const char *text, const char *const *sets,
                             int n_sets, char **out, ggdm_error *err);

/** What its images are compared by; borrowed. */
const char *ggdm_evaluation_features(const ggdm_evaluation *e);

/** Which of its values a parameter has in a cell. */
int64_t ggdm_parameter_index(const ggdm_parameter *parameter, int64_t cell);
/** The value of a parameter in a cell; borrowed. */
const ggdm_scalar *ggdm_spec_value(const ggdm_spec *spec, int32_t parameter, int64_t cell);
/** Add what a cell aims at as numbers, at first those that are given, and -1 for names:
 *  spec->class_numbers. */
ggdm_status ggdm_spec_add_numbers(ggdm_spec *spec, ggdm_error *err);
/** Put a cell's values into spec->stage, which is the cell's until the next call. */
void ggdm_spec_put_cell(ggdm_spec *spec, int64_t cell);

/** Put "FILE:LINE:COLUMN: field 'FIELD': " in front of the message in err, for errors found later;
 *  field is a path such as "guidance.loss.model".  Returns err's code. */
ggdm_status ggdm_spec_blame(const ggdm_spec *spec, const char *field, ggdm_error *err);

/** SHA-256 of all that makes two sweeps the same: name, tree with its axes in their order, samples,
 *  until, judges, precision; not comments, layout, or the operational keys batch, threads,
 *  checkpoint, order, sheet, nor `evaluate`, `record` and `trace`. */
ggdm_status ggdm_spec_digest(const ggdm_spec *spec, uint8_t digest[GGDM_HASH_SIZE],
                             ggdm_error *err);
/** Is spec the sweep a run was made from?  Errors: GGDM_ESTATE naming the first thing that differs.
 */
ggdm_status ggdm_spec_same(const ggdm_spec *run, const ggdm_spec *spec, ggdm_error *err);

#endif
