#!/bin/bash
# The report of a large run: what writing it takes, and how long it takes to open in Chromium.
#   GGDM=PROGRAM TOOLS=DIR tests/bench/report.sh [KAPPAS [DURATIONS [IMAGES]]]      (40 50 200)
# Chromium's part needs what tests/web/page.sh has installed.
set -eu
kappas=${1:-40} durations=${2:-50} images=${3:-200}
root=$(cd "$(dirname "$0")/../.." && pwd)
web=$(dirname "$TOOLS")/web
[ -d "$web/node_modules" ] || { echo "report.sh: no $web/node_modules: run tests/web/page.sh once, as make test does" >&2; exit 2; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

mkdir "$work/run"
"$TOOLS/make_many_cells" "$work/run" "$kappas" "$durations" "$images"
TIMEFORMAT="written in %R s, of which it computed %U s"
time "$GGDM" report "$work/run" --watch --out "$work/out" >/dev/null
du -sh "$work/out"/* | sed "s,$work/out/,,"
WEB=$web BROWSER=$(command -v chromium) node "$root/tests/bench/report.mjs" "$work/out/report.html"
