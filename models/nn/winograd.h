/* Where Winograd's method is used (winograd.c), for those who bound its errors (ref_winograd.c). */
#ifndef GGDM_MODELS_NN_WINOGRAD_H
#define GGDM_MODELS_NN_WINOGRAD_H

/** Fewer channels, on either side: the transforms cost more than the products save. */
#define GGDM_WINOGRAD_CHANNELS 32

#endif
