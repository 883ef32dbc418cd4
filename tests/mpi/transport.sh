#!/bin/bash
# The MPI transport in a world of 3 ranks: weights in a shared window, then in private copies.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/transport.sh
set -u
. "$(dirname "$0")/../support/world.sh"

for share in window private; do
    echo "# $share"
    GGDM_SHARE=$share timeout 120 mpirun -n 3 --oversubscribe "$TOOLS/transport_world" || failed=1
done
exit "$failed"
