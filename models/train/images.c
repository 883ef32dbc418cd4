#include "models/train/images.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

#define MAX_SIDE (1 << 15) /* of images of any size */

void ggdm_images_deinit(ggdm_images *images)
{
    for (int i = 0; i < images->n_classes && images->classes; i++)
        free(images->classes[i]);
    free(images->classes);
    for (int32_t i = 0; i < images->captions.n; i++)
        free(images->captions.texts[i]);
    free(images->captions.texts);
    free(images->captions.first);
    free(images->captions.ids);
    ggdm_class_groups_deinit(&images->attributes.groups);
    free(images->attributes.of);
    free(images->targets);
    free(images->pixels);
    free(images->labels);
    free(images->source);
    *images = (ggdm_images){0};
}

static bool is_size(const int64_t shape[3])
{
    return shape[0] > 0 && shape[0] <= MAX_SIDE && shape[1] > 0 && shape[1] <= MAX_SIDE &&
           shape[2] > 0 && shape[2] <= MAX_SIDE;
}

ggdm_status ggdm_images_init(ggdm_images *images, const int64_t shape[4],
                             const ggdm_image_want *want, const char *where, ggdm_error *err)
{
    const int64_t taken[3] = {want->size, want->size, want->channels};
    const int64_t *is = shape + 1, *takes = want->size ? taken : is;
    if (want->size == 0 && !is_size(is))
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "%s: images of %" PRId64 " x %" PRId64 " x %" PRId64
                         ", expected sides of 1 to %d",
                         where, is[0], is[1], is[2], MAX_SIDE);
    if (memcmp(is, takes, sizeof taken) != 0)
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "%s: images of %" PRId64 " x %" PRId64 " x %" PRId64
                         ", the network takes %d x %d x %d (height, width, channels)",
                         where, shape[1], shape[2], shape[3], want->size, want->size,
                         want->channels);
    const size_t memory = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    const size_t one = (size_t)takes[0] * (size_t)takes[1] * (size_t)takes[2];
    if (shape[0] < 1 || shape[0] > INT32_MAX / 2 || (size_t)shape[0] > memory / one)
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "%s: %" PRId64 " images, expected 1 to %d, within the memory of this "
                         "machine",
                         where, shape[0], INT32_MAX / 2);
    images->n = (int32_t)shape[0];
    images->height = (int)takes[0];
    images->width = (int)takes[1];
    images->channels = (int)takes[2];
    return ggdm_alloc(&images->pixels, (size_t)images->n, one, err);
}

static int64_t integer(const uint8_t *p, int bytes, bool is_signed, bool big_endian)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[big_endian ? i : bytes - 1 - i];
    const uint64_t sign = (uint64_t)1 << (8 * bytes - 1);
    return (int64_t)(is_signed ? (v ^ sign) - sign : v);
}

ggdm_status ggdm_images_read_labels(ggdm_images *images, ggdm_source *source, int64_t n, int bytes,
                                    bool is_signed, bool big_endian, const ggdm_image_want *want,
                                    ggdm_error *err)
{
    const char *where = ggdm_source_where(source);
    const int most = want->n_classes > 0 ? want->n_classes : INT32_MAX;
    uint8_t element[8];
    if (n != images->n)
        return GGDM_FAIL(err, GGDM_ESHAPE, "%s: %" PRId64 " labels for %d images", where, n,
                         images->n);
    GGDM_TRY(ggdm_alloc(&images->labels, (size_t)n, sizeof *images->labels, err));
    for (int32_t i = 0; i < images->n; i++) {
        GGDM_TRY(ggdm_source_read(source, element, (size_t)bytes, err));
        int64_t label = integer(element, bytes, is_signed, big_endian);
        if (label < 0 || label >= most)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: label %" PRId64 " of image %d, expected 0..%d (num_classes of "
                             "the config)",
                             where, label, i, most - 1);
        images->labels[i] = (int32_t)label;
    }
    return GGDM_OK;
}
