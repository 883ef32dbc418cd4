#include "models/train/train_measures.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void ggdm_measures_add(ggdm_measures *measures, const char *format, ...)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    assert(measures->n < GGDM_MEASURES);
    char *name = measures->names[measures->n++];
    va_list ap;
    va_start(ap, format);
    vsnprintf(name, GGDM_MEASURE_NAME, format, ap);
    va_end(ap);
    for (char *p = name + strspn(name, plain); *p; p += strspn(p, plain))
        *p = '_';
}
