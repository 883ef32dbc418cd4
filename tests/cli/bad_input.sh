#!/bin/bash
# Bad input: exit code 2, a message with file, line, field and what was expected, nothing written.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/bad_input.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

sweep 8 2 "0, 0.02" "0, 4, 8" >good.yaml

# files: everything below the working directory, with sizes; the test's own notes left out.
files() { find . -type f -not -path './notes/*' -printf '%p %s\n' | sort; find . -type d | sort; }
mkdir notes

# refused NAME 'EXPECTED WORDS'... -- COMMAND ARG...: exit 2, all the words on standard error (fixed
# strings), nothing written.
refused() {
    local name=$1 words=() ok=0
    shift
    while [ "$1" != -- ]; do words+=("$1") && shift; done
    shift
    files >notes/before
    timeout 60 "$@" >notes/out 2>notes/err
    local rc=$?
    files >notes/after
    [ $rc -eq 2 ] || { echo "# exit code $rc, expected 2"; ok=1; }
    for word in "${words[@]}"; do
        grep -qF -e "$word" notes/err || { echo "# not in the message: $word"; ok=1; }
    done
    cmp -s notes/before notes/after || { echo "# written:"; diff notes/before notes/after | sed 's/^/# /'; ok=1; }
    [ $ok -eq 0 ] || sed 's/^/# /' notes/err
    report $ok "$name"
}

# changed FILE SED-SCRIPT: good.yaml changed.
changed() { sed "$2" good.yaml >"$1"; }

refused "what a terminal obeys is shown as bytes" 'no\x1b[31m.yaml' -- "$GGDM" plan "$(printf 'no\033[31m.yaml')"
! grep -q "$(printf '\033')" notes/err
report $? "no escape reaches the terminal"

changed bad.yaml 's/^samples: 2/sampels: 2/'
refused "unknown key" "bad.yaml:11:1" "sampels" "did you mean" -- "$GGDM" run bad.yaml
refused "unknown key, plan" "bad.yaml:11:1" "sampels" -- "$GGDM" plan bad.yaml

changed bad.yaml 's/steps: 8/steps: many/'
refused "wrong type" "bad.yaml:3:" "sampler.steps" "many" "expected" "integer" -- "$GGDM" run bad.yaml

changed bad.yaml 's/kappa: .*/kappa: []/'
refused "empty axis" "bad.yaml:9:" "sweep.kappa" "expected" -- "$GGDM" run bad.yaml

changed bad.yaml 's/duration: .*/duration: [0, 9]/'
refused "duration beyond the steps" "bad.yaml:10:" "sweep.duration" "9" "0 to 8" -- "$GGDM" run bad.yaml

changed bad.yaml 's/duration: .*/duration: [0, {start_step: 6, length: 3}]/'
refused "window beyond the steps" "bad.yaml:10:" "sweep.duration[1]" "6+3" "0 to 2" -- "$GGDM" run bad.yaml
changed bad.yaml 's/duration: .*/duration: {start_step: 2}/'
refused "window without a length" "bad.yaml:10:" "sweep.duration" "length" "missing" -- "$GGDM" plan bad.yaml
changed bad.yaml 's/^seed: .*/order: random/'
refused "unknown order" "bad.yaml:12:" "order" "random" "cost or shuffle" -- "$GGDM" run bad.yaml

changed bad.yaml 's/^samples: 2/samples: -1/'
refused "negative samples" "bad.yaml:11:" "samples" "-1" "expected" -- "$GGDM" run bad.yaml

changed bad.yaml 's/steps: 8/steps: 2000/'
refused "more steps than the schedule has" "bad.yaml:3:" "sampler.steps" "2000" "1 to 1000" -- "$GGDM" run bad.yaml

changed bad.yaml 's/target: 0/target: 10/'
refused "target that is no class" "bad.yaml:7:" "guidance.loss.target" "10" "0 to 9" -- "$GGDM" run bad.yaml

changed bad.yaml 's/^model: .*/model: no-such-model/'
refused "missing model" "bad.yaml:2:" "'model'" "no-such-model" "$GGDM_ZOO" -- "$GGDM" run bad.yaml

changed bad.yaml 's/model: tiny-cnn/model: tiny-ddpm/'
refused "guide that is no classifier" "bad.yaml:7:" "guidance.loss.model" "expected a classifier" -- "$GGDM" run bad.yaml

changed bad.yaml 's/^judge: .*/judge: tiny-ddpm/'
refused "judge that is no classifier" "bad.yaml:13:" "judge" "expected a classifier" -- "$GGDM" run bad.yaml

printf 'name: [1, 2\n' >bad.yaml
refused "malformed YAML" "bad.yaml:" -- "$GGDM" run bad.yaml
refused "missing sweep file" "absent.yaml" -- "$GGDM" run absent.yaml
refused "sweep file that is a directory" "zoo" -- "$GGDM" run zoo

# ---- model files ----

# broken MODEL SCRIPT: a copy of tiny-ddpm changed by a shell script, with bad.yaml to run it.
broken() {
    rm -rf zoo/broken && cp -r zoo/tiny-ddpm zoo/broken
    (cd zoo/broken && eval "$1")
    changed bad.yaml 's/^model: .*/model: broken/'
}
weights=diffusion_pytorch_model.safetensors

broken "truncate -s -4 $weights"
refused "truncated safetensors" "bad.yaml:2:" "zoo/broken/$weights" -- "$GGDM" run bad.yaml
broken "truncate -s 20 $weights"
refused "safetensors cut in the header" "zoo/broken/$weights" -- "$GGDM" run bad.yaml
broken ": >$weights"
refused "empty safetensors" "zoo/broken/$weights" -- "$GGDM" run bad.yaml
broken "printf '\377\377\377\377\377\377\377\177' | dd of=$weights conv=notrunc status=none"
refused "safetensors with an absurd header size" "zoo/broken/$weights" -- "$GGDM" run bad.yaml
broken "sed -i 's/F32/F99/' $weights"
refused "safetensors with an unknown type" "zoo/broken/$weights" "F99" -- "$GGDM" run bad.yaml
broken "rm $weights"
refused "missing weights" "zoo/broken/$weights" -- "$GGDM" run bad.yaml
broken "sed -i 's/\[8, 16\]/[8, 32]/' config.json"
refused "config that does not fit the weights" "bad.yaml:2:" "expected" "32" -- "$GGDM" run bad.yaml
broken "sed -i 's/\"layers_per_block\": 1/\"layers_per_block\": 2/' config.json"
refused "config with more layers than weights" "bad.yaml:2:" "zoo/broken" -- "$GGDM" run bad.yaml
broken "sed -i 's/\"norm_num_groups\": 4/\"norm_num_groups\": \"four\"/' config.json"
refused "config with a wrong type" "zoo/broken/config.json" "norm_num_groups" "four" -- "$GGDM" run bad.yaml
broken "echo '{' >config.json"
refused "malformed config" "zoo/broken/config.json" -- "$GGDM" run bad.yaml
rm -rf zoo/broken

# ---- run directories ----

cp good.yaml sweep.yaml
refused "run directory below a file" "good.yaml" "not a directory" -- "$GGDM" run sweep.yaml --run good.yaml/run
refused "run directory that is a file" "good.yaml" "is a file" -- "$GGDM" run sweep.yaml --run good.yaml
refused "run directory that cannot be written" "/proc/ggdm-run" "cannot write" -- "$GGDM" run sweep.yaml --run /proc/ggdm-run
mkdir mine && echo "do not touch" >mine/thesis.txt
refused "directory that is no run directory" "mine" "thesis.txt" "not empty" -- "$GGDM" run sweep.yaml --run mine

timeout 120 "$GGDM" run sweep.yaml --run finished --workers 0 >notes/out 2>notes/err
report $? "a good sweep runs" || cat notes/err
changed bad.yaml 's/seed: 11/seed: 12/'
refused "run directory made from another sweep" "finished" "another sweep" "bad.yaml" "seed" -- "$GGDM" run bad.yaml --run finished
refused "--add with another instruction set" "finished" "instruction set" "GGDM_ISA=" -- \
    env GGDM_ISA=ref "$GGDM" run bad.yaml --run finished --add
changed bad.yaml 's/duration: .*/duration: {start_step: 2, length: 3}/'
refused "another sweep of the same settings: --add is named" "finished" "another sweep" "--add" -- \
    "$GGDM" run bad.yaml --run finished
refused "--add to nothing" "absent" "holds no run" "--add" -- "$GGDM" run bad.yaml --run absent --add
sed -i 's/^# .*//' sweep.yaml && echo '# a comment changes nothing' >>sweep.yaml
timeout 120 "$GGDM" run sweep.yaml --run finished >notes/out 2>notes/err
report $? "a comment does not make another sweep"
refused "run with another instruction set" "finished" "instruction set" "GGDM_ISA=" -- \
    env GGDM_ISA=ref "$GGDM" run sweep.yaml --run finished
cp -r zoo/tiny-cnn notes/tiny-cnn && cp zoo/tiny-judge/model.safetensors zoo/tiny-cnn/
refused "run with other weights" "finished" "SHA-256" "tiny-cnn" -- "$GGDM" run sweep.yaml --run finished
cp notes/tiny-cnn/model.safetensors zoo/tiny-cnn/
mkdir damaged && head -c 3000 /dev/urandom >damaged/ggdm.db
refused "run directory with a damaged database" "damaged" -- "$GGDM" run sweep.yaml --run damaged

# ---- command line ----

refused "no sweep file" "expected a sweep file" -- "$GGDM" run
refused "two sweep files" "more than one" -- "$GGDM" run a.yaml b.yaml
refused "unknown option" "--bogus" -- "$GGDM" run good.yaml --bogus
refused "option of a wrong type" "--workers" "two" "expected an integer" -- "$GGDM" run good.yaml --workers two
refused "more workers than a machine can bear" "--workers" "100000" "for each core" -- "$GGDM" run good.yaml --workers 100000
refused "batch of 0" "--batch" "1 to 4096" -- "$GGDM" run good.yaml --batch 0
refused "unknown command" "unknown command 'rum'" "run" -- "$GGDM" rum
refused "no command" "Usage" -- "$GGDM"
refused "unknown instruction set" "GGDM_ISA" "avx9" "avx2" -- env GGDM_ISA=avx9 "$GGDM" run good.yaml
refused "status of nothing" "no such run directory" -- "$GGDM" status absent
refused "status of no run" "mine" "status.json" -- "$GGDM" status mine

# ---- data ----

mkdir -p idx
for name in train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
    printf 'not an IDX file at all' >"idx/$name"
done
refused "data set with other digests" "idx/train-images-idx3-ubyte" "SHA-256" -- "$GGDM" data mnist --from idx --out data
# Valid IDX files but for one magic number: 2 images of 28x28 and 2 labels per split.
for split in train t10k; do
    { printf '\0\0\010\003\0\0\0\002\0\0\0\034\0\0\0\034' && head -c 1568 /dev/zero; } >idx/$split-images-idx3-ubyte
    printf '\0\0\010\001\0\0\0\002\003\007' >idx/$split-labels-idx1-ubyte
done
printf '\001' | dd of=idx/train-images-idx3-ubyte bs=1 seek=3 conv=notrunc status=none
recipes=$root/models/zoo/recipes
sed "s#^config: .*#config: $recipes/mnist-cnn.json#; s#dir: data/mnist#dir: idx#" "$recipes/mnist-cnn.yaml" >recipe.yaml
refused "IDX file with a wrong magic" "idx/train-images-idx3-ubyte" "magic" "0x00000801" "0x00000803" -- \
    "$GGDM" train recipe.yaml --out trained

# ---- what must work ----

for command in plan run status retry cancel introspect evaluate report export doctor train model data version; do
    timeout 20 "$GGDM" $command --help >notes/out 2>notes/err && grep -qi "usage: ggdm $command" notes/out
    report $? "ggdm $command --help"
done
timeout 20 "$GGDM" --help | grep -q '^  run '
report $? "ggdm --help lists the commands"
files >notes/before
timeout 60 "$GGDM" plan good.yaml --json >notes/plan 2>notes/err && grep -q '"cells": 6' notes/plan
report $? "plan --json"
# Naive: 6 chains of 8 steps for 2 images.  Shared: unguided, 8 guided, and a tail from step 4.
tr -d ' \n' <notes/plan >notes/plan.line
grep -q '"naive":{"evaluations":96,"guided":24,' notes/plan.line &&
    grep -q '"shared":{"evaluations":40,"guided":16,' notes/plan.line
report $? "plan counts naive and shared evaluations"
"$GGDM" plan sweep.yaml --run finished 2>notes/err |
    grep -q '^  there .* this run: 6 of 6 images, nothing is left to do$'
report $? "plan of a finished run" || cat notes/err
changed notes/more.yaml 's/duration: .*/duration: [2, 4]/'
"$GGDM" plan notes/more.yaml --run finished 2>notes/err |
    grep -q '^  there .* --add would add these 4 cells: 1 new (2 images, .*), 3 done, 0 queued$'
report $? "plan of what could be added" || cat notes/err
GGDM_ISA=ref "$GGDM" plan notes/more.yaml --run finished --json 2>notes/err |
    grep -q "\"conflict\": \".*the instruction set was 'avx.*now 'ref'"
report $? "plan of what does not fit the run there" || cat notes/err
rm -f notes/more.yaml notes/other.yaml
files >notes/after
cmp -s notes/before notes/after
report $? "plan writes nothing"
timeout 20 "$GGDM" status finished | grep -q 'at rest: done (exit code 0)'
report $? "status of a finished run"
timeout 20 "$GGDM" version | grep -q '^ggdm '
report $? "version"
exit "$failed"
