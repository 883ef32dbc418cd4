#include "evaluate/metrics.h"

#include <stddef.h>

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
