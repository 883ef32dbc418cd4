#include "jobs/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/messages.h"

#define VERSION 1

/* ---- the points of a chain ------------------------------------------------------------------ */

int32_t ggdm_record_points(int32_t steps, int32_t wished)
{
    return wished < steps ? wished : steps;
}

int32_t ggdm_record_step(int32_t steps, int32_t n, int32_t i)
{
    return n < 2 ? 0 : (int32_t)((int64_t)i * (steps - 1) / (n - 1));
}

int32_t ggdm_record_point_at(int32_t steps, int32_t n, int32_t step)
{
    if (n < 2)
        return n == 1 && step == 0 ? 0 : -1;
    int32_t i = (int32_t)(((int64_t)step * (n - 1) + steps - 2) / (steps - 1));
    return ggdm_record_step(steps, n, i) == step ? i : -1;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

int32_t ggdm_record_width(int32_t n_terms)
{
    return GGDM_RECORD_HEAD + GGDM_RECORD_OF_TERM * n_terms;
}

void ggdm_record_write(const ggdm_record *r, ggdm_wire *out)
{
    ggdm_put_u8(out, VERSION);
    ggdm_put_u8(out, r->diverged);
    ggdm_put_u8(out, (uint8_t)r->n_terms);
    for (int32_t k = 0; k < r->n_terms; k++) {
        const size_t length = strlen(r->terms[k]);
        ggdm_put_u8(out, (uint8_t)length);
        ggdm_put_raw(out, r->terms[k], length);
    }
    for (int32_t i = 0; i < r->n_points * ggdm_record_width(r->n_terms); i++)
        ggdm_put_f32(out, r->points[i]);
}

/* Letters, digits and what else stands in names of kinds: it goes into pages and tables. */
static ggdm_status get_name(ggdm_wire *in, char *name, ggdm_error *err)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const size_t length = ggdm_get_u8(in);
    if (in->status == GGDM_OK && (length == 0 || length >= sizeof(ggdm_term_name)))
        return GGDM_FAIL(err, GGDM_EFORMAT, "a name of %zu bytes, expected 1 to %zu", length,
                         sizeof(ggdm_term_name) - 1);
    ggdm_get_raw(in, name, length);
    GGDM_TRY(ggdm_wire_status(in, "record", err));
    if (strlen(name) != length || strspn(name, ok) != length)
        return GGDM_FAIL(err, GGDM_EFORMAT, "a name that is none");
    return GGDM_OK;
}

static ggdm_status get_head(ggdm_wire *in, ggdm_record *r, ggdm_error *err)
{
    const int version = ggdm_get_u8(in), diverged = ggdm_get_u8(in), terms = ggdm_get_u8(in);
    GGDM_TRY(ggdm_wire_status(in, "record", err));
    if (version != VERSION || diverged > 1 || terms > GGDM_MAX_RECORD_TERMS)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "version %d, diverged %d, %d terms, expected %d, 0 or 1, at most %d",
                         version, diverged, terms, VERSION, GGDM_MAX_RECORD_TERMS);
    r->diverged = diverged;
    r->n_terms = terms;
    for (int32_t k = 0; k < r->n_terms; k++)
        GGDM_TRY(get_name(in, r->terms[k], err));
    return GGDM_OK;
}

static ggdm_status get_points(ggdm_wire *in, ggdm_record *r, ggdm_error *err)
{
    const size_t width = (size_t)ggdm_record_width(r->n_terms), left = in->size - in->pos;
    if (left % (width * sizeof *r->points) != 0 ||
        left / (width * sizeof *r->points) > GGDM_MAX_RECORD_POINTS + 1)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%zu bytes of points of %zu numbers", left, width);
    r->n_points = (int32_t)(left / (width * sizeof *r->points));
    GGDM_TRY(ggdm_alloc(&r->points, (size_t)r->n_points * width, sizeof *r->points, err));
    for (size_t i = 0; i < (size_t)r->n_points * width; i++)
        r->points[i] = ggdm_get_f32(in);
    float before = -1;
    for (int32_t i = 0; i < r->n_points; i++) {
        const float *p = r->points + (size_t)i * width;
        const float step = p[GGDM_RECORD_STEP], clamped = p[GGDM_RECORD_CLAMPED];
        if (!(step > before && step < GGDM_MAX_STEPS && step == floorf(step)) ||
            !(clamped >= 0 && clamped <= 1))
            return GGDM_FAIL(err, GGDM_EFORMAT, "point %d of step %g, a share of %g clamped", i,
                             (double)step, (double)clamped);
        before = step;
    }
    return ggdm_wire_status(in, "record", err);
}

ggdm_status ggdm_record_read(const void *data, size_t size, ggdm_record *out, ggdm_error *err)
{
    ggdm_wire in;
    *out = (ggdm_record){.points = NULL};
    ggdm_wire_read(&in, data, size);
    ggdm_status st = get_head(&in, out, err);
    if (st == GGDM_OK)
        st = get_points(&in, out, err);
    if (st != GGDM_OK) {
        ggdm_record_deinit(out);
        ggdm_error_prefix(err, "record of an image");
    }
    return st;
}

void ggdm_record_deinit(ggdm_record *record)
{
    free(record->points);
    *record = (ggdm_record){.points = NULL};
}

/* ---- bands ---------------------------------------------------------------------------------- */

static const float *point_of(const ggdm_record *r, int32_t i)
{
    return r->points + (size_t)i * (size_t)ggdm_record_width(r->n_terms);
}

/* Points but the one where it diverged. */
static int32_t whole_points(const ggdm_record *r)
{
    return r->n_points - (r->diverged && r->n_points > 0);
}

static int by_number(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_step(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Linear between neighbours, sorted values [n]. */
static double quantile(const double *v, int32_t n, double q)
{
    const double at = q * (n - 1);
    const int32_t i = (int32_t)at;
    return i + 1 < n && at > i ? v[i] + (at - i) * (v[i + 1] - v[i]) : v[i];
}

static ggdm_band band_of(double *v, int32_t n)
{
    if (n == 0)
        return (ggdm_band){NAN, NAN, NAN};
    qsort(v, (size_t)n, sizeof *v, by_number);
    return (ggdm_band){quantile(v, n, 0.1), quantile(v, n, 0.5), quantile(v, n, 0.9)};
}

static int32_t find_term(const ggdm_term_name *terms, int32_t n, const char *name)
{
    int32_t k = 0;
    while (k < n && strcmp(terms[k], name) != 0)
        k++;
    return k;
}

/* The steps, the terms, and where images diverged; the arrays have room. */
static void list_all(const ggdm_record *records, int32_t n, ggdm_record_bands *b)
{
    for (int32_t i = 0; i < n; i++) {
        const ggdm_record *r = &records[i];
        for (int32_t k = 0; k < whole_points(r); k++)
            b->steps[b->n_points++] = (int32_t)point_of(r, k)[GGDM_RECORD_STEP];
        for (int32_t k = 0; k < r->n_terms; k++)
            if (b->n_terms < GGDM_MAX_RECORD_TERMS &&
                find_term(b->terms, b->n_terms, r->terms[k]) == b->n_terms)
                memcpy(b->terms[b->n_terms++], r->terms[k], sizeof(ggdm_term_name));
        if (r->diverged && r->n_points > 0)
            b->diverged[b->n_diverged++] = (int32_t)point_of(r, r->n_points - 1)[GGDM_RECORD_STEP];
    }
    qsort(b->steps, (size_t)b->n_points, sizeof *b->steps, by_step);
    int32_t distinct = 0;
    for (int32_t k = 0; k < b->n_points; k++)
        if (distinct == 0 || b->steps[distinct - 1] != b->steps[k])
            b->steps[distinct++] = b->steps[k];
    b->n_points = distinct;
}

/* Column of a term's number in a record's points; -1: it has no such term. */
static int32_t column_of(const ggdm_record *r, const char *term, int32_t number)
{
    const int32_t k = find_term(r->terms, r->n_terms, term);
    return k < r->n_terms ? GGDM_RECORD_HEAD + GGDM_RECORD_OF_TERM * k + number : -1;
}

/* Where the records are at a step. */
typedef struct cursor {
    int32_t next;       /* point that comes */
    const float *point; /* at the step; NULL: there is none */
} cursor;

/* On to the step, which is behind the one before. */
static int32_t advance(const ggdm_record *records, int32_t n, int32_t step, cursor *at)
{
    int32_t found = 0;
    for (int32_t i = 0; i < n; i++) {
        const float *next =
            at[i].next < whole_points(&records[i]) ? point_of(&records[i], at[i].next) : NULL;
        at[i].point = next && (int32_t)next[GGDM_RECORD_STEP] == step ? next : NULL;
        at[i].next += at[i].point != NULL;
        found += at[i].point != NULL;
    }
    return found;
}

/* term NULL: clamped. */
static ggdm_band band_at(const ggdm_record *records, int32_t n, const cursor *at, const char *term,
                         int32_t number, double *scratch)
{
    int32_t found = 0;
    for (int32_t i = 0; i < n; i++) {
        if (!at[i].point)
            continue;
        const int32_t column =
            term ? column_of(&records[i], term, number) : (int32_t)GGDM_RECORD_CLAMPED;
        if (column >= 0 && !isnan(at[i].point[column]))
            scratch[found++] = at[i].point[column];
    }
    return band_of(scratch, found);
}

static void fill_bands(const ggdm_record *records, int32_t n, ggdm_record_bands *b, cursor *at,
                       double *scratch)
{
    for (int32_t p = 0; p < b->n_points; p++) {
        b->counts[p] = advance(records, n, b->steps[p], at);
        b->clamped[p] = band_at(records, n, at, NULL, 0, scratch);
        for (int32_t k = 0; k < GGDM_RECORD_OF_TERM * b->n_terms; k++)
            b->of_terms[(size_t)k * (size_t)b->n_points + (size_t)p] =
                band_at(records, n, at, b->terms[k / GGDM_RECORD_OF_TERM], k % GGDM_RECORD_OF_TERM,
                        scratch);
    }
}

ggdm_status ggdm_record_bands_make(const ggdm_record *records, int32_t n, ggdm_record_bands *out,
                                   ggdm_error *err)
{
    ggdm_record_bands b = {.n = n};
    cursor *at = NULL;
    double *scratch = NULL;
    size_t points = 0;
    ggdm_status st;
    for (int32_t i = 0; i < n; i++)
        points += (size_t)records[i].n_points;
    GGDM_TRY_GOTO(st, ggdm_alloc(&b.steps, points, sizeof *b.steps, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&b.diverged, (size_t)n, sizeof *b.diverged, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&scratch, (size_t)n, sizeof *scratch, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&at, (size_t)n, sizeof *at, err), done);
    list_all(records, n, &b);
    points = (size_t)b.n_points;
    GGDM_TRY_GOTO(st, ggdm_alloc(&b.counts, points, sizeof *b.counts, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&b.clamped, points, sizeof *b.clamped, err), done);
    GGDM_TRY_GOTO(st,
                  ggdm_alloc(&b.of_terms, points * GGDM_RECORD_OF_TERM * (size_t)b.n_terms,
                             sizeof *b.of_terms, err),
                  done);
    fill_bands(records, n, &b, at, scratch);
    *out = b;
    b = (ggdm_record_bands){.n = 0};
done:
    if (st != GGDM_OK)
        *out = (ggdm_record_bands){.n = 0};
    ggdm_record_bands_deinit(&b);
    free(at);
    free(scratch);
    return st;
}

void ggdm_record_bands_deinit(ggdm_record_bands *b)
{
    free(b->steps);
    free(b->counts);
    free(b->clamped);
    free(b->of_terms);
    free(b->diverged);
    *b = (ggdm_record_bands){.n = 0};
}
