#include "jobs/caption.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/png_image.h"

ggdm_status ggdm_caption_make(const ggdm_results *r, const ggdm_row *row, ggdm_caption *out,
                              ggdm_error *err)
{
    *out = (ggdm_caption){.r = r, .row = row};
    snprintf(out->software, sizeof out->software, "ggdm %.60s", r->info->version);
    return ggdm_store_recipe(r->store, row->cell.trajectory, &out->recipe, err);
}

void ggdm_caption_deinit(ggdm_caption *caption)
{
    free(caption->recipe);
    *caption = (ggdm_caption){0};
}

/* "": the sweep has none. */
static const char *seed_of(const ggdm_caption *c)
{
    for (int32_t i = 0; i < c->r->n_columns; i++)
        if (strcmp(c->r->columns[i].path, "seed") == 0)
            return ggdm_results_value(c->r, c->row, i).text;
    return "";
}

ggdm_status ggdm_caption_put(const ggdm_caption *caption, int32_t index, const void *png,
                             size_t size, uint8_t **out, size_t *out_size, ggdm_error *err)
{
    const ggdm_run_info *info = caption->r->info;
    char image[16] = "";
    if (index >= 0)
        snprintf(image, sizeof image, "%d", index);
    const ggdm_png_text all[] = {{"Software", caption->software},
                                 {"ggdm:sweep", info->name},
                                 {"ggdm:cell", caption->row->cell.name},
                                 {"ggdm:image", image},
                                 {"ggdm:seed", seed_of(caption)},
                                 {"ggdm:precision", ggdm_precision_names[info->precision]},
                                 {"ggdm:isa", info->isa},
                                 {"ggdm:recipe", caption->recipe}};
    ggdm_png_text texts[sizeof all / sizeof *all];
    int n = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (*all[i].text)
            texts[n++] = all[i];
    return ggdm_png_label(png, size, texts, n, out, out_size, err);
}
