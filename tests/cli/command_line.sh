#!/bin/bash
# The command line: what was meant by a misspelt word is said, every value of an option is checked
# (option, value, what was expected), and nothing is done meanwhile.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/command_line.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"
sweep 8 2 "0, 0.02" "0, 4, 8" >good.yaml
export XDG_CONFIG_HOME=$work/none

# told 'WORDS' COMMAND ARG...: exit code 2, the words (a fixed string) in the message.
told() {
    local words=$1 rc
    shift
    timeout 60 "$@" >out 2>err
    rc=$?
    [ $rc -eq 2 ] && grep -qF -e "$words" err
    report $? "$(sed "s#$work#DIR#g" <<<"ggdm ${*:2}"): $words" || { echo "# exit code $rc"; sed 's/^/# /' err; }
}

# ---- misspelt words ----

told "unknown command 'rnu', did you mean 'run'?" "$GGDM" rnu good.yaml
told "unknown command 'staus', did you mean 'status'?" "$GGDM" help staus
told "unknown command 'frobnicate', expected one of: plan run" "$GGDM" frobnicate
told "unknown option '--verison', did you mean '--version'?" "$GGDM" --verison
told "unknown option '-x', expected --help, --version or a command: plan run" "$GGDM" -x
told "unknown option '--treads', did you mean '--threads'?" "$GGDM" run good.yaml --treads 2
told "unknown option '--wokers', did you mean '--workers'?" "$GGDM" plan good.yaml --wokers=2
told "unknown option '--tasks-pre-node', did you mean '--tasks-per-node'?" "$GGDM" submit good.yaml --tasks-pre-node 2
told "unrecognized option '--frobnicate'" "$GGDM" status x --frobnicate
told "--format: value 'nzp', did you mean 'npz'? expected tar, npz" "$GGDM" export x --format nzp
told "--metrics: value 'vendo', did you mean 'vendi'? expected " "$GGDM" evaluate x --metrics vendo
told "--features: expected --metrics with it" "$GGDM" evaluate x --features pixels
told "import: --out is missing, expected --out DIR" "$GGDM" model import x
told "--metrics: vendi twice" "$GGDM" evaluate x --metrics vendi,vendi --features pixels
told "expected --out FILE.npz" "$GGDM" reference mnist-test
told "--pooled: expected --metrics with it" "$GGDM" evaluate x --pooled
told "--reference: expected a metric that compares with one" "$GGDM" evaluate x --metrics vendi --reference mnist-test
told "--precision: value 'fp23', did you mean 'fp32'? expected auto, fp32 or bf16" "$GGDM" bench network x --precision fp23
told "model 'tiny-dppm' not found, did you mean 'tiny-ddpm': no config.json in" "$GGDM" model info tiny-dppm
told "model 'other' not found: no config.json in" "$GGDM" model info other
told "action: value 'verfiy', did you mean 'verify'? expected list, info" "$GGDM" model verfiy x
for word in -V --version; do
    [ "$("$GGDM" $word)" = "$("$GGDM" version)" ]
    report $? "ggdm $word is ggdm version"
done

# ---- empty ones: a variable of the shell that is not set ----

told "ggdm run: argument 3, '', is empty" "$GGDM" run good.yaml --run ""
told "ggdm run: argument 2, '--run=', is empty" "$GGDM" run good.yaml --run=
told "--sbatch: value '-x=', expected an option of sbatch" "$GGDM" submit good.yaml --sbatch -x=
told "no such run directory" "$GGDM" export nowhere --format png --cell=kappa=
told "ggdm status: argument 1, '', is empty" "$GGDM" status ""
told "ggdm submit: argument 3, '', is empty" "$GGDM" submit good.yaml --setup ""

# ---- every option that takes a number, out of its range or no number ----

numbers() {
    local command=$1 option
    shift
    for option; do
        # shellcheck disable=SC2086 # a command of two words, and its argument
        told "$option: value 'many', expected" "$GGDM" $command "$option" many
        # shellcheck disable=SC2086
        told "$option: value '-1', expected" "$GGDM" $command "$option" -1
    done
}
numbers "run good.yaml" --workers --threads --batch
numbers "plan good.yaml" --workers --threads --batch
numbers "submit good.yaml" --nodes --tasks-per-node --cpus-per-task --shards --time --memory
numbers "bench network x" --batch --threads --seconds
numbers "bench ops" --batch --threads --milliseconds
numbers "bench dispatch" --units --unit-ms --workers --ranks --images --image-bytes --ranks-per-host --rank-deaths --host-deaths --restart-seconds
numbers "model apply x" --threads
numbers "schedule" --steps --timesteps --beta-start --beta-end
numbers "train x" --threads --stop-after
numbers "report x" --sheet
numbers "replay x" --image --every --threads
numbers "trace x" --images --every
numbers "verify x" --sample --seed --threads

# Every option that takes a value is in this script, or may have any text (files, directories, names).
free='--against --config --state --run --set --dir --hosts --hostfile --cell --out --features --reference --from --guide --in --partition --account --qos --constraint --setup'
unchecked=0
for command in plan run submit merge status retry cancel introspect evaluate compare report export replay trace verify train model methods schedule data reference bench "bench ops" "bench dispatch" doctor; do
    # shellcheck disable=SC2086
    for option in $("$GGDM" $command --help | sed -nE 's/^ +(-., )?(--[a-z0-9-]+)=.*/\2/p'); do
        grep -qE -e "$option( |\"|\$|:)" "$root/tests/cli/command_line.sh" || [[ " $free " == *" $option "* ]] || { echo "# $command $option"; unchecked=1; }
    done
done
report $unchecked "no option with a value is left out here"

# ---- others ----

told "--shard: value '3', expected I/N" "$GGDM" run good.yaml --shard 3
told "--shard: value '3/3', expected I/N" "$GGDM" run good.yaml --shard 3/3
told "--shard: value '4294967296/4294967299', expected I/N" "$GGDM" run good.yaml --shard 4294967296/4294967299
told "--shard: value '0/x', expected I/N" "$GGDM" run good.yaml --shard 0/x
told "--kind: value 'cubic', expected linear, scaled_linear, squaredcos_cap_v2 or sigmoid" "$GGDM" schedule --kind cubic
told "have no meaning with a model" "$GGDM" schedule mnist-ddpm --kind sigmoid
told "--spacing: value 'even', expected leading, trailing, linspace or karras" "$GGDM" schedule --spacing even
told "--respacing: value '10,,20', expected steps of parts" "$GGDM" schedule --respacing 10,,20
told "--respacing: 2000 steps, expected at most 1000" "$GGDM" schedule --respacing 2000
told "--steps: 2000 steps, expected at most 1000" "$GGDM" schedule --steps 2000
told "value 'ddim300', expected a number of steps that an integer stride makes" "$GGDM" schedule --respacing ddim300
told "--sampler:1:24: field 'variance': value 'fixed', expected fixed_large, fixed_small or learned_range" \
    "$GGDM" schedule --sampler '{kind: ddpm, variance: fixed}'
told "--beta-end: value 'nan', expected a number above 0" "$GGDM" schedule --beta-end nan
told "--memory: value 'lots', expected a size such as 16G" "$GGDM" submit good.yaml --memory lots
told "--mail: value 'foo', expected an address" "$GGDM" submit good.yaml --mail foo
told "--launcher: value 'ssh', expected mpirun or srun" "$GGDM" submit good.yaml --launcher ssh
told "--container: value 'absent.sif', expected the file of an image" "$GGDM" submit good.yaml --container absent.sif
told "--sbatch: value 'exclusive', expected an option of sbatch" "$GGDM" submit good.yaml --sbatch exclusive
told "--sbatch: value '--array=1-3', expected an option of sbatch" "$GGDM" submit good.yaml --sbatch --array=1-3

[ "$(ls)" = "$(printf 'err\ngood.yaml\nout\nzoo')" ]
report $? "nothing was written" || ls

# ---- hosts that are not there: one sentence, and nothing is left behind ----

timeout 60 "$GGDM" run good.yaml --hosts nosuch.invalid >out 2>err
[ $? -eq 75 ] && [ "$(cat err)" = "ggdm: error: host nosuch.invalid: no answer, expected a name that ssh reaches without a password" ] &&
    [ ! -e runs/tiny ]
report $? "a host that is not there" || sed 's/^/# /' err
timeout 60 "$GGDM" run good.yaml --hosts localhost:1,nosuch.invalid:1 --run two >out 2>err &&
    [ "$(cat err)" = "ggdm: warning: host nosuch.invalid does not answer and is left out" ]
report $? "it is left out where another is there" || sed 's/^/# /' err
rm -rf runs two

# ---- submit --dry-run: the script, whatever there is of Slurm and of the run ----

mkdir path && ln -s "$(command -v timeout)" path/ # a PATH without Slurm
submit() { PATH=$work/path timeout 60 "$GGDM" submit good.yaml --nodes 2 --time 1:00:00 --dry-run "$@" >script 2>err; }
submit && grep -qx "#SBATCH --ntasks-per-node=$(env -u OMP_NUM_THREADS nproc)" script && grep -q "this machine" err
report $? "without Slurm and --tasks-per-node: the cores of this machine, and it says so" || cat err
submit --tasks-per-node 3 --sbatch --exclusive --sbatch --constraint=zen4 &&
    grep -qx '#SBATCH --exclusive' script && grep -qx '#SBATCH --constraint=zen4' script && bash -n script
report $? "free lines of #SBATCH" || cat err
timeout 120 "$GGDM" run good.yaml --workers 0 >out 2>&1
submit --tasks-per-node 3 && grep -q '^#SBATCH --nodes=2' script && grep -q "nothing is left to do" err
report $? "of a finished run" || cat err

sweep 1000 400 "0, 0.02" "400, 800" >long.yaml
"$GGDM" run long.yaml --run long --workers 0 >out 2>&1 &
pid=$!
for ((i = 0; i < 100; i++)); do grep -qs '"running"' long/status.json && break || sleep 0.1; done
PATH=$work/path timeout 60 "$GGDM" submit long.yaml --run long --nodes 2 --time 1:00:00 --dry-run >script 2>err &&
    grep -q '^#SBATCH --nodes=2' script && grep -q "would not be submitted now: .*in use" err
report $? "of a run that is going on" || cat err
kill -USR1 $pid && wait $pid
[ $? -eq 75 ]
report $? "which does not mind" || cat out

# ---- numbers in sentences ----

"$GGDM" export runs/tiny --format png --cell 0 --out one >out 2>&1 && grep -q '^1 cell of 2 images' out &&
    "$GGDM" export runs/tiny --format png --cell 0-2 --out three >out 2>&1 && grep -q '^3 cells of 2 images' out
report $? "one cell, two cells" || cat out
"$GGDM" export runs/tiny --format png --cell duration=0+4,kappa=0.02 --out window >out 2>&1 &&
    [ "$(ls window)" = c0004 ]
report $? "a window in --cell" || cat out
exit "$failed"
