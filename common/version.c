#include "common/version.h"

const char ggdm_version[] = "0.1.0";
