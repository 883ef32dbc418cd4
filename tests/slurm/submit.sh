#!/bin/bash
# `ggdm submit` on a real Slurm of two nodes: jobs from their submission to archives with the bytes of
# a local run, by mpirun, by srun, and as an array of shards; site.yaml, --dry-run, refusals, status.
#   GGDM=PROGRAM TOOLS=DIR tests/slurm/submit.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/slurm.sh"
. "$root/tests/support/supervised.sh"

sweep_of 20 >small.yaml
start reference --workers 2
wait "$pid" || { show reference; exit 1; }

# ---- before there is a job ----

mkdir -p config/ggdm
export XDG_CONFIG_HOME=$work/config
cat >config/ggdm/site.yaml <<'YAML'
partition: low
time: 10
tasks_per_node: 2
setup:
  - export SITE_WAS_HERE=1
YAML

dry() {
    "$GGDM" submit small.yaml --run dry --nodes 2 --dry-run "$@" >dry.out 2>dry.err && [ ! -e dry ] &&
        bash -n dry.out
}
dry --time 1:30:00 --qos long --setup "export JOB_WAS_HERE=1" &&
    grep -qx '#SBATCH --partition=low' dry.out && grep -qx '#SBATCH --time=1:30:00' dry.out &&
    grep -qx '#SBATCH --qos=long' dry.out && grep -qx 'export SITE_WAS_HERE=1' dry.out &&
    grep -qx 'export JOB_WAS_HERE=1' dry.out && ! grep -q -e '--account' -e '{{' dry.out &&
    grep -q 'at most 6.0 core-hours' dry.err
report $? "--dry-run: the script, with what the site says, and its core-hours; nothing is written"

# fails NAME TEXT ARG...
fails() {
    local name=$1 text=$2 rc
    shift 2
    "$GGDM" submit small.yaml --run refused "$@" >out 2>&1
    rc=$?
    [ $rc -eq 2 ] && grep -qF -e "$text" out && [ ! -e refused/slurm.jobs ]
    report $? "$name" && [ "$failed" -eq 0 ] || { echo "# exit code $rc"; sed 's/^/# /' out; }
}
fails "a time that is none" "--time: value 'soon', expected" --nodes 1 --time soon
fails "a job without nodes" "expected --nodes" --time 5
fails "a partition that would be more than a word" "expected a word" --nodes 1 --partition $'low\n#SBATCH -x'
echo "partitoin: low" >>config/ggdm/site.yaml
fails "a site file with an unknown key" "site.yaml:6:1: field 'partitoin'" --nodes 1
sed -i '$d' config/ggdm/site.yaml
fails "a partition that is not there" "sbatch" --nodes 1 --partition nowhere
rm -rf refused
"$GGDM" submit small.yaml --run "with space" --nodes 1 >out 2>&1
[ $? -eq 2 ] && grep -q "expected a path without spaces" out && [ ! -e "with space" ]
report $? "a run directory that #SBATCH cannot say"

# ---- jobs ----

# submit RUN ARG...: $job
submit() {
    local run=$1
    shift
    job=$("$GGDM" submit small.yaml --run "$run" --batch 4 "$@" 2>submit.err) || { show submit; return 1; }
}

# done_well RUN JOB: the job completes with the right bytes.
done_well() {
    await 150 ended "$2" && in_state "$2" COMPLETED && same "$1" && at_rest "$1" && return 0
    show_job "$1" "$2"
    return 1
}

submit mpirun --nodes 2 --sbatch --comment=free --sbatch --nice=1 && mpirun=$job
scontrol show job "$job" >out && grep -q 'Comment=free' out && grep -q 'Nice=1' out
report $? "free lines of #SBATCH reach Slurm" && [ "$failed" -eq 0 ] || sed 's/^/# /' out
submit srun --nodes 2 --launcher srun && srun=$job
twice() {
    "$GGDM" submit small.yaml --run mpirun --nodes 2 >out 2>&1
    [ $? -eq 2 ] && grep -q "has a job already: $mpirun" out && [ "$(wc -l <mpirun/slurm.jobs)" -eq 1 ] && return 0
    sed 's/^/# /' out
    return 1
}
twice
report $? "a second job for the same run is refused"
state_shown() {
    local before
    "$GGDM" status mpirun >out 2>&1 && grep -q "Slurm .* job $mpirun [A-Z]*" out || { sed 's/^/# /' out; return 1; }
    before=$(stat -c %Y.%i mpirun/slurm.state)
    "$GGDM" status mpirun >out 2>&1 && [ "$before" = "$(stat -c %Y.%i mpirun/slurm.state)" ]
}
state_shown
report $? "status shows the job, and does not ask Slurm twice in a minute"
done_well mpirun "$mpirun"
report $? "mpirun on two nodes: the same bytes as a local run"
done_well srun "$srun"
report $? "srun --mpi=pmix on two nodes: the same bytes"

{ cat small.yaml && echo "evaluate: {metrics: vendi}"; } >asks.yaml
asks=$("$GGDM" submit asks.yaml --run asks --nodes 2 --batch 4 2>submit.err) && done_well asks "$asks" &&
    head -1 asks/summary.csv | grep -q ',vendi,' && [ "$("$TOOLS/ask_store" asks "SELECT count(*) FROM result WHERE metric = 'vendi'")" = "$("$TOOLS/ask_store" asks "SELECT count(*) FROM cell")" ]
report $? "a sweep that asks for metrics has them when its job ends" && [ "$failed" -eq 0 ] || cat submit.err

submit mpirun --nodes 1 && [ -z "$job" ]
report $? "nothing is left to do: no job"

submit shards --nodes 1 --shards 3 && await 60 test -e shards/shards/0/status.json
"$GGDM" status shards >out 2>&1 && grep -q "shard 0 .* images" out
report $? "status shows jobs and shards before the merge" && [ "$failed" -eq 0 ] || sed 's/^/# /' out
done_well shards "$job"
report $? "an array of three shards, joined by the last: the same bytes"
cmp reference/summary.csv shards/summary.csv
report $? "... and the same summary"

# A stand-in for Apptainer: `apptainer exec IMAGE COMMAND...`.
mkdir bin
printf '#!/bin/sh\necho "$*" >>%s/apptainer.log\nshift 2\nexec "$@"\n' "$work" >bin/apptainer
chmod +x bin/apptainer
: >"an image.sif"
PATH=$work/bin:$PATH submit contained --nodes 2 --container "an image.sif" && done_well contained "$job" &&
    grep -q 'exec an image.sif .*/ggdm run' apptainer.log
report $? "inside a container (a stand-in for apptainer): the same bytes"
exit "$failed"
