/* The programs of a diffusion model by itself and guided through it by a classifier, or by
 * a network of images and texts, for commands
 * that measure networks without a sweep. */
#ifndef GGDM_COORDINATOR_BENCH_PROGRAM_H
#define GGDM_COORDINATOR_BENCH_PROGRAM_H

#include "jobs/recipe.h"
#include "worker/programs.h"

typedef struct ggdm_bench_programs {
    ggdm_programs *programs;
    ggdm_model_ref refs[2];
    ggdm_models models;
    int32_t plain, guided; /* numbers of programs; guided -1: without a guide */
} ggdm_bench_programs;

/** guide may be NULL.  The models are borrowed; *b must not move.  Owned:
 *  ggdm_bench_programs_deinit, also after an error.  Errors: those of building. */
ggdm_status ggdm_bench_programs_init(ggdm_bench_programs *b, const ggdm_model *diffusion,
                                     const ggdm_model *guide, ggdm_precision precision,
                                     int32_t batch, ggdm_error *err);
void ggdm_bench_programs_deinit(ggdm_bench_programs *b);

#endif
