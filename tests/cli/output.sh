#!/bin/bash
# Standard output that cannot be written (a full device, closed) is an error of every command; a
# reader that has enough is none.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/output.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

sweep 4 2 "0, 0.5" "0, 4" >small.yaml
"$GGDM" run small.yaml --run small --workers 0 >/dev/null 2>&1 || exit 1
cat >commands <<END
--help
help run
--version
version
plan --help
plan --usage
plan small.yaml
run small.yaml --run small
status small
status small --json
retry small
introspect small
introspect small --json
evaluate small
report small
export small --format npz
model info zoo/tiny-ddpm
model verify zoo/tiny-ddpm
schedule zoo/tiny-ddpm
schedule zoo/tiny-ddpm --json
run small.yaml --run world --workers 1
END

# each HOW CODE WORDS: every command fails with the code and says the words.
full() { "$GGDM" "$@" >/dev/full 2>err; }
closed() { "$GGDM" "$@" >&- 2>err; }
each() {
    local bad=0 rc line
    while read -r line; do
        $1 $line
        rc=$?
        [ $rc -eq "$2" ] && grep -q "ggdm: error: standard output: $3" err && continue
        echo "# ggdm $line: exit code $rc: $(tail -n 1 err)"
        bad=1
    done <commands
    rm -rf world
    return $bad
}
each full 75 "No space left on device"
report $? "a full device: 75 and a message, by every command"
sed -i 4q commands
each closed 2 "Bad file descriptor"
report $? "closed: 2 and a message"

# Nothing else may get the descriptors that are closed: the database would be written to.
"$GGDM" run small.yaml --run closed --workers 0 <&- >&- 2>&-
digests small >want && digests closed >got && cmp want got
report $? "a run with all three descriptors closed is like any other"

# (head is gone before the rest is written.)
quiet() {
    local rc
    { "$GGDM" "$@" 2>err; echo $? >rc; } | true
    rc=$(cat rc)
    [ ! -s err ] && { [ "$rc" -eq 141 ] || [ "$rc" -eq 0 ]; } && return 0
    echo "# exit code $rc: $(cat err)"
    return 1
}
quiet --help && quiet plan small.yaml --json && (trap '' PIPE; quiet --help && quiet status small)
report $? "a reader that has left is no error, whether SIGPIPE is ignored or not"
exit "$failed"
