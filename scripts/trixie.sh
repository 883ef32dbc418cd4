#!/bin/bash
# Build the program against Debian 13 (oneDNN 3) and run tests there, whatever this machine runs.
#
#   scripts/trixie.sh [MAKE-ARGUMENT...]          default: the program and the tests of the networks
#   scripts/trixie.sh --run PURPOSE COMMAND...    a command there, on this tree itself, which it sees
#                                                 as /mnt, with the packages of deps.sh PURPOSE
#
# A Debian 13 is put into build/trixie by debootstrap when it is not there yet (1.4 GB, network to
# $MIRROR); for make the files that git knows are copied into it.  Needs root and debootstrap.  The
# copy keeps its own build directory, so that a second call builds what changed.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD/build/trixie
mirror=${MIRROR:-http://deb.debian.org/debian}
fail() {
    echo "ggdm: trixie: $1" >&2
    exit 2
}

[ "$(id -u)" -eq 0 ] || fail "debootstrap and chroot need root"
scripts/deps.sh trixie
# In namespaces of its own: what is mounted for programs (/proc, and /sys for those that count cores
# there) goes when they end.
inside() {
    unshare --mount --pid --fork --mount-proc="$root/proc" sh -c '
        mount --rbind /sys "$0/sys" && mount --bind . "$0/mnt" && exec chroot "$0" "$@"' "$root" \
        /usr/bin/env -i HOME=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
}
# shellcheck disable=SC2046 # deps.sh prints a list of names
install() {
    debootstrap --variant=minbase trixie "$root" "$mirror" &&
        inside apt-get -q update &&
        inside apt-get -q install -y --no-install-recommends $(scripts/deps.sh --list)
}
if [ ! -e "$root/.complete" ]; then
    echo "ggdm: trixie: installing Debian 13 into $root" >&2
    rm -rf "$root"
    mkdir -p "$root"
    install >"$root.log" 2>&1 || fail "installing failed, see $root.log"
    touch "$root/.complete"
fi

if [ "${1:-}" = --run ]; then
    inside /mnt/scripts/deps.sh "$2"
    inside env -C /mnt "${@:3}"
    exit
fi

mkdir -p "$root/src"
git ls-files -z | tar --null --ignore-failed-read -T - -cf - | tar -C "$root/src" -xf -
inside make -C /src -j"$(nproc)" --no-print-directory "${@:-check-networks}"
