#include "coordinator/cmd/doctor.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const level_names[] = {"ok", "warn", "FAIL"};

void ggdm_doctor_say(ggdm_doctor *d, ggdm_found found, const char *topic, const char *format, ...)
{
    char text[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    d->found[found]++;
    if (!d->json) {
        printf("%-4s  %-16s %s\n", level_names[found], topic, text);
        return;
    }
    ggdm_json_begin_object(&d->j, NULL);
    ggdm_json_put_string(&d->j, "level", level_names[found]);
    ggdm_json_put_string(&d->j, "topic", topic);
    ggdm_json_put_string(&d->j, "text", text);
    ggdm_json_end(&d->j);
}
