#include "jobs/archive.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/argmax.h"
#include "common/container.h"
#include "common/fs.h"
#include "common/hash.h"
#include "common/json_write.h"
#include "common/mem.h"
#include "common/npy.h"
#include "common/png_image.h"
#include "common/temp.h"
#include "jobs/caption.h"
#include "jobs/sheet.h"

#define MAX_SIDE 4096 /* pixels of a generated image */

static const char *const file_names[] = {"samples.tar", "samples.npz", "sheet.png"};
enum { TAR, NPZ, SHEET, N_FILES };

/* One pass over a cell's images feeds all of its files. */
typedef struct cell_archive {
    const ggdm_results *r;
    const ggdm_row *row;
    const ggdm_results_panel *panel; /* of it */
    char *folder;                    /* owned */
    char *paths[N_FILES];            /* owned */
    bool wanted[N_FILES];
    bool singly;               /* each image as a file of its own, too */
    ggdm_container *tar, *npz; /* NULL: not wanted */
    ggdm_sheet *sheet;
    ggdm_caption caption;
    int32_t next;      /* index expected */
    ggdm_pixels first; /* size of all; no pixels of its own */
} cell_archive;

/* ---- samples.tar ---------------------------------------------------------------------------- */

/* Six digits: enough for a probability, and the same on machines whose exp() differs in the last.
 */
static double rounded(double v)
{
    char text[40];
    snprintf(text, sizeof text, "%.6g", v);
    return strtod(text, NULL);
}

static void put_classes(ggdm_json *j, const char *name, const ggdm_score *score, int32_t aim)
{
    int32_t best = ggdm_argmax(score->data, score->n);
    if (best < 0) {
        ggdm_json_put_null(j, name);
        return;
    }
    ggdm_json_begin_object(j, name);
    ggdm_json_put_int(j, "label", best);
    ggdm_json_put_double(j, "probability", rounded(exp((double)score->data[best])));
    if (aim >= 0 && aim < score->n)
        ggdm_json_put_double(j, "aim_probability", rounded(exp((double)score->data[aim])));
    ggdm_json_end(j);
}

static void put_scores(ggdm_json *j, const cell_archive *a, const ggdm_sample *sample)
{
    ggdm_json_begin_object(j, "scores");
    for (int32_t k = 0; k < a->panel->n; k++) {
        const ggdm_measure *m = &a->r->measures[a->panel->measure[k]];
        const ggdm_score *score = &sample->scores[k];
        if (score->n == 0)
            ggdm_json_put_null(j, m->name);
        else if (m->output == GGDM_OUTPUT_CLASSES)
            put_classes(j, m->name, score, a->row->aim);
        else
            ggdm_json_put_double(j, m->name, rounded((double)score->data[0]));
    }
    ggdm_json_end(j);
}

static void put_parameters(ggdm_json *j, const cell_archive *a)
{
    ggdm_json_begin_object(j, "parameters");
    for (int32_t i = 0; i < a->r->n_columns; i++) {
        const ggdm_store_value v = ggdm_results_value(a->r, a->row, i);
        if (*v.text)
            ggdm_results_put_value(j, &a->r->columns[i], v);
    }
    ggdm_json_end(j);
}

static ggdm_status describe(const cell_archive *a, const ggdm_sample *sample, char **text,
                            size_t *size, ggdm_error *err)
{
    char key[GGDM_HASH_TEXT_SIZE];
    ggdm_json j;
    ggdm_hash_hex(a->row->cell.key, key);
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "sweep", a->r->info->name);
    ggdm_json_put_string(&j, "cell", a->row->cell.name);
    ggdm_json_put_int(&j, "index", sample->index);
    put_parameters(&j, a);
    ggdm_json_put_string(&j, "key", key);
    ggdm_json_put_bool(&j, "diverged", sample->diverged);
    if (sample->diverged_step >= 0)
        ggdm_json_put_int(&j, "diverged_step", sample->diverged_step);
    put_scores(&j, a, sample);
    ggdm_json_end(&j);
    return ggdm_json_finish(&j, text, size, err);
}

static ggdm_status add_to_tar(cell_archive *a, const ggdm_sample *sample, const void *png,
                              size_t png_size, ggdm_error *err)
{
    char name[GGDM_CELL_NAME_SIZE + 32], *text = NULL;
    size_t size = 0;
    snprintf(name, sizeof name, "%s_%06d.png", a->row->cell.name, sample->index);
    GGDM_TRY(ggdm_container_add(a->tar, name, png, png_size, err));
    GGDM_TRY(describe(a, sample, &text, &size, err));
    snprintf(name, sizeof name, "%s_%06d.json", a->row->cell.name, sample->index);
    ggdm_status st = ggdm_container_add(a->tar, name, text, size, err);
    free(text);
    return st;
}

/* ---- samples.npz ---------------------------------------------------------------------------- */

static ggdm_status begin_images(cell_archive *a, const ggdm_pixels *pixels, ggdm_error *err)
{
    const int64_t shape[] = {a->row->cell.wanted, pixels->height, pixels->width, pixels->channels};
    a->first = *pixels;
    a->first.data = NULL;
    if (a->wanted[NPZ])
        GGDM_TRY(ggdm_container_begin_array(a->npz, "arr_0.npy", GGDM_NPY_U8, shape, 4, err));
    if (!a->wanted[SHEET])
        return GGDM_OK;
    return ggdm_sheet_create(a->row->cell.wanted, pixels->width, pixels->height, pixels->channels,
                             &a->sheet, err);
}

static ggdm_status add_labels(cell_archive *a, ggdm_error *err)
{
    const int64_t shape[] = {a->row->cell.wanted};
    uint8_t label[8];
    for (int i = 0; i < 8; i++)
        label[i] = (uint8_t)((uint64_t)(int64_t)a->row->aim >> (8 * i));
    GGDM_TRY(ggdm_container_begin_array(a->npz, "arr_1.npy", GGDM_NPY_I64, shape, 1, err));
    for (int32_t i = 0; i < a->row->cell.wanted; i++)
        GGDM_TRY(ggdm_container_write(a->npz, label, sizeof label, err));
    return GGDM_OK;
}

/* ---- sheet.png ------------------------------------------------------------------------------ */

ggdm_frame ggdm_frame_of(const ggdm_sample *sample, const ggdm_results_panel *panel, int32_t aim)
{
    if (sample->diverged)
        return GGDM_FRAME_DIVERGED;
    if (aim < 0 || panel->verdict < 0)
        return GGDM_FRAME_NONE;
    const ggdm_score *score = &sample->scores[panel->verdict];
    int32_t best = ggdm_argmax(score->data, score->n);
    return best < 0 ? GGDM_FRAME_NONE : best == aim ? GGDM_FRAME_RIGHT : GGDM_FRAME_WRONG;
}

static ggdm_status write_sheet(const cell_archive *a, ggdm_error *err)
{
    uint8_t *bare = NULL, *png = NULL;
    size_t bare_size = 0, size = 0;
    GGDM_TRY(ggdm_sheet_encode(a->sheet, &bare, &bare_size, err));
    ggdm_status st = ggdm_caption_put(&a->caption, -1, bare, bare_size, &png, &size, err);
    free(bare);
    if (st == GGDM_OK)
        st = ggdm_replace_file(a->paths[SHEET], png, size, err);
    free(png);
    return st;
}

/* ---- a cell --------------------------------------------------------------------------------- */

/* The picture as a file, as it was stored but for what it says of itself. */
static ggdm_status put_picture(cell_archive *a, const ggdm_sample *sample, ggdm_error *err)
{
    char name[32];
    uint8_t *png = NULL;
    size_t size = 0;
    GGDM_TRY(
        ggdm_caption_put(&a->caption, sample->index, sample->data, sample->size, &png, &size, err));
    ggdm_status st = GGDM_OK;
    snprintf(name, sizeof name, "%06d.png", sample->index);
    if (a->singly)
        st = ggdm_replace_file_in(a->folder, name, png, size, err);
    if (st == GGDM_OK && a->wanted[TAR])
        st = add_to_tar(a, sample, png, size, err);
    free(png);
    return st;
}

static ggdm_status put_image(cell_archive *a, const ggdm_sample *sample, const ggdm_pixels *pixels,
                             ggdm_error *err)
{
    const size_t size = (size_t)pixels->width * (size_t)pixels->height * (size_t)pixels->channels;
    if (a->singly || a->wanted[TAR])
        GGDM_TRY(put_picture(a, sample, err));
    if (a->wanted[NPZ])
        GGDM_TRY(ggdm_container_write(a->npz, pixels->data, size, err));
    if (a->wanted[SHEET])
        ggdm_sheet_add(a->sheet, pixels->data, ggdm_frame_of(sample, a->panel, a->row->aim));
    return GGDM_OK;
}

static ggdm_status add_image(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    cell_archive *a = context;
    ggdm_pixels pixels;
    if (sample->index != a->next++)
        return GGDM_FAIL(err, GGDM_EFORMAT, "image %d is missing", a->next - 1);
    if (ggdm_png_decode(sample->data, sample->size, MAX_SIDE, &pixels, err) != GGDM_OK)
        return ggdm_error_prefix(err, "image %d", sample->index);
    ggdm_status st = GGDM_OK;
    if (sample->index == 0)
        GGDM_TRY_GOTO(st, begin_images(a, &pixels, err), done);
    if (pixels.width != a->first.width || pixels.height != a->first.height ||
        pixels.channels != a->first.channels) {
        st = GGDM_FAIL(err, GGDM_ESHAPE,
                       "image %d has %d x %d x %d pixels, image 0 has %d x %d x %d", sample->index,
                       pixels.height, pixels.width, pixels.channels, a->first.height,
                       a->first.width, a->first.channels);
        goto done;
    }
    GGDM_TRY_GOTO(st, put_image(a, sample, &pixels, err), done);
done:
    ggdm_pixels_deinit(&pixels);
    return st;
}

/* Below base: base/CELL/... */
static ggdm_status make_paths(cell_archive *a, const char *base, ggdm_error *err)
{
    GGDM_TRY(ggdm_asprintf(&a->folder, err, "%s/%s", base, a->row->cell.name));
    for (int i = 0; i < N_FILES; i++)
        GGDM_TRY(ggdm_asprintf(&a->paths[i], err, "%s/%s", a->folder, file_names[i]));
    return GGDM_OK;
}

static void free_archive(cell_archive *a)
{
    ggdm_container_abort(&a->tar);
    ggdm_container_abort(&a->npz);
    ggdm_sheet_destroy(&a->sheet);
    ggdm_caption_deinit(&a->caption);
    for (int i = 0; i < N_FILES; i++)
        free(a->paths[i]);
    free(a->folder);
}

static ggdm_status open_files(cell_archive *a, ggdm_error *err)
{
    GGDM_TRY(ggdm_make_dirs(a->folder, err));
    if (a->wanted[TAR])
        GGDM_TRY(ggdm_container_create(GGDM_TAR, a->paths[TAR], &a->tar, err));
    if (a->wanted[NPZ])
        GGDM_TRY(ggdm_container_create(GGDM_ZIP, a->paths[NPZ], &a->npz, err));
    return GGDM_OK;
}

static ggdm_status close_files(cell_archive *a, ggdm_error *err)
{
    if (a->wanted[SHEET])
        GGDM_TRY(write_sheet(a, err));
    if (a->wanted[NPZ]) {
        GGDM_TRY(add_labels(a, err));
        GGDM_TRY(ggdm_container_commit(&a->npz, err));
    }
    return a->wanted[TAR] ? ggdm_container_commit(&a->tar, err) : GGDM_OK;
}

/* Write the wanted files of a cell below base. */
static ggdm_status write_cell(cell_archive *a, const ggdm_results *r, const char *base,
                              int32_t cell, ggdm_error *err)
{
    const ggdm_row *row = &r->rows[cell];
    ggdm_status st;
    a->r = r;
    a->row = row;
    a->panel = ggdm_results_panel_of(r, row);
    if (ggdm_store_in_turn(r->store))
        return GGDM_FAIL(err, GGDM_ESTATE, "archive of cell %d: not inside a turn", cell);
    if (row->cell.done != row->cell.wanted)
        return GGDM_FAIL(err, GGDM_ESTATE, "cell %s has %d of %d images: not complete",
                         row->cell.name, row->cell.done, row->cell.wanted);
    GGDM_TRY_GOTO(st, make_paths(a, base, err), done);
    GGDM_TRY_GOTO(st, ggdm_caption_make(r, row, &a->caption, err), done);
    GGDM_TRY_GOTO(st, open_files(a, err), done);
    st = ggdm_store_each_sample(r->store, row->cell.trajectory, row->cell.wanted, true,
                                a->panel->scorers, a->panel->n, add_image, a, err);
    if (st == GGDM_OK && a->next != row->cell.wanted)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "there are %d of %d images", a->next, row->cell.wanted);
    if (st != GGDM_OK) {
        ggdm_error_prefix(err, "archive of cell %s", row->cell.name);
        goto done;
    }
    st = close_files(a, err);
done:
    free_archive(a);
    return st;
}

ggdm_status ggdm_archive_cell(const ggdm_results *r, const char *dir, int32_t cell, ggdm_error *err)
{
    cell_archive a = {.wanted = {[TAR] = true, [NPZ] = true, [SHEET] = true}};
    char *base = NULL;
    GGDM_TRY(ggdm_path_join(dir, "archive", &base, err));
    ggdm_status st = write_cell(&a, r, base, cell, err);
    free(base);
    return st == GGDM_OK && ggdm_store_is_owned(r->store)
               ? ggdm_store_cell_archived(r->store, cell, err)
               : st;
}

ggdm_status ggdm_archive_export(const ggdm_results *r, const char *out, int32_t cell,
                                ggdm_export_format format, ggdm_error *err)
{
    cell_archive a = {
        .wanted = {[TAR] = format == GGDM_EXPORT_TAR, [NPZ] = format == GGDM_EXPORT_NPZ},
        .singly = format == GGDM_EXPORT_PNG};
    return write_cell(&a, r, out, cell, err);
}

/* Marked as written, and still all there? */
static ggdm_status is_archived(const ggdm_results *r, int32_t cell, const char *dir, bool *yes,
                               ggdm_error *err)
{
    cell_archive a = {.row = &r->rows[cell]};
    char *base = NULL;
    GGDM_TRY(ggdm_path_join(dir, "archive", &base, err));
    ggdm_status st = make_paths(&a, base, err);
    free(base);
    *yes = a.row->cell.archived;
    for (int i = 0; i < N_FILES && st == GGDM_OK; i++)
        *yes = *yes && ggdm_exists(a.paths[i]);
    free_archive(&a);
    return st;
}

ggdm_status ggdm_archive_run(const ggdm_results *r, const char *dir, bool force, int32_t *written,
                             int32_t *incomplete, ggdm_error *err)
{
    int32_t n_written = 0, n_incomplete = 0;
    ggdm_status st = GGDM_OK;
    for (int32_t i = 0; i < r->n_rows && st == GGDM_OK; i++) {
        bool there = false;
        if (r->rows[i].cell.done != r->rows[i].cell.wanted) {
            n_incomplete++;
            continue;
        }
        if (!force)
            GGDM_TRY_GOTO(st, is_archived(r, i, dir, &there, err), done);
        if (there)
            continue;
        GGDM_TRY_GOTO(st, ggdm_archive_cell(r, dir, i, err), done);
        n_written++;
    }
done:
    if (written)
        *written = n_written;
    if (incomplete)
        *incomplete = n_incomplete;
    return st;
}
