#!/bin/bash
# `ggdm data faces` draws the faces whose SHA-256 are known, from packages of npm.
#   GGDM=PROGRAM tests/soak/faces.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$work" || exit 1
if ! command -v npm >/dev/null; then
    echo "ok 1 - faces # SKIP no npm"
    exit 0
fi
"$GGDM" data faces >out 2>&1 && [ "$(grep -cE '^  [0-9a-f]{64}  (train|test|attributes)\.' out)" -eq 5 ] && [ -s data/faces/README.md ]
report $? "faces are drawn" || cat out
"$GGDM" data faces | grep -q "already there, verified"
report $? "and are there the second time"
exit "$failed"
