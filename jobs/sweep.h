/* The sweep file (docs/SWEEP.md): parsed, checked, normalised. */
#ifndef GGDM_JOBS_SWEEP_H
#define GGDM_JOBS_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fields.h"
#include "common/hash.h"
#include "common/status.h"
#include "jobs/messages.h"

typedef enum ggdm_axis {
    GGDM_AXIS_KAPPA,
    GGDM_AXIS_DURATION,
    GGDM_AXIS_TARGET,
    GGDM_AXIS_START, /* of windows: written as values of the axis duration, always with it */
    GGDM_N_AXES
} ggdm_axis;

/* "kappa", "duration", "target", "start", NULL. */
extern const char *const ggdm_axis_names[];

typedef enum ggdm_order { GGDM_ORDER_COST, GGDM_ORDER_SHUFFLE } ggdm_order;

/* "cost", "shuffle", NULL. */
extern const char *const ggdm_order_names[];

/* One factor of the product: an axis, or several of equal length joined by `zip:`. */
typedef struct ggdm_axis_group {
    size_t count;                /* number of values, at least 2 */
    double *values[GGDM_N_AXES]; /* [count] each, owned; NULL where the axis is not in the group */
} ggdm_axis_group;

typedef struct ggdm_sweep {
    char *where; /* file name, for messages */
    char *name;  /* letters, digits, '.', '_', '-'; at most 64: also the default run directory */
    char *model; /* as written: a zoo name or a directory */
    char *guide; /* guidance.loss.model; NULL: unguided */
    char *judge; /* or NULL */

    /* seed, steps, variance, clip_x0, gradient, form, checkpoint; precision as written (may be
     * GGDM_PRECISION_AUTO); batch and threads as written, 0 where absent: the caller resolves these
     * three. */
    ggdm_job job;
    int32_t samples; /* images per cell */

    ggdm_order order; /* in which units run; operational, like batch and threads */

    /* Axes with one value are folded into this; an unguided sweep has kappa, duration and start 0,
     * target -1. */
    double fixed[GGDM_N_AXES];
    ggdm_axis_group groups[GGDM_N_AXES]; /* in file order: the first varies slowest */
    int n_groups;
    int64_t n_cells; /* product of the groups' counts */

    ggdm_doc *doc; /* for positions in later messages; owned */
} ggdm_sweep;

/** Parse and check a sweep text.  *out is filled; owned: ggdm_sweep_deinit (safe after an error).
 *  Errors: GGDM_EFORMAT, GGDM_EINVAL "FILE:LINE:COLUMN: field 'F': value 'V', expected ...". */
ggdm_status ggdm_sweep_parse(const char *text, size_t size, const char *where, ggdm_sweep *out,
                             ggdm_error *err);
void ggdm_sweep_deinit(ggdm_sweep *sweep);

/** Put "FILE:LINE:COLUMN: field 'FIELD': " in front of the message in err, for errors found later
 *  (a model that is missing); field is a path such as "guidance.loss.model".  Returns err's code.
 */
ggdm_status ggdm_sweep_blame(const ggdm_sweep *sweep, const char *field, ggdm_error *err);

/** Normalised text, one "key: value" per line, in *out (owned): equal for sweeps that ask for the
 *  same results.  Comments, layout, the way an axis is written, and the operational keys batch,
 *  threads, checkpoint and order do not matter; the name and the order of axes (it numbers the
 *  cells) do. */
ggdm_status ggdm_sweep_canonical(const ggdm_sweep *sweep, char **out, ggdm_error *err);

/** SHA-256 of the canonical text. */
ggdm_status ggdm_sweep_digest(const ggdm_sweep *sweep, uint8_t digest[GGDM_HASH_SIZE],
                              ggdm_error *err);

/** Is sweep the one a run was made from?  Errors: GGDM_ESTATE naming the first line that differs.
 */
ggdm_status ggdm_sweep_same(const ggdm_sweep *run, const ggdm_sweep *sweep, ggdm_error *err);

#endif
