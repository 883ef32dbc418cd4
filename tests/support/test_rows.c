#include "tests/support/test_rows.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

ggdm_rows *ggdm_test_rows(const float *x, int64_t n, int64_t d)
{
    ggdm_error err = {0};
    ggdm_rows *rows = ggdm_test_alloc(1, sizeof *rows);
    float *copy = ggdm_test_alloc((size_t)(n * d), sizeof *copy);
    int32_t *images = ggdm_test_alloc((size_t)n, sizeof *images);
    ggdm_world *world = NULL;
    ggdm_test_ok(ggdm_world_open(&world, &err), &err);
    memcpy(copy, x, (size_t)(n * d) * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        images[i] = (int32_t)i;
    *rows = (ggdm_rows){
        .world = world, .n = n, .d = d, .own = {.x = copy, .images = images, .n = n, .d = d}};
    return rows;
}

void ggdm_test_rows_free(ggdm_rows *rows)
{
    ggdm_world *world = rows->world;
    ggdm_rows_deinit(rows);
    ggdm_world_close(&world);
    free(rows);
}

ggdm_reference *ggdm_test_reference(const float *x, int64_t n, int64_t d)
{
    ggdm_reference *reference = ggdm_test_alloc(1, sizeof *reference);
    ggdm_rows *rows = ggdm_test_rows(x, n, d);
    *reference = (ggdm_reference){.n = n, .d = d, .rows = *rows};
    free(rows);
    return reference;
}

void ggdm_test_reference_free(ggdm_reference *reference)
{
    ggdm_world *world = reference->rows.world;
    ggdm_reference_close(reference);
    ggdm_world_close(&world);
    free(reference);
}

ggdm_status ggdm_test_metric(const ggdm_metric_kind *metric, ggdm_rows *rows,
                             ggdm_reference *reference, ggdm_metric_value *out, ggdm_error *err)
{
    const ggdm_metric_input in = {rows->world, rows, reference};
    for (int32_t i = 0; i < ggdm_metric_count(metric); i++)
        out[i] = (ggdm_metric_value){.n = rows->n};
    return metric->compute(&in, out, err);
}
