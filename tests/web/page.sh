#!/bin/bash
# The page of report.html in a real browser: Chromium, with documents that no run has made
# (fixture.mjs) and with the report of a small run.  Screenshots stay in build/MODE/tests/web/shots.
# Skipped without Chromium, Node.js or npm (scripts/deps.sh web), and where npm reaches nobody.
#   GGDM=PROGRAM TOOLS=DIR tests/web/page.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

skip() { echo "ok 1 - # skip $1"; exit 0; }
browser=$(command -v chromium) && command -v node >/dev/null && command -v npm >/dev/null ||
    skip "needs chromium, node and npm (scripts/deps.sh web)"

web=$(dirname "$TOOLS")/web # beside the other programs of tests
mkdir -p "$web"
if ! cmp -s "$root/tests/web/package-lock.json" "$web/package-lock.json" || [ ! -d "$web/node_modules/axe-core" ]; then
    rm -rf "$web/node_modules" "$web"/package*.json
    cp "$root/tests/web/package.json" "$web"
    (cp "$root/tests/web/package-lock.json" "$work" && cd "$web" && cp "$work/package-lock.json" . &&
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >npm.log 2>&1 ||
        { rm -rf "$web/node_modules" "$web"/package*.json && skip "npm has no playwright-core or axe-core: $(head -n 1 npm.log)"; }
fi

"$root/scripts/page.sh" "$root/coordinator/show/page/template.html" >page.html || exit 1
sweep 8 4 "0, 0.5, 2" "0, 4, 8" >a.yaml
timeout 120 "$GGDM" run --workers 0 a.yaml --run run >out 2>err || cat err

# What fails is named by TAP lines.
WEB=$web BROWSER=$browser PAGE=$work/page.html RUN=$work/run timeout 560 node "$root/tests/web/page.mjs"
