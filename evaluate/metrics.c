#include "evaluate/metrics.h"

#include <stddef.h>

const ggdm_metric_kind *const ggdm_metric_kinds[] = {&ggdm_metric_vendi, NULL};
