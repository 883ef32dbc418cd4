#include "coordinator/cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/status.h"

static void check_output(int code, void *context)
{
    (void)context;
    int why = fflush(stdout) != 0 ? errno : 0;
    /* The error was before: is it one still? */
    if (ferror(stdout) && !why && write(STDOUT_FILENO, "\n", 1) < 0)
        why = errno;
    bool good = !ferror(stdout);
    if (fclose(stdout) != 0 && !why)
        why = errno;
    if (good && !why)
        return;
    if (why == EPIPE)
        _exit(code ? code : 128 + SIGPIPE);
    ggdm_log(GGDM_LOG_ERROR, "standard output: %s",
             why ? strerror(why) : "not all of it could be written");
    if (!code)
        _exit(ggdm_exit_code(ggdm_errno_status(why)));
}

void ggdm_output_guard(void)
{
    /* To be written where it can only be read, and the other way round. */
    static const int flags[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
            _exit(GGDM_EXIT_INTERNAL);
    signal(SIGXFSZ, SIG_IGN);
    on_exit(check_output, NULL);
}
