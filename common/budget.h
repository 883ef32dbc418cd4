/* Memory that threads share: who wants more than is left waits until others have given it back. */
#ifndef GGDM_COMMON_BUDGET_H
#define GGDM_COMMON_BUDGET_H

#include <pthread.h>
#include <stddef.h>

typedef struct ggdm_budget {
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    size_t total, taken; /* bytes */
} ggdm_budget;

/** Nothing of total bytes is taken. */
void ggdm_budget_init(ggdm_budget *b, size_t total);
/** Once nobody uses it. */
void ggdm_budget_deinit(ggdm_budget *b);

/** Wait until there are as many bytes, or, where they are more than the total, until nothing is
 *  taken; take them.  Any thread. */
void ggdm_budget_take(ggdm_budget *b, size_t bytes);
/** Give back what was taken. */
void ggdm_budget_give(ggdm_budget *b, size_t bytes);

#endif
