#include "coordinator/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plural.h"
#include "jobs/cell_select.h"

#define MAX_FILE ((size_t)1 << 20) /* bytes */
#define ANSWER_SECONDS 30.0        /* for a coordinator that is busy with a large turn */
#define LOOK_SECONDS 0.05

static const char *const kind_names[] = {"retry", "cancel", NULL};

/* ---- doing it ---- */

static ggdm_status apply_in_turn(ggdm_store *store, const ggdm_request *request, const bool *cells,
                                 int64_t *units, ggdm_error *err)
{
    GGDM_TRY(ggdm_store_begin(store, ggdm_wall_clock(), err));
    ggdm_status st = request->kind == GGDM_REQUEST_RETRY
                         ? ggdm_store_retry(store, cells, request->failed_only, units, err)
                         : ggdm_store_cancel(store, cells, units, err);
    if (st == GGDM_OK)
        return ggdm_store_commit(store, err);
    ggdm_store_rollback(store);
    return st;
}

ggdm_status ggdm_request_apply(ggdm_store *store, const ggdm_request *request, int64_t *units,
                               ggdm_error *err)
{
    bool *cells = NULL;
    *units = 0;
    if (request->cells)
        GGDM_TRY(ggdm_cell_select_in(store, request->cells, &cells, err));
    ggdm_status st = apply_in_turn(store, request, cells, units, err);
    free(cells);
    return st;
}

/* ---- asking ---- */

static ggdm_status request_text(const ggdm_request *request, const char *id, char **text,
                                size_t *size, ggdm_error *err)
{
    ggdm_json j;
    ggdm_json_init(&j, true);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "id", id);
    ggdm_json_put_string(&j, "request", kind_names[request->kind]);
    ggdm_json_put_bool(&j, "failed_only", request->failed_only);
    ggdm_json_put_string(&j, "cells", request->cells);
    ggdm_json_end(&j);
    return ggdm_json_finish(&j, text, size, err);
}

/* Written beside it and linked: whole, or not there, and never over another's request. */
static ggdm_status post(const char *path, const ggdm_request *request, const char *id,
                        ggdm_error *err)
{
    char *text = NULL, *temp = NULL;
    size_t size;
    ggdm_status st;
    GGDM_TRY_GOTO(st, request_text(request, id, &text, &size, err), done);
    GGDM_TRY_GOTO(st, ggdm_asprintf(&temp, err, "%s.%s", path, id), done);
    GGDM_TRY_GOTO(st, ggdm_replace_file(temp, text, size, err), done);
    if (link(temp, path) != 0)
        st = errno == EEXIST ? GGDM_FAIL(err, GGDM_ESTATE,
                                         "%s: another request waits for the coordinator", path)
                             : GGDM_FAIL_ERRNO(err, errno, "%s", path);
    unlink(temp);
done:
    free(text);
    free(temp);
    return st;
}

/* Is this the answer to our request?  Then *st is its result. */
static bool read_answer(const char *path, const char *id, int64_t *units, ggdm_status *st,
                        ggdm_error *err)
{
    ggdm_doc *doc = NULL;
    int64_t code = 0;
    bool ours = false;
    if (ggdm_exists(path) && ggdm_json_read(path, MAX_FILE, &doc, NULL) == GGDM_OK) {
        const ggdm_node *of = ggdm_node_get(doc->root, "id");
        const ggdm_node *status = ggdm_node_get(doc->root, "status");
        const ggdm_node *changed = ggdm_node_get(doc->root, "units");
        const ggdm_node *message = ggdm_node_get(doc->root, "message");
        ours = of && strcmp(of->text, id) == 0 && status && changed && message &&
               ggdm_node_int(status, 0, GGDM_N_STATUS - 1, &code, NULL) == GGDM_OK &&
               ggdm_node_int(changed, 0, INT64_MAX, units, NULL) == GGDM_OK;
        if (ours && code)
            *st = GGDM_FAIL(err, (ggdm_status)code, "%s", message->text);
    }
    ggdm_doc_destroy(&doc);
    return ours;
}

static ggdm_status await(const char *request, const char *answer, const char *id, int64_t *units,
                         ggdm_error *err)
{
    const struct timespec nap = {.tv_nsec = (long)(LOOK_SECONDS * 1e9)};
    const double begun = ggdm_now();
    ggdm_status st = GGDM_OK;
    while (!read_answer(answer, id, units, &st, err)) {
        if (ggdm_now() - begun > ANSWER_SECONDS) {
            bool taken = unlink(request) != 0;
            return GGDM_FAIL(err, GGDM_ESTATE,
                             "%s: the coordinator did not answer within %.0f s; the request %s",
                             request, ANSWER_SECONDS,
                             taken ? "was taken, see `ggdm status`" : "is withdrawn");
        }
        nanosleep(&nap, NULL);
    }
    unlink(answer);
    return st;
}

ggdm_status ggdm_request_send(const char *dir, const ggdm_request *request, int64_t *units,
                              ggdm_error *err)
{
    char *path = NULL, *answer = NULL, id[64];
    ggdm_status st;
    *units = 0;
    snprintf(id, sizeof id, "%d-%.6f", (int)getpid(), ggdm_wall_clock());
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, GGDM_REQUEST_FILE, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, GGDM_ANSWER_FILE, &answer, err), done);
    GGDM_TRY_GOTO(st, post(path, request, id, err), done);
    st = await(path, answer, id, units, err);
done:
    free(path);
    free(answer);
    return st;
}

/* ---- answering ---- */

static ggdm_status read_request(const char *path, ggdm_doc **doc, ggdm_request *out,
                                const char **id, ggdm_error *err)
{
    static const ggdm_field table[] = {
        {"request", GGDM_FIELD_CHOICE, offsetof(ggdm_request, kind), .required = true,
         .choices = kind_names},
        {"failed_only", GGDM_FIELD_BOOL, offsetof(ggdm_request, failed_only), .required = true},
        {0}};
    static const char *const others[] = {"id", "cells", NULL};
    *out = (ggdm_request){0};
    *id = "";
    GGDM_TRY(ggdm_json_read(path, MAX_FILE, doc, err));
    GGDM_TRY(ggdm_fields_read((*doc)->root, table, others, out, err));
    const ggdm_node *cells = ggdm_node_get((*doc)->root, "cells");
    const ggdm_node *of = ggdm_node_get((*doc)->root, "id");
    *id = of ? of->text : "";
    if (cells && cells->kind != GGDM_NODE_NULL)
        GGDM_TRY(ggdm_node_string(cells, &out->cells, err));
    return GGDM_OK;
}

static ggdm_status write_answer(const char *dir, const char *id, ggdm_status st, int64_t units,
                                const char *message, ggdm_error *err)
{
    ggdm_json j;
    char *text = NULL;
    size_t size;
    ggdm_json_init(&j, true);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "id", id);
    ggdm_json_put_int(&j, "status", st);
    ggdm_json_put_int(&j, "units", units);
    ggdm_json_put_string(&j, "message", message);
    ggdm_json_end(&j);
    GGDM_TRY(ggdm_json_finish(&j, &text, &size, err));
    ggdm_status written = ggdm_replace_file_in(dir, GGDM_ANSWER_FILE, text, size, err);
    free(text);
    return written;
}

ggdm_status ggdm_request_serve(ggdm_store *store, ggdm_error *err)
{
    const char *dir = ggdm_store_dir(store), *id;
    char *path = NULL;
    ggdm_doc *doc = NULL;
    ggdm_request request;
    ggdm_error why = {0};
    int64_t units = 0;
    ggdm_status st = GGDM_OK;
    GGDM_TRY(ggdm_path_join(dir, GGDM_REQUEST_FILE, &path, err));
    if (!ggdm_exists(path))
        goto done;
    ggdm_status result = read_request(path, &doc, &request, &id, &why);
    if (unlink(path) != 0) {
        /* Withdrawn at this moment; or it cannot be removed, and would be done again and again. */
        if (errno != ENOENT)
            st = GGDM_FAIL_ERRNO(err, errno, "%s", path);
        goto done;
    }
    if (result == GGDM_OK)
        result = ggdm_request_apply(store, &request, &units, &why);
    if (result == GGDM_OK)
        ggdm_log(GGDM_LOG_INFO, "%s by the user: %lld unit%s", kind_names[request.kind],
                 (long long)units, ggdm_plural(units));
    st = write_answer(dir, id, result, units, why.msg, err);
    /* The store itself is the trouble: not only the user has to know. */
    if (st == GGDM_OK && (result == GGDM_ESTORE || result == GGDM_EIO || result == GGDM_EFULL)) {
        st = result;
        if (err)
            *err = why;
    }
done:
    ggdm_doc_destroy(&doc);
    free(path);
    return st;
}
