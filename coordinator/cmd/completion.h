/* Completions for bash and zsh.  What may stand for an argument follows from how help writes it:
 * `a|b` are words, DIR and MODEL directories, FILE files, *.yaml such files, N and the like are not
 * completed. */
#ifndef GGDM_COORDINATOR_COMPLETION_H
#define GGDM_COORDINATOR_COMPLETION_H

#include <stddef.h>
#include <stdio.h>

#include "coordinator/cmd/command.h"

/* The file that a shell reads, of the n rows of the table of commands. */
void ggdm_completion_bash(FILE *out, const ggdm_command *commands, size_t n);
void ggdm_completion_zsh(FILE *out, const ggdm_command *commands, size_t n);

#endif
