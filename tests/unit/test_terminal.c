/* What a terminal is told: each test is a process at the end of a pseudo terminal, whose other end
 * does what a terminal does with the few sequences that are used. */
#include "coordinator/show/terminal.h"

#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "coordinator/world/stop.h"
#include "tests/support/ggdm_test.h"

static ggdm_error err;

/* ---- a terminal ---- */

enum { ROWS = 30, COLUMNS = 100, PATIENCE = 20 /* seconds */ };

typedef struct emulator {
    pid_t child;
    int fd, rows, columns;
    uint32_t letters[2][ROWS][COLUMNS]; /* their bytes; of the usual screen, and that of programs */
    int row[2], column[2], which;
    bool no_cursor;
    int taken, pictures, sequences;
    char pending[16];
    int n_pending;
} emulator;

static void clear(emulator *e, int row, int column)
{
    memset(&e->letters[e->which][row][column], 0, 4 * (size_t)(COLUMNS - column));
}

static void put(emulator *e, const char *letter)
{
    int *row = &e->row[e->which], *column = &e->column[e->which];
    if (*letter == '\r') {
        *column = 0;
    } else if (*letter == '\n') {
        if (++*row >= e->rows)
            ggdm_test_fail("a screen of %d rows scrolls", e->rows);
    } else {
        if (*column >= e->columns)
            ggdm_test_fail("row %d goes beyond column %d", *row, e->columns);
        memcpy(&e->letters[e->which][*row][(*column)++], letter, strlen(letter));
    }
}

static void obey(emulator *e, const char *what)
{
    int *row = &e->row[e->which], *column = &e->column[e->which];
    e->sequences++;
    if (strcmp(what, "H") == 0) {
        *row = *column = 0;
    } else if (strcmp(what, "K") == 0) {
        clear(e, *row, *column);
    } else if (strcmp(what, "J") == 0) {
        clear(e, *row, *column);
        for (int i = *row + 1; i < ROWS; i++)
            clear(e, i, 0);
        e->pictures++;
    } else if (strncmp(what, "?1049", 5) == 0) {
        e->which = what[5] == 'h';
        e->taken += e->which;
    } else if (strncmp(what, "?25", 3) == 0) {
        e->no_cursor = what[3] == 'l';
    } else if (what[strlen(what) - 1] != 'm') {
        ggdm_test_fail("a sequence that is not known: %s", what);
    }
}

static void feed(emulator *e, char byte)
{
    char *p = e->pending;
    assert_true(e->n_pending + 1 < (int)sizeof e->pending);
    p[e->n_pending++] = byte;
    p[e->n_pending] = '\0';
    const bool sequence = p[0] == '\033';
    const int size = !(p[0] & 0x80) ? 1 : !(p[0] & 0x20) ? 2 : 3;
    if (sequence ? e->n_pending < 3 || !strchr("HKJhlm", byte) : e->n_pending < size)
        return;
    e->n_pending = 0;
    sequence ? obey(e, p + 2) : put(e, p);
}

/* Take in what is written until so many pictures are there, or its end. */
static void read_until(emulator *e, int pictures)
{
    const double until = ggdm_now() + PATIENCE;
    while (e->pictures < pictures) {
        struct pollfd there = {.fd = e->fd, .events = POLLIN};
        char bytes[512];
        const ssize_t n = poll(&there, 1, 1000) > 0 ? read(e->fd, bytes, sizeof bytes) : 0;
        if (n < 0)
            return;
        if (ggdm_now() > until)
            ggdm_test_fail("%d pictures after %d s", e->pictures, PATIENCE);
        for (ssize_t i = 0; i < n; i++)
            feed(e, bytes[i]);
    }
}

static void assert_row(emulator *e, int row, const char *wanted)
{
    char text[4 * COLUMNS + 1] = "", *at = text;
    for (int i = 0; i < COLUMNS; i++) {
        char letter[5] = "";
        memcpy(letter, &e->letters[e->which][row][i], 4);
        at = stpcpy(at, *letter ? letter : " ");
    }
    while (at > text && at[-1] == ' ')
        *--at = '\0';
    if (strcmp(text, wanted) != 0)
        ggdm_test_fail("row %d: '%s', expected '%s'", row, text, wanted);
}

/* ---- a process on it ---- */

typedef bool (*scene)(ggdm_terminal *t);

static emulator open_terminal(int rows, int columns, const char *term, const char *locale,
                              scene play)
{
    emulator e = {.rows = rows, .columns = columns};
    const struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    e.child = forkpty(&e.fd, NULL, NULL, &size);
    assert_true(e.child >= 0);
    if (e.child > 0)
        return e;
    ggdm_terminal t;
    setenv("TERM", term, 1);
    setenv("LC_ALL", locale, 1);
    ggdm_terminal_open(&t);
    const bool good = play(&t);
    ggdm_terminal_close(&t);
    ggdm_terminal_close(&t);
    _exit(good ? 0 : 1);
}

static bool shows(ggdm_terminal *t, const char *text)
{
    ggdm_terminal_measure(t);
    return ggdm_terminal_show(t, text, &err) == GGDM_OK;
}

static bool echoes(const emulator *e)
{
    struct termios mode;
    assert_int_equal(tcgetattr(e->fd, &mode), 0);
    return (mode.c_lflag & ECHO) && (mode.c_lflag & ICANON);
}

/* It ends well, and the terminal is as it was. */
static void close_terminal(emulator *e)
{
    int code;
    read_until(e, INT_MAX);
    assert_true(e->which == 0 && !e->no_cursor && echoes(e));
    assert_int_equal(waitpid(e->child, &code, 0), e->child);
    assert_int_equal(code, 0);
    close(e->fd);
}

/* ---- */

static const char long_lines[] = "0123456789ABCDEFGHIJ\nα×█ \033[31mred\033[0m and more and more\n"
                                 "wide 日本語日本語\nbell \a, \xc2\x9f\n\nsixth\n7\n8\n";

/* Cut to its size, even where letters are as wide as two; the next one replaces all of it. */
static bool play_two(ggdm_terminal *t)
{
    return t->live && t->canvas.utf8 && t->canvas.colour && shows(t, long_lines) &&
           ggdm_terminal_wait(t, 0.3) && shows(t, "second\n") && !ggdm_terminal_wait(t, PATIENCE);
}

static void test_terminal_is_overwritten_and_given_back(void **state)
{
    (void)state;
    emulator e = open_terminal(6, 16, "xterm", "C.UTF-8", play_two);
    read_until(&e, 1);
    assert_true(e.which == 1 && e.no_cursor && !echoes(&e));
    static const char *const first[] = {
        "0123456789ABCDE", "α×█ red and mor", "wide 日本語日本", "bell ?, ?", "", "sixth"};
    for (int i = 0; i < 6; i++)
        assert_row(&e, i, first[i]);
    read_until(&e, 2);
    assert_row(&e, 0, "second");
    for (int i = 1; i < 6; i++)
        assert_row(&e, i, "");
    assert_int_equal(write(e.fd, "xyq", 3), 3);
    close_terminal(&e);
    assert_row(&e, 0, "second"); /* what was seen last stays */
}

static bool play_until_stopped(ggdm_terminal *t)
{
    while (shows(t, "picture\n") && ggdm_terminal_wait(t, PATIENCE))
        ;
    return ggdm_stop_count() == 1;
}

static void test_terminal_is_given_back_after_a_signal(void **state)
{
    (void)state;
    emulator e = open_terminal(6, 16, "xterm", "C.UTF-8", play_until_stopped);
    read_until(&e, 1);
    assert_int_equal(write(e.fd, "\003", 1), 1); /* Ctrl-C */
    close_terminal(&e);
}

/* Another size is another picture at once; so is the terminal after Ctrl-Z, when it is ours again.
 * (A process without a shell that could wake it does not stop.) */
static void test_terminal_follows_size_and_shell(void **state)
{
    (void)state;
    emulator e = open_terminal(6, 16, "xterm", "C.UTF-8", play_until_stopped);
    read_until(&e, 1);
    const struct winsize size = {.ws_row = 4, .ws_col = 5};
    assert_int_equal(ioctl(e.fd, TIOCSWINSZ, &size), 0);
    read_until(&e, 2);
    assert_row(&e, 0, "pict");
    assert_int_equal(kill(e.child, SIGTSTP), 0);
    read_until(&e, 3);
    assert_true(e.taken == 2 && e.which == 1 && e.no_cursor && !echoes(&e));
    kill(e.child, SIGTERM);
    close_terminal(&e);
}

static bool play_plainly(ggdm_terminal *t)
{
    return !t->live && !t->canvas.colour && !t->canvas.utf8 && t->canvas.columns == 80 &&
           shows(t, "α and β\n") && ggdm_terminal_wait(t, 0.01) && shows(t, "2\n");
}

static void test_terminal_that_can_do_nothing_gets_blocks(void **state)
{
    (void)state;
    emulator e = open_terminal(20, 100, "dumb", "C.UTF-8", play_plainly);
    close_terminal(&e);
    static const char *const rows[] = {"? and ?", "", "2", ""};
    for (int i = 0; i < 4; i++)
        assert_row(&e, i, rows[i]);
    assert_int_equal(e.sequences, 0);
}

static bool play_without_letters(ggdm_terminal *t)
{
    return t->live && !t->canvas.utf8 && !t->canvas.colour && shows(t, "α█x\n");
}

static void test_terminal_without_colour_in_another_locale(void **state)
{
    (void)state;
    setenv("NO_COLOR", "1", 1);
    emulator e = open_terminal(20, 100, "xterm", "C", play_without_letters);
    unsetenv("NO_COLOR");
    close_terminal(&e);
    assert_row(&e, 0, "??x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminal_is_overwritten_and_given_back),
        cmocka_unit_test(test_terminal_is_given_back_after_a_signal),
        cmocka_unit_test(test_terminal_follows_size_and_shell),
        cmocka_unit_test(test_terminal_that_can_do_nothing_gets_blocks),
        cmocka_unit_test(test_terminal_without_colour_in_another_locale),
    };
    return ggdm_test_main(tests);
}
