#include "coordinator/cmd/bench_timing.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "models/nn/ops.h"

#define MIN_RUNS 5
#define MAX_RUNS 2000
#define PEAK_SIZE 512    /* pixels, channels in and out of the product that stands for the peak */
#define STREAM_SIDE 2048 /* of the images whose sum stands for the bandwidth: */
#define STREAM_BYTES (3.0 * 4 * 8 * STREAM_SIDE * STREAM_SIDE) /* three of 8 channels, 403 MB */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double ggdm_bench_cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A line "NAME: 123 kB" of /proc/self/status, in bytes. */
static double memory_of(const char *name)
{
    char line[256];
    double kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    size_t n = strlen(name);
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, n) == 0 && line[n] == ':')
            kib = strtod(line + n + 1, NULL);
    if (f)
        fclose(f);
    return 1024 * kib;
}

double ggdm_bench_memory(const char *rss)
{
    return memory_of(rss) - memory_of("RssShmem");
}

void ggdm_bench_reset_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY);
    malloc_trim(0);
    if (fd < 0)
        return;
    if (write(fd, "5", 1) != 1)
        fprintf(stderr, "ggdm bench: the peak of memory includes start-up\n");
    close(fd);
}

ggdm_timing ggdm_bench_graph(ggdm_graph *g, double seconds)
{
    double wall[MAX_RUNS], cpu[MAX_RUNS];
    int n = 0;
    ggdm_graph_run(g); /* warms up */
    for (double begun = ggdm_now(); n < MIN_RUNS || (n < MAX_RUNS && ggdm_now() - begun < seconds);
         n++) {
        double t = ggdm_now(), c = ggdm_bench_cpu_seconds();
        ggdm_graph_run(g);
        wall[n] = ggdm_now() - t;
        cpu[n] = ggdm_bench_cpu_seconds() - c;
    }
    qsort(wall, (size_t)n, sizeof *wall, ascending);
    qsort(cpu, (size_t)n, sizeof *cpu, ascending);
    return (ggdm_timing){wall[n / 2], wall[0], cpu[n / 2], n};
}

ggdm_status ggdm_bench_peak(ggdm_dtype dtype, double seconds, double *out, ggdm_error *err)
{
    enum { N = PEAK_SIZE };
    ggdm_graph *g = NULL;
    float *w = NULL;
    ggdm_status st;
    GGDM_TRY(ggdm_alloc(&w, (size_t)N * N, sizeof *w, err));
    GGDM_TRY_GOTO(st, ggdm_graph_create(dtype, &g, err), done);
    ggdm_val x = ggdm_graph_input(g, "x", dtype, GGDM_SHAPE4(4, N / 32, 32, N));
    ggdm_val v = ggdm_graph_param(g, "w", GGDM_SHAPE2(N, N), (ggdm_init){GGDM_INIT_ZERO, 0});
    ggdm_graph_output(g, ggdm_linear(g, x, v, -1));
    ggdm_tensor tensor = {"w", GGDM_F32, GGDM_SHAPE2(N, N), w};
    GGDM_TRY_GOTO(st, ggdm_graph_compile(g, &(ggdm_params){.items = &tensor, .n = 1}, err), done);
    *out = ggdm_graph_flops(g) / ggdm_bench_graph(g, seconds).best;
done:
    ggdm_graph_destroy(&g);
    free(w);
    return st;
}

ggdm_status ggdm_bench_bandwidth(double seconds, double *out, ggdm_error *err)
{
    const ggdm_shape shape = GGDM_SHAPE4(8, STREAM_SIDE, STREAM_SIDE, 1);
    ggdm_graph *g;
    ggdm_status st;
    GGDM_TRY(ggdm_graph_create(GGDM_F32, &g, err));
    ggdm_val a = ggdm_graph_input(g, "a", GGDM_F32, shape);
    ggdm_val b = ggdm_graph_input(g, "b", GGDM_F32, shape);
    ggdm_graph_output(g, ggdm_add(g, a, b));
    GGDM_TRY_GOTO(st, ggdm_graph_compile(g, &(ggdm_params){.n = 0}, err), done);
    *out = STREAM_BYTES / ggdm_bench_graph(g, seconds).best;
done:
    ggdm_graph_destroy(&g);
    return st;
}
