/* `ggdm replay`: a stored image computed again, and its way from noise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/json_write.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/temp.h"
#include "common/version.h"
#include "coordinator/cmd/command.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/run/replay.h"
#include "coordinator/run/way.h"
#include "jobs/caption.h"
#include "jobs/cell_select.h"

typedef struct replay_options {
    ggdm_dir_options where;
    const char *cell, *out;
    int image, every, threads;
} replay_options;

/* What is shown. */
typedef struct subject {
    ggdm_results results;
    const ggdm_row *row;  /* of its cell */
    ggdm_caption caption; /* of its pictures */
    char *out;            /* directory */
} subject;

static void free_subject(subject *s)
{
    ggdm_caption_deinit(&s->caption);
    ggdm_results_deinit(&s->results);
    free(s->out);
}

/* ---- which image --------------------------------------------------------------------------- */

static ggdm_status find_cell(const replay_options *o, ggdm_store *store, subject *s,
                             ggdm_error *err)
{
    const int32_t n = s->results.n_rows;
    int32_t found = -1, count = 0;
    bool *chosen = NULL;
    if (o->cell)
        GGDM_TRY(ggdm_cell_select_in(store, o->cell, &chosen, err));
    for (int32_t i = 0; i < n; i++)
        if (!chosen || chosen[i]) {
            found = found < 0 ? i : found;
            count++;
        }
    free(chosen);
    if (count > 1 && !o->cell)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "--cell is missing: the run has %d cells, expected one of them, as %s",
                         count, s->results.rows[0].cell.name);
    if (count > 1)
        return GGDM_FAIL(err, GGDM_EINVAL, "--cell: value '%.200s' means %d cells, expected one",
                         o->cell, count);
    s->row = &s->results.rows[found];
    if (o->image >= s->row->cell.wanted)
        return GGDM_FAIL(err, GGDM_EINVAL, "--image: value '%d', expected 0 to %d, as %s has %d",
                         o->image, s->row->cell.wanted - 1, s->row->cell.name, s->row->cell.wanted);
    return GGDM_OK;
}

static ggdm_status find_out(const replay_options *o, subject *s, ggdm_error *err)
{
    const char *place;
    GGDM_TRY(ggdm_dir_to_write(o->where.dir, o->out, "replay", &place, err));
    if (o->out)
        return ggdm_strdup(o->out, &s->out, err);
    GGDM_TRY(ggdm_asprintf(&s->out, err, "%s/replay/%s/%06d", place, s->row->cell.name, o->image));
    return ggdm_make_dirs(s->out, err);
}

static ggdm_status find_subject(const replay_options *o, ggdm_store *store, subject *s,
                                ggdm_error *err)
{
    GGDM_TRY(ggdm_results_open(store, &s->results, err));
    GGDM_TRY(find_cell(o, store, s, err));
    GGDM_TRY(ggdm_caption_make(&s->results, s->row, &s->caption, err));
    return find_out(o, s, err);
}

/* ---- its files ----------------------------------------------------------------------------- */

/* As its archive has it. */
static ggdm_status write_image(const subject *s, const ggdm_sample *sample, ggdm_error *err)
{
    uint8_t *png = NULL;
    size_t size = 0;
    GGDM_TRY(
        ggdm_caption_put(&s->caption, sample->index, sample->data, sample->size, &png, &size, err));
    ggdm_status st = ggdm_replace_file_in(s->out, "final.png", png, size, err);
    free(png);
    return st;
}

static ggdm_status write_strip(const subject *s, int32_t index, const ggdm_way_files *f,
                               ggdm_error *err)
{
    uint8_t *png = NULL;
    size_t size = 0;
    GGDM_TRY(ggdm_caption_put(&s->caption, index, f->strip, f->strip_size, &png, &size, err));
    ggdm_status st = ggdm_replace_file_in(s->out, "strip.png", png, size, err);
    free(png);
    return st;
}

static ggdm_status write_json(const subject *s, const ggdm_replayed *image, ggdm_error *err)
{
    const ggdm_run_info *info = s->results.info;
    ggdm_json j;
    char text[GGDM_REPLAYED_SIZE];
    ggdm_replayed_text(image, text, sizeof text);
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "run", info->name);
    ggdm_json_put_string(&j, "cell", s->row->cell.name);
    ggdm_json_put_int(&j, "image", image->made.index);
    ggdm_json_begin_object(&j, "parameters");
    for (int32_t k = 0; k < s->results.n_varying; k++) {
        const int32_t column = s->results.varying[k];
        ggdm_results_put_value(&j, &s->results.columns[column],
                               ggdm_results_value(&s->results, s->row, column));
    }
    ggdm_json_end(&j);
    ggdm_json_put_bool(&j, "same", image->same);
    ggdm_json_put_string(&j, "result", text);
    ggdm_json_put_int(&j, "values", image->values);
    if (image->differing < 0)
        ggdm_json_put_null(&j, "differing");
    else
        ggdm_json_put_int(&j, "differing", image->differing);
    ggdm_json_put_bool(&j, "diverged", image->made.diverged);
    if (image->made.diverged_step < 0)
        ggdm_json_put_null(&j, "diverged_step");
    else
        ggdm_json_put_int(&j, "diverged_step", image->made.diverged_step);
    ggdm_json_put_string(&j, "precision", ggdm_precision_names[info->precision]);
    ggdm_json_put_string(&j, "isa", info->isa);
    ggdm_json_put_string(&j, "version", ggdm_version);
    ggdm_json_put_string(&j, "recipe", s->caption.recipe);
    ggdm_json_end(&j);
    return ggdm_json_finish_in(&j, s->out, "replay.json", err);
}

static ggdm_status write_files(const subject *s, const ggdm_replayed *image,
                               const ggdm_way_files *f, ggdm_error *err)
{
    GGDM_TRY(write_image(s, &image->made, err));
    GGDM_TRY(write_strip(s, image->made.index, f, err));
    GGDM_TRY(ggdm_replace_file_in(s->out, "way.gif", f->gif, f->gif_size, err));
    GGDM_TRY(ggdm_replace_file_in(s->out, "steps.csv", f->csv, f->csv_size, err));
    return write_json(s, image, err);
}

/* ---- the command --------------------------------------------------------------------------- */

/* What came of it, which is an error where it is not the stored image. */
static ggdm_status tell(const subject *s, const ggdm_replayed *image, bool *same, ggdm_error *err)
{
    char text[GGDM_REPLAYED_SIZE];
    ggdm_replayed_text(image, text, sizeof text);
    *same = image->same;
    if (image->same)
        return printf("%s image %d: %s; final.png, strip.png, way.gif, steps.csv, replay.json in "
                      "%s\n",
                      s->row->cell.name, image->made.index, text, s->out) < 0
                   ? GGDM_FAIL(err, GGDM_EIO, "cannot print")
                   : GGDM_OK;
    ggdm_log(GGDM_LOG_ERROR,
             "%s image %d is not what the run has stored: %s; what came now is in %s",
             s->row->cell.name, image->made.index, text, s->out);
    return GGDM_OK;
}

static ggdm_status show(const replay_options *o, ggdm_replay *replay, const subject *s, bool *same,
                        ggdm_error *err)
{
    ggdm_way way = {.every = o->every, .animated = true};
    ggdm_way_files files = {.strip = NULL};
    ggdm_replayed image = {.same = false};
    ggdm_status st;
    GGDM_TRY_GOTO(st,
                  ggdm_replay_image(replay, s->row->cell.trajectory, o->image, ggdm_way_watch, &way,
                                    &image, err),
                  done);
    GGDM_TRY_GOTO(st, ggdm_way_finish(&way, &image.made, &files, err), done);
    GGDM_TRY_GOTO(st, write_files(s, &image, &files, err), done);
    st = tell(s, &image, same, err);
done:
    ggdm_way_deinit(&way);
    ggdm_way_files_deinit(&files);
    ggdm_replayed_deinit(&image);
    return st;
}

static ggdm_status replay(const replay_options *o, bool *same, ggdm_error *err)
{
    ggdm_replay *replay = NULL;
    subject s = {.row = NULL};
    GGDM_TRY(ggdm_replay_open(o->where.dir, o->threads, &replay, err));
    ggdm_status st = find_subject(o, ggdm_replay_store(replay), &s, err);
    if (st == GGDM_OK)
        st = show(o, replay, &s, same, err);
    free_subject(&s);
    return ggdm_replay_done(&replay, st, err);
}

static const struct argp_option arguments[] = {
    {"cell", 'c', "EXPR", 0,
     "the cell, as c0003, or a condition that one cell has (default: the "
     "only one)",
     0},
    {"image", 'i', "I", 0, "which of its images, from 0 (default: 0)", 0},
    {"every", 'e', "K", 0,
     "K steps between two columns of strip.png (default: a tenth of them "
     "all)",
     0},
    {"out", 'o', "DIR", 0, "where to write (default: replay/CELL/IMAGE below the run directory)",
     0},
    {"threads", 't', "M", 0, "OpenMP threads (default: 1)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    replay_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->where;
        break;
    case 'c':
        o->cell = arg;
        break;
    case 'i':
        o->image = ggdm_command_int(state, "--image", arg, 0, GGDM_MAX_SAMPLES - 1);
        break;
    case 'e':
        o->every = ggdm_command_int(state, "--every", arg, 1, GGDM_MAX_STEPS);
        break;
    case 'o':
        o->out = arg;
        break;
    case 't':
        o->threads = ggdm_command_int(state, "--threads", arg, 1, 1024);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_replay(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse,
        "DIR",
        "Compute one image of the run in DIR again, alone and from its stored recipe, and show its "
        "way from noise: final.png as in the archive, strip.png with rows of x_t and x0-hat, the "
        "same as an animation, way.gif, and the numbers of every step, steps.csv.  It must be the "
        "stored image to the bit, or the exit code is 1.\v"
        "The machine must have the run's instruction set.  steps.csv has a line for each step: "
        "timestep t, share of x0-hat's values beyond the data range, and of each term of the "
        "guidance loss, norm of the gradient, and its cosine with the predicted "
        "noise.\n\n" GGDM_CELL_SELECT_HELP
        "Example:\n  ggdm replay runs/figure4 --cell c0003 --image 4 --every 100 --out way",
        ggdm_dir_children,
        NULL,
        NULL};
    replay_options o = {.threads = 1};
    ggdm_error err = {0};
    bool same = false;
    if (ggdm_command_parse(&argp, argc, argv, &o))
        return GGDM_EXIT_USAGE;
    if (replay(&o, &same, &err) != GGDM_OK)
        return ggdm_command_fail("replay", &err);
    return same ? GGDM_EXIT_OK : GGDM_EXIT_FAILED_UNITS;
}
