#include "common/shipped.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"

void ggdm_beside_program(const char *tail, char *out, size_t size)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n < 0)
        n = 0;
    exe[n] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = '\0';
    snprintf(out, size, "%.*s/%s", (int)(size - strlen(tail) - 2), exe, tail);
}

ggdm_status ggdm_shipped_file(const char *name, char **out, ggdm_error *err)
{
    static const struct {
        const char *name, *tail; /* what it begins with, and where that is */
    } places[] = {{"examples/", "../../examples/"},
                  {"examples/", "../share/ggdm/examples/"},
                  {"models/zoo/", "../../models/zoo/"},
                  {"models/zoo/", "../share/ggdm/zoo/"}};
    for (size_t i = 0; i < sizeof places / sizeof *places && !ggdm_exists(name); i++) {
        size_t len = strlen(places[i].name);
        char folder[PATH_MAX];
        if (strncmp(name, places[i].name, len) != 0)
            continue;
        ggdm_beside_program(places[i].tail, folder, sizeof folder);
        GGDM_TRY(ggdm_path_join(folder, name + len, out, err));
        if (ggdm_exists(*out))
            return GGDM_OK;
        free(*out);
    }
    return ggdm_strdup(name, out, err);
}
