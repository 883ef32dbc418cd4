#!/bin/bash
# scripts/run_tests.sh goes on after whatever a test program does, counts it, and has one total.
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$work" || exit 1

# program NAME: a test program from the text on standard input.
program() { { echo '#!/bin/bash' && cat; } >"$1" && chmod +x "$1"; }
program good <<<'echo "ok 1 - a"; echo "ok 2 - b # SKIP"; echo "ok 3 - c"'
program quiet <<<'exit 0'
program bad <<<'echo "ok 1 - a"; echo "why it failed"; echo "not ok 2 - b"; exit 1'
program liar <<<'echo "not ok 1 - says nothing by its status"'
program crash <<<'echo "ok 1 - a"; kill -SEGV $$'
program end_all <<<'kill -TERM 0; sleep 5'
program hang <<<'echo "ok 1 - a"; sleep 20'
program wrong <<<'exit 3'
program groups <<'END'
printf '%s\n' '[==========] a: Running 1 test(s).' '[ RUN      ] x' '[       OK ] x' \
    '[==========] a: 1 test(s) run.' '[==========] b: Running 2 test(s).' '[ RUN      ] y' \
    '[  FAILED  ] y' '[ RUN      ] z' '[  SKIPPED ] z' '[==========] b: 2 test(s) run.' \
    '[  SKIPPED ] z' '[  FAILED  ] y'
exit 2
END
program told <<<'[ "$COLOUR" = red ]'

# said WORDS...: a line of the output has all of them.
said() {
    local lines
    lines=$(cat out)
    for word; do
        lines=$(grep -F -e "$word" <<<"$lines")
    done
    [ -n "$lines" ]
}

"$root/scripts/run_tests.sh" ./good ./quiet COLOUR=red ./told >out 2>&1
report $? "all passed: exit status 0"
[ "$(tail -n 1 out)" = "4 passed, 0 failed" ]
report $? "their total" || cat out
said ok "told COLOUR=red" "1 passed"
report $? "a variable is set for the programs after it"

"$root/scripts/run_tests.sh" -t 1 ./bad ./liar ./crash ./end_all ./hang ./wrong ./absent ./told ./good >out 2>&1
[ $? -eq 1 ]
report $? "some failed: exit status 1"
[ "$(tail -n 1 out)" = "5 passed, 8 failed" ]
report $? "what crashes, hangs or is not there counts as failed, and all others run" || cat out
said FAIL crash "1 passed, 1 failed (died of signal 11)" && said FAIL hang "(stopped after 1 s)" &&
    said FAIL absent "(exit status 127)" && said "why it failed"
report $? "what happened is said" || cat out
"$root/scripts/run_tests.sh" ./groups >out 2>&1
said FAIL groups "1 passed, 1 failed (1 skipped)" && said "[  FAILED  ] y"
report $? "groups that have names, as newer cmocka prints them, are counted each" || cat out

program note <<<'sleep 1; echo x >>ran; [ -z "${COLOUR:-}" ]'
"$root/scripts/run_tests.sh" COLOUR=red ./told -- ./note ./bad >out 2>&1
[ $? -eq 1 ] && [ "$(tail -n 1 out)" = "3 passed, 1 failed" ]
report $? "two lanes have one total, and variables of their own" || cat out
rm -f ran
"$root/scripts/run_tests.sh" ./note ./note -- ./note ./note >out 2>&1 &
sleep 0.3
kill -TERM $!
wait $!
[ $? -eq 130 ] && sleep 2.5 && [ "$(wc -l <ran)" -le 2 ]
report $? "what is stopped begins no other test" || cat out
exit "$failed"
