#include "coordinator/run/way.h"

#include <stdlib.h>

enum { COLUMNS = 10 }; /* where nobody says how many steps lie between two */

static ggdm_status begin(ggdm_way *w, const ggdm_tick_view *view, ggdm_error *err)
{
    const int32_t tenth = (view->steps + COLUMNS - 1) / COLUMNS;
    w->begun = true;
    GGDM_TRY(
        ggdm_strip_init(view->shape, view->steps, w->every ? w->every : tenth, &w->strip, err));
    return w->animated ? ggdm_animation_init(view->shape, view->steps, &w->animation, err)
                       : GGDM_OK;
}

static ggdm_status see(ggdm_way *w, const ggdm_tick_view *view, ggdm_error *err)
{
    if (!w->begun)
        GGDM_TRY(begin(w, view, err));
    ggdm_strip_see(&w->strip, view);
    if (w->animated)
        GGDM_TRY(ggdm_animation_see(&w->animation, view, err));
    return ggdm_step_table_see(&w->table, view, err);
}

void ggdm_way_watch(void *context, const ggdm_tick_view *view)
{
    ggdm_way *w = context;
    if (w->status == GGDM_OK)
        w->status = see(w, view, &w->error);
}

static ggdm_status make_files(ggdm_way *w, const ggdm_sample *sample, ggdm_way_files *out,
                              ggdm_error *err)
{
    if (w->status != GGDM_OK)
        return GGDM_FAIL(err, w->status, "%s", w->error.msg);
    if (!w->begun)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "an image came of no step");
    GGDM_TRY(ggdm_strip_end(&w->strip, sample, err));
    GGDM_TRY(ggdm_strip_encode(&w->strip, &out->strip, &out->strip_size, err));
    if (w->animated)
        GGDM_TRY(ggdm_animation_end(&w->animation, sample, &out->gif, &out->gif_size, err));
    return ggdm_step_table_text(&w->table, &out->csv, &out->csv_size, err);
}

ggdm_status ggdm_way_finish(ggdm_way *way, const ggdm_sample *sample, ggdm_way_files *out,
                            ggdm_error *err)
{
    *out = (ggdm_way_files){.strip = NULL};
    ggdm_status st = make_files(way, sample, out, err);
    ggdm_way_deinit(way);
    return st;
}

void ggdm_way_deinit(ggdm_way *way)
{
    ggdm_strip_deinit(&way->strip);
    ggdm_animation_deinit(&way->animation);
    ggdm_step_table_deinit(&way->table);
    way->begun = false;
}

void ggdm_way_files_deinit(ggdm_way_files *files)
{
    free(files->strip);
    free(files->gif);
    free(files->csv);
    *files = (ggdm_way_files){.strip = NULL};
}
