#include "common/collective.h"

#include <limits.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/transport.h"

enum { TAG = 1 };

struct ggdm_world {
    int rank, size;
    bool finalise;   /* this module called MPI_Init */
    bool duplicated; /* others have: */
    MPI_Comm others;
    float *send, *recv; /* [size, slice] each; grown on demand */
    size_t cap;         /* elements of each */
};

ggdm_status ggdm_world_open(ggdm_world **out, ggdm_error *err)
{
    ggdm_world *w = NULL;
    GGDM_TRY(ggdm_alloc(&w, 1, sizeof *w, err));
    w->size = 1;
    int initialised = 0, finalised = 0, provided = 0;
    MPI_Finalized(&finalised);
    if (ggdm_launched_by_mpi() && !finalised) {
        MPI_Initialized(&initialised);
        if (!initialised) {
            if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
                free(w);
                return GGDM_FAIL(err, GGDM_ECOMM, "MPI cannot be initialised");
            }
            w->finalise = true;
        }
        MPI_Comm_rank(MPI_COMM_WORLD, &w->rank);
        MPI_Comm_size(MPI_COMM_WORLD, &w->size);
    }
    *out = w;
    return GGDM_OK;
}

void ggdm_world_close(ggdm_world **world)
{
    if (!world || !*world)
        return;
    if ((*world)->duplicated)
        MPI_Comm_free(&(*world)->others);
    if ((*world)->finalise)
        MPI_Finalize();
    free((*world)->send);
    free((*world)->recv);
    free(*world);
    *world = NULL;
}

void ggdm_world_abort(ggdm_world *world, int exit_code)
{
    if (world && world->size > 1)
        MPI_Abort(MPI_COMM_WORLD, exit_code);
}

int ggdm_world_rank(const ggdm_world *world)
{
    return world->rank;
}

int ggdm_world_size(const ggdm_world *world)
{
    return world->size;
}

static ggdm_status reserve(ggdm_world *w, size_t n, ggdm_error *err)
{
    if (n <= w->cap)
        return GGDM_OK;
    free(w->send);
    free(w->recv);
    w->send = w->recv = NULL;
    w->cap = 0;
    GGDM_TRY(ggdm_alloc(&w->send, n, sizeof *w->send, err));
    GGDM_TRY(ggdm_alloc(&w->recv, n, sizeof *w->recv, err));
    w->cap = n;
    return GGDM_OK;
}

ggdm_status ggdm_world_min(ggdm_world *w, int value, int *min, ggdm_error *err)
{
    *min = value;
    if (w->size > 1 &&
        MPI_Allreduce(&value, min, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD) != MPI_SUCCESS)
        return GGDM_FAIL(err, GGDM_ECOMM, "agreement over the ranks failed");
    return GGDM_OK;
}

ggdm_status ggdm_world_sum(ggdm_world *w, float *x, size_t n, ggdm_error *err)
{
    if (w->size == 1)
        return GGDM_OK;
    size_t ranks = (size_t)w->size, slice = (n + ranks - 1) / ranks;
    if (slice > INT_MAX)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "gradient of %zu elements is too large", n);
    GGDM_TRY(reserve(w, ranks * slice, err));
    memcpy(w->send, x, sizeof *x * n); /* the last slice is padded */
    memset(w->send + n, 0, sizeof *x * (ranks * slice - n));
    if (MPI_Alltoall(w->send, (int)slice, MPI_FLOAT, w->recv, (int)slice, MPI_FLOAT,
                     MPI_COMM_WORLD) != MPI_SUCCESS)
        return GGDM_FAIL(err, GGDM_ECOMM, "exchange of gradients failed");
    for (size_t i = 0; i < slice; i++) { /* in rank order: the sum's bits depend on nothing else */
        float sum = w->recv[i];
        for (size_t r = 1; r < ranks; r++)
            sum += w->recv[r * slice + i];
        w->send[i] = sum;
    }
    if (MPI_Allgather(w->send, (int)slice, MPI_FLOAT, w->recv, (int)slice, MPI_FLOAT,
                      MPI_COMM_WORLD) != MPI_SUCCESS)
        return GGDM_FAIL(err, GGDM_ECOMM, "gathering of gradients failed");
    memcpy(x, w->recv, sizeof *x * n);
    return GGDM_OK;
}

ggdm_status ggdm_world_sum_few(ggdm_world *w, double *x, size_t n, ggdm_error *err)
{
    double *of_rank = NULL, *sum = NULL; /* [n] each */
    if (w->size == 1)
        return GGDM_OK;
    ggdm_status st = ggdm_alloc(&of_rank, 2 * n, sizeof *of_rank, err);
    GGDM_TRY(ggdm_world_agree(w, st, err));
    sum = of_rank + n;
    for (int r = 0; r < w->size && st == GGDM_OK; r++) {
        memcpy(of_rank, x, n * sizeof *x);
        st = ggdm_world_broadcast(w, r, of_rank, n * sizeof *x, err);
        for (size_t i = 0; i < n; i++)
            sum[i] += of_rank[i];
    }
    memcpy(x, sum, n * sizeof *x);
    free(of_rank);
    return st;
}

ggdm_status ggdm_world_duplicate(ggdm_world *w, int *handle, ggdm_error *err)
{
    if (w->size == 1)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "one rank talks to nobody");
    if (!w->duplicated && MPI_Comm_dup(MPI_COMM_WORLD, &w->others) != MPI_SUCCESS)
        return GGDM_FAIL(err, GGDM_ECOMM, "a communicator cannot be duplicated");
    w->duplicated = true;
    *handle = (int)MPI_Comm_c2f(w->others);
    return GGDM_OK;
}

ggdm_status ggdm_world_broadcast(ggdm_world *w, int root, void *data, size_t size, ggdm_error *err)
{
    char *p = data;
    const size_t chunk = (size_t)256 << 20;
    for (size_t at = 0; w->size > 1 && at < size; at += chunk) {
        size_t n = size - at < chunk ? size - at : chunk;
        if (MPI_Bcast(p + at, (int)n, MPI_BYTE, root, MPI_COMM_WORLD) != MPI_SUCCESS)
            return GGDM_FAIL(err, GGDM_ECOMM, "broadcast failed");
    }
    return GGDM_OK;
}

ggdm_status ggdm_world_send(ggdm_world *w, int to, const void *data, size_t size, ggdm_error *err)
{
    (void)w;
    if (size > INT_MAX)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%zu bytes for one rank, expected at most %d",
                         size, INT_MAX);
    if (MPI_Send(data, (int)size, MPI_BYTE, to, TAG, MPI_COMM_WORLD) != MPI_SUCCESS)
        return GGDM_FAIL(err, GGDM_ECOMM, "rank %d cannot be reached", to);
    return GGDM_OK;
}

ggdm_status ggdm_world_receive(ggdm_world *w, int from, void *data, size_t *cap, size_t *size,
                               ggdm_error *err)
{
    (void)w;
    int n = 0;
    MPI_Status status;
    if (MPI_Probe(from, TAG, MPI_COMM_WORLD, &status) != MPI_SUCCESS ||
        MPI_Get_count(&status, MPI_BYTE, &n) != MPI_SUCCESS)
        return GGDM_FAIL(err, GGDM_ECOMM, "rank %d cannot be heard", from);
    GGDM_TRY(ggdm_grow(data, cap, (size_t)n, 1, err));
    *size = (size_t)n;
    if (MPI_Recv(*(void **)data, n, MPI_BYTE, from, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE) !=
        MPI_SUCCESS)
        return GGDM_FAIL(err, GGDM_ECOMM, "rank %d cannot be heard", from);
    return GGDM_OK;
}

ggdm_status ggdm_world_move(ggdm_world *w, int from, int to, void *data, size_t size,
                            ggdm_error *err)
{
    if (from == to || (w->rank != from && w->rank != to))
        return GGDM_OK;
    if (w->rank == from)
        return ggdm_world_send(w, to, data, size, err);
    if (size > INT_MAX)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%zu bytes from one rank, expected at most %d",
                         size, INT_MAX);
    if (MPI_Recv(data, (int)size, MPI_BYTE, from, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE) !=
        MPI_SUCCESS)
        return GGDM_FAIL(err, GGDM_ECOMM, "rank %d cannot be heard", from);
    return GGDM_OK;
}

ggdm_status ggdm_world_agree(ggdm_world *w, ggdm_status status, ggdm_error *err)
{
    int failed = w->size;
    if (w->size == 1)
        return status;
    GGDM_TRY(ggdm_world_min(w, status == GGDM_OK ? w->size : w->rank, &failed, err));
    if (failed == w->size)
        return GGDM_OK;
    ggdm_error why = *err;
    GGDM_TRY(ggdm_world_broadcast(w, failed, &why, sizeof why, err));
    why.file = __FILE__; /* a pointer of that rank */
    *err = why;
    return why.code;
}

ggdm_status ggdm_world_alloc(ggdm_world *w, void *out, size_t count, size_t size, ggdm_error *err)
{
    void *p = NULL;
    const ggdm_status st = ggdm_world_agree(w, ggdm_alloc(&p, count, size, err), err);
    if (st != GGDM_OK) {
        free(p);
        p = NULL;
    }
    memcpy(out, &p, sizeof p); /* out is a T ** of any T */
    return st;
}
