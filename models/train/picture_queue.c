#include "models/train/picture_queue.h"

#include <stdlib.h>

#include "common/budget.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "models/train/picture.h"

enum { MOST = 256, MOST_BYTES = 64 << 20, PATIENCE = 10 /* seconds */ };
/* Bytes that all threads may take; one picture may always. */
#define DECODE_MEMORY ((size_t)1 << 30)

static void drop_all(ggdm_picture_queue *q)
{
    for (size_t k = 0; k < q->n; k++) {
        free(q->items[k].bytes);
        free(q->items[k].where);
    }
    q->n = 0;
    q->bytes = 0;
}

ggdm_status ggdm_picture_queue_add(ggdm_picture_queue *q, int32_t i, char *bytes, size_t size,
                                   const char *where, ggdm_error *err)
{
    char *copy = NULL;
    ggdm_status st = ggdm_grow(&q->items, &q->cap, q->n + 1, sizeof *q->items, err);
    if (st == GGDM_OK)
        st = ggdm_strdup(where, &copy, err);
    if (st != GGDM_OK) {
        free(bytes);
        return st;
    }
    q->items[q->n++] = (ggdm_queued){bytes, copy, size, i};
    q->bytes += size;
    return q->n < MOST && q->bytes < MOST_BYTES ? GGDM_OK : ggdm_picture_queue_flush(q, err);
}

static void decode(const ggdm_picture_queue *q, size_t k, ggdm_budget *memory, ggdm_error *err)
{
    const ggdm_images *out = q->images;
    const ggdm_queued *p = &q->items[k];
    const size_t one = (size_t)out->width * (size_t)out->height * (size_t)out->channels;
    const size_t needs = ggdm_picture_memory(p->bytes, p->size);
    ggdm_budget_take(memory, needs);
    (void)ggdm_picture_take(p->bytes, p->size, p->where, q->want, out->pixels + (size_t)p->i * one,
                            err);
    ggdm_budget_give(memory, needs);
}

static void tell(ggdm_picture_queue *q)
{
    const double now = ggdm_now();
    q->done += (int32_t)q->n;
    if (q->told > 0 && now - q->told < PATIENCE)
        return;
    if (q->told > 0 && q->want->tells)
        ggdm_log(GGDM_LOG_INFO, "%d of %d pictures are decoded", q->done, q->images->n);
    q->told = now;
}

ggdm_status ggdm_picture_queue_flush(ggdm_picture_queue *q, ggdm_error *err)
{
    ggdm_error *own = NULL;
    ggdm_budget memory;
    ggdm_budget_init(&memory, DECODE_MEMORY);
    ggdm_status st = ggdm_alloc(&own, q->n, sizeof *own, err);
    const int64_t n = st == GGDM_OK ? (int64_t)q->n : 0;
#pragma omp parallel for schedule(dynamic)
    for (int64_t k = 0; k < n; k++)
        decode(q, (size_t)k, &memory, &own[k]);
    for (int64_t k = 0; k < n && st == GGDM_OK; k++)
        st = ggdm_faults_note(q->faults, &own[k], err);
    free(own);
    ggdm_budget_deinit(&memory);
    tell(q);
    drop_all(q);
    return st;
}

void ggdm_picture_queue_deinit(ggdm_picture_queue *q)
{
    drop_all(q);
    free(q->items);
    q->items = NULL;
    q->cap = 0;
}
