/* A network as declared: its graph is built for two images or texts, not compiled. */
#ifndef GGDM_TESTS_SUPPORT_BUILT_ARCH_H
#define GGDM_TESTS_SUPPORT_BUILT_ARCH_H

#include "models/arch/arch.h"
#include "tests/support/ggdm_test.h"

typedef struct ggdm_built {
    ggdm_arch *arch;
    ggdm_graph *graph;
    ggdm_ports ports;
    ggdm_shape out; /* of the first thing that it gives */
} ggdm_built;

/** Fails the test where the config is not good. */
ggdm_built ggdm_built_open(const char *config);
void ggdm_built_close(ggdm_built *built);

int64_t ggdm_built_parameters(const ggdm_built *built); /* numbers in them */
/** The parameter of a name; find: whether there is one, param: fails the test where there is none.
 */
bool ggdm_built_find(const ggdm_built *built, const char *name, ggdm_param_info *out);
ggdm_param_info ggdm_built_param(const ggdm_built *built, const char *name);

/** The parameters that a config declares are those of a list of a public checkpoint, lines of
 *  "NAME<tab>(256, 128, 3, 3)": so many tensors, of count numbers. */
void ggdm_built_check_list(const char *config, const char *list, int tensors, int64_t count);

#endif
