/* `ggdm train RECIPE.yaml`: trains a model with the loop of models/train. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plural.h"
#include "coordinator/cmd/command.h"
#include "coordinator/world/stop.h"
#include "models/train/train.h"

typedef struct arguments {
    const char *recipe, *out;
    int threads;
    int stop_after;
    bool take_over, keys;
} arguments;

enum { KEY_STOP_AFTER = 256, KEY_KEYS };

static const struct argp_option options[] = {
    {"out", 'o', "DIR", 0, "Model directory to write (default: trained/NAME of the recipe)", 0},
    {"threads", 't', "N", 0,
     "OpenMP threads of each rank (default: the cores it may use, shared with the other ranks of "
     "its machine)",
     0},
    {"stop-after", KEY_STOP_AFTER, "N", 0, "Stop with a checkpoint after N steps of this call", 0},
    {"take-over", 'T', NULL, 0,
     "The training on another host that is in the folder is dead: do not wait until it was silent "
     "for 60 s",
     0},
    {"keys", KEY_KEYS, NULL, 0, "Print the keys of recipes, as docs/TRAINING.md has them", 0},
    {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case 'o':
        a->out = arg;
        return 0;
    case 't':
        a->threads = ggdm_command_int(state, "--threads", arg, 1, 1024);
        return 0;
    case KEY_STOP_AFTER:
        a->stop_after = ggdm_command_int(state, "--stop-after", arg, 1, 1000000000);
        return 0;
    case KEY_KEYS:
        a->keys = true;
        return 0;
    case 'T':
        a->take_over = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->recipe)
            argp_error(state, "too many arguments, expected one recipe");
        a->recipe = arg;
        return 0;
    case ARGP_KEY_END:
        if (!a->recipe && !a->keys)
            argp_error(state, "no recipe given");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = parse_option,
    .args_doc = "RECIPE.yaml",
    .doc =
        "Train a model from a recipe and write it as a Hugging Face style directory.  The images "
        "may be one's own: a folder for each class, npz or IDX files (docs/TRAINING.md)."
        "\vStopped with Ctrl-C or killed, the same command continues from the last checkpoint. "
        "Under mpirun the batch is divided among the ranks.\n\n"
        "Example:\n  ggdm train models/zoo/recipes/mnist-cnn.yaml --out my-cnn",
};

/* --- progress --- */

typedef struct display {
    bool live;     /* a terminal: one line, rewritten */
    double shown;  /* clock at the last line */
    double period; /* seconds between lines */
} display;

static void format_time(double seconds, char *text, size_t size)
{
    long s = (long)ggdm_to_int(seconds + 0.5, 0, GGDM_LAST_SECOND);
    if (s >= 3600)
        snprintf(text, size, "%ldh%02ldm", s / 3600, s / 60 % 60);
    else
        snprintf(text, size, "%ldm%02lds", s / 60, s % 60);
}

static void show_training(void *context, const ggdm_train_progress *p)
{
    display *d = context;
    double now = ggdm_now();
    bool last = p->step == p->steps;
    if (!last && !p->evaluated && now - d->shown < d->period)
        return;
    d->shown = now;
    char eta[32];
    format_time(p->eta, eta, sizeof eta);
    printf("%sstep %lld/%lld  epoch %.2f  loss %.5f  lr %.2e  %.0f images/s  ETA %s",
           d->live ? "\r\033[K" : "", (long long)p->step, (long long)p->steps, p->epoch, p->loss,
           p->lr, p->rate, eta);
    if (p->evaluated) {
        printf("  test loss %.5f", p->val_loss);
        if (p->val_accuracy >= 0)
            printf("  test %s %.2f %%", p->accuracy_name, 100.0 * p->val_accuracy);
    }
    if (!d->live || p->evaluated || last)
        putchar('\n');
    fflush(stdout);
}

/* --- running --- */

/* The best instruction set that all ranks have: the weights' last bits depend on it. */
static ggdm_status pin_isa(ggdm_world *world, ggdm_isa *out, ggdm_error *err)
{
    int agreed;
    GGDM_TRY(ggdm_isa_choose(out, err));
    GGDM_TRY(ggdm_world_min(world, (int)*out, &agreed, err));
    *out = (ggdm_isa)agreed;
    return ggdm_isa_pin(*out, err);
}

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
    (void)number;
    asked_to_stop = 1;
}

/* The first signal asks for a checkpoint; a second one ends the program. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    static const int numbers[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!ggdm_stop_ignored(numbers[i]))
            sigaction(numbers[i], &action, NULL);
}

/* The command as the user would type it again. */
static ggdm_status command_text(const arguments *a, const char *out, int ranks, char **text,
                                ggdm_error *err)
{
    char mpirun[40] = "";
    if (ranks > 1)
        snprintf(mpirun, sizeof mpirun, "mpirun -n %d ", ranks);
    return ggdm_asprintf(text, err, "%sggdm train %s --out %s --threads %d", mpirun, a->recipe, out,
                         a->threads);
}

static ggdm_status run_training(const arguments *a, ggdm_world *world, ggdm_error *err)
{
    ggdm_recipe recipe = {0};
    char *out = NULL, *command = NULL;
    ggdm_isa isa;
    /* mpirun gives its ranks a terminal even when its own output goes to a file */
    display d = {.live = isatty(STDOUT_FILENO) && ggdm_world_size(world) == 1, .shown = ggdm_now()};
    d.period = d.live ? 0.5 : 10.0;
    ggdm_status st;
    GGDM_TRY_GOTO(st, pin_isa(world, &isa, err), done);
    GGDM_TRY_GOTO(st, ggdm_recipe_read(a->recipe, &recipe, err), done);
    GGDM_TRY_GOTO(st,
                  a->out ? ggdm_strdup(a->out, &out, err)
                         : ggdm_asprintf(&out, err, "trained/%s", recipe.name),
                  done);
    GGDM_TRY_GOTO(st, command_text(a, out, ggdm_world_size(world), &command, err), done);
    ggdm_train_options o = {.out = out,
                            .command = command,
                            .take_over = a->take_over,
                            .threads = a->threads,
                            .isa = isa,
                            .stop_after = a->stop_after,
                            .stop = &asked_to_stop,
                            .progress = show_training,
                            .context = &d};
    if (ggdm_world_rank(world) == 0) {
        printf("training %s: %lld steps of %d images, %d rank%s x %d thread%s, %s, into %s\n",
               recipe.name, (long long)ggdm_recipe_steps(&recipe), recipe.batch,
               ggdm_world_size(world), ggdm_plural(ggdm_world_size(world)), a->threads,
               ggdm_plural(a->threads), ggdm_isa_name(isa), out);
        fflush(stdout);
    }
    GGDM_TRY_GOTO(st, ggdm_train(&recipe, &o, world, err), done);
    if (ggdm_world_rank(world) == 0)
        printf("wrote %s: weights, config.json, README.md (model card), curve.csv\n", out);
done:
    free(command);
    free(out);
    ggdm_recipe_deinit(&recipe);
    return st;
}

int ggdm_cmd_train(int argc, char **argv)
{
    arguments a = {.threads = ggdm_command_threads()};
    ggdm_error err = {0};
    ggdm_world *world = NULL;
    if (ggdm_command_parse(&parser, argc, argv, &a) != 0)
        return GGDM_EXIT_USAGE;
    if (a.keys) {
        ggdm_recipe_print_keys(stdout);
        return GGDM_EXIT_OK;
    }
    catch_signals();
    ggdm_status st = ggdm_world_open(&world, &err);
    if (st == GGDM_OK)
        st = run_training(&a, world, &err);
    int code = GGDM_EXIT_OK;
    if (st != GGDM_OK) {
        bool collective = st == GGDM_ECANCELLED; /* all ranks come here together */
        if (!world || !collective || ggdm_world_rank(world) == 0)
            code = ggdm_command_fail("train", &err);
        code = ggdm_exit_code(st);
        if (world && !collective)
            ggdm_world_abort(world, code);
    }
    ggdm_world_close(&world);
    return code;
}
