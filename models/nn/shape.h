/* Types of elements, and shapes. */
#ifndef GGDM_MODELS_NN_SHAPE_H
#define GGDM_MODELS_NN_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GGDM_MAX_DIMS 4

typedef enum ggdm_dtype { GGDM_F32, GGDM_BF16, GGDM_I32 } ggdm_dtype;

size_t ggdm_dtype_size(ggdm_dtype dtype);

typedef struct ggdm_shape {
    int n;                    /* number of dimensions, 1..4; 0: a single number */
    int64_t d[GGDM_MAX_DIMS]; /* extents, slowest first; unused ones are 1 */
} ggdm_shape;

#define GGDM_SHAPE0 ((ggdm_shape){0, {1, 1, 1, 1}})
#define GGDM_SHAPE1(a) ((ggdm_shape){1, {(a), 1, 1, 1}})
#define GGDM_SHAPE2(a, b) ((ggdm_shape){2, {(a), (b), 1, 1}})
#define GGDM_SHAPE3(a, b, c) ((ggdm_shape){3, {(a), (b), (c), 1}})
#define GGDM_SHAPE4(a, b, c, d) ((ggdm_shape){4, {(a), (b), (c), (d)}})

/** Number of elements. */
int64_t ggdm_shape_count(const ggdm_shape *s);
/** Bytes of so many elements of element bytes, for shapes that others wrote (extents >= 0).  False
 *  where they overflow; *out is then undefined. */
bool ggdm_shape_bytes(const ggdm_shape *s, size_t element, size_t *out);
/** Elements per image: everything but the first dimension. */
int64_t ggdm_shape_inner(const ggdm_shape *s);
bool ggdm_shape_equal(const ggdm_shape *a, const ggdm_shape *b);
/** "[2, 3, 4]" in a caller's buffer; returns it. */
const char *ggdm_shape_text(const ggdm_shape *s, char *text, size_t size);

#endif
