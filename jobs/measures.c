#include "jobs/measures.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "common/argmax.h"
#include "common/csv.h"
#include "common/temp.h"

typedef struct table {
    const ggdm_results *r;
    FILE *f;
    const ggdm_row *row;             /* whose images come */
    const ggdm_results_panel *panel; /* of it */
    int64_t n;
} table;

static const char *const label_fields[] = {"label", "right", "confidence", "probability", "loss"};
enum { LABEL_FIELDS = sizeof label_fields / sizeof *label_fields };

static void put_head(const table *t)
{
    const ggdm_results *r = t->r;
    fputs("cell", t->f);
    for (int32_t i = 0; i < r->n_varying; i++) {
        fputc(',', t->f);
        ggdm_csv_put(t->f, r->columns[r->varying[i]].name);
    }
    fputs(",image,diverged,diverged_step", t->f);
    for (int32_t i = 0; i < r->n_measures; i++) {
        char name[GGDM_MAX_TEXT + 32];
        const bool classes = r->measures[i].output == GGDM_OUTPUT_CLASSES;
        for (int k = 0; k < (classes ? LABEL_FIELDS : 1); k++) {
            snprintf(name, sizeof name, classes ? "%s_%s" : "%s", r->measures[i].name,
                     label_fields[k]);
            fputc(',', t->f);
            ggdm_csv_put(t->f, name);
        }
    }
    fputc('\n', t->f);
}

/* As the results count: what diverged is not right, whatever its scores are. */
static void put_label(const table *t, const ggdm_score *score, bool diverged)
{
    const int32_t aim = t->row->aim;
    const bool asked = aim >= 0 && aim < score->n;
    int32_t label = ggdm_argmax(score->data, score->n);
    if (label < 0) {
        fputs(asked && diverged ? ",,0,,," : ",,,,,", t->f);
        return;
    }
    fprintf(t->f, ",%" PRId32, label);
    if (asked)
        fprintf(t->f, ",%d,%.6g,%.6g,%.6g", label == aim && !diverged,
                exp((double)score->data[label]), exp((double)score->data[aim]),
                -(double)score->data[aim]);
    else
        fprintf(t->f, ",,%.6g,,", exp((double)score->data[label]));
}

static void put_number(const table *t, const ggdm_score *score)
{
    fputc(',', t->f);
    if (score->n == 1 && isfinite(score->data[0]))
        fprintf(t->f, "%.6g", (double)score->data[0]);
}

/* What the table's measure said of the image; nothing where the cell does not have it. */
static ggdm_score score_of(const table *t, const ggdm_sample *sample, int32_t measure)
{
    for (int32_t k = 0; k < t->panel->n; k++)
        if (t->panel->measure[k] == measure)
            return sample->scores[k];
    return (ggdm_score){.n = 0};
}

static ggdm_status put_image(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    table *t = context;
    (void)err;
    if (sample->index >= t->row->cell.wanted)
        return GGDM_OK;
    t->n++;
    fputs(t->row->cell.name, t->f);
    for (int32_t i = 0; i < t->r->n_varying; i++) {
        fputc(',', t->f);
        ggdm_csv_put(t->f, ggdm_results_value(t->r, t->row, t->r->varying[i]).text);
    }
    fprintf(t->f, ",%" PRId32 ",%d,", sample->index, sample->diverged);
    if (sample->diverged_step >= 0)
        fprintf(t->f, "%" PRId32, sample->diverged_step);
    for (int32_t i = 0; i < t->r->n_measures; i++) {
        const ggdm_score score = score_of(t, sample, i);
        if (t->r->measures[i].output == GGDM_OUTPUT_CLASSES)
            put_label(t, &score, sample->diverged);
        else
            put_number(t, &score);
    }
    fputc('\n', t->f);
    return GGDM_OK;
}

static ggdm_status put_table(table *t, const bool *chosen, ggdm_error *err)
{
    put_head(t);
    for (int32_t i = 0; i < t->r->n_rows; i++) {
        if (chosen && !chosen[i])
            continue;
        t->row = &t->r->rows[i];
        t->panel = ggdm_results_panel_of(t->r, t->row);
        GGDM_TRY(ggdm_store_each_sample(t->r->store, t->row->cell.trajectory, t->row->cell.wanted,
                                        false, t->panel->scorers, t->panel->n, put_image, t, err));
    }
    return GGDM_OK;
}

static ggdm_status write_table(int fd, table *t, const bool *chosen, const char *path,
                               ggdm_error *err)
{
    t->f = fdopen(fd, "w");
    if (!t->f) {
        int why = errno;
        close(fd);
        return GGDM_FAIL_ERRNO(err, why, "%s: cannot be written", path);
    }
    ggdm_status st = put_table(t, chosen, err);
    bool bad = ferror(t->f) != 0;
    errno = EIO; /* where an earlier write failed, and this does not say why */
    if ((fclose(t->f) != 0 || bad) && st == GGDM_OK)
        st = GGDM_FAIL_ERRNO(err, errno, "%s: cannot be written", path);
    return st;
}

ggdm_status ggdm_measures_write(const ggdm_results *r, const bool *chosen, const char *path,
                                int64_t *n_images, ggdm_error *err)
{
    ggdm_temp temp;
    table t = {.r = r};
    GGDM_TRY(ggdm_temp_open(path, &temp, err));
    int fd = dup(temp.fd); /* the stream closes its own */
    ggdm_status st = fd >= 0 ? write_table(fd, &t, chosen, path, err)
                             : GGDM_FAIL_ERRNO(err, errno, "%s: cannot be written", path);
    *n_images = t.n;
    if (st == GGDM_OK)
        return ggdm_temp_commit(&temp, err);
    ggdm_temp_abort(&temp);
    return st;
}
