/* The part of a setup that is about models, for coordinator/run/setup.c. */
#ifndef GGDM_COORDINATOR_SETUP_MODELS_H
#define GGDM_COORDINATOR_SETUP_MODELS_H

#include "coordinator/run/setup.h"

/* What each role is called in a sweep file. */
extern const char *const ggdm_role_fields[GGDM_N_ROLES];

/** Find and open the models of setup->sweep, and check that they are what the sweep needs: files,
 *  info and notes of *setup are filled.  Errors: those of the files, with position and field. */
ggdm_status ggdm_setup_open_models(ggdm_setup *setup, ggdm_error *err);

/** The targets of setup->cells must be classes of both classifiers.  Errors: GGDM_EINVAL. */
ggdm_status ggdm_setup_check_targets(const ggdm_setup *setup, ggdm_error *err);

#endif
