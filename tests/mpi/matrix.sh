#!/bin/bash
# Matrices over several ranks: sums have the same bits, and ScaLAPACK's numbers are LAPACK's.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/matrix.sh
set -u
. "$(dirname "$0")/../support/world.sh"

cd "$work" || exit 1
world() { timeout 120 mpirun -n "$1" --oversubscribe "$TOOLS/matrix_world" "$2" >"$3" 2>err || cat err; }
# as FILE FILE: the same names, and values within 1e-8 of each other; of bits: equal.
as() {
    [ "$(wc -l <"$1")" -eq 7 ] && paste "$1" "$2" | awk '
        $1 != $3 || $2 <= 0 || ($1 == "bits" ? $2 != $4 : ($2 - $4) ^ 2 > 1e-16 * $2 ^ 2) { print "# " $0; bad = 1 }
        END { exit bad || NR != 7 }'
}
world 1 1000 one && world 2 1000 two && world 3 1000 three && cmp one two && cmp one three && as one two
report $? "small matrices have the same bits on any number of ranks" || paste one two three
world 1 1 alone && as one alone
report $? "a world of one needs no other ranks for large ones" || paste one alone
world 2 1 two && world 4 1 four && as one two && as one four && ! cmp -s one two
report $? "ScaLAPACK gives LAPACK's numbers" || paste one two four
exit "$failed"
