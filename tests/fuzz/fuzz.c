#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"

const ggdm_fuzz_target ggdm_fuzz_targets[] = {
    {"spec", ggdm_fuzz_spec, 4096, 1.2},
    {"recipe", ggdm_fuzz_recipe, 4096, 0.6},
    {"prompts", ggdm_fuzz_prompts, 512, 0.3},
    {"training", ggdm_fuzz_training, 4096, 0.3},
    {"site", ggdm_fuzz_site, 2048, 0.3},
    {"json", ggdm_fuzz_json, 4096, 0.3},
    {"config", ggdm_fuzz_config, 4096, 1.0},
    {"scheduler", ggdm_fuzz_scheduler, 2048, 0.3},
    {"preprocessor", ggdm_fuzz_preprocessor, 1024, 0.2},
    {"cells", ggdm_fuzz_cells, 512, 0.3},
    {"values", ggdm_fuzz_values, 256, 0.3},
    {"queue", ggdm_fuzz_queue, 2048, 0.3},
    {"status", ggdm_fuzz_status, 4096, 0.3},
    {"request", ggdm_fuzz_request, 1024, 0.3},
    {"obituary", ggdm_fuzz_obituary, 2048, 0.3},
    {"owner", ggdm_fuzz_owner, 1024, 0.3},
    {"curve", ggdm_fuzz_curve, 2048, 0.3},
    {"safetensors", ggdm_fuzz_safetensors, 4096, 1.0},
    {"weights", ggdm_fuzz_weights, 1024, 0.3},
    {"pickle", ggdm_fuzz_pickle, 1024, 0.3},
    {"torch", ggdm_fuzz_torch, 4096, 0.4},
    {"layouts", ggdm_fuzz_layouts, 4096, 0.3},
    {"idx", ggdm_fuzz_idx, 512, 0.2},
    {"npz", ggdm_fuzz_npz, 4096, 0.4},
    {"tar", ggdm_fuzz_tar, 8192, 0.4},
    {"words", ggdm_fuzz_words, 1024, 0.3},
    {"reference", ggdm_fuzz_reference, 4096, 0.4},
    {"jpeg", ggdm_fuzz_jpeg, 4096, 0.3},
    {"pipeline", ggdm_fuzz_pipeline, 1024, 0.2},
    {"tokenizer", ggdm_fuzz_tokenizer, 2048, 0.4},
    {"checkpoint", ggdm_fuzz_checkpoint, 8192, 0.3},
    {"png", ggdm_fuzz_png, 8192, 0.6},
    {"wire", ggdm_fuzz_wire, 1024, 0.6},
    {"startup", ggdm_fuzz_startup, 1024, 0.3},
    {"walk", ggdm_fuzz_walk, 1024, 0.3},
    {"record", ggdm_fuzz_record, 512, 0.2},
    {"store", ggdm_fuzz_store, 512, 1.2},
    {"merge", ggdm_fuzz_merge, 512, 0.6},
    {.name = NULL},
};

bool ggdm_fuzz_clean(ggdm_status st, const ggdm_error *err)
{
    if (st == GGDM_OK)
        return true;
    bool fault_of_input = st == GGDM_EINVAL || st == GGDM_EFORMAT || st == GGDM_EUNSUPPORTED ||
                          st == GGDM_ESHAPE || st == GGDM_ESTATE || st == GGDM_ESTORE;
    if (!fault_of_input || err->code != st || !*err->msg)
        ggdm_test_fail("status %d, code %d: '%s'", (int)st, (int)err->code, err->msg);
    return true;
}

char *ggdm_fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    assert_non_null(text);
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static char *dir;

static void remove_dir(void)
{
    ggdm_test_rmdir(dir);
}

const char *ggdm_fuzz_dir(void)
{
    if (!dir) {
        if (ggdm_is_dir("/dev/shm") && access("/dev/shm", W_OK) == 0)
            setenv("TMPDIR", "/dev/shm", 1);
        dir = ggdm_test_mkdtemp();
        atexit(remove_dir);
    }
    return dir;
}

char *ggdm_fuzz_file(const char *name, const void *data, size_t size)
{
    char *path = ggdm_test_path(ggdm_fuzz_dir(), name);
    ggdm_test_write(path, data, size);
    return path;
}
