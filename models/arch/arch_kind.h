/* What an architecture provides to models/arch/arch.c: one row of its table. */
#ifndef GGDM_MODELS_ARCH_ARCH_KIND_H
#define GGDM_MODELS_ARCH_ARCH_KIND_H

#include "common/fields.h"
#include "common/json_write.h"
#include "models/arch/arch.h"

/* Caps on sizes, so that an untrusted config cannot overflow a product of extents. */
enum {
    GGDM_ARCH_MAX_SIZE = 4096,    /* height and width, pixels */
    GGDM_ARCH_MAX_WIDTH = 8192,   /* channels, features */
    GGDM_ARCH_MAX_CLASSES = 65536 /* outputs, labels */
};

typedef struct ggdm_arch_kind {
    const char *class_name;   /* "_class_name" of config.json, or what is in its "architectures" */
    const char *weights_file; /* NULL: its config.json is all of it */
    ggdm_arch_role role;
    unsigned ports;             /* that every network of the kind has, GGDM_PORT_* */
    const ggdm_field *fields;   /* the keys that change the network */
    const char *const *ignored; /* those that do not */
    const void *defaults;       /* of what fields reads */
    size_t raw_size;            /* of that struct */
    size_t config_size;         /* of the struct that fill fills */

    /** Check what was read of the document, and fill config (zeroed before) and info's size,
     *  channels, n_classes, resize, frozen, sizes of texts and embeddings and the ports that depend
     * on the config.  What of raw means the same as something else is brought to one form, and what
     * its rows do not say (a node set to NULL) is written into text, the open object that will say
     * it all in one form. Errors: GGDM_EINVAL naming field, value and expectation; GGDM_ENOMEM. */
    ggdm_status (*fill)(const ggdm_node *root, void *raw, void *config, ggdm_arch_info *info,
                        ggdm_json *text, ggdm_error *err);
    /** Free what fill allocated, also after it failed; NULL: nothing. */
    void (*release)(void *config);
    /** Of networks that compute with the noise schedule itself, NULL of others: alpha_bar[n] of
     *  every t, which is copied.  Errors: GGDM_ENOMEM. */
    ggdm_status (*schedule)(void *config, const double *alpha_bar, int32_t n, ggdm_error *err);
    /** Has it an inner layer of this name?  NULL: it has none. */
    bool (*has_layer)(const void *config, const char *name);
    /** Those of ports that the network has are there; set those that it gives. */
    void (*emit)(const void *config, ggdm_graph *g, ggdm_ports *ports);
} ggdm_arch_kind;

extern const ggdm_arch_kind ggdm_arch_unet2d;           /* models/arch/unet2d_model.c */
extern const ggdm_arch_kind ggdm_arch_unet2d_condition; /* models/arch/unet2d_condition.c */
extern const ggdm_arch_kind ggdm_arch_cnn;              /* models/arch/cnn_config.c */
extern const ggdm_arch_kind ggdm_arch_sequential;       /* models/arch/sequential.c */
extern const ggdm_arch_kind ggdm_arch_inception;        /* models/arch/inception.c */
extern const ggdm_arch_kind ggdm_arch_clip, ggdm_arch_clip_text, ggdm_arch_clip_text_projected,
    ggdm_arch_clip_vision; /* models/arch/clip_config.c */
extern const ggdm_arch_kind ggdm_arch_mixture, ggdm_arch_mixture_classifier; /* .../mixture.c */
extern const ggdm_arch_kind ggdm_arch_adm, ggdm_arch_adm_classifier;         /* .../adm_config.c */
extern const ggdm_arch_kind ggdm_arch_ggdm_unet;                             /* .../ggdm_unet.c */

#endif
