# Sourced by the tests that are scripts: where things are, MPI settings, TAP lines.
#
#   $GGDM    the program; default build/release/ggdm
#   $TOOLS   programs of the tests; default build/release/tests/mpi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
GGDM=${GGDM:-$root/build/release/ggdm}
TOOLS=${TOOLS:-$root/build/release/tests/mpi}
failed=0
tap_number=0

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_MCA_hwloc_base_binding_policy=none PMIX_MCA_gds=hash OMPI_MCA_mpi_yield_when_idle=1
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
unset GGDM_ISA GGDM_LAUNCH GGDM_PROGRESS
# The address sanitizer finds what Open MPI itself leaves behind.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# report STATUS NAME: one TAP line; a status other than 0 is a failure, and what it returns.
report() {
    tap_number=$((tap_number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $tap_number - $2"
    else
        echo "not ok $tap_number - $2"
        failed=1
    fi
    return "$1"
}

# says RC NAME 'WORDS'... -- COMMAND ARG...: exit code RC and all the words, on standard output or
# error, which are in the file out.
says() {
    local want=$1 name=$2 words=() ok=0
    shift 2
    while [ "$1" != -- ]; do words+=("$1") && shift; done
    shift
    timeout 120 "$@" >out 2>&1 </dev/null
    local rc=$?
    [ $rc -eq "$want" ] || { echo "# exit code $rc, expected $want"; ok=1; }
    for word in "${words[@]}"; do
        grep -qF -e "$word" out || { echo "# not said: $word"; ok=1; }
    done
    [ $ok -eq 0 ] || sed 's/^/# /' out
    report $ok "$name"
}
