#!/bin/bash
# `make install` below a prefix: the program works there, finds its models, also when the tree is
# moved, and `make uninstall` leaves no file behind; `make dist`.
#   GGDM=PROGRAM tests/cli/install.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$work" || exit 1
unset GGDM_ZOO
mode=$(basename "$(dirname "$GGDM")")

make --no-print-directory -C "$root" MODE="$mode" install PREFIX=/opt/ggdm DESTDIR="$work/stage" >out 2>&1
report $? "make install" || cat out
[ ! -e /opt/ggdm ] || [ -z "$(find /opt/ggdm -newer out)" ]
report $? "nothing beside DESTDIR"
mv stage/opt/ggdm moved
cmp -s "$GGDM" moved/bin/ggdm && cmp -s "$root/models/zoo/mnist-cnn/model.safetensors" moved/share/ggdm/zoo/mnist-cnn/model.safetensors
report $? "program and models are there"
"$work/moved/bin/ggdm" model info mnist-cnn >out 2>&1 && grep -q "^path .*$work/moved/.*share/ggdm/zoo/mnist-cnn" out
report $? "the program finds its models where it stands" || cat out
# Files that help texts name are found from anywhere, a user's own before those that were installed.
missing=0 seen=0
for file in $(sed 's/\\-/-/g' moved/share/man/man1/* | grep -oE '(examples|models/zoo)/[a-z0-9./-]+\.yaml' | sort -u); do
    command=plan && [[ $file != models/* ]] || command=train
    timeout 60 moved/bin/ggdm $command "$file" >out 2>&1 && seen=$((seen + 1)) && continue
    # (Training wants data that are not here.)
    [ $command = train ] && grep -q "data/mnist" out && seen=$((seen + 1)) && continue
    sed "s#^#\# $command $file: #" out
    missing=1
done
[ "$seen" -ge 2 ] && [ $missing -eq 0 ]
report $? "files that man pages name: $seen"
mkdir examples && echo "name: [" >examples/mnist-demo.yaml
! moved/bin/ggdm plan examples/mnist-demo.yaml >out 2>&1 && grep -q "error: examples/mnist-demo.yaml:" out
report $? "a file of this name here goes before" || cat out
for file in man/man1/ggdm-run.1 bash-completion/completions/ggdm zsh/site-functions/_ggdm doc/ggdm/README.md doc/ggdm/docs/DATABASE.md doc/ggdm/docs/MODELS.md doc/ggdm/docs/TRAINING.md; do
    [ -s "moved/share/$file" ]
    report $? "share/$file"
done
# Links of the installed README lead to files, but for those into the sources.
missing=0
for link in $(grep -oE '\]\((docs|examples)/[^)#]*' moved/share/doc/ggdm/README.md | cut -c3-); do
    [ -e "moved/share/doc/ggdm/$link" ] || [ -e "moved/share/ggdm/$link" ] || { echo "# $link"; missing=1; }
done
report $missing "links of the README"

make --no-print-directory -C "$root" MODE="$mode" uninstall PREFIX="$work/moved" >out 2>&1
[ -z "$(find moved -type f)" ]
report $? "make uninstall leaves no file" || find moved -type f

if git -C "$root" rev-parse --verify -q HEAD >/dev/null 2>&1; then
    dist() { make --no-print-directory -C "$root" dist 2>/dev/null | tail -n 1; }
    tarball=$root/$(dist)
    sum=$(sha256sum "$tarball") && touch "$root/README.md" && dist >/dev/null && [ "$sum" = "$(sha256sum "$tarball")" ]
    report $? "make dist: the same bytes again"
    tar -tzf "$tarball" | sed 's|^[^/]*/||' | grep -v '/$' | grep . | LC_ALL=C sort |
        diff - <(git -C "$root" ls-tree -r --name-only HEAD | LC_ALL=C sort)
    report $? "make dist has the files of the commit"
else
    echo "ok $((tap_number + 1)) - make dist # SKIP not a git repository"
fi
exit "$failed"
