/* The records of a run's images (jobs/record.h). */
#ifndef GGDM_JOBS_STORE_RECORD_H
#define GGDM_JOBS_STORE_RECORD_H

#include "jobs/store.h"

/** Those that are there of the first `images` images of a trajectory, in the order of the images;
 *  *out [*n] is owned: ggdm_store_records_free.  Errors: GGDM_EFORMAT, GGDM_ESTORE. */
ggdm_status ggdm_store_records(ggdm_store *store, int64_t trajectory, int32_t images,
                               ggdm_record **out, int32_t *n, ggdm_error *err);
void ggdm_store_records_free(ggdm_record **records, int32_t n);

#endif
