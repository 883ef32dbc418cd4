/* How the first images of each cell came about, computed once more when all are there:
 *
 *     archive/CELL/trace/000000.png, ...   x_t and x0-hat, a column every so many steps
 *     archive/CELL/trace/000000.csv, ...   losses and gradients, a line for each step
 *     archive/CELL/trace/trace.json        what these are of; written last, when all are there */
#ifndef GGDM_COORDINATOR_TRACE_H
#define GGDM_COORDINATOR_TRACE_H

#include "common/collective.h"
#include "jobs/results.h"
#include "jobs/spec.h"

#define GGDM_TRACE_MARKER "trace.json"
#define GGDM_MAX_TRACE_MARKER ((size_t)4096) /* bytes */

typedef struct ggdm_traced {
    int64_t cells, images; /* made now; images that cells share count once */
    int64_t kept;          /* cells that had theirs */
    int64_t incomplete;    /* cells that have none, as images are missing */
    int64_t differing;     /* images that are not those that are stored */
} ggdm_traced;

/** Trace the complete cells of the run in dir that lack it; what is there of the same cell and
 *  settings stays.  Cells of one trajectory share the work; ranks that have room for the models do
 *  as many trajectories each.  Collective; *out is the same on all ranks.
 *  Errors: those of ggdm_replay_open and ggdm_replay_image; GGDM_EIO. */
ggdm_status ggdm_trace_run(ggdm_world *world, const char *dir, const ggdm_spec_trace *settings,
                           ggdm_traced *out, ggdm_error *err);

/** How many trajectories ggdm_trace_run would compute something of. */
ggdm_status ggdm_trace_missing(ggdm_store *store, const char *dir, const ggdm_spec_trace *settings,
                               int32_t *n, ggdm_error *err);

/** The folder of a cell's traces below dir, in *out (owned). */
ggdm_status ggdm_trace_folder(const char *dir, const ggdm_store_cell *cell, char **out,
                              ggdm_error *err);
/** Copy the traces of a cell, where they are there and of the same recipe, from one run directory
 *  into another.  Errors: GGDM_EIO. */
ggdm_status ggdm_trace_copy(const char *from, const char *to, const ggdm_store_cell *cell,
                            ggdm_error *err);

#endif
