#include "coordinator/show/status_watch.h"

#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "coordinator/show/status_file.h"
#include "coordinator/show/status_jobs.h"
#include "coordinator/show/status_map.h"
#include "coordinator/show/status_view.h"
#include "coordinator/show/terminal.h"

#define SECONDS 1.0        /* between two looks on a terminal ... */
#define SECONDS_PLAIN 10.0 /* ... and anywhere else */
enum { INDENT = 13 };      /* of what follows the names of the head's lines */

/* ---- lines that are too long go on below, broken at spaces ---- */

static void put_wrapped(FILE *out, const char *line, const char *end, int columns, int *lines)
{
    const int indent = strncmp(line, "  ", 2) == 0 && columns > 3 * INDENT ? INDENT : 0;
    for (int room = columns; room > 0; room = columns - indent, ++*lines) {
        const char *cut = line + ggdm_utf8_letters(line, (size_t)room);
        while (cut < end && cut > line && *cut != ' ')
            cut--;
        if (cut >= end || cut <= line + strspn(line, " "))
            break;
        fprintf(out, "%.*s\n%*s", (int)(cut - line), line, indent, "");
        line = cut + 1;
    }
    fprintf(out, "%.*s\n", (int)(end - line), line);
    ++*lines;
}

/* ---- a picture: a head, and the cells in what room is left below it ---- */

typedef struct run {
    const char *dir;
    const ggdm_node *root;
    const ggdm_status_map *map;
} run;

static void put_head(FILE *out, const run *r)
{
    ggdm_status_print_head(out, r->root, r->dir);
    ggdm_status_print_jobs(out, r->dir);
    ggdm_status_map_count(out, r->map);
}

static void put_brief(FILE *out, const run *r)
{
    ggdm_status_print_brief(out, r->root);
}

/* What put writes, with its lines broken; *text is owned, *lines: how many. */
static ggdm_status wrap(void (*put)(FILE *, const run *), const run *r, int columns, char **text,
                        int *lines, ggdm_error *err)
{
    char *all = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&all, &size);
    *lines = 0;
    if (out)
        put(out, r);
    if (!out || fclose(out) != 0 || !(out = open_memstream(text, &size))) {
        free(all);
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
    }
    for (const char *at = all, *end; *at; at = end + (*end == '\n')) {
        end = at + strcspn(at, "\n");
        put_wrapped(out, at, end, columns, lines);
    }
    free(all);
    return fclose(out) == 0 ? GGDM_OK : GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
}

/* The cells have half of the room at least. */
static ggdm_status print_run(FILE *out, const run *r, ggdm_canvas canvas, ggdm_error *err)
{
    char *head = NULL;
    int lines;
    ggdm_status st = wrap(put_head, r, canvas.columns, &head, &lines, err);
    if (st == GGDM_OK && lines > canvas.rows / 2) {
        free(head);
        head = NULL;
        st = wrap(put_brief, r, canvas.columns, &head, &lines, err);
    }
    if (st == GGDM_OK) {
        fputs(head, out);
        canvas.rows -= lines;
        st = ggdm_status_map_print(out, r->map, &canvas, err);
    }
    free(head);
    return st;
}

static ggdm_status look(FILE *out, const char *dir, ggdm_status_map *map, const ggdm_canvas *canvas,
                        bool *resting, ggdm_error *err)
{
    ggdm_run_status status = {0};
    ggdm_status st = ggdm_run_status_read(dir, &status, err);
    if (st == GGDM_OK) {
        const run r = {dir, status.doc->root, map};
        *resting = ggdm_status_liveness(r.root) == GGDM_AT_REST;
        st = ggdm_status_map_read(dir, r.root, map, err);
        if (st == GGDM_OK)
            st = print_run(out, &r, *canvas, err);
    } else if (ggdm_status_is_submitted(dir)) {
        ggdm_status_print_waiting(out, dir);
        st = GGDM_OK;
    }
    ggdm_run_status_free(&status);
    return st;
}

static ggdm_status look_and_show(ggdm_terminal *t, const char *dir, ggdm_status_map *map,
                                 bool *resting, ggdm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
    ggdm_terminal_measure(t);
    ggdm_status st = look(out, dir, map, &t->canvas, resting, err);
    if (fclose(out) != 0 && st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
    if (st == GGDM_OK)
        st = ggdm_terminal_show(t, text, err);
    free(text);
    return st;
}

ggdm_status ggdm_status_watch(const char *dir, ggdm_error *err)
{
    ggdm_terminal t;
    ggdm_status_map map = {0};
    ggdm_status st;
    bool resting = false;
    ggdm_terminal_open(&t);
    do
        st = look_and_show(&t, dir, &map, &resting, err);
    while (st == GGDM_OK && !resting && ggdm_terminal_wait(&t, t.live ? SECONDS : SECONDS_PLAIN));
    ggdm_terminal_close(&t);
    ggdm_status_map_deinit(&map);
    return st;
}
