#include "coordinator/show/status_file.h"

#include <stdlib.h>

#include "common/fs.h"
#include "common/log.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/run/progress.h"
#include "coordinator/show/status_view.h"
#include "coordinator/world/world_status.h"

#define MAX_STATUS ((size_t)64 << 20) /* bytes */

void ggdm_run_status_free(ggdm_run_status *s)
{
    free(s->text);
    s->text = NULL;
    ggdm_doc_destroy(&s->doc);
}

static ggdm_status parse_text(ggdm_run_status *s, const char *path, ggdm_error *err)
{
    GGDM_TRY(ggdm_json_parse(s->text, s->size, MAX_STATUS, path, &s->doc, err));
    return s->doc->root->kind == GGDM_NODE_MAP ? GGDM_OK
                                               : ggdm_node_expected(s->doc->root, err, "an object");
}

ggdm_status ggdm_run_status_read(const char *dir, ggdm_run_status *s, ggdm_error *err)
{
    char *path = NULL;
    ggdm_status st;
    if (!ggdm_is_dir(dir))
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: no such run directory", dir);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, GGDM_STATUS_FILE, &path, err), done);
    if (!ggdm_exists(path)) {
        st = GGDM_FAIL(err, GGDM_EINVAL, "%s: no %s in it, expected a run directory", dir,
                       GGDM_STATUS_FILE);
        goto done;
    }
    GGDM_TRY_GOTO(st, ggdm_read_file(path, MAX_STATUS, &s->text, &s->size, err), done);
    st = parse_text(s, path, err);
done:
    free(path);
    return st;
}

static ggdm_status read_database(const char *dir, ggdm_run_status *s, ggdm_error *err)
{
    ggdm_store *store = NULL;
    GGDM_TRY(ggdm_dir_read(dir, &store, err));
    ggdm_status st = ggdm_progress_at_rest(store, &s->text, &s->size, err);
    if (st == GGDM_OK)
        st = parse_text(s, ggdm_store_dir(store), err);
    return ggdm_dir_done(&store, st, err);
}

/* The file tells of a coordinator that runs, or of its proper end; else the database is asked. */
static bool is_settled(const ggdm_run_status *s)
{
    const ggdm_node *code = ggdm_node_get(s->doc->root, "exit_code");
    return ggdm_status_liveness(s->doc->root) == GGDM_LIVE || (code && code->kind == GGDM_NODE_INT);
}

ggdm_status ggdm_run_status_look(const char *dir, ggdm_run_status *s, ggdm_error *err)
{
    ggdm_run_status other = {0};
    ggdm_error why = {0};
    ggdm_status st = ggdm_run_status_read(dir, s, err);
    if (st == GGDM_OK && is_settled(s))
        return st;
    ggdm_status asked = read_database(dir, &other, &why);
    if (asked == GGDM_OK) {
        ggdm_run_status_free(s);
        *s = other;
        return asked;
    }
    ggdm_run_status_free(&other);
    if (st == GGDM_OK) /* in use by one that starts, or not to be opened: the file is the best */
        ggdm_log(GGDM_LOG_WARN, "the database says nothing newer: %s", why.msg);
    else
        ggdm_run_status_free(s);
    return st;
}
