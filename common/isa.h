/* Instruction sets.  Bits of images depend on the one that computes them (promise 1 of
 * docs/DESIGN.md), so a run agrees on one over all ranks, pins it before the first kernel runs and
 * records its name. */
#ifndef GGDM_COMMON_ISA_H
#define GGDM_COMMON_ISA_H

#include "common/status.h"

/* From least to most: a machine that has one has all before it. */
typedef enum ggdm_isa {
    GGDM_ISA_REF,         /* plain C; oneDNN up to SSE4.1 */
    GGDM_ISA_AVX2,        /* AVX2, FMA, F16C */
    GGDM_ISA_AVX512,      /* AVX-512 F, BW, DQ, VL */
    GGDM_ISA_AVX512_BF16, /* with VNNI and BF16 products */
    GGDM_ISA_AMX,         /* with AMX tiles for BF16 */
    GGDM_N_ISAS
} ggdm_isa;

/** "ref", "avx2", "avx512", "avx512_bf16", "amx". */
const char *ggdm_isa_name(ggdm_isa isa);

/** The instruction set this process may use: $GGDM_ISA where it is set, else the best one of this
 *  machine.  Errors: GGDM_EINVAL for an unknown name, GGDM_EUNSUPPORTED where the machine lacks it.
 */
ggdm_status ggdm_isa_choose(ggdm_isa *out, ggdm_error *err);

/** Pin it for this process: what our kernels and oneDNN (by ONEDNN_MAX_CPU_ISA, which it reads at
 *  its first call) use at most.  To be called before any network is built.  Errors: GGDM_EIO. */
ggdm_status ggdm_isa_pin(ggdm_isa isa, ggdm_error *err);

/** The pinned one; where none is yet, that of ggdm_isa_choose is pinned first: no network is ever
 *  built without one.  Errors: theirs. */
ggdm_status ggdm_isa_pinned(ggdm_isa *out, ggdm_error *err);

/** The processor as it calls itself, with family and model: "AMD EPYC (family 25, model 17)". */
#define GGDM_PROCESSOR_SIZE 96
void ggdm_processor_name(char name[GGDM_PROCESSOR_SIZE]);

#endif
