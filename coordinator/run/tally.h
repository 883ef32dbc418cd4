/* Per cell: how many images there are and how many are right, for the status file.  Counting a
 * cell means reading its scores, so a refresh looks at few cells, those that changed first in
 * order, and keeps to a budget of time; a figure may lag behind its cell, and says of how many
 * images it is.  In the status file:
 *
 *     "cells": [{"cell": "c0007", "parameters": {"steps": 50, "model": "a"},
 *                "state": "waiting" | "started" | "done" | "cancelled",
 *                "wanted": 200, "done": 24, "diverged": 0, "archived": false,
 *                "n": 24,               images when the measures were read
 *                "measures": {"judge": {"accuracy": 0.5, "accuracy_lo": 0.3, "accuracy_hi": 0.7,
 *                                       "unscored": 1}}}]       classifiers that say something
 *
 * parameters are those that vary in the run. */
#ifndef GGDM_COORDINATOR_TALLY_H
#define GGDM_COORDINATOR_TALLY_H

#include "common/json_write.h"
#include "common/status.h"
#include "jobs/store.h"

#define GGDM_TALLY_MAX_CELLS 2000 /* with more, only totals are kept */

typedef struct ggdm_tally ggdm_tally;

/** The store is borrowed.  Errors: GGDM_ENOMEM, those of the store. */
ggdm_status ggdm_tally_create(ggdm_store *store, ggdm_tally **out, ggdm_error *err);
void ggdm_tally_destroy(ggdm_tally **tally);

/** Read the cells' counters anew, and scores for at most about `seconds`.  Errors: of the store. */
ggdm_status ggdm_tally_refresh(ggdm_tally *tally, double seconds, ggdm_error *err);

/** Write the array "cells", nothing where there are too many. */
void ggdm_tally_put(const ggdm_tally *tally, ggdm_json *j);

#endif
