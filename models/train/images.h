/* Labelled images in memory, and the formats they come in: a format is one file and one row of
 * ggdm_image_formats. */
#ifndef GGDM_MODELS_TRAIN_IMAGES_H
#define GGDM_MODELS_TRAIN_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/class_groups.h"
#include "common/hash.h"
#include "common/status.h"
#include "common/source.h"

typedef enum ggdm_data_split { GGDM_SPLIT_TRAIN, GGDM_SPLIT_TEST } ggdm_data_split;

/* What is done with pictures that are not of the network's size or colours: fit.h. */
typedef enum ggdm_cropping { GGDM_CROP_NONE, GGDM_CROP_CENTER } ggdm_cropping;
extern const char *const ggdm_crop_names[]; /* "none", "center", NULL */

/* What the network takes. */
typedef struct ggdm_image_want {
    int size, channels;                  /* size x size pixels; 0: whatever arrays of images have */
    int n_classes;                       /* 0: labels do not matter */
    bool captions;                       /* every image must have one */
    const ggdm_class_groups *attributes; /* these of every image must be known, by name; NULL: they
                                            do not matter */
    ggdm_cropping crop; /* of pictures in files; arrays of images are taken as they are */
    bool tells;         /* that reading goes on, now and then, where it takes long */
    int32_t shorter;    /* pixels of a picture's shorter side before it is cropped; 0: size */
} ggdm_image_want;

/* What is said of images.  Image i has the texts first[i] .. first[i + 1] - 1, at least one:
 * wordings of the same. */
typedef struct ggdm_captions {
    char **texts;   /* [n] valid UTF-8 without control characters; owned */
    int32_t *first; /* [images + 1]; owned */
    int32_t n;      /* 0: there are none */
    int32_t *ids;   /* [n, context] of their tokens; NULL: not made (captions.h); owned */
    int context;
} ggdm_captions;

/* What is known of images: a class of each group. */
typedef struct ggdm_attributes {
    ggdm_class_groups groups; /* as attributes.json of the data has them; owned.  n = 0: none */
    int32_t *of;              /* [images, groups.n] class within its group, from 0; owned */
} ggdm_attributes;

typedef struct ggdm_images {
    int32_t n;
    int height, width, channels;
    uint8_t *pixels; /* [n, H, W, C]; owned */
    int32_t *labels; /* [n], 0..; NULL: there are none; owned */
    char **classes;  /* [n_classes] names, NULL where they have none; owned */
    int n_classes;   /* of classes */
    ggdm_captions captions;
    ggdm_attributes attributes;
    int32_t *targets; /* [n, n_targets] classes of the network, of the attributes that were wanted;
                         NULL: none were; owned */
    int n_targets;
    char *source;                     /* where they come from, for people; owned */
    char sha256[GGDM_HASH_TEXT_SIZE]; /* of shape, pixels, labels, captions and attributes, however
                                         they were stored */
} ggdm_images;

void ggdm_images_deinit(ggdm_images *images);

/* One way in which a directory holds images.  read leaves *out without images (n = 0) where it
 * finds none of its format for the split. */
typedef struct ggdm_image_format {
    const char *what; /* for the message where nothing is found */
    ggdm_status (*read)(const char *dir, ggdm_data_split split, const ggdm_image_want *want,
                        ggdm_images *out, ggdm_error *err);
} ggdm_image_format;

extern const ggdm_image_format ggdm_format_idx, ggdm_format_npz, ggdm_format_tar, ggdm_format_tree;

/* --- for the formats --- */

/** Check the shape against what the network takes, and make room for the pixels.
 *  Errors: GGDM_ESHAPE, GGDM_ENOMEM naming where. */
ggdm_status ggdm_images_init(ggdm_images *images, const int64_t shape[4],
                             const ggdm_image_want *want, const char *where, ggdm_error *err);

/** Read n labels, integers of bytes bytes each, and check them.
 *  Errors: those of ggdm_source_read; GGDM_EFORMAT for one that is no class of the network. */
ggdm_status ggdm_images_read_labels(ggdm_images *images, ggdm_source *source, int64_t n, int bytes,
                                    bool is_signed, bool big_endian, const ggdm_image_want *want,
                                    ggdm_error *err);

#endif
