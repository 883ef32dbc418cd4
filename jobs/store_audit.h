/* Questions about a run at rest that look at all of it: for people (`ggdm introspect`,
 * `ggdm report`, `ggdm doctor`), not for the coordinator. */
#ifndef GGDM_JOBS_STORE_AUDIT_H
#define GGDM_JOBS_STORE_AUDIT_H

#include <stdint.h>

#include "common/status.h"
#include "jobs/store.h"

/* The units of one tree, by state, and the trajectories they make. */
typedef struct ggdm_tree_audit {
    int64_t units[GGDM_UNIT_STATES];
    int64_t images;        /* of each trajectory, by all units */
    bool scores;           /* they score images that are there */
    int32_t *trajectories; /* [n], owned */
    int32_t n;
} ggdm_tree_audit;

/** *out [*n], owned: ggdm_tree_audits_free. */
ggdm_status ggdm_store_audit_trees(ggdm_store *store, ggdm_tree_audit **out, int32_t *n,
                                   ggdm_error *err);
void ggdm_tree_audits_free(ggdm_tree_audit **trees, int32_t n);

/* A message with which units failed or were lost, however they stand now. */
typedef struct ggdm_message_audit {
    const char *message; /* borrowed for the call */
    int64_t times, units;
    int64_t first_unit, last_unit;
} ggdm_message_audit;

/* The life of one opening of the store by a coordinator; times in seconds since 1970. */
typedef struct ggdm_session_audit {
    int64_t session;
    double first, last;             /* events */
    int64_t done, failed, requeued; /* units; given back when it began or while it ran */
} ggdm_session_audit;

/* What it took to make the images: from when a worker got a unit while it had none to when it had
 * handed in the last one, of all workers and sessions.  What was being done when a world ended
 * counts up to that world's last event. */
typedef struct ggdm_time_audit {
    double worker_seconds;
    double core_seconds; /* times the threads of a worker; NAN where they are not known */
} ggdm_time_audit;

typedef ggdm_status (*ggdm_message_visitor)(void *context, const ggdm_message_audit *message,
                                            ggdm_error *err);
typedef ggdm_status (*ggdm_session_visitor)(void *context, const ggdm_session_audit *session,
                                            ggdm_error *err);

/** Visit the max commonest messages, commonest first. */
ggdm_status ggdm_store_audit_messages(ggdm_store *store, int32_t max, ggdm_message_visitor visit,
                                      void *context, ggdm_error *err);
/** Visit the sessions in order. */
ggdm_status ggdm_store_audit_sessions(ggdm_store *store, ggdm_session_visitor visit, void *context,
                                      ggdm_error *err);

ggdm_status ggdm_store_audit_time(ggdm_store *store, ggdm_time_audit *out, ggdm_error *err);

typedef void (*ggdm_text_visitor)(void *context, const char *text);

/** SQLite's integrity_check and foreign_key_check, and whatever two places say of one thing:
 * counts, units and their images, scores and images, cells and trajectories, trees and units,
 * recipes and keys; all of the file.  Each thing found is told to visit; nothing: the database is
 * sound. */
ggdm_status ggdm_store_audit_integrity(ggdm_store *store, ggdm_text_visitor visit, void *context,
                                       ggdm_error *err);

#endif
