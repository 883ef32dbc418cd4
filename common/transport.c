#include "common/transport.h"

#include <stdlib.h>

#include "common/mem.h"

bool ggdm_launched_by_mpi(void)
{
    /* Who says which rank this is, and who says how many there are. */
    static const struct {
        const char *rank, *size;
    } launchers[] = {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                     {"PMIX_RANK", "SLURM_STEP_NUM_TASKS"},
                     {"PMI_RANK", "PMI_SIZE"}};
    bool launched = false;
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
        const char *size = getenv(launchers[i].rank) ? getenv(launchers[i].size) : NULL;
        launched = launched || (size && atoi(size) > 1);
    }
    return launched && !getenv("SLURM_PTY_PORT");
}

void ggdm_packet_deinit(ggdm_packet *packet)
{
    free(packet->data);
    *packet = (ggdm_packet){0};
}

ggdm_status ggdm_packet_reserve(ggdm_packet *packet, size_t size, ggdm_error *err)
{
    if (size > GGDM_MAX_PACKET)
        return GGDM_FAIL(err, GGDM_EFORMAT, "packet of %zu bytes from rank %d, at most %zu", size,
                         packet->from, GGDM_MAX_PACKET);
    GGDM_TRY(ggdm_grow(&packet->data, &packet->cap, size ? size : 1, 1, err));
    packet->size = size;
    return GGDM_OK;
}

void ggdm_transport_close(ggdm_transport **transport)
{
    if (*transport)
        (*transport)->ops->close(*transport);
    *transport = NULL;
}

void ggdm_transport_abort(ggdm_transport *transport, int exit_code)
{
    transport->ops->abort(transport, exit_code);
    _Exit(exit_code);
}

int ggdm_transport_rank(const ggdm_transport *transport)
{
    return transport->rank;
}

int ggdm_transport_size(const ggdm_transport *transport)
{
    return transport->size;
}

const char *ggdm_transport_host(const ggdm_transport *transport, int rank)
{
    return transport->hosts ? transport->hosts[rank] : "this host";
}

ggdm_status ggdm_transport_send(ggdm_transport *transport, int to, ggdm_tag tag, const void *data,
                                size_t size, ggdm_error *err)
{
    if (to < 0 || to >= transport->size)
        return GGDM_FAIL(err, GGDM_ECOMM, "packet to rank %d of a world of %d", to,
                         transport->size);
    if (size > GGDM_MAX_PACKET)
        return GGDM_FAIL(err, GGDM_ESHAPE, "packet of %zu bytes to rank %d, at most %zu", size, to,
                         GGDM_MAX_PACKET);
    return transport->ops->send(transport, to, tag, data, size, err);
}

ggdm_status ggdm_transport_receive(ggdm_transport *transport, ggdm_tag tag, double timeout,
                                   ggdm_packet *packet, bool *got, ggdm_error *err)
{
    *got = false;
    return transport->ops->receive(transport, tag, timeout, packet, got, err);
}

ggdm_status ggdm_transport_flush(ggdm_transport *transport, double timeout, ggdm_error *err)
{
    return transport->ops->flush(transport, timeout, err);
}

ggdm_status ggdm_transport_broadcast(ggdm_transport *transport, void **data, size_t *size,
                                     ggdm_error *err)
{
    return transport->ops->broadcast(transport, data, size, err);
}

ggdm_status ggdm_transport_share(ggdm_transport *transport, const void *data, size_t size,
                                 const void **out, size_t *out_size, bool *first, ggdm_error *err)
{
    return transport->ops->share(transport, data, size, out, out_size, first, err);
}

ggdm_status ggdm_transport_min(ggdm_transport *transport, int value, int *min, ggdm_error *err)
{
    return transport->ops->min(transport, value, min, err);
}
