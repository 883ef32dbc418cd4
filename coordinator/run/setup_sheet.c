#include "coordinator/run/setup_sheet.h"

#include <inttypes.h>

static bool is_scale(const ggdm_parameter *p)
{
    return p->row->type == GGDM_PARAM_REAL || p->row->type == GGDM_PARAM_WHOLE ||
           p->row->type == GGDM_PARAM_CLASS || p->row->type == GGDM_PARAM_WINDOW;
}

/* Is it joined with a text, which says more? */
static bool follows_text(const ggdm_spec *s, const ggdm_parameter *p)
{
    for (int32_t i = 0; i < s->n_parameters; i++)
        if (s->parameters[i].count > 1 && s->parameters[i].stride == p->stride &&
            !is_scale(&s->parameters[i]))
            return true;
    return false;
}

static int32_t count_axes(const ggdm_spec *s)
{
    int32_t n = 0;
    for (int32_t i = 0; i < s->n_parameters; i++)
        n += s->parameters[i].count > 1;
    return n;
}

static bool is_text(const ggdm_parameter *p)
{
    return p && p->row->type == GGDM_PARAM_TEXT;
}

/* Of the axes beside one (NULL: of all) that with most values, of equals the last; NULL: none. */
static const ggdm_parameter *choose_axis(const ggdm_spec *s, const ggdm_parameter *beside,
                                         bool scales)
{
    const bool several = count_axes(s) > 1;
    const ggdm_parameter *best = NULL;
    for (int32_t i = 0; i < s->n_parameters; i++) {
        const ggdm_parameter *p = &s->parameters[i];
        if (p->count == 1 || (several && i == s->class_parameter) ||
            (beside && p->stride == beside->stride) || (is_scale(p) && follows_text(s, p)) ||
            (scales && !is_scale(p)))
            continue;
        best = !best || p->count >= best->count ? p : best;
    }
    return best;
}

/* Values of the axis that goes across, and whether texts go down, as jobs/mosaic.h has them. */
static int32_t count_columns(const ggdm_spec *s, bool *texts_down)
{
    const ggdm_parameter *x = choose_axis(s, NULL, true);
    x = x ? x : choose_axis(s, NULL, false);
    const ggdm_parameter *y = x ? choose_axis(s, x, false) : NULL;
    *texts_down = is_text(y ? y : x);
    return x && (y || !is_text(x)) ? x->count : 1;
}

static void find_image(const ggdm_setup *s, ggdm_setup_sheet *out)
{
    for (int32_t i = 0; i < s->n_models; i++)
        if (s->models[i].model && s->models[i].model->info.role == GGDM_DIFFUSION &&
            s->models[i].model->info.size > out->image_size) {
            out->image_size = s->models[i].model->info.size;
            out->channels = s->models[i].model->info.channels;
        }
}

ggdm_setup_sheet ggdm_setup_sheet_of(const ggdm_setup *setup)
{
    const ggdm_spec *s = &setup->spec;
    const int32_t asked = s->sheet ? s->sheet : 1;
    bool texts_down;
    ggdm_setup_sheet out = {.columns = count_columns(s, &texts_down)};
    find_image(setup, &out);
    if (s->n_cells < 2 || out.image_size < 1)
        return out;
    out.per_cell = asked < s->samples ? asked : s->samples;
    out.lines = (s->n_cells + out.columns - 1) / out.columns;
    const ggdm_mosaic_size size =
        ggdm_mosaic_size_of(out.per_cell, out.image_size, out.image_size, texts_down);
    out.pages = ggdm_mosaic_pages(&size, out.columns, out.lines);
    ggdm_mosaic_pixels(&size, (int32_t)(out.columns < size.columns ? out.columns : size.columns),
                       (int32_t)(out.lines < size.lines ? out.lines : size.lines), &out.page_width,
                       &out.page_height);
    return out;
}

ggdm_status ggdm_setup_check_sheet(const ggdm_setup *setup, ggdm_error *err)
{
    const ggdm_setup_sheet s = ggdm_setup_sheet_of(setup);
    if (!setup->spec.sheet || s.pages <= GGDM_GNUPLOT_PAGES)
        return GGDM_OK;
    GGDM_FAIL(err, GGDM_EINVAL,
              "value %d: %" PRId64 " x %" PRId64 " cells of so many images would be %" PRId64
              " pages of %d x %d pixels, expected at most %d pages",
              setup->spec.sheet, s.columns, s.lines, s.pages, s.page_width, s.page_height,
              GGDM_GNUPLOT_PAGES);
    return ggdm_spec_blame(&setup->spec, "sheet", err);
}
