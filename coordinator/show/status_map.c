#include "coordinator/show/status_map.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "jobs/axes.h"
#include "jobs/cells.h"

enum { LEAST_WIDE = 4, MOST_WIDE = 7, MARGIN = 2, LEVELS = 5, MARGIN_SHARE = 3 };

/* ---- a square and its ink ---- */

typedef struct ink {
    const char *levels[LEVELS]; /* nothing done, less than a third, two thirds, all, all */
    const char *diverged;
} ink;

static const ink ascii = {{".", ":", "+", "*", "#"}, "x"},
                 blocks = {{"·", "░", "▒", "▓", "█"}, "×"};
static const char cancelled[] = "-";

static const char *const colours[LEVELS] = {"\033[2m", "\033[36m", "\033[36m", "\033[36m",
                                            "\033[32m"};
static const char usual[] = "\033[0m", alarming[] = "\033[1;31m";

/* Sums over the cells of a square, in double: a status file says what it likes. */
typedef struct square {
    double done, wanted;
    int32_t cells, cancelled;
    bool diverged;
} square;

static void add_cell(square *s, const ggdm_map_cell *c)
{
    s->done += (double)c->done;
    s->wanted += (double)c->wanted;
    s->cells++;
    s->cancelled += c->cancelled;
    s->diverged = s->diverged || c->diverged > 0;
}

static int level_of(const square *s)
{
    if (s->done >= s->wanted)
        return LEVELS - 1;
    return s->done > 0 ? 1 + (int)(s->done / s->wanted * (LEVELS - 2)) : 0;
}

static void put_ink(FILE *out, const char *letter, int times, const char *colour,
                    const ggdm_canvas *canvas)
{
    fputs(canvas->colour ? colour : "", out);
    for (int i = 0; i < times; i++)
        fputs(letter, out);
    fputs(canvas->colour ? usual : "", out);
}

/* Wide ones have a gap before the next. */
static int filled_of(int width)
{
    return width > 2 ? width - 1 : width;
}

/* Where images diverged the mark is the last letter. */
static void put_square(FILE *out, const square *s, int filled, const ggdm_canvas *canvas)
{
    const ink *with = canvas->utf8 ? &blocks : &ascii;
    const int level = level_of(s);
    const bool given_up = s->cancelled == s->cells && level < LEVELS - 1;
    if (s->cells == 0)
        fprintf(out, "%*s", filled, "");
    else
        put_ink(out, given_up ? cancelled : with->levels[level], filled - s->diverged,
                colours[given_up ? 0 : level], canvas);
    if (s->diverged)
        put_ink(out, with->diverged, 1, alarming, canvas);
}

/* "  none .:+*# all  x diverged  - cancelled": of the marks those that are there. */
static void put_legend(FILE *out, const square *sum, int32_t share, const ggdm_canvas *canvas)
{
    const ink *with = canvas->utf8 ? &blocks : &ascii;
    fprintf(out, "%*snone ", MARGIN, "");
    for (int i = 0; i < LEVELS; i++)
        put_ink(out, with->levels[i], 1, colours[i], canvas);
    fputs(" all", out);
    if (sum->diverged) {
        fputs("  ", out);
        put_ink(out, with->diverged, 1, alarming, canvas);
        fputs(" diverged", out);
    }
    if (sum->cancelled) {
        fputs("  ", out);
        put_ink(out, cancelled, 1, colours[0], canvas);
        fputs(" cancelled", out);
    }
    if (share > 1)
        fprintf(out, "  each: %d cells", (int)share);
    fputc('\n', out);
}

/* ---- where the squares are ---- */

typedef struct layout {
    const ggdm_map_axis *x, *y; /* NULL: none */
    int margin, width;          /* columns of the labels before the squares; of a square */
    int32_t columns, rows;      /* of squares */
    int32_t share;              /* cells of a square */
} layout;

static int widest(const ggdm_map_axis *axis)
{
    size_t n = 0;
    for (int32_t i = 0; i < axis->n; i++) {
        const size_t length = ggdm_utf8_length(axis->labels[i]);
        n = length > n ? length : n;
    }
    return (int)n;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* Two lines above them say what the axes are. */
static bool fit_axes(const ggdm_map_axis *x, const ggdm_map_axis *y, int columns, int rows,
                     layout *l)
{
    const int names = y->n ? 1 + larger(widest(y), (int)ggdm_utf8_length(y->name)) : 0;
    const int margin = MARGIN + larger(0, smaller(names, columns / MARGIN_SHARE - MARGIN));
    const int32_t across = larger(x->n, 1), room = (columns - margin) / across;
    const int wide = smaller(larger(widest(x) + 1, LEAST_WIDE), MOST_WIDE);
    *l = (layout){.x = x->n ? x : NULL,
                  .y = y->n ? y : NULL,
                  .margin = margin,
                  .width = wide <= room ? wide : smaller(room, 2),
                  .columns = across,
                  .rows = larger(y->n, 1),
                  .share = 1};
    return (l->x || l->y) && l->width > 0 && l->rows + 2 <= rows;
}

static int32_t divide_up(int32_t n, int32_t by)
{
    return (n + by - 1) / by;
}

/* Each line begins with the name of its first cell, and has whole runs of values where there is
 * room. */
static void fit_order(const ggdm_status_map *m, int columns, int rows, layout *l)
{
    char name[GGDM_CELL_NAME_SIZE];
    ggdm_cell_name(m->n, m->n - 1, name);
    const int named = MARGIN + (int)strlen(name) + 1;
    *l = (layout){.margin = named <= columns / 2 ? named : 0, .share = 1};
    for (int width = 2; width > 0; width--) {
        l->width = width;
        l->columns = smaller(larger((columns - l->margin) / width, 1), m->n);
        if (width <= columns && divide_up(m->n, l->columns) <= rows)
            break;
    }
    l->share = larger(divide_up(m->n, l->columns * rows), 1);
    const int32_t whole = l->columns - l->columns % m->run;
    if (l->share == 1 && whole > 0 && divide_up(m->n, whole) <= rows)
        l->columns = whole;
    l->rows = divide_up(divide_up(m->n, l->share), l->columns);
}

static layout lay_out(const ggdm_status_map *m, int columns, int rows)
{
    layout l;
    if (!fit_axes(&m->x, &m->y, columns, rows, &l) && !fit_axes(&m->y, &m->x, columns, rows, &l))
        fit_order(m, columns, rows, &l);
    return l;
}

static int32_t place_of(const layout *l, int32_t cell)
{
    if (!l->x && !l->y)
        return cell / l->share;
    return (l->y ? l->y->rank[cell] : 0) * l->columns + (l->x ? l->x->rank[cell] : 0);
}

/* ---- lines ---- */

/* Right aligned in the margin, with a space behind it. */
static void put_label(FILE *out, const char *text, int margin)
{
    char shown[GGDM_LABEL_SIZE];
    const size_t room = (size_t)larger(margin - 1, 0);
    ggdm_utf8_shorten(text, room < 4 ? 4 : room, shown, sizeof shown);
    const size_t n = ggdm_utf8_letters(shown, room), columns = ggdm_utf8_length(shown);
    fprintf(out, "%*s%.*s%s", columns < room ? (int)(room - columns) : 0, "", (int)n, shown,
            margin > 0 ? " " : "");
}

/* The values above the squares; those for which there is no room are left out. */
static void put_values(FILE *out, const layout *l)
{
    int at = 0;
    for (int32_t i = 0; l->x && i < l->x->n; i++) {
        const char *label = l->x->labels[i];
        const int end = i * l->width + filled_of(l->width),
                  begin = end - (int)ggdm_utf8_length(label);
        if (begin < at + (i > 0))
            continue;
        fprintf(out, "%*s%s", begin - at, "", label);
        at = end;
    }
    fputc('\n', out);
}

static void put_head(FILE *out, const layout *l)
{
    if (l->x)
        fprintf(out, "%*s%s\n", l->margin, "", l->x->name);
    put_label(out, l->y ? l->y->name : "", l->margin);
    put_values(out, l);
}

static void put_rows(FILE *out, const ggdm_status_map *m, const layout *l, const square *squares,
                     const ggdm_canvas *canvas)
{
    for (int32_t y = 0; y < l->rows; y++) {
        char name[GGDM_CELL_NAME_SIZE];
        ggdm_cell_name(m->n, y * l->columns * l->share, name);
        if (l->x || l->y)
            put_label(out, l->y ? l->y->labels[y] : "", l->margin);
        else if (l->margin)
            fprintf(out, "%*s%s ", MARGIN, "", name);
        const int filled = filled_of(l->width);
        for (int32_t x = 0; x < l->columns; x++) {
            fprintf(out, "%*s", x > 0 ? l->width - filled : 0, "");
            put_square(out, &squares[y * l->columns + x], filled, canvas);
        }
        fputc('\n', out);
    }
}

/* ---- what is called for ---- */

void ggdm_status_map_count(FILE *out, const ggdm_status_map *m)
{
    int complete = 0, begun = 0, given_up = 0, diverged = 0;
    for (int32_t i = 0; i < m->n; i++) {
        const ggdm_map_cell *c = &m->cells[i];
        const bool whole = c->done >= c->wanted;
        complete += whole;
        given_up += !whole && c->cancelled;
        begun += !whole && !c->cancelled && c->done > 0;
        diverged += c->diverged > 0;
    }
    if (m->n == 0)
        return;
    fprintf(out, "  cells      %d: %d complete", (int)m->n, complete);
    if (begun)
        fprintf(out, ", %d begun", begun);
    if (given_up)
        fprintf(out, ", %d cancelled", given_up);
    if (diverged)
        fprintf(out, "; %d with diverged images", diverged);
    fputc('\n', out);
}

ggdm_status ggdm_status_map_print(FILE *out, const ggdm_status_map *m, const ggdm_canvas *canvas,
                                  ggdm_error *err)
{
    square *squares = NULL, sum = {0};
    const bool roomy = canvas->rows > 3; /* for an empty line before and a legend behind */
    const int rows = canvas->rows - (roomy ? 2 : 0);
    if (m->n < 1 || rows < 1)
        return GGDM_OK;
    const layout l = lay_out(m, canvas->columns, rows);
    GGDM_TRY(ggdm_alloc(&squares, (size_t)l.columns * (size_t)l.rows, sizeof *squares, err));
    for (int32_t i = 0; i < m->n; i++) {
        add_cell(&squares[place_of(&l, i)], &m->cells[i]);
        add_cell(&sum, &m->cells[i]);
    }
    if (roomy)
        fputc('\n', out);
    if (l.x || l.y)
        put_head(out, &l);
    put_rows(out, m, &l, squares, canvas);
    if (roomy)
        put_legend(out, &sum, l.share, canvas);
    free(squares);
    return GGDM_OK;
}
