/* `ggdm status`: one run, again and again with --watch; or all runs. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "coordinator/cmd/command.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/show/run_list.h"
#include "coordinator/show/status_file.h"
#include "coordinator/show/status_view.h"
#include "coordinator/world/stop.h"
#include "slurm/queue.h"

#define WATCH_SECONDS 1.0        /* between two looks on a terminal ... */
#define WATCH_SECONDS_PLAIN 10.0 /* ... and in a file */

typedef struct status_options {
    ggdm_dir_options where;
    bool json, watch;
} status_options;

/* The jobs of the run, where some were submitted. */
static void print_jobs(FILE *out, const char *dir)
{
    char *lines = NULL;
    ggdm_error err = {0};
    if (ggdm_slurm_jobs_seen(dir, &lines, &err) != GGDM_OK)
        fprintf(out, "  Slurm      %s\n", err.msg);
    else if (lines && !*lines)
        fprintf(out, "  Slurm      no job of this run is in the queue\n");
    for (char *line = lines, *end; line && *line; line = end + 1) {
        char id[64], state[64], reason[128], left[64];
        end = line + strcspn(line, "\n");
        if (sscanf(line, "%63s %63s %127s %63s", id, state, reason, left) == 4)
            fprintf(out, "  Slurm      job %s %s%s%s, time left %s\n", id, state,
                    strcmp(reason, "None") == 0 ? "" : ", ",
                    strcmp(reason, "None") == 0 ? "" : reason, left);
        if (!*end)
            break;
    }
    free(lines);
}

/* The shards below a run that is not merged yet, a line each. */
static void print_shards(FILE *out, const char *dir)
{
    struct dirent **names = NULL;
    char *path = NULL;
    if (ggdm_path_join(dir, "shards", &path, NULL) != GGDM_OK)
        return;
    int n = scandir(path, &names, NULL, versionsort);
    for (int i = 0; i < n; i++) {
        char *shard = NULL;
        ggdm_run_status s = {0};
        if (names[i]->d_name[0] != '.' &&
            ggdm_path_join(path, names[i]->d_name, &shard, NULL) == GGDM_OK &&
            ggdm_run_status_read(shard, &s, NULL) == GGDM_OK) {
            fprintf(out, "  shard %-4s ", names[i]->d_name);
            ggdm_status_print_line(out, s.doc->root);
        }
        ggdm_run_status_free(&s);
        free(shard);
        free(names[i]);
    }
    free(names);
    free(path);
}

/* A run that was submitted and has not begun. */
static bool waits(const char *dir)
{
    char *lines = NULL;
    bool submitted = ggdm_slurm_jobs_seen(dir, &lines, NULL) == GGDM_OK && lines;
    free(lines);
    return submitted;
}

static ggdm_status show_status(const status_options *o, ggdm_error *err)
{
    ggdm_run_status s = {0};
    ggdm_status st = ggdm_run_status_look(o->where.dir, &s, err);
    if (st != GGDM_OK && !o->json && waits(o->where.dir)) {
        printf("%s: no images here yet\n", o->where.dir);
        print_jobs(stdout, o->where.dir);
        print_shards(stdout, o->where.dir);
        return GGDM_OK;
    }
    if (st != GGDM_OK)
        return st;
    if (o->json) {
        fwrite(s.text, 1, s.size, stdout);
    } else {
        ggdm_status_print(stdout, s.doc->root, o->where.dir);
        print_jobs(stdout, o->where.dir);
    }
    ggdm_run_status_free(&s);
    return GGDM_OK;
}

/* ---- the live view ---- */

typedef struct screen {
    bool terminal;
    int rows, columns;
    int drawn; /* lines on the screen */
} screen;

static void screen_measure(screen *s)
{
    struct winsize size = {0};
    s->terminal = isatty(STDOUT_FILENO) != 0;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 && size.ws_col;
    s->rows = known ? size.ws_row : 24;
    s->columns = known ? size.ws_col : 80;
}

/* Over what is there, line by line, cut to the screen: nothing flickers. */
static void screen_draw(screen *s, const char *text)
{
    screen_measure(s);
    if (!s->terminal) {
        printf("%s\n", text);
        fflush(stdout);
        return;
    }
    if (s->drawn)
        printf("\033[%dA", s->drawn);
    s->drawn = 0;
    while (*text && s->drawn < s->rows - 1) {
        int n = (int)strcspn(text, "\n");
        printf("\r%.*s\033[K\n", n < s->columns ? n : s->columns - 1, text);
        text += n + (text[n] == '\n');
        s->drawn++;
    }
    printf("\033[J");
    fflush(stdout);
}

static ggdm_status draw_status(screen *s, const ggdm_run_status *status, const char *dir,
                               ggdm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
    ggdm_status_print(out, status->doc->root, dir);
    print_jobs(out, dir);
    fclose(out);
    if (text)
        screen_draw(s, text);
    free(text);
    return GGDM_OK;
}

/* Ends with Ctrl-C, and when the run rests.  A coordinator that is lost may come back. */
static ggdm_status watch(const status_options *o, ggdm_error *err)
{
    screen s = {0};
    ggdm_status st = GGDM_OK;
    bool resting = false;
    screen_measure(&s);
    ggdm_stop_install();
    while (st == GGDM_OK && !resting && ggdm_stop_count() == 0) {
        ggdm_run_status status = {0};
        st = ggdm_run_status_read(o->where.dir, &status, err);
        if (st == GGDM_OK) {
            resting = ggdm_status_liveness(status.doc->root) == GGDM_AT_REST;
            st = draw_status(&s, &status, o->where.dir, err);
        }
        ggdm_run_status_free(&status);
        if (st == GGDM_OK && !resting)
            ggdm_sleep(s.terminal ? WATCH_SECONDS : WATCH_SECONDS_PLAIN);
    }
    return st;
}

static const struct argp_option arguments[] = {
    {"json", 'j', NULL, 0, "print the status as JSON", 0},
    {"watch", 'w', NULL, 0, "show it again and again until the run rests; Ctrl-C leaves", 0},
    {0},
};

static error_t parse_status(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    status_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->where;
        break;
    case 'j':
        o->json = true;
        break;
    case 'w':
        o->watch = true;
        break;
    case ARGP_KEY_END:
        if (o->json && o->watch)
            argp_error(state, "--json and --watch: expected one of them");
        if (o->watch && !o->where.dir)
            argp_error(state, "--watch: expected a run directory");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_status(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse_status,
        "[DIR]",
        "Show how far the run in DIR is: totals, failures, cells with their accuracy so far, and "
        "whether a coordinator works on it or what command continues it.  Never disturbs a "
        "running coordinator.  Without DIR: all runs below runs, a line each.\v"
        "Example:\n  ggdm status runs/figure4 --watch",
        ggdm_dir_children,
        NULL,
        NULL};
    status_options options = {.where.optional = true};
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &options))
        return GGDM_EXIT_USAGE;
    ggdm_status st = !options.where.dir ? ggdm_run_list_print("runs", options.json, &err)
                     : options.watch    ? watch(&options, &err)
                                        : show_status(&options, &err);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("status", &err);
}
