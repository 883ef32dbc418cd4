/* The parts of `ggdm bench`. */
#ifndef GGDM_COORDINATOR_CMD_BENCH_H
#define GGDM_COORDINATOR_CMD_BENCH_H

/** `ggdm bench dispatch`; argv[0] is "dispatch". */
int ggdm_bench_dispatch(int argc, char **argv);

#endif
