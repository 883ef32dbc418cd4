#include "coordinator/run/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plural.h"
#include "coordinator/world/world.h"
#include "jobs/cell_select.h"

#define MAX_FILE ((size_t)1 << 20) /* bytes */
#define ANSWER_SECONDS 30.0        /* for a coordinator that is busy with a large turn */
#define SIGN_SECONDS 0.2           /* between two signs of who waits */
#define LOOK_SECONDS 0.1           /* between two looks at a request */
#define AWAY_SECONDS 2.0           /* who looks after so long saw nothing of what moved meanwhile */
#define DROP_SECONDS 5.0           /* without a sign until a request is dropped */
#define ROOM_SECONDS 8.0           /* for another's request to be done or dropped */

static const char *const kind_names[] = {"retry", "cancel", NULL};

static bool get_text(const ggdm_node *map, const char *key, const char **out)
{
    const ggdm_node *node = ggdm_node_get(map, key);
    return node && ggdm_node_string(node, out, NULL) == GGDM_OK;
}

static bool get_int(const ggdm_node *map, const char *key, int64_t most, int64_t *out)
{
    const ggdm_node *node = ggdm_node_get(map, key);
    return node && ggdm_node_int(node, 0, most, out, NULL) == GGDM_OK;
}

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
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "id", id);
    ggdm_json_put_string(&j, "request", kind_names[request->kind]);
    ggdm_json_put_bool(&j, "failed_only", request->failed_only);
    ggdm_json_put_string(&j, "cells", request->cells);
    ggdm_json_end(&j);
    return ggdm_json_finish(&j, text, size, err);
}

static bool write_request(int fd, const char *text, size_t size)
{
    bool good = write(fd, text, size) == (ssize_t)size;
    int why = errno;
    close(fd);
    errno = why;
    return good;
}

/* Never over another's; one that nobody waits for any more makes room soon. */
static ggdm_status post(const char *path, const ggdm_request *request, const char *id,
                        ggdm_stop_watch *stops, ggdm_error *err)
{
    const double begun = ggdm_now();
    char *text = NULL;
    size_t size;
    int fd;
    GGDM_TRY(request_text(request, id, &text, &size, err));
    while ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) < 0 &&
           errno == EEXIST && ggdm_now() - begun < ROOM_SECONDS && stops->stops == 0)
        ggdm_stop_watch_sleep(stops, SIGN_SECONDS);
    ggdm_status st = GGDM_OK;
    if (fd < 0)
        st = errno == EEXIST ? GGDM_FAIL(err, GGDM_ESTATE,
                                         "%s: another request waits for the coordinator", path)
                             : GGDM_FAIL_ERRNO(err, errno, "%s", path);
    else if (!write_request(fd, text, size)) {
        st = GGDM_FAIL_ERRNO(err, errno, "%s", path);
        unlink(path);
    }
    free(text);
    return st;
}

/* Is this the answer to our request?  Then *st is its result. */
static bool read_answer(const char *path, const char *id, int64_t *units, ggdm_status *st,
                        ggdm_error *err)
{
    ggdm_doc *doc = NULL;
    const char *of, *message;
    int64_t code = 0;
    bool ours = false;
    if (ggdm_exists(path) && ggdm_json_read(path, MAX_FILE, &doc, NULL) == GGDM_OK) {
        ours = get_text(doc->root, "id", &of) && strcmp(of, id) == 0 &&
               get_text(doc->root, "message", &message) &&
               get_int(doc->root, "status", GGDM_N_STATUS - 1, &code) &&
               get_int(doc->root, "units", INT64_MAX, units);
        if (ours && code)
            *st = GGDM_FAIL(err, (ggdm_status)code, "%s", message);
    }
    ggdm_doc_destroy(&doc);
    return ours;
}

static ggdm_status withdraw(const char *request, bool stopped, ggdm_error *err)
{
    const char *state = unlink(request) == 0 ? "is withdrawn" : "was taken, see `ggdm status`";
    if (stopped)
        return GGDM_FAIL(err, GGDM_ECANCELLED, "%s: stopped; the request %s", request, state);
    return GGDM_FAIL(err, GGDM_ESTATE,
                     "%s: the coordinator did not answer within %.0f s; the request %s", request,
                     ANSWER_SECONDS, state);
}

static ggdm_status await(const char *request, const char *answer, const char *id,
                         ggdm_stop_watch *stops, int64_t *units, ggdm_error *err)
{
    const double begun = ggdm_now();
    ggdm_status st = GGDM_OK;
    while (!read_answer(answer, id, units, &st, err)) {
        if (stops->stops || ggdm_now() - begun > ANSWER_SECONDS)
            return withdraw(request, stops->stops > 0, err);
        utimensat(AT_FDCWD, request, NULL, 0); /* somebody waits; it is gone: somebody works */
        ggdm_stop_watch_sleep(stops, SIGN_SECONDS);
    }
    unlink(answer);
    return st;
}

ggdm_status ggdm_request_send(const char *dir, const ggdm_request *request, int64_t *units,
                              ggdm_error *err)
{
    char *path = NULL, *answer = NULL, id[64];
    ggdm_stop_watch stops;
    ggdm_status st;
    *units = 0;
    snprintf(id, sizeof id, "%d-%.6f", (int)getpid(), ggdm_wall_clock());
    GGDM_TRY(ggdm_stop_watch_begin(&stops, err));
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, GGDM_REQUEST_FILE, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, GGDM_ANSWER_FILE, &answer, err), done);
    GGDM_TRY_GOTO(st, post(path, request, id, &stops, err), done);
    st = await(path, answer, id, &stops, units, err);
done:
    ggdm_stop_watch_end(&stops);
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
    get_text((*doc)->root, "id", id);
    if (cells && cells->kind != GGDM_NODE_NULL)
        GGDM_TRY(ggdm_node_string(cells, &out->cells, err));
    return GGDM_OK;
}

static ggdm_status write_answer(const char *dir, const char *id, ggdm_status st, int64_t units,
                                const char *message, ggdm_error *err)
{
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "id", id);
    ggdm_json_put_int(&j, "status", st);
    ggdm_json_put_int(&j, "units", units);
    ggdm_json_put_string(&j, "message", message);
    ggdm_json_end(&j);
    return ggdm_json_finish_in(&j, dir, GGDM_ANSWER_FILE, err);
}

/* Do it, once it is out of the way, and answer. */
static ggdm_status take_request(ggdm_request_desk *desk, ggdm_store *store, const char *path,
                                ggdm_error *err)
{
    const char *dir = ggdm_store_dir(store), *id;
    ggdm_doc *doc = NULL;
    ggdm_request request;
    ggdm_error why = {0}, unsaid = {0};
    int64_t units = 0;
    ggdm_status st = GGDM_OK;
    ggdm_status result = read_request(path, &doc, &request, &id, &why);
    if (unlink(path) != 0) {
        /* Withdrawn at this moment; or it cannot be removed, and would be done again and again. */
        desk->told = errno != ENOENT;
        if (desk->told)
            ggdm_log(GGDM_LOG_WARN, "%s cannot be removed and is ignored: %s", path,
                     strerror(errno));
        goto done;
    }
    if (result == GGDM_OK)
        result = ggdm_request_apply(store, &request, &units, &why);
    if (result == GGDM_OK)
        ggdm_log(GGDM_LOG_INFO, "%s by the user: %lld unit%s", kind_names[request.kind],
                 (long long)units, ggdm_plural(units));
    if (write_answer(dir, id, result, units, why.msg, &unsaid) != GGDM_OK)
        ggdm_log(GGDM_LOG_WARN, "%s", unsaid.msg);
    desk->answered = ggdm_now();
    desk->file = 0;
    /* The store itself is the trouble: not only the user has to know. */
    if (result == GGDM_ESTORE || result == GGDM_EIO || result == GGDM_EFULL) {
        st = result;
        if (err)
            *err = why;
    }
done:
    ggdm_doc_destroy(&doc);
    return st;
}

/* What is at path, opened so that network file systems tell the truth.  False: nothing. */
static bool look_at_path(const char *path, struct stat *info)
{
    if (!ggdm_exists(path))
        return false;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool there = (fd >= 0 ? fstat(fd, info) : stat(path, info)) == 0;
    if (fd >= 0)
        close(fd);
    return there;
}

static void drop_request(ggdm_request_desk *desk, const char *path, const char *why)
{
    bool gone = strcmp(why, "is no file") != 0 && unlink(path) == 0;
    ggdm_log(GGDM_LOG_WARN, "%s %s: it is %s", path, why, gone ? "removed" : "ignored");
    desk->told = true;
    desk->file = gone ? 0 : desk->file;
}

static ggdm_status look_at_request(ggdm_request_desk *desk, ggdm_store *store, const char *path,
                                   ggdm_error *err)
{
    const double now = ggdm_now();
    const bool away = now - desk->looked > AWAY_SECONDS;
    struct stat info;
    desk->looked = now;
    if (!look_at_path(path, &info)) {
        desk->file = 0;
        return GGDM_OK;
    }
    const bool known = desk->file == (int64_t)info.st_ino && !away;
    const bool moved = memcmp(&desk->moved, &info.st_mtim, sizeof desk->moved) != 0;
    if (!known)
        *desk = (ggdm_request_desk){.answered = desk->answered, .looked = now};
    if (!known || moved) {
        desk->file = (int64_t)info.st_ino;
        desk->moved = info.st_mtim;
        desk->since = now;
    }
    if (desk->told)
        return GGDM_OK;
    if (!S_ISREG(info.st_mode))
        drop_request(desk, path, "is no file");
    else if (known && moved)
        return take_request(desk, store, path, err);
    else if (now - desk->since > DROP_SECONDS)
        drop_request(desk, path, "is a request that nobody waits for");
    return GGDM_OK;
}

/* An answer that nobody has fetched while its asker would have waited, or of an earlier life. */
static ggdm_status expire_answer(ggdm_request_desk *desk, const char *dir, ggdm_error *err)
{
    char *answer = NULL;
    if (desk->looked > 0 && (desk->answered == 0 || ggdm_now() - desk->answered < ANSWER_SECONDS))
        return GGDM_OK;
    GGDM_TRY(ggdm_path_join(dir, GGDM_ANSWER_FILE, &answer, err));
    unlink(answer);
    free(answer);
    desk->answered = 0;
    return GGDM_OK;
}

ggdm_status ggdm_request_serve(ggdm_request_desk *desk, ggdm_store *store, ggdm_error *err)
{
    char *path = NULL;
    if (ggdm_now() - desk->looked < LOOK_SECONDS)
        return GGDM_OK;
    GGDM_TRY(expire_answer(desk, ggdm_store_dir(store), err));
    GGDM_TRY(ggdm_path_join(ggdm_store_dir(store), GGDM_REQUEST_FILE, &path, err));
    ggdm_status st = look_at_request(desk, store, path, err);
    free(path);
    return st;
}
