/* `ggdm COMMAND ARG...`: a table of commands, one file each (coordinator/cmd_*.c). */
#include <stdio.h>
#include <string.h>

#include "coordinator/command.h"

static const struct {
    const char *name;
    const char *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"plan", "check a sweep file and show what it will do and cost", ggdm_cmd_plan},
    {"run", "run a sweep, or continue it: generate, archive, summarise", ggdm_cmd_run},
    {"status", "show how far a run is", ggdm_cmd_status},
    {"train", "train a model from a recipe", ggdm_cmd_train},
    {"model", "look into and check models", ggdm_cmd_model},
    {"data", "obtain and verify a data set", ggdm_cmd_data},
    {"bench", "measure how fast a network is", ggdm_cmd_bench},
    {"version", "versions of the program and its libraries", ggdm_cmd_version},
};

#define N_COMMANDS ((int)(sizeof commands / sizeof *commands))

static void print_help(FILE *out)
{
    fprintf(out, "Usage: ggdm COMMAND [OPTION...] [ARG...]\n"
                 "Gradient-guided diffusion in large batches.\n\n");
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\n`ggdm COMMAND --help` describes a command.\n"
                 "Exit codes: 0 all done; 1 done, some units failed; 2 usage or invalid input; "
                 "70 internal;\n75 interrupted, the same command continues.\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name) {
        print_help(stderr);
        return GGDM_EXIT_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-?") == 0 || strcmp(name, "-h") == 0 ||
        strcmp(name, "help") == 0) {
        print_help(stdout);
        return GGDM_EXIT_OK;
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        char program[32];
        snprintf(program, sizeof program, "ggdm %s", name);
        argv[1] = program;
        return commands[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "ggdm: unknown command '%s', expected one of:", name);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(stderr, " %s", commands[i].name);
    fprintf(stderr, "\n");
    return GGDM_EXIT_USAGE;
}
