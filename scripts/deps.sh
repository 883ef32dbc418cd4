#!/bin/bash
# Make sure that the Debian packages for a purpose are there.  Silent when they are.
#
#   scripts/deps.sh [build|readers|web|deb|slurm|pytorch|peers|trixie|fuzz|qemu]    default: build, for building and testing ggdm
#   scripts/deps.sh --list                        print those for building and testing
#
# As root, missing ones are installed; otherwise, or when apt fails, one message names them and the
# exit status is 2.
set -euo pipefail

build=(
    gcc make pkg-config
    libdnnl-dev libopenmpi-dev openmpi-bin libsqlite3-dev libyaml-dev libjansson-dev
    libarchive-dev zlib1g-dev libicu-dev libxml2-dev nettle-dev libpng-dev libjpeg62-turbo-dev libgif-dev liblapacke-dev libopenblas0-serial libscalapack-openmpi-dev libcmocka-dev gnuplot-nox groff-base zsh procps
)
case ${1:-build} in
    build) packages=("${build[@]}") ;;
    readers) packages=(python3-numpy python3-pil) ;; # what reads our archives in make test
    web) # the report's page in a browser; Node.js may have come from elsewhere
        packages=(chromium)
        for program in node:nodejs npm:npm; do
            command -v "${program%:*}" >/dev/null || packages+=("${program#*:}")
        done ;;
    deb) packages=("${build[@]}" dpkg-dev binutils lintian) ;; # making and testing the package
    slurm) packages=("${build[@]}" slurm-wlm slurmctld slurmd slurm-client munge) ;; # make test-slurm
    pytorch) packages=(python3-torch python3-numpy libopenblas0-openmp) ;; # make bench-pytorch, bench-peers, bench-grid
    peers) packages=(python3-torch python3-numpy libopenblas0-openmp python3-onnxruntime python3-onnx) ;; # make bench-peers, in Debian 13
    trixie) packages=(debootstrap) ;; # make test-trixie, bench-peers
    qemu) packages=(qemu-user) ;; # processors in make test-soak
    fuzz) packages=("${build[@]}" clang libclang-rt-dev libomp-dev) ;; # make fuzz
    --list) echo "${build[*]}" && exit 0 ;;
    *) echo "ggdm: deps.sh: $1, expected build, readers, web, deb, slurm, pytorch, peers, trixie, fuzz, qemu or --list" >&2 && exit 2 ;;
esac

missing_packages() {
    # Names may come back in any order and unknown ones not at all, so look for each answer.
    local known
    known=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null || true)
    local absent=()
    for p in "${packages[@]}"; do
        grep -qxF "$p installed" <<<"$known" || absent+=("$p")
    done
    echo "${absent[*]}"
}

fail() {
    echo "ggdm: $1: $missing" >&2
    echo "ggdm: install with: apt-get install --no-install-recommends $missing" >&2
    exit 2
}

missing=${packages[*]}
command -v dpkg-query >/dev/null || fail "not a Debian system; needed are what Debian calls"
missing=$(missing_packages)
[ -z "$missing" ] && exit 0
[ "$(id -u)" -eq 0 ] || fail "missing Debian packages (run as root to have them installed)"
command -v apt-get >/dev/null || fail "missing Debian packages, and there is no apt-get"

echo "ggdm: installing $missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Dpkg::Use-Pty=0)
# An update may fail in part (one mirror of several) and the installation still succeed.
"${apt[@]}" update >"$log" 2>&1 || true
# shellcheck disable=SC2086 # a list of names
if ! "${apt[@]}" install -y --no-install-recommends $missing >>"$log" 2>&1; then
    tail -n 5 "$log" >&2
    missing=$(missing_packages)
    fail "apt-get failed; missing Debian packages"
fi
