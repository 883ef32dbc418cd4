/* What comes with the program: models, recipes, examples.  It is in the tree in which the program
 * was built (build/release/ggdm) or below PREFIX/share/ggdm (PREFIX/bin/ggdm), and found by the
 * program's own path, so that an installed tree may be moved. */
#ifndef GGDM_COMMON_SHIPPED_H
#define GGDM_COMMON_SHIPPED_H

#include <stddef.h>

#include "common/status.h"

/** The folder of the running program with tail appended, cut to size. */
void ggdm_beside_program(const char *tail, char *out, size_t size);

/** The file that a user means by a path as documentation has it, "examples/mnist-demo.yaml": the
 * one of this name here, else the one that comes with the program, else the name itself. *out
 * owned: free().  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_shipped_file(const char *name, char **out, ggdm_error *err);

#endif
