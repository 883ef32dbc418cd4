/* transport_world: the MPI transport, as an MPI program of 3 ranks; rank 0 prints TAP lines.
 * Started by transport.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/transport.h"

#define BIG ((size_t)20 << 20)    /* bytes of one packet: thousands of fragments */
#define WEIGHTS ((size_t)5000001) /* shared bytes, no multiple of anything */

static int number, failures;
static ggdm_transport *world;

/* All ranks come here with their verdict. */
static void check(bool ok, const char *name)
{
    int all = 0;
    ggdm_error err;
    if (ggdm_transport_min(world, ok, &all, &err) != GGDM_OK)
        all = 0;
    number++;
    if (!all)
        failures++;
    if (ggdm_transport_rank(world) == 0)
        printf("%s %d - %s\n", all ? "ok" : "not ok", number, name);
}

static uint8_t pattern(size_t i, int salt)
{
    return (uint8_t)(i * 2654435761u >> 13) ^ (uint8_t)salt;
}

static bool receive(ggdm_tag tag, ggdm_packet *packet)
{
    bool got = false;
    ggdm_error err;
    return ggdm_transport_receive(world, tag, 30, packet, &got, &err) == GGDM_OK && got;
}

/* Every worker sends one big and many small packets at once; all arrive whole and in order. */
static bool test_big_packets(int rank, int size)
{
    ggdm_packet packet = {0};
    ggdm_error err;
    bool ok = true;
    if (rank > 0) {
        uint8_t *data = malloc(BIG);
        for (size_t i = 0; i < BIG; i++)
            data[i] = pattern(i, rank);
        ok = ggdm_transport_send(world, 0, GGDM_TAG_SAMPLES, data, BIG, &err) == GGDM_OK;
        free(data); /* the transport has its copy */
        for (int i = 0; i < 100 && ok; i++)
            ok = ggdm_transport_send(world, 0, GGDM_TAG_BEAT, &i, sizeof i, &err) == GGDM_OK;
        ok = ok && ggdm_transport_flush(world, 30, &err) == GGDM_OK;
    } else {
        int next[16] = {0};
        for (int n = 0; n < (size - 1) * 101 && ok; n++) {
            ok = receive(GGDM_TAG_ANY, &packet);
            if (ok && packet.tag == GGDM_TAG_SAMPLES) {
                ok = packet.size == BIG && next[packet.from] == 0;
                for (size_t i = 0; i < packet.size && ok; i++)
                    ok = packet.data[i] == pattern(i, packet.from);
            } else if (ok) {
                ok = memcmp(packet.data, &next[packet.from], sizeof(int)) == 0;
                next[packet.from]++;
            }
        }
    }
    ggdm_packet_deinit(&packet);
    return ok;
}

/* STOP is seen although a unit lies before it. */
static bool test_tag_overtakes(int rank, int size)
{
    ggdm_packet packet = {0};
    ggdm_error err;
    bool ok = true;
    uint8_t unit[10000] = {7};
    if (rank == 0) {
        for (int i = 1; i < size && ok; i++)
            ok = ggdm_transport_send(world, i, GGDM_TAG_UNIT, unit, sizeof unit, &err) == GGDM_OK &&
                 ggdm_transport_send(world, i, GGDM_TAG_STOP, NULL, 0, &err) == GGDM_OK;
        ok = ok && ggdm_transport_flush(world, 30, &err) == GGDM_OK;
    } else {
        ok = receive(GGDM_TAG_STOP, &packet) && packet.size == 0;
        ok = ok && receive(GGDM_TAG_ANY, &packet) && packet.tag == GGDM_TAG_UNIT &&
             packet.size == sizeof unit && packet.data[0] == 7;
    }
    ggdm_packet_deinit(&packet);
    return ok;
}

static bool test_broadcast(int rank)
{
    static char text[] = "start-up";
    void *data = rank == 0 ? text : NULL;
    size_t size = rank == 0 ? sizeof text : 0;
    ggdm_error err;
    bool ok = ggdm_transport_broadcast(world, &data, &size, &err) == GGDM_OK &&
              size == sizeof text && memcmp(data, text, size) == 0;
    if (rank != 0)
        free(data);
    return ok;
}

static bool test_share(int rank, bool *first)
{
    uint8_t *data = rank == 0 ? malloc(WEIGHTS) : NULL;
    for (size_t i = 0; data && i < WEIGHTS; i++)
        data[i] = pattern(i, 99);
    const void *shared = NULL;
    size_t size = 0;
    ggdm_error err;
    bool ok = ggdm_transport_share(world, data, rank == 0 ? WEIGHTS : 0, &shared, &size, first,
                                   &err) == GGDM_OK;
    free(data);
    ok = ok && size == WEIGHTS && (uintptr_t)shared % 64 == 0;
    for (size_t i = 0; ok && i < size; i++)
        ok = ((const uint8_t *)shared)[i] == pattern(i, 99);
    return ok;
}

/* Waiting costs little: the coordinator shares its core with a worker. */
static bool test_idle(void)
{
    ggdm_packet packet = {0};
    ggdm_error err;
    bool got;
    struct rusage a, b;
    getrusage(RUSAGE_SELF, &a);
    bool ok = ggdm_transport_receive(world, GGDM_TAG_ANY, 2.0, &packet, &got, &err) == GGDM_OK;
    getrusage(RUSAGE_SELF, &b);
    double cpu = (double)(b.ru_utime.tv_sec - a.ru_utime.tv_sec) +
                 (double)(b.ru_stime.tv_sec - a.ru_stime.tv_sec) +
                 1e-6 * (double)(b.ru_utime.tv_usec - a.ru_utime.tv_usec) +
                 1e-6 * (double)(b.ru_stime.tv_usec - a.ru_stime.tv_usec);
    if (ggdm_transport_rank(world) == 0)
        printf("# waiting takes %.1f %% of a core\n", 100 * cpu / 2.0);
    return ok && !got && cpu / 2.0 < 0.05; /* typically 0.01 to 0.02 */
}

int main(void)
{
    ggdm_error err = {0};
    if (ggdm_transport_mpi_open(&world, &err) != GGDM_OK) {
        printf("not ok 1 - open: %s\n", err.msg);
        return 1;
    }
    int rank = ggdm_transport_rank(world), size = ggdm_transport_size(world), min = -1;
    bool first = false;
    check(size == 3, "a world of 3 ranks");
    check(ggdm_transport_min(world, 5 - rank, &min, &err) == GGDM_OK && min == 5 - (size - 1),
          "min over the ranks");
    check(test_broadcast(rank), "broadcast");
    check(test_share(rank, &first), "shared bytes arrive, aligned to 64");
    int firsts = 0;
    check(ggdm_transport_min(world, rank == 0 ? first : !first, &firsts, &err) == GGDM_OK && firsts,
          "one rank of the node is first");
    check(test_big_packets(rank, size), "packets of 20 MiB among small ones");
    check(test_tag_overtakes(rank, size), "a wanted tag overtakes");
    check(test_idle(), "waiting sleeps");
    ggdm_transport_close(&world);
    return failures != 0;
}
