#include "models/train/curve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/temp.h"

#define HEAD "step,images,loss,lr,images_per_second,val_loss,val_accuracy"
#define MAX_CURVE ((size_t)64 << 20) /* bytes */

static void print_head(FILE *f, const ggdm_curve *c)
{
    fputs(HEAD, f);
    for (int i = 0; i < c->measures.n; i++)
        fprintf(f, ",%s", c->measures.names[i]);
    fputc('\n', f);
}

/* A column that may be empty. */
static void print_measured(FILE *f, double value)
{
    fputc(',', f);
    if (value >= 0)
        fprintf(f, "%.6f", value);
}

static void print_row(FILE *f, const ggdm_curve *c, const ggdm_curve_row *r)
{
    fprintf(f, "%" PRId64 ",%" PRId64 ",%.6f,%.6g,%.1f", r->step, r->images, r->loss, r->lr,
            r->rate);
    print_measured(f, r->val_loss);
    print_measured(f, r->val_accuracy);
    for (int i = 0; i < c->measures.n; i++)
        print_measured(f, r->measured[i]);
    fputc('\n', f);
}

/* The next column, with the comma in front of it; false where there is none. */
static bool scan_measured(const char **p, double *value)
{
    char *end;
    if (*(*p)++ != ',')
        return false;
    *value = strtod(*p, &end);
    if (end == *p)
        *value = -1;
    *p = end;
    return true;
}

/* One line into a row; false where it is none. */
static bool scan_row(const char *line, const ggdm_curve *c, ggdm_curve_row *r)
{
    int used = 0;
    if (sscanf(line, "%" SCNd64 ",%" SCNd64 ",%lf,%lf,%lf%n", &r->step, &r->images, &r->loss,
               &r->lr, &r->rate, &used) < 5 ||
        used == 0)
        return false;
    const char *p = line + used;
    bool whole = scan_measured(&p, &r->val_loss) && scan_measured(&p, &r->val_accuracy);
    for (int i = 0; whole && i < c->measures.n; i++)
        whole = scan_measured(&p, &r->measured[i]);
    return whole;
}

static ggdm_status keep_row(ggdm_curve *c, const ggdm_curve_row *row, ggdm_error *err)
{
    GGDM_TRY(ggdm_grow(&c->rows, &c->cap, c->n + 1, sizeof *c->rows, err));
    c->rows[c->n++] = *row;
    return GGDM_OK;
}

static ggdm_status load_curve(ggdm_curve *c, int64_t step, ggdm_error *err)
{
    char *text = NULL, *save = NULL;
    if (step == 0 || !ggdm_exists(c->path))
        return GGDM_OK;
    GGDM_TRY(ggdm_read_file(c->path, MAX_CURVE, &text, NULL, err));
    ggdm_status st = GGDM_OK;
    for (char *line = strtok_r(text, "\n", &save); line && st == GGDM_OK;
         line = strtok_r(NULL, "\n", &save)) {
        ggdm_curve_row row = {0};
        if (scan_row(line, c, &row) && row.step <= step)
            st = keep_row(c, &row, err);
    }
    free(text);
    return st;
}

ggdm_status ggdm_curve_open(const char *path, int64_t step, const ggdm_measures *measures,
                            ggdm_curve *out, ggdm_error *err)
{
    *out = (ggdm_curve){.measures = *measures};
    char *text = NULL;
    size_t size = 0;
    GGDM_TRY(ggdm_strdup(path, &out->path, err));
    ggdm_status st = load_curve(out, step, err);
    FILE *f = st == GGDM_OK ? open_memstream(&text, &size) : NULL;
    if (f) {
        print_head(f, out);
        for (size_t i = 0; i < out->n; i++)
            print_row(f, out, &out->rows[i]);
        fclose(f);
        st = ggdm_replace_file(path, text, size, err);
    } else if (st == GGDM_OK) {
        st = GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
    }
    free(text);
    if (st != GGDM_OK)
        ggdm_curve_close(out);
    return st;
}

void ggdm_curve_close(ggdm_curve *c)
{
    free(c->path);
    free(c->rows);
    *c = (ggdm_curve){0};
}

ggdm_status ggdm_curve_add(ggdm_curve *c, const ggdm_curve_row *row, ggdm_error *err)
{
    GGDM_TRY(keep_row(c, row, err));
    FILE *f = fopen(c->path, "a");
    if (!f)
        return GGDM_FAIL_ERRNO(err, errno, "cannot write %s", c->path);
    print_row(f, c, row);
    bool bad = fflush(f) != 0;
    int why = errno;
    fclose(f);
    if (bad)
        return GGDM_FAIL_ERRNO(err, why, "cannot write %s", c->path);
    return GGDM_OK;
}
