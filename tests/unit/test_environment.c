/* What becomes of variables of others, and which tell of a world. */
#include "common/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/transport.h"
#include "tests/support/ggdm_test.h"

static void test_environment_table_says_what_becomes_of_each(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        ggdm_variable_fate fate;
    } cases[] = {{"OMP_PROC_BIND=true", GGDM_VARIABLE_DROPPED},
                 {"OMP_NUM_THREADS", GGDM_VARIABLE_DROPPED},
                 {"OMP_WAIT_POLICY=passive", GGDM_VARIABLE_KEPT},
                 {"ONEDNN_DEFAULT_FPMATH_MODE=BF16", GGDM_VARIABLE_DROPPED},
                 {"ONEDNN_VERBOSE=1", GGDM_VARIABLE_KEPT},
                 {"POSIXLY_CORRECT", GGDM_VARIABLE_DROPPED},
                 {"POSIXLY_CORRECTED", GGDM_VARIABLE_KEPT},
                 {"OMPI_COMM_WORLD_RANK=0", GGDM_VARIABLE_RANK},
                 {"OMPI_MCA_orte_launch=1", GGDM_VARIABLE_RANK},
                 {"OMPI_MCA_orte_launch_agent=x", GGDM_VARIABLE_KEPT},
                 {"OMPI_MCA_btl=self", GGDM_VARIABLE_KEPT},
                 {"PMIX_MCA_gds=hash", GGDM_VARIABLE_KEPT},
                 {"PMIX_RANK=0", GGDM_VARIABLE_RANK},
                 {"SLURM_JOB_ID=7", GGDM_VARIABLE_KEPT},
                 {"SLURM_CPU_BIND_LIST=0x1", GGDM_VARIABLE_RANK},
                 {"SQUEUE_PARTITION=x", GGDM_VARIABLE_QUESTION},
                 {"PATH=/bin", GGDM_VARIABLE_KEPT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(ggdm_variable_fate_of(cases[i].name), cases[i].fate);
}

static void test_environment_remove_leaves_the_others(void **state)
{
    (void)state;
    setenv("PMIX_RANK", "0", 1);
    setenv("PMIX_MCA_gds", "hash", 1);
    setenv("OMPI_COMM_WORLD_SIZE", "3", 1);
    setenv("GGDM_AFTER", "1", 1);
    ggdm_environment_remove(GGDM_VARIABLE_RANK);
    assert_null(getenv("PMIX_RANK"));
    assert_null(getenv("OMPI_COMM_WORLD_SIZE"));
    assert_string_equal(getenv("PMIX_MCA_gds"), "hash");
    assert_string_equal(getenv("GGDM_AFTER"), "1");
    unsetenv("PMIX_MCA_gds");
}

static void test_world_needs_two_ranks_and_no_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *set[6]; /* name, value, ... */
        bool world;
    } cases[] = {{{NULL}, false},
                 {{"PMI_RANK", "0", "PMI_SIZE", "1"}, false},
                 {{"PMI_RANK", "0", "PMI_SIZE", "2"}, true},
                 {{"PMIX_RANK", "0"}, false},
                 {{"PMIX_RANK", "0", "SLURM_STEP_NUM_TASKS", "1"}, false},
                 {{"PMIX_RANK", "3", "SLURM_STEP_NUM_TASKS", "4"}, true},
                 {{"PMIX_RANK", "0", "SLURM_STEP_NUM_TASKS", "4", "SLURM_PTY_PORT", "1"}, false},
                 {{"SLURM_STEP_NUM_TASKS", "4"}, false},
                 {{"OMPI_COMM_WORLD_RANK", "0", "OMPI_COMM_WORLD_SIZE", "1"}, false},
                 {{"OMPI_COMM_WORLD_RANK", "0", "OMPI_COMM_WORLD_SIZE", "3"}, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int k = 0; k < 6 && cases[i].set[k]; k += 2)
            setenv(cases[i].set[k], cases[i].set[k + 1], 1);
        assert_int_equal(ggdm_launched_by_mpi(), cases[i].world);
        for (int k = 0; k < 6 && cases[i].set[k]; k += 2)
            unsetenv(cases[i].set[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment_table_says_what_becomes_of_each),
        cmocka_unit_test(test_environment_remove_leaves_the_others),
        cmocka_unit_test(test_world_needs_two_ranks_and_no_terminal),
    };
    return ggdm_test_main(tests);
}
