/* A small data set of IDX files on disk, for tests of the trainer. */
#ifndef GGDM_TESTS_SUPPORT_TINY_DATA_H
#define GGDM_TESTS_SUPPORT_TINY_DATA_H

#include <stdint.h>

/** Write train-* (n_train images) and t10k-* (n_test images) of side x side pixels to dir.  Image i
 *  has label i mod 10 and a bright bar whose place depends on the label, over seeded dim noise. */
void ggdm_tiny_data_write(const char *dir, int side, int n_train, int n_test, uint64_t seed);

#endif
