#include "models/train/export_text.h"

#include <stdlib.h>

#include "common/fs.h"
#include "common/json_write.h"
#include "common/temp.h"
#include "models/find.h"
#include "models/io/tokenizer.h"
#include "models/preprocessor_config.h"

/* --- tokenizer --- */

static const char *const tokenizer_files[] = {"vocab.json",
                                              "merges.txt",
                                              "tokenizer_config.json",
                                              "special_tokens_map.json",
                                              "added_tokens.json",
                                              "bpe_simple_vocab_16e6.txt",
                                              "bpe_simple_vocab_16e6.txt.gz"};
enum { N_FILES = sizeof tokenizer_files / sizeof *tokenizer_files };

static ggdm_status copy_file(const char *from, const char *name, const char *dir, ggdm_error *err)
{
    char *path = NULL, *bytes = NULL;
    size_t size = 0;
    GGDM_TRY(ggdm_path_join(from, name, &path, err));
    ggdm_status st = GGDM_OK;
    if (ggdm_exists(path)) {
        st = ggdm_read_file(path, GGDM_TOKENIZER_FILE, &bytes, &size, err);
        if (st == GGDM_OK)
            st = ggdm_replace_file_in(dir, name, bytes, size, err);
    }
    free(bytes);
    free(path);
    return st;
}

/* In the directory, in its tokenizer/, or in that of the pipeline whose component it is. */
static const char *const places[] = {"tokenizer", "../tokenizer"};

ggdm_status ggdm_export_tokenizer(const char *from, const char *dir, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    char *inside = NULL;
    for (int i = 0; i < 2 && !inside && !ggdm_has_file(from, tokenizer_files[0]); i++) {
        GGDM_TRY(ggdm_path_join(from, places[i], &inside, err));
        if (!ggdm_exists(inside)) {
            free(inside);
            inside = NULL;
        }
    }
    for (int i = 0; i < N_FILES && st == GGDM_OK; i++)
        st = copy_file(inside ? inside : from, tokenizer_files[i], dir, err);
    free(inside);
    return st;
}

/* --- images --- */

static void put_numbers(ggdm_json *j, const char *key, const double *numbers, int n)
{
    ggdm_json_begin_array(j, key);
    for (int i = 0; i < n; i++)
        ggdm_json_put_double(j, NULL, numbers[i]);
    ggdm_json_end(j);
}

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
    put_numbers(&j, "image_mean", normal->mean, normal->n);
    ggdm_json_put_string(&j, "image_processor_type", "CLIPImageProcessor");
    put_numbers(&j, "image_std", normal->std, normal->n);
    ggdm_json_put_int(&j, "resample", 3); /* bicubic */
    ggdm_json_put_double(&j, "rescale_factor", 1.0 / 255);
    ggdm_json_begin_object(&j, "size");
    ggdm_json_put_int(&j, "shortest_edge", info->size);
    ggdm_json_end(&j);
    ggdm_json_end(&j);
    return ggdm_json_finish_in(&j, dir, GGDM_PREPROCESSOR_FILE, err);
}
