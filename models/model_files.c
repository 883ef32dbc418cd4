/* The files of a model: found, read as far as they fit, lent and closed. */
#include "models/model.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/mem.h"
#include "models/find.h"
#include "models/io/weights.h"
#include "models/preprocessor_config.h"

#define MAX_TEXT ((size_t)1 << 20) /* bytes of config.json and scheduler_config.json */
#define SCHEDULER "scheduler_config.json"

/* --- pipelines of diffusers --- */

/* A component counts unless it is [null, null] or a mere setting. */
static bool is_component(const ggdm_node *n)
{
    return n->key[0] != '_' && n->kind == GGDM_NODE_LIST && n->count == 2 &&
           n->first->kind == GGDM_NODE_STRING;
}

static bool is_known(const char *component)
{
    static const char *const known[] = {"unet", "scheduler", "text_encoder", "tokenizer"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(component, known[i]) == 0)
            return true;
    return false;
}

/* Of a pipeline only what is no more than a U-Net, its scheduler and who reads its prompts: what a
 * decoder would add must not be left out in silence. */
static ggdm_status check_pipeline(const ggdm_node *root, ggdm_error *err)
{
    for (const ggdm_node *n = ggdm_node_entries(root); n; n = n->next)
        if (is_component(n) && !is_known(n->key))
            return ggdm_node_fail(
                n, err,
                "a pipeline with this component is not supported, expected unet, "
                "scheduler, text_encoder and tokenizer only (name its unet/ to run "
                "that alone)");
    const ggdm_node *unet = ggdm_node_get(root, "unet");
    return unet && is_component(unet)
               ? GGDM_OK
               : ggdm_node_fail(root, err, "the pipeline has no 'unet', expected one");
}

/* f->path names a pipeline: it becomes that of its U-Net. */
static ggdm_status enter_pipeline(ggdm_model_files *f, ggdm_error *err)
{
    char *path = NULL, *unet = NULL;
    ggdm_doc *doc = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(f->path, GGDM_PIPELINE_FILE, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_json_read(path, MAX_TEXT, &doc, err), done);
    GGDM_TRY_GOTO(st, check_pipeline(doc->root, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(f->path, "unet", &unet, err), done);
    free(f->path);
    f->path = unet;
done:
    ggdm_doc_destroy(&doc);
    free(path);
    return st;
}

/* --- reading the files --- */

static ggdm_status read_config(ggdm_model_files *f, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(f->path, "config.json", &path, err));
    ggdm_status st = ggdm_read_text(path, MAX_TEXT, &f->config, err);
    free(path);
    return st;
}

/* The schedule, by which a network that takes a timestep knows what noise that means, stands beside
 * the network, else in the scheduler/ of the pipeline whose unet/ the network is; that pipelines
 * have one is certain. */
static ggdm_status read_scheduler(ggdm_model_files *f, unsigned ports, ggdm_error *err)
{
    const bool timed = ports & GGDM_PORT_T;
    const bool of_pipeline = timed && !ggdm_has_file(f->path, SCHEDULER) &&
                             ggdm_has_file(f->path, "../" GGDM_PIPELINE_FILE);
    GGDM_TRY(ggdm_path_join(f->path, of_pipeline ? "../scheduler/" SCHEDULER : SCHEDULER,
                            &f->scheduler_path, err));
    return of_pipeline || (timed && ggdm_exists(f->scheduler_path))
               ? ggdm_read_text(f->scheduler_path, MAX_TEXT, &f->scheduler, err)
               : GGDM_OK;
}

ggdm_status ggdm_model_files_beside(ggdm_model_files *f, const ggdm_arch_info *info,
                                    ggdm_error *err)
{
    char *path = NULL;
    if (info->ports & GGDM_PORT_TEXT)
        GGDM_TRY(ggdm_tokenizer_read(f->path, &f->tokenizer, err));
    if (!info->normal.n || !ggdm_has_file(f->path, GGDM_PREPROCESSOR_FILE))
        return GGDM_OK;
    GGDM_TRY(ggdm_path_join(f->path, GGDM_PREPROCESSOR_FILE, &path, err));
    ggdm_status st = ggdm_read_text(path, MAX_TEXT, &f->preprocessor, err);
    free(path);
    return st;
}

/* --- opening a directory --- */

/* The texts, and the weights' headers, which must fit the network: what does not is neither copied
 * nor hashed, however large it is. */
static ggdm_status open_headers(const char *name, ggdm_model_files *f, ggdm_model **out,
                                ggdm_error *err)
{
    GGDM_TRY(ggdm_model_find(name, &f->path, err));
    if (!ggdm_has_file(f->path, "config.json"))
        GGDM_TRY(enter_pipeline(f, err));
    GGDM_TRY(read_config(f, err));
    GGDM_TRY(ggdm_model_begin(f, out, err));
    ggdm_model *m = *out;
    GGDM_TRY(read_scheduler(f, m->info.ports, err));
    GGDM_TRY(ggdm_model_files_beside(f, &m->info, err));
    GGDM_TRY(ggdm_alloc(&f->stored, 1, sizeof *f->stored, err));
    GGDM_TRY(ggdm_weights_open(f->path, m->info.weights_file, f->stored, err));
    return ggdm_model_fit(m, f->stored->tensors, f->stored->n_tensors, f->stored->where, err);
}

ggdm_status ggdm_model_files_open(const char *name, ggdm_model_files *out, ggdm_error *err)
{
    ggdm_model_files f = {0};
    ggdm_model *m = NULL; /* for its architecture */
    ggdm_status st;
    GGDM_TRY_GOTO(st, open_headers(name, &f, &m, err), done);
    GGDM_TRY_GOTO(st, ggdm_weights_load(f.stored, err), done);
    f.weights = f.stored->data;
    f.weights_size = f.stored->size;
    GGDM_TRY_GOTO(st, ggdm_model_files_digest(&f, f.digest, err), done);
    *out = f;
    f = (ggdm_model_files){0};
done:
    ggdm_model_destroy(&m);
    ggdm_model_files_close(&f);
    return st;
}

ggdm_status ggdm_model_look(const char *name, ggdm_model_view *out, ggdm_error *err)
{
    ggdm_model_files f = {0};
    ggdm_model *m = NULL;
    *out = (ggdm_model_view){.parameters = 0};
    ggdm_status st = open_headers(name, &f, &m, err);
    if (st == GGDM_OK) {
        out->info = m->info; /* its texts are static */
        out->parameters = ggdm_model_count(m);
        for (size_t i = 0; i < f.stored->n_tensors; i++)
            out->bytes += f.stored->tensors[i].size;
    }
    ggdm_model_destroy(&m);
    ggdm_model_files_close(&f);
    return st;
}

void ggdm_model_files_lend(ggdm_model_files *f, const void *weights)
{
    if (f->stored)
        ggdm_weights_close(f->stored);
    free(f->stored);
    f->stored = NULL;
    f->weights = weights;
}

void ggdm_model_files_close(ggdm_model_files *f)
{
    ggdm_model_files_lend(f, NULL);
    free(f->path);
    free(f->config);
    free(f->scheduler);
    free(f->scheduler_path);
    free(f->tokenizer);
    free(f->preprocessor);
    *f = (ggdm_model_files){0};
}
