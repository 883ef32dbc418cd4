#include "models/train/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/philox.h"
#include "models/train/attributes.h"

const char *const ggdm_part_names[] = {"all", "first", "second", NULL};

/* The halves must not change: the guide and the judge are trained on them. */
static const uint64_t half_seed = 28;

/* Those that are held out for testing: as fixed as the halves. */
static const uint64_t hold_out_seed = 29;

static const ggdm_image_format *const formats[] = {&ggdm_format_idx, &ggdm_format_npz,
                                                   &ggdm_format_tar, &ggdm_format_tree};
enum { N_FORMATS = sizeof formats / sizeof *formats };

/* --- finding --- */

static ggdm_status fail_nothing(const char *dir, ggdm_error *err)
{
    const char *name = strrchr(dir, '/');
    name = name ? name + 1 : dir;
    const bool known = !strcmp(name, "mnist") || !strcmp(name, "faces");
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "%s: %s; expected %s; or %s; or %s; or %s (docs/TRAINING.md)%s%s%s%s", dir,
                     ggdm_exists(dir) ? "no images to train on" : "no such directory",
                     ggdm_format_tree.what, ggdm_format_tar.what, ggdm_format_npz.what,
                     ggdm_format_idx.what, known ? "; `ggdm data " : "", known ? name : "",
                     known ? "` obtains it, --out " : "", known ? dir : "");
}

static void digest_words(const ggdm_images *set, ggdm_hash *h)
{
    const ggdm_captions *c = &set->captions;
    const ggdm_attributes *a = &set->attributes;
    for (int32_t i = 0; i <= set->n && c->n; i++)
        ggdm_hash_u64(h, (uint64_t)c->first[i]);
    for (int32_t i = 0; i < c->n; i++)
        ggdm_hash_text(h, c->texts[i]);
    for (int32_t i = 0; i < a->groups.n_classes; i++) {
        char name[GGDM_CLASS_NAME];
        ggdm_hash_text(h, ggdm_class_name(&a->groups, i, name));
    }
    for (int64_t i = 0; i < (int64_t)set->n * a->groups.n; i++)
        ggdm_hash_u64(h, (uint64_t)a->of[i]);
}

/* Of everything that training sees of them. */
static void digest_images(ggdm_images *set)
{
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_hash h;
    ggdm_hash_init(&h);
    const int64_t shape[4] = {set->n, set->height, set->width, set->channels};
    size_t bytes = (size_t)set->n;
    for (int i = 0; i < 4; i++)
        ggdm_hash_u64(&h, (uint64_t)shape[i]);
    for (int i = 1; i < 4; i++)
        bytes *= (size_t)shape[i];
    ggdm_hash_update(&h, set->pixels, bytes);
    for (int32_t i = 0; i < set->n && set->labels; i++)
        ggdm_hash_u64(&h, (uint64_t)set->labels[i]);
    digest_words(set, &h);
    ggdm_hash_final(&h, digest);
    ggdm_hash_hex(digest, set->sha256);
}

static ggdm_status check_words(ggdm_images *set, const ggdm_image_want *want, ggdm_error *err)
{
    if (want->attributes)
        GGDM_TRY(ggdm_attributes_take(set, want->attributes, err));
    if (want->captions && set->captions.n == 0)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: images without captions, expected captions beside them "
                         "(docs/TRAINING.md)",
                         set->source);
    if (want->n_classes > 0 && !set->labels)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: images without labels, expected labels beside them",
                         set->source);
    return GGDM_OK;
}

static ggdm_status read_split(const ggdm_image_format *format, const ggdm_data_spec *spec,
                              ggdm_data_split split, ggdm_images *out, ggdm_error *err)
{
    GGDM_TRY(format->read(spec->dir, split, &spec->want, out, err));
    if (out->n == 0)
        return GGDM_OK;
    digest_images(out);
    return check_words(out, &spec->want, err);
}

/* A class must mean the same in both. */
static ggdm_status check_same_classes(const ggdm_images *a, const ggdm_images *b, ggdm_error *err)
{
    for (int i = 0; i < a->n_classes && i < b->n_classes; i++)
        if (strcmp(a->classes[i], b->classes[i]) != 0)
            return GGDM_FAIL(err, GGDM_ESHAPE, "class %d is '%.80s' in %s and '%.80s' in %s", i,
                             a->classes[i], a->source, b->classes[i], b->source);
    return GGDM_OK;
}

static ggdm_status read_images(const ggdm_data_spec *spec, ggdm_images out[2], ggdm_error *err)
{
    const ggdm_image_want *want = &spec->want;
    int f = 0;
    if (want->shorter > 0 && want->shorter < want->size)
        return GGDM_FAIL(err, GGDM_EINVAL, "data.size %d, expected at least the network's size, %d",
                         want->shorter, want->size);
    for (; f < N_FORMATS && out[0].n == 0; f++)
        GGDM_TRY(read_split(formats[f], spec, GGDM_SPLIT_TRAIN, &out[0], err));
    if (out[0].n == 0)
        return fail_nothing(spec->dir, err);
    GGDM_TRY(read_split(formats[f - 1], spec, GGDM_SPLIT_TEST, &out[1], err));
    return check_same_classes(&out[0], &out[1], err);
}

ggdm_status ggdm_data_read_split(const char *dir, ggdm_data_split split,
                                 const ggdm_image_want *want, ggdm_images *out, ggdm_error *err)
{
    const ggdm_data_spec spec = {.dir = dir, .want = *want};
    *out = (ggdm_images){0};
    for (int f = 0; f < N_FORMATS && out->n == 0; f++) {
        const ggdm_status st = read_split(formats[f], &spec, split, out, err);
        if (st != GGDM_OK) {
            ggdm_images_deinit(out);
            return st;
        }
    }
    if (out->n == 0 && split == GGDM_SPLIT_TEST && ggdm_exists(dir))
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: no test images, expected some beside the others",
                         dir);
    return out->n == 0 ? fail_nothing(dir, err) : GGDM_OK;
}

/* --- choosing --- */

/* All of a set, in its order. */
static ggdm_status take_all(const ggdm_images *from, ggdm_dataset *out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&out->index, (size_t)from->n, sizeof *out->index, err));
    out->from = from;
    out->n = from->n;
    for (int32_t i = 0; i < from->n; i++)
        out->index[i] = i;
    return GGDM_OK;
}

/* A set without test images: some of it are those. */
static ggdm_status hold_out(const ggdm_data_spec *spec, ggdm_data *d, ggdm_error *err)
{
    const ggdm_images *all = &d->images[0];
    int32_t *perm = NULL, n = (int32_t)((double)all->n * spec->test_share);
    if (n < 1 || n >= all->n)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: no test images, and a share of %g of its %d images is %d of them, "
                         "expected 1 to %d",
                         spec->dir, spec->test_share, all->n, n, all->n - 1);
    GGDM_TRY(ggdm_alloc(&perm, (size_t)all->n, sizeof *perm, err));
    ggdm_permutation(hold_out_seed, 0, all->n, perm);
    memcpy(d->test.index, perm, (size_t)n * sizeof *perm);
    d->test.n = n;
    d->train.n = all->n - n;
    memcpy(d->train.index, perm + n, (size_t)d->train.n * sizeof *perm);
    free(perm);
    return GGDM_OK;
}

static ggdm_status choose_part(ggdm_dataset *set, ggdm_part part, ggdm_error *err)
{
    if (part == GGDM_PART_ALL)
        return GGDM_OK;
    const int32_t n = set->n, half = n / 2, begin = part == GGDM_PART_FIRST ? 0 : half;
    int32_t *perm = NULL, *old = set->index;
    GGDM_TRY(ggdm_alloc(&perm, (size_t)n, sizeof *perm, err));
    ggdm_permutation(half_seed, 0, n, perm);
    set->n = part == GGDM_PART_FIRST ? half : n - half;
    for (int32_t i = 0; i < n; i++)
        perm[i] = old[perm[i]];
    memcpy(old, perm + begin, (size_t)set->n * sizeof *perm);
    free(perm);
    if (set->n == 0)
        return GGDM_FAIL(err, GGDM_EINVAL, "this part of the training set is empty");
    return GGDM_OK;
}

static void digest_data(ggdm_data *d)
{
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_hash h;
    ggdm_hash_init(&h);
    for (int i = 0; i < 2; i++)
        ggdm_hash_text(&h, d->images[i].sha256);
    ggdm_hash_final(&h, digest);
    ggdm_hash_hex(digest, d->sha256);
}

static ggdm_status open_data(const ggdm_data_spec *spec, ggdm_data *d, ggdm_error *err)
{
    GGDM_TRY(read_images(spec, d->images, err));
    const bool has_test = d->images[1].n > 0;
    GGDM_TRY(take_all(&d->images[0], &d->train, err));
    GGDM_TRY(take_all(&d->images[has_test], &d->test, err));
    if (!has_test)
        GGDM_TRY(hold_out(spec, d, err));
    digest_data(d);
    return choose_part(&d->train, spec->part, err);
}

ggdm_status ggdm_data_open(const ggdm_data_spec *spec, ggdm_data *out, ggdm_error *err)
{
    *out = (ggdm_data){0};
    ggdm_status st = open_data(spec, out, err);
    if (st != GGDM_OK)
        ggdm_data_close(out);
    return st;
}

void ggdm_data_close(ggdm_data *d)
{
    for (int i = 0; i < 2; i++)
        ggdm_images_deinit(&d->images[i]);
    free(d->train.index);
    free(d->test.index);
    *d = (ggdm_data){0};
}

/* --- looking --- */

void ggdm_dataset_image(const ggdm_dataset *set, int32_t i, float *out)
{
    const ggdm_images *from = set->from;
    int64_t n = (int64_t)from->height * from->width * from->channels;
    const uint8_t *u = from->pixels + set->index[i] * n;
    for (int64_t k = 0; k < n; k++)
        out[k] = (float)u[k] / 127.5f - 1.0f;
}

int32_t ggdm_dataset_label(const ggdm_dataset *set, int32_t i)
{
    return set->from->labels[set->index[i]];
}

const int32_t *ggdm_dataset_targets(const ggdm_dataset *set, int32_t i)
{
    const ggdm_images *from = set->from;
    return from->targets ? from->targets + (int64_t)set->index[i] * from->n_targets
                         : from->labels + set->index[i];
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
