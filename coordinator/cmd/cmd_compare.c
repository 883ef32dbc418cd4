/* `ggdm compare`: two runs, or cells of one. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/compare_view.h"
#include "coordinator/run/dir_args.h"
#include "jobs/cell_select.h"
#include "jobs/results_until.h"

typedef struct compare_options {
    const char *dirs[2];
    const char *against;
    bool json;
} compare_options;

/* ---- nothing can be compared ---- */

static void describe(const ggdm_compare_what *what, int side, char *text, size_t size)
{
    const ggdm_partners *p = &what->partners;
    const ggdm_results *r = what->table[side];
    size_t n = (size_t)snprintf(text, size, "%s: %s", what->dir[side], r->rows[0].cell.name);
    for (int32_t i = 0; i < p->n_columns && n < size; i++) {
        const int32_t column = side ? p->columns[i].b : p->columns[i].a;
        n += (size_t)snprintf(text + n, size - n, "%s%s %s", i ? ", " : " has ",
                              r->columns[column].name,
                              ggdm_results_value(r, &r->rows[0], column).text);
    }
}

static ggdm_status fail_alone(const ggdm_compare_what *what, ggdm_error *err)
{
    char a[300], b[300];
    if (what->against)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "--against '%.200s': no other cell of %s equals one of these in all other "
                         "parameters that vary, expected a condition on all that it differs in",
                         what->against, what->dir[0]);
    if (what->partners.n_columns == 0)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s and %s: both have several cells, no parameter that varies is in both, "
                         "and no cell has the key of another",
                         what->dir[0], what->dir[1]);
    describe(what, 0, a, sizeof a);
    describe(what, 1, b, sizeof b);
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "no cell of one has the parameters or the key of a cell of the other (%s; %s)",
                     a, b);
}

/* ---- comparing ---- */

static ggdm_status show(const compare_options *o, ggdm_compare_what *what, bool *all,
                        ggdm_error *err)
{
    ggdm_comparison c = {0};
    GGDM_TRY(o->against
                 ? ggdm_partners_of_run(what->table[0], o->against, &what->partners, err)
                 : ggdm_partners_of_runs(what->table[0], what->table[1], &what->partners, err));
    if (what->partners.n == 0)
        return fail_alone(what, err);
    ggdm_status st = ggdm_compare(what->table[0], what->table[1], &what->partners, &c, err);
    if (st == GGDM_OK)
        st = (o->json ? ggdm_compare_print_json : ggdm_compare_print)(stdout, what, &c, err);
    *all = st == GGDM_OK && ggdm_compare_count(&c).apart == 0 &&
           ggdm_compare_n_alone(what, 0) + ggdm_compare_n_alone(what, 1) == 0;
    ggdm_comparison_deinit(&c);
    return st;
}

static ggdm_status compare(const compare_options *o, bool *all, ggdm_error *err)
{
    ggdm_store *stores[2] = {NULL};
    ggdm_results tables[2] = {{0}};
    const int n = o->against ? 1 : 2, last = n - 1;
    ggdm_compare_what what = {.dir = {o->dirs[0], o->dirs[last]},
                              .table = {&tables[0], &tables[last]},
                              .against = o->against};
    ggdm_status st = GGDM_OK;
    for (int i = 0; i < n; i++) {
        GGDM_TRY_GOTO(st, ggdm_dir_read(o->dirs[i], &stores[i], err), done);
        st = ggdm_results_read(stores[i], &tables[i], err);
        if (st != GGDM_OK) {
            ggdm_error_prefix(err, "%s", o->dirs[i]);
            goto done;
        }
        if (ggdm_results_any_until(&tables[i]))
            ggdm_log(GGDM_LOG_WARN,
                     "%s: cells ended themselves (until): p, and intervals of differences, hold "
                     "for numbers of images that were fixed before",
                     o->dirs[i]);
    }
    st = show(o, &what, all, err);
done:
    ggdm_partners_deinit(&what.partners);
    for (int i = 0; i < n; i++) {
        ggdm_results_deinit(&tables[i]);
        st = ggdm_dir_done(&stores[i], st, err);
    }
    return st;
}

/* ---- arguments ---- */

enum { KEY_AGAINST = 256 };

static const struct argp_option arguments[] = {
    {"against", KEY_AGAINST, "EXPR", 0,
     "of one run: compare each other cell with the one of these that equals it in all parameters "
     "that vary and of which EXPR says nothing; a single cell with all others",
     0},
    {"json", 'j', NULL, 0, "print all numbers as one JSON object", 0},
    {0},
};

static error_t parse_compare(int key, char *arg, struct argp_state *state)
{
    compare_options *o = state->input;
    switch (key) {
    case KEY_AGAINST:
        o->against = arg;
        break;
    case 'j':
        o->json = true;
        break;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1)
            argp_error(state, "more than two run directories: %s", arg);
        o->dirs[state->arg_num] = arg;
        break;
    case ARGP_KEY_END:
        if (!o->dirs[0])
            argp_error(state, "expected two run directories, or one and --against");
        if (!o->dirs[1] && !o->against)
            argp_error(state, "expected a second run directory, or --against");
        if (o->dirs[1] && o->against)
            argp_error(state, "--against: expected one run directory with it, found two");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_compare(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse_compare,
        "DIR [DIR]",
        "Compare the cells of two runs, A and B, or, with --against, cells of one: do their keys "
        "agree, how many images are equal to the bit, how far apart are the others, and do "
        "accuracies and means by the judges and scorers that both have differ by more than chance? "
        " "
        "Runs may be going on, or belong to others: nothing is written.\v"
        "Cells of two runs are matched by the parameters that both have and that vary, cells that "
        "are then left by their keys.  Images of one index are a pair where the seeds are equal, "
        "as they begin with the same noise: then p is that of McNemar's exact test, else that of "
        "Fisher's, and Holm's correction over all pairs of cells says what is more than chance.  "
        "Images that diverged are not right.\n\n"
        "Exit code 0: all cells were compared, whatever came out; 1: some have no partner, or no "
        "image of an index that the other has; 2: none could be compared.\n\n" GGDM_CELL_SELECT_HELP
        "Example:\n  ggdm compare runs/bf16 runs/f32\n"
        "  ggdm compare runs/figure4 --against 'kappa=0'",
        NULL,
        NULL,
        NULL};
    compare_options options = {.json = false};
    ggdm_error err = {0};
    bool all = false;
    if (ggdm_command_parse(&argp, argc, argv, &options))
        return GGDM_EXIT_USAGE;
    if (compare(&options, &all, &err) != GGDM_OK)
        return ggdm_command_fail("compare", &err);
    return all ? GGDM_EXIT_OK : GGDM_EXIT_FAILED_UNITS;
}
