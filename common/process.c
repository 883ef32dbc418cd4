#include "common/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* First word of a file, "-" when there is none. */
static void first_word(const char *path, char out[GGDM_PROCESS_TEXT])
{
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%79s", out) != 1)
        snprintf(out, GGDM_PROCESS_TEXT, "-");
    if (f)
        fclose(f);
}

int64_t ggdm_process_started(int64_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    const char *at = strrchr(text, ')'); /* the name may hold anything */
    char state = 0;
    long long ticks = 0;
    if (!at || sscanf(at + 1,
                      " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                      "%*d %*d %*d %lld",
                      &state, &ticks) != 2)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : ticks + 1;
}

void ggdm_process_self(ggdm_process *out)
{
    *out = (ggdm_process){.pid = getpid(), .started = ggdm_process_started(getpid())};
    if (gethostname(out->host, GGDM_PROCESS_TEXT - 1) != 0)
        snprintf(out->host, GGDM_PROCESS_TEXT, "-");
    first_word("/proc/sys/kernel/random/boot_id", out->boot);
    if (readlink("/proc/self/ns/pid", out->space, GGDM_PROCESS_TEXT - 1) <= 0)
        snprintf(out->space, GGDM_PROCESS_TEXT, "-");
}

ggdm_life ggdm_process_life(const ggdm_process *p, const ggdm_process *self)
{
    if (strcmp(p->host, self->host) != 0)
        return GGDM_LIFE_UNKNOWN;
    if (strcmp(p->boot, self->boot) != 0)
        return GGDM_DEAD;
    if (strcmp(p->space, self->space) != 0)
        return GGDM_LIFE_UNKNOWN;
    return ggdm_process_started(p->pid) == p->started ? GGDM_ALIVE : GGDM_DEAD;
}
