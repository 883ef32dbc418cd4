#!/bin/bash
# A Debian package of the built program: build/ggdm_VERSION_ARCH.deb, the same bytes each time.
# What it needs of other packages is what dpkg-shlibdeps finds, and mpirun.
#   packaging/deb.sh VERSION        (make deb; DEBFULLNAME and DEBEMAIL name the maintainer)
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
arch=$(dpkg --print-architecture)
stage=$PWD/build/deb
maintainer="${DEBFULLNAME:-ggdm authors} <${DEBEMAIL:-ggdm@example.org}>"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Makefile)
export SOURCE_DATE_EPOCH
umask 022

rm -rf "$stage"
mkdir -p "$stage/debian"
root=$stage/debian/ggdm
make --no-print-directory install DESTDIR="$root" PREFIX=/usr >/dev/null
strip --remove-section=.comment --remove-section=.note "$root/usr/bin/ggdm"
share=$root/usr/share
mkdir -p "$share/zsh/vendor-completions"
mv "$share/zsh/site-functions/_ggdm" "$share/zsh/vendor-completions/"
rmdir "$share/zsh/site-functions"

mv "$share/doc/ggdm/LICENSE" "$stage/license"
{
    echo 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/'
    echo 'Upstream-Name: ggdm'
    echo
    echo 'Files: *'
    sed -n 's/^Copyright (c) /Copyright: /p' "$stage/license"
    echo 'License: Expat'
    sed -n '/^Permission/,$p' "$stage/license" | sed 's/^$/./; s/^/ /'
    for library in d3 plot; do # a part of each report's page
        echo
        echo "Files: coordinator/show/page/vendor/$library.min.js"
        sed -n 's/^Copyright /Copyright: /p' coordinator/show/page/vendor/$library.LICENSE
        echo 'License: ISC'
        sed -n '/^Permission/,$p' coordinator/show/page/vendor/$library.LICENSE | sed 's/^$/./; s/^/ /'
    done
} >"$share/doc/ggdm/copyright"
{
    printf 'ggdm (%s) unstable; urgency=medium\n\n  * Built from the sources by make deb.\n\n' "$version"
    printf ' -- %s  %s\n' "$maintainer" "$(date -uRd "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$share/doc/ggdm/changelog.gz"
find "$share/man" -type f -exec gzip -9n {} +

cat >"$stage/debian/control" <<CONTROL
Source: ggdm
Maintainer: $maintainer

Package: ggdm
Architecture: any
CONTROL
depends=$(cd "$stage" && dpkg-shlibdeps -O "$root/usr/bin/ggdm" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
# (Symbols say nothing about SQL: STRICT tables.)
depends=${depends/libsqlite3-0 (>= 3.20.0)/libsqlite3-0 (>= 3.37)}
[[ $depends == *'libsqlite3-0 (>= 3.37)'* ]] || { echo "ggdm: dpkg-shlibdeps did not find SQLite" >&2 && exit 70; }

mkdir "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<CONTROL
Package: ggdm
Version: $version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $depends, openmpi-bin
Recommends: gnuplot-nox | gnuplot, libopenblas0-serial | libopenblas0
Suggests: slurm-client, npm
Section: science
Priority: optional
Description: gradient-guided diffusion in large batches
 ggdm takes a sweep over guidance strength, conditioning duration and classes,
 splits it into units recorded in a database, runs them on MPI workers, and
 leaves image archives and an accuracy summary.
 .
 A run can be stopped or killed at any moment and continued by the same command,
 and an image has the same bits whatever the number of ranks and threads.
CONTROL
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
find "$root" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
deb=build/ggdm_${version}_$arch.deb
dpkg-deb --root-owner-group --build "$root" "$deb" >/dev/null
echo "$deb"
