/* A matrix of features for tests of metrics, in a world of one. */
#ifndef GGDM_TEST_ROWS_H
#define GGDM_TEST_ROWS_H

#include "evaluate/metrics.h"

/** Rows x [n, d], copied, of the images 0, 1, ...; to be freed by ggdm_test_rows_free. */
ggdm_rows *ggdm_test_rows(const float *x, int64_t n, int64_t d);
void ggdm_test_rows_free(ggdm_rows *rows);

/** A reference of such rows; to be freed by ggdm_test_reference_free. */
ggdm_reference *ggdm_test_reference(const float *x, int64_t n, int64_t d);
void ggdm_test_reference_free(ggdm_reference *reference);

/** What a metric says of rows, compared with reference (NULL: it needs none); out [numbers]. */
ggdm_status ggdm_test_metric(const ggdm_metric_kind *metric, ggdm_rows *rows,
                             ggdm_reference *reference, ggdm_metric_value *out, ggdm_error *err);

#endif
