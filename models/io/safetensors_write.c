/* Files in the safetensors format (safetensors.c), written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "common/mem.h"
#include "common/temp.h"
#include "models/io/safetensors.h"

/* --- half precision --- */

static uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* The upper part of bits without its last `drop` ones, rounded to nearest, ties to even. */
static uint32_t rounded(uint32_t bits, unsigned drop)
{
    const uint32_t half = 1u << (drop - 1), odd = bits >> drop & 1;
    return (bits + half - 1 + odd) >> drop;
}

static uint16_t narrow_bf16(float v)
{
    return (uint16_t)rounded(bits_of(v), 16);
}

/* 1 sign, 5 exponent (bias 15), 10 fraction; below 2^-14 fixed point in steps of 2^-24. */
static uint16_t narrow_f16(float v)
{
    const uint32_t bits = bits_of(v), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size >= 0x47800000) /* 2^16 and more, infinity */
        return (uint16_t)(sign | 0x7c00);
    if (size >= 0x38800000) /* 2^-14; what rounds up to 2^16 becomes infinity by itself */
        return (uint16_t)(sign | rounded(size - (112u << 23), 13));
    const unsigned shift = 126 - (size >> 23); /* of the 24 bits with the hidden one */
    if (shift > 25)
        return (uint16_t)sign;
    return (uint16_t)(sign | rounded((size & 0x7fffff) | 0x800000, shift));
}

void ggdm_safetensors_narrow(const float *in, size_t n, ggdm_st_dtype dtype, uint16_t *out)
{
    uint16_t (*const narrow)(float) = dtype == GGDM_ST_F16 ? narrow_f16 : narrow_bf16;
    for (size_t i = 0; i < n; i++)
        out[i] = narrow(in[i]);
}

float ggdm_safetensors_rounded(float v, ggdm_st_dtype dtype)
{
    uint16_t half;
    const ggdm_st_tensor one = {"", dtype, GGDM_SHAPE1(1), &half, sizeof half};
    if (dtype == GGDM_ST_F32)
        return v;
    ggdm_safetensors_narrow(&v, 1, dtype, &half);
    ggdm_safetensors_to_f32(&one, &v);
    return v;
}

/* --- the header --- */

static int compare_names(const void *pa, const void *pb)
{
    return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

static ggdm_status check_names(const ggdm_tensor *tensors, size_t n, const char *path,
                               ggdm_error *err)
{
    const char **names = NULL;
    GGDM_TRY(ggdm_alloc(&names, n, sizeof *names, err));
    for (size_t i = 0; i < n; i++)
        names[i] = tensors[i].name;
    qsort(names, n, sizeof *names, compare_names);
    ggdm_status st = GGDM_OK;
    for (size_t i = 1; i < n && st == GGDM_OK; i++)
        if (!strcmp(names[i - 1], names[i]))
            st = GGDM_FAIL(err, GGDM_EINVAL, "%s: two tensors named '%s'", path, names[i]);
    free(names);
    return st;
}

static void write_entry(ggdm_json *j, const ggdm_tensor *t, ggdm_st_dtype dtype, size_t begin,
                        size_t end)
{
    ggdm_json_begin_object(j, t->name);
    ggdm_json_put_string(j, "dtype", ggdm_safetensors_dtype_name(dtype));
    ggdm_json_begin_array(j, "shape");
    for (int k = 0; k < t->shape.n; k++)
        ggdm_json_put_int(j, NULL, t->shape.d[k]);
    ggdm_json_end(j);
    ggdm_json_begin_array(j, "data_offsets");
    ggdm_json_put_uint(j, NULL, begin);
    ggdm_json_put_uint(j, NULL, end);
    ggdm_json_end(j);
    ggdm_json_end(j);
}

/* The header's JSON text (owned) and the size of the data. */
static ggdm_status make_header(const char *path, const ggdm_tensor *tensors, size_t n,
                               ggdm_st_dtype dtype, const ggdm_st_meta *meta, size_t n_meta,
                               char **text, size_t *size, size_t *data_size, ggdm_error *err)
{
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_begin_object(&j, NULL);
    if (n_meta) {
        ggdm_json_begin_object(&j, "__metadata__");
        for (size_t i = 0; i < n_meta; i++)
            ggdm_json_put_string(&j, meta[i].key, meta[i].value);
        ggdm_json_end(&j);
    }
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t bytes;
        if (tensors[i].dtype != GGDM_F32 ||
            !ggdm_shape_bytes(&tensors[i].shape, ggdm_safetensors_dtype_size(dtype), &bytes) ||
            bytes > SIZE_MAX / 2 - at) {
            ggdm_json_deinit(&j);
            return GGDM_FAIL(err, GGDM_EINVAL, "%s: tensor '%s' cannot be written: %s", path,
                             tensors[i].name,
                             tensors[i].dtype != GGDM_F32 ? "it is not f32" : "it is too large");
        }
        write_entry(&j, &tensors[i], dtype, at, at + bytes);
        at += bytes;
    }
    ggdm_json_end(&j);
    *data_size = at;
    return ggdm_json_finish(&j, text, size, err);
}

/* --- the file --- */

/* In memory, with zeros for data, which begin at byte *data. */
static ggdm_status lay_out(const char *where, const ggdm_tensor *tensors, size_t n,
                           ggdm_st_dtype dtype, const ggdm_st_meta *meta, size_t n_meta, char **out,
                           size_t *data, size_t *size, ggdm_error *err)
{
    char *text = NULL, *file = NULL;
    size_t text_size = 0, data_size = 0;
    ggdm_status st;
    GGDM_TRY(check_names(tensors, n, where, err));
    GGDM_TRY_GOTO(
        st, make_header(where, tensors, n, dtype, meta, n_meta, &text, &text_size, &data_size, err),
        done);
    *data = ggdm_align_up(8 + text_size);
    *size = *data + data_size;
    GGDM_TRY_GOTO(st, ggdm_alloc(&file, *size, 1, err), done);
    for (int i = 0; i < 8; i++)
        file[i] = (char)((uint64_t)(*data - 8) >> (8 * i) & 0xff);
    memcpy(file + 8, text, text_size);
    memset(file + 8 + text_size, ' ', *data - 8 - text_size);
    *out = file;
done:
    free(text);
    return st;
}

ggdm_status ggdm_safetensors_layout(const char *where, const ggdm_tensor *tensors, size_t n,
                                    const ggdm_st_meta *meta, size_t n_meta, char **out,
                                    size_t *data, size_t *size, ggdm_error *err)
{
    return lay_out(where, tensors, n, GGDM_ST_F32, meta, n_meta, out, data, size, err);
}

ggdm_status ggdm_safetensors_write_as(const char *path, const ggdm_tensor *tensors, size_t n,
                                      ggdm_st_dtype dtype, const ggdm_st_meta *meta, size_t n_meta,
                                      ggdm_error *err)
{
    char *file = NULL;
    size_t at = 0, size = 0;
    GGDM_TRY(lay_out(path, tensors, n, dtype, meta, n_meta, &file, &at, &size, err));
    for (size_t i = 0; i < n; i++) {
        const size_t count = (size_t)ggdm_shape_count(&tensors[i].shape);
        if (dtype == GGDM_ST_F32 && count)
            memcpy(file + at, tensors[i].data, count * sizeof(float));
        else if (count)
            ggdm_safetensors_narrow(tensors[i].data, count, dtype, (uint16_t *)(void *)(file + at));
        at += count * ggdm_safetensors_dtype_size(dtype);
    }
    ggdm_status st = ggdm_replace_file(path, file, size, err);
    free(file);
    return st;
}

ggdm_status ggdm_safetensors_write(const char *path, const ggdm_tensor *tensors, size_t n,
                                   const ggdm_st_meta *meta, size_t n_meta, ggdm_error *err)
{
    return ggdm_safetensors_write_as(path, tensors, n, GGDM_ST_F32, meta, n_meta, err);
}
