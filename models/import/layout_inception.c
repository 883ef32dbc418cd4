/* Inception-v3 of pytorch-fid, whose file is a state dict alone; there is one network of the kind.
 */
#include "models/import/layout.h"

static const char *const has[] = {"Conv2d_1a_3x3.conv.weight", "Mixed_7c.branch_pool.conv.weight",
                                  "fc.weight", NULL};
/* torchvision's has a head beside it. */
static const char *const lacks[] = {"AuxLogits.fc.weight", NULL};

static ggdm_status config(const ggdm_named *tensors, const ggdm_node *said, ggdm_json *json,
                          ggdm_error *err)
{
    (void)tensors, (void)said, (void)json, (void)err; /* the class says all */
    return GGDM_OK;
}

const ggdm_layout ggdm_layout_inception = {.name = "Inception-v3 of pytorch-fid",
                                           .class_name = "FIDInceptionV3",
                                           .has = has,
                                           .lacks = lacks,
                                           .config = config};
