/* Attributes of images as a network asks for them. */
#ifndef GGDM_MODELS_TRAIN_ATTRIBUTES_H
#define GGDM_MODELS_TRAIN_ATTRIBUTES_H

#include "models/train/images.h"

/** Set images->targets: of each image the classes, in the network's numbers, of the groups that it
 *  wants.  Groups and classes go by their names; the data may have others, too, and in another
 *  order.  Errors: GGDM_ESHAPE naming a group or class that one has and the other has not. */
ggdm_status ggdm_attributes_take(ggdm_images *images, const ggdm_class_groups *want,
                                 ggdm_error *err);

#endif
