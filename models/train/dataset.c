#include "models/train/dataset.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/philox.h"
#include "models/train/idx.h"

const char *const ggdm_part_names[] = {"all", "first", "second", NULL};

/* The halves must not change: the guide and the judge are trained on them. */
static const uint64_t half_seed = 28;

static ggdm_status map_file(const char *dir, const char *name, ggdm_bytes *map, char **path,
                            ggdm_error *err)
{
    GGDM_TRY(ggdm_path_join(dir, name, path, err));
    if (!ggdm_exists(*path))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: no such file; `ggdm data mnist --out %s` obtains it", *path, dir);
    return ggdm_load_file(*path, map, err);
}

static void file_sha256(const ggdm_bytes *map, char text[GGDM_HASH_TEXT_SIZE])
{
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_hash_buffer(map->data, map->size, digest);
    ggdm_hash_hex(digest, text);
}

static ggdm_status choose_part(ggdm_dataset *set, int32_t n, ggdm_part part, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&set->index, (size_t)n, sizeof *set->index, err));
    int32_t half = n / 2;
    if (part == GGDM_PART_ALL) {
        for (int32_t i = 0; i < n; i++)
            set->index[i] = i;
        set->n = n;
        return GGDM_OK;
    }
    int32_t *perm = NULL;
    GGDM_TRY(ggdm_alloc(&perm, (size_t)n, sizeof *perm, err));
    ggdm_permutation(half_seed, 0, n, perm);
    int32_t begin = part == GGDM_PART_FIRST ? 0 : half;
    set->n = part == GGDM_PART_FIRST ? half : n - half;
    for (int32_t i = 0; i < set->n; i++)
        set->index[i] = perm[begin + i];
    free(perm);
    if (set->n == 0)
        return GGDM_FAIL(err, GGDM_EINVAL, "this part of the training set is empty");
    return GGDM_OK;
}

static ggdm_status open_pair(const char *dir, ggdm_split split, ggdm_part part, ggdm_dataset *set,
                             char **image_path, char **label_path, ggdm_error *err)
{
    const char *prefix = split == GGDM_SPLIT_TRAIN ? "train" : "t10k";
    char image_name[64], label_name[64];
    snprintf(image_name, sizeof image_name, "%s-images-idx3-ubyte", prefix);
    snprintf(label_name, sizeof label_name, "%s-labels-idx1-ubyte", prefix);
    GGDM_TRY(map_file(dir, image_name, &set->image_file, image_path, err));
    GGDM_TRY(map_file(dir, label_name, &set->label_file, label_path, err));
    ggdm_idx images, labels;
    GGDM_TRY(
        ggdm_idx_parse(set->image_file.data, set->image_file.size, 3, *image_path, &images, err));
    GGDM_TRY(
        ggdm_idx_parse(set->label_file.data, set->label_file.size, 1, *label_path, &labels, err));
    if (images.dims[0] != labels.dims[0] || images.dims[0] > INT32_MAX / 2)
        return GGDM_FAIL(err, GGDM_ESHAPE, "%s: %u images, but %s has %u labels", *image_path,
                         images.dims[0], *label_path, labels.dims[0]);
    if (images.dims[1] > 4096 || images.dims[2] > 4096)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: images of %u x %u pixels, at most 4096",
                         *image_path, images.dims[1], images.dims[2]);
    set->n_classes = 10;
    for (uint32_t i = 0; i < labels.dims[0]; i++)
        if (labels.data[i] >= set->n_classes)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: label %u of image %u, expected 0..%d",
                             *label_path, labels.data[i], i, set->n_classes - 1);
    set->height = (int)images.dims[1];
    set->width = (int)images.dims[2];
    set->channels = 1;
    set->images = images.data;
    set->labels = labels.data;
    file_sha256(&set->image_file, set->image_sha256);
    file_sha256(&set->label_file, set->label_sha256);
    return choose_part(set, (int32_t)images.dims[0], part, err);
}

ggdm_status ggdm_dataset_open(const char *dir, ggdm_split split, ggdm_part part, ggdm_dataset *out,
                              ggdm_error *err)
{
    char *image_path = NULL, *label_path = NULL;
    *out = (ggdm_dataset){0};
    ggdm_status st = open_pair(dir, split, part, out, &image_path, &label_path, err);
    free(image_path);
    free(label_path);
    if (st != GGDM_OK)
        ggdm_dataset_close(out);
    return st;
}

void ggdm_dataset_close(ggdm_dataset *set)
{
    ggdm_bytes_deinit(&set->image_file);
    ggdm_bytes_deinit(&set->label_file);
    free(set->index);
    *set = (ggdm_dataset){0};
}

void ggdm_dataset_image(const ggdm_dataset *set, int32_t i, float *out)
{
    int64_t n = (int64_t)set->height * set->width * set->channels;
    const uint8_t *u = set->images + set->index[i] * n;
    for (int64_t k = 0; k < n; k++)
        out[k] = (float)u[k] / 127.5f - 1.0f;
}

int32_t ggdm_dataset_label(const ggdm_dataset *set, int32_t i)
{
    return set->labels[set->index[i]];
}

/* --- order --- */

void ggdm_permutation(uint64_t seed, uint32_t epoch, int32_t n, int32_t *perm)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t r[4] = {0};
    for (int32_t i = 0; i < n; i++)
        perm[i] = i;
    for (int32_t i = n - 1, k = 0; i > 0; i--, k++) { /* Fisher-Yates */
        if (k % 4 == 0) {
            const uint32_t counter[4] = {(uint32_t)k / 4, 0, epoch, GGDM_STREAM_SHUFFLE};
            ggdm_philox4x32(key, counter, r);
        }
        int32_t j = (int32_t)((uint64_t)r[k % 4] * ((uint64_t)i + 1) >> 32);
        int32_t keep = perm[i];
        perm[i] = perm[j];
        perm[j] = keep;
    }
}

ggdm_status ggdm_order_init(ggdm_order *order, uint64_t seed, int32_t n, ggdm_error *err)
{
    *order = (ggdm_order){.seed = seed, .n = n, .epoch = -1};
    return ggdm_alloc(&order->perm, (size_t)n, sizeof *order->perm, err);
}

void ggdm_order_deinit(ggdm_order *order)
{
    free(order->perm);
    *order = (ggdm_order){0};
}

int32_t ggdm_order_at(ggdm_order *order, int64_t k)
{
    int64_t epoch = k / order->n;
    if (epoch != order->epoch) {
        ggdm_permutation(order->seed, (uint32_t)epoch, order->n, order->perm);
        order->epoch = epoch;
    }
    return order->perm[k % order->n];
}
