#!/bin/bash
# What a site, a shell inside a job, or another launcher has set changes nothing in a bare run.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/environment.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

sweep 20 8 "0, 0.5" "0, 20" >small.yaml
"$GGDM" run small.yaml --run reference --workers 0 >/dev/null 2>&1 || exit 1

# run RUN VARIABLE=VALUE...: with these the same bytes, and as many workers as asked for.
run() {
    local run=$1
    shift
    env "$@" "$GGDM" run small.yaml --run "$run" --workers 2 >"$run.out" 2>"$run.err"
    local rc=$?
    [ $rc -eq 0 ] && same "$run" && grep -q '"total": 2' "$run/status.json" && return 0
    echo "# exit code $rc"
    sed 's/^/# /' "$run.err"
    return 1
}
site=(OMP_NUM_THREADS=3 OMP_PROC_BIND=true OMP_PLACES=cores OMP_DYNAMIC=true OMP_THREAD_LIMIT=1
    GOMP_CPU_AFFINITY=0 KMP_AFFINITY=compact ONEDNN_DEFAULT_FPMATH_MODE=BF16
    DNNL_DEFAULT_FPMATH_MODE=BF16 ONEDNN_MAX_CPU_ISA=SSE41 ONEDNN_CPU_ISA_HINTS=PREFER_YMM
    POSIXLY_CORRECT=1 LC_ALL=de_DE.UTF-8 LC_NUMERIC=de_DE.UTF-8 TZ=Asia/Tokyo "TMPDIR=$work/absent")
run site "${site[@]}"
report $? "a site's OpenMP, oneDNN and locale: the same bytes"

step=(SLURM_JOB_ID=7 SLURM_JOB_NODELIST=n[1-4] SLURM_NODELIST=n[1-4] SLURM_TASKS_PER_NODE='1(x4)'
    SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=1 SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_CPU_BIND=cores
    SLURM_CPUS_PER_TASK=1 PMI_RANK=0 PMI_SIZE=1 PMI_FD=3 PMIX_RANK=0 PMIX_NAMESPACE=slurm.pmix.7.0
    PMIX_SERVER_URI2=nowhere)
run step "${step[@]}"
report $? "a shell that srun has started: ranks of its own here, the same bytes"

nested() {
    mpirun -n 1 "$GGDM" run small.yaml --run nested --workers 2 >nested.out 2>nested.err && same nested
}
nested
report $? "one rank of mpirun: ranks of its own, the same bytes"

# The OpenMP library binds the first thread to a core as it is loaded, and all it starts with it.
bound() { env "$@" "$GGDM" doctor | sed -n 's/^ok *cores *//p'; }
[ "$(bound "${site[@]}")" = "$(bound A=B)" ]
report $? "OMP_PROC_BIND takes no core away"

# ignored WORKERS: a run whose starter ignored the signals is not stopped by them.
ignored() (
    trap '' INT HUP TERM
    "$GGDM" run small.yaml --run "deaf$1" --workers "$1" >deaf.out 2>deaf.err &
    while kill -INT $! && kill -HUP $! && kill -TERM $!; do sleep 0.1; done 2>/dev/null
    wait $!
    rc=$?
    [ $rc -eq 0 ] && same "deaf$1" && exit 0
    echo "# exit code $rc"
    sed 's/^/# /' deaf.err
    exit 1
)
ignored 0 && ignored 1
report $? "signals that were ignored at the start (nohup) stay ignored"

(ulimit -v 450000 && "$GGDM" plan small.yaml --workers 2) >plan.out 2>&1 &&
    grep -q "too little .*room for 0" plan.out && ! "$GGDM" plan small.yaml | grep -q "too little"
report $? "plan says so where a limit on address space leaves no room for the workers"

# The soft limit is raised; a hard one that mpirun would wait at for ever is an error.
few() { (ulimit "$1" 40 && timeout 60 "$GGDM" run small.yaml --run "$2" --workers 6) >"$2.out" 2>"$2.err"; }
few -Sn soft && same soft
report $? "a soft limit on open files is raised"
few -n hard
[ $? -eq 2 ] && grep -q "7 ranks want about 46 open files, but a process may have 40" hard.err
report $? "a hard limit on open files that is too low for the ranks is an error"

# wrong VARIABLE=VALUE: refused, whatever the command.
wrong() {
    env "$1" "$GGDM" version >out 2>err
    [ $? -eq 2 ] && grep -q "^ggdm: error: ${1%%=*} is '${1#*=}', expected " err
}
wrong GGDM_LOG=loud && wrong GGDM_DEADLINE=tomorrow && wrong GGDM_LAUNCHER=slurm &&
    wrong GGDM_ISA=avx9 && wrong GGDM_SHARE=no && GGDM_LOG= GGDM_DEADLINE= "$GGDM" version >/dev/null
report $? "values that our own variables cannot have are refused"

# Each variable that the program knows is in the documentation.
sed -n 's/^    {"\([A-Z_a-z]*\*\{0,1\}\)", \(KEPT\|DROPPED\|RANK\|QUESTION\),.*/\1/p' \
    "$root/common/environment.c" >names
[ "$(wc -l <names)" -gt 20 ]
while read -r name; do
    grep -qF "\`$name\`" "$root/docs/CLUSTER.md" || { echo "# not in CLUSTER.md: $name" && false; }
done <names
report $? "CLUSTER.md lists every variable of the table"
exit "$failed"
