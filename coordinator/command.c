#include "coordinator/command.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

static struct argp *asked; /* not NULL: where a command leaves its argp, and ends */

struct argp ggdm_command_argp(const ggdm_command *command)
{
    struct argp argp = {0};
    char program[] = "ggdm", *argv[] = {program, NULL};
    asked = &argp;
    command->run(1, argv);
    asked = NULL;
    return argp;
}

int ggdm_command_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    if (asked) {
        *asked = *argp;
        return ECANCELED;
    }
    argp_err_exit_status = GGDM_EXIT_USAGE;
    return (int)argp_parse(argp, argc, argv, 0, NULL, input);
}

int ggdm_command_int(const struct argp_state *state, const char *option, const char *text, int lo,
                     int hi)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (errno || end == text || *end || v < lo || v > hi)
        argp_error(state, "%s: value '%s', expected an integer from %d to %d", option, text, lo,
                   hi);
    return (int)v;
}

ggdm_precision ggdm_command_precision(const struct argp_state *state, const char *text)
{
    int i = 0;
    while (ggdm_precision_names[i] && strcmp(text, ggdm_precision_names[i]) != 0)
        i++;
    if (!ggdm_precision_names[i])
        argp_error(state, "--precision: value '%s', expected auto, fp32 or bf16", text);
    return (ggdm_precision)i;
}

int ggdm_usable_cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? n : 1;
}

int ggdm_command_fail(const char *name, const ggdm_error *err)
{
    ggdm_log(GGDM_LOG_ERROR, "%s", err->msg);
    ggdm_log(GGDM_LOG_DEBUG, "ggdm %s: %s, raised at %s:%d", name, ggdm_status_text(err->code),
             err->file ? err->file : "?", err->line);
    return ggdm_exit_code(err->code);
}
