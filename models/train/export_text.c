#include "models/train/export_text.h"

#include "common/json_write.h"
#include "models/preprocessor_config.h"

ggdm_status ggdm_export_preprocessor(const ggdm_arch_info *info, const char *dir, ggdm_error *err)
{
    const ggdm_normal *normal = &info->normal;
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_begin_object(&j, "crop_size");
    ggdm_json_put_int(&j, "height", info->size);
    ggdm_json_put_int(&j, "width", info->size);
    ggdm_json_end(&j);
    ggdm_json_put_bool(&j, "do_center_crop", true);
    ggdm_json_put_bool(&j, "do_convert_rgb", true);
    ggdm_json_put_bool(&j, "do_normalize", true);
    ggdm_json_put_bool(&j, "do_rescale", true);
    ggdm_json_put_bool(&j, "do_resize", true);
    ggdm_json_put_doubles(&j, "image_mean", normal->mean, normal->n);
    ggdm_json_put_string(&j, "image_processor_type", "CLIPImageProcessor");
    ggdm_json_put_doubles(&j, "image_std", normal->std, normal->n);
    ggdm_json_put_int(&j, "resample", 3); /* bicubic */
    ggdm_json_put_double(&j, "rescale_factor", 1.0 / 255);
    ggdm_json_begin_object(&j, "size");
    ggdm_json_put_int(&j, "shortest_edge", info->size);
    ggdm_json_end(&j);
    ggdm_json_end(&j);
    return ggdm_json_finish_in(&j, dir, GGDM_PREPROCESSOR_FILE, err);
}
