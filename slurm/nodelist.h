/* Lists of nodes as Slurm writes them: "login,rack[0-1]n[01-12,20]". */
#ifndef GGDM_SLURM_NODELIST_H
#define GGDM_SLURM_NODELIST_H

#include "common/status.h"

/** Called with each name, in order; what it returns ends the list unless it is GGDM_OK. */
typedef ggdm_status (*ggdm_slurm_node_visitor)(void *context, const char *name, ggdm_error *err);

/** Errors: GGDM_EINVAL for what is no such list, names of more than 255 bytes, more than 65536. */
ggdm_status ggdm_slurm_each_node(const char *list, ggdm_slurm_node_visitor visit, void *context,
                                 ggdm_error *err);

#endif
