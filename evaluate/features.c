#include "evaluate/features.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/mem.h"
#include "models/model.h"
#include "models/nn/ops.h"

enum { DIGEST_DIGITS = 12 };
/* Images that go through a network at once, and elements of them: large ones take much memory. */
enum { MAX_BATCH = 32, MAX_ELEMENTS = 1 << 20 };

struct ggdm_features {
    char *names[GGDM_MAX_LAYERS];
    int32_t n_layers;
    char *model_name; /* NULL: pixels, and nothing of what follows */
    ggdm_model_files files;
    ggdm_model *model;
    const char *chosen[GGDM_MAX_LAYERS]; /* ports, or for the first an inner layer: */
    const char *inner;                   /* its name; NULL */
    /* For images of height x width pixels: */
    ggdm_graph *graph;
    ggdm_ports ports;
    ggdm_val images, layers[GGDM_MAX_LAYERS]; /* what goes in, and what comes out */
    int height, width;
    int64_t elements; /* of an image, as the graph takes it */
    int32_t batch, waiting;
};

/* ---- rows ---- */

void ggdm_feature_rows_clear(ggdm_feature_rows *rows)
{
    rows->n = rows->d = 0;
}

void ggdm_feature_rows_deinit(ggdm_feature_rows *rows)
{
    free(rows->x);
    free(rows->images);
    *rows = (ggdm_feature_rows){0};
}

/* Room for one more row of d features. */
static ggdm_status grow(ggdm_feature_rows *rows, int64_t d, ggdm_error *err)
{
    const size_t n = (size_t)rows->n + 1;
    if (rows->n > 0 && rows->d != d)
        return GGDM_FAIL(err, GGDM_ESHAPE, "%lld features, the images before it have %lld",
                         (long long)d, (long long)rows->d);
    rows->d = d;
    GGDM_TRY(ggdm_grow(&rows->images, &rows->images_cap, n, sizeof *rows->images, err));
    return ggdm_grow(&rows->x, &rows->x_cap, n * (size_t)d, sizeof *rows->x, err);
}

/* ---- opening ---- */

/* The layer that is meant where none is named: what is nearest to how an image looks. */
static const char *const layers[] = {"features", "embedding", "logits", NULL};

static ggdm_val *layer_port(ggdm_ports *p, const char *layer)
{
    return strcmp(layer, "logits") == 0      ? &p->logits
           : strcmp(layer, "embedding") == 0 ? &p->embedding
                                             : &p->features;
}

/* *out: the port of the layer that is asked for (NULL: the first that there is), or the name of an
 * inner layer, which comes through the port of features. */
static ggdm_status find_layer(const ggdm_features *f, const char *asked, const char **out,
                              ggdm_error *err)
{
    const ggdm_arch_info *info = &f->model->info;
    char names[100] = "";
    if (asked && ggdm_arch_has_layer(f->model->arch, asked)) {
        *out = asked;
        return GGDM_OK;
    }
    for (int i = 0; layers[i] && (info->ports & GGDM_PORT_X); i++) {
        if (!ggdm_arch_has_port(info, layers[i]))
            continue;
        if (!asked || strcmp(asked, layers[i]) == 0) {
            *out = layers[i];
            return GGDM_OK;
        }
        strcat(strcat(names, *names ? " or " : ""), layers[i]);
    }
    if (!*names)
        return GGDM_FAIL(
            err, GGDM_EINVAL,
            "%s is a %s, which gives no features of images, expected a classifier or an "
            "encoder of images",
            f->model_name, info->class_name);
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "%s has no layer '%s', expected %s, or an inner layer of its %s "
                     "(docs/MODELS.md)",
                     f->model_name, asked, names, info->class_name);
}

static ggdm_status add_layer(ggdm_features *f, const char *layer, ggdm_error *err)
{
    char digest[GGDM_HASH_TEXT_SIZE];
    const int32_t k = f->n_layers++;
    ggdm_hash_hex(f->files.digest, digest);
    f->chosen[k] = layer;
    return ggdm_asprintf(&f->names[k], err, "%s:%s@%.*s", f->model_name, layer, DIGEST_DIGITS,
                         digest);
}

static ggdm_status choose_layers(ggdm_features *f, const char *asked, bool logits, ggdm_error *err)
{
    const char *layer = NULL, *classes = NULL;
    GGDM_TRY(find_layer(f, asked, &layer, err));
    if (logits)
        GGDM_TRY(find_layer(f, "logits", &classes, err));
    f->inner = layer == asked ? asked : NULL;
    GGDM_TRY(add_layer(f, layer, err));
    return classes && classes != layer ? add_layer(f, classes, err) : GGDM_OK;
}

/* Is what an encoder was not made for brought to its size in the graph, as in worker/scorers/? */
static bool resamples(const ggdm_arch_info *info)
{
    return info->role == GGDM_ENCODER && info->resize == GGDM_RESIZE_NONE;
}

/* For images of this size, of which an encoder sees what is left at its own. */
static ggdm_status build(ggdm_features *f, int height, int width, ggdm_error *err)
{
    const ggdm_arch_info *info = &f->model->info;
    const int64_t own = (int64_t)info->size * info->size * info->channels;
    ggdm_graph_destroy(&f->graph);
    f->height = height;
    f->width = width;
    f->elements = (int64_t)height * width * info->channels;
    const int64_t largest = f->elements > own ? f->elements : own;
    f->batch = largest > MAX_ELEMENTS ? 1 : (int32_t)(MAX_ELEMENTS / largest);
    f->batch = f->batch < MAX_BATCH ? f->batch : MAX_BATCH;
    GGDM_TRY(ggdm_graph_create(GGDM_F32, &f->graph, err));
    f->ports = ggdm_arch_inputs(f->model->arch, f->graph, f->batch);
    f->ports.text = -1; /* of two towers that of images */
    f->ports.layer = f->inner;
    f->ports.inner = f->n_layers == 1 && layer_port(&f->ports, f->chosen[0]) == &f->ports.features;
    f->images = f->ports.x;
    if (height != info->size || width != info->size) {
        f->images = ggdm_graph_input(f->graph, "image", GGDM_F32,
                                     GGDM_SHAPE4(f->batch, height, width, info->channels));
        f->ports.x =
            ggdm_resample(f->graph, f->images, info->size, info->size, GGDM_RESAMPLE_PIL_HELD);
    }
    ggdm_arch_emit(f->model->arch, f->graph, &f->ports);
    for (int32_t k = 0; k < f->n_layers; k++) {
        f->layers[k] = *layer_port(&f->ports, f->chosen[k]);
        ggdm_graph_output(f->graph, f->layers[k]);
    }
    return ggdm_graph_compile(f->graph, &f->model->params, err);
}

static ggdm_status open_model(ggdm_features *f, const char *text, bool logits,
                              ggdm_feature_finder find, void *context, ggdm_error *err)
{
    char *path = NULL;
    ggdm_status st;
    GGDM_TRY(ggdm_strdup(text, &f->model_name, err));
    char *layer = strrchr(f->model_name, ':');
    if (layer)
        *layer++ = '\0';
    GGDM_TRY_GOTO(st, find(context, f->model_name, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_files_open(path, &f->files, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_create(&f->files, &f->model, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_check_finite(f->model, err), done);
    GGDM_TRY_GOTO(st, choose_layers(f, layer, logits, err), done);
    st = build(f, f->model->info.size, f->model->info.size, err);
done:
    free(path);
    return st;
}

static ggdm_status open_pixels(ggdm_features *f, bool logits, ggdm_error *err)
{
    if (logits)
        return GGDM_FAIL(err, GGDM_EINVAL, "they are of no classes, expected a classifier");
    f->n_layers = 1;
    return ggdm_strdup("pixels", &f->names[0], err);
}

ggdm_status ggdm_features_open(const char *text, bool logits, ggdm_feature_finder find,
                               void *context, ggdm_features **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    ggdm_status st = strcmp(text, "pixels") == 0
                         ? open_pixels(*out, logits, err)
                         : open_model(*out, text, logits, find, context, err);
    if (st == GGDM_OK)
        return st;
    ggdm_features_close(out);
    return ggdm_error_prefix(err, "features '%s'", text);
}

void ggdm_features_close(ggdm_features **features)
{
    ggdm_features *f = *features;
    if (!f)
        return;
    ggdm_graph_destroy(&f->graph);
    ggdm_model_destroy(&f->model);
    ggdm_model_files_close(&f->files);
    free(f->model_name);
    for (int32_t k = 0; k < f->n_layers; k++)
        free(f->names[k]);
    free(f);
    *features = NULL;
}

int32_t ggdm_features_layers(const ggdm_features *f)
{
    return f->n_layers;
}

const char *ggdm_features_name(const ggdm_features *f, int32_t layer)
{
    return f->names[layer];
}

static int64_t width(const ggdm_features *f, int32_t layer)
{
    return ggdm_shape_count(ggdm_graph_shape(f->graph, f->layers[layer])) / f->batch;
}

int64_t ggdm_features_width(const ggdm_features *f, int32_t layer)
{
    return f->model ? width(f, layer) : 0;
}

void ggdm_features_takes(const ggdm_features *f, int *size, int *channels)
{
    const bool any =
        !f->model || f->model->info.resize != GGDM_RESIZE_NONE || resamples(&f->model->info);
    *size = any ? 0 : f->model->info.size;
    *channels = any ? 0 : f->model->info.channels;
}

/* ---- images ---- */

/* Their cosines are of what is there: black is 0. */
static void put_pixels(const ggdm_pixels *image, int64_t d, ggdm_feature_rows *rows)
{
    float *x = rows->x + rows->n * d;
    for (int64_t j = 0; j < d; j++)
        x[j] = (float)image->data[j] / 255.0f;
}

static ggdm_status check_size(const ggdm_features *f, const ggdm_pixels *image, ggdm_error *err)
{
    const ggdm_arch_info *info = &f->model->info;
    if (info->resize != GGDM_RESIZE_NONE || (resamples(info) && info->channels == 3))
        return image->channels == 1 || image->channels == 3
                   ? GGDM_OK
                   : GGDM_FAIL(err, GGDM_ESHAPE, "%d channels, expected 1 or 3, as %s takes them",
                               image->channels, f->model_name);
    if (image->channels == info->channels &&
        (resamples(info) || (image->height == info->size && image->width == info->size)))
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_ESHAPE, "%d x %d x %d, expected %d x %d x %d, as %s takes them",
                     image->height, image->width, image->channels, info->size, info->size,
                     info->channels, f->model_name);
}

/* An image as the graph takes it; a grey one is that in each channel. */
static void put_image(const ggdm_features *f, const ggdm_pixels *image, float *x)
{
    const ggdm_arch_info *info = &f->model->info;
    if (info->resize != GGDM_RESIZE_NONE) {
        ggdm_resize_image(info->resize, image->data, image->height, image->width, image->channels,
                          info->size, x);
        return;
    }
    const int64_t n = f->elements * image->channels / info->channels, times = f->elements / n;
    ggdm_pixels_dequantise(image->data, x, n);
    for (int64_t i = f->elements - 1; i >= 0 && times > 1; i--)
        x[i] = x[i / times];
}

/* Whatever size the next image has; those that wait are of another. */
static ggdm_status fit_graph(ggdm_features *f, const ggdm_pixels *image, ggdm_feature_rows *rows,
                             ggdm_error *err)
{
    if (!resamples(&f->model->info) || (image->height == f->height && image->width == f->width))
        return GGDM_OK;
    GGDM_TRY(ggdm_features_flush(f, rows, err));
    return build(f, image->height, image->width, err);
}

/* A network that is told the timestep sees finished images: t is 0. */
static void run(ggdm_features *f)
{
    if (f->ports.t >= 0)
        memset(ggdm_graph_data(f->graph, f->ports.t), 0, (size_t)f->batch * sizeof(float));
    ggdm_graph_run(f->graph);
}

/* Row i of what a layer gave is the next of the rows, whose image is known already. */
static ggdm_status take_row(ggdm_features *f, int32_t k, int32_t i, ggdm_feature_rows *rows,
                            ggdm_error *err)
{
    const int64_t d = width(f, k);
    const float *from = (const float *)ggdm_graph_data(f->graph, f->layers[k]) + i * d;
    const int32_t index = rows->images[rows->n];
    GGDM_TRY(grow(rows, d, err));
    for (int64_t j = 0; j < d; j++)
        if (!isfinite(from[j]))
            return GGDM_FAIL(err, GGDM_ENUMERIC, "feature %lld of image %d is %g, not finite",
                             (long long)j, index, (double)from[j]);
    memcpy(rows->x + rows->n++ * d, from, (size_t)d * sizeof *from);
    return GGDM_OK;
}

ggdm_status ggdm_features_flush(ggdm_features *f, ggdm_feature_rows *rows, ggdm_error *err)
{
    const int32_t n = f->waiting;
    ggdm_status st = GGDM_OK;
    f->waiting = 0;
    if (n > 0)
        run(f);
    for (int32_t k = 0; k < f->n_layers; k++)
        for (int32_t i = 0; i < n && st == GGDM_OK; i++)
            st = take_row(f, k, i, &rows[k], err);
    return st;
}

static ggdm_status add_to_batch(ggdm_features *f, const ggdm_pixels *image, int32_t index,
                                ggdm_feature_rows *rows, ggdm_error *err)
{
    GGDM_TRY(check_size(f, image, err));
    GGDM_TRY(fit_graph(f, image, rows, err));
    for (int32_t k = 0; k < f->n_layers; k++) {
        const size_t place = (size_t)rows[k].n + (size_t)f->waiting;
        GGDM_TRY(
            ggdm_grow(&rows[k].images, &rows[k].images_cap, place + 1, sizeof *rows->images, err));
        rows[k].images[place] = index;
    }
    put_image(f, image, (float *)ggdm_graph_data(f->graph, f->images) + f->waiting * f->elements);
    f->waiting++;
    return f->waiting == f->batch ? ggdm_features_flush(f, rows, err) : GGDM_OK;
}

ggdm_status ggdm_features_add(ggdm_features *f, const ggdm_pixels *image, int32_t index,
                              ggdm_feature_rows *rows, ggdm_error *err)
{
    const int64_t d = (int64_t)image->height * image->width * image->channels;
    if (f->model)
        return add_to_batch(f, image, index, rows, err);
    GGDM_TRY(grow(rows, d, err));
    put_pixels(image, d, rows);
    rows->images[rows->n++] = index;
    return GGDM_OK;
}
