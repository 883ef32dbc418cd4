#include "coordinator/cmd/variables.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/isa.h"
#include "coordinator/world/launch.h"
#include "coordinator/world/walltime.h"

const ggdm_note ggdm_variable_notes[] = {
    {"GGDM_ZOO", "a directory of models, looked into before the shipped ones"},
    {GGDM_DEADLINE_ENV,
     "seconds since 1970 by which a run has everything saved and ends with 75; the "
     "batch script sets it to the end of its job"},
    {GGDM_LAUNCHER_ENV, "srun: in a Slurm job, start the ranks by srun instead of mpirun"},
    {"GGDM_ISA", "the instruction set: ref, avx2, avx512, avx512_bf16 or amx (default: the best)"},
    {"GGDM_LOG", "what is printed: error, warn, info (default) or debug"},
    {"TMPDIR", "where bench and data put what they remove again (default: /tmp)"},
    {0},
};

static bool is_isa(const char *value)
{
    int i = 0;
    while (i < GGDM_N_ISAS && strcmp(value, ggdm_isa_name((ggdm_isa)i)) != 0)
        i++;
    return i < GGDM_N_ISAS;
}

static bool is_time(const char *value)
{
    char *end;
    double at = strtod(value, &end);
    return *end == '\0' && isfinite(at) && at > 0;
}

static bool is_display(const char *value)
{
    int columns, used = 0;
    return strcmp(value, "plain") == 0 ||
           (sscanf(value, "line:%d%n", &columns, &used) == 1 && !value[used]);
}

/* Of the choices of a row, or what a function takes. */
static const struct {
    const char *name;
    const char *choices[5];
    bool (*fits)(const char *value);
    const char *expected;
} checks[] = {
    {GGDM_DEADLINE_ENV, {NULL}, is_time, "seconds since 1970"},
    {GGDM_LAUNCHER_ENV, {"mpirun", "srun"}, NULL, "mpirun or srun"},
    {"GGDM_ISA", {NULL}, is_isa, "ref, avx2, avx512, avx512_bf16 or amx"},
    {"GGDM_LOG", {"error", "warn", "info", "debug"}, NULL, "error, warn, info or debug"},
    {GGDM_PROGRESS_ENV, {NULL}, is_display, "plain or line:COLUMNS"}, /* of the ranks */
    {"GGDM_SHARE", {"window", "private"}, NULL, "window or private"}, /* for tests */
};

ggdm_status ggdm_variables_check(ggdm_error *err)
{
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        const char *value = getenv(checks[i].name), *const *choice = checks[i].choices;
        if (!value || !*value || (checks[i].fits && checks[i].fits(value)))
            continue;
        while (*choice && strcmp(value, *choice) != 0)
            choice++;
        if (!*choice)
            return GGDM_FAIL(err, GGDM_EINVAL, "%s is '%s', expected %s", checks[i].name, value,
                             checks[i].expected);
    }
    return GGDM_OK;
}
