# Sourced by the tests on a real Slurm (after world.sh): a cluster of two nodes on this machine, with
# daemons, key, ports and configuration of its own; nothing below /etc is touched.  A node is a slurmd
# with a host name and a /dev/shm of its own (without these, Open MPI's shared memory of two "nodes"
# collides).  Needs root.  What is started is ended by process id at the exit.
unset OMPI_MCA_btl OMPI_MCA_pml SLURM_CONF
for variable in $(compgen -e SLURM_); do unset "$variable"; done
skip() { echo "ok 1 - # skip $1"; exit 0; }
[ "$(id -u)" -eq 0 ] || skip "needs root"
command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null ||
    skip "needs Slurm (scripts/deps.sh slurm)"
unshare --uts --mount true 2>/dev/null || skip "no namespaces here"

nodes=2
cluster=$work/cluster
nodename=gg$((RANDOM % 900 + 100))n # of this cluster alone
export SLURM_CONF=$cluster/slurm.conf
export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo

# A port of which the next ones are free, too.
free_ports() {
    local port try
    for try in $(seq 50); do
        port=$((RANDOM % 20000 + 20000))
        ss -Hltn | awk -v p="$port" -v n=$((nodes + 1)) '{ sub(/.*:/, "", $4)
            if ($4 >= p && $4 < p + n) bad = 1 } END { exit bad }' && echo "$port" && return
    done
}

# cred_expire: a requeued job waits for so long and a second more.  TmpFS: each node's own, or
# `srun --mpi=pmix` over both fails.  config_overrides: nodes may claim more cores than there are.
configure() {
    local port
    port=$(free_ports)
    mkdir -p "$cluster"/{munge,state,log,pid}
    chmod 755 "$work" "$cluster" "$cluster/munge"
    (umask 077 && head -c 1024 /dev/urandom >"$cluster/munge/key")
    cat >"$SLURM_CONF" <<CONF
ClusterName=ggdm
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
AuthType=auth/munge
AuthInfo=socket=$cluster/munge/sock,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPidFile=$cluster/pid/slurmctld.pid
SlurmdPidFile=$cluster/pid/slurmd-%n.pid
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool/%n
SlurmctldLogFile=$cluster/log/slurmctld.log
SlurmdLogFile=$cluster/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
TmpFS=$cluster/tmp/%n
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_min_interval=100000,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=3
OverTimeLimit=0
JobRequeue=1
MinJobAge=300
InactiveLimit=0
SlurmdTimeout=10
NodeName=$nodename[1-$nodes] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))] CPUs=4 Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=4000 State=UNKNOWN
PartitionName=low Nodes=$nodename[1-$nodes] Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=0 OverSubscribe=NO
PartitionName=high Nodes=$nodename[1-$nodes] Default=NO MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF OverSubscribe=NO
CONF
    printf 'CgroupPlugin=autodetect\n' >"$cluster/cgroup.conf"
}

# start_node I.  The namespace stays open in this shell, or its number could become another's.
start_node() {
    local pid hold
    rm -f "$cluster/pid/slurmd-$nodename$1.pid"
    unshare --uts --mount --propagation private sh -c '
        hostname "$1" && mount -t tmpfs tmpfs /dev/shm && exec slurmd -N "$1" -f "$2"' - \
        "$nodename$1" "$SLURM_CONF" || return 1
    await 30 test -s "$cluster/pid/slurmd-$nodename$1.pid" || return 1
    read -r pid <"$cluster/pid/slurmd-$nodename$1.pid"
    exec {hold}<"/proc/$pid/ns/uts" && readlink "/proc/$pid/ns/uts" >"$cluster/uts-$1"
}

# Processes of node I: those with its host name's namespace.
node_processes() {
    find /proc/[0-9]*/ns/uts -maxdepth 0 -printf '%p %l\n' 2>/dev/null |
        awk -F/ -v uts="$(cat "$cluster/uts-$1" 2>/dev/null)" 'uts && index($0, " " uts) { print $3 }'
}

# await SECONDS COMMAND...: until the command succeeds.
await() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || { echo "# in vain: $*"; return 1; }
        sleep 0.2
    done
}

all_idle() { [ "$(sinfo -h -o %D -t idle -p low 2>/dev/null)" = $nodes ]; }

cluster_up() {
    local i
    configure
    munged --key-file="$cluster/munge/key" --socket="$cluster/munge/sock" --num-threads=2 \
        --pid-file="$cluster/pid/munged.pid" --log-file="$cluster/log/munged.log" \
        --seed-file="$cluster/munge/seed" || return 1
    slurmctld -c -f "$SLURM_CONF" || return 1
    for i in $(seq $nodes); do
        mkdir -p "$cluster"/{spool,tmp}/"$nodename$i"
        start_node "$i" || return 1
    done
    await 30 all_idle && return 0
    tail -n 5 "$cluster"/log/*.log | sed 's/^/# /'
    return 1
}

# Those of the processes that live.
alive() {
    local p
    for p in "$@"; do
        case $(awk '/^State/ { print $2 }' "/proc/$p/status" 2>/dev/null) in '' | Z) ;; *) echo "$p" ;; esac
    done
}

# The daemons by their files; the number of one that was killed may be another's now.
daemons() {
    local p
    for p in $(cat "$cluster"/pid/*.pid 2>/dev/null); do
        grep -qsxE 'munged|slurmctld|slurmd' "/proc/$p/comm" && echo "$p"
    done
}

cluster_down() {
    local left i
    timeout 10 scancel -u root 2>/dev/null
    for i in $(seq 40); do
        [ -z "$(timeout 5 squeue -h 2>/dev/null)" ] && break
        sleep 0.25
    done
    left=$(daemons; for i in $(seq $nodes); do node_processes "$i"; done)
    left=$(alive $left)
    [ -z "$left" ] || kill $left 2>/dev/null
    for i in $(seq 50); do
        left=$(alive $left)
        [ -z "$left" ] && break
        sleep 0.1
    done
    [ -z "$left" ] || kill -9 $left
    rm -rf "$work"
}
trap cluster_down EXIT
trap 'exit 143' TERM INT HUP # (the time limit of run_tests.sh; without this the exit is not trapped)

# state JOB: PENDING, RUNNING, ...; "" when Slurm knows nothing of it.
state() { scontrol show job "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' | head -n 1; }
restarts_of() { scontrol show job "$1" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p' | head -n 1; }

in_state() { [ "$(state "$1")" = "$2" ]; }
# (No answer is no end: a busy machine may be too slow for Slurm's patience.)
ended() { [[ $(state "$1") =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|PREEMPTED|DEADLINE)$ ]]; }

# show_job RUN JOB: what Slurm and the job's log say, as diagnostics.
show_job() {
    echo "# job $2: $(state "$2"), exit code $(scontrol show job "$2" | sed -n 's/.*ExitCode=//p')"
    sed 's/\r/\n/g; s/^/# /' "$1"/log/slurm-"$2"*.log | tail -n 40
}

cluster_up || { report 1 "a Slurm cluster of $nodes nodes"; exit 1; }

# alive_again JOB N: it was started again N times and runs.
alive_again() { [ "$(restarts_of "$1")" -ge "$2" ] && in_state "$1" RUNNING; }
