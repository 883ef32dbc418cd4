/* The tensors of a network out of those of a source, by the rules of its layout. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/import/import.h"

/* ---- which there will be ---- */

static const ggdm_layout_rule *find_rule(const ggdm_layout *l, const char *name,
                                         ggdm_layout_numbers *numbers)
{
    for (const ggdm_layout_rule *r = l ? l->rules : NULL; r && r->from; r++)
        if (ggdm_layout_match(r->from, name, numbers))
            return r;
    return NULL;
}

static int count_names(const ggdm_layout_rule *r)
{
    int n = 0;
    while (n < GGDM_LAYOUT_PARTS && r->to[n])
        n++;
    return n;
}

/* What a rule makes of a shape; false: it cannot be. */
static bool make_shape(const ggdm_shape *from, ggdm_layout_how how, int parts, ggdm_shape *to)
{
    *to = *from;
    switch (how) {
    case GGDM_LAYOUT_TRANSPOSE:
        to->d[0] = from->d[1];
        to->d[1] = from->d[0];
        return from->n == 2;
    case GGDM_LAYOUT_SPLIT:
        to->d[0] = from->d[0] / parts;
        return from->n > 0 && from->d[0] % parts == 0;
    case GGDM_LAYOUT_KEEP:
    case GGDM_LAYOUT_LEAVE_OUT:
        break;
    }
    return true;
}

static ggdm_status add_part(ggdm_import *im, size_t source, const ggdm_layout_rule *rule, int part,
                            const ggdm_layout_numbers *numbers, const char *name, ggdm_error *err)
{
    static const ggdm_layout_rule as_it_is = {.how = GGDM_LAYOUT_KEEP};
    const ggdm_st_tensor *t = &im->foreign.tensors[source];
    const ggdm_layout_rule *r = rule ? rule : &as_it_is;
    ggdm_import_part *p = &im->parts[im->n_parts];
    char text[128];
    *p = (ggdm_import_part){.source = source, .how = r->how, .part = part};
    if (!make_shape(&t->shape, r->how, rule ? count_names(rule) : 1, &p->shape))
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: tensor '%.200s' has shape %s, which %s has not",
                         im->foreign.path, t->name, ggdm_shape_text(&t->shape, text, sizeof text),
                         im->is.layout->name);
    im->n_parts++;
    return rule ? ggdm_layout_name(rule->to[part], numbers, &p->name, err)
                : ggdm_strdup(name, &p->name, err);
}

static ggdm_status add_parts(ggdm_import *im, size_t source, const char *name, ggdm_error *err)
{
    ggdm_layout_numbers numbers = {.n = 0};
    const ggdm_layout_rule *rule = find_rule(im->is.layout, name, &numbers);
    const int n = rule ? count_names(rule) : 1;
    if (im->n_parts + (size_t)n > GGDM_ST_MAX_TENSORS)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: more than %u tensors", im->foreign.path,
                         GGDM_ST_MAX_TENSORS);
    for (int i = 0; i < n; i++)
        GGDM_TRY(add_part(im, source, rule, i, &numbers, name, err));
    return GGDM_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ggdm_import_part *)a)->name, ((const ggdm_import_part *)b)->name);
}

ggdm_status ggdm_import_list_parts(ggdm_import *im, ggdm_error *err)
{
    const ggdm_foreign *f = &im->foreign;
    const size_t n = strlen(im->is.prefix);
    GGDM_TRY(ggdm_alloc(&im->parts, GGDM_LAYOUT_PARTS * f->n_tensors, sizeof *im->parts, err));
    for (size_t i = 0; i < f->n_tensors; i++) {
        const ggdm_st_tensor *t = &f->tensors[i];
        if (strncmp(t->name, im->is.prefix, n) != 0) {
            im->n_outside++;
        } else if (!ggdm_safetensors_is_float(t->dtype)) {
            im->n_integers++;
        } else {
            im->n_rounded += t->dtype == GGDM_ST_F64;
            GGDM_TRY(add_parts(im, i, t->name + n, err));
        }
    }
    if (im->n_parts)
        qsort(im->parts, im->n_parts, sizeof *im->parts, by_name);
    return GGDM_OK;
}

/* ---- their numbers ---- */

static void transpose(const float *from, const ggdm_shape *to_shape, float *to)
{
    const int64_t rows = to_shape->d[0], columns = to_shape->d[1];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++)
            to[i * columns + k] = from[k * rows + i];
}

static ggdm_status take(void *context, size_t source, const float *data, ggdm_error *err)
{
    ggdm_import *im = context;
    (void)err;
    for (size_t i = 0; i < im->n_parts; i++) {
        const ggdm_import_part *p = &im->parts[i];
        const size_t n = (size_t)ggdm_shape_count(&p->shape);
        float *to = (float *)(void *)((char *)im->bytes + p->at);
        if (p->source != source)
            continue;
        if (p->how == GGDM_LAYOUT_TRANSPOSE)
            transpose(data, &p->shape, to);
        else
            memcpy(to, data + (size_t)p->part * n, n * sizeof *to);
    }
    return GGDM_OK;
}

ggdm_status ggdm_import_load_parts(ggdm_import *im, ggdm_error *err)
{
    ggdm_tensor *items = NULL;
    size_t at = 0;
    GGDM_TRY(ggdm_alloc(&items, im->n_parts, sizeof *items, err));
    for (size_t i = 0; i < im->n_parts; i++)
        items[i] = (ggdm_tensor){im->parts[i].name, GGDM_F32, im->parts[i].shape, NULL};
    ggdm_status st =
        ggdm_safetensors_layout(im->foreign.path, items, im->n_parts, NULL, 0, (char **)&im->bytes,
                                &at, &im->files.weights_size, err);
    free(items);
    GGDM_TRY(st);
    for (size_t i = 0; i < im->n_parts; i++) {
        im->parts[i].at = at;
        at += (size_t)ggdm_shape_count(&im->parts[i].shape) * sizeof(float);
    }
    im->files.weights = im->bytes;
    return ggdm_foreign_load(&im->foreign, take, im, err);
}
