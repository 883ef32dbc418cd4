#include "common/csv.h"

#include <string.h>

void ggdm_csv_put(FILE *f, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', f);
        fputc((unsigned char)*text, f);
    }
    fputc('"', f);
}
