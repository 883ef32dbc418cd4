/* A golden file (tests/golden/make_goldens.py has the contents) with the graph of its network. */
#ifndef GGDM_TESTS_SUPPORT_GOLDEN_H
#define GGDM_TESTS_SUPPORT_GOLDEN_H

#include "models/arch/arch.h"
#include "models/io/safetensors.h"
#include "tests/support/ggdm_test.h"

typedef struct ggdm_golden {
    char *bytes; /* the file */
    ggdm_safetensors *file;
    ggdm_arch *arch;
    ggdm_graph *graph;
    float *weights;     /* owned copy of the parameters, so that tests can change them */
    ggdm_params params; /* views into weights, in the order of the file */
    int64_t batch;
    ggdm_val x, t, label, text, context, y, gy; /* x -1: the network sees no image */
    ggdm_val target, seed, loss[2], gx_loss[2]; /* classifiers: nll, then neg_prob */
    ggdm_val *grads;                            /* x, then the parameters in the order of params */
} ggdm_golden;

/* How far the results are from the file's: error / tolerance, the worst over all tensors. */
typedef struct ggdm_golden_verdict {
    double worst; /* at most 1: agreement; infinite where something is not finite or missing */
    const char *tensor;
} ggdm_golden_verdict;

/** Load NAME, build its graph (replacing the text `from` by `to` in its config.json unless from is
 *  NULL) and fill the inputs.  first, batch: the images to run; batch 0: all. */
void ggdm_golden_open(ggdm_golden *gold, const char *name, const char *from, const char *to,
                      int64_t first, int64_t batch);
void ggdm_golden_close(ggdm_golden *gold);

/** Run the graph and compare with the file; only for whole batches. */
ggdm_golden_verdict ggdm_golden_check(ggdm_golden *gold);

/** A tensor of the file; fails the test where it is missing. */
const ggdm_st_tensor *ggdm_golden_tensor(const ggdm_golden *gold, const char *name);

#endif
