/* The document of the report: all that its page knows, as one JSON text (docs/REPORT.md says what
 * is in it). */
#ifndef GGDM_COORDINATOR_REPORT_DATA_H
#define GGDM_COORDINATOR_REPORT_DATA_H

#include "common/json_write.h"
#include "coordinator/show/sprites.h"
#include "jobs/results.h"

/* What docs/REPORT.md and docs/report.schema.json are about: counted up when a name goes or means
 * something else, not for names that are added. */
#define GGDM_REPORT_SCHEMA 1

/* How far a run is that goes on. */
typedef struct ggdm_report_live {
    double every;       /* seconds after which the page is written anew */
    double fraction;    /* of the work that is done; NAN: not known */
    double eta_seconds; /* NAN: not known */
} ggdm_report_live;

typedef struct ggdm_report_facts {
    const char *dir;              /* of the page: which files are there; borrowed */
    bool summary;                 /* summary.csv will be beside it */
    const ggdm_report_live *live; /* NULL: it does not go on */
    const ggdm_sprites *sprites;  /* borrowed */
    const char *sprites_dir;      /* where they go, where the page would become too large */
    size_t room;                  /* bytes of document and sprites that the page may have */
} ggdm_report_facts;

/** Write the document.
 *  in_page  the sprites are to be in the page
 *  Errors: GGDM_EIO, GGDM_ENOMEM, those of the store. */
ggdm_status ggdm_report_data(ggdm_json *j, const ggdm_results *r, const ggdm_report_facts *facts,
                             bool *in_page, ggdm_error *err);

#endif
