/* Architectures: a config.json parsed and checked, and the network it describes emitted into a
 * graph.  Kinds: "UNet2DModel", "UNet2DConditionModel" (diffusers), "ADMUNet" (guided-diffusion)
 * and "GGDMUNet" (eps-predictors), "GgdmCNN", "TorchSequential" and "ADMClassifier" (classifiers),
 * "GaussianMixture" and "GaussianMixtureClassifier" (both in closed form), "FIDInceptionV3"
 * (features for distances between sets of images), "CLIPModel" and its parts (embeddings of images
 * and texts). */
#ifndef GGDM_MODELS_ARCH_ARCH_H
#define GGDM_MODELS_ARCH_ARCH_H

#include <stddef.h>

#include "common/class_groups.h"
#include "common/status.h"
#include "models/arch/resize.h"
#include "models/nn/graph.h"

/* Ports: what networks take and give, by name.  N images; -1: no value. */
typedef struct ggdm_ports {
    /* in */
    ggdm_val x;       /* [N, H, W, C] in [-1, 1] units */
    ggdm_val t;       /* [N] f32, the integer timestep as a float */
    ggdm_val label;   /* [N] i32, a row of the table of labels; outside of it: none */
    ggdm_val text;    /* [N, T] i32, token ids, T = context_length; ids outside of the vocabulary
                         are vectors of zeros.  Where its vector is taken from, the end of the
                         text, the network finds in the ids */
    ggdm_val context; /* [N, S, C], what cross-attention looks at; C = context_size, any S */
    /* out */
    ggdm_val eps;       /* [N, H, W, C] f32 */
    ggdm_val variance;  /* the same: where the logarithm of a step's variance is, from -1, that of
                           the  posterior, to 1, that of beta (Nichol and Dhariwal 2021) */
    ggdm_val logits;    /* [N, K] f32, log probabilities */
    ggdm_val raw;       /* [N, K] f32, given with logits: before they are normalised */
    ggdm_val embedding; /* [N, E] f32, one vector of each image or text, projected, not normalised;
                           of a network with two towers that is given both: of the images */
    ggdm_val text_embedding; /* ... and this of the texts; only then */
    ggdm_val sequence; /* [N, T, C], a text's last hidden states, behind the last layer norm */
    ggdm_val scale;    /* [1] f32, exp(logit_scale): what cosines are multiplied by */
    ggdm_val features; /* of an inner layer: what the last one takes, [N, F] ... */
    const char *layer; /* ... or what this one gives; NULL: that one (ggdm_arch_has_layer) */
    bool inner;        /* in: the features alone are asked for, and nothing behind them is made */
} ggdm_ports;

#define GGDM_NO_PORTS                                                                              \
    ((ggdm_ports){-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, NULL, false})

/* Bits of ggdm_arch_info.ports. */
enum {
    GGDM_PORT_X = 1 << 0,
    GGDM_PORT_T = 1 << 1,
    GGDM_PORT_LABEL = 1 << 2,
    GGDM_PORT_TEXT = 1 << 3,
    GGDM_PORT_CONTEXT = 1 << 4,
    GGDM_PORT_EPS = 1 << 5,
    GGDM_PORT_LOGITS = 1 << 6,
    GGDM_PORT_EMBEDDING = 1 << 7,
    GGDM_PORT_FEATURES = 1 << 8,
    GGDM_PORT_VARIANCE = 1 << 9,
    GGDM_PORT_SEQUENCE = 1 << 10,
    GGDM_PORT_SCALE = 1 << 11,
    GGDM_PORTS_IN = GGDM_PORT_EPS - 1 /* all that networks take */
};

enum { GGDM_NORMAL_CHANNELS = 4 }; /* at most */

/* How a network looks at pixels of [0, 1]: as (pixel - mean) / std of each channel, which it makes
 * of x itself. */
typedef struct ggdm_normal {
    int n; /* channels; 0: it takes x as it is */
    double mean[GGDM_NORMAL_CHANNELS], std[GGDM_NORMAL_CHANNELS];
} ggdm_normal;

enum { GGDM_ARCH_CONTEXT = 77 }; /* positions of a context where nobody says how many: CLIP's */

typedef struct ggdm_arch ggdm_arch;

typedef enum ggdm_arch_role { GGDM_DIFFUSION, GGDM_CLASSIFIER, GGDM_ENCODER } ggdm_arch_role;

typedef struct ggdm_arch_info {
    const char *class_name;   /* "_class_name" of config.json, or what is in its "architectures" */
    const char *weights_file; /* "diffusion_pytorch_model.safetensors" or "model.safetensors"; NULL:
                                 the network has no weights */
    ggdm_arch_role role;
    unsigned ports;  /* those it has, GGDM_PORT_* */
    bool two_towers; /* one for images (x, t), one for texts: it is given either, or both */
    int size;        /* height and width of images, pixels; 0: it takes none */
    int channels;    /* of images */
    int n_classes;   /* outputs of a classifier, or classes of a conditional U-Net; 0: none */
    const ggdm_class_groups *classes; /* of a classifier, their names; NULL: they have none.  Of
                                         several groups each is normalised by itself */
    int null_label;     /* the label of no class, behind those of the classes; -1: none */
    int context_length; /* tokens of a text, with its padding; 0: it takes none */
    int vocabulary;     /* token ids are 0 .. vocabulary - 1 */
    int text_end;       /* the one at which, where it stands first, a text ends; -1: the highest */
    int embedding_size; /* numbers of an embedding; 0: it gives none */
    int sequence_size;  /* channels of a sequence; 0: it gives none */
    int context_size;   /* channels that cross-attention wants; 0: there is no context */
    ggdm_resize resize; /* how images of other sizes, and grey ones, are made such as it takes;
                           GGDM_RESIZE_NONE: it takes its own only */
    ggdm_normal normal; /* by its kind; ggdm_arch_set_normal */
    bool frozen;      /* statistics of its training are among its weights: it is not trained here */
    bool by_schedule; /* it computes with alpha_bar: ggdm_arch_set_schedule before it is emitted */
} ggdm_arch_info;

/** Parse config.json text; where names it in errors (a path).  Unknown keys are ignored only if
 *  diffusers writes them and they do not change the network; everything else is an error that names
 *  the field, the value and what was expected. */
ggdm_status ggdm_arch_parse(const char *json, size_t size, const char *where, ggdm_arch **out,
                            ggdm_error *err);
void ggdm_arch_destroy(ggdm_arch **arch);
ggdm_arch_info ggdm_arch_get_info(const ggdm_arch *arch);
/** Its config.json in one form: the class, then the keys that are not at their defaults; equal
 *  networks have equal texts.  Lives as long as arch. */
const char *ggdm_arch_text(const ggdm_arch *arch);

/** What noise t stands for, for a network that wants to know (by_schedule): alpha_bar of t = 0 .. n
 *  - 1, copied.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_arch_set_schedule(ggdm_arch *arch, const double *alpha_bar, int32_t n,
                                   ggdm_error *err);

/** How pixels are seen by a network that does not take x as it is (normal.n of its info), instead
 *  of as its kind has it. */
void ggdm_arch_set_normal(ggdm_arch *arch, const ggdm_normal *normal);

/** Whether a network has the port of this name ("label"), to be asked before it is emitted. */
bool ggdm_arch_has_port(const ggdm_arch_info *info, const char *name);
/** Whether a network has an inner layer of this name ("layers.3"), whose features can be asked for.
 */
bool ggdm_arch_has_layer(const ggdm_arch *arch, const char *name);
/** "x, t, label": the names of those of the ports, in a caller's buffer; returns it. */
const char *ggdm_arch_port_names(unsigned ports, char *text, size_t size);

/** An input of g for each port that the network takes, of both its towers, for n images and n texts
 *  (a context of GGDM_ARCH_CONTEXT positions); the other ports are -1. */
ggdm_ports ggdm_arch_inputs(const ggdm_arch *arch, ggdm_graph *g, int64_t n);
/** The same with a context of so many positions. */
ggdm_ports ggdm_arch_inputs_of(const ggdm_arch *arch, ggdm_graph *g, int64_t n, int64_t positions);

/** Emit the network, which must outlive g, into g: each port that it takes must have a value, no
 *  other may; those that it gives are set.  Of a network with two towers x (with t, where it has
 *  that) or text may be missing: then what the other gives is not set.  It may be emitted several
 *  times in one slot, with the same parameters.  Returns the first of what it gives, -1 after an
 *  error (sticky, see graph.h). */
ggdm_val ggdm_arch_emit(const ggdm_arch *arch, ggdm_graph *g, ggdm_ports *ports);

/** The name under which an architecture declares a parameter that a file calls file_name: diffusers
 *  before 0.15 wrote attentions.N.{query,key,value,proj_attn} for to_q, to_k, to_v, to_out.0, and
 *  downsamplers.N.op for conv.  Returns buf, or file_name itself where nothing is to be changed (or
 *  the canonical name does not fit into size bytes: then no parameter has that name). */
const char *ggdm_arch_canonical_name(const char *file_name, char *buf, size_t size);

#endif
