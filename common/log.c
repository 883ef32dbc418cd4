#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

static int log_rank = -1;

void ggdm_log_set_rank(int rank)
{
    log_rank = rank;
}

static ggdm_log_level threshold(void)
{
    const char *name = getenv("GGDM_LOG");
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (int i = 0; name && i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return (ggdm_log_level)i;
    return GGDM_LOG_INFO;
}

bool ggdm_log_shows(ggdm_log_level level)
{
    return level <= threshold();
}

void ggdm_log(ggdm_log_level level, const char *format, ...)
{
    static const char *const labels[] = {"error: ", "warning: ", "", "debug: "};
    if (!ggdm_log_shows(level))
        return;
    char raw[2000], text[4 * sizeof raw];
    va_list ap;
    va_start(ap, format);
    vsnprintf(raw, sizeof raw, format, ap);
    va_end(ap);
    ggdm_utf8_show(raw, text, sizeof text); /* names in files may hold what terminals obey */
    /* One call, so that lines of several ranks do not mix. */
    if (log_rank >= 0)
        fprintf(stderr, "ggdm[%d] %s%s\n", log_rank, labels[level], text);
    else
        fprintf(stderr, "ggdm: %s%s\n", labels[level], text);
}
