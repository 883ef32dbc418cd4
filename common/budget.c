#include "common/budget.h"

#include <stdbool.h>

void ggdm_budget_init(ggdm_budget *b, size_t total)
{
    *b = (ggdm_budget){.total = total};
    pthread_mutex_init(&b->mutex, NULL);
    pthread_cond_init(&b->returned, NULL);
}

void ggdm_budget_deinit(ggdm_budget *b)
{
    pthread_cond_destroy(&b->returned);
    pthread_mutex_destroy(&b->mutex);
}

/* What is taken may be more than the total. */
static bool fits(const ggdm_budget *b, size_t bytes)
{
    return b->taken == 0 || (b->taken <= b->total && bytes <= b->total - b->taken);
}

void ggdm_budget_take(ggdm_budget *b, size_t bytes)
{
    pthread_mutex_lock(&b->mutex);
    while (!fits(b, bytes))
        pthread_cond_wait(&b->returned, &b->mutex);
    b->taken += bytes;
    pthread_mutex_unlock(&b->mutex);
}

void ggdm_budget_give(ggdm_budget *b, size_t bytes)
{
    pthread_mutex_lock(&b->mutex);
    b->taken -= bytes;
    pthread_cond_broadcast(&b->returned);
    pthread_mutex_unlock(&b->mutex);
}
