#include "common/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

ggdm_status ggdm_fail(ggdm_error *err, ggdm_status code, const char *file, int line,
                      const char *format, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, format);
        err->code = code;
        err->file = file;
        err->line = line;
        vsnprintf(err->msg, sizeof err->msg, format, ap);
        va_end(ap);
    }
    return code;
}

ggdm_status ggdm_errno_status(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EFBIG ? GGDM_EFULL
           : number == ENOMEM                                      ? GGDM_ENOMEM
                                                                   : GGDM_EIO;
}

ggdm_status ggdm_fail_errno(ggdm_error *err, int number, const char *file, int line,
                            const char *format, ...)
{
    char what[sizeof err->msg];
    va_list ap;
    va_start(ap, format);
    vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    return ggdm_fail(err, ggdm_errno_status(number), file, line, "%s: %s", what, strerror(number));
}

ggdm_status ggdm_error_prefix(ggdm_error *err, const char *format, ...)
{
    if (!err)
        return GGDM_EINTERNAL;
    char old[sizeof err->msg];
    memcpy(old, err->msg, sizeof old);
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(err->msg, sizeof err->msg, format, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->msg &&
        snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", old) < 0)
        err->msg[n] = '\0'; /* a message that is too long is cut */
    return err->code;
}

static const struct {
    const char *text;
    int exit_code;
} status_table[GGDM_N_STATUS] = {
    [GGDM_OK] = {"ok", GGDM_EXIT_OK},
    [GGDM_EINVAL] = {"invalid input", GGDM_EXIT_USAGE},
    [GGDM_ENOMEM] = {"out of memory", GGDM_EXIT_INTERNAL},
    [GGDM_EIO] = {"input/output error", GGDM_EXIT_USAGE},
    [GGDM_EFORMAT] = {"malformed data", GGDM_EXIT_USAGE},
    [GGDM_ESHAPE] = {"shapes do not fit", GGDM_EXIT_USAGE},
    [GGDM_EUNSUPPORTED] = {"not supported", GGDM_EXIT_USAGE},
    [GGDM_ESTATE] = {"not allowed now", GGDM_EXIT_USAGE},
    [GGDM_ECOMM] = {"communication failed", GGDM_EXIT_INTERRUPTED},
    [GGDM_ESTORE] = {"job store failed", GGDM_EXIT_INTERNAL},
    [GGDM_ENUMERIC] = {"not finite", GGDM_EXIT_INTERNAL},
    [GGDM_ECANCELLED] = {"interrupted", GGDM_EXIT_INTERRUPTED},
    [GGDM_EINTERNAL] = {"internal error", GGDM_EXIT_INTERNAL},
    [GGDM_EFULL] = {"no space left", GGDM_EXIT_INTERRUPTED},
};

const char *ggdm_status_text(ggdm_status code)
{
    size_t i = (size_t)code;
    return i < GGDM_N_STATUS ? status_table[i].text : "unknown status";
}

int ggdm_exit_code(ggdm_status code)
{
    size_t i = (size_t)code;
    return i < GGDM_N_STATUS ? status_table[i].exit_code : GGDM_EXIT_INTERNAL;
}
