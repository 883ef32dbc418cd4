#include "models/nn/attend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/nn/kernels.h"

/* Scores of a block, of f32: what stays in the second-level cache, and 512 x 512 whole. */
#define BLOCK_SCORES (256 << 10)
#define MIN_ROWS 16 /* positions of a block, however many keys there are */

/* The products of a head: tokens [., width] are rows of channels, weights [rows, keys] and scores
 * are dense. */
typedef enum product {
    TO_SCORES,  /* tokens of positions with tokens of keys, turned: f32 scores */
    BY_WEIGHTS, /* weights with tokens of keys: tokens of positions */
    BY_TURNED,  /* weights, turned, with tokens of positions: tokens of keys */
    PRODUCTS
} product;

struct ggdm_attend {
    ggdm_attend_shape shape;
    int64_t width;                 /* channels of a head */
    int64_t together;              /* heads of a piece */
    int64_t rows, blocks;          /* positions of a block, the last may have fewer; their number */
    ggdm_prim *prims[2][PRODUCTS]; /* owned; of a block, and of the last one */
    /* scratch of a seat: offsets of its parts; all of it */
    size_t weights_at, gradient_at, key_sums_at, value_sums_at, prim_at, seat_bytes;
};

/* ---- building ---- */

/* Heads that are computed together: one, or all where a head has one channel, as oneDNN 3.7 returns
 * wrong numbers for single columns with a stride. */
static int64_t heads_together(const ggdm_attend_shape *s)
{
    return s->channels == s->heads.n ? s->heads.n : 1;
}

static void cut_blocks(ggdm_attend *a)
{
    const int64_t t = a->shape.positions, row = a->shape.keys * a->together;
    int64_t rows = BLOCK_SCORES / row;
    if (rows < MIN_ROWS)
        rows = MIN_ROWS;
    a->blocks = (t + rows - 1) / rows;
    a->rows = (t + a->blocks - 1) / a->blocks;
    a->blocks = (t + a->rows - 1) / a->rows;
}

static int64_t rows_of(const ggdm_attend *a, int64_t block)
{
    const int64_t left = a->shape.positions - block * a->rows;
    return left < a->rows ? left : a->rows;
}

/* Sums over several blocks are f32. */
static bool sums(const ggdm_attend *a)
{
    return a->shape.gradient && a->blocks > 1;
}

static ggdm_matmul_shape product_shape(const ggdm_attend *a, product what, int64_t rows)
{
    const int64_t keys = a->shape.keys, d = a->width, c = a->shape.channels;
    const ggdm_dtype dtype = a->shape.dtype;
    ggdm_matmul_shape s = {.b = a->together, .m = rows, .dtype = dtype, .c_dtype = dtype};
    const int64_t tokens[3] = {d, c, 1}, tokens_turned[3] = {d, 1, c};
    const int64_t weights[3] = {rows * keys, keys, 1}, weights_turned[3] = {rows * keys, 1, keys};
    const int64_t summed[3] = {d, a->together * d, 1};
    const int64_t *strides[PRODUCTS][3] = {
        {tokens, tokens_turned, weights},
        {weights, tokens, tokens},
        {weights_turned, tokens, sums(a) ? summed : tokens},
    };
    s.n = what == TO_SCORES ? keys : d;
    s.k = what == TO_SCORES ? d : keys;
    if (what == TO_SCORES)
        s.c_dtype = GGDM_F32;
    if (what == BY_TURNED) {
        s.m = keys;
        s.k = rows;
        s.add = sums(a);
        s.c_dtype = s.add ? GGDM_F32 : dtype;
    }
    memcpy(s.a_strides, strides[what][0], sizeof s.a_strides);
    memcpy(s.b_strides, strides[what][1], sizeof s.b_strides);
    memcpy(s.c_strides, strides[what][2], sizeof s.c_strides);
    return s;
}

static ggdm_status make_prims(ggdm_attend *a, ggdm_error *err)
{
    const int64_t rows[2] = {a->rows, rows_of(a, a->blocks - 1)};
    const int sets = rows[1] == rows[0] ? 1 : 2;
    const product last = a->shape.gradient ? BY_TURNED : BY_WEIGHTS;
    for (int set = 0; set < sets; set++)
        for (product what = 0; what <= last; what++) {
            const ggdm_matmul_shape s = product_shape(a, what, rows[set]);
            GGDM_TRY(ggdm_prim_matmul(&s, &a->prims[set][what], err));
        }
    return GGDM_OK;
}

static void lay_out_scratch(ggdm_attend *a)
{
    const size_t scores = (size_t)(a->together * a->rows * a->shape.keys);
    const size_t weights = ggdm_align_up(scores * ggdm_dtype_size(a->shape.dtype));
    const size_t tokens =
        ggdm_align_up((size_t)(a->together * a->width * a->shape.keys) * sizeof(float));
    a->weights_at = ggdm_align_up(scores * sizeof(float));
    a->gradient_at = a->weights_at + weights;
    a->key_sums_at = a->gradient_at + (a->shape.gradient ? weights : 0);
    a->value_sums_at = a->key_sums_at + (sums(a) ? tokens : 0);
    a->prim_at = a->value_sums_at + (sums(a) ? tokens : 0);
    size_t most = 0;
    for (int i = 0; i < 2 * PRODUCTS; i++) {
        const ggdm_prim *prim = a->prims[i / PRODUCTS][i % PRODUCTS];
        if (prim && ggdm_prim_scratch(prim) > most)
            most = ggdm_prim_scratch(prim);
    }
    a->seat_bytes = a->prim_at + most;
}

ggdm_status ggdm_attend_create(const ggdm_attend_shape *s, ggdm_attend **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    ggdm_attend *a = *out;
    a->shape = *s;
    a->width = s->channels / s->heads.n;
    a->together = heads_together(s);
    cut_blocks(a);
    ggdm_status st = make_prims(a, err);
    if (st == GGDM_OK)
        lay_out_scratch(a);
    else
        ggdm_attend_destroy(out);
    return st;
}

void ggdm_attend_destroy(ggdm_attend **attend)
{
    if (!*attend)
        return;
    for (int i = 0; i < 2 * PRODUCTS; i++)
        ggdm_prim_destroy(&(*attend)->prims[i / PRODUCTS][i % PRODUCTS]);
    free(*attend);
    *attend = NULL;
}

size_t ggdm_attend_scratch(const ggdm_attend *a)
{
    return a->seat_bytes;
}

/* ---- running ---- */

typedef struct attend_call {
    const ggdm_attend *a;
    const ggdm_attend_data *data;
    char *scratch;
    size_t step; /* from a seat's scratch to the next one's */
} attend_call;

/* A block of a head (or of those that go together) in a seat. */
typedef struct place {
    const attend_call *call;
    int64_t image, head, block;
    int seat;
} place;

static void *scratch_of(const place *p, size_t at)
{
    return p->call->scratch + (size_t)p->seat * p->call->step + at;
}

/* The head's tokens in x, from a block of positions on, or of keys (block 0). */
static void *tokens_of(const place *p, const void *x, int64_t per_image, int64_t block)
{
    const ggdm_attend *a = p->call->a;
    const int64_t token = p->image * per_image + block * a->rows;
    return (char *)x + (size_t)(token * a->shape.channels + p->head * a->width) *
                           ggdm_dtype_size(a->shape.dtype);
}

static void *of_positions(const place *p, const void *x)
{
    return tokens_of(p, x, p->call->a->shape.positions, p->block);
}

static void *of_keys(const place *p, const void *x)
{
    return tokens_of(p, x, p->call->a->shape.keys, 0);
}

static void multiply(const place *p, product what, const void *x, const void *y, void *z)
{
    const ggdm_attend *a = p->call->a;
    const bool other = a->prims[1][0] && p->block == a->blocks - 1;
    ggdm_prim_run(a->prims[other][what], p->seat, x, y, z, NULL, scratch_of(p, a->prim_at));
}

/* How many keys, the first ones, position t looks at. */
static int64_t keys_seen(const place *p, int64_t t)
{
    const ggdm_attend_shape *s = &p->call->a->shape;
    const int32_t *n_keys = p->call->data->n_keys;
    int64_t keys = s->heads.causal && t + 1 < s->keys ? t + 1 : s->keys;
    if (n_keys && n_keys[p->image] < keys)
        keys = n_keys[p->image];
    return keys < 0 ? 0 : keys;
}

/* Row r of the weights: the softmax of its scores, or the gradient of that to its scores. */
static void weigh_row(const place *p, int64_t r, bool gradient)
{
    const ggdm_attend *a = p->call->a;
    const int64_t all = a->shape.keys, rows = rows_of(a, p->block);
    const int64_t keys = keys_seen(p, p->block * a->rows + r % rows);
    const size_t size = ggdm_dtype_size(a->shape.dtype), at = (size_t)(r * all) * size;
    const float scale = (float)(1 / sqrt((double)a->width));
    float *scores = (float *)scratch_of(p, 0) + r * all;
    char *weights = (char *)scratch_of(p, a->weights_at) + at;
    char *to = gradient ? (char *)scratch_of(p, a->gradient_at) + at : weights;
    const ggdm_kernels *k = ggdm_kernels_of(a->shape.dtype);
    if (keys > 0 && gradient)
        k->softmax_bwd(weights, scores, to, 1, keys, scale);
    else if (keys > 0)
        k->softmax(scores, to, 1, keys, scale);
    memset(to + (size_t)keys * size, 0, (size_t)(all - keys) * size);
}

static void weigh(const place *p, bool gradient)
{
    const int64_t rows = p->call->a->together * rows_of(p->call->a, p->block);
    for (int64_t r = 0; r < rows; r++)
        weigh_row(p, r, gradient);
}

/* The scores and from them the weights of a block. */
static void make_weights(const place *p)
{
    const ggdm_attend_data *d = p->call->data;
    multiply(p, TO_SCORES, of_positions(p, d->q), of_keys(p, d->k), scratch_of(p, 0));
    weigh(p, false);
}

static void run_forward(const void *with, int64_t piece, int seat)
{
    const attend_call *call = with;
    const ggdm_attend *a = call->a;
    const int64_t heads = a->shape.heads.n / a->together, head = piece / a->blocks;
    const place p = {call, head / heads, head % heads * a->together, piece % a->blocks, seat};
    make_weights(&p);
    multiply(&p, BY_WEIGHTS, scratch_of(&p, a->weights_at), of_keys(&p, call->data->v),
             of_positions(&p, call->data->y));
}

/* What a block adds to the gradient of keys or values: weights, turned, with tokens. */
static void add_to(const place *p, void *out, size_t sums_at, size_t weights_at, const void *tokens)
{
    if (out)
        multiply(p, BY_TURNED, scratch_of(p, weights_at), of_positions(p, tokens),
                 sums(p->call->a) ? scratch_of(p, sums_at) : of_keys(p, out));
}

static void gradient_of_block(const place *p)
{
    const ggdm_attend *a = p->call->a;
    const ggdm_attend_data *d = p->call->data;
    make_weights(p);
    multiply(p, TO_SCORES, of_positions(p, d->gy), of_keys(p, d->v), scratch_of(p, 0));
    weigh(p, true);
    if (d->gq)
        multiply(p, BY_WEIGHTS, scratch_of(p, a->gradient_at), of_keys(p, d->k),
                 of_positions(p, d->gq));
    add_to(p, d->gk, a->key_sums_at, a->gradient_at, d->q);
    add_to(p, d->gv, a->value_sums_at, a->weights_at, d->gy);
}

/* Sums over the blocks, in the dtype of the tensors. */
static void store_sums(const place *p, size_t sums_at, void *out)
{
    const ggdm_attend *a = p->call->a;
    const int64_t n = a->together * a->width;
    const size_t row = (size_t)a->shape.channels * ggdm_dtype_size(a->shape.dtype);
    const float *from = scratch_of(p, sums_at);
    char *to = of_keys(p, out);
    for (int64_t key = 0; out && key < a->shape.keys; key++)
        ggdm_kernels_of(a->shape.dtype)->from_f32(from + key * n, to + (size_t)key * row, n);
}

static void run_gradient(const void *with, int64_t piece, int seat)
{
    const attend_call *call = with;
    const ggdm_attend *a = call->a;
    const int64_t heads = a->shape.heads.n / a->together;
    place p = {call, piece / heads, piece % heads * a->together, 0, seat};
    memset(scratch_of(&p, a->key_sums_at), 0, a->prim_at - a->key_sums_at);
    for (; p.block < a->blocks; p.block++)
        gradient_of_block(&p);
    if (sums(a)) {
        store_sums(&p, a->key_sums_at, call->data->gk);
        store_sums(&p, a->value_sums_at, call->data->gv);
    }
}

void ggdm_attend_run(const ggdm_attend *a, const ggdm_attend_data *data, int64_t images, int seat,
                     void *scratch)
{
    const attend_call call = {a, data, scratch, seat < 0 ? a->seat_bytes : 0};
    const int64_t heads = images * a->shape.heads.n / a->together;
    if (a->shape.gradient)
        ggdm_prim_share(a->prims[0][0], seat, heads, run_gradient, &call);
    else
        ggdm_prim_share(a->prims[0][0], seat, heads * a->blocks, run_forward, &call);
}
