/* What the parts of `ggdm bench` measure with. */
#ifndef GGDM_COORDINATOR_BENCH_TIMING_H
#define GGDM_COORDINATOR_BENCH_TIMING_H

#include "models/nn/graph.h"

/** CPU time of this process so far, all threads. */
double ggdm_bench_cpu_seconds(void);

/** Bytes of memory of this process alone (what MPI shares is not counted): "VmRSS" now, or "VmHWM",
 *  the peak since the last ggdm_bench_reset_peak. */
double ggdm_bench_memory(const char *rss);
void ggdm_bench_reset_peak(void);

/* Times of one run of a graph in seconds: wall clock, and CPU time of all threads. */
typedef struct ggdm_timing {
    double median, best, cpu; /* cpu: median */
    int runs;
} ggdm_timing;

/** Run a compiled graph once to warm up, then again and again for so many seconds, at least five
 *  times.  Of several graphs at once on as many threads, cpu is that of all. */
ggdm_timing ggdm_bench_graph(ggdm_graph *g, double seconds);

/** Flop/s of a matrix product that is large enough for the library to run close to the peak. */
ggdm_status ggdm_bench_peak(ggdm_dtype dtype, double seconds, double *out, ggdm_error *err);

/** Bytes/s of sums of two arrays (f32, three arrays in all) that no cache holds. */
ggdm_status ggdm_bench_bandwidth(double seconds, double *out, ggdm_error *err);

#endif
