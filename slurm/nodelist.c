#include "slurm/nodelist.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NODES 65536
#define MAX_NAME 255

typedef struct expansion {
    const char *list;
    ggdm_slurm_node_visitor visit;
    void *context;
    int n;
    char name[MAX_NAME + 1];
} expansion;

static ggdm_status no_list(const expansion *x, ggdm_error *err)
{
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "list of nodes '%.200s', expected names such as n1,rack[0-1]n[01-12]",
                     x->list);
}

/* A number of at most 9 digits; its end, NULL for none. */
static const char *read_number(const char *text, long *value, int *width)
{
    *width = (int)strspn(text, "0123456789");
    if (*width < 1 || *width > 9)
        return NULL;
    *value = strtol(text, NULL, 10);
    return text + *width;
}

/* The names that begin with what is in x->name, n bytes, and go on as text says, up to its end. */
static ggdm_status expand_names(expansion *x, size_t n, const char *text, const char *end,
                                ggdm_error *err)
{
    for (; text < end && *text != '['; text++) {
        if (n == MAX_NAME || !(isalnum((unsigned char)*text) || strchr("-._", *text)))
            return no_list(x, err);
        x->name[n++] = *text;
    }
    if (text == end) {
        x->name[n] = '\0';
        return n && x->n++ < MAX_NODES ? x->visit(x->context, x->name, err) : no_list(x, err);
    }
    const char *rest = memchr(text, ']', (size_t)(end - text));
    while (rest && text < rest) {
        long first, last;
        int width, unused;
        const char *at = read_number(text + 1, &first, &width);
        last = first;
        if (at && *at == '-')
            at = read_number(at + 1, &last, &unused);
        if (!at || (*at != ',' && at != rest) || last < first || last - first >= MAX_NODES)
            return no_list(x, err);
        for (long i = first; i <= last; i++) {
            int used = snprintf(x->name + n, sizeof x->name - n, "%0*ld", width, i);
            if ((size_t)used >= sizeof x->name - n)
                return no_list(x, err);
            GGDM_TRY(expand_names(x, n + (size_t)used, rest + 1, end, err));
        }
        text = at;
    }
    return rest ? GGDM_OK : no_list(x, err);
}

/* The comma that ends the first item: one that is not in brackets. */
static const char *end_of_item(const char *text)
{
    bool inside = false;
    for (; *text && (*text != ',' || inside); text++)
        inside = *text == '[' || (inside && *text != ']');
    return text;
}

ggdm_status ggdm_slurm_each_node(const char *list, ggdm_slurm_node_visitor visit, void *context,
                                 ggdm_error *err)
{
    expansion x = {.list = list, .visit = visit, .context = context};
    for (const char *at = list, *end;; at = end + 1) {
        end = end_of_item(at);
        GGDM_TRY(expand_names(&x, 0, at, end, err));
        if (!*end)
            return GGDM_OK;
    }
}
