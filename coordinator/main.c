/* `ggdm COMMAND ARG...`: a table of commands, one file each (coordinator/cmd_*.c). */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/command.h"

typedef struct command {
    const char *name; /* NULL: a group's title stands in help */
    const char *help;
    int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
    {NULL, "A sweep", NULL},
    {"plan", "check a sweep file and show what it will do and cost", ggdm_cmd_plan},
    {"run", "run a sweep, or continue it: generate, archive, summarise", ggdm_cmd_run},
    {NULL, "A run directory", NULL},
    {"status", "show how far a run is", ggdm_cmd_status},
    {"retry", "put failed, quarantined and cancelled units back", ggdm_cmd_retry},
    {"cancel", "cancel what is not yet running", ggdm_cmd_cancel},
    {"introspect", "which parameter values fail or diverge, worst first", ggdm_cmd_introspect},
    {"evaluate", "write summary and figures anew", ggdm_cmd_evaluate},
    {"report", "write report.html anew", ggdm_cmd_report},
    {"export", "write the images of chosen cells as tar, npz or png", ggdm_cmd_export},
    {NULL, "Models and data", NULL},
    {"train", "train a model from a recipe", ggdm_cmd_train},
    {"model", "look into, check and apply models", ggdm_cmd_model},
    {"schedule", "noise schedule and sampler steps of a model", ggdm_cmd_schedule},
    {"data", "obtain and verify a data set", ggdm_cmd_data},
    {NULL, "The machine", NULL},
    {"bench", "measure how fast a network is", ggdm_cmd_bench},
    {"doctor", "check machine, libraries, file system, and a run directory", ggdm_cmd_doctor},
    {"version", "versions of the program and its libraries", ggdm_cmd_version},
};

#define N_COMMANDS ((int)(sizeof commands / sizeof *commands))

static void print_help(FILE *out)
{
    fprintf(out, "Usage: ggdm COMMAND [OPTION...] [ARG...]\n"
                 "Gradient-guided diffusion in large batches.\n");
    for (int i = 0; i < N_COMMANDS; i++)
        if (commands[i].name)
            fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].help);
        else
            fprintf(out, "\n%s:\n", commands[i].help);
    fprintf(out, "\n`ggdm help COMMAND` or `ggdm COMMAND --help` describes a command.\n\n"
                 "Example:\n"
                 "  ggdm plan examples/mnist-demo.yaml\n"
                 "  ggdm run examples/mnist-demo.yaml --run runs/demo\n"
                 "  ggdm status runs/demo --watch\n\n"
                 "Exit codes: 0 all done; 1 done, some units failed; 2 usage or invalid input; "
                 "70 internal;\n75 interrupted, the same command continues.\n");
}

static const command *find(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (commands[i].name && strcmp(name, commands[i].name) == 0)
            return &commands[i];
    fprintf(stderr, "ggdm: unknown command '%s', expected one of:", name);
    for (int i = 0; i < N_COMMANDS; i++)
        if (commands[i].name)
            fprintf(stderr, " %s", commands[i].name);
    fprintf(stderr, "\n");
    return NULL;
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

/* argv[0] becomes "ggdm NAME". */
static int call(const char *name, int argc, char **argv)
{
    const command *c = find(name);
    char program[32];
    if (!c)
        return GGDM_EXIT_USAGE;
    snprintf(program, sizeof program, "ggdm %s", name);
    argv[0] = program;
    return c->run(argc, argv);
}

int main(int argc, char **argv)
{
    static const char *const helps[] = {"help", "--help", "-h", "-?", NULL};
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name) {
        print_help(stderr);
        return GGDM_EXIT_USAGE;
    }
    if (is_one_of(name, helps)) {
        char help[] = "--help", *asked[] = {NULL, help, NULL};
        if (argc > 2)
            return call(argv[2], 2, asked);
        print_help(stdout);
        return GGDM_EXIT_OK;
    }
    return call(strcmp(name, "--version") == 0 ? "version" : name, argc - 1, argv + 1);
}
