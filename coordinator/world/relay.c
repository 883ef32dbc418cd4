#include "coordinator/world/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

static const char mark[] = "ggdm"; /* begins our lines */
#define LIVE_END 'K' /* ends the live one: that of "\033[K", there is no other in it */

/* ---- where it goes ---- */

static void put_bytes(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done <= 0 && errno != EINTR)
            return;
        bytes += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
}

static void show_output(ggdm_relay *r, const char *bytes, size_t n)
{
    put_bytes(STDERR_FILENO, bytes, n);
    r->line_open = n > 0 ? bytes[n - 1] != '\n' : r->line_open;
}

static void keep_in_log(ggdm_relay *r, const char *bytes, size_t n)
{
    if (r->log && r->log_fd < 0)
        r->log_fd = open(r->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (r->log_fd >= 0)
        put_bytes(r->log_fd, bytes, n);
    r->kept |= r->log_fd >= 0;
    if (r->log_fd < 0 || ggdm_log_shows(GGDM_LOG_DEBUG))
        show_output(r, bytes, n);
}

static void let_go(ggdm_relay *r, const char *bytes, size_t n)
{
    if (r->speaker == GGDM_SPEAKER_OTHER)
        keep_in_log(r, bytes, n);
    else
        show_output(r, bytes, n);
}

/* ---- whose it is ---- */

/* One more byte of a line that nobody is known to say yet. */
static void take_head(ggdm_relay *r, char byte)
{
    r->head[r->n_head++] = byte;
    bool own = r->n_head < sizeof mark && memcmp(r->head, mark, r->n_head) == 0;
    if (byte == '\r' && r->n_head == 1)
        r->speaker = GGDM_SPEAKER_LIVE;
    else if (r->n_head == 1 && byte == '\n' && r->line_open)
        r->speaker = GGDM_SPEAKER_RANK; /* ends a live line */
    else if (r->n_head == sizeof mark && memcmp(r->head, mark, sizeof mark - 1) == 0 &&
             strchr(": [", byte))
        r->speaker = GGDM_SPEAKER_RANK;
    else if (!own)
        r->speaker = GGDM_SPEAKER_OTHER;
    if (r->speaker == GGDM_SPEAKER_UNKNOWN)
        return;
    let_go(r, r->head, r->n_head);
    r->n_head = 0;
    if (byte == '\n')
        r->speaker = GGDM_SPEAKER_UNKNOWN;
}

static bool ends(const ggdm_relay *r, char byte)
{
    return byte == '\n' || (r->speaker == GGDM_SPEAKER_LIVE && byte == LIVE_END);
}

/* Bytes up to the end of what this speaker says, or all. */
static size_t span(const ggdm_relay *r, const char *bytes, size_t n)
{
    size_t i = 0;
    while (i < n && !ends(r, bytes[i]))
        i++;
    return i < n ? i + 1 : n;
}

void ggdm_relay_feed(ggdm_relay *r, const char *bytes, size_t n)
{
    ggdm_obituary_feed(r->obituary, bytes, n);
    while (n) {
        size_t used = 1;
        if (r->speaker == GGDM_SPEAKER_UNKNOWN) {
            take_head(r, *bytes);
        } else {
            used = span(r, bytes, n);
            let_go(r, bytes, used);
            if (ends(r, bytes[used - 1]))
                r->speaker = GGDM_SPEAKER_UNKNOWN;
        }
        bytes += used;
        n -= used;
    }
}

/* ---- the pipes ---- */

static void take_output(ggdm_relay *r, const char *bytes, size_t n)
{
    (void)r;
    fwrite(bytes, 1, n, stdout); /* (what does not work is found at exit) */
    fflush(stdout);
}

static void drain_pipe(ggdm_relay *r, int *fd, void (*take)(ggdm_relay *, const char *, size_t))
{
    char bytes[4096];
    while (*fd >= 0) {
        ssize_t n = read(*fd, bytes, sizeof bytes);
        if (n > 0) {
            take(r, bytes, (size_t)n);
        } else if (n == 0) {
            close(*fd);
            *fd = -1;
        } else if (errno != EINTR) {
            return; /* EAGAIN: no more for now */
        }
    }
}

void ggdm_relay_init(ggdm_relay *r, int output, int errors, const char *log, ggdm_obituary *o)
{
    *r = (ggdm_relay){.output = output, .errors = errors, .log = log, .log_fd = -1, .obituary = o};
    fcntl(output, F_SETFL, O_NONBLOCK);
    fcntl(errors, F_SETFL, O_NONBLOCK);
}

void ggdm_relay_pass(ggdm_relay *r)
{
    drain_pipe(r, &r->errors, ggdm_relay_feed);
    drain_pipe(r, &r->output, take_output);
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void ggdm_relay_close(ggdm_relay *r)
{
    ggdm_relay_pass(r);
    if (r->n_head) {
        r->speaker = GGDM_SPEAKER_OTHER;
        let_go(r, r->head, r->n_head);
    }
    if (r->line_open)
        show_output(r, "\n", 1);
    shut(&r->errors);
    shut(&r->output);
    shut(&r->log_fd);
}
