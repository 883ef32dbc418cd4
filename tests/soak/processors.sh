#!/bin/bash
# The bits of other processors, emulated by qemu-user: those of tests/kernels/digests.txt, and
# independent of batch and threads there.  (What qemu 7.2 emulates ends with AVX2.)
#   TESTS=DIR-OF-THE-C-TESTS PROCESSORS="avx2:Haswell ref:Nehalem" tests/soak/processors.sh
set -u
. "$(dirname "$0")/../support/world.sh"
tests=${TESTS:-$root/build/release/tests}
processors=${PROCESSORS:-avx2:EPYC-v1 avx2:EPYC-Rome avx2:EPYC-Milan avx2:Haswell avx2:Broadwell-noTSX
    avx2:Skylake-Client ref:Nehalem ref:Westmere}
unset OMP_NUM_THREADS
cd "$root" || exit 1

on() { # ISA PROCESSOR PROGRAM
    local log=$work/log
    if ! qemu-x86_64 -E "GGDM_ISA=$1" -cpu "$2" "$tests/$3" >"$log" 2>&1; then
        grep -aE "ERROR|FAILED" "$log"
        return 1
    fi
    ! grep -a "to be added" "$log" # a digest that nobody has yet proves nothing
}

for p in $processors; do
    on "${p%:*}" "${p#*:}" kernels/test_digests
    report $? "digests with ${p%:*} on ${p#*:}"
done
on avx2 EPYC-Milan kernels/test_invariance
report $? "bits do not depend on batch and threads on EPYC-Milan"
exit "$failed"
