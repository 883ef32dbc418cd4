#include "coordinator/cmd/plan_products.h"

#include <stdio.h>

#include "common/plural.h"
#include "coordinator/run/setup_sheet.h"

/* Of samples.npz of all cells, whose sizes are known before there are images. */
static double pixel_bytes(const ggdm_setup *s, const ggdm_setup_sheet *sheet)
{
    return (double)s->cells.n_cells * s->spec.samples * sheet->image_size * sheet->image_size *
           sheet->channels;
}

void ggdm_plan_put_products(ggdm_json *j, const ggdm_setup *setup)
{
    const ggdm_setup_sheet sheet = ggdm_setup_sheet_of(setup);
    ggdm_json_put_double(j, "npz_bytes", pixel_bytes(setup, &sheet));
    if (!sheet.per_cell) {
        ggdm_json_put_null(j, "sheet");
        return;
    }
    ggdm_json_begin_object(j, "sheet");
    ggdm_json_put_int(j, "images_per_cell", sheet.per_cell);
    ggdm_json_put_int(j, "columns", sheet.columns);
    ggdm_json_put_int(j, "lines", sheet.lines);
    ggdm_json_put_int(j, "pages", sheet.pages);
    ggdm_json_put_int(j, "pages_drawn",
                      sheet.pages < GGDM_GNUPLOT_PAGES ? sheet.pages : GGDM_GNUPLOT_PAGES);
    ggdm_json_put_int(j, "page_width", sheet.page_width);
    ggdm_json_put_int(j, "page_height", sheet.page_height);
    ggdm_json_end(j);
}

static const char *bytes_text(double bytes, char text[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    for (; bytes >= 1024 && unit < 4; unit++)
        bytes /= 1024;
    snprintf(text, 32, "%.*f %s", unit > 0, bytes, units[unit]);
    return text;
}

void ggdm_plan_print_products(const ggdm_setup *setup)
{
    const ggdm_setup_sheet sheet = ggdm_setup_sheet_of(setup);
    char bytes[32];
    printf("  archive        of each cell samples.tar, samples.npz (%s in all) and sheet.png\n",
           bytes_text(pixel_bytes(setup, &sheet), bytes));
    if (!sheet.per_cell)
        return;
    printf("  sheet          of all cells, %lld x %lld, %d image%s of each: ",
           (long long)sheet.columns, (long long)sheet.lines, sheet.per_cell,
           ggdm_plural(sheet.per_cell));
    if (sheet.pages > GGDM_GNUPLOT_PAGES)
        printf("the first %d of %lld pages of ", GGDM_GNUPLOT_PAGES, (long long)sheet.pages);
    else if (sheet.pages > 1)
        printf("%lld pages of ", (long long)sheet.pages);
    printf("%d x %d pixels\n", sheet.page_width, sheet.page_height);
}
