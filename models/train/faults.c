#include "models/train/faults.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 240 /* bytes of one of several messages */ };

ggdm_status ggdm_faults_add(ggdm_faults *f, ggdm_error *err)
{
    char line[LONGEST + 4];
    if (err->code == GGDM_ENOMEM || err->code == GGDM_EFULL)
        return err->code;
    if (f->n++ == 0)
        f->first = *err;
    snprintf(line, sizeof line, "\n  %.*s", LONGEST, err->msg);
    if (f->shown + 1 == f->n && strlen(f->more) + strlen(line) < sizeof f->more) {
        strcat(f->more, line);
        f->shown++;
    }
    *err = (ggdm_error){0};
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
    return GGDM_FAIL(err, f->first.code,
                     "%.120s: %" PRId64 " of %" PRId64 " cannot be used:%s%s", where, f->n, n,
                     f->more, rest);
}
