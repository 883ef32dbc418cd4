#include "models/import/import.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/mem.h"

#define MAX_TEXT ((size_t)1 << 20) /* bytes of a config */

/* ---- config.json ---- */

/* Of the config beside the weights, as far as it is one of ours: its class, which is static; NULL:
 * it is not, err says why. */
static const char *class_of(const char *text, const char *path, ggdm_error *err)
{
    ggdm_arch *arch = NULL;
    const char *name = NULL;
    if (text && ggdm_arch_parse(text, strlen(text), path, &arch, err) == GGDM_OK)
        name = ggdm_arch_get_info(arch).class_name;
    ggdm_arch_destroy(&arch);
    return name;
}

/* The tensors as their layout names them, in *tensors (owned). */
static ggdm_status name_tensors(const ggdm_import *im, ggdm_st_tensor **tensors, ggdm_named *out,
                                ggdm_error *err)
{
    const ggdm_foreign *f = &im->foreign;
    const size_t n = strlen(im->is.prefix);
    size_t count = 0;
    GGDM_TRY(ggdm_alloc(tensors, f->n_tensors, sizeof **tensors, err));
    for (size_t i = 0; i < f->n_tensors; i++)
        if (strncmp(f->tensors[i].name, im->is.prefix, n) == 0) {
            (*tensors)[count] = f->tensors[i];
            (*tensors)[count++].name += n;
        }
    return ggdm_named_init(f->path, *tensors, count, out, err);
}

/* The layout writes it, by the shapes and what the user's file says. */
static ggdm_status make_scheduler(ggdm_import *im, const ggdm_named *named, const ggdm_node *said,
                                  ggdm_error *err)
{
    const ggdm_layout *l = im->is.layout;
    ggdm_json json;
    ggdm_json_init(&json, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&json, NULL);
    ggdm_status st = l->scheduler(named, said, &json, err);
    ggdm_json_end(&json);
    if (st == GGDM_OK)
        st = ggdm_json_finish(&json, &im->files.scheduler, NULL, err);
    ggdm_json_deinit(&json);
    return st;
}

/* The same of the network. */
static ggdm_status make_config(ggdm_import *im, const char *said, ggdm_error *err)
{
    const ggdm_layout *l = im->is.layout;
    ggdm_st_tensor *tensors = NULL;
    ggdm_named named;
    ggdm_doc *doc = NULL;
    ggdm_json json;
    ggdm_status st;
    ggdm_json_init(&json, GGDM_JSON_PRETTY);
    GGDM_TRY_GOTO(st, name_tensors(im, &tensors, &named, err), done);
    if (said)
        GGDM_TRY_GOTO(
            st, ggdm_json_parse(said, strlen(said), MAX_TEXT, im->paths.config, &doc, err), done);
    ggdm_json_begin_object(&json, NULL);
    ggdm_json_put_string(&json, "_class_name", l->class_name);
    GGDM_TRY_GOTO(st, l->config(&named, doc ? doc->root : NULL, &json, err), done);
    ggdm_json_end(&json);
    GGDM_TRY_GOTO(st, ggdm_json_finish(&json, &im->files.config, NULL, err), done);
    if (l->scheduler && !im->files.scheduler)
        GGDM_TRY_GOTO(st, make_scheduler(im, &named, doc ? doc->root : NULL, err), done);
    if (!class_of(im->files.config, "config.json by shapes", err))
        st = ggdm_error_prefix(err, "%s", im->foreign.path);
done:
    ggdm_json_deinit(&json);
    ggdm_doc_destroy(&doc);
    free(tensors);
    return st;
}

/* said: the text of the config that came with the weights, or NULL, of this class of ours, or NULL
 * where it is of none, for the reason why. */
static ggdm_status take_config(ggdm_import *im, const char *said, const char *class_name,
                               const ggdm_error *why, ggdm_error *err)
{
    const ggdm_layout *l = im->is.layout;
    if (class_name)
        return ggdm_strdup(said, &im->files.config, err);
    if (l->config)
        return make_config(im, said, err);
    if (said)
        return GGDM_FAIL(err, why->code, "%s", why->msg);
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "%s: weights of a %s, whose shapes do not tell all of it: expected its "
                     "config.json beside them, or --config FILE",
                     im->foreign.path, l->name);
}

/* ---- checks ---- */

/* Do they fit, before their numbers are read? */
static ggdm_status check_fit(ggdm_import *im, ggdm_error *err)
{
    ggdm_model *m = NULL;
    ggdm_st_tensor *tensors = NULL;
    char *where = NULL;
    const char *config = im->paths.config ? im->paths.config : "";
    ggdm_status st;
    GGDM_TRY_GOTO(
        st, ggdm_asprintf(&where, err, "%s%s%s", im->foreign.path, *config ? " by " : "", config),
        done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&tensors, im->n_parts, sizeof *tensors, err), done);
    for (size_t i = 0; i < im->n_parts; i++)
        tensors[i] = (ggdm_st_tensor){.name = im->parts[i].name, .shape = im->parts[i].shape};
    GGDM_TRY_GOTO(st, ggdm_model_begin(&im->files, &m, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_files_beside(&im->files, &m->info, err), done);
    st = ggdm_model_fit(m, tensors, im->n_parts, where, err);
    if (st != GGDM_OK && err && im->n_integers) {
        const ggdm_error why = *err;
        GGDM_FAIL(err, st, "%s (tensors of integers, of which there are %zu, are not taken)",
                  why.msg, im->n_integers);
    }
done:
    ggdm_model_destroy(&m);
    free(tensors);
    free(where);
    return st;
}

/* The texts, and what the tensors are. */
static ggdm_status open_headers(const ggdm_import_source *source, ggdm_import *im, ggdm_error *err)
{
    char *said = NULL;
    ggdm_error why = {0};
    ggdm_status st;
    GGDM_TRY(ggdm_import_find(source->path, source->config, &im->paths, err));
    GGDM_TRY(ggdm_foreign_open(im->paths.weights, &im->foreign, err));
    GGDM_TRY(ggdm_strdup(im->paths.dir, &im->files.path, err));
    if (im->paths.scheduler) {
        GGDM_TRY(ggdm_strdup(im->paths.scheduler, &im->files.scheduler_path, err));
        GGDM_TRY(ggdm_read_text(im->paths.scheduler, MAX_TEXT, &im->files.scheduler, err));
    }
    if (im->paths.config)
        GGDM_TRY_GOTO(st, ggdm_read_text(im->paths.config, MAX_TEXT, &said, err), done);
    const char *class_name = class_of(said, im->paths.config, &why);
    st = ggdm_recognise(&im->foreign, source->state, class_name, &im->is, err);
    if (st == GGDM_EUNSUPPORTED && said && !class_name) /* that is why */
        st = GGDM_FAIL(err, why.code, "%s", why.msg);
    if (st != GGDM_OK)
        goto done;
    GGDM_TRY_GOTO(st, take_config(im, said, class_name, &why, err), done);
    st = ggdm_import_list_parts(im, err);
done:
    free(said);
    return st;
}

ggdm_status ggdm_import_open(const ggdm_import_source *source, ggdm_import *out, ggdm_error *err)
{
    *out = (ggdm_import){0};
    GGDM_TRY(open_headers(source, out, err));
    GGDM_TRY(check_fit(out, err));
    GGDM_TRY(ggdm_import_load_parts(out, err));
    GGDM_TRY(ggdm_model_create(&out->files, &out->model, err));
    GGDM_TRY(ggdm_model_check_finite(out->model, err));
    return ggdm_model_files_digest(&out->files, out->files.digest, err);
}

void ggdm_import_close(ggdm_import *im)
{
    ggdm_model_destroy(&im->model);
    ggdm_model_files_close(&im->files);
    free(im->bytes);
    for (size_t i = 0; i < im->n_parts; i++)
        free(im->parts[i].name);
    free(im->parts);
    free(im->is.prefix);
    ggdm_foreign_close(&im->foreign);
    ggdm_import_paths_deinit(&im->paths);
    *im = (ggdm_import){0};
}
