/* `ggdm methods`: every kind that a sweep can select and every parameter it can set, then the
 * metrics, printed from the tables that the program runs on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "common/nearest.h"
#include "coordinator/cmd/command.h"
#include "evaluate/metrics.h"
#include "jobs/item.h"
#include "worker/kinds.h"

#define MAX_KINDS 256
#define MAX_FAMILIES 32
#define NAME_WIDTH 14 /* columns */

typedef struct arguments {
    const char *what; /* a kind or a family; NULL: all */
    bool markdown;
} arguments;

static bool is_wanted(const arguments *a, const ggdm_kind *kind)
{
    return !a->what || strcmp(a->what, kind->name) == 0 || strcmp(a->what, kind->family) == 0;
}

typedef struct kind_list {
    const ggdm_kind *kinds[MAX_KINDS];  /* [n_kinds] */
    const char *families[MAX_FAMILIES]; /* [n_families] in the order of the kinds */
    int n_kinds, n_families;
} kind_list;

static void add_kind(kind_list *l, const ggdm_kind *kind)
{
    int k = 0;
    while (k < l->n_families && strcmp(l->families[k], kind->family) != 0)
        k++;
    if (k == l->n_families && k < MAX_FAMILIES)
        l->families[l->n_families++] = kind->family;
    if (l->n_kinds < MAX_KINDS)
        l->kinds[l->n_kinds++] = kind;
}

static kind_list list_kinds(void)
{
    kind_list l = {.n_kinds = 0};
    for (size_t i = 0; i < ggdm_methods.n_kinds; i++)
        add_kind(&l, ggdm_methods.kinds[i]);
    for (int i = 0; ggdm_metric_kinds[i]; i++)
        add_kind(&l, &ggdm_metric_kinds[i]->kind);
    return l;
}

/* ---- what a row says ----------------------------------------------------------------------- */

static void describe_default(const ggdm_param *p, char *text, size_t size)
{
    if (p->required)
        snprintf(text, size, "required");
    else if (p->fallback)
        ggdm_scalar_text(p, p->fallback, text, size);
    else
        snprintf(text, size, "none");
}

static void describe_values(const ggdm_param *p, char *text, size_t size)
{
    if (p->type == GGDM_PARAM_NODE)
        snprintf(text, size, "a %s", p->family);
    else if (p->type == GGDM_PARAM_NODES)
        snprintf(text, size, "a list of %g to %g, each a %s", p->lo, p->hi, p->family);
    else
        ggdm_param_expected(p, text, size);
}

/* "steps", or with its label "steps (N)". */
static void describe_name(const ggdm_param *p, char *text, size_t size)
{
    if (p->label)
        snprintf(text, size, "%s (%s)", p->key, p->label);
    else
        snprintf(text, size, "%s", p->key);
}

/* Bytes that take no column of their own: a letter of UTF-8 has one column. */
static int surplus_bytes(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) == 0x80;
    return n;
}

/* ---- for people ---------------------------------------------------------------------------- */

static void print_overview(const kind_list *l)
{
    for (int f = 0; f < l->n_families; f++) {
        printf("%s%s\n", f ? "\n" : "", l->families[f]);
        for (int i = 0; i < l->n_kinds; i++)
            if (strcmp(l->kinds[i]->family, l->families[f]) == 0)
                printf("  %-18s %s\n", l->kinds[i]->name, l->kinds[i]->help);
    }
    printf("\n`ggdm methods NAME` shows the parameters of a kind or of all of a family.\n");
}

static void print_kind(const ggdm_kind *kind)
{
    printf("%s %s: %s\n", kind->family, kind->name, kind->help);
    if (kind->equation)
        printf("  %s\n", kind->equation);
    if (kind->implied)
        printf("  (need not be named: `kind:` may be left out)\n");
    for (size_t i = 0; i < kind->n_params; i++) {
        const ggdm_param *p = &kind->params[i];
        char name[80], value[300], fallback[300];
        describe_name(p, name, sizeof name);
        describe_values(p, value, sizeof value);
        describe_default(p, fallback, sizeof fallback);
        printf("  %-*s %s\n", NAME_WIDTH + surplus_bytes(name), name, p->help);
        printf("  %-*s   %s: %s; default: %s\n", NAME_WIDTH, "", ggdm_param_type_names[p->type],
               value, fallback);
    }
}

/* ---- for docs/GUIDANCE.md ------------------------------------------------------------------ */

/* '|' would end a column. */
static void print_column(const char *text)
{
    fputs(" ", stdout);
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', stdout);
        fputc(*text, stdout);
    }
    fputs(" |", stdout);
}

static void print_kind_markdown(const ggdm_kind *kind)
{
    printf("#### %s: `%s`\n\n%s\n", kind->family, kind->name, kind->help);
    if (kind->equation)
        printf("`%s`\n", kind->equation);
    if (kind->n_params == 0) {
        printf("\n");
        return;
    }
    printf("\n| parameter | type | values | default | |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < kind->n_params; i++) {
        const ggdm_param *p = &kind->params[i];
        char text[300];
        describe_name(p, text, sizeof text);
        printf("|");
        print_column(text);
        print_column(ggdm_param_type_names[p->type]);
        describe_values(p, text, sizeof text);
        print_column(text);
        describe_default(p, text, sizeof text);
        print_column(text);
        print_column(p->help);
        printf("\n");
    }
    printf("\n");
}

/* ---- the command --------------------------------------------------------------------------- */

static ggdm_status print_methods(const arguments *a, ggdm_error *err)
{
    ggdm_nearest meant = {.word = a->what};
    const kind_list l = list_kinds();
    int printed = 0;
    if (!a->what && !a->markdown) {
        print_overview(&l);
        return GGDM_OK;
    }
    for (int f = 0; f < l.n_families; f++)
        for (int i = 0; i < l.n_kinds; i++) {
            const ggdm_kind *kind = l.kinds[i];
            if (strcmp(kind->family, l.families[f]) != 0)
                continue;
            if (a->what) {
                ggdm_nearest_try(&meant, kind->name);
                ggdm_nearest_try(&meant, kind->family);
            }
            if (!is_wanted(a, kind))
                continue;
            if (a->markdown) {
                print_kind_markdown(kind);
            } else {
                printf("%s", printed ? "\n" : "");
                print_kind(kind);
            }
            printed++;
        }
    if (printed)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EINVAL, "there is no kind or family '%s'%s%s%s", a->what,
                     meant.name ? ", did you mean '" : "; `ggdm methods` lists them",
                     meant.name ? meant.name : "", meant.name ? "'?" : "");
}

enum { KEY_MARKDOWN = 256 };

static const struct argp_option options[] = {
    {"markdown", KEY_MARKDOWN, NULL, 0, "print tables as docs/GUIDANCE.md has them", 0}, {0}};

static error_t parse_methods(int key, char *arg, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case KEY_MARKDOWN:
        a->markdown = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->what)
            argp_error(state, "too many arguments, expected at most one kind or family");
        a->what = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int ggdm_cmd_methods(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_methods,
        .args_doc = "[KIND]",
        .doc = "List the samplers, guidances, losses, scorers and other kinds that a sweep can "
               "select, with their parameters: every parameter can be set in the sweep file, with "
               "--set, and be an axis.  Behind them the metrics of `ggdm evaluate'."
               "\vExample:\n"
               "  ggdm methods\n"
               "  ggdm methods gradient\n"
               "  ggdm methods loss"};
    arguments a = {.what = NULL};
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &a))
        return GGDM_EXIT_USAGE;
    return print_methods(&a, &err) == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("methods", &err);
}
