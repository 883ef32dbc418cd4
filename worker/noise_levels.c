#include "worker/noise_levels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/schedule_config.h"

ggdm_status ggdm_noise_levels_read(const char *json, const char *where, ggdm_noise_levels *out,
                                   ggdm_error *err)
{
    ggdm_schedule_config c;
    ggdm_doc *doc;
    *out = (ggdm_noise_levels){0};
    GGDM_TRY(ggdm_schedule_config_read(json, where, &c, &doc, err));
    out->train_steps = c.train_steps;
    ggdm_status st =
        ggdm_alloc(&out->alpha_bar, (size_t)c.train_steps, sizeof *out->alpha_bar, err);
    if (st == GGDM_OK)
        ggdm_schedule_alpha_bar(&c, out->alpha_bar);
    ggdm_schedule_config_release(&c, &doc);
    return st;
}

void ggdm_noise_levels_deinit(ggdm_noise_levels *levels)
{
    free(levels->alpha_bar);
    levels->alpha_bar = NULL;
}

static bool equal_levels(const ggdm_noise_levels *a, const ggdm_noise_levels *b)
{
    bool equal = a->train_steps == b->train_steps;
    for (int32_t t = 0; equal && t < a->train_steps; t++)
        equal = fabs(a->alpha_bar[t] - b->alpha_bar[t]) <= 1e-6;
    return equal;
}

ggdm_status ggdm_noise_levels_same(const ggdm_model_files *a, const ggdm_model_files *b, bool *same,
                                   ggdm_error *err)
{
    ggdm_noise_levels x = {0}, y = {0};
    *same = a->scheduler && b->scheduler && strcmp(a->scheduler, b->scheduler) == 0;
    if (*same)
        return GGDM_OK;
    ggdm_status st = ggdm_noise_levels_read(a->scheduler, a->path, &x, err);
    if (st == GGDM_OK)
        st = ggdm_noise_levels_read(b->scheduler, b->path, &y, err);
    *same = st == GGDM_OK && equal_levels(&x, &y);
    ggdm_noise_levels_deinit(&x);
    ggdm_noise_levels_deinit(&y);
    return st;
}
