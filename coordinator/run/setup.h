/* A sweep made ready: read, its models opened and checked against it, expanded and planned.  All
 * that can be wrong with the input shows here, before anything is written or started. */
#ifndef GGDM_COORDINATOR_SETUP_H
#define GGDM_COORDINATOR_SETUP_H

#include <argp.h>
#include <stdint.h>

#include "common/hash.h"
#include "common/intern.h"
#include "common/isa.h"
#include "common/status.h"
#include "jobs/cells.h"
#include "jobs/planner.h"
#include "jobs/spec.h"
#include "jobs/store.h"
#include "jobs/store_until.h"
#include "models/model.h"
#include "worker/emit.h"
#include "worker/startup.h"

/* Images of a batch per thread: twice as many are 2 % faster, and workers end at times further
 * apart. */
#define GGDM_DEFAULT_BATCH 8

#define GGDM_MAX_SHARDS 10000

/* From the command line; 0 or NULL: not given. */
typedef struct ggdm_setup_options {
    const char *sweep;               /* path of the sweep file */
    const char *run;                 /* run directory */
    const char *sets[GGDM_MAX_SETS]; /* [n_sets] PATH=VALUE */
    int n_sets;
    int batch, threads;
    bool no_share;     /* every trajectory on its own */
    bool add;          /* to the run that is there */
    int shard, shards; /* a part of the units */
} ggdm_setup_options;

/* The options --run, --set, --threads, --batch and the argument SWEEP.yaml, for commands that take
 * a sweep file: argp children whose input (ARGP_KEY_INIT, child_inputs[0]) is a ggdm_setup_options.
 */
extern const struct argp_child ggdm_setup_children[];

/* A model of the sweep, opened once however it is called. */
typedef struct ggdm_setup_model {
    char *name; /* as the sweep writes it; owned */
    char digest[GGDM_HASH_TEXT_SIZE];
    int32_t files;     /* index into outfit.models */
    ggdm_model *model; /* owned; of another name of the same model: NULL */
} ggdm_setup_model;

typedef struct ggdm_setup {
    ggdm_spec spec;
    char *sweep_text; /* of the file, with what --set says; NUL-terminated */
    char sweep_digest[GGDM_HASH_TEXT_SIZE];
    char *run_dir;
    ggdm_outfit outfit;       /* the job with everything resolved, models' files, pictures */
    ggdm_setup_model *models; /* [n_models] by name */
    int32_t n_models;
    ggdm_model_ref *refs;    /* the models by digest ... */
    ggdm_models known;       /* ... as programs look for them */
    ggdm_intern prompts;     /* with their models, that have been checked */
    ggdm_store_model *files; /* [n_files] what the sweep's paths are of outfit.pictures */
    size_t n_files, files_cap;
    char *notes; /* lines: what was assumed for the sampler, what cells.notes say; NULL */
    ggdm_cells cells;
    ggdm_plan plan; /* of a new run: a stored run keeps the plan it was made with */
    struct ggdm_costs *costs;
    ggdm_coster coster;
    bool no_share, add;
    int32_t shard, shards;
} ggdm_setup;

/** Make a sweep ready for the instruction set isa, or less where the precision needs less
 *  (ggdm_startup_precision); the one in outfit.isa is pinned.  *out must stay where it is: its
 * parts refer to it.  Owned: ggdm_setup_deinit (safe after errors).  Errors: all about the sweep
 * file and the models, with file, position and field. */
ggdm_status ggdm_setup_make(const ggdm_setup_options *options, ggdm_isa isa, ggdm_setup *out,
                            ggdm_error *err);
void ggdm_setup_deinit(ggdm_setup *setup);

/** Can the sweep be run in shards?  Errors: GGDM_EINVAL with the position of what speaks against
 * it.
 */
ggdm_status ggdm_setup_check_shards(const ggdm_setup *setup, ggdm_error *err);

/** Plan setup->cells, anew where a store has some of them. */
ggdm_status ggdm_setup_plan(ggdm_setup *setup, ggdm_error *err);

/** How further rounds of the run's sweeps are planned; borrows setup, once its store is open. */
ggdm_growth ggdm_setup_growth(const ggdm_setup *setup);

typedef enum ggdm_run_state {
    GGDM_RUN_NEW,        /* the directory is absent or empty: everything is to be done */
    GGDM_RUN_ADD,        /* a run of other sweeps, to which this one is to be added */
    GGDM_RUN_STARTED,    /* a run of this sweep with units left */
    GGDM_RUN_UNITS_DONE, /* no unit is left, but archives or the summary are missing */
    GGDM_RUN_COMPLETE    /* nothing is left */
} ggdm_run_state;

/** Look at the run directory without changing it: is it new, or a run of this sweep with these
 *  models and this instruction set, and can it be written?  *counts (may be NULL) gets the counters
 *  of a run that exists.
 *  Errors: GGDM_ESTATE (another sweep, other weights, another instruction set, not a run directory,
 *  in use), GGDM_EIO (cannot be written), those of the store. */
ggdm_status ggdm_setup_run_state(const ggdm_setup *setup, ggdm_run_state *state,
                                 ggdm_store_counts *counts, ggdm_error *err);

/* What the run directory holds, for who only plans. */
typedef struct ggdm_setup_found {
    bool present;   /* a run */
    bool other;     /* ... of other sweeps, to which this one can be added ... */
    ggdm_error why; /* ... or (code not GGDM_OK) that this sweep does not fit */
    double done;    /* part of the run's work, [0, 1] */
    ggdm_store_counts counts;
    ggdm_store_matched matched; /* this sweep's cells, where they can be added */
} ggdm_setup_found;

/** Look at the run directory, whoever owns it, without the right to write.  Of a sweep that can be
 *  added, cells and plan in *setup are then those that the store lacks.
 *  Errors: those of reading the store. */
ggdm_status ggdm_setup_look(ggdm_setup *setup, ggdm_setup_found *out, ggdm_error *err);

/** Open the run's store as its owner; create directory, store and RUN/sweep.yaml where new, or add
 *  the sweep (its cells and plan in *setup are then those that the store lacked).  The outfit has
 *  then the models of all sweeps of the run.
 *  Errors: as above. */
ggdm_status ggdm_setup_open_store(ggdm_setup *setup, ggdm_store **out, ggdm_error *err);

#endif
