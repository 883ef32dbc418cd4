/* What a user asks of a run: put units back, or cancel cells.  At rest it is done on the database
 * by the asking process.  While a coordinator owns the database, the request is left in the run
 * directory as request.json; the coordinator takes it in its next turn and answers in
 * answer.json. */
#ifndef GGDM_COORDINATOR_REQUEST_H
#define GGDM_COORDINATOR_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/store.h"

#define GGDM_REQUEST_FILE "request.json" /* below the run directory */
#define GGDM_ANSWER_FILE "answer.json"

typedef enum ggdm_request_kind { GGDM_REQUEST_RETRY, GGDM_REQUEST_CANCEL } ggdm_request_kind;

typedef struct ggdm_request {
    ggdm_request_kind kind;
    bool failed_only;  /* retry: leave what was cancelled */
    const char *cells; /* expression (jobs/cell_select.h); NULL: all */
} ggdm_request;

/** Do it on an open store, in a turn of its own.  *units gets the number of units that changed.
 *  Errors: GGDM_EINVAL (the expression), those of the store. */
ggdm_status ggdm_request_apply(ggdm_store *store, const ggdm_request *request, int64_t *units,
                               ggdm_error *err);

/** Hand it to the coordinator that owns dir and wait for its answer.
 *  Errors: the coordinator's; GGDM_ESTATE when another request is under way or none answers;
 *  GGDM_EIO. */
ggdm_status ggdm_request_send(const char *dir, const ggdm_request *request, int64_t *units,
                              ggdm_error *err);

/** The coordinator's side: do and answer what is asked for in the store's directory, if there is
 *  anything.  Cheap; not inside a turn.  A request that cannot be done is answered with its error.
 *  Errors: GGDM_EIO, those of the store. */
ggdm_status ggdm_request_serve(ggdm_store *store, ggdm_error *err);

#endif
