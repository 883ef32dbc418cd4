/* Texts around the blocks of a page: a script of gnuplot. */
#include <stdio.h>
#include <string.h>

#include "common/plural.h"
#include "common/utf8.h"
#include "jobs/mosaic_internal.h"

enum {
    GAP = GGDM_MOSAIC_GAP,
    LINE_H = GGDM_MOSAIC_TEXT_H,
    SHOWN_SIZE = 1000, /* bytes */
    MAX_TEXT = 40,     /* letters of a value */
    LETTER_W = 8,      /* pixels of a letter, a little more than it takes */
    LEGEND_W = 340,    /* of the legend by a judge */
    PAD = 14           /* between texts and the page's edge */
};

typedef struct canvas {
    FILE *f;
    int width, height;
} canvas;

/* A text at a pixel of the page. */
static void put_text(const canvas *c, const char *text, int32_t most, double x, double y,
                     const char *how)
{
    char shown[SHOWN_SIZE];
    ggdm_utf8_shorten(text, (size_t)most, shown, sizeof shown);
    fputs("set label ", c->f);
    ggdm_gnuplot_quoted(c->f, shown);
    fprintf(c->f, " at screen %.6f,%.6f %s font ',10' front\n", x / c->width, 1 - y / c->height,
            how);
}

static const char *axis_name(const ggdm_mosaic *m, int32_t axis, char *out, size_t size)
{
    const ggdm_store_column *c = axis < 0 ? NULL : m->axes.axes[axis].column;
    if (!c)
        *out = '\0';
    else if (strcmp(c->name, c->label) == 0)
        snprintf(out, size, "%s", c->name);
    else
        snprintf(out, size, "%s (%s)", c->name, c->label);
    return out;
}

/* What frames mean, in their colours, where there are any; by whom. */
static void put_legend(const canvas *c, const ggdm_mosaic *m, const ggdm_mosaic_page *p,
                       const bool *frames, double x, double y)
{
    static const char *const meanings[GGDM_FRAMES] = {[GGDM_FRAME_RIGHT] = "right",
                                                      [GGDM_FRAME_WRONG] = "wrong",
                                                      [GGDM_FRAME_DIVERGED] = "diverged"};
    const ggdm_row *row = &m->r->rows[m->rows[m->lines[p->l0].first]];
    const char *judge = ggdm_results_verdict_name(m->r, row);
    char text[100];
    for (int i = 0; i < GGDM_FRAMES; i++) {
        char how[60];
        const uint8_t *rgb = ggdm_frame_colors[i];
        if (!meanings[i] || !frames[i])
            continue;
        if (judge && i != GGDM_FRAME_DIVERGED)
            snprintf(text, sizeof text, "%s (%.60s)", meanings[i], judge);
        else
            snprintf(text, sizeof text, "%s", meanings[i]);
        snprintf(how, sizeof how, "left tc rgb '#%02x%02x%02x'", rgb[0], rgb[1], rgb[2]);
        put_text(c, text, MAX_TEXT, x, y, how);
        x += (double)(strlen(text) + 2) * LETTER_W;
    }
}

/* Where texts go around the tiles. */
typedef struct margins {
    int32_t left, right, top, bottom;
    bool slanted; /* values of the columns */
} margins;

/* How many letters of a value are shown. */
static int32_t letters(const char *text)
{
    char shown[SHOWN_SIZE];
    return (int32_t)ggdm_utf8_shorten(text, MAX_TEXT, shown, sizeof shown);
}

static margins margins_of(const ggdm_mosaic *m, const ggdm_mosaic_page *p)
{
    char text[300];
    int32_t wide = 0, high = 0, w = letters(axis_name(m, m->y, text, sizeof text));
    for (int32_t l = p->l0; l < p->l1; l++) {
        const int32_t n = letters(ggdm_mosaic_line_text(m, l));
        w = n > w ? n : w;
    }
    for (int32_t c = p->c0; c < p->c1; c++) {
        const int32_t n = letters(ggdm_mosaic_column_text(m, c));
        wide = n > wide ? n : wide;
    }
    margins out = {.left = PAD + w * LETTER_W, .right = PAD, .bottom = LINE_H + PAD};
    out.slanted = wide * LETTER_W > m->size.block_w + GAP;
    high = out.slanted ? wide * LETTER_W * 7 / 10 + LINE_H : LINE_H;
    if (out.slanted) /* the last one reaches beyond its column */
        out.right += wide * LETTER_W * 7 / 10 - m->size.block_w / 2;
    out.right = out.right > PAD ? out.right : PAD;
    out.top = PAD + (m->axes.x < 0 ? 0 : high) + 2 * LINE_H;
    return out;
}

static void put_values(const canvas *c, const ggdm_mosaic *m, const ggdm_mosaic_page *p,
                       const margins *o)
{
    char text[1000];
    const double middle = 0.5 * m->size.block_h;
    put_text(c, axis_name(m, m->axes.x, text, sizeof text), MAX_TEXT, o->left + 0.5 * p->w,
             PAD + 1.5 * LINE_H, "center");
    put_text(c, axis_name(m, m->y, text, sizeof text), MAX_TEXT, o->left - GAP,
             o->top - 0.5 * LINE_H, "right");
    for (int32_t k = p->c0; k < p->c1; k++)
        put_text(c, ggdm_mosaic_column_text(m, k), MAX_TEXT,
                 o->left + ggdm_mosaic_left(m, p, k) + 0.5 * m->size.block_w, o->top - 0.5 * LINE_H,
                 o->slanted ? "left rotate by 45" : "center");
    for (int32_t l = p->l0; l < p->l1; l++) {
        const int32_t top = o->top + p->tops[l - p->l0];
        put_text(c, ggdm_mosaic_line_text(m, l), MAX_TEXT, o->left - GAP, top + middle, "right");
        ggdm_mosaic_heading(m, l, text, sizeof text);
        if (ggdm_mosaic_has_heading(m, p, l))
            put_text(c, text, (c->width - o->left) / LETTER_W, o->left + GAP,
                     top - 0.5 * LINE_H - GAP, "left");
    }
}

void ggdm_mosaic_put_page(FILE *f, const ggdm_mosaic *m, const ggdm_mosaic_page *p,
                          const bool *frames)
{
    const margins o = margins_of(m, p);
    char name[GGDM_GNUPLOT_NAME_SIZE], title[200];
    int n = snprintf(title, sizeof title, "%.120s: %d image%s of each cell", m->r->info->name,
                     m->size.per_cell, ggdm_plural(m->size.per_cell));
    if (p->of > 1)
        snprintf(title + n, sizeof title - (size_t)n, ", page %d of %d", p->number, p->of);
    const int32_t texts = (int32_t)strlen(title) * LETTER_W, wide = o.left + p->w + o.right;
    const int32_t least = 2 * PAD + (texts > LEGEND_W ? texts : LEGEND_W);
    const canvas c = {f, wide > least ? wide : least, o.top + p->h + o.bottom};
    const double width = c.width, height = c.height;
    ggdm_gnuplot_page(GGDM_MOSAIC_TILES, p->number, "png", name);
    for (int kind = 0; kind < GGDM_GNUPLOT_KINDS; kind++) {
        ggdm_gnuplot_begin_page(f, kind, p->number, c.width, c.height);
        fprintf(f, "set lmargin at screen %.9f\nset rmargin at screen %.9f\n", o.left / width,
                (o.left + p->w) / width);
        fprintf(f, "set tmargin at screen %.9f\nset bmargin at screen %.9f\n", 1 - o.top / height,
                1 - (o.top + p->h) / height);
        fprintf(f, "set xrange [0:%d]\nset yrange [%d:0]\nunset label\n", p->w, p->h);
        put_text(&c, title, 200, PAD, PAD, "left");
        put_values(&c, m, p, &o);
        put_legend(&c, m, p, frames, PAD, height - 0.5 * PAD - 0.5 * LINE_H);
        fputs("plot ", f);
        ggdm_gnuplot_quoted(f, name);
        fputs(" binary filetype=png origin=(0.5,0.5) dx=1 dy=1 flipy with rgbimage\nset output\n",
              f);
    }
}
