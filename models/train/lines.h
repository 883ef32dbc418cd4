/* Text files of a record a line. */
#ifndef GGDM_MODELS_TRAIN_LINES_H
#define GGDM_MODELS_TRAIN_LINES_H

#include <stddef.h>

#include "common/status.h"

enum { GGDM_LINE_MOST = 1 << 20 /* bytes */ };

/** What to do with a line, without its end and NUL-terminated; where: "PATH:LINE". */
typedef ggdm_status ggdm_line_taker(void *context, const char *text, size_t size, const char *where,
                                    ggdm_error *err);
/** Each line of the file at path in turn.  Errors: those of take; GGDM_EIO; GGDM_EFORMAT: a line
 *  that is empty or too long. */
ggdm_status ggdm_each_line(const char *path, ggdm_line_taker *take, void *context, ggdm_error *err);

#endif
