/* Status codes and error context: every function that can fail returns ggdm_status and takes a
 * ggdm_error as its last parameter.  The first failure fills the error; callers put context in
 * front of it ("model mnist-ddpm: tensor conv_in.weight: ...").  err may be NULL everywhere. */
#ifndef GGDM_COMMON_STATUS_H
#define GGDM_COMMON_STATUS_H

#include <stddef.h>

/* Numbers are stored in the database and sent in messages: never renumber. */
typedef enum ggdm_status {
    GGDM_OK = 0,
    GGDM_EINVAL = 1,       /* invalid argument or user input */
    GGDM_ENOMEM = 2,       /* out of memory */
    GGDM_EIO = 3,          /* a system call failed, but for a full disk */
    GGDM_EFORMAT = 4,      /* malformed file or message */
    GGDM_ESHAPE = 5,       /* shapes do not fit or a size overflows */
    GGDM_EUNSUPPORTED = 6, /* well formed, but not something this build can do */
    GGDM_ESTATE = 7,       /* not allowed in this state (run of another sweep, late result) */
    GGDM_ECOMM = 8,        /* communication between ranks failed */
    GGDM_ESTORE = 9,       /* the job store failed */
    GGDM_ENUMERIC = 10,    /* not finite */
    GGDM_ECANCELLED = 11,  /* interrupted: work is left */
    GGDM_EINTERNAL = 12,   /* a broken invariant of this program */
    GGDM_EFULL = 13,       /* no room: a full disk, a quota, a limit on file sizes */
    GGDM_N_STATUS
} ggdm_status;

/* Exit codes of the program (docs/DESIGN.md, "What a user sees"). */
enum {
    GGDM_EXIT_OK = 0,
    GGDM_EXIT_FAILED_UNITS = 1,
    GGDM_EXIT_USAGE = 2,
    GGDM_EXIT_INTERNAL = 70,
    GGDM_EXIT_INTERRUPTED = 75
};

typedef struct ggdm_error {
    ggdm_status code;
    const char *file; /* source position of the failure */
    int line;
    char msg[1000];
} ggdm_error;

/** Fill err (if not NULL) and return code.  The one place where errors are born: the breakpoint. */
ggdm_status ggdm_fail(ggdm_error *err, ggdm_status code, const char *file, int line,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));

/** What a failure of the system is: GGDM_EFULL where there is no room (ENOSPC, EDQUOT, EFBIG),
 *  GGDM_ENOMEM, else GGDM_EIO. */
ggdm_status ggdm_errno_status(int number);

/** Like ggdm_fail, for a system call that failed with this errno: the code is its status, and the
 *  message ends in ": " and what the system calls it. */
ggdm_status ggdm_fail_errno(ggdm_error *err, int number, const char *file, int line,
                            const char *format, ...) __attribute__((format(printf, 5, 6)));

/** Put context in front of the message of err: "CONTEXT: MESSAGE".  Returns err's code. */
ggdm_status ggdm_error_prefix(ggdm_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Static text for a status code ("invalid input", ...). */
const char *ggdm_status_text(ggdm_status code);

/** Exit code of the program that ends with this status. */
int ggdm_exit_code(ggdm_status code);

#define GGDM_FAIL(err, code, ...) ggdm_fail((err), (code), __FILE__, __LINE__, __VA_ARGS__)
#define GGDM_FAIL_ERRNO(err, number, ...)                                                          \
    ggdm_fail_errno((err), (number), __FILE__, __LINE__, __VA_ARGS__)

/* Return on failure; only where nothing is held. */
#define GGDM_TRY(expr)                                                                             \
    do {                                                                                           \
        ggdm_status try_status_ = (expr);                                                          \
        if (try_status_ != GGDM_OK)                                                                \
            return try_status_;                                                                    \
    } while (0)

/* Set st and go to the label on failure; the function ends with `return st`. */
#define GGDM_TRY_GOTO(st, expr, label)                                                             \
    do {                                                                                           \
        (st) = (expr);                                                                             \
        if ((st) != GGDM_OK)                                                                       \
            goto label;                                                                            \
    } while (0)

#endif
