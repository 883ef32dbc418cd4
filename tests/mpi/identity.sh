#!/bin/bash
# Promises 1 and 2 of docs/DESIGN.md: the archives of a sweep are the same to the byte, whatever the
# number of workers, batch and threads, and after kill -9 half way.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/identity.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

# What the first images of each cell have noted on their way is as they are.
records() {
    "$TOOLS/ask_store" "$1" "SELECT c.name, r.idx, hex(r.data) FROM cell AS c JOIN record AS r
        USING (trajectory) ORDER BY c.idx, r.idx"
}
same() {
    digests reference >want && digests "$1" >got && [ -s want ] && cmp want got &&
        records reference >want.records && records "$1" | cmp want.records -
}

# sweep_of STEPS SAMPLES > FILE
sweep_of() { sweep "$1" "$2" "0, 0.5, 2" "0, $(($1 / 2)), $1"; }

run() { timeout 120 "$GGDM" run small.yaml "$@" >out 2>&1; }

sweep_of 12 4 >small.yaml
run --run reference --workers 1 --batch 32 --threads 1
[ $? -eq 0 ] && [ "$(digests reference | wc -l)" -eq 18 ] && [ "$(records reference | sort -u | wc -l)" -eq 36 ]
report $? "reference run: 1 worker, batch 32, 1 thread" && [ "$failed" -eq 0 ] || { cat out; exit 1; }

# pixels_of PATTERN: how many different pixels and labels these archives hold.
pixels_of() { (cd reference/archive && sha256sum $1 | cut -d' ' -f1 | sort -u | wc -l); }
[ "$(pixels_of 'c000[01236]/samples.npz')" -eq 1 ] # kappa 0 or duration 0
report $? "unguided cells have the same pixels"
[ "$(pixels_of 'c000[04578]/samples.npz')" -eq 5 ]
report $? "each guidance has other pixels"

# The bytes of arr_0 (4 images of 8x8) that are neither 0 nor 255, of those in all cells.
informative() {
    local file at
    for file in reference/archive/c*/samples.npz; do
        at=$(LC_ALL=C grep -abo NUMPY "$file" | head -n 1 | cut -d: -f1)
        tail -c "+$((at + 128))" "$file" | head -c 256 | od -An -v -tu1 -w1
    done | awk '$1 > 0 && $1 < 255 { k++ } END { print "# " k + 0 " of " NR " pixels within the range"
                                                 exit NR != 9 * 256 || k < NR / 2 }'
}
informative
report $? "most pixels are within the range"
[ "$(awk -F, 'NR == 1 { while ($++i != "diverged") ; next } $i == 0' reference/summary.csv | wc -l)" -eq 9 ]
report $? "no image diverged"

n=0
while read -r workers batch threads; do
    run --run "r$n" --workers "$workers" --batch "$batch" --threads "$threads" && same "r$n"
    report $? "$workers workers, batch $batch, $threads threads: the same bytes"
    n=$((n + 1))
done <<LIST
0 32 1
1 1 1
2 32 1
2 1 2
3 32 2
3 5 1
LIST

# On its own, every trajectory makes the same bytes; in another order, too.
run --run alone --workers 2 --no-share && same alone
report $? "--no-share: the same bytes"
{ sweep_of 12 4 && echo "order: shuffle"; } >shuffled.yaml
timeout 120 "$GGDM" run shuffled.yaml --run shuffled --workers 2 >out 2>&1 && same shuffled
report $? "order: shuffle: the same bytes"

# Windows [3, 9) and [3, 12), in a run of their own without sharing, added to the reference with it:
# the same bytes, of the added cells c0009 to c0014.
sweep_of 12 4 | sed 's/^  duration: .*/  duration: [{start_step: 3, length: 6}, {start_step: 3, length: 9}]/
                  s/^name: .*/name: windows/' >windows.yaml
added() {
    cp -r reference added
    timeout 120 "$GGDM" run windows.yaml --run windows --workers 2 --no-share >out 2>&1 &&
        timeout 120 "$GGDM" run windows.yaml --run added --workers 2 --add >out 2>&1 &&
        grep -q ': 4 new, 2 already done, 0 already queued' out || return 1
    local i
    for i in 0 1 2 3 4 5; do
        cmp windows/archive/c000$i/samples.npz "added/archive/$(printf 'c%04d' $((9 + i)))/samples.npz" || return 1
    done
    [ "$(sha256sum added/archive/c*/samples.npz | cut -d' ' -f1 | sort -u | wc -l)" -eq 9 ] &&
        [ "$(wc -l <added/summary.csv)" -eq 16 ] && cmp windows.yaml added/sweep-2.yaml &&
        (cd added/archive && sha256sum c000[0-8]/samples.tar c000[0-8]/samples.npz) | cmp - want
}
added
report $? "windows added to a run: only what is new is made, with the same bytes as alone"
again() {
    timeout 60 "$GGDM" run small.yaml --run added >out 2>&1 &&
        timeout 60 "$GGDM" run windows.yaml --run added --add >out 2>&1 && ! grep -q new out
}
again
report $? "either sweep's command continues the run"

# The same in bf16, on machines that have it; elsewhere the error says so.
{ sweep_of 12 4 && echo "precision: bf16"; } >bf16.yaml
run_bf16() { timeout 120 "$GGDM" run bf16.yaml "$@" >out 2>&1; }
if run_bf16 --run b0 --workers 1 --batch 32 --threads 1; then
    digests b0 >b0.sums
    digests reference | cmp -s - b0.sums
    report $((! $?)) "bf16: other bytes than fp32"
    run_bf16 --run b1 --workers 2 --batch 5 --threads 2 && digests b1 | cmp -s - b0.sums
    report $? "bf16: 2 workers, batch 5, 2 threads: the same bytes"
else
    grep -q "bf16.yaml:.*precision.*needs the instruction set avx512_bf16 or amx" out
    report $? "bf16 is refused on this machine"
fi

# A PATH with the plotter but without mpirun: what follows must not start a world.
mkdir bin
for tool in gnuplot sh; do ln -s "$(command -v $tool)" bin/ 2>/dev/null; done
no_world() { timeout 60 env PATH="$work/bin" "$GGDM" run small.yaml "$@" >out 2>&1; }
times() { find "$1" -type f ! -name 'ggdm.db*' -printf '%p %T@ %s\n' | sort; }

# Nothing is left: nothing changes.
finished_again() {
    times reference >before
    no_world --run reference || return 1
    times reference >after
    cmp before after
}
finished_again
report $? "a finished run ends at once with 0"

cp -r reference lost && rm -r lost/archive/c0003 lost/summary.csv
no_world --run lost && same lost && cmp -s reference/summary.csv lost/summary.csv
report $? "deleted results are written again, the same"

# ---- interruption: a longer sweep, stopped in the middle in several ways ----

sweep_of 200 12 >small.yaml
rm -rf reference
run --run reference --workers 2
report $? "longer reference run"

# count RUN: sets done and total to its distinct images.  Its database must not be written to.
count() {
    rm -rf look && mkdir look && cp "$1"/ggdm.db* look/ || return 1
    read -r done total < <("$TOOLS/count_images" look)
}

# to_the_middle RUN: start it as $pid and let it go on until some images are in the database, and
# not all.  Then its coordinator is $coordinator and stands still (SIGSTOP).
to_the_middle() {
    local try
    for try in 1 2 3 4 5; do
        rm -rf "$1"
        timeout 300 "$GGDM" run small.yaml --run "$1" --workers 2 --batch 4 >out.first 2>&1 &
        pid=$!
        while sleep 0.03 && kill -0 $pid 2>/dev/null; do
            coordinator=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$1/status.json" 2>/dev/null)
            [ "/proc/$coordinator/exe" -ef "$GGDM" ] && kill -STOP "$coordinator" || continue
            if ! count "$1"; then
                kill -9 $pid $(descendants $pid)
                return 1
            fi
            [ "$done" -gt 0 ] && [ "$done" -lt "$total" ] && return 0
            kill -CONT "$coordinator"
        done
        wait $pid
        echo "# try $try ended before it was stopped"
    done
    return 1
}

# ended PID...: wait until these processes are gone by themselves (10 s).
ended() {
    local left p
    for _ in $(seq 100); do
        left=
        for p in "$@"; do [ -d "/proc/$p" ] && left+=" $p"; done
        [ -z "$left" ] && return 0
        sleep 0.1
    done
    echo "# processes left behind:$left"
    kill -9 $left 2>/dev/null
    return 1
}

# killed RUN WHOM: kill -9 in the middle, continue with other settings.
killed() {
    local pid coordinator done total victims p rc
    to_the_middle "$1" || return 1
    victims=$(descendants $pid)
    case $2 in
        all) kill -9 $pid $victims ;;
        worker) kill -9 "$(for p in $victims; do # of the ranks, one that does not coordinate
            [ "$p" != "$coordinator" ] && [ "$(ps -o ppid= "$p")" = "$(ps -o ppid= "$coordinator")" ] &&
                echo "$p"; done | head -n 1)" ;;
        coordinator) kill -9 "$coordinator" ;;
        mpirun) kill -9 "$(for p in $victims; do
            [ "$(cat /proc/"$p"/comm 2>/dev/null)" = mpirun ] && echo "$p"; done | head -n 1)" ;;
        parent) # of mpirun: the process the user started (under timeout)
            kill -9 "$(echo "$victims" | head -n 1)" ;;
    esac || { kill -9 $pid $victims; return 1; }
    kill -CONT "$coordinator" 2>/dev/null
    wait $pid 2>/dev/null
    rc=$?
    echo "# $2 killed at $done of $total images, exit code $rc"
    ended $victims && run --run "$1" --workers 1 && same "$1"
}

for whom in all worker coordinator mpirun parent; do
    killed "killed-$whom" $whom
    report $? "kill -9 of $whom half way, then continued: the same bytes"
done

# A polite stop: exit code 75 (0 when nothing was left), continued to the same bytes.
stopped=0
interrupted() {
    local pid coordinator done total victims rc
    to_the_middle "$1" || return 1
    victims=$(descendants $pid)
    kill -"$2" "$(echo "$victims" | head -n 1)" # ggdm, under timeout
    kill -CONT "$coordinator"
    wait $pid
    rc=$?
    ended $victims && count "$1" || return 1
    echo "# exit code $rc with $done of $total images done"
    if [ $rc -eq 75 ] && [ "$done" -lt "$total" ]; then
        stopped=$((stopped + 1))
    elif [ $rc -ne 0 ] || [ "$done" -lt "$total" ]; then
        sed 's/^/# /' out.first
        return 1
    fi
    run --run "$1" --workers 1 && same "$1"
}
for signal in INT TERM USR1; do
    interrupted "stopped-$signal" $signal
    report $? "SIG$signal stops politely, then continued: the same bytes"
done
[ $stopped -gt 0 ]
report $? "a polite stop with work left exits with 75 ($stopped of 3)"
exit "$failed"
