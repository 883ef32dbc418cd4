#include "worker/noise_levels.h"

#include <stdlib.h>

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
