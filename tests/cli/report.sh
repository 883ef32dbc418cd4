#!/bin/bash
# `ggdm report` and summary.json: formats, places, the same bytes each time, what to try next, and the
# form that docs/summary.schema.json promises.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/report.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

sweep 8 4 "0, 0.5, 2" "0, 4, 8" >a.yaml
timeout 120 "$GGDM" run --workers 0 a.yaml --run r >out 2>err || cat err

# Which files are beside it depends on where it is.
elsewhere() { sed 's/"files":\[[^]]*\]//' "$1"; }

"$GGDM" report r --format md >out && [ "$(cat out)" = r/report.md ] && grep -q '^| kappa (κ) .* duration (t' r/report.md &&
    grep -q '^!\[Accuracy\](figures/accuracy.svg)$' r/report.md && "$GGDM" report r --format tex --out paper/night.tex >out &&
    [ "$(cat out)" = paper/night.tex ] && grep -q '^\\begin{tabular}{rrrr}$' paper/night.tex && [ -s paper/figures/accuracy.pdf ]
report $? "tables for Markdown and LaTeX, where --out says" || cat out r/report.md
"$GGDM" report r --out page.html >out && [ "$(cat out)" = ./page.html ] && cmp <(elsewhere page.html) <(elsewhere r/report.html) && ! "$GGDM" report r --format mdd 2>err && grep -q "'mdd', expected html, md or tex" err
report $? "a page as a file; an unknown format" || cat out err
grep -q '^!\[Images of all cells\](figures/sheet.svg)$' r/report.md && grep -q '"figures/sheet.png"' r/report.html
report $? "the sheet over all cells, in Markdown and as a link of the page"

# The moment is in no byte.
mkdir again && sleep 1 && TZ=Asia/Tokyo "$GGDM" report r --format tex --out again/night.tex >out && diff -r paper again
report $? "tables and figures are the same bytes each time" || ls -l paper/* again/*

# What to try next is a sweep that can be run, and adds to what is known.
places() { grep -A3 '"surface": {' r/summary.json | grep -o '"places": [0-9]*'; }
"$GGDM" plan r/next.yaml >out && grep -q "^tiny-next .*" out && grep -qE "^  cells +6 of 4 images" out && [ -s r/figures/surface.pdf ] && [ ! -e r/figures/surface.log ] &&
    grep -q '^| to try next: ' r/report.md && grep -q '"surface":{"measure":"judge"' r/report.html && grep -q '"front":{"text"' r/report.html &&
    grep -q '"operations"' r/summary.json && [ "$(places)" = '"places": 9' ] && cp r/next.yaml once.yaml &&
    timeout 120 "$GGDM" run --workers 0 once.yaml --run r --add >out 2>err && [ "$(places)" = '"places": 15' ] && ! cmp -s r/next.yaml once.yaml
report $? "a response surface, and what to try next as a sweep" || cat out err r/next.yaml
# The name that --set gave is not that of what comes next; what else it set stays.
timeout 120 "$GGDM" run --workers 0 a.yaml --set name=other --set order=cost --run s >out 2>err && grep -q '"surface": {' s/summary.json &&
    grep -q '^name: other-next$' s/next.yaml && grep -q '"order=cost"' s/next.yaml && ! grep -q 'name=other' s/next.yaml && "$GGDM" plan s/next.yaml --run new >out 2>err && grep -q '^other-next -> new$' out
report $? "what to try next of a run that --set named" || cat out err s/next.yaml
cat >shares.yaml <<'YAML'
name: shares
model: two-gaussians
sampler: {kind: ddim, steps: 100}
guidance: {kind: gradient, loss: {kind: classifier, model: two-gaussians-judge, target: 0}}
sweep: {kappa: [0, 0.001, 0.01], duration: [0.97, 0.98, 1.0]}
samples: 20
YAML
timeout 120 "$GGDM" run --workers 0 shares.yaml --run shares >out 2>err && grep -q '^    duration: ' shares/next.yaml &&
    ! grep -qE '^    duration: .*[[ ][0-9]+[],]' shares/next.yaml
report $? "shares of the chain stay shares there (1.0 is all of it, 1 a step)" || cat out err shares/next.yaml

name="summary.json is of the form that its schema says"
if python3 -c 'import jsonschema' 2>/dev/null; then
    cat >check.py <<'PY'
import json, jsonschema, sys
schema = json.load(open(sys.argv[1]))
check = jsonschema.Draft202012Validator
check.check_schema(schema)
summary = json.load(open('r/summary.json'))
check(schema).validate(summary)
assert [c['name'] for c in summary['columns']] == open('r/summary.csv').readline().strip().split(',')
assert 'surface' in summary and 'front' in summary
for wrong in ({'schema': 2}, {'surface': {**summary['surface'], 'places': 'x'}}, {'cells': [dict(summary['cells'][0], judge_accuracy=1.5)]}, {'columns': [{'name': 'x'}]}):
    assert not check(schema).is_valid({**summary, **wrong}), wrong
PY
    python3 check.py "$root/docs/summary.schema.json" 2>err
    report $? "$name" || cat err
    python3 "$root/tests/support/report_document.py" "$root/docs" r/report.html shares/report.html 2>err
    report $? "so is the document of the page" || tail -n 3 err
else
    report 0 "$name # SKIP python3-jsonschema is not installed"
fi
exit "$failed"
