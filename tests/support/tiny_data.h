/* A small data set of IDX files on disk, for tests of the trainer. */
#ifndef GGDM_TESTS_SUPPORT_TINY_DATA_H
#define GGDM_TESTS_SUPPORT_TINY_DATA_H

#include <stdint.h>

/** Write train-* (n_train images) and t10k-* (n_test images) of side x side pixels to dir.  Image i
 *  has label i mod 10 and a bright bar whose place depends on the label, over seeded dim noise. */
void ggdm_tiny_data_write(const char *dir, int side, int n_train, int n_test, uint64_t seed);

/** Write train.npz (n_train images) and test.npz (n_test) of side x side RGB pixels to dir, with
 * what is said of them in train.jsonl and test.jsonl: the same bars, with captions as "bar left
 * two" and attributes `way` (row, column) and `place` (zero to four), which attributes.json names;
 * and in dir/words the files of a tokenizer of single letters. */
void ggdm_tiny_words_write(const char *dir, int side, int n_train, int n_test, uint64_t seed);

#endif
