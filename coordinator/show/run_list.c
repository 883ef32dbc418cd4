#include "coordinator/show/run_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/fs.h"
#include "common/json_write.h"
#include "common/mem.h"
#include "coordinator/run/progress.h"
#include "coordinator/show/status_file.h"
#include "coordinator/show/status_view.h"
#include "coordinator/world/world_status.h"

typedef struct run {
    char *path; /* owned */
    time_t when;
    ggdm_run_status status; /* owned; without a document: cannot be read */
    ggdm_error why;
} run;

typedef struct run_list {
    run *runs; /* owned */
    size_t n, cap;
} run_list;

static int latest_first(const void *a, const void *b)
{
    const run *x = a, *y = b;
    return x->when != y->when ? (x->when < y->when ? 1 : -1) : strcmp(x->path, y->path);
}

/* A directory with a status file is a run; its last word is of the time of that file. */
static ggdm_status add_run(run_list *l, const char *dir, const char *name, ggdm_error *err)
{
    char *path = NULL, *file = NULL;
    struct stat info;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, name, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(path, GGDM_STATUS_FILE, &file, err), done);
    if (stat(file, &info) != 0)
        goto done;
    GGDM_TRY_GOTO(st, ggdm_grow(&l->runs, &l->cap, l->n + 1, sizeof *l->runs, err), done);
    run *r = &l->runs[l->n++];
    *r = (run){.path = path, .when = info.st_mtime};
    path = NULL;
    ggdm_run_status_look(r->path, &r->status, &r->why);
done:
    free(path);
    free(file);
    return st;
}

static ggdm_status find_runs(const char *dir, run_list *l, ggdm_error *err)
{
    DIR *d = opendir(dir);
    ggdm_status st = GGDM_OK;
    if (!d)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: %s, expected the directory of the runs, or DIR",
                         dir, strerror(errno));
    for (struct dirent *e; st == GGDM_OK && (e = readdir(d));)
        if (e->d_name[0] != '.')
            st = add_run(l, dir, e->d_name, err);
    closedir(d);
    if (l->n)
        qsort(l->runs, l->n, sizeof *l->runs, latest_first);
    return st;
}

static void print(const run_list *l, const char *dir)
{
    int width = 0;
    for (size_t i = 0; i < l->n; i++)
        width = (int)strlen(l->runs[i].path) > width ? (int)strlen(l->runs[i].path) : width;
    if (!l->n)
        printf("no runs below %s\n", dir);
    for (size_t i = 0; i < l->n; i++) {
        const run *r = &l->runs[i];
        char when[32] = "";
        struct tm local;
        if (localtime_r(&r->when, &local))
            strftime(when, sizeof when, "%Y-%m-%d %H:%M", &local);
        printf("%-*s  %s  ", width, r->path, when);
        if (r->status.doc)
            ggdm_status_print_line(stdout, r->status.doc->root);
        else
            printf("%s\n", r->why.msg);
    }
}

static ggdm_status print_runs_json(const run_list *l, ggdm_error *err)
{
    ggdm_json j;
    char *text = NULL;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_array(&j, NULL);
    for (size_t i = 0; i < l->n; i++) {
        const run *r = &l->runs[i];
        ggdm_json_begin_object(&j, NULL);
        ggdm_json_put_string(&j, "run", r->path);
        ggdm_json_put_int(&j, "heard", (int64_t)r->when);
        if (r->status.doc)
            ggdm_status_put_line(&j, r->status.doc->root);
        else
            ggdm_json_put_string(&j, "error", r->why.msg);
        ggdm_json_end(&j);
    }
    ggdm_json_end(&j);
    GGDM_TRY(ggdm_json_finish(&j, &text, NULL, err));
    fputs(text, stdout);
    free(text);
    return GGDM_OK;
}

ggdm_status ggdm_run_list_print(const char *dir, bool json, ggdm_error *err)
{
    run_list l = {.n = 0};
    ggdm_status st = find_runs(dir, &l, err);
    if (st == GGDM_OK && json)
        st = print_runs_json(&l, err);
    else if (st == GGDM_OK)
        print(&l, dir);
    for (size_t i = 0; i < l.n; i++) {
        ggdm_run_status_free(&l.runs[i].status);
        free(l.runs[i].path);
    }
    free(l.runs);
    return st;
}
