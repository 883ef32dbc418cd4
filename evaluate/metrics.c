#include "evaluate/metrics.h"

#include <stddef.h>
#include <string.h>

const ggdm_metric_kind *const ggdm_metric_kinds[] = {
    &ggdm_metric_frechet,          &ggdm_metric_kid,
    &ggdm_metric_kid_subsets,      &ggdm_metric_precision_recall,
    &ggdm_metric_density_coverage, &ggdm_metric_vendi,
    &ggdm_metric_inception_score,  NULL};

int32_t ggdm_metric_count(const ggdm_metric_kind *metric)
{
    int32_t n = 1;
    while (metric->numbers && metric->numbers[n])
        n++;
    return n;
}

const char *ggdm_metric_number(const ggdm_metric_kind *metric, int32_t i)
{
    return metric->numbers ? metric->numbers[i] : metric->kind.name;
}

const ggdm_metric_kind *ggdm_metric_of_number(const char *name)
{
    for (int32_t k = 0; ggdm_metric_kinds[k]; k++)
        for (int32_t i = 0; i < ggdm_metric_count(ggdm_metric_kinds[k]); i++)
            if (strcmp(ggdm_metric_number(ggdm_metric_kinds[k], i), name) == 0)
                return ggdm_metric_kinds[k];
    return NULL;
}
