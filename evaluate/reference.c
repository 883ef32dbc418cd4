#include "evaluate/reference.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "evaluate/feed.h"
#include "evaluate/kept.h"
#include "evaluate/reference_file.h"
#include "models/train/dataset.h"

#define SILENCE 10 /* seconds until progress is told again */
enum { DIGEST_DIGITS = 12 };

typedef enum source { MOMENTS, ACTIVATIONS, IMAGES } source;

/* What all ranks know of it, from rank 0. */
typedef struct outline {
    source from;
    int64_t n, d; /* of moments and activations */
    char name[256];
} outline;

typedef struct opening {
    ggdm_world *world;
    const char *text, *needs;
    ggdm_features *features;
    ggdm_reference *out;
    outline is;
    ggdm_reference_file file; /* rank 0 */
    ggdm_images images;       /* rank 0 */
} opening;

void ggdm_reference_close(ggdm_reference *r)
{
    free(r->name);
    free(r->mu);
    free(r->sigma);
    ggdm_rows_deinit(&r->rows);
    ggdm_kept_free(r);
    ggdm_gaussian_deinit(&r->gaussian);
    *r = (ggdm_reference){0};
}

static void name_it(opening *o, const char *sha256)
{
    const char *slash = strrchr(o->text, '/');
    snprintf(o->is.name, sizeof o->is.name, "%.200s@%.*s", slash ? slash + 1 : o->text,
             DIGEST_DIGITS, sha256);
}

/* ---- images, on rank 0 ---- */

/* The directory that is meant by the name of a data set: where `ggdm data` puts it. */
static ggdm_status find_set(const char *name, char **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_path_join("data", name, out, err));
    if (ggdm_exists(*out) || !ggdm_exists(name))
        return GGDM_OK;
    free(*out);
    return ggdm_strdup(name, out, err);
}

/* "NAME-train", "NAME-test": the directory, and which of both. */
static ggdm_status parse_set(const char *text, char **dir, int *split, ggdm_error *err)
{
    static const char *const splits[] = {"-train", "-test"};
    char *name = NULL;
    GGDM_TRY(ggdm_strdup(text, &name, err));
    char *end = strrchr(name, '-');
    for (*split = 0; *split < 2 && !(end && strcmp(end, splits[*split]) == 0);)
        ++*split;
    ggdm_status st;
    if (*split == 2) {
        st =
            GGDM_FAIL(err, GGDM_EINVAL,
                      "expected NAME-train or NAME-test of a data set, as mnist-test, or FILE.npz");
    } else {
        *end = '\0';
        st = find_set(name, dir, err);
    }
    free(name);
    return st;
}

static ggdm_status read_set(opening *o, const ggdm_image_want *want, ggdm_error *err)
{
    char *dir = NULL;
    int split = 0;
    GGDM_TRY(parse_set(o->text, &dir, &split, err));
    const ggdm_status st = ggdm_data_read_split(dir, (ggdm_data_split)split, want, &o->images, err);
    if (st == GGDM_OK)
        name_it(o, o->images.sha256);
    free(dir);
    return st;
}

/* ---- files, on rank 0 ---- */

/* The layer is the same, however its model is found: all behind the last colon, with its digest. */
static const char *layer_of(const char *features)
{
    const char *colon = strrchr(features, ':');
    return colon ? colon : features;
}

static ggdm_status check_features(const opening *o, ggdm_error *err)
{
    const char *asked = ggdm_features_name(o->features, 0), *said = o->file.features;
    if (said && strcmp(layer_of(said), layer_of(asked)) != 0)
        return GGDM_FAIL(err, GGDM_EINVAL, "it is of features %.200s, expected %s", said, asked);
    return GGDM_OK;
}

/* Mean and covariance of as many features, where the file has them. */
static bool take_moments(opening *o)
{
    const int64_t d = ggdm_features_width(o->features, 0);
    for (int k = 0; k < GGDM_N_MOMENTS; k++) {
        ggdm_moments *m = &o->file.moments[k];
        if (!m->mu || (d && m->d != d))
            continue;
        o->out->mu = m->mu;
        o->out->sigma = m->sigma;
        o->is.n = o->file.n;
        o->is.d = m->d;
        m->mu = m->sigma = NULL;
        return true;
    }
    return false;
}

static ggdm_status fail_other_width(const opening *o, ggdm_error *err)
{
    const ggdm_reference_file *f = &o->file;
    const int64_t said = f->moments[GGDM_MOMENTS].mu ? f->moments[GGDM_MOMENTS].d
                         : f->rows                   ? f->d
                                                     : f->moments[GGDM_MOMENTS_SPATIAL].d;
    return GGDM_FAIL(err, GGDM_ESHAPE,
                     "it is of %" PRId64 " features, expected %" PRId64 ", as %s has", said,
                     ggdm_features_width(o->features, 0), ggdm_features_name(o->features, 0));
}

static ggdm_status read_file(opening *o, const ggdm_image_want *want, ggdm_error *err)
{
    char sha256[GGDM_HASH_TEXT_SIZE];
    const int64_t d = ggdm_features_width(o->features, 0);
    GGDM_TRY(ggdm_hash_file(o->text, sha256, err));
    name_it(o, sha256);
    GGDM_TRY(ggdm_reference_file_read(o->text, &o->file, err));
    GGDM_TRY(check_features(o, err));
    const bool fits = o->file.rows && (!d || o->file.d == d);
    if (!o->needs && take_moments(o))
        return GGDM_OK;
    if (fits) {
        o->is.from = ACTIVATIONS;
        o->is.n = o->file.rows;
        o->is.d = o->file.d;
        return GGDM_OK;
    }
    if (o->file.images) {
        o->is.from = IMAGES;
        return ggdm_format_npz.read(o->text, GGDM_SPLIT_TRAIN, want, &o->images, err);
    }
    if (o->needs && take_moments(o))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "it has mean and covariance alone, and %s needs the features of each "
                         "image: expected activations, or images (arr_0)",
                         o->needs);
    return fail_other_width(o, err);
}

bool ggdm_reference_is_file(const char *text)
{
    return ggdm_ends_with(text, ".npz");
}

ggdm_status ggdm_reference_find(const char *text, char **path, ggdm_error *err)
{
    int split = 0;
    const ggdm_status st = ggdm_reference_is_file(text) ? ggdm_strdup(text, path, err)
                                                        : parse_set(text, path, &split, err);
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "reference %s", text);
}

static ggdm_status look(opening *o, ggdm_error *err)
{
    ggdm_image_want want = {0};
    ggdm_features_takes(o->features, &want.size, &want.channels);
    if (ggdm_reference_is_file(o->text))
        return read_file(o, &want, err);
    o->is.from = IMAGES;
    return read_set(o, &want, err);
}

/* ---- to all ranks ---- */

static ggdm_status put_images(opening *o, ggdm_feed *feed, ggdm_error *err)
{
    const ggdm_images *from = &o->images;
    const size_t one = (size_t)from->height * (size_t)from->width * (size_t)from->channels;
    double told = ggdm_now();
    for (int32_t i = 0; i < from->n; i++) {
        const ggdm_feed_image image = {.index = i,
                                       .data = from->pixels + (size_t)i * one,
                                       .size = one,
                                       .height = from->height,
                                       .width = from->width,
                                       .channels = from->channels};
        GGDM_TRY(ggdm_feed_put(feed, &image, err));
        if (ggdm_now() - told < SILENCE)
            continue;
        told = ggdm_now();
        ggdm_log(GGDM_LOG_INFO, "%s: %d of %d images", o->text, i + 1, from->n);
    }
    return GGDM_OK;
}

static ggdm_status feed_images(opening *o, ggdm_error *err)
{
    ggdm_rows rows[GGDM_MAX_LAYERS] = {0};
    ggdm_feed *feed = NULL;
    ggdm_status st = ggdm_feed_open(o->world, o->features, rows, &feed, err);
    st = ggdm_world_agree(o->world, st, err);
    if (st == GGDM_OK)
        st = ggdm_world_rank(o->world) == 0 ? ggdm_feed_end(feed, put_images(o, feed, err), err)
                                            : ggdm_feed_serve(feed, err);
    ggdm_feed_close(&feed);
    o->out->rows = rows[0];
    for (int k = 1; k < GGDM_MAX_LAYERS; k++)
        ggdm_rows_deinit(&rows[k]);
    o->is.n = rows[0].n;
    o->is.d = rows[0].d;
    return st;
}

/* Room for this rank's blocks. */
static ggdm_status reserve(ggdm_rows *rows, ggdm_error *err)
{
    ggdm_feature_rows *own = &rows->own;
    own->d = rows->d;
    for (int64_t b = 0; b < ggdm_rows_blocks(rows); b++)
        own->n +=
            ggdm_rows_owner(rows, b) == ggdm_world_rank(rows->world) ? ggdm_rows_count(rows, b) : 0;
    GGDM_TRY(ggdm_grow(&own->images, &own->images_cap, (size_t)own->n, sizeof *own->images, err));
    return ggdm_grow(&own->x, &own->x_cap, (size_t)(own->n * own->d), sizeof *own->x, err);
}

/* Some rows, of images from first on, which must be finite. */
static ggdm_status read_rows(ggdm_source *file, const ggdm_rows *rows, int64_t first, int64_t n,
                             float *out, ggdm_error *err)
{
    GGDM_TRY(ggdm_source_read(file, out, (size_t)(n * rows->d) * sizeof *out, err));
    for (int64_t i = 0; i < n * rows->d; i++)
        if (!isfinite(out[i]))
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "activations: feature %" PRId64 " of image %" PRId64
                             " is %g, expected finite numbers",
                             i % rows->d, first + i / rows->d, (double)out[i]);
    return GGDM_OK;
}

/* Block b comes from the file, on rank 0, and goes where it belongs. */
static ggdm_status deal_block(ggdm_rows *rows, int64_t b, ggdm_source *file, float *block,
                              ggdm_error *err)
{
    const int64_t count = ggdm_rows_count(rows, b), first = b * GGDM_ROWS_BLOCK;
    const size_t size = (size_t)(count * rows->d) * sizeof *block;
    float *own = (float *)ggdm_rows_own(rows, b), *to = own ? own : block;
    const ggdm_status st = file ? read_rows(file, rows, first, count, to, err) : GGDM_OK;
    GGDM_TRY(ggdm_world_agree(rows->world, st, err));
    GGDM_TRY(ggdm_world_move(rows->world, 0, ggdm_rows_owner(rows, b), to, size, err));
    int32_t *images = own ? rows->own.images + (own - rows->own.x) / rows->d : NULL;
    for (int64_t i = 0; images && i < count; i++)
        images[i] = (int32_t)(first + i);
    return GGDM_OK;
}

static ggdm_status deal_activations(opening *o, ggdm_error *err)
{
    ggdm_rows *rows = &o->out->rows;
    ggdm_source *file = NULL;
    float *block = NULL;
    *rows = (ggdm_rows){.world = o->world, .n = o->is.n, .d = o->is.d};
    ggdm_status st = reserve(rows, err);
    if (st == GGDM_OK)
        st = ggdm_alloc(&block, (size_t)(GGDM_ROWS_BLOCK * rows->d), sizeof *block, err);
    if (st == GGDM_OK && ggdm_world_rank(o->world) == 0)
        st = ggdm_reference_file_activations(o->text, &o->file, &file, err);
    st = ggdm_world_agree(o->world, st, err);
    for (int64_t b = 0; b < ggdm_rows_blocks(rows) && st == GGDM_OK; b++)
        st = deal_block(rows, b, file, block, err);
    ggdm_source_close(&file);
    free(block);
    return st;
}

static ggdm_status open_reference(opening *o, ggdm_error *err)
{
    const ggdm_status st = ggdm_world_rank(o->world) == 0 ? look(o, err) : GGDM_OK;
    GGDM_TRY(ggdm_world_agree(o->world, st, err));
    GGDM_TRY(ggdm_world_broadcast(o->world, 0, &o->is, sizeof o->is, err));
    if (o->is.from == ACTIVATIONS)
        GGDM_TRY(deal_activations(o, err));
    if (o->is.from == IMAGES)
        GGDM_TRY(feed_images(o, err));
    o->out->n = o->is.n;
    o->out->d = o->is.d;
    return ggdm_world_agree(o->world, ggdm_strdup(o->is.name, &o->out->name, err), err);
}

ggdm_status ggdm_reference_open(ggdm_world *world, const char *text, ggdm_features *features,
                                const char *needs, ggdm_reference *out, ggdm_error *err)
{
    opening o = {.world = world, .text = text, .needs = needs, .features = features, .out = out};
    *out = (ggdm_reference){.world = world};
    const ggdm_status st = open_reference(&o, err);
    ggdm_reference_file_deinit(&o.file);
    ggdm_images_deinit(&o.images);
    if (st == GGDM_OK)
        return st;
    ggdm_reference_close(out);
    return ggdm_error_prefix(err, "reference %s", text);
}

ggdm_status ggdm_reference_gaussian(ggdm_reference *r, ggdm_gaussian **out, ggdm_error *err)
{
    *out = &r->gaussian;
    if (r->gaussian.mean)
        return GGDM_OK;
    if (r->rows.n == 1)
        return GGDM_FAIL(err, GGDM_ENUMERIC, "reference %s is one image, which has no covariance",
                         r->name);
    const ggdm_status st = r->rows.n > 0 ? ggdm_gaussian_of_rows(&r->rows, &r->gaussian, err)
                                         : ggdm_gaussian_of_moments(r->world, r->mu, r->sigma, r->d,
                                                                    &r->gaussian, err);
    if (st != GGDM_OK)
        ggdm_gaussian_deinit(&r->gaussian);
    free(r->mu);
    free(r->sigma);
    r->mu = r->sigma = NULL;
    return st;
}
