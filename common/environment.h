/* Variables of others (OpenMP, oneDNN, Open MPI, PMIx, Slurm) that change what a program does: one
 * table says what becomes of each, and why (environment.c; docs/CLUSTER.md, "The environment").
 * What is not in it has no effect on us, or is asked for on purpose. */
#ifndef GGDM_COMMON_ENVIRONMENT_H
#define GGDM_COMMON_ENVIRONMENT_H

/* What is done with a variable that is set. */
typedef enum ggdm_variable_fate {
    GGDM_VARIABLE_KEPT,    /* a wish: it works as its owner says */
    GGDM_VARIABLE_DROPPED, /* removed before the program or a library has read it */
    GGDM_VARIABLE_RANK,    /* tells a rank or a step who it is: not for ranks that we start */
    GGDM_VARIABLE_QUESTION /* changes what Slurm's commands answer: not for our questions */
} ggdm_variable_fate;

typedef struct ggdm_variable {
    const char *name; /* "OMP_*": all that begin so; the first row that fits counts */
    ggdm_variable_fate fate;
    const char *why;
} ggdm_variable;

/* Ends with a NULL name. */
extern const ggdm_variable ggdm_variables[];

/** What becomes of it; KEPT for a variable that no row names.  ("NAME=value" is a name, too.) */
ggdm_variable_fate ggdm_variable_fate_of(const char *name);

/** Remove those of this fate from the environment: in a child, before it becomes another program.
 *  (Those that are dropped are gone before main begins.) */
void ggdm_environment_remove(ggdm_variable_fate fate);

#endif
