/* The table of layouts, and names with numbers in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/import/layout.h"

const ggdm_layout *const ggdm_layouts[] = {
    &ggdm_layout_unet2d,
    &ggdm_layout_unet2d_condition,
    &ggdm_layout_clip,
    &ggdm_layout_clip_openai,
    &ggdm_layout_inception,
    &ggdm_layout_adm,
    &ggdm_layout_adm_classifier,
    &ggdm_layout_ggdm_unet,
    &ggdm_layout_lenet,
    &ggdm_layout_lenet_large,
    NULL,
};

bool ggdm_layout_match(const char *pattern, const char *name, ggdm_layout_numbers *numbers)
{
    ggdm_layout_numbers found = {.n = 0};
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (*name++ != *pattern)
                return false;
            continue;
        }
        size_t n = strspn(name, "0123456789");
        if (n == 0 || n > 9 || found.n == GGDM_LAYOUT_NUMBERS)
            return false;
        found.text[found.n] = name;
        found.size[found.n++] = (int)n;
        name += n;
    }
    if (numbers)
        *numbers = found;
    return *name == '\0';
}

ggdm_status ggdm_layout_name(const char *pattern, const ggdm_layout_numbers *numbers, char **out,
                             ggdm_error *err)
{
    size_t size = strlen(pattern) + 1;
    char *at;
    int k = 0;
    for (int i = 0; i < numbers->n; i++)
        size += (size_t)numbers->size[i];
    GGDM_TRY(ggdm_alloc(out, size, 1, err));
    for (at = *out; *pattern; pattern++) {
        if (*pattern == '*' && k < numbers->n) {
            memcpy(at, numbers->text[k], (size_t)numbers->size[k]);
            at += numbers->size[k++];
        } else {
            *at++ = *pattern;
        }
    }
    return GGDM_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ggdm_st_tensor *)a)->name, ((const ggdm_st_tensor *)b)->name);
}

static ggdm_status check_extents(const char *where, const ggdm_st_tensor *t, ggdm_error *err)
{
    char text[128];
    for (int k = 0; k < t->shape.n; k++)
        if (t->shape.d[k] > INT32_MAX)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: tensor '%.200s' has shape %s, expected extents up to %d", where,
                             t->name, ggdm_shape_text(&t->shape, text, sizeof text), INT32_MAX);
    return GGDM_OK;
}

ggdm_status ggdm_named_init(const char *where, ggdm_st_tensor *tensors, size_t n, ggdm_named *out,
                            ggdm_error *err)
{
    if (n)
        qsort(tensors, n, sizeof *tensors, by_name);
    *out = (ggdm_named){where, tensors, n};
    for (size_t i = 0; i < n; i++)
        GGDM_TRY(check_extents(where, &tensors[i], err));
    return GGDM_OK;
}

const ggdm_st_tensor *ggdm_named_find(const ggdm_named *t, const char *name)
{
    const ggdm_st_tensor wanted = {.name = name};
    return t->n ? bsearch(&wanted, t->tensors, t->n, sizeof wanted, by_name) : NULL;
}

ggdm_status ggdm_named_get(const ggdm_named *t, const char *name, int n_dims,
                           const ggdm_st_tensor **out, ggdm_error *err)
{
    char text[128];
    *out = ggdm_named_find(t, name);
    if (!*out)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: tensor '%s' is missing", t->where, name);
    bool good = (*out)->shape.n == n_dims;
    for (int i = 0; i < n_dims && good; i++)
        good = (*out)->shape.d[i] >= 1;
    if (good)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EFORMAT,
                     "%s: tensor '%s' has shape %s, expected %d dimensions of at least 1", t->where,
                     name, ggdm_shape_text(&(*out)->shape, text, sizeof text), n_dims);
}

const ggdm_st_tensor *ggdm_named_at(const ggdm_named *t, const char *pattern, int k)
{
    char number[16], *name = NULL;
    snprintf(number, sizeof number, "%d", k);
    const ggdm_layout_numbers numbers = {{number}, {(int)strlen(number)}, 1};
    const ggdm_st_tensor *found = NULL;
    if (ggdm_layout_name(pattern, &numbers, &name, NULL) == GGDM_OK)
        found = ggdm_named_find(t, name);
    free(name);
    return found;
}

int ggdm_named_count(const ggdm_named *t, const char *pattern)
{
    int n = 0;
    while (ggdm_named_at(t, pattern, n))
        n++;
    return n;
}
