#include "coordinator/show/terminal.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "coordinator/world/stop.h"

#define PLAIN_COLUMNS 80 /* of what is no terminal, or does not tell ... */
#define PLAIN_ROWS 50    /* ... and how long a block may be there */

static const char enter_screen[] = "\033[?1049h\033[?25l"; /* a screen of one's own, no cursor */
static const char leave_screen[] = "\033[?25h\033[?1049l";

/* ---- signals: each only says that it came ---- */

static volatile sig_atomic_t resized, suspended;

static void on_signal(int number)
{
    if (number == SIGTSTP)
        suspended = 1;
    else
        resized = 1;
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    if (!ggdm_stop_ignored(number))
        sigaction(number, &action, NULL);
}

/* ---- what it is ---- */

void ggdm_terminal_measure(ggdm_terminal *t)
{
    struct winsize size = {0};
    resized = 0;
    t->canvas.rows = PLAIN_ROWS;
    t->canvas.columns = PLAIN_COLUMNS;
    if (!t->live)
        return;
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    t->canvas.rows = size.ws_row ? size.ws_row : 24;
    /* (The last column is left alone: terminals differ in what becomes of a line that fills it.) */
    t->canvas.columns = size.ws_col > 1 ? size.ws_col - 1 : size.ws_col ? 1 : PLAIN_COLUMNS - 1;
}

static ggdm_status send(const char *bytes, size_t size, ggdm_error *err)
{
    while (size > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes, size);
        if (n < 0 && errno != EINTR)
            return GGDM_FAIL_ERRNO(err, errno, "standard output");
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return GGDM_OK;
}

/* Of keys only those are taken that are typed for this process: one in the background would be
 * stopped by asking. */
static void take(ggdm_terminal *t)
{
    struct termios silent;
    t->quiet = tcgetpgrp(STDIN_FILENO) == getpgrp() && tcgetattr(STDIN_FILENO, &t->usual) == 0;
    if (t->quiet) {
        silent = t->usual;
        silent.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        silent.c_cc[VMIN] = 0;
        silent.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSADRAIN, &silent);
    }
    send(enter_screen, sizeof enter_screen - 1, NULL);
    handle(SIGTSTP, on_signal);
    t->taken = true;
}

static void give_back(ggdm_terminal *t)
{
    t->taken = false;
    handle(SIGTSTP, SIG_DFL);
    send(leave_screen, sizeof leave_screen - 1, NULL);
    if (t->quiet)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &t->usual);
}

void ggdm_terminal_open(ggdm_terminal *t)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    *t = (ggdm_terminal){.live = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb")};
    setlocale(LC_CTYPE, "");
    t->canvas.utf8 = t->live && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    t->canvas.colour = t->live && !(no_colour && *no_colour);
    ggdm_terminal_measure(t);
    ggdm_stop_install();
    if (t->live)
        handle(SIGWINCH, on_signal);
}

/* ---- a picture ---- */

/* Bytes of the colour that a text begins with, as "\033[1;31m"; 0: it does not. */
static size_t colour_size(const char *text)
{
    if (strncmp(text, "\033[", 2) != 0)
        return 0;
    const size_t n = 2 + strspn(text + 2, "0123456789;");
    return text[n] == 'm' ? n + 1 : 0;
}

/* Columns that a letter of n bytes takes; -1: it cannot be shown. */
static int letter_width(const char *text, size_t n, bool utf8)
{
    wchar_t letter;
    mbstate_t state = {0};
    if (ggdm_utf8_plain(text, n) < n || (n > 1 && !utf8))
        return -1;
    return n == 1 ? 1 : mbrtowc(&letter, text, n, &state) == n ? wcwidth(letter) : -1;
}

/* As much of a line as there is room for; returns its end. */
static const char *put_line(FILE *out, const char *line, const ggdm_canvas *canvas)
{
    const char *end = line + strcspn(line, "\n");
    size_t n = 0;
    for (int left = canvas->columns; line < end; line += n) {
        n = colour_size(line);
        if (n == 0) {
            n = ggdm_utf8_letters(line, 1);
            const int width = letter_width(line, n, canvas->utf8);
            left -= width < 0 ? 1 : width;
            if (left < 0)
                break;
            if (width < 0) {
                fputc('?', out);
                continue;
            }
        }
        fwrite(line, 1, n, out);
    }
    return end;
}

static const char *next_line(const char *end)
{
    return end + (*end == '\n');
}

/* Over what is there, line by line. */
static void put_over(FILE *out, const char *text, const ggdm_canvas *canvas)
{
    fputs("\033[H", out);
    for (int row = 0; *text && row < canvas->rows; row++) {
        fputs(row ? "\r\n" : "", out);
        text = next_line(put_line(out, text, canvas));
        fputs(canvas->colour ? "\033[0m\033[K" : "\033[K", out);
    }
    fputs("\033[J", out);
}

/* Below what is there. */
static void put_below(FILE *out, const char *text, const ggdm_canvas *canvas)
{
    while (*text) {
        text = next_line(put_line(out, text, canvas));
        fputs(canvas->colour ? "\033[0m\n" : "\n", out);
    }
}

/* In one piece: half a picture is never seen. */
static ggdm_status put(const ggdm_terminal *t, const char *text,
                       void (*how)(FILE *, const char *, const ggdm_canvas *), ggdm_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&bytes, &size);
    if (!out)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
    how(out, text, &t->canvas);
    if (!t->live)
        fputc('\n', out);
    ggdm_status st =
        fclose(out) == 0 ? send(bytes, size, err) : GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
    free(bytes);
    return st;
}

ggdm_status ggdm_terminal_show(ggdm_terminal *t, const char *text, ggdm_error *err)
{
    char *copy = NULL;
    GGDM_TRY(ggdm_strdup(text, &copy, err));
    free(t->last);
    t->last = copy;
    if (t->live && !t->taken)
        take(t);
    return put(t, text, t->live ? put_over : put_below, err);
}

void ggdm_terminal_close(ggdm_terminal *t)
{
    if (t->taken) {
        give_back(t);
        put(t, t->last, put_below, NULL);
    }
    free(t->last);
    *t = (ggdm_terminal){0};
}

/* ---- between two pictures ---- */

/* As it would have been without us, until the shell wants us back. */
static void suspend(ggdm_terminal *t)
{
    suspended = 0;
    give_back(t);
    raise(SIGTSTP);
    take(t);
}

/* Does somebody want to leave? */
static bool is_tired(ggdm_terminal *t)
{
    char keys[64];
    const ssize_t n = read(STDIN_FILENO, keys, sizeof keys);
    if (n == 0)
        t->quiet = false; /* no more will come */
    return n > 0 && memchr(keys, 'q', (size_t)n);
}

bool ggdm_terminal_wait(ggdm_terminal *t, double seconds)
{
    const double until = ggdm_now() + seconds;
    bool stays = true;
    sigset_t ours, usual;
    sigfillset(&ours); /* while it sleeps is when signals come: none is missed */
    sigprocmask(SIG_BLOCK, &ours, &usual);
    for (double left = seconds;
         left > 0 && stays && !resized && !suspended && ggdm_stop_count() == 0;
         left = until - ggdm_now()) {
        struct pollfd keys = {.fd = t->quiet ? STDIN_FILENO : -1, .events = POLLIN};
        const struct timespec time = {.tv_sec = (time_t)left,
                                      .tv_nsec = (long)(1e9 * (left - floor(left)))};
        stays = ppoll(&keys, 1, &time, &usual) <= 0 || !is_tired(t);
    }
    sigprocmask(SIG_SETMASK, &usual, NULL);
    if (suspended)
        suspend(t);
    return stays && ggdm_stop_count() == 0;
}
