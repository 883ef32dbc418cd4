#include "coordinator/show/status_parts.h"

#include "common/mem.h"

long long ggdm_status_int(const ggdm_node *map, const char *key)
{
    return (long long)ggdm_node_count(map, key, 0);
}

double ggdm_status_real(const ggdm_node *map, const char *key, double missing)
{
    const ggdm_node *n = ggdm_node_get(map, key);
    return n && (n->kind == GGDM_NODE_INT || n->kind == GGDM_NODE_REAL) ? n->real : missing;
}

const char *ggdm_status_text_of(const ggdm_node *map, const char *key)
{
    const ggdm_node *n = ggdm_node_get(map, key);
    return n && n->kind == GGDM_NODE_STRING ? n->text : "";
}

void ggdm_status_print_bar(FILE *out, double share, int width)
{
    static const char full[] = "##############################";
    static const char rest[] = "..............................";
    int n = (int)ggdm_to_int(share * width + 1e-9, 0, width);
    fprintf(out, "[%.*s%.*s]", n, full, width - n, rest);
}
