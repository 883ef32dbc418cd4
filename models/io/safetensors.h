/* Files of named tensors in the safetensors format, which safetensors.c specifies.  The reader
 * works on bytes in memory and trusts none of them. */
#ifndef GGDM_MODELS_IO_SAFETENSORS_H
#define GGDM_MODELS_IO_SAFETENSORS_H

#include <stddef.h>

#include "common/fields.h"
#include "common/fs.h"
#include "common/status.h"
#include "models/nn/graph.h"

#define GGDM_ST_MAX_HEADER (100u << 20) /* bytes */
#define GGDM_ST_MAX_TENSORS 65536u

typedef enum ggdm_st_dtype {
    GGDM_ST_BOOL,
    GGDM_ST_U8,
    GGDM_ST_I8,
    GGDM_ST_F8_E4M3,
    GGDM_ST_F8_E5M2,
    GGDM_ST_I16,
    GGDM_ST_U16,
    GGDM_ST_F16,
    GGDM_ST_BF16,
    GGDM_ST_I32,
    GGDM_ST_U32,
    GGDM_ST_F32,
    GGDM_ST_F64,
    GGDM_ST_I64,
    GGDM_ST_U64
} ggdm_st_dtype;

typedef struct ggdm_st_tensor {
    const char *name; /* owned by the ggdm_safetensors */
    ggdm_st_dtype dtype;
    ggdm_shape shape; /* n = 0 for a scalar "[]" */
    const void *data; /* into the caller's bytes; not necessarily aligned */
    size_t size;      /* bytes */
} ggdm_st_tensor;

typedef struct ggdm_st_meta {
    const char *key, *value;
} ggdm_st_meta;

/* A parsed file: tensors in the order of their data. */
typedef struct ggdm_safetensors {
    ggdm_st_tensor *tensors;
    size_t n_tensors;
    ggdm_st_meta *meta;
    size_t n_meta;
    ggdm_doc *header; /* storage of all names, keys and values */
} ggdm_safetensors;

/** Parse and check the size bytes of a whole file.  bytes is borrowed for the lifetime of *out;
 *  where names it in errors.
 *  Errors: GGDM_EFORMAT for anything the format does not allow, GGDM_EUNSUPPORTED for more than 4
 *  dimensions or more than GGDM_ST_MAX_TENSORS tensors, GGDM_ENOMEM. */
ggdm_status ggdm_safetensors_parse(const void *bytes, size_t size, const char *where,
                                   ggdm_safetensors **out, ggdm_error *err);
void ggdm_safetensors_destroy(ggdm_safetensors **st);

/* A file that is read in two steps: its header says what the whole must be, and nothing is read of
 * a file that is not that. */
typedef struct ggdm_st_file {
    ggdm_file file;
    ggdm_bytes bytes; /* of the whole file; the data are zeros until they are read */
    size_t data_at;   /* where they begin */
    ggdm_safetensors *parsed;
} ggdm_st_file;

/** Read and check the header of the file at path, which is borrowed.  Zeroed after an error.
 *  Errors: those of ggdm_file_open and ggdm_safetensors_parse. */
ggdm_status ggdm_st_file_open(const char *path, ggdm_st_file *out, ggdm_error *err);
/** Read the data.  Errors: GGDM_EIO. */
ggdm_status ggdm_st_file_read(ggdm_st_file *file, ggdm_error *err);
/** Safe on a zeroed file and twice. */
void ggdm_st_file_close(ggdm_st_file *file);

/** The tensor with this name, or NULL. */
const ggdm_st_tensor *ggdm_safetensors_find(const ggdm_safetensors *st, const char *name);

/** The metadata value of this key, or NULL. */
const char *ggdm_safetensors_meta(const ggdm_safetensors *st, const char *key);

/** Check that a tensor is F32, F16 or BF16.
 *  Errors: GGDM_EUNSUPPORTED naming the tensor and what was found. */
ggdm_status ggdm_safetensors_check_float(const ggdm_st_tensor *tensor, const char *where,
                                         ggdm_error *err);

/** Copy such a tensor to out, widened to f32: exactly.  Or an F64 one, which is rounded. */
void ggdm_safetensors_to_f32(const ggdm_st_tensor *tensor, float *out);

/** Is it one that ggdm_safetensors_to_f32 takes: F32, F16, BF16, F64? */
bool ggdm_safetensors_is_float(ggdm_st_dtype dtype);
/** Bytes of an element. */
size_t ggdm_safetensors_dtype_size(ggdm_st_dtype dtype);
/** "F32", "BF16" ... */
const char *ggdm_safetensors_dtype_name(ggdm_st_dtype dtype);

/** Check that a tensor can be used in place as f32: dtype F32, data aligned to 4 bytes.
 *  Errors: GGDM_EUNSUPPORTED naming the tensor and what was found. */
ggdm_status ggdm_safetensors_as_f32(const ggdm_st_tensor *tensor, const char *where,
                                    ggdm_error *err);

/** Write n f32 tensors and n_meta metadata pairs to path: first to a temporary file beside it,
 * which then replaces path (atomic; fsync before and after).  Tensors are stored in the given
 * order, the header is padded with spaces so that the data begin at a multiple of 64 bytes.  Same
 * input, same bytes. Errors: GGDM_EINVAL for a repeated name or a dtype other than f32, GGDM_EIO,
 * GGDM_ENOMEM. */
ggdm_status ggdm_safetensors_write(const char *path, const ggdm_tensor *tensors, size_t n,
                                   const ggdm_st_meta *meta, size_t n_meta, ggdm_error *err);

/** The same with the data rounded to F16 or BF16 (to nearest, ties to even; in F16 what is beyond
 *  65504 becomes infinite), or as they are (F32). */
ggdm_status ggdm_safetensors_write_as(const char *path, const ggdm_tensor *tensors, size_t n,
                                      ggdm_st_dtype dtype, const ggdm_st_meta *meta, size_t n_meta,
                                      ggdm_error *err);
/** That rounding, of finite numbers. */
void ggdm_safetensors_narrow(const float *in, size_t n, ggdm_st_dtype dtype, uint16_t *out);
/** What a finite number is once it has been written as this dtype (F32, F16, BF16). */
float ggdm_safetensors_rounded(float v, ggdm_st_dtype dtype);

/** The file that ggdm_safetensors_write would write, in memory, with zeros for data: *size bytes in
 *  *out (owned, 64-byte aligned), the first tensor's data at byte *data, the others packed behind
 *  them.  The tensors' own data are not read.  Errors: as above but GGDM_EIO. */
ggdm_status ggdm_safetensors_layout(const char *where, const ggdm_tensor *tensors, size_t n,
                                    const ggdm_st_meta *meta, size_t n_meta, char **out,
                                    size_t *data, size_t *size, ggdm_error *err);

#endif
