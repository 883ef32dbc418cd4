#!/bin/sh
# The report's page as one text: its template, in which each line `<!--file NAME-->` is replaced by
# that file of its folder.
#   scripts/page.sh coordinator/show/page/template.html >OUT
set -eu
awk -v folder="$(dirname "$1")" '
/^<!--file [^ ]+-->$/ {
    name = folder "/" substr($2, 1, length($2) - 3)
    while ((got = (getline line < name)) > 0) {
        if (tolower(line) ~ /<\/(script|style)/) {
            print name ": a script element ends in the middle of it" > "/dev/stderr"
            exit 1
        }
        print line
    }
    if (got < 0) {
        print FILENAME ":" FNR ": there is no " name > "/dev/stderr"
        exit 1
    }
    close(name)
    next
}
{ print }' "$1"
