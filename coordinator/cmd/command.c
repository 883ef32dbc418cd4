#include "coordinator/cmd/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/nearest.h"
#include "common/threads.h"

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

void ggdm_each_option(const struct argp *argp, ggdm_option_visitor visit, void *context)
{
    static const struct argp_option help = {"help", '?', NULL, 0, "show the usage", 0};
    for (const struct argp_child *c = argp->children; c && c->argp; c++)
        for (const struct argp_option *o = c->argp->options; o && (o->name || o->doc); o++)
            visit(context, o);
    for (const struct argp_option *o = argp->options; o && (o->name || o->doc); o++)
        if (!(o->flags & OPTION_HIDDEN))
            visit(context, o);
    visit(context, &help);
}

/* ---- what argp does not look at ---- */

typedef struct lookup {
    char word[64]; /* without "--" and "=VALUE" */
    const struct argp_option *found;
    ggdm_nearest meant;
} lookup;

static void look_at_option(void *context, const struct argp_option *o)
{
    lookup *l = context;
    if (o->name && strncmp(o->name, l->word, strlen(l->word)) == 0)
        l->found = o; /* its name may be cut short */
    if (o->name)
        ggdm_nearest_try(&l->meant, o->name);
}

/* Of arguments and values that are empty (an unset variable of the shell) and of misspelt options:
 * prints why, and returns false. */
static bool check_words(const struct argp *argp, int argc, char **argv)
{
    bool is_value = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const bool option = !is_value && strncmp(word, "--", 2) == 0;
        const char *value = option ? strchr(word, '=') : NULL;
        lookup l = {.meant.word = l.word};
        if (!*word || (value && !value[1])) {
            fprintf(stderr, "%s: argument %d, '%s', is empty\n", argv[0], i, word);
            return false;
        }
        is_value = false;
        if (option && !word[2])
            break;
        if (!option)
            continue;
        snprintf(l.word, sizeof l.word, "%.*s", (int)strcspn(word + 2, "="), word + 2);
        ggdm_each_option(argp, look_at_option, &l);
        if (!l.found && l.meant.name) {
            fprintf(stderr, "%s: unknown option '--%s', did you mean '--%s'?\n", argv[0], l.word,
                    l.meant.name);
            return false;
        }
        is_value = l.found && l.found->arg && !value;
    }
    return true;
}

int ggdm_command_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    if (asked) {
        *asked = *argp;
        return ECANCELED;
    }
    if (!check_words(argp, argc, argv))
        return EINVAL;
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

double ggdm_command_real(const struct argp_state *state, const char *option, const char *text,
                         double lo, double hi)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v > lo && v <= hi))
        argp_error(state, "%s: value '%s', expected a number above %g, at most %g", option, text,
                   lo, hi);
    return v;
}

int ggdm_command_choice(const struct argp_state *state, const char *option, const char *text,
                        const char *const *names)
{
    char all[256] = "";
    size_t n = 0;
    ggdm_nearest meant = {.word = text};
    for (int i = 0; names[i]; i++) {
        if (strcmp(text, names[i]) == 0)
            return i;
        ggdm_nearest_try(&meant, names[i]);
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s",
                              i == 0         ? ""
                              : names[i + 1] ? ", "
                                             : " or ",
                              names[i]);
        n = n < sizeof all ? n : sizeof all - 1;
    }
    argp_error(state, "%s: value '%s', %s%s%sexpected %s", option, text,
               meant.name ? "did you mean '" : "", meant.name ? meant.name : "",
               meant.name ? "'? " : "", all);
    return 0;
}

int ggdm_command_fail(const char *name, const ggdm_error *err)
{
    ggdm_log(GGDM_LOG_ERROR, "%s", err->msg);
    ggdm_log(GGDM_LOG_DEBUG, "ggdm %s: %s, raised at %s:%d", name, ggdm_status_text(err->code),
             err->file ? err->file : "?", err->line);
    return ggdm_exit_code(err->code);
}

int ggdm_command_local_rank(void)
{
    const char *text = getenv("OMPI_COMM_WORLD_LOCAL_RANK");
    if (!text)
        text = getenv("SLURM_LOCALID");
    return text ? atoi(text) : 0;
}

/* mpirun says how many of its ranks are on this machine.  (srun gives each its own cores.) */
int ggdm_command_threads(void)
{
    const char *text = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    int ranks = text ? atoi(text) : 1;
    int threads = ggdm_usable_cores() / (ranks > 1 ? ranks : 1);
    return threads > 1 ? threads : 1;
}

int ggdm_command_together(const char *name,
                          ggdm_status (*work)(void *options, ggdm_world *world, ggdm_error *err),
                          void *options)
{
    ggdm_world *world = NULL;
    ggdm_error err = {0};
    ggdm_use_threads(ggdm_command_threads());
    ggdm_status st = ggdm_world_open(&world, &err);
    if (st == GGDM_OK)
        st = work(options, world, &err);
    if (st != GGDM_OK && (!world || ggdm_world_rank(world) == 0))
        ggdm_command_fail(name, &err);
    ggdm_world_close(&world);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_exit_code(st);
}
