/* Is there bf16 on this machine (under this GGDM_ISA)? */
#ifndef GGDM_TESTS_SUPPORT_BF16_H
#define GGDM_TESTS_SUPPORT_BF16_H

#include <stdbool.h>

/** Prints why not. */
bool ggdm_test_have_bf16(void);

#endif
