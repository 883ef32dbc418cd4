/* Version of the program, "0.1.0". */
#ifndef GGDM_COMMON_VERSION_H
#define GGDM_COMMON_VERSION_H

extern const char ggdm_version[];

#endif
