/* The npy format of NumPy (numpy.lib.format): a header, then the elements.
 *
 *   offset   size     what
 *   0        6        0x93 "NUMPY"
 *   6        2        version: 1 0, 2 0 or 3 0
 *   8        2 or 4   n, little-endian: bytes of the text; 2 of them in version 1, else 4
 *   10, 12   n        a dict as Python prints it, padded with spaces, its last byte a line feed
 *   behind            the elements, in C order: the last index is the fastest
 *
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
 *
 * descr is byte order ('<' little, '>' big, '|' none, '=' taken for little), kind ('u', 'i', 'f',
 * 'b', ...) and bytes of an element; lists of fields (records) and objects are not numbers.
 *
 * Read is what other programs wrote: versions 1 to 3, texts of less than MAX_TEXT bytes, keys in
 * any order and behind others; of them 'descr' must be plain, 'fortran_order' False, 'shape' a
 * tuple of at most GGDM_NPY_MAX_DIMS integers >= 0, "()" included, whose product with the element's
 * size does not overflow and is no more than the source can still have.  Keys are looked for as
 * texts, not parsed as Python; nothing is evaluated.
 *
 * Written is version 1.0 with one of the types below and a header whose size is a multiple of 64
 * bytes, so that elements are aligned where the file is mapped. */
#include "common/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static const struct {
    const char *descr;
    uint64_t bytes;
} types[] = {
    [GGDM_NPY_U8] = {"|u1", 1},
    [GGDM_NPY_I64] = {"<i8", 8},
    [GGDM_NPY_F32] = {"<f4", 4},
    [GGDM_NPY_F64] = {"<f8", 8},
};

ggdm_status ggdm_npy_header(ggdm_npy_type type, const int64_t *shape, int n_dims,
                            uint8_t header[GGDM_NPY_MAX_HEADER], size_t *header_size,
                            uint64_t *data_size, ggdm_error *err)
{
    enum { PREFIX = 10, ALIGN = 64 };
    char text[GGDM_NPY_MAX_HEADER];
    int n = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                     types[type].descr);
    uint64_t bytes = types[type].bytes;
    if (n_dims < 1 || n_dims > GGDM_NPY_MAX_DIMS)
        return GGDM_FAIL(err, GGDM_EINVAL, "npy: %d dimensions, expected [1, %d]", n_dims,
                         GGDM_NPY_MAX_DIMS);
    for (int i = 0; i < n_dims; i++) {
        if (shape[i] < 0)
            return GGDM_FAIL(err, GGDM_EINVAL, "npy: dimension %d is %" PRId64, i, shape[i]);
        if (__builtin_mul_overflow(bytes, (uint64_t)shape[i], &bytes))
            return GGDM_FAIL(err, GGDM_ESHAPE, "npy: the array's size overflows");
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%" PRId64, i ? ", " : "", shape[i]);
    }
    /* 8 dimensions of 20 characters fit: text holds at most 60 + 8 * 22 bytes here. */
    n += snprintf(text + n, sizeof text - (size_t)n, "%s), }", n_dims == 1 ? "," : "");
    size_t total = (PREFIX + (size_t)n + 1 + ALIGN - 1) / ALIGN * ALIGN;
    if (total > GGDM_NPY_MAX_HEADER)
        return GGDM_FAIL(err, GGDM_ESHAPE, "npy: header of %zu bytes", total);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (uint8_t)((total - PREFIX) & 0xff);
    header[9] = (uint8_t)((total - PREFIX) >> 8);
    memcpy(header + PREFIX, text, (size_t)n);
    memset(header + PREFIX + n, ' ', total - PREFIX - (size_t)n);
    header[total - 1] = '\n';
    *header_size = total;
    *data_size = bytes;
    return GGDM_OK;
}

/* ---- reading -------------------------------------------------------------------------------- */

enum { MAX_TEXT = 1 << 16 }; /* bytes of a dict */

/* Behind "'KEY': " of the dict; NULL: it has no such key. */
static const char *value_of(const char *dict, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s':", key);
    const char *at = strstr(dict, quoted);
    at = at ? at + strlen(quoted) : NULL;
    return at ? at + strspn(at, " ") : NULL;
}

/* "'<i8'": byte order, kind, bytes. */
static bool parse_descr(const char *at, ggdm_npy *out)
{
    char order, kind;
    int bytes, used = 0;
    if (sscanf(at, "'%c%c%2d'%n", &order, &kind, &bytes, &used) != 3 || used == 0 ||
        !strchr("<>|=", order) || bytes < 1)
        return false;
    out->kind = kind;
    out->bytes = bytes;
    out->big_endian = order == '>';
    return true;
}

/* "(60000, 28, 28)" */
static bool parse_shape(const char *at, ggdm_npy *out)
{
    out->size = (uint64_t)out->bytes;
    if (*at++ != '(')
        return false;
    for (out->n_dims = 0; *at != ')'; out->n_dims++) {
        char *end;
        long long d = strtoll(at, &end, 10);
        if (end == at || d < 0 || out->n_dims == GGDM_NPY_MAX_DIMS ||
            __builtin_mul_overflow(out->size, (uint64_t)d, &out->size))
            return false;
        out->shape[out->n_dims] = d;
        at = end + strspn(end, " ");
        if (*at != ',' && *at != ')')
            return false;
        at += *at == ',';
        at += strspn(at, " ");
    }
    return true;
}

static ggdm_status parse_dict(const char *dict, const char *where, ggdm_npy *out, ggdm_error *err)
{
    const char *descr = value_of(dict, "descr"), *order = value_of(dict, "fortran_order"),
               *shape = value_of(dict, "shape");
    if (!descr || !order || !shape)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: npy header without 'descr', 'fortran_order' or 'shape'", where);
    if (!parse_descr(descr, out))
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: dtype %.20s, expected plain numbers", where,
                         descr);
    if (strncmp(order, "False", 5) != 0)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "%s: in Fortran order, expected C order (numpy.ascontiguousarray)", where);
    if (!parse_shape(shape, out))
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: shape %.60s, expected at most %d dimensions",
                         where, shape, GGDM_NPY_MAX_DIMS);
    return GGDM_OK;
}

ggdm_status ggdm_npy_read(ggdm_source *s, ggdm_npy *out, ggdm_error *err)
{
    const char *where = ggdm_source_where(s);
    uint8_t begin[8], length[4];
    *out = (ggdm_npy){0};
    GGDM_TRY(ggdm_source_read(s, begin, sizeof begin, err));
    if (memcmp(begin, "\x93NUMPY", 6) != 0 || begin[6] < 1 || begin[6] > 3)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: expected an array in NumPy's npy format", where);
    size_t n = begin[6] == 1 ? 2 : 4, size = 0;
    GGDM_TRY(ggdm_source_read(s, length, n, err));
    for (size_t i = n; i-- > 0;)
        size = size << 8 | length[i];
    if (size >= MAX_TEXT)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: npy header of %zu bytes, expected less than %d",
                         where, size, MAX_TEXT);
    char *dict = NULL;
    GGDM_TRY(ggdm_alloc(&dict, size + 1, 1, err));
    ggdm_status st = ggdm_source_read(s, dict, size, err);
    if (st == GGDM_OK)
        st = parse_dict(dict, where, out, err);
    free(dict);
    if (st == GGDM_OK && out->size > ggdm_source_most(s))
        st = GGDM_FAIL(err, GGDM_EFORMAT,
                       "%s: truncated: %" PRIu64 " bytes by its header, at most %" PRIu64
                       " are there",
                       where, out->size, ggdm_source_most(s));
    return st;
}
