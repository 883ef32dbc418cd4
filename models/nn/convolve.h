/* A convolution, or its gradient to the input, prepared for one shape, by the first of the methods
 * that takes it:
 *
 *   winograd.c  3x3 of stride 1 with many channels on both sides
 *   narrow.c    3x3 of stride 1 to so few channels that vectors run over the others
 *   direct.c    oneDNN's, everything else
 *
 * Which one it is depends on shape, dtypes and instruction set alone, and with each of them no bit
 * of an image depends on the batch or the threads. */
#ifndef GGDM_MODELS_NN_CONVOLVE_H
#define GGDM_MODELS_NN_CONVOLVE_H

#include "models/nn/onednn.h"

typedef struct ggdm_convolve ggdm_convolve;

/* The functions of a method are those below. */
typedef struct ggdm_convolve_method {
    bool (*fits)(const ggdm_conv_shape *s, ggdm_conv_pass pass);
    ggdm_status (*create)(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                          ggdm_packs *packs, ggdm_convolve **out, ggdm_error *err);
    void (*destroy)(ggdm_convolve *c);
    size_t (*scratch)(const ggdm_convolve *c);
    void (*pack)(ggdm_convolve *c, const void *plain);
    void (*run)(const ggdm_convolve *c, const void *x, const float *bias, void *y, int64_t images,
                int seat, void *scratch);
} ggdm_convolve_method;

/* The head of what a method keeps. */
struct ggdm_convolve {
    const ggdm_convolve_method *method;
};

extern const ggdm_convolve_method ggdm_winograd, ggdm_narrow, ggdm_direct;

/** Arguments and errors as those of ggdm_prim_conv; pass: forward or backward data.  It will run on
 *  as many threads as OpenMP has now, at most. */
ggdm_status ggdm_convolve_create(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                                 ggdm_packs *packs, ggdm_convolve **out, ggdm_error *err);
void ggdm_convolve_destroy(ggdm_convolve **c);

/** Bytes of scratch memory that a run wants in each seat, 64-byte aligned. */
size_t ggdm_convolve_scratch(const ggdm_convolve *c);

/** Pack the weights again after their content has changed. */
void ggdm_convolve_pack(ggdm_convolve *c, const void *plain);

/** x: src, or gradient of dst; y: dst, or gradient of src; bias [channels of y] or NULL.  images:
 * at most those of the shape, of one seat, whose scratch it is, or of GGDM_ALL_SEATS, whose scratch
 * is contiguous. */
void ggdm_convolve_run(const ggdm_convolve *c, const void *x, const float *bias, void *y,
                       int64_t images, int seat, void *scratch);

#endif
