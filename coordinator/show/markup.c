#include "coordinator/show/markup.h"

#include <math.h>

enum { NUMBER_SIZE = 40 };

void ggdm_markup_put_text(FILE *f, const ggdm_markup *m, int32_t column, const char *text)
{
    m->begin_entry(f, column);
    if (*text)
        m->text(f, text);
    else
        m->none(f);
}

void ggdm_markup_put_number(FILE *f, const ggdm_markup *m, const ggdm_table_head *head,
                            int32_t column, const double value[3], int decimals)
{
    char texts[3][NUMBER_SIZE];
    const bool interval = isfinite(value[1]) && isfinite(value[2]);
    m->begin_entry(f, column);
    if (isnan(value[0])) {
        m->none(f);
        return;
    }
    for (int i = 0; i < 3; i++) {
        const bool plain = fabs(value[i]) < 1e12;
        snprintf(texts[i], NUMBER_SIZE, plain ? "%.*f" : "%.*g", plain ? decimals : 4, value[i]);
    }
    m->number(f, head, texts[0], interval ? texts[1] : NULL, interval ? texts[2] : NULL);
}
