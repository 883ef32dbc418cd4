/* Architectures: a config.json parsed and checked, and the network it describes emitted into a
 * graph.  Kinds: "UNet2DModel" (diffusers, eps-predictor) and "GgdmCNN" (classifier). */
#ifndef GGDM_MODELS_ARCH_ARCH_H
#define GGDM_MODELS_ARCH_ARCH_H

#include <stddef.h>

#include "common/status.h"
#include "models/nn/graph.h"

typedef struct ggdm_arch ggdm_arch;

typedef enum ggdm_arch_role { GGDM_DIFFUSION, GGDM_CLASSIFIER } ggdm_arch_role;

typedef struct ggdm_arch_info {
    const char *class_name;   /* "_class_name" of config.json */
    const char *weights_file; /* "diffusion_pytorch_model.safetensors" or "model.safetensors" */
    ggdm_arch_role role;
    int size;      /* height and width of images, pixels */
    int channels;  /* of images */
    int n_classes; /* outputs of a classifier, or label count of a conditional U-Net; 0: none */
} ggdm_arch_info;

/** Parse config.json text; where names it in errors (a path).  Unknown keys are ignored only if
 *  diffusers writes them and they do not change the network; everything else is an error that names
 *  the field, the value and what was expected. */
ggdm_status ggdm_arch_parse(const char *json, size_t size, const char *where, ggdm_arch **out,
                            ggdm_error *err);
void ggdm_arch_destroy(ggdm_arch **arch);
ggdm_arch_info ggdm_arch_get_info(const ggdm_arch *arch);

/** Emit the network for a batch into g.
 *  Diffusion:  x [N, H, W, C] in [-1, 1] units, t [N] f32 (the integer timestep as a float),
 *              label [N] i32 or -1  ->  eps [N, H, W, C].
 *  Classifier: x [N, H, W, C] in [-1, 1]; t and label -1  ->  log probabilities [N, K]. */
ggdm_val ggdm_arch_emit(const ggdm_arch *arch, ggdm_graph *g, ggdm_val x, ggdm_val t,
                        ggdm_val label);

/** The name under which an architecture declares a parameter that a file calls file_name: diffusers
 *  before 0.15 wrote attentions.N.{query,key,value,proj_attn} for to_q, to_k, to_v, to_out.0, and
 *  downsamplers.N.op for conv.  Returns buf, or file_name itself where nothing is to be changed (or
 *  the canonical name does not fit into size bytes: then no parameter has that name). */
const char *ggdm_arch_canonical_name(const char *file_name, char *buf, size_t size);

#endif
