/* make_tiny_models DIR: diffusion models (one with class labels, one also with a null label, one of
 * larger images), a guide, one that is told the timestep, and a judge with random weights, one of
 * two questions, networks of images and texts, for sweeps that test the machinery and not the
 * pictures. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/tiny_model.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_tiny_models DIR\n");
        return 2;
    }
    free(ggdm_tiny_model_write(argv[1], "tiny-ddpm", ggdm_tiny_unet_config, 1));
    free(ggdm_tiny_model_write(argv[1], "tiny-other", ggdm_tiny_unet_config, 4));
    free(ggdm_tiny_model_write(argv[1], "tiny-labels", ggdm_tiny_labels_config, 5));
    free(ggdm_tiny_model_write(argv[1], "tiny-null", ggdm_tiny_null_config, 7));
    free(ggdm_tiny_model_write(argv[1], "tiny-noisy", ggdm_tiny_noisy_config, 8));
    free(ggdm_tiny_model_write(argv[1], "tiny-wide", ggdm_tiny_wide_config, 6));
    free(ggdm_tiny_model_write(argv[1], "tiny-cnn", ggdm_tiny_cnn_config, 2));
    free(ggdm_tiny_model_write(argv[1], "tiny-judge", ggdm_tiny_cnn_config, 3));
    free(ggdm_tiny_model_write(argv[1], "tiny-attributes", ggdm_tiny_attributes_config, 9));
    free(ggdm_tiny_reader_write(argv[1], "tiny-clip", ggdm_tiny_clip_config, 10));
    free(ggdm_tiny_reader_write(argv[1], "tiny-clip-noisy", ggdm_tiny_noisy_clip_config, 11));
    free(ggdm_tiny_pipeline_write(argv[1], "tiny-words", 12));
    return 0;
}
