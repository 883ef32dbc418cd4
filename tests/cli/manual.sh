#!/bin/bash
# Man pages and completions: a page for every command, no warning of groff, and every option that
# --help shows is in the page and is completed by bash and zsh.
#   GGDM=PROGRAM tests/cli/manual.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$work" || exit 1

"$GGDM" manual share
report $? "manual"
mapfile -t commands < <("$GGDM" --help |
    awk '/^`/ { exit } /^[^ ].*:$/ { on = 1; next }
         on && /^  / { sub(/^  /, ""); sub(/  .*/, ""); print }')
[ "${#commands[@]}" -ge 18 ]
report $? "--help lists the commands: ${#commands[@]}"
ls share/man/man1 >pages
{ echo ggdm.1 && printf 'ggdm-%s.1\n' "${commands[@]// /-}"; } | LC_ALL=C sort | diff - <(LC_ALL=C sort pages)
report $? "a page for every command, and no other"

warnings=0
for page in share/man/man1/*; do
    groff -t -man -ww -Tutf8 "$page" >formatted 2>said && [ -s formatted ] && [ ! -s said ] || warnings=1
    sed 's/^/# /' said
done
report $warnings "groff has no warning"

# options COMMAND: the long options of its --help, what argp adds itself but for --help left out.
options() {
    # shellcheck disable=SC2086 # a command of two words
    "$GGDM" $1 --help | sed -nE 's/^ +(-., )?(--[a-z0-9-]+).*/\2/p' | grep -vxE -e '--(usage|version)' | LC_ALL=C sort -u
}

. share/bash-completion/completions/ggdm
# complete_words WORD...: what bash offers for the last one.
complete_words() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _ggdm
    printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort -u
}

in_pages=0 in_bash=0 in_zsh=0
for command in "${commands[@]}"; do
    options "$command" >want
    [ -s want ] || { echo "# ggdm $command --help shows no option"; in_pages=1; }
    sed -nE 's/\\-/-/g; s/^(\\fB-.\\fR, )?\\fB(--[a-z0-9-]+)\\fR.*/\2/p' "share/man/man1/ggdm-${command// /-}.1" |
        LC_ALL=C sort -u | diff want - >differ || { sed "s/^/# page $command: /" differ; in_pages=1; }
    # shellcheck disable=SC2086
    complete_words ggdm $command -- | diff want - >differ || { sed "s/^/# bash $command: /" differ; in_bash=1; }
    awk -v name="        '$command')" '$0 == name { on = 1 } on && /;;$/ { print; exit } on' \
        share/zsh/site-functions/_ggdm | sed -nE "s/^ +'(--[a-z0-9-]+)=?\[.*/\1/p" |
        LC_ALL=C sort -u | diff want - >differ || { sed "s/^/# zsh $command: /" differ; in_zsh=1; }
done
report $in_pages "pages have the options of --help"
report $in_bash "bash completes the options of --help"
report $in_zsh "zsh has the options of --help"

mkdir runs && touch a.yaml b.txt
[ "$(complete_words ggdm st)" = status ] && [ "$(complete_words ggdm help st)" = status ]
report $? "bash completes commands"
[ "$(complete_words ggdm export runs --format '')" = $'csv\nnpz\npng\nrocrate\ntar' ] &&
    [ "$(complete_words ggdm export runs --format = n)" = npz ] &&
    [ "$(complete_words ggdm export runs -f t)" = tar ]
report $? "bash completes values of options"
[ "$(complete_words ggdm run '')" = $'a.yaml\nruns\nshare' ] && [ "$(complete_words ggdm status r)" = runs ] &&
    [ "$(complete_words ggdm model v)" = verify ]
report $? "bash completes arguments"

# zsh itself, in a pseudo terminal: what it offers for a line.
cat >offers.zsh <<'ZSH'
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=; unsetopt zle_bracketed_paste; fpath=($PWD/share/zsh/site-functions $fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=1000; COLUMNS=500; zstyle ":completion:*" list-prompt ""; echo rea"dy"'
zpty -r -m z line '*ready*'
zpty -w -n z "$1"$'\t\t'
sleep $2
zpty -w -n z $'\x15exit\n'
while zpty -r z line; do print -r -- "$line"; done
ZSH
# zsh_offers LINE WORD...: waits longer on a machine that is busy.
zsh_offers() {
    local line=$1 pause word missing
    shift
    for pause in 1 5 20; do
        timeout 100 zsh -f offers.zsh "$line" $pause >offered 2>&1
        missing=
        for word in "$@"; do
            grep -qF -e "$word" offered || missing=$word
        done
        [ -z "$missing" ] && return 0
    done
    sed 's/^/# /' offered
    return 1
}
if command -v zsh >/dev/null; then
    zsh_offers "ggdm " introspect "how far a run is"
    report $? "zsh completes commands"
    zsh_offers "ggdm run --ho" --hosts --hostfile
    report $? "zsh completes options"
    zsh_offers "ggdm export runs --format " npz tar
    report $? "zsh completes values"
else
    echo "ok $((tap_number + 1)) - zsh completes # SKIP there is no zsh"
fi
exit "$failed"
