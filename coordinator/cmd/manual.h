/* Man pages and shell completions, made from what `--help` is made from: the table of commands and
 * each command's argp. */
#ifndef GGDM_COORDINATOR_MANUAL_H
#define GGDM_COORDINATOR_MANUAL_H

#include <argp.h>
#include <stdio.h>

#include "common/status.h"
#include "coordinator/cmd/command.h"

/* What the whole program tells about itself; all borrowed. */
typedef struct ggdm_book {
    const ggdm_command *commands; /* rows without a run are titles of groups */
    size_t n;
    const ggdm_note *exit_codes, *environment; /* the last one has no name */
} ggdm_book;

/** Write man/man1, bash-completion/completions/ggdm and zsh/site-functions/_ggdm below dir,
 *  which is a share/ directory, or will be.  Errors: those of writing files. */
ggdm_status ggdm_manual_write(const ggdm_book *book, const char *dir, ggdm_error *err);

/* The page of the program, and that of a command. */
void ggdm_manual_overview(FILE *out, const ggdm_book *book);
void ggdm_manual_page(FILE *out, const ggdm_book *book, const ggdm_command *command);

#endif
