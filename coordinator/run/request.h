/* What a user asks of a run: put units back, or cancel cells.  At rest it is done on the database
 * by the asking process.  While a coordinator owns the database, the request is left in the run
 * directory as request.json; the coordinator takes it and answers in answer.json.
 *
 * Who waits for an answer gives signs of life (the file's time of change moves), and withdraws the
 * request when it waits no longer.  The coordinator does nothing for a request that it did not see
 * move: one that nobody waits for, of an earlier life perhaps, is dropped after some seconds.
 * Nobody's clock is compared with another's. */
#ifndef GGDM_COORDINATOR_REQUEST_H
#define GGDM_COORDINATOR_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

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
 *  GGDM_ECANCELLED when a signal ended the wait; GGDM_EIO, GGDM_EFULL. */
ggdm_status ggdm_request_send(const char *dir, const ggdm_request *request, int64_t *units,
                              ggdm_error *err);

/* What the coordinator knows of the request it looks at; zeroed at first. */
typedef struct ggdm_request_desk {
    int64_t file;          /* inode; 0: there is none */
    struct timespec moved; /* its time of change, as last seen */
    double since, looked;  /* when that was new, when it looked last */
    double answered;       /* when an answer was left that may still lie there; 0: never */
    bool told;             /* that it is of no use */
} ggdm_request_desk;

/** The coordinator's side: do and answer what is asked for in the store's directory, if there is
 *  anything.  Call it often; not inside a turn.  What cannot be done is answered with its error,
 *  what is no request is ignored with a warning.
 *  Errors: of the store, when that is in trouble itself. */
ggdm_status ggdm_request_serve(ggdm_request_desk *desk, ggdm_store *store, ggdm_error *err);

#endif
