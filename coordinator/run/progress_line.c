#include "coordinator/run/progress_line.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "coordinator/world/launch.h"

#define LINE_SECONDS 0.25        /* between two states of the live line */
#define PLAIN_SECONDS_FIRST 10.0 /* between two lines when there is no terminal, growing ... */
#define PLAIN_SECONDS_LAST 60.0  /* ... to this */

const char *ggdm_duration_text(double seconds, char text[16])
{
    if (!(seconds >= 0) || seconds > 359999) {
        snprintf(text, 16, "-:--");
        return text;
    }
    int s = (int)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, 16, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, 16, "%d:%02d", s / 60, s % 60);
    return text;
}

const char *ggdm_images_text(int64_t done, int64_t total, int64_t asked, char text[96])
{
    int n = snprintf(text, 96, "%lld of %lld ", (long long)done, (long long)total);
    if (asked > total)
        snprintf(text + n, 96 - (size_t)n, "distinct images (%lld asked for)", (long long)asked);
    else
        snprintf(text + n, 96 - (size_t)n, "images");
    return text;
}

static void look_at_terminal(ggdm_progress_line *l)
{
    const char *told = getenv(GGDM_PROGRESS_ENV);
    struct winsize size;
    if (told) {
        l->live = sscanf(told, "line:%d", &l->columns) == 1;
    } else if (isatty(STDERR_FILENO)) {
        l->live = true;
        l->columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 80;
    }
    if (l->columns < 20 || l->columns > 300)
        l->columns = 80;
}

void ggdm_progress_line_init(ggdm_progress_line *l, double now)
{
    *l = (ggdm_progress_line){.last = now, .plain_seconds = PLAIN_SECONDS_FIRST};
    look_at_terminal(l);
}

static void numbers_text(const ggdm_progress_view *v, const ggdm_store_counts *c,
                         const ggdm_progress_state *state, char *text, size_t size)
{
    char eta[16];
    int64_t bad = c->units[GGDM_UNIT_FAILED] + c->units[GGDM_UNIT_QUARANTINED];
    char of[40] = "";
    if (c->images_asked != c->images_total)
        snprintf(of, sizeof of, " distinct of %lld", (long long)c->images_asked);
    snprintf(text, size, "%lld/%lld%s images  %.*f images/s  ETA %s  workers %d/%d",
             (long long)c->images_done, (long long)c->images_total, of, v->rate < 99.95 ? 2 : 0,
             v->rate, ggdm_duration_text(v->eta, eta), state->busy, state->workers);
    size_t n = strlen(text);
    if (c->cells_open && n < size)
        n += (size_t)snprintf(text + n, size - n, "  cells open %lld", (long long)c->cells_open);
    if (c->images_diverged && n < size)
        n += (size_t)snprintf(text + n, size - n, "  diverged %lld", (long long)c->images_diverged);
    if (bad && n < size)
        snprintf(text + n, size - n, "  units failed %lld", (long long)bad);
}

static void show_live(ggdm_progress_line *l, double fraction, const char *numbers)
{
    char line[512];
    int width = l->columns - 1 - (int)strlen(numbers) - 10; /* what is left for the bar */
    if (width > 40)
        width = 40;
    int n = 0;
    if (width >= 8) {
        int full = (int)(fraction * width);
        n = snprintf(line, sizeof line, "[%.*s%.*s] ", full,
                     "########################################", width - full,
                     "........................................");
    }
    snprintf(line + n, sizeof line - (size_t)n, "%3d %%  %s", (int)(fraction * 100), numbers);
    fprintf(stderr, "\r%.*s\033[K", l->columns - 1, line);
    fflush(stderr);
    l->dirty = true;
}

void ggdm_progress_line_show(ggdm_progress_line *l, const ggdm_progress_view *v,
                             const ggdm_store_counts *c, const ggdm_progress_state *state,
                             double now)
{
    char numbers[200];
    if (l->live ? now - l->last < LINE_SECONDS
                : now - l->last < (l->shown ? l->plain_seconds : 2.0))
        return;
    l->last = now;
    numbers_text(v, c, state, numbers, sizeof numbers);
    if (l->live) {
        show_live(l, v->fraction, numbers);
        return;
    }
    fprintf(stderr, "ggdm: %3d %%  %s\n", (int)(v->fraction * 100), numbers);
    if (l->shown && l->plain_seconds < PLAIN_SECONDS_LAST)
        l->plain_seconds = fmin(l->plain_seconds * 1.5, PLAIN_SECONDS_LAST);
    l->shown = true;
}

void ggdm_progress_line_end(ggdm_progress_line *l)
{
    if (l->dirty)
        fprintf(stderr, "\n");
    l->dirty = false;
}
