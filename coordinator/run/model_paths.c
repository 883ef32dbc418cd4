#include "coordinator/run/model_paths.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/temp.h"
#include "models/find.h"

#define MAX_FILE ((size_t)1 << 20)
#define MAX_CARD ((size_t)64 << 10)

static ggdm_status check_record(const ggdm_node *root, ggdm_error *err)
{
    if (root->kind != GGDM_NODE_MAP)
        return ggdm_node_expected(root, err, "an object of models and their directories");
    for (const ggdm_node *n = root->first; n; n = n->next)
        if (n->kind != GGDM_NODE_STRING)
            return ggdm_node_expected(n, err, "the directory of a model");
    return GGDM_OK;
}

/* The record of dir; NULL where it has none.  One that cannot be read is no reason to stop: models
 * are looked for as if there were none. */
static ggdm_status read_record(const char *dir, ggdm_doc **out, ggdm_error *err)
{
    ggdm_error why = {0};
    char *path = NULL;
    *out = NULL;
    GGDM_TRY(ggdm_path_join(dir, GGDM_MODEL_PATHS_FILE, &path, err));
    if (ggdm_exists(path) && (ggdm_json_read(path, MAX_FILE, out, &why) != GGDM_OK ||
                              check_record((*out)->root, &why) != GGDM_OK)) {
        ggdm_log(GGDM_LOG_WARN, "%s; it is ignored", why.msg);
        ggdm_doc_destroy(out);
    }
    free(path);
    return GGDM_OK;
}

/* *out stays NULL where dir has recorded nothing, or what is not there any more. */
static ggdm_status recall(const char *dir, const char *name, char **out, ggdm_error *err)
{
    ggdm_doc *doc;
    GGDM_TRY(read_record(dir, &doc, err));
    const ggdm_node *n = doc ? ggdm_node_get(doc->root, name) : NULL;
    ggdm_status st = n && ggdm_model_exists(n->text) ? ggdm_strdup(n->text, out, err) : GGDM_OK;
    ggdm_doc_destroy(&doc);
    return st;
}

ggdm_status ggdm_model_path_find(const char *run_dir, const char *sweep, const char *name,
                                 char **out, ggdm_error *err)
{
    char *folder = NULL, *beside = NULL;
    ggdm_status st;
    *out = NULL;
    GGDM_TRY_GOTO(st, ggdm_folder_of(sweep, &folder, err), done);
    GGDM_TRY_GOTO(st, recall(run_dir, name, out, err), done);
    if (!*out)
        GGDM_TRY_GOTO(st, recall(folder, name, out, err), done);
    if (!*out && !ggdm_model_exists(name)) {
        GGDM_TRY_GOTO(st, ggdm_path_join(folder, name, &beside, err), done);
        if (ggdm_model_exists(beside))
            *out = beside, beside = NULL;
    }
    if (!*out)
        st = ggdm_strdup(name, out, err);
done:
    free(folder);
    free(beside);
    return st;
}

ggdm_status ggdm_model_card(const char *run_dir, const char *name, char **out, ggdm_error *err)
{
    ggdm_error why = {0};
    char *sweep = NULL, *found = NULL, *dir = NULL, *path = NULL;
    ggdm_status st;
    *out = NULL;
    GGDM_TRY_GOTO(st, ggdm_path_join(run_dir, "sweep.yaml", &sweep, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_path_find(run_dir, sweep, name, &found, err), done);
    if (ggdm_model_find(found, &dir, &why) != GGDM_OK)
        goto done;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "README.md", &path, err), done);
    if (ggdm_read_text(path, MAX_CARD, out, &why) != GGDM_OK)
        *out = NULL;
done:
    free(path);
    free(dir);
    free(found);
    free(sweep);
    return st;
}

static void put_others(ggdm_json *j, const ggdm_doc *old, const char *const *names, size_t n)
{
    for (const ggdm_node *node = old ? old->root->first : NULL; node; node = node->next) {
        bool named = false;
        for (size_t i = 0; i < n; i++)
            named |= names[i] && strcmp(names[i], node->key) == 0;
        if (!named)
            ggdm_json_put_string(j, node->key, node->text);
    }
}

/* The new record as text (owned). */
static ggdm_status make_record(const ggdm_doc *old, const char *const *names,
                               const char *const *paths, size_t n, char **out, size_t *size,
                               ggdm_error *err)
{
    char here[PATH_MAX];
    ggdm_json j;
    if (!getcwd(here, sizeof here))
        return GGDM_FAIL(err, GGDM_EIO, "the working directory cannot be told");
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    put_others(&j, old, names, n);
    for (size_t i = 0; i < n; i++) {
        bool again = !names[i];
        for (size_t k = 0; k < i && !again; k++)
            again = names[k] && strcmp(names[k], names[i]) == 0;
        char *path = NULL;
        if (!again && ggdm_path_join(here, paths[i], &path, err) != GGDM_OK) {
            ggdm_json_deinit(&j);
            return GGDM_ENOMEM;
        }
        if (!again)
            ggdm_json_put_string(&j, names[i], path);
        free(path);
    }
    ggdm_json_end(&j);
    return ggdm_json_finish(&j, out, size, err);
}

ggdm_status ggdm_model_paths_write(const char *run_dir, const char *const *names,
                                   const char *const *paths, size_t n, ggdm_error *err)
{
    ggdm_doc *old = NULL;
    char *path = NULL, *text = NULL, *was = NULL;
    size_t size;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(run_dir, GGDM_MODEL_PATHS_FILE, &path, err), done);
    GGDM_TRY_GOTO(st, read_record(run_dir, &old, err), done);
    GGDM_TRY_GOTO(st, make_record(old, names, paths, n, &text, &size, err), done);
    if (old)
        GGDM_TRY_GOTO(st, ggdm_read_file(path, MAX_FILE, &was, NULL, err), done);
    if (!was || strcmp(was, text) != 0)
        st = ggdm_replace_file(path, text, size, err);
done:
    ggdm_doc_destroy(&old);
    free(was);
    free(text);
    free(path);
    return st;
}
