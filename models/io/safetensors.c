/* The safetensors format (github.com/huggingface/safetensors), as it is read and written here.
 *
 *   offset   size   what
 *   0        8      N, u64 little-endian: size of the header
 *   8        N      the header: a JSON object, UTF-8, first byte '{'; white space may follow it
 *   8 + N    rest   the data: elements little-endian, row-major, tensors without anything between
 *
 * The header has a member for each tensor, and at most one other:
 *
 *   "NAME": {"dtype": "F32", "shape": [64, 3, 3, 3], "data_offsets": [0, 6912]}
 *   "__metadata__": {"KEY": "TEXT", ...}
 *
 * data_offsets are the first byte and the one behind the last, counted from 8 + N.  A file is valid
 * if all of this holds; nothing is guessed or repaired, as every byte may be somebody else's:
 *
 *   - 2 <= N <= GGDM_ST_MAX_HEADER, and 8 + N is within the file;
 *   - the header is strict JSON (common/json.h): one object, no name twice;
 *   - a tensor has exactly these three members, in any order; its dtype is in the table below;
 *   - extents are integers >= 0, at most GGDM_MAX_DIMS of them; "[]" is a scalar, 0 is allowed;
 *   - its range has the bytes that shape and dtype ask for, computed without overflow;
 *   - sorted by their ranges, the tensors cover the data: no hole, no overlap, nothing behind them,
 *     so that a file that was cut or has something appended is noticed by its header alone;
 *   - all of "__metadata__" is texts.
 *
 * Values are not looked at (models/model_check.c does that), and the data need not be aligned:
 * where they are not, models/io/weights.c copies them.  A file is read header first
 * (ggdm_st_file_open), so that nothing more is read of one that cannot be what is wanted.
 *
 * What we write (safetensors_write.c): "__metadata__" first, if there is any, then tensors in the
 * given order, all F32 or all in one half precision, one behind the other; the header ends in
 * spaces so that 8 + N is a multiple of 64 bytes, which lets the data be used where they are read
 * to.  Same input, same bytes. */
#include "models/io/safetensors.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/utf8.h"

static const struct {
    const char *name;
    size_t size; /* bytes of an element */
} dtypes[] = {
    [GGDM_ST_BOOL] = {"BOOL", 1},       [GGDM_ST_U8] = {"U8", 1},
    [GGDM_ST_I8] = {"I8", 1},           [GGDM_ST_F8_E4M3] = {"F8_E4M3", 1},
    [GGDM_ST_F8_E5M2] = {"F8_E5M2", 1}, [GGDM_ST_I16] = {"I16", 2},
    [GGDM_ST_U16] = {"U16", 2},         [GGDM_ST_F16] = {"F16", 2},
    [GGDM_ST_BF16] = {"BF16", 2},       [GGDM_ST_I32] = {"I32", 4},
    [GGDM_ST_U32] = {"U32", 4},         [GGDM_ST_F32] = {"F32", 4},
    [GGDM_ST_F64] = {"F64", 8},         [GGDM_ST_I64] = {"I64", 8},
    [GGDM_ST_U64] = {"U64", 8},
};

/* --- reading --- */

static ggdm_status read_dtype(const ggdm_node *node, const char *where, ggdm_st_tensor *t,
                              ggdm_error *err)
{
    if (node->kind == GGDM_NODE_STRING)
        for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
            if (!strcmp(node->text, dtypes[i].name)) {
                t->dtype = (ggdm_st_dtype)i;
                return GGDM_OK;
            }
    return GGDM_FAIL(err, GGDM_EFORMAT,
                     "%s: tensor '%.200s': dtype '%.40s', expected \"F32\", \"BF16\", \"F16\", "
                     "\"I64\" or another of the format",
                     where, t->name, node->text);
}

static bool is_natural(const ggdm_node *node)
{
    return node->kind == GGDM_NODE_INT && !node->negative && node->magnitude <= INT64_MAX;
}

static ggdm_status read_shape(const ggdm_node *node, const char *where, ggdm_st_tensor *t,
                              ggdm_error *err)
{
    if (node->kind != GGDM_NODE_LIST)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: tensor '%.200s': 'shape' is not a list", where,
                         t->name);
    if (node->count > GGDM_MAX_DIMS)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "%s: tensor '%.200s': %zu dimensions, at most %d are supported", where,
                         t->name, node->count, GGDM_MAX_DIMS);
    t->shape = (ggdm_shape){(int)node->count, {1, 1, 1, 1}};
    int i = 0;
    for (const ggdm_node *d = node->first; d; d = d->next) {
        if (!is_natural(d))
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: tensor '%.200s': extent '%.40s', expected an integer >= 0", where,
                             t->name, d->text);
        t->shape.d[i++] = (int64_t)d->magnitude;
    }
    return GGDM_OK;
}

static ggdm_status read_range(const ggdm_node *node, const char *where, const char *data,
                              size_t data_size, ggdm_st_tensor *t, ggdm_error *err)
{
    const ggdm_node *begin = node->kind == GGDM_NODE_LIST ? node->first : NULL;
    const ggdm_node *end = begin ? begin->next : NULL;
    if (!end || end->next || !is_natural(begin) || !is_natural(end))
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: tensor '%.200s': 'data_offsets' is not a list of two integers >= 0",
                         where, t->name);
    uint64_t b = begin->magnitude, e = end->magnitude;
    if (b > e || e > data_size)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: tensor '%.200s': data_offsets [%" PRIu64 ", %" PRIu64
                         "], expected a range within the %zu bytes of data%s",
                         where, t->name, b, e, data_size,
                         e > data_size ? " (is the file truncated?)" : "");
    size_t want;
    if (!ggdm_shape_bytes(&t->shape, dtypes[t->dtype].size, &want))
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: tensor '%.200s': the shape overflows", where,
                         t->name);
    if (e - b != want) {
        char text[128];
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: tensor '%.200s': data_offsets span %" PRIu64
                         " bytes, expected %zu for %s %s",
                         where, t->name, e - b, want, dtypes[t->dtype].name,
                         ggdm_shape_text(&t->shape, text, sizeof text));
    }
    t->data = data + b;
    t->size = want;
    return GGDM_OK;
}

static ggdm_status read_tensor(const ggdm_node *node, const char *where, const char *data,
                               size_t data_size, ggdm_st_tensor *t, ggdm_error *err)
{
    t->name = node->key;
    if (ggdm_utf8_plain(t->name, strlen(t->name)) < strlen(t->name))
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: tensor '%.200s': expected a name without control characters", where,
                         t->name);
    const ggdm_node *dtype = ggdm_node_get(node, "dtype"), *shape = ggdm_node_get(node, "shape");
    const ggdm_node *range = ggdm_node_get(node, "data_offsets");
    if (node->kind != GGDM_NODE_MAP || !dtype || !shape || !range || node->count != 3)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: tensor '%.200s': expected an object of exactly 'dtype', 'shape' and "
                         "'data_offsets'",
                         where, t->name);
    GGDM_TRY(read_dtype(dtype, where, t, err));
    GGDM_TRY(read_shape(shape, where, t, err));
    return read_range(range, where, data, data_size, t, err);
}

static ggdm_status read_meta(const ggdm_node *node, const char *where, ggdm_safetensors *st,
                             ggdm_error *err)
{
    if (node->kind != GGDM_NODE_MAP)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: '__metadata__' is not an object", where);
    GGDM_TRY(ggdm_alloc(&st->meta, node->count, sizeof *st->meta, err));
    for (const ggdm_node *n = node->first; n; n = n->next) {
        if (n->kind != GGDM_NODE_STRING)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: '__metadata__': value of '%.200s' is not a string", where,
                             n->key);
        st->meta[st->n_meta++] = (ggdm_st_meta){n->key, n->text};
    }
    return GGDM_OK;
}

static int compare_range(const void *pa, const void *pb)
{
    const ggdm_st_tensor *a = pa, *b = pb;
    const char *da = a->data, *db = b->data;
    if (da != db)
        return da < db ? -1 : 1;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* The tensors must tile the data: no hole, no overlap, nothing left over. */
static ggdm_status check_tiling(ggdm_safetensors *st, const char *data, size_t size,
                                const char *where, ggdm_error *err)
{
    qsort(st->tensors, st->n_tensors, sizeof *st->tensors, compare_range);
    size_t at = 0;
    for (size_t i = 0; i < st->n_tensors; i++) {
        const ggdm_st_tensor *t = &st->tensors[i];
        size_t begin = (size_t)((const char *)t->data - data);
        if (begin != at)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: tensor '%.200s': begins at byte %zu of the data, expected %zu "
                             "(%s)",
                             where, t->name, begin, at,
                             begin < at ? "it overlaps another" : "hole");
        at = begin + t->size;
    }
    if (at != size)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: the tensors cover %zu bytes of data, the file has %zu", where, at,
                         size);
    return GGDM_OK;
}

static ggdm_status read_entries(ggdm_safetensors *st, const char *data, size_t size,
                                const char *where, ggdm_error *err)
{
    const ggdm_node *root = st->header->root;
    if (root->kind != GGDM_NODE_MAP)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: the header is not a JSON object", where);
    if (root->count > GGDM_ST_MAX_TENSORS)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: %zu tensors, at most %u are supported", where,
                         root->count, GGDM_ST_MAX_TENSORS);
    GGDM_TRY(ggdm_alloc(&st->tensors, root->count, sizeof *st->tensors, err));
    for (const ggdm_node *n = root->first; n; n = n->next) {
        if (!strcmp(n->key, "__metadata__"))
            GGDM_TRY(read_meta(n, where, st, err));
        else
            GGDM_TRY(read_tensor(n, where, data, size, &st->tensors[st->n_tensors++], err));
    }
    return check_tiling(st, data, size, where, err);
}

enum { BEGIN = 9 }; /* bytes that tell whether there is a header */

/* Does a file of size bytes begin with a header?  begin: its first BEGIN, if it has so many. */
static ggdm_status check_begin(const unsigned char *begin, size_t size, const char *where,
                               size_t *header, ggdm_error *err)
{
    if (size < 8)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: %zu bytes, expected a safetensors file (at least 8 bytes)", where,
                         size);
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | begin[i];
    if (n > GGDM_ST_MAX_HEADER || n > size - 8)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: header of %" PRIu64 " bytes in a file of %zu, expected a safetensors "
                         "file (header at most %u bytes, and within the file)",
                         where, n, size, GGDM_ST_MAX_HEADER);
    if (n < 2 || begin[8] != '{')
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: the header does not begin with '{'", where);
    *header = (size_t)n;
    return GGDM_OK;
}

ggdm_status ggdm_safetensors_parse(const void *bytes, size_t size, const char *where,
                                   ggdm_safetensors **out, ggdm_error *err)
{
    size_t n = 0;
    GGDM_TRY(check_begin(bytes, size, where, &n, err));
    const char *text = (const char *)bytes + 8;
    ggdm_safetensors *st = NULL;
    GGDM_TRY(ggdm_alloc(&st, 1, sizeof *st, err));
    ggdm_status status;
    GGDM_TRY_GOTO(status, ggdm_json_parse(text, n, GGDM_ST_MAX_HEADER, where, &st->header, err),
                  done);
    GGDM_TRY_GOTO(status, read_entries(st, text + n, size - 8 - n, where, err), done);
    *out = st;
    st = NULL;
done:
    ggdm_safetensors_destroy(&st);
    return status;
}

void ggdm_safetensors_destroy(ggdm_safetensors **st)
{
    if (!st || !*st)
        return;
    free((*st)->tensors);
    free((*st)->meta);
    ggdm_doc_destroy(&(*st)->header);
    free(*st);
    *st = NULL;
}

/* --- files --- */

static ggdm_status read_header(ggdm_st_file *f, ggdm_error *err)
{
    const char *path = f->file.path;
    const size_t size = f->file.size, n = size < BEGIN ? size : BEGIN;
    unsigned char begin[BEGIN];
    size_t header = 0;
    GGDM_TRY(ggdm_file_read(&f->file, 0, begin, n, err));
    GGDM_TRY(check_begin(begin, size, path, &header, err));
    f->data_at = 8 + header;
    GGDM_TRY(ggdm_bytes_reserve(&f->file, &f->bytes, err));
    char *bytes = f->bytes.data;
    GGDM_TRY(ggdm_file_read(&f->file, 0, bytes, f->data_at, err));
    return ggdm_safetensors_parse(bytes, size, path, &f->parsed, err);
}

ggdm_status ggdm_st_file_open(const char *path, ggdm_st_file *out, ggdm_error *err)
{
    *out = (ggdm_st_file){0};
    GGDM_TRY(ggdm_file_open(path, &out->file, err));
    ggdm_status st = read_header(out, err);
    if (st != GGDM_OK)
        ggdm_st_file_close(out);
    return st;
}

ggdm_status ggdm_st_file_read(ggdm_st_file *f, ggdm_error *err)
{
    return ggdm_bytes_read(&f->file, f->data_at, &f->bytes, err);
}

void ggdm_st_file_close(ggdm_st_file *f)
{
    ggdm_safetensors_destroy(&f->parsed);
    ggdm_bytes_deinit(&f->bytes);
    ggdm_file_close(&f->file);
}

const ggdm_st_tensor *ggdm_safetensors_find(const ggdm_safetensors *st, const char *name)
{
    for (size_t i = 0; i < st->n_tensors; i++)
        if (!strcmp(st->tensors[i].name, name))
            return &st->tensors[i];
    return NULL;
}

const char *ggdm_safetensors_meta(const ggdm_safetensors *st, const char *key)
{
    for (size_t i = 0; i < st->n_meta; i++)
        if (!strcmp(st->meta[i].key, key))
            return st->meta[i].value;
    return NULL;
}

ggdm_status ggdm_safetensors_check_float(const ggdm_st_tensor *t, const char *where,
                                         ggdm_error *err)
{
    if (t->dtype == GGDM_ST_F32 || t->dtype == GGDM_ST_F16 || t->dtype == GGDM_ST_BF16)
        return GGDM_OK;
    return GGDM_FAIL(
        err, GGDM_EUNSUPPORTED, "%s: tensor '%.200s': dtype %s, expected F32, F16 or BF16%s", where,
        t->name, dtypes[t->dtype].name,
        t->dtype == GGDM_ST_F64 ? " (to narrow it would round: convert it yourself)" : "");
}

bool ggdm_safetensors_is_float(ggdm_st_dtype dtype)
{
    return dtype == GGDM_ST_F32 || dtype == GGDM_ST_F16 || dtype == GGDM_ST_BF16 ||
           dtype == GGDM_ST_F64;
}

size_t ggdm_safetensors_dtype_size(ggdm_st_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *ggdm_safetensors_dtype_name(ggdm_st_dtype dtype)
{
    return dtypes[dtype].name;
}

static float from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Exact.  Multiplying moves the exponent's bias, subnormal numbers included. */
static float widen_f16(uint16_t h)
{
    uint32_t rest = h & 0x7fffu;
    float f = from_bits(rest << 13) * 0x1p112f;
    if (rest >= 0x7c00u) /* infinite or no number */
        f = from_bits(0x7f800000u | rest << 13);
    return h & 0x8000u ? -f : f;
}

static float widen_bf16(uint16_t h)
{
    return from_bits((uint32_t)h << 16);
}

/* What is beyond f32 becomes infinite. */
static void narrow_f64(const ggdm_st_tensor *t, float *out)
{
    for (size_t i = 0; i < t->size / sizeof(double); i++) {
        double d;
        memcpy(&d, (const char *)t->data + i * sizeof d, sizeof d);
        out[i] = (float)d;
    }
}

void ggdm_safetensors_to_f32(const ggdm_st_tensor *t, float *out)
{
    float (*const widen)(uint16_t) = t->dtype == GGDM_ST_F16 ? widen_f16 : widen_bf16;
    if (t->dtype == GGDM_ST_F32) {
        memcpy(out, t->data, t->size);
        return;
    }
    if (t->dtype == GGDM_ST_F64) {
        narrow_f64(t, out);
        return;
    }
    for (size_t i = 0; i < t->size / 2; i++) {
        uint16_t h; /* not necessarily aligned */
        memcpy(&h, (const char *)t->data + 2 * i, sizeof h);
        out[i] = widen(h);
    }
}

ggdm_status ggdm_safetensors_as_f32(const ggdm_st_tensor *t, const char *where, ggdm_error *err)
{
    if (t->dtype != GGDM_ST_F32)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: tensor '%.200s': dtype %s, expected F32",
                         where, t->name, dtypes[t->dtype].name);
    if ((uintptr_t)t->data % sizeof(float))
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "%s: tensor '%.200s': its data are not aligned to 4 bytes (write the file "
                         "again with its header padded)",
                         where, t->name);
    return GGDM_OK;
}
