#include "coordinator/cmd/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/hash.h"
#include "common/json_write.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/temp.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/trace_ranks.h"
#include "coordinator/run/replay.h"
#include "coordinator/run/way.h"
#include "jobs/caption.h"

#define TELL_SECONDS 30.0 /* between two words about how far it is */

/* ---- what is to be done ---------------------------------------------------------------------- */

/* A complete cell. */
typedef struct task {
    const ggdm_row *row;
    int32_t images; /* to be traced */
    char *folder;   /* owned */
    char *marker;   /* what its trace.json says when all is there; owned */
    bool there;
} task;

/* Those of one trajectory lie side by side. */
typedef struct tasks {
    task *tasks; /* [n] */
    int32_t n, incomplete;
} tasks;

ggdm_status ggdm_trace_folder(const char *dir, const ggdm_store_cell *cell, char **out,
                              ggdm_error *err)
{
    return ggdm_asprintf(out, err, "%s/archive/%s/trace", dir, cell->name);
}

static ggdm_status make_marker(const task *t, int32_t every, bool same, char **out, ggdm_error *err)
{
    char key[GGDM_HASH_TEXT_SIZE];
    ggdm_json j;
    ggdm_hash_hex(t->row->cell.key, key);
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "cell", t->row->cell.name);
    ggdm_json_put_string(&j, "key", key);
    ggdm_json_put_int(&j, "images", t->images);
    if (every)
        ggdm_json_put_int(&j, "every", every);
    else
        ggdm_json_put_null(&j, "every");
    ggdm_json_put_bool(&j, "same", same);
    ggdm_json_end(&j);
    return ggdm_json_finish(&j, out, NULL, err);
}

static ggdm_status look(task *t, const char *dir, int32_t every, ggdm_error *err)
{
    char *path = NULL, *text = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_trace_folder(dir, &t->row->cell, &t->folder, err), done);
    GGDM_TRY_GOTO(st, make_marker(t, every, true, &t->marker, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(t->folder, GGDM_TRACE_MARKER, &path, err), done);
    t->there = ggdm_exists(path) &&
               ggdm_read_text(path, GGDM_MAX_TRACE_MARKER, &text, NULL) == GGDM_OK &&
               strcmp(text, t->marker) == 0;
done:
    free(path);
    free(text);
    return st;
}

static void free_tasks(tasks *all)
{
    for (int32_t i = 0; i < all->n; i++) {
        free(all->tasks[i].folder);
        free(all->tasks[i].marker);
    }
    free(all->tasks);
    *all = (tasks){.n = 0};
}

static int by_trajectory(const void *x, const void *y)
{
    const ggdm_store_cell *a = &((const task *)x)->row->cell, *b = &((const task *)y)->row->cell;
    const int64_t p = a->trajectory, q = b->trajectory;
    return p != q ? (p > q) - (p < q) : (a->index > b->index) - (a->index < b->index);
}

/* *out is owned: free_tasks, also after an error. */
static ggdm_status list_tasks(const ggdm_results *r, const char *dir, const ggdm_spec_trace *s,
                              tasks *out, ggdm_error *err)
{
    *out = (tasks){.n = 0};
    GGDM_TRY(ggdm_alloc(&out->tasks, (size_t)r->n_rows, sizeof *out->tasks, err));
    for (int32_t i = 0; i < r->n_rows; i++) {
        const ggdm_store_cell *cell = &r->rows[i].cell;
        if (cell->done < cell->wanted) {
            out->incomplete++;
            continue;
        }
        task *t = &out->tasks[out->n++];
        *t = (task){.row = &r->rows[i],
                    .images = cell->wanted < s->images ? cell->wanted : s->images};
        GGDM_TRY(look(t, dir, s->every, err));
    }
    if (out->n)
        qsort(out->tasks, (size_t)out->n, sizeof *out->tasks, by_trajectory);
    return GGDM_OK;
}

/* The end of the group that begins at first. */
static int32_t end_of_group(const tasks *all, int32_t first)
{
    const int64_t trajectory = all->tasks[first].row->cell.trajectory;
    int32_t end = first + 1;
    while (end < all->n && all->tasks[end].row->cell.trajectory == trajectory)
        end++;
    return end;
}

/* How many images are to be computed for those of a group that lack something; 0: none do. */
static int32_t images_of_group(const tasks *all, int32_t first, int32_t end)
{
    int32_t most = 0;
    for (int32_t i = first; i < end; i++)
        if (!all->tasks[i].there && all->tasks[i].images > most)
            most = all->tasks[i].images;
    return most;
}

ggdm_status ggdm_trace_missing(ggdm_store *store, const char *dir, const ggdm_spec_trace *settings,
                               int32_t *n, ggdm_error *err)
{
    ggdm_results r;
    tasks all = {.n = 0};
    *n = 0;
    ggdm_status st = ggdm_results_open(store, &r, err);
    if (st == GGDM_OK)
        st = list_tasks(&r, dir, settings, &all, err);
    for (int32_t i = 0, end; st == GGDM_OK && i < all.n; i = end) {
        end = end_of_group(&all, i);
        *n += images_of_group(&all, i, end) > 0;
    }
    free_tasks(&all);
    ggdm_results_deinit(&r);
    return st;
}

/* ---- images ---------------------------------------------------------------------------------- */

typedef struct tracing {
    ggdm_results r;
    ggdm_replay *replay;
    tasks all;
    int32_t every;
    int turn, turns;  /* ggdm_trace_turns */
    ggdm_traced done; /* by this rank */
} tracing;

static ggdm_status write_image(const tracing *t, const task *to, int32_t index,
                               const ggdm_way_files *files, ggdm_error *err)
{
    char png_name[16], csv_name[16];
    ggdm_caption caption = {0};
    uint8_t *png = NULL;
    size_t size = 0;
    ggdm_status st;
    snprintf(png_name, sizeof png_name, "%06d.png", index);
    snprintf(csv_name, sizeof csv_name, "%06d.csv", index);
    GGDM_TRY_GOTO(st, ggdm_caption_make(&t->r, to->row, &caption, err), done);
    GGDM_TRY_GOTO(
        st, ggdm_caption_put(&caption, index, files->strip, files->strip_size, &png, &size, err),
        done);
    GGDM_TRY_GOTO(st, ggdm_replace_file_in(to->folder, png_name, png, size, err), done);
    st = ggdm_replace_file_in(to->folder, csv_name, files->csv, files->csv_size, err);
done:
    ggdm_caption_deinit(&caption);
    free(png);
    return st;
}

/* One image, for all cells from first to end that lack it. */
static ggdm_status trace_image(tracing *t, int32_t first, int32_t end, int32_t index, bool *same,
                               ggdm_error *err)
{
    const ggdm_store_cell *cell = &t->all.tasks[first].row->cell;
    ggdm_way way = {.every = t->every};
    ggdm_way_files files = {.strip = NULL};
    ggdm_replayed image = {.same = false};
    char text[GGDM_REPLAYED_SIZE];
    ggdm_status st;
    GGDM_TRY_GOTO(
        st,
        ggdm_replay_image(t->replay, cell->trajectory, index, ggdm_way_watch, &way, &image, err),
        done);
    GGDM_TRY_GOTO(st, ggdm_way_finish(&way, &image.made, &files, err), done);
    ggdm_replayed_text(&image, text, sizeof text);
    if (!image.same)
        ggdm_log(GGDM_LOG_ERROR, "%s image %d: %s", cell->name, index, text);
    *same = *same && image.same;
    t->done.images++;
    t->done.differing += !image.same;
    for (int32_t i = first; i < end && st == GGDM_OK; i++)
        if (!t->all.tasks[i].there && index < t->all.tasks[i].images)
            st = write_image(t, &t->all.tasks[i], index, &files, err);
done:
    ggdm_way_deinit(&way);
    ggdm_way_files_deinit(&files);
    ggdm_replayed_deinit(&image);
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "%s image %d", cell->name, index);
}

/* What was there is of other settings, or of a run that was killed. */
static ggdm_status clear(const task *t, ggdm_error *err)
{
    ggdm_remove_tree(t->folder);
    return ggdm_make_dirs(t->folder, err);
}

static ggdm_status mark(const tracing *t, const task *to, bool same, ggdm_error *err)
{
    char *text = NULL;
    GGDM_TRY(make_marker(to, t->every, same, &text, err));
    ggdm_status st = ggdm_replace_file_in(to->folder, GGDM_TRACE_MARKER, text, strlen(text), err);
    free(text);
    return st;
}

static ggdm_status trace_group(tracing *t, int32_t first, int32_t end, ggdm_error *err)
{
    const int32_t images = images_of_group(&t->all, first, end);
    bool same = true;
    for (int32_t i = first; i < end; i++) {
        t->done.kept += t->all.tasks[i].there;
        if (!t->all.tasks[i].there)
            GGDM_TRY(clear(&t->all.tasks[i], err));
    }
    for (int32_t index = 0; index < images; index++)
        GGDM_TRY(trace_image(t, first, end, index, &same, err));
    for (int32_t i = first; i < end; i++)
        if (!t->all.tasks[i].there) {
            GGDM_TRY(mark(t, &t->all.tasks[i], same, err));
            t->done.cells++;
        }
    return GGDM_OK;
}

/* This rank's: of those groups that lack something every turns-th. */
static ggdm_status trace_groups(tracing *t, ggdm_error *err)
{
    double told = ggdm_now();
    int turn = 0;
    for (int32_t i = 0, end; i < t->all.n; i = end) {
        end = end_of_group(&t->all, i);
        const bool work = images_of_group(&t->all, i, end) > 0;
        if (work ? turn++ % t->turns == t->turn : t->turn == 0)
            GGDM_TRY(trace_group(t, i, end, err));
        if (t->turn == 0 && ggdm_now() - told > TELL_SECONDS) {
            told = ggdm_now();
            ggdm_log(GGDM_LOG_INFO, "tracing: about %d of %d cells", end, t->all.n);
        }
    }
    return GGDM_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

static ggdm_status add_up(ggdm_world *world, const tracing *t, ggdm_traced *out, ggdm_error *err)
{
    double sums[] = {(double)t->done.cells, (double)t->done.images, (double)t->done.kept,
                     (double)t->done.differing};
    GGDM_TRY(ggdm_world_sum_few(world, sums, sizeof sums / sizeof *sums, err));
    *out = (ggdm_traced){.cells = (int64_t)sums[0],
                         .images = (int64_t)sums[1],
                         .kept = (int64_t)sums[2],
                         .differing = (int64_t)sums[3],
                         .incomplete = t->all.incomplete};
    return GGDM_OK;
}

static ggdm_status prepare(tracing *t, const char *dir, const ggdm_spec_trace *s, bool *works,
                           ggdm_error *err)
{
    t->every = s->every;
    GGDM_TRY(ggdm_replay_open(dir, ggdm_command_threads(), &t->replay, err));
    GGDM_TRY(ggdm_results_open(ggdm_replay_store(t->replay), &t->r, err));
    GGDM_TRY(ggdm_trace_has_room(&t->r, dir, works, err));
    return list_tasks(&t->r, dir, s, &t->all, err);
}

/* What is there is what rank 0 sees: others may see an older state of a network's file system. */
static ggdm_status share_view(ggdm_world *world, tracing *t, ggdm_error *err)
{
    int32_t n = t->all.n;
    GGDM_TRY(ggdm_world_broadcast(world, 0, &n, sizeof n, err));
    GGDM_TRY(ggdm_world_agree(
        world,
        n == t->all.n ? GGDM_OK
                      : GGDM_FAIL(err, GGDM_ESTATE, "ranks see different states of the run"),
        err));
    for (int32_t i = 0; i < n; i++)
        GGDM_TRY(ggdm_world_broadcast(world, 0, &t->all.tasks[i].there,
                                      sizeof t->all.tasks[i].there, err));
    return GGDM_OK;
}

ggdm_status ggdm_trace_run(ggdm_world *world, const char *dir, const ggdm_spec_trace *settings,
                           ggdm_traced *out, ggdm_error *err)
{
    tracing t = {.replay = NULL};
    bool works = false;
    *out = (ggdm_traced){.cells = 0};
    ggdm_status st = ggdm_world_agree(world, prepare(&t, dir, settings, &works, err), err);
    if (st == GGDM_OK)
        st = share_view(world, &t, err);
    if (st == GGDM_OK)
        st = ggdm_trace_turns(world, works, &t.turn, &t.turns, err);
    if (st == GGDM_OK)
        st = ggdm_world_agree(world, trace_groups(&t, err), err);
    if (st == GGDM_OK)
        st = add_up(world, &t, out, err);
    free_tasks(&t.all);
    ggdm_results_deinit(&t.r);
    return ggdm_replay_done(&t.replay, st, err);
}
