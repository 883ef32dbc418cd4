#!/bin/bash
# The Debian package: lintian finds no error, it installs, works, and leaves nothing when removed.
# Needs root and a machine without an installed ggdm.
#   tests/soak/deb.sh        (make test-deb)
set -u
. "$(dirname "$0")/../support/world.sh"
unset GGDM_ZOO
if [ "$(id -u)" -ne 0 ]; then
    echo "ok 1 - Debian package # SKIP not root"
    exit 0
fi
if dpkg-query -W ggdm >/dev/null 2>&1; then
    echo "not ok 1 - ggdm is installed on this machine already"
    exit 1
fi
"$root/scripts/deps.sh" deb || exit 1

deb() { make --no-print-directory -C "$root" deb 2>/dev/null | tail -n 1; }
package=$root/$(deb)
[ -s "$package" ]
report $? "make deb: ${package##*/}" || exit 1
before=$(sha256sum "$package") && sleep 2 && deb >/dev/null && [ "$before" = "$(sha256sum "$package")" ]
report $? "the same bytes again"
cd "$work" || exit 1
lintian --allow-root --fail-on error "$package" >out 2>&1
report $? "lintian" || cat out

everything() { find / -xdev \( -path /proc -o -path /sys -o -path "$root" -o -path /work -o -path /tmp -o -path '/var/*' \) -prune -o -print | LC_ALL=C sort; }
everything >before
dpkg -i "$package" >out 2>&1
report $? "installs" || cat out
cd / && /usr/bin/ggdm version >"$work/out" 2>&1 && grep -q '^ggdm ' "$work/out"
report $? "ggdm version" || cat "$work/out"
cd "$work" || exit 1
ggdm model verify mnist-ddpm >out 2>&1 && grep -q '/usr/.*share/ggdm/zoo/mnist-ddpm: ok' out
report $? "finds its models" || cat out
sed 's/steps: [0-9]*/steps: 4/; s/^samples:.*/samples: 2/; s/duration:.*/duration: [0, 4]/' \
    /usr/share/ggdm/examples/mnist-demo.yaml >tiny.yaml
timeout 120 ggdm plan tiny.yaml >out 2>&1
report $? "plans a sweep" || cat out
timeout 300 ggdm run tiny.yaml --run tiny >out 2>&1 && [ -s tiny/summary.csv ]
report $? "runs a sweep" || cat out
man -w ggdm-run >out 2>&1 || zcat /usr/share/man/man1/ggdm-run.1.gz | grep -q '^.TH'
report $? "its man pages are there" || cat out
dpkg --purge ggdm >out 2>&1
report $? "is removed" || cat out
everything | diff before - >out
report $? "leaves nothing" || cat out
exit "$failed"
