#include "common/isa.h"

#include <cpuid.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

/* CPUID leaf 7: gcc 12 and clang 14 do not know the same names for these features. */
static bool has_avx512_bf16(void)
{
    unsigned a, b, c, d;
    return has_avx512() && __builtin_cpu_supports("avx512vnni") &&
           __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}

static bool has_amx(void)
{
    unsigned a, b, c, d;
    return has_avx512_bf16() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) &&
           (d >> 24 & 1);
}

static bool has_ref(void)
{
    return true;
}

static const struct {
    const char *name;
    const char *onednn; /* value of ONEDNN_MAX_CPU_ISA */
    bool (*available)(void);
} isas[GGDM_N_ISAS] = {
    [GGDM_ISA_REF] = {"ref", "SSE41", has_ref},
    [GGDM_ISA_AVX2] = {"avx2", "AVX2", has_avx2},
    [GGDM_ISA_AVX512] = {"avx512", "AVX512_CORE", has_avx512},
    [GGDM_ISA_AVX512_BF16] = {"avx512_bf16", "AVX512_CORE_BF16", has_avx512_bf16},
    [GGDM_ISA_AMX] = {"amx", "AVX512_CORE_AMX", has_amx},
};

const char *ggdm_isa_name(ggdm_isa isa)
{
    return (unsigned)isa < GGDM_N_ISAS ? isas[isa].name : "unknown";
}

ggdm_status ggdm_isa_choose(ggdm_isa *out, ggdm_error *err)
{
    const char *wish = getenv("GGDM_ISA");
    int best = GGDM_ISA_REF;
    while (best + 1 < GGDM_N_ISAS && isas[best + 1].available())
        best++;
    if (!wish || !*wish) {
        *out = (ggdm_isa)best;
        return GGDM_OK;
    }
    for (int i = 0; i < GGDM_N_ISAS; i++) {
        if (strcmp(wish, isas[i].name) != 0)
            continue;
        if (i > best)
            return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                             "GGDM_ISA is '%s', but the best this machine has is '%s'", wish,
                             isas[best].name);
        *out = (ggdm_isa)i;
        return GGDM_OK;
    }
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "GGDM_ISA is '%s', expected ref, avx2, avx512, avx512_bf16 or amx", wish);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int pinned = -1;

static ggdm_status pin(ggdm_isa isa, ggdm_error *err)
{
    if (setenv("ONEDNN_MAX_CPU_ISA", isas[isa].onednn, 1) != 0)
        return GGDM_FAIL(err, GGDM_EIO, "cannot set ONEDNN_MAX_CPU_ISA");
    pinned = (int)isa;
    return GGDM_OK;
}

ggdm_status ggdm_isa_pin(ggdm_isa isa, ggdm_error *err)
{
    pthread_mutex_lock(&lock);
    ggdm_status st = pin(isa, err);
    pthread_mutex_unlock(&lock);
    return st;
}

ggdm_status ggdm_isa_pinned(ggdm_isa *out, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    pthread_mutex_lock(&lock);
    if (pinned >= 0) {
        *out = (ggdm_isa)pinned;
    } else {
        st = ggdm_isa_choose(out, err);
        if (st == GGDM_OK)
            st = pin(*out, err);
    }
    pthread_mutex_unlock(&lock);
    return st;
}

void ggdm_processor_name(char name[GGDM_PROCESSOR_SIZE])
{
    unsigned r[4] = {0};
    name[0] = '\0';
    if (!__get_cpuid(0x80000004, &r[0], &r[1], &r[2], &r[3])) {
        snprintf(name, GGDM_PROCESSOR_SIZE, "unnamed");
        return;
    }
    char text[49] = "";
    for (unsigned leaf = 0; leaf < 3; leaf++) {
        __get_cpuid(0x80000002 + leaf, &r[0], &r[1], &r[2], &r[3]);
        memcpy(text + 16 * leaf, r, sizeof r);
    }
    unsigned a = 0, b, c, d;
    __get_cpuid(1, &a, &b, &c, &d);
    const unsigned family = (a >> 8 & 15) + (a >> 20 & 255),
                   model = (a >> 4 & 15) | (a >> 12 & 240);
    snprintf(name, GGDM_PROCESSOR_SIZE, "%s (family %u, model %u)", text + strspn(text, " "),
             family, model);
}
