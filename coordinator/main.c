/* `ggdm COMMAND ARG...`: a table of commands, one file each (coordinator/cmd_*.c). */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/nearest.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/manual.h"
#include "coordinator/cmd/output.h"
#include "coordinator/cmd/variables.h"

static int cmd_manual(int argc, char **argv);

static const ggdm_command commands[] = {
    {NULL, "A sweep", NULL},
    {"plan", "check a sweep file and show what it will do and cost", ggdm_cmd_plan},
    {"run", "run a sweep, or continue it: generate, archive, summarise", ggdm_cmd_run},
    {"submit", "submit a sweep as a Slurm job, or the rest of one", ggdm_cmd_submit},
    {"merge", "join the shards of a run", ggdm_cmd_merge},
    {NULL, "A run directory", NULL},
    {"status", "show how far a run is", ggdm_cmd_status},
    {"retry", "put failed, quarantined and cancelled units back", ggdm_cmd_retry},
    {"cancel", "cancel what is not yet running", ggdm_cmd_cancel},
    {"introspect", "which parameter values fail or diverge, worst first", ggdm_cmd_introspect},
    {"evaluate", "give cells metrics of all their images; summary and figures anew",
     ggdm_cmd_evaluate},
    {"compare", "compare cells of two runs, or of one: equal images, more than chance",
     ggdm_cmd_compare},
    {"report", "write the report anew: a page, or tables for Markdown and LaTeX", ggdm_cmd_report},
    {"export", "write the images of chosen cells, or the whole run to be published",
     ggdm_cmd_export},
    {"replay", "compute a stored image again and show its way from noise", ggdm_cmd_replay},
    {"trace", "how the first images of each cell came about, step by step", ggdm_cmd_trace},
    {"verify", "compute random images of a run again: are they the same to the bit?",
     ggdm_cmd_verify},
    {NULL, "Models and data", NULL},
    {"train", "train a model from a recipe", ggdm_cmd_train},
    {"model", "look into, check and apply models", ggdm_cmd_model},
    {"methods", "samplers, guidances, losses, scorers and metrics, and their parameters",
     ggdm_cmd_methods},
    {"schedule", "noise schedule and sampler steps of a model", ggdm_cmd_schedule},
    {"data", "obtain and verify a data set", ggdm_cmd_data},
    {"reference", "write what images are compared with: features of a data set",
     ggdm_cmd_reference},
    {NULL, "The machine", NULL},
    {"bench", "measure how fast a network is", ggdm_cmd_bench},
    {"bench ops", "measure the ops of the networks one by one", ggdm_cmd_bench_ops},
    {"bench dispatch", "measure what the coordinator costs", ggdm_cmd_bench_dispatch},
    {"doctor", "check machine, libraries, file system, and a run directory", ggdm_cmd_doctor},
    {"version", "versions of the program and its libraries", ggdm_cmd_version},
    {"manual", "write man pages and shell completions", cmd_manual},
};

static const ggdm_note exit_codes[] = {
    {"0", "all done"},
    {"1", "done, but some units failed; doctor: warnings or problems; compare, verify, replay, "
          "trace: something differs"},
    {"2", "usage or invalid input"},
    {"70", "internal error"},
    {"75", "interrupted with work left, or no room on the disk; the same command continues"},
    {0},
};

static const char *const general_options[] = {"--help", "--version", NULL};

#define N_COMMANDS ((int)(sizeof commands / sizeof *commands))

static void print_notes(FILE *out, const char *title, const ggdm_note *notes)
{
    fprintf(out, "\n%s:\n", title);
    for (; notes->name; notes++)
        fprintf(out, "  %-14s  %s\n", notes->name, notes->text);
}

static void print_help(FILE *out)
{
    fprintf(out, "Usage: ggdm COMMAND [OPTION...] [ARG...]\n"
                 "Gradient-guided diffusion in large batches.\n");
    for (int i = 0; i < N_COMMANDS; i++)
        if (commands[i].name)
            fprintf(out, "  %-14s  %s\n", commands[i].name, commands[i].help);
        else
            fprintf(out, "\n%s:\n", commands[i].help);
    fprintf(out, "\n`ggdm help COMMAND` or `ggdm COMMAND --help` describes a command.\n\n"
                 "Example:\n"
                 "  ggdm plan examples/mnist-demo.yaml\n"
                 "  ggdm run examples/mnist-demo.yaml --run runs/demo\n"
                 "  ggdm status runs/demo --watch\n");
    print_notes(out, "Exit codes", exit_codes);
    print_notes(out, "Environment", ggdm_variable_notes);
}

/* Of a first argument that is nothing: what was meant, or what there is. */
static void complain_of_word(const char *word)
{
    const bool option = *word == '-';
    ggdm_nearest meant = {.word = word};
    for (int i = 0; !option && i < N_COMMANDS; i++)
        if (commands[i].name)
            ggdm_nearest_try(&meant, commands[i].name);
    for (int i = 0; option && general_options[i]; i++)
        ggdm_nearest_try(&meant, general_options[i]);
    fprintf(stderr, "ggdm: unknown %s '%s', ", option ? "option" : "command", word);
    if (meant.name) {
        fprintf(stderr, "did you mean '%s'?\n", meant.name);
        return;
    }
    fprintf(stderr, "expected %s", option ? "--help, --version or a command:" : "one of:");
    for (int i = 0; i < N_COMMANDS; i++)
        if (commands[i].name && !strchr(commands[i].name, ' '))
            fprintf(stderr, " %s", commands[i].name);
    fprintf(stderr, "\n");
}

/* The command that argv begins with; its name may have two words.  Prints why there is none. */
static const ggdm_command *find_command(int argc, char **argv)
{
    const ggdm_command *found = NULL;
    char two[64];
    snprintf(two, sizeof two, "%s %s", argv[0], argc > 1 ? argv[1] : "");
    for (int i = 0; i < N_COMMANDS; i++)
        if (commands[i].name && strcmp(two, commands[i].name) == 0)
            return &commands[i];
        else if (commands[i].name && strcmp(argv[0], commands[i].name) == 0)
            found = &commands[i];
    if (!found)
        complain_of_word(argv[0]);
    return found;
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

/* The command that argv begins with; what it gets as argv[0] is "ggdm NAME". */
static int call(int argc, char **argv)
{
    const ggdm_command *c = find_command(argc, argv);
    char program[32];
    if (!c)
        return GGDM_EXIT_USAGE;
    int words = strchr(c->name, ' ') ? 2 : 1;
    snprintf(program, sizeof program, "ggdm %s", c->name);
    argv[words - 1] = program;
    return c->run(argc - words + 1, argv + words - 1);
}

/* ---- ggdm manual: here, because the table of commands is ---- */

static error_t parse_manual(int key, char *arg, struct argp_state *state)
{
    const char **dir = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (*dir)
            argp_error(state, "more than one directory: %s", arg);
        *dir = arg;
        break;
    case ARGP_KEY_END:
        if (!*dir)
            argp_error(state, "expected a directory");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static int cmd_manual(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_manual,
        .args_doc = "DIR",
        .doc = "Write the man pages, and completions for bash and zsh, below DIR, a share "
               "directory.\v`make install` has done it.  For a program that was not installed:\n\n"
               "Example:\n  ggdm manual ~/.local/share"};
    const ggdm_book book = {commands, N_COMMANDS, exit_codes, ggdm_variable_notes};
    const char *dir = NULL;
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &dir))
        return GGDM_EXIT_USAGE;
    return ggdm_manual_write(&book, dir, &err) == GGDM_OK ? GGDM_EXIT_OK
                                                          : ggdm_command_fail("manual", &err);
}

int main(int argc, char **argv)
{
    static const char *const helps[] = {"help", "--help", "-h", "-?", NULL};
    static const char *const versions[] = {"--version", "-V", NULL};
    char help[] = "--help", version[] = "version";
    ggdm_error err = {0};
    ggdm_output_guard();
    if (ggdm_variables_check(&err) != GGDM_OK)
        return ggdm_command_fail("main", &err);
    if (argc < 2) {
        print_help(stderr);
        return GGDM_EXIT_USAGE;
    }
    if (is_one_of(argv[1], helps)) {
        char *asked[] = {argv[2], help, NULL, NULL};
        if (argc > 3)
            asked[1] = argv[3], asked[2] = help;
        if (argc > 2)
            return call(argc > 3 ? 3 : 2, asked);
        print_help(stdout);
        return GGDM_EXIT_OK;
    }
    if (is_one_of(argv[1], versions))
        argv[1] = version;
    return call(argc - 1, argv + 1);
}
