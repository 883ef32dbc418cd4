#include "evaluate/reference_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/npy.h"

#define SYMMETRIC                                                                                  \
    1e-6              /* of the largest variance: what f32 files and sums in any order differ by   \
                       */
#define MAX_NAME 4096 /* bytes of what the features are called */

void ggdm_reference_file_deinit(ggdm_reference_file *file)
{
    for (int k = 0; k < GGDM_N_MOMENTS; k++) {
        free(file->moments[k].mu);
        free(file->moments[k].sigma);
    }
    free(file->features);
    *file = (ggdm_reference_file){0};
}

/* ---- an array ---- */

static ggdm_status check_type(const char *where, const ggdm_npy *a, char kind, int bytes, int or,
                              const char *expected, ggdm_error *err)
{
    if (a->kind == kind && (a->bytes == bytes || a->bytes == or) && !a->big_endian)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: elements '%s%c%d', expected %s", where,
                     a->big_endian ? ">" : "", a->kind, a->bytes, expected);
}

/* n elements, f32 or f64, which must be finite. */
static ggdm_status read_reals(ggdm_source *s, int64_t n, int bytes, double *out, ggdm_error *err)
{
    enum { CHUNK = 1 << 12 };
    float some[CHUNK];
    for (int64_t at = 0; at < n; at += CHUNK) {
        const int64_t count = n - at < CHUNK ? n - at : CHUNK;
        void *to = bytes == 4 ? (void *)some : (void *)(out + at);
        GGDM_TRY(ggdm_source_read(s, to, (size_t)(count * bytes), err));
        for (int64_t i = 0; i < count; i++) {
            if (bytes == 4)
                out[at + i] = some[i];
            if (!isfinite(out[at + i]))
                return GGDM_FAIL(err, GGDM_EFORMAT,
                                 "%s: element %" PRId64 " is %g, expected finite numbers",
                                 ggdm_source_where(s), at + i, out[at + i]);
        }
    }
    return ggdm_source_end(s, err);
}

/* A mean (n_dims 1) or a covariance (2), of *d features. */
static ggdm_status read_array(ggdm_source *s, int n_dims, int64_t *d, double **out, ggdm_error *err)
{
    const char *where = ggdm_source_where(s);
    ggdm_npy a;
    GGDM_TRY(ggdm_npy_read(s, &a, err));
    GGDM_TRY(check_type(where, &a, 'f', 4, 8, "float32 or float64", err));
    if (*out)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: there is another array of this name", where);
    if (a.n_dims != n_dims || a.size == 0 || (n_dims == 2 && a.shape[0] != a.shape[1]))
        return GGDM_FAIL(err, GGDM_ESHAPE, "%s: %d dimension%s of %" PRId64 ", expected %s", where,
                         a.n_dims, a.n_dims == 1 ? "" : "s, the first", a.shape[0],
                         n_dims == 1 ? "a mean [d]" : "a covariance [d, d]");
    if (*d && *d != a.shape[0])
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "%s: of %" PRId64 " features, mean and covariance differ (%" PRId64 ")",
                         where, a.shape[0], *d);
    *d = a.shape[0];
    const int64_t n = n_dims == 1 ? *d : *d * *d;
    GGDM_TRY(ggdm_alloc(out, (size_t)n, sizeof **out, err));
    return read_reals(s, n, a.bytes, *out, err);
}

static ggdm_status read_count(ggdm_source *s, ggdm_reference_file *out, ggdm_error *err)
{
    ggdm_npy a;
    GGDM_TRY(ggdm_npy_read(s, &a, err));
    GGDM_TRY(check_type(ggdm_source_where(s), &a, 'i', 8, 8, "int64", err));
    if (a.size != 8)
        return GGDM_FAIL(err, GGDM_ESHAPE, "%s: %" PRIu64 " bytes, expected one number",
                         ggdm_source_where(s), a.size);
    GGDM_TRY(ggdm_source_read(s, &out->n, sizeof out->n, err));
    if (out->n < 1)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %" PRId64 " images", ggdm_source_where(s), out->n);
    return ggdm_source_end(s, err);
}

static ggdm_status read_name(ggdm_source *s, ggdm_reference_file *out, ggdm_error *err)
{
    ggdm_npy a;
    GGDM_TRY(ggdm_npy_read(s, &a, err));
    GGDM_TRY(check_type(ggdm_source_where(s), &a, 'u', 1, 1, "uint8, a text", err));
    if (a.size > MAX_NAME || out->features)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: %" PRIu64 " bytes, expected one name of at most %d",
                         ggdm_source_where(s), a.size, MAX_NAME);
    GGDM_TRY(ggdm_alloc(&out->features, (size_t)a.size + 1, 1, err));
    GGDM_TRY(ggdm_source_read(s, out->features, (size_t)a.size, err));
    return ggdm_source_end(s, err);
}

static ggdm_status look_at_activations(ggdm_source *s, ggdm_reference_file *out, ggdm_error *err)
{
    const char *where = ggdm_source_where(s);
    ggdm_npy a;
    GGDM_TRY(ggdm_npy_read(s, &a, err));
    GGDM_TRY(check_type(where, &a, 'f', 4, 4, "float32", err));
    if (a.n_dims != 2 || a.size == 0)
        return GGDM_FAIL(err, GGDM_ESHAPE, "%s: %d dimensions, expected [n, d]", where, a.n_dims);
    out->rows = a.shape[0];
    out->d = a.shape[1];
    return GGDM_OK;
}

/* ---- all of them ---- */

static ggdm_status read_member(ggdm_source *s, const char *name, ggdm_reference_file *out,
                               ggdm_error *err)
{
    static const char *const moments[GGDM_N_MOMENTS][2] = {{"mu.npy", "sigma.npy"},
                                                           {"mu_s.npy", "sigma_s.npy"}};
    for (int k = 0; k < GGDM_N_MOMENTS; k++) {
        ggdm_moments *m = &out->moments[k];
        if (strcmp(name, moments[k][0]) == 0)
            return read_array(s, 1, &m->d, &m->mu, err);
        if (strcmp(name, moments[k][1]) == 0)
            return read_array(s, 2, &m->d, &m->sigma, err);
    }
    if (strcmp(name, "n.npy") == 0)
        return read_count(s, out, err);
    if (strcmp(name, "features.npy") == 0)
        return read_name(s, out, err);
    if (strcmp(name, "activations.npy") == 0)
        return look_at_activations(s, out, err);
    out->images |= strcmp(name, "arr_0.npy") == 0;
    return GGDM_OK;
}

static ggdm_status check_moments(const char *path, const ggdm_moments *m, ggdm_error *err)
{
    const int64_t d = m->d;
    double most = 0;
    if (!m->mu != !m->sigma)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: a %s without a %s, expected both", path,
                         m->mu ? "mean (mu)" : "covariance (sigma)",
                         m->mu ? "covariance (sigma)" : "mean (mu)");
    for (int64_t i = 0; m->sigma && i < d; i++) {
        if (m->sigma[i * d + i] < 0)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: sigma: variance %" PRId64 " is %g, expected none below zero",
                             path, i, m->sigma[i * d + i]);
        most = fmax(most, m->sigma[i * d + i]);
    }
    for (int64_t i = 0; m->sigma && i < d; i++)
        for (int64_t j = 0; j < i; j++)
            if (fabs(m->sigma[i * d + j] - m->sigma[j * d + i]) > SYMMETRIC * most)
                return GGDM_FAIL(err, GGDM_EFORMAT,
                                 "%s: sigma: elements [%" PRId64 ", %" PRId64 "] and [%" PRId64
                                 ", %" PRId64 "] are %g and %g, expected a symmetric matrix",
                                 path, i, j, j, i, m->sigma[i * d + j], m->sigma[j * d + i]);
    return GGDM_OK;
}

static ggdm_status check(const char *path, const ggdm_reference_file *f, ggdm_error *err)
{
    for (int k = 0; k < GGDM_N_MOMENTS; k++)
        GGDM_TRY(check_moments(path, &f->moments[k], err));
    if (f->rows && f->n && f->rows != f->n)
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "%s: activations of %" PRId64 " images, expected %" PRId64 ", as n says",
                         path, f->rows, f->n);
    if (f->moments[GGDM_MOMENTS].mu || f->moments[GGDM_MOMENTS_SPATIAL].mu || f->rows || f->images)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EFORMAT,
                     "%s: nothing to compare with, expected mu and sigma, or images (arr_0)", path);
}

static ggdm_status read_members(ggdm_source *s, ggdm_reference_file *out, ggdm_error *err)
{
    const char *name;
    GGDM_TRY(ggdm_source_next(s, &name, err));
    while (name) {
        GGDM_TRY(read_member(s, name, out, err));
        GGDM_TRY(ggdm_source_next(s, &name, err));
    }
    return GGDM_OK;
}

ggdm_status ggdm_reference_file_read(const char *path, ggdm_reference_file *out, ggdm_error *err)
{
    ggdm_source *s = NULL;
    *out = (ggdm_reference_file){0};
    GGDM_TRY(ggdm_source_open_zip(path, &s, err));
    ggdm_status st = read_members(s, out, err);
    ggdm_source_close(&s);
    if (st == GGDM_OK)
        st = check(path, out, err);
    if (st != GGDM_OK)
        ggdm_reference_file_deinit(out);
    return st;
}

ggdm_status ggdm_reference_file_activations(const char *path, const ggdm_reference_file *file,
                                            ggdm_source **out, ggdm_error *err)
{
    const char *name = NULL;
    ggdm_reference_file found = {0};
    GGDM_TRY(ggdm_source_open_zip(path, out, err));
    ggdm_status st = ggdm_source_next(*out, &name, err);
    while (st == GGDM_OK && name && strcmp(name, "activations.npy") != 0)
        st = ggdm_source_next(*out, &name, err);
    if (st == GGDM_OK && name)
        st = look_at_activations(*out, &found, err);
    if (st == GGDM_OK && (found.rows != file->rows || found.d != file->d))
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s was changed while it was read", path);
    if (st != GGDM_OK)
        ggdm_source_close(out);
    return st;
}
