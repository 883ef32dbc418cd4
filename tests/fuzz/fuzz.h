/* Parsers of foreign bytes, one target each, for two drivers: libfuzzer.c (`make fuzz`: clang's
 * libFuzzer looks for new inputs, guided by coverage) and test_fuzz.c (`make test`: the corpus and
 * seeded mutations of it).  What must hold for every input is asserted in the target. */
#ifndef GGDM_TESTS_FUZZ_FUZZ_H
#define GGDM_TESTS_FUZZ_FUZZ_H

#include "tests/support/ggdm_test.h"

typedef struct ggdm_fuzz_target {
    const char *name; /* its seeds are in tests/fuzz/corpus/NAME */
    /** Parse, use what was accepted, release it.  data is of exactly this size.
     *  Returns whether it was accepted. */
    bool (*run)(const uint8_t *data, size_t size);
    size_t max_size; /* bytes of an input; smaller is faster */
    double seconds;  /* of mutations in `make test` */
} ggdm_fuzz_target;

extern const ggdm_fuzz_target ggdm_fuzz_targets[]; /* ends with a NULL name */

/** st is GGDM_OK, or the fault is the input's and has a message (not, for one, GGDM_ENOMEM). */
bool ggdm_fuzz_clean(ggdm_status st, const ggdm_error *err);

/** The input as owned text with a NUL behind it. */
char *ggdm_fuzz_text(const uint8_t *data, size_t size);

/** A directory in memory for targets whose parsers read files: the same for all calls, removed at
 *  exit.  */
const char *ggdm_fuzz_dir(void);
/** The input as the file NAME there; its path, owned. */
char *ggdm_fuzz_file(const char *name, const void *data, size_t size);

/* The targets, in target_*.c. */
bool ggdm_fuzz_spec(const uint8_t *data, size_t size);
bool ggdm_fuzz_prompts(const uint8_t *data, size_t size);
bool ggdm_fuzz_recipe(const uint8_t *data, size_t size);
bool ggdm_fuzz_training(const uint8_t *data, size_t size);
bool ggdm_fuzz_site(const uint8_t *data, size_t size);
bool ggdm_fuzz_json(const uint8_t *data, size_t size);
bool ggdm_fuzz_config(const uint8_t *data, size_t size);
bool ggdm_fuzz_scheduler(const uint8_t *data, size_t size);
bool ggdm_fuzz_preprocessor(const uint8_t *data, size_t size);
bool ggdm_fuzz_cells(const uint8_t *data, size_t size);
bool ggdm_fuzz_values(const uint8_t *data, size_t size);
bool ggdm_fuzz_queue(const uint8_t *data, size_t size);
bool ggdm_fuzz_status(const uint8_t *data, size_t size);
bool ggdm_fuzz_request(const uint8_t *data, size_t size);
bool ggdm_fuzz_obituary(const uint8_t *data, size_t size);
bool ggdm_fuzz_owner(const uint8_t *data, size_t size);
bool ggdm_fuzz_curve(const uint8_t *data, size_t size);
bool ggdm_fuzz_safetensors(const uint8_t *data, size_t size);
bool ggdm_fuzz_weights(const uint8_t *data, size_t size);
bool ggdm_fuzz_pickle(const uint8_t *data, size_t size);
bool ggdm_fuzz_torch(const uint8_t *data, size_t size);
bool ggdm_fuzz_layouts(const uint8_t *data, size_t size);
bool ggdm_fuzz_idx(const uint8_t *data, size_t size);
bool ggdm_fuzz_npz(const uint8_t *data, size_t size);
bool ggdm_fuzz_tar(const uint8_t *data, size_t size);
bool ggdm_fuzz_words(const uint8_t *data, size_t size);
bool ggdm_fuzz_reference(const uint8_t *data, size_t size);
bool ggdm_fuzz_jpeg(const uint8_t *data, size_t size);
bool ggdm_fuzz_pipeline(const uint8_t *data, size_t size);
bool ggdm_fuzz_tokenizer(const uint8_t *data, size_t size);
bool ggdm_fuzz_checkpoint(const uint8_t *data, size_t size);
bool ggdm_fuzz_png(const uint8_t *data, size_t size);
bool ggdm_fuzz_wire(const uint8_t *data, size_t size);
bool ggdm_fuzz_startup(const uint8_t *data, size_t size);
bool ggdm_fuzz_walk(const uint8_t *data, size_t size);
bool ggdm_fuzz_record(const uint8_t *data, size_t size);
bool ggdm_fuzz_store(const uint8_t *data, size_t size);
bool ggdm_fuzz_merge(const uint8_t *data, size_t size);

#endif
