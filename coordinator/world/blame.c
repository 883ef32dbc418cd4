#include "coordinator/world/blame.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [GGDM_BLAME_UNKNOWN] = "unknown",
    [GGDM_BLAME_OUTSIDE] = "outside",
    [GGDM_BLAME_NOBODY] = "nobody",
    [GGDM_BLAME_WORKER] = "worker",
};

const char *ggdm_blame_text(ggdm_blame blame, int rank, char text[GGDM_BLAME_TEXT])
{
    if (blame == GGDM_BLAME_WORKER)
        snprintf(text, GGDM_BLAME_TEXT, "%s:%d", names[blame], rank);
    else
        snprintf(text, GGDM_BLAME_TEXT, "%s", names[blame]);
    return text;
}

void ggdm_blame_to_store(const char *text, ggdm_store_options *options)
{
    int rank;
    options->count_losses = true;
    if (!text)
        return;
    if (sscanf(text, "worker:%d", &rank) == 1 && rank > 0)
        options->culprit = rank;
    else if (strcmp(text, names[GGDM_BLAME_NOBODY]) == 0)
        options->count_losses = false;
    else if (strcmp(text, names[GGDM_BLAME_OUTSIDE]) == 0)
        options->spare = true;
}

bool ggdm_blame_is_successor(const char *text)
{
    return text && strcmp(text, names[GGDM_BLAME_OUTSIDE]) != 0;
}
