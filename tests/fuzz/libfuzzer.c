/* libFuzzer's side: the program is called by the name of a target (links in build/fuzz/targets). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ggdm_fuzz_target *target;

/* Inputs are as long as the target says, unless the command line says more. */
static void add_max_len(int *argc, char ***argv)
{
    static char option[40];
    char **more = calloc((size_t)*argc + 2, sizeof *more);
    if (!more)
        abort();
    snprintf(option, sizeof option, "-max_len=%zu", target->max_size);
    more[0] = (*argv)[0];
    more[1] = option;
    memcpy(more + 2, *argv + 1, (size_t)(*argc - 1) * sizeof *more);
    *argv = more;
    ++*argc;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *slash = strrchr((*argv)[0], '/'), *name = slash ? slash + 1 : (*argv)[0];
    for (target = ggdm_fuzz_targets; target->name && strcmp(target->name, name) != 0;)
        target++;
    if (!target->name) {
        fprintf(stderr, "%s: no such target\n", name);
        exit(2);
    }
    add_max_len(argc, argv);
    setenv("CMOCKA_TEST_ABORT", "1", 1); /* an assertion that fails is a crash */
    setenv("GGDM_LOG", "error", 1);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= target->max_size)
        target->run(data, size);
    return 0;
}
