/* Numbers of features that are spread over the ranks: Frechet distance, Vendi score, and a sum over
 * the bits of a covariance.
 *   mpirun -n RANKS matrix_world LARGE [frechet|vendi N D]
 * Matrices of side LARGE and more are spread.  Rank 0 prints "NAME VALUE" lines; of one metric of N
 * images and D features also the seconds that it took, of wall and of all ranks' processors, and
 * the largest memory of a rank before and after. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "common/clock.h"
#include "common/mem.h"
#include "evaluate/frechet.h"
#include "evaluate/metrics.h"

static ggdm_error err;
static ggdm_world *world;
static int status;

static void say(ggdm_status st, const char *name, double value)
{
    if (st != GGDM_OK) {
        fprintf(stderr, "rank %d: %s: %s\n", ggdm_world_rank(world), name, err.msg);
        status = 1;
    } else if (ggdm_world_rank(world) == 0) {
        printf("%s %.17g\n", name, value);
    }
}

static uint64_t mix(uint64_t v)
{
    v = (v ^ v >> 31) * 0x9e3779b97f4a7c15u;
    return v ^ v >> 29;
}

/* This rank's blocks of n rows of d features. */
static ggdm_rows make(int64_t n, int64_t d, uint64_t seed)
{
    ggdm_rows rows = {.world = world, .n = n, .d = d};
    ggdm_feature_rows *own = &rows.own;
    own->d = d;
    for (int64_t i = 0; i < n; i++) {
        if (ggdm_rows_owner(&rows, i / GGDM_ROWS_BLOCK) != ggdm_world_rank(world))
            continue;
        ggdm_grow(&own->x, &own->x_cap, (size_t)((own->n + 1) * d), sizeof *own->x, NULL);
        ggdm_grow(&own->images, &own->images_cap, (size_t)own->n + 1, sizeof *own->images, NULL);
        own->images[own->n] = (int32_t)i;
        for (int64_t j = 0; j < d; j++)
            own->x[own->n * d + j] =
                (float)(mix(mix(seed + (uint64_t)i) + (uint64_t)j) % 1000) / (float)(100 + j);
        own->n++;
    }
    return rows;
}

static void frechet(const char *name, int64_t n, int64_t m, int64_t d)
{
    ggdm_rows rows = make(n, d, 1);
    ggdm_reference reference = {.world = world, .n = m, .d = d, .rows = make(m, d, 2)};
    const ggdm_metric_input in = {world, &rows, &reference};
    ggdm_metric_value v = {.n = n};
    const ggdm_status st = ggdm_metric_frechet.compute(&in, &v, &err);
    say(st, name, v.value);
    ggdm_reference_close(&reference);
    ggdm_rows_deinit(&rows);
}

static void vendi(const char *name, int64_t n, int64_t d)
{
    ggdm_rows rows = make(n, d, 3);
    const ggdm_metric_input in = {world, &rows, NULL};
    ggdm_metric_value v = {.n = n};
    const ggdm_status st = ggdm_metric_vendi.compute(&in, &v, &err);
    say(st, name, v.value);
    ggdm_rows_deinit(&rows);
}

/* Eigenvalues with vectors, which are checked where they are made. */
static void covariance(int64_t n, int64_t d)
{
    ggdm_rows rows = make(n, d, 4);
    ggdm_gaussian g;
    double *lambda = NULL, sum = 0;
    ggdm_matrix vectors;
    ggdm_status st = ggdm_gaussian_of_rows(&rows, &g, &err);
    for (int64_t t = 0; st == GGDM_OK && t < ggdm_matrix_tiles(&g.sigma); t++) {
        const ggdm_matrix_part tile = ggdm_matrix_tile(&g.sigma, t);
        for (int64_t j = 0; j < tile.cols; j++)
            for (int64_t i = 0; i < tile.rows; i++) {
                uint64_t bits;
                memcpy(&bits, &tile.x[j * g.sigma.stride + i], sizeof bits);
                if (tile.row + i >= tile.col + j)
                    sum +=
                        (double)(mix(bits + (uint64_t)((tile.row + i) * d + tile.col + j)) >> 40);
            }
    }
    if (st == GGDM_OK)
        st = ggdm_world_sum_few(world, &sum, 1, &err);
    say(st, "bits", sum);
    ggdm_alloc(&lambda, (size_t)d, sizeof *lambda, NULL);
    if (st == GGDM_OK)
        st = ggdm_matrix_init(&g.grid, d, d, &vectors, &err);
    if (st == GGDM_OK)
        st = ggdm_matrix_eigen(&g.sigma, lambda, &vectors, &err);
    say(st, "largest", lambda[d - 1]);
    say(st, "smallest", lambda[0]);
    ggdm_matrix_deinit(&vectors);
    ggdm_gaussian_deinit(&g);
    ggdm_rows_deinit(&rows);
    free(lambda);
}

/* MiB, the largest of all ranks. */
static double peak_memory(void)
{
    struct rusage use;
    int least;
    getrusage(RUSAGE_SELF, &use);
    ggdm_world_min(world, -(int)(use.ru_maxrss / 1024), &least, &err);
    return -least;
}

static double processor(void)
{
    double seconds = (double)clock() / CLOCKS_PER_SEC;
    ggdm_world_sum_few(world, &seconds, 1, &err);
    return seconds;
}

static void measure(const char *name, int64_t n, int64_t d)
{
    ggdm_rows rows = make(n, d, 1);
    const bool compares = strcmp(name, "frechet") == 0;
    ggdm_reference reference = {.world = world, .n = n, .d = d};
    if (compares)
        reference.rows = make(n, d, 2);
    const double before = peak_memory(), cpu = processor(), start = ggdm_now();
    const ggdm_metric_input in = {world, &rows, compares ? &reference : NULL};
    const ggdm_metric_kind *metric = compares ? &ggdm_metric_frechet : &ggdm_metric_vendi;
    ggdm_metric_value v = {.n = n};
    const ggdm_status st = metric->compute(&in, &v, &err);
    say(st, name, v.value);
    say(GGDM_OK, "seconds", ggdm_now() - start);
    say(GGDM_OK, "processor", processor() - cpu);
    say(GGDM_OK, "before", before);
    say(GGDM_OK, "memory", peak_memory());
    ggdm_reference_close(&reference);
    ggdm_rows_deinit(&rows);
}

int main(int argc, char **argv)
{
    if ((argc != 2 && argc != 5) || ggdm_world_open(&world, &err) != GGDM_OK)
        return 2;
    ggdm_matrix_large = atoll(argv[1]);
    if (argc == 5) {
        measure(argv[2], atoll(argv[3]), atoll(argv[4]));
    } else {
        covariance(500, 150);
        frechet("frechet", 400, 300, 150);
        frechet("few", 70, 300, 150);
        vendi("dual", 300, 130);
        vendi("kernel", 130, 300);
    }
    ggdm_world_close(&world);
    return status;
}
