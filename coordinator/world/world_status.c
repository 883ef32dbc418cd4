#include "coordinator/world/world_status.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "jobs/store.h"

#define MAX_STATUS ((size_t)64 << 20) /* bytes */

/* An int; -1 where there is none. */
static int small(const ggdm_node *map, const char *key)
{
    return (int)ggdm_to_int((double)ggdm_node_count(map, key, -1), -1, INT_MAX);
}

static void text(const ggdm_node *map, const char *key, char *out, size_t size)
{
    const ggdm_node *node = ggdm_node_get(map, key);
    const char *value = "";
    if (node && ggdm_node_string(node, &value, NULL) != GGDM_OK)
        value = "";
    snprintf(out, size, "%s", value);
}

static void read_units(const ggdm_node *units, ggdm_world_status *out)
{
    for (int s = 0; s < GGDM_UNIT_STATES; s++) {
        bool ended = s == GGDM_UNIT_DONE || s == GGDM_UNIT_QUARANTINED || s == GGDM_UNIT_CANCELLED;
        int64_t n = ggdm_node_count(units, ggdm_unit_state_names[s], 0);
        *(ended ? &out->units_ended : &out->units_left) += n;
    }
}

void ggdm_world_status_read(const char *path, const char *token, ggdm_world_status *out)
{
    ggdm_doc *doc = NULL;
    char launch[64];
    *out = (ggdm_world_status){.exit_code = -1, .lost_rank = -1};
    if (ggdm_json_read(path, MAX_STATUS, &doc, NULL) != GGDM_OK)
        return;
    const ggdm_node *root = doc->root;
    text(root, "launch", launch, sizeof launch);
    out->ours = strcmp(launch, token) == 0;
    if (out->ours) {
        const ggdm_node *lost = ggdm_node_get(root, "lost");
        text(root, "phase", out->phase, sizeof out->phase);
        text(root, "message", out->message, sizeof out->message);
        out->exit_code = small(root, "exit_code");
        out->images_done = ggdm_node_count(ggdm_node_get(root, "images"), "done", 0);
        read_units(ggdm_node_get(root, "units"), out);
        out->units_left += ggdm_node_count(root, "cells_open", 0);
        out->lost_rank = small(lost, "rank");
        text(lost, "host", out->lost_host, sizeof out->lost_host);
    }
    ggdm_doc_destroy(&doc);
}
