#include "jobs/measures.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "common/argmax.h"
#include "common/json_write.h"
#include "common/temp.h"

typedef struct table {
    FILE *f;
    char cell[160]; /* the fields of the cell, and a comma */
    int32_t target;
    int64_t n;
} table;

static const char head[] =
    "cell,kappa,start,duration,target,image,diverged,diverged_step,saturated,"
    "guide_label,guide_right,guide_confidence,guide_probability,guide_loss,"
    "judge_label,judge_right,judge_confidence,judge_probability,judge_loss\n";

/* As the summary counts: what diverged is not right, whatever its scores are. */
static void put_view(const table *t, const float *logp, int32_t n, bool diverged)
{
    const bool asked = t->target >= 0 && t->target < n;
    int32_t label = ggdm_argmax(logp, n);
    if (label < 0) {
        fputs(asked && diverged ? ",,0,,," : ",,,,,", t->f);
        return;
    }
    fprintf(t->f, ",%" PRId32, label);
    if (asked)
        fprintf(t->f, ",%d,%.6g,%.6g,%.6g", label == t->target && !diverged,
                exp((double)logp[label]), exp((double)logp[t->target]), -(double)logp[t->target]);
    else
        fprintf(t->f, ",,%.6g,,", exp((double)logp[label]));
}

static ggdm_status put_image(void *context, const ggdm_image *image, ggdm_error *err)
{
    table *t = context;
    (void)err;
    t->n++;
    fprintf(t->f, "%s%" PRId32 ",%d,", t->cell, image->index, image->diverged);
    if (image->diverged_step >= 0)
        fprintf(t->f, "%" PRId32, image->diverged_step);
    fprintf(t->f, ",%.6g", (double)image->saturated);
    put_view(t, image->guide_logp, image->n_guide, image->diverged);
    put_view(t, image->judge_logp, image->n_judge, image->diverged);
    fputc('\n', t->f);
    return GGDM_OK;
}

static ggdm_status put_cell(table *t, ggdm_store *store, int32_t i, ggdm_error *err)
{
    ggdm_store_cell s;
    char kappa[GGDM_NUMBER_SIZE], target[16] = "";
    GGDM_TRY(ggdm_store_cell_get(store, i, &s, err));
    const ggdm_cell *c = &s.cell;
    ggdm_number_text(c->kappa, kappa);
    if (c->target >= 0)
        snprintf(target, sizeof target, "%" PRId32, c->target);
    snprintf(t->cell, sizeof t->cell, "%s,%s,%" PRId32 ",%" PRId32 ",%s,", s.name, kappa, c->start,
             c->duration, target);
    t->target = c->target;
    return ggdm_store_each_image(store, c->trajectory, false, put_image, t, err);
}

static ggdm_status put_table(table *t, ggdm_store *store, const bool *chosen, ggdm_error *err)
{
    fputs(head, t->f);
    for (int32_t i = 0; i < ggdm_store_n_cells(store); i++)
        if (!chosen || chosen[i])
            GGDM_TRY(put_cell(t, store, i, err));
    return GGDM_OK;
}

static ggdm_status write_table(int fd, table *t, ggdm_store *store, const bool *chosen,
                               const char *path, ggdm_error *err)
{
    t->f = fdopen(fd, "w");
    if (!t->f) {
        int why = errno;
        close(fd);
        return GGDM_FAIL_ERRNO(err, why, "%s: cannot be written", path);
    }
    ggdm_status st = put_table(t, store, chosen, err);
    bool bad = ferror(t->f) != 0;
    errno = EIO; /* where an earlier write failed, and this does not say why */
    if ((fclose(t->f) != 0 || bad) && st == GGDM_OK)
        st = GGDM_FAIL_ERRNO(err, errno, "%s: cannot be written", path);
    return st;
}

ggdm_status ggdm_measures_write(ggdm_store *store, const bool *chosen, const char *path,
                                int64_t *n_images, ggdm_error *err)
{
    ggdm_temp temp;
    table t = {.f = NULL};
    GGDM_TRY(ggdm_temp_open(path, &temp, err));
    int fd = dup(temp.fd); /* the stream closes its own */
    ggdm_status st = fd >= 0 ? write_table(fd, &t, store, chosen, path, err)
                             : GGDM_FAIL_ERRNO(err, errno, "%s: cannot be written", path);
    *n_images = t.n;
    if (st == GGDM_OK)
        return ggdm_temp_commit(&temp, err);
    ggdm_temp_abort(&temp);
    return st;
}
