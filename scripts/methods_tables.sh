#!/bin/bash
# docs/GUIDANCE.md with the reference tables that the program prints, on standard output.
#
#   scripts/methods_tables.sh build/release/ggdm
set -euo pipefail
doc=$(dirname "$0")/../docs/GUIDANCE.md
sed '/<!-- begin: ggdm methods -->/q' "$doc"
echo
"$1" methods --markdown
sed -n '/<!-- end: ggdm methods -->/,$p' "$doc"
