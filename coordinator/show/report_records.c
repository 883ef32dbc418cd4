#include "coordinator/show/report_records.h"

#include <math.h>

#include "jobs/store_record.h"

enum { DIGITS = 4 }; /* of numbers that are drawn as curves */

/* [low, middle, high] at each point; null where no image has a number. */
static void put_bands(ggdm_json *j, const char *key, const ggdm_band *bands, int32_t n)
{
    ggdm_json_begin_array(j, key);
    for (int32_t i = 0; i < n; i++) {
        if (isnan(bands[i].middle)) {
            ggdm_json_put_null(j, NULL);
            continue;
        }
        ggdm_json_begin_array(j, NULL);
        ggdm_json_put_rounded(j, NULL, bands[i].low, DIGITS);
        ggdm_json_put_rounded(j, NULL, bands[i].middle, DIGITS);
        ggdm_json_put_rounded(j, NULL, bands[i].high, DIGITS);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}

static void put_numbers(ggdm_json *j, const char *key, const int32_t *numbers, int32_t n)
{
    ggdm_json_begin_array(j, key);
    for (int32_t i = 0; i < n; i++)
        ggdm_json_put_int(j, NULL, numbers[i]);
    ggdm_json_end(j);
}

static void put_terms(ggdm_json *j, const ggdm_record_bands *b)
{
    static const char *const numbers[GGDM_RECORD_OF_TERM] = {
        [GGDM_RECORD_LOSS] = "loss", [GGDM_RECORD_NORM] = "norm", [GGDM_RECORD_COSINE] = "cosine"};
    ggdm_json_begin_array(j, "terms");
    for (int32_t k = 0; k < b->n_terms; k++) {
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "name", b->terms[k]);
        for (int32_t i = 0; i < GGDM_RECORD_OF_TERM; i++)
            put_bands(j, numbers[i],
                      b->of_terms + (size_t)(GGDM_RECORD_OF_TERM * k + i) * (size_t)b->n_points,
                      b->n_points);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}

ggdm_status ggdm_report_put_record(ggdm_json *j, const ggdm_results *r, const ggdm_row *row,
                                   ggdm_error *err)
{
    ggdm_record *records = NULL;
    ggdm_record_bands b = {.n = 0};
    int32_t n = 0;
    GGDM_TRY(
        ggdm_store_records(r->store, row->cell.trajectory, row->cell.wanted, &records, &n, err));
    ggdm_status st = ggdm_record_bands_make(records, n, &b, err);
    if (st == GGDM_OK && n > 0) {
        ggdm_json_begin_object(j, row->cell.name);
        ggdm_json_put_int(j, "n", b.n);
        put_numbers(j, "step", b.steps, b.n_points);
        put_numbers(j, "counts", b.counts, b.n_points);
        put_bands(j, "clamped", b.clamped, b.n_points);
        put_terms(j, &b);
        put_numbers(j, "diverged", b.diverged, b.n_diverged);
        ggdm_json_end(j);
    }
    ggdm_record_bands_deinit(&b);
    ggdm_store_records_free(&records, n);
    return st;
}

ggdm_status ggdm_report_put_records(ggdm_json *j, const ggdm_results *r, ggdm_error *err)
{
    ggdm_json_begin_object(j, "records");
    for (int32_t i = 0; i < r->n_rows; i++)
        GGDM_TRY(ggdm_report_put_record(j, r, &r->rows[i], err));
    ggdm_json_end(j);
    return GGDM_OK;
}
