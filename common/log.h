/* Log lines on standard error: "ggdm[RANK] LEVEL: text".  Progress and results do not go here. */
#ifndef GGDM_COMMON_LOG_H
#define GGDM_COMMON_LOG_H

#include <stdbool.h>

typedef enum ggdm_log_level {
    GGDM_LOG_ERROR, /* the command fails because of this */
    GGDM_LOG_WARN,  /* the user should know, work goes on */
    GGDM_LOG_INFO,  /* what is being done, a few lines per command */
    GGDM_LOG_DEBUG  /* for the developer; shown with GGDM_LOG=debug */
} ggdm_log_level;

/** Set the rank shown in front of each line; -1 (the default) shows none. */
void ggdm_log_set_rank(int rank);

/** Are lines of this level printed? */
bool ggdm_log_shows(ggdm_log_level level);

void ggdm_log(ggdm_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
