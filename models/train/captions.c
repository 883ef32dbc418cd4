#include "models/train/captions.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/train/faults.h"

ggdm_status ggdm_captions_encode(ggdm_images *images, const ggdm_tokenizer *tokenizer, int context,
                                 ggdm_error *err)
{
    ggdm_captions *c = &images->captions;
    ggdm_faults faults = {.n = 0};
    free(c->ids); /* of another network */
    c->ids = NULL;
    GGDM_TRY(ggdm_alloc(&c->ids, (size_t)c->n * (size_t)context, sizeof *c->ids, err));
    c->context = context;
    for (int32_t i = 0, image = 0; i < c->n; i++) {
        ggdm_error own = {0};
        int n;
        while (c->first[image + 1] <= i)
            image++;
        if (ggdm_tokenizer_encode(tokenizer, c->texts[i], context, false,
                                  c->ids + (int64_t)i * context, &n, &own) != GGDM_OK)
            ggdm_error_prefix(&own, "%s: caption of image %d", images->source, (int)image);
        GGDM_TRY(ggdm_faults_note(&faults, &own, err));
    }
    return ggdm_faults_tell(&faults, images->source, c->n, err);
}

ggdm_status ggdm_data_encode(ggdm_data *data, const ggdm_tokenizer *tokenizer, int context,
                             const uint8_t *reader, ggdm_error *err)
{
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_hash h;
    for (int i = 0; i < 2; i++)
        if (data->images[i].captions.n > 0)
            GGDM_TRY(ggdm_captions_encode(&data->images[i], tokenizer, context, err));
    ggdm_hash_init(&h);
    ggdm_hash_text(&h, data->sha256);
    ggdm_hash_update(&h, reader, GGDM_HASH_SIZE);
    ggdm_hash_final(&h, digest);
    ggdm_hash_hex(digest, data->sha256);
    return GGDM_OK;
}

int32_t ggdm_dataset_wordings(const ggdm_dataset *set, int32_t i)
{
    const int32_t *first = set->from->captions.first + set->index[i];
    return first[1] - first[0];
}

int32_t ggdm_dataset_caption(const ggdm_dataset *set, int32_t i, int32_t wording)
{
    return set->from->captions.first[set->index[i]] + wording;
}

const int32_t *ggdm_dataset_ids(const ggdm_dataset *set, int32_t caption)
{
    const ggdm_captions *c = &set->from->captions;
    return c->ids + (int64_t)caption * c->context;
}

bool ggdm_dataset_same_caption(const ggdm_dataset *set, int32_t i, int32_t j)
{
    const int32_t *a = ggdm_dataset_ids(set, ggdm_dataset_caption(set, i, 0));
    const int32_t *b = ggdm_dataset_ids(set, ggdm_dataset_caption(set, j, 0));
    return memcmp(a, b, (size_t)set->from->captions.context * sizeof *a) == 0;
}
