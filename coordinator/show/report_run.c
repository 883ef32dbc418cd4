#include "coordinator/show/report_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/store_audit.h"

enum { MOST_FAILURES = 50 };

/* ---- the run --------------------------------------------------------------------------------- */

static void put_counts(ggdm_json *j, const ggdm_results *r)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(r->store);
    ggdm_json_begin_object(j, "counts");
    ggdm_json_put_int(j, "cells", r->n_rows);
    ggdm_json_put_int(j, "images_asked", c->images_asked);
    ggdm_json_put_int(j, "images_total", c->images_total);
    ggdm_json_put_int(j, "images_done", c->images_done);
    ggdm_json_put_int(j, "diverged", c->images_diverged);
    ggdm_json_put_int(j, "units_done", c->units[GGDM_UNIT_DONE]);
    ggdm_json_put_int(j, "units_total", c->units_total);
    ggdm_json_put_int(j, "units_given_up",
                      c->units[GGDM_UNIT_FAILED] + c->units[GGDM_UNIT_QUARANTINED]);
    ggdm_json_end(j);
}

static ggdm_status put_failure(void *context, const ggdm_store_trouble *trouble, ggdm_error *err)
{
    (void)err;
    ggdm_json *j = context;
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_int(j, "unit", trouble->unit);
    ggdm_json_put_string(j, "state", ggdm_unit_state_names[trouble->state]);
    ggdm_json_put_string(j, "error", trouble->message);
    ggdm_json_end(j);
    return GGDM_OK;
}

static ggdm_status put_failures(ggdm_json *j, const ggdm_results *r, ggdm_error *err)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(r->store);
    ggdm_json_begin_array(j, "failures");
    GGDM_TRY(ggdm_store_each_trouble(r->store, MOST_FAILURES, put_failure, j, err));
    ggdm_json_end(j);
    ggdm_json_put_int(j, "failures_total",
                      c->units[GGDM_UNIT_FAILED] + c->units[GGDM_UNIT_QUARANTINED]);
    return GGDM_OK;
}

ggdm_status ggdm_report_put_run(ggdm_json *j, const ggdm_results *r, ggdm_error *err)
{
    const ggdm_run_info *info = r->info;
    ggdm_json_begin_object(j, "run");
    ggdm_json_put_string(j, "name", info->name);
    ggdm_json_put_string(j, "version", info->version);
    ggdm_json_put_string(j, "precision", ggdm_precision_names[info->precision]);
    ggdm_json_put_string(j, "isa", info->isa);
    ggdm_json_put_string(j, "processor", info->processor);
    ggdm_json_put_string(j, "library", info->library);
    ggdm_json_put_string(j, "notes", info->notes);
    put_counts(j, r);
    GGDM_TRY(put_failures(j, r, err));
    ggdm_json_end(j);
    return GGDM_OK;
}

ggdm_status ggdm_report_put_sources(ggdm_json *j, const ggdm_results *r, const char *dir,
                                    ggdm_error *err)
{
    (void)dir, (void)err;
    ggdm_json_begin_array(j, "models");
    for (int32_t i = 0; i < r->n_models; i++) {
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "name", r->models[i].name);
        ggdm_json_put_string(j, "digest", r->models[i].digest);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
    return GGDM_OK;
}
