#include "worker/heads.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/recipe.h"
#include "worker/model_rows.h"
#include "worker/noise_levels.h"

enum { KEPT = 4 };

struct ggdm_head_cache {
    const ggdm_catalogue *catalogue;
    const ggdm_models *models;
    ggdm_head kept[KEPT]; /* used last first; text NULL: none */
};

ggdm_status ggdm_head_cache_create(const ggdm_catalogue *catalogue, const ggdm_models *models,
                                   ggdm_head_cache **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    (*out)->catalogue = catalogue;
    (*out)->models = models;
    return GGDM_OK;
}

static void head_deinit(ggdm_head *head)
{
    ggdm_chain_deinit(&head->chain);
    ggdm_arena_deinit(&head->arena);
    *head = (ggdm_head){0};
}

void ggdm_head_cache_destroy(ggdm_head_cache **heads)
{
    for (int i = 0; *heads && i < KEPT; i++)
        head_deinit(&(*heads)->kept[i]);
    free(*heads);
    *heads = NULL;
}

static ggdm_status read_chain(const ggdm_models *models, ggdm_head *h, ggdm_error *err)
{
    const ggdm_model *model = ggdm_models_find(models, ggdm_item_text(h->item, "model"));
    const ggdm_model_files *files = model->files;
    ggdm_noise_levels levels = {0};
    ggdm_status st = ggdm_noise_levels_read(files->scheduler, files->path, &levels, err);
    levels.variance = ggdm_arch_has_port(&model->info, "variance");
    if (st == GGDM_OK)
        st = ggdm_chain_create(h->sampler, &levels, &h->chain, err);
    ggdm_noise_levels_deinit(&levels);
    return st;
}

static ggdm_status read_head(const ggdm_head_cache *heads, const char *text, ggdm_head *h,
                             ggdm_error *err)
{
    GGDM_TRY(ggdm_arena_text(&h->arena, text, &h->text, err));
    GGDM_TRY(
        ggdm_recipe_parse(heads->catalogue, &h->arena, GGDM_FAMILY_STAGE, text, &h->item, err));
    GGDM_TRY(ggdm_model_rows_check(heads->models, h->item, h->item, err));
    GGDM_TRY(ggdm_values_of(&h->arena, h->item, &h->values, err));
    GGDM_TRY(ggdm_head_shape(heads->models, h->item, &h->image, err));
    h->seed = (uint64_t)ggdm_item_whole(h->item, "seed");
    h->sampler = ggdm_item_child(h->item, "sampler");
    h->kind = (const ggdm_sampler_kind *)h->sampler->kind;
    h->state = (ggdm_state_shape){.elements =
                                      (int64_t)h->image.height * h->image.width * h->image.channels,
                                  .history = h->kind->history,
                                  .keeps = h->kind->keeps};
    return read_chain(heads->models, h, err);
}

ggdm_status ggdm_head_cache_get(ggdm_head_cache *heads, const char *text, const ggdm_head **out,
                                ggdm_error *err)
{
    ggdm_head found = {0};
    int i = 0;
    while (i < KEPT - 1 && heads->kept[i].text && strcmp(heads->kept[i].text, text) != 0)
        i++;
    if (heads->kept[i].text && strcmp(heads->kept[i].text, text) == 0) {
        found = heads->kept[i];
    } else {
        ggdm_status st = read_head(heads, text, &found, err);
        if (st != GGDM_OK) {
            head_deinit(&found);
            return st;
        }
        head_deinit(&heads->kept[i]); /* the one used longest ago */
    }
    memmove(heads->kept + 1, heads->kept, (size_t)i * sizeof *heads->kept);
    heads->kept[0] = found;
    *out = &heads->kept[0];
    return GGDM_OK;
}
