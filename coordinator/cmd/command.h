/* The commands of the program.  `ggdm NAME ARG...` calls ggdm_cmd_NAME(argc, argv) with argv[0] =
 * "ggdm NAME", so argp prints the right usage line.  A command parses its arguments with
 * ggdm_command_parse (argp; --help and usage errors are handled there), prints its results on
 * standard output, its error with ggdm_command_fail, and returns an exit code (common/status.h).
 * A command that needs MPI starts it itself (ggdm_transport_mpi_open, ggdm_world_open): main does
 * not. */
#ifndef GGDM_COORDINATOR_COMMAND_H
#define GGDM_COORDINATOR_COMMAND_H

#include <argp.h>

#include "common/collective.h"
#include "common/status.h"
#include "jobs/messages.h"

/* A row of the table of commands (main.c). */
typedef struct ggdm_command {
    const char *name; /* one word or two; NULL: a group's title stands in help */
    const char *help;
    int (*run)(int argc, char **argv);
} ggdm_command;

/* A name and what it means. */
typedef struct ggdm_note {
    const char *name, *text;
} ggdm_note;

int ggdm_cmd_plan(int argc, char **argv);
int ggdm_cmd_run(int argc, char **argv);
int ggdm_cmd_merge(int argc, char **argv);
int ggdm_cmd_submit(int argc, char **argv);
int ggdm_cmd_status(int argc, char **argv);
int ggdm_cmd_retry(int argc, char **argv);
int ggdm_cmd_cancel(int argc, char **argv);
int ggdm_cmd_introspect(int argc, char **argv);
int ggdm_cmd_evaluate(int argc, char **argv);
int ggdm_cmd_compare(int argc, char **argv);
int ggdm_cmd_report(int argc, char **argv);
int ggdm_cmd_export(int argc, char **argv);
int ggdm_cmd_replay(int argc, char **argv);
int ggdm_cmd_trace(int argc, char **argv);
int ggdm_cmd_verify(int argc, char **argv);
int ggdm_cmd_doctor(int argc, char **argv);
int ggdm_cmd_train(int argc, char **argv);
int ggdm_cmd_methods(int argc, char **argv);
int ggdm_cmd_model(int argc, char **argv);
int ggdm_cmd_schedule(int argc, char **argv);
int ggdm_cmd_reference(int argc, char **argv);
int ggdm_cmd_data(int argc, char **argv);
int ggdm_cmd_bench(int argc, char **argv);
int ggdm_cmd_bench_dispatch(int argc, char **argv);
int ggdm_cmd_bench_ops(int argc, char **argv);
int ggdm_cmd_version(int argc, char **argv);

/** Name and version of each library this program is linked with, as the library itself tells. */
typedef void (*ggdm_library_visitor)(void *context, const char *name, const char *version);
void ggdm_each_library(ggdm_library_visitor visit, void *context);

/** argp_parse with this program's conventions: exit code 2 for usage errors, --help, --usage;
 *  arguments and values that are empty are errors, unknown options get the name that was meant.
 *  The process ends there on a usage error and after --help.  Errors: those of the parser (0 =
 *  none). */
int ggdm_command_parse(const struct argp *argp, int argc, char **argv, void *input);

/** Threads for a rank of a world that does one thing together (common/collective.h): its share of
 * the cores of this machine. */
int ggdm_command_threads(void);

/** Do what ranks do together: work is called on every rank of the world that this process is in,
 * with its share of the cores; what went wrong, the same on all, is told by rank 0.  Returns the
 * exit code.  Collective. */
int ggdm_command_together(const char *name,
                          ggdm_status (*work)(void *options, ggdm_world *world, ggdm_error *err),
                          void *options);

/** Number of this rank among those on this machine, from 0, as mpirun or srun says it. */
int ggdm_command_local_rank(void);

/** What a command would give to ggdm_command_parse: its options and texts, which are static.  The
 *  command does nothing else.  One thread at a time. */
struct argp ggdm_command_argp(const ggdm_command *command);

/** Call visit for each option of a command that help shows, its children's and --help included. */
typedef void (*ggdm_option_visitor)(void *context, const struct argp_option *option);
void ggdm_each_option(const struct argp *argp, ggdm_option_visitor visit, void *context);

/** The value of an option as an integer in [lo, hi]; a usage error (exit 2) otherwise. */
int ggdm_command_int(const struct argp_state *state, const char *option, const char *text, int lo,
                     int hi);

/** The value of an option as a number above lo, at most hi; a usage error (exit 2) otherwise. */
double ggdm_command_real(const struct argp_state *state, const char *option, const char *text,
                         double lo, double hi);

/** Which of names (ends with NULL) the value of an option is; a usage error (exit 2), with the
 *  name that was meant, for an unknown one.  option: "--format", or "action" of an argument. */
int ggdm_command_choice(const struct argp_state *state, const char *option, const char *text,
                        const char *const *names);

/** Print "ggdm: error: MESSAGE" on standard error and return the exit code for err->code. */
int ggdm_command_fail(const char *name, const ggdm_error *err);

#endif
