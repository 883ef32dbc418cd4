/* The values of a setting in the inputs of its program (worker/programs.h). */
#include "worker/programs.h"

static ggdm_status count_value(void *context, const ggdm_item *item, const ggdm_param *row,
                               ggdm_value *value, const char *path, ggdm_error *err)
{
    (void)item, (void)value, (void)path, (void)err;
    *(size_t *)context += !row->structure;
    return GGDM_OK;
}

static ggdm_status take_value(void *context, const ggdm_item *item, const ggdm_param *row,
                              ggdm_value *value, const char *path, ggdm_error *err)
{
    ggdm_values *v = context;
    (void)item, (void)path, (void)err;
    if (!row->structure)
        v->at[v->n++] = &value->scalar;
    return GGDM_OK;
}

ggdm_status ggdm_values_of(ggdm_arena *arena, const ggdm_item *item, ggdm_values *out,
                           ggdm_error *err)
{
    size_t n = 0;
    *out = (ggdm_values){0};
    if (!item)
        return GGDM_OK;
    GGDM_TRY(ggdm_item_visit((ggdm_item *)item, count_value, &n, err));
    GGDM_TRY(ggdm_arena_alloc(arena, n * sizeof *out->at, &out->at, err));
    return ggdm_item_visit((ggdm_item *)item, take_value, out, err);
}

static void fill_port(const ggdm_program_port *port, int32_t i, const ggdm_values *values,
                      const ggdm_step *step)
{
    const ggdm_scalar *v = port->index >= 0 ? values->at[port->index] : NULL;
    for (int32_t c = 0; c < port->copies; c++) {
        const int64_t row = (int64_t)i * port->copies + c;
        if (port->is_class)
            ((int32_t *)port->data)[row] = port->paired && c == 1 ? port->other : (int32_t)v->whole;
        else
            ((float *)port->data)[row] =
                (v ? (float)v->real : 1.0f) * ggdm_scale_in(&port->scale, step);
    }
}

void ggdm_program_fill(const ggdm_program *p, int32_t i, const ggdm_step *step,
                       const ggdm_values *head, const ggdm_values *setting)
{
    if (step) {
        p->t[i] = (float)step->t;
        p->x0_x[i] = step->x0_x;
        p->x0_eps[i] = step->x0_eps;
    }
    for (int32_t k = 0; k < p->n_ports; k++) {
        const ggdm_program_port *port = &p->ports[k];
        fill_port(port, i, port->of_head ? head : setting, step);
    }
    for (int32_t k = 0; k < p->n_pictures; k++) {
        const ggdm_program_picture *port = &p->pictures[k];
        /* (It is there: its shape stands in the program's text.) */
        ggdm_picture_fill(ggdm_pictures_find(p->known, setting->at[port->index]->text),
                          port->channels, port->mask, port->data + i * port->elements);
    }
}

ggdm_status ggdm_program_fill_prompts(const ggdm_program *p, int32_t i, const ggdm_values *head,
                                      const ggdm_values *setting, ggdm_error *err)
{
    for (int32_t k = 0; k < p->n_prompts; k++) {
        const ggdm_program_prompt *port = &p->prompts[k];
        const ggdm_values *values = port->of_head ? head : setting;
        float *out = port->data + (size_t)i * (size_t)port->copies * port->numbers;
        for (int32_t c = 0; c < port->copies; c++, out += port->numbers) {
            const int32_t index = port->indices[c];
            GGDM_TRY(ggdm_prompts_get(p->cache, port->reader,
                                      index < 0 ? "" : values->at[index]->text, port->truncate,
                                      port->form, out, port->numbers, err));
        }
    }
    return GGDM_OK;
}

float ggdm_program_weight(const ggdm_program_shift *shift, const ggdm_step *step,
                          const ggdm_values *setting)
{
    float weight = shift->weight < 0 ? 1.0f : (float)setting->at[shift->weight]->real;
    return weight * ggdm_scale_in(&shift->scale, step);
}
