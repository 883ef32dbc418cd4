#include "models/train/faults.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 240 /* bytes of one of several messages */ };

ggdm_status ggdm_faults_note(ggdm_faults *f, ggdm_error *own, ggdm_error *err)
{
    char line[LONGEST + 4];
    if (own->code == GGDM_OK)
        return GGDM_OK;
    if (own->code == GGDM_ENOMEM) {
        if (err)
            *err = *own;
        return own->code;
    }
    if (f->n++ == 0)
        f->first = *own;
    snprintf(line, sizeof line, "\n  %.*s", LONGEST, own->msg);
    if (f->shown + 1 == f->n && strlen(f->more) + strlen(line) < sizeof f->more) {
        strcat(f->more, line);
        f->shown++;
    }
    *own = (ggdm_error){0};
    return GGDM_OK;
}

ggdm_status ggdm_faults_tell(const ggdm_faults *f, const char *where, int64_t n, ggdm_error *err)
{
    char rest[40] = "";
    if (f->n == 0)
        return GGDM_OK;
    if (f->n == 1) {
        if (err)
            *err = f->first;
        return f->first.code;
    }
    if (f->n > f->shown)
        snprintf(rest, sizeof rest, "\n  and %" PRId64 " more", f->n - f->shown);
    return GGDM_FAIL(err, f->first.code, "%.120s: %" PRId64 " of %" PRId64 " cannot be used:%s%s",
                     where, f->n, n, f->more, rest);
}
