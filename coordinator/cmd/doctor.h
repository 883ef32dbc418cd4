/* What the checks of `ggdm doctor` share: each is one line. */
#ifndef GGDM_COORDINATOR_DOCTOR_H
#define GGDM_COORDINATOR_DOCTOR_H

#include <stdbool.h>

#include "common/json_write.h"
#include "coordinator/run/dir_args.h"

typedef enum ggdm_found { GGDM_FOUND_OK, GGDM_FOUND_WARN, GGDM_FOUND_BAD } ggdm_found;

typedef struct ggdm_doctor {
    ggdm_dir_options where;
    bool json;
    ggdm_json j;
    int found[3]; /* lines of each ggdm_found */
} ggdm_doctor;

/** A line: what was looked at, and what was found. */
void ggdm_doctor_say(ggdm_doctor *d, ggdm_found found, const char *topic, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

bool ggdm_doctor_holds_run(const char *dir);

/** Check the run in dir.  Looks only: what is to be mended or migrated is left to who continues the
 *  run. */
void ggdm_doctor_run(ggdm_doctor *d, const char *dir);

#endif
