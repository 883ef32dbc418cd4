/* A catalogue of toy kinds with parameters of every type: what the house carries must not depend on
 * what the program's own methods happen to be. */
#ifndef GGDM_TESTS_SUPPORT_TOY_CATALOGUE_H
#define GGDM_TESTS_SUPPORT_TOY_CATALOGUE_H

#include "jobs/cells.h"

extern const ggdm_catalogue ggdm_toy_catalogue;

/** Digests are SHA-256 of names; every model has 10 classes.  A name "missing" is not found. */
ggdm_resolver ggdm_toy_resolver(void);

#endif
