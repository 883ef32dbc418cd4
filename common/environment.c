#include "common/environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT GGDM_VARIABLE_KEPT
#define DROPPED GGDM_VARIABLE_DROPPED
#define RANK GGDM_VARIABLE_RANK
#define QUESTION GGDM_VARIABLE_QUESTION

const ggdm_variable ggdm_variables[] = {
    {"OMP_WAIT_POLICY", KEPT, "whether waiting threads spin: time, no result"},
    {"OMP_*", DROPPED, "a site's defaults: threads are those of --threads, and bound to no core"},
    {"GOMP_*", DROPPED, "the same, of GNU"},
    {"KMP_*", DROPPED, "the same, of LLVM and Intel"},
    {"ONEDNN_VERBOSE", KEPT, "what the library does, printed"},
    {"ONEDNN_*", DROPPED, "bits depend on them; the instruction set is that of GGDM_ISA"},
    {"DNNL_*", DROPPED, "their older names"},
    {"POSIXLY_CORRECT", DROPPED, "options may stand behind arguments"},

    {"OMPI_COMM_WORLD_*", RANK, "set by mpirun"},
    {"OMPI_UNIVERSE_SIZE", RANK, "set by mpirun"},
    {"OMPI_APP_CTX_NUM_PROCS", RANK, "set by mpirun"},
    {"OMPI_NUM_APP_CTX", RANK, "set by mpirun"},
    {"OMPI_FIRST_RANKS", RANK, "set by mpirun"},
    {"OMPI_FILE_LOCATION", RANK, "set by mpirun"},
    {"OMPI_COMMAND", RANK, "set by mpirun"},
    {"OMPI_ARGV", RANK, "set by mpirun"},
    {"OMPI_MCA_ess*", RANK, "set by mpirun"},
    {"OMPI_MCA_initial_wdir", RANK, "set by mpirun"},
    {"OMPI_MCA_mpi_oversubscribe", RANK, "set by mpirun"},
    {"OMPI_MCA_orte_app_num", RANK, "set by mpirun"},
    {"OMPI_MCA_orte_bound_at_launch", RANK, "set by mpirun"},
    {"OMPI_MCA_orte_ess_*", RANK, "set by mpirun"},
    {"OMPI_MCA_orte_hnp_uri", RANK, "set by mpirun"},
    {"OMPI_MCA_orte_jobfam_session_dir", RANK, "set by mpirun"},
    {"OMPI_MCA_orte_launch", RANK, "set by mpirun"},
    {"OMPI_MCA_orte_local_daemon_uri", RANK, "set by mpirun"},
    {"OMPI_MCA_orte_num_nodes", RANK, "set by mpirun"},
    {"OMPI_MCA_orte_precondition_transports", RANK, "set by mpirun"},
    {"OMPI_MCA_orte_top_session_dir", RANK, "set by mpirun"},
    {"OMPI_MCA_pmix", RANK, "set by mpirun"},
    {"OMPI_MCA_shmem_RUNTIME_QUERY_hint", RANK, "set by mpirun"},
    {"OMPI_*", KEPT, "a site's choice of network and launcher"},
    {"PRTE_MCA_*", KEPT, "the same"},
    {"PRTE_*", RANK, "set by prterun"},
    {"PMIX_MCA_*", KEPT, "the same"},
    {"PMIX_*", RANK, "set by mpirun, and by srun --mpi=pmix"},
    {"PMI_*", RANK, "set by srun --mpi=pmi2, and by MPICH's mpirun"},

    {"SLURM_CPU_BIND*", RANK, "of the step in which we are, wishes to srun for the next one"},
    {"SLURM_CPUS_PER_TASK", RANK, "the same"},
    {"SLURM_TRES_PER_TASK", RANK, "the same"},
    {"SLURM_DISTRIBUTION", RANK, "the same"},
    {"SLURM_NTASKS_PER_*", RANK, "the same"},
    {"SLURM_EXACT", RANK, "the same"},
    {"SLURM_EXCLUSIVE", RANK, "the same"},
    {"SLURM_MPI_TYPE", RANK, "the same"},
    {"SLURM_PTY_*", RANK, "the same"},
    {"SQUEUE_*", QUESTION, "wishes to squeue of who asks by hand: we ask for jobs by their number"},
    {"SINFO_*", QUESTION, "the same, to sinfo"},
    {"SLURM_TIME_FORMAT", QUESTION, "the same"},
    {NULL, KEPT, NULL}};

/* No function of a library here: it runs before they are ready. */
#define BARE __attribute__((no_sanitize("address", "undefined")))

BARE static bool fits(const char *name, const char *pattern)
{
    size_t i = 0;
    while (pattern[i] && pattern[i] != '*' && pattern[i] == name[i])
        i++;
    return pattern[i] == '*' || (!pattern[i] && (!name[i] || name[i] == '='));
}

BARE ggdm_variable_fate ggdm_variable_fate_of(const char *name)
{
    const ggdm_variable *v = ggdm_variables;
    while (v->name && !fits(name, v->name))
        v++;
    return v->fate;
}

BARE static void remove_from(char **environment, ggdm_variable_fate fate)
{
    char **to = environment;
    for (char **from = environment; *from; from++)
        if (ggdm_variable_fate_of(*from) != fate)
            *to++ = *from;
    *to = NULL;
}

void ggdm_environment_remove(ggdm_variable_fate fate)
{
    remove_from(environ, fate);
}

/* The OpenMP library reads its variables in its constructor, before main, and then binds this
 * thread to a core, of which ranks would inherit that one alone.  So this is called before the
 * constructors of libraries are. */
BARE static void drop(int argc, char **argv, char **environment)
{
    (void)argc, (void)argv;
    remove_from(environment, DROPPED);
}
__attribute__((section(".preinit_array"), used)) static void (*const drop_early)(int, char **,
                                                                                 char **) = drop;
