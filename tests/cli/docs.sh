#!/bin/bash
# What the documentation says is there: files behind links, pages, sections and decisions that code
# and pages cite, commands and options in the blocks of commands, keys of sweep files, targets of make.
#   GGDM=PROGRAM tests/cli/docs.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$root" || exit 1
pages=(README.md docs/*.md docs/decisions/*.md models/zoo/*/README.md models/arch/README.md)

missing=0
for page in "${pages[@]}"; do
    for link in $(grep -oE '\]\([^)# ]+' "$page" | cut -c3- | grep -v '^[a-z]*:'); do
        [ -e "$(dirname "$page")/$link" ] || { echo "# $page: no $link"; missing=1; }
    done
done
report $missing "links lead to files"

# cited FILE: the pages it names, each with the section behind it, as in: docs/DESIGN.md, "Layers"; a
# citation may go on in the next line.  (report.md is what a run leaves.)
cited() {
    sed -zE 's/\n[ \t]*(\*|#|\/\/)?[ \t]*/ /g' "$1" |
        grep -aoP '(?<![\w>.\/-])[\w.\/-]+\.md(?!\w)(\)?, "[^"]*"| (section )?[0-9.]+)?' | grep -v '^\(.*/\)\?report\.md' | sort -u
}

# numbered FILE: the decisions it names by number.
numbered() { grep -aoP '(?<=[Dd]ecision )\d{3}|(?<=[Dd]ecisions )\d{3}' "$1" | sort -u; }

# A page without docs/ may be of any folder: READMEs are also what the program writes.
wrong=0 citations=0
mapfile -t sources < <(find . -type d \( -name build -o -name .git \) -prune -o -type f \( -name '*.[ch]' -o -name '*.sh' -o -name Makefile \) -print)
mapfile -t known < <(printf '%s\n' "${pages[@]}" | sed 's,.*/,,' | sort -u)
for file in "${sources[@]}" docs/*.md docs/decisions/*.md; do
    while read -r page section; do
        page=${page%%[,)]*} name=${page##*/}
        path=docs/$name
        [[ $page = *docs/* ]] && path=docs/${page##*docs/}
        citations=$((citations + 1))
        if [ ! -e "$path" ] && { [[ $page = *docs/* ]] || [[ " ${known[*]} " != *" $name "* ]]; }; then
            echo "# $file: no $page" && wrong=1
        elif [ -n "$section" ] && ! sed -nE 's/^#+ //p' "$path" | grep -qxF "${section//\"/}"; then
            echo "# $file: no section $section in $page" && wrong=1
        fi
    done < <(cited "$file")
    for number in $(numbered "$file"); do
        compgen -G "docs/decisions/$number-*.md" >"$work/decision" || { echo "# $file: no decision $number"; wrong=1; }
    done
done
report $wrong "pages, sections and decisions that code and pages cite are there ($citations citations)"
[ "$citations" -ge 30 ]
report $? "code cites pages"

# commands PAGE: the lines of its sh blocks that call ggdm, without comments.
commands() {
    awk '/^```/ { on = /^```sh/; next } on' "$1" | sed -E 's/ *#.*//; s/^([A-Z_]+=[^ ]* )*//' | grep -E '(^|&& )ggdm '
}

unknown=0 seen=0
for page in "${pages[@]}"; do
    while read -r line; do
        line=${line##*&& }
        read -r _ command second _ <<<"$line"
        [ "$second" = dispatch ] && command="bench dispatch"
        # shellcheck disable=SC2086 # a command of two words
        "$GGDM" $command --help >"$work/help" 2>&1 || { echo "# $page: $line"; unknown=1; continue; }
        seen=$((seen + 1))
        for option in $(grep -oE -e ' --[a-z-]+' <<<"$line"); do
            grep -qE -e "^.{0,7}$option\b" "$work/help" || { echo "# $page: $line: no $option"; unknown=1; }
        done
    done < <(commands "$page")
done
report $unknown "commands and options are those of the program ($seen lines)"
[ "$seen" -ge 20 ]
report $? "there are commands in the documentation"

keys=0
for key in $(grep -oE '\.key = "[a-z_0-9]+"' jobs/spec.c | cut -d'"' -f2 | sort -u); do
    grep -qE "[\`{. ]$key[\`:.]" docs/SWEEP.md || { echo "# docs/SWEEP.md: no $key"; keys=1; }
done
report $keys "SWEEP.md has every key"

untold=0
for target in $(grep -ohP '(`|^|&& |; )make [a-z][a-z-]+(?![a-z-]*/)' "${pages[@]}" | sed 's/.*make //' | sort -u); do
    grep -qE "^$target:" Makefile || { echo "# make $target"; untold=1; }
done
report $untold "targets of make are there"
scripts/methods_tables.sh "$GGDM" | diff docs/GUIDANCE.md - >"$work/tables"
report $? "the reference tables of docs/GUIDANCE.md are those of ggdm methods (\`make docs\` writes them)" || head -20 "$work/tables"
exit "$failed"
