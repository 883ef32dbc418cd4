/* What is said of images, gathered while a format reads them: captions, and a class of each group
 * of attributes.
 *
 * A JSON object about an image has its captions as "caption" or "text", a text or a list of them,
 * and its attributes as "attributes", {"GROUP": "CLASS", ...}; whatever else it has does not
 * matter. Groups and their classes are those of attributes.json of the data.  Nothing is kept, nor
 * looked for, but what a network wants. */
#ifndef GGDM_MODELS_TRAIN_WORDS_H
#define GGDM_MODELS_TRAIN_WORDS_H

#include "common/fields.h"
#include "models/train/images.h"

typedef struct ggdm_said ggdm_said; /* of one image */

typedef struct ggdm_words {
    bool captions, attributes; /* which are wanted */
    ggdm_class_groups groups;
    ggdm_said *said; /* [n]; owned */
    size_t n, cap;
} ggdm_words;

/** Begin, with the attributes.json of the folder dir where attributes are wanted.  *out:
 *  ggdm_words_deinit, also after a failure.  Errors: GGDM_EIO, GGDM_EINVAL, GGDM_EFORMAT. */
ggdm_status ggdm_words_begin(const char *dir, const ggdm_image_want *want, ggdm_words *out,
                             ggdm_error *err);
void ggdm_words_deinit(ggdm_words *words);
/** Is anything wanted? */
bool ggdm_words_matter(const ggdm_words *words);

/** A caption of image i (0 <= i), which may have others: white space becomes single spaces.
 *  Errors: GGDM_EFORMAT naming where: nothing in it, too long, no UTF-8, control characters. */
ggdm_status ggdm_words_caption(ggdm_words *words, int32_t i, const char *text, size_t size,
                               const char *where, ggdm_error *err);
/** What a JSON object says of image i.  Errors: those above; GGDM_EINVAL with position. */
ggdm_status ggdm_words_object(ggdm_words *words, int32_t i, const ggdm_node *object,
                              ggdm_error *err);

/** Line i of the file at path is an object about image i; there must be n of them.
 *  Errors: those above with file and line; GGDM_EIO. */
ggdm_status ggdm_words_lines(ggdm_words *words, const char *path, int32_t n, ggdm_error *err);

/* What image i is called, for messages. */
#define GGDM_IMAGE_NAME 100
typedef void ggdm_image_name(const void *context, int32_t i, char text[GGDM_IMAGE_NAME]);
/** Give all to the images, in their order.  place: the file where words are expected.
 *  Errors: GGDM_EINVAL: images of which nothing is said, how many and the first of them. */
ggdm_status ggdm_words_give(ggdm_words *words, ggdm_images *images, const char *place,
                            ggdm_image_name *name, const void *context, ggdm_error *err);

#endif
