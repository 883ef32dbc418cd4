#!/bin/bash
# Three hosts, as network namespaces with a name and a /dev/shm of their own: one is killed and one
# is cut off in the middle of a run, which finishes on the third by itself.  Needs root and iproute2;
# about a minute, most of it waiting for hosts that do not answer.
#   GGDM=PROGRAM TOOLS=DIR tests/soak/hosts.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/supervised.sh"
unset OMPI_MCA_btl OMPI_MCA_pml

skip() { echo "ok 1 - # skip $1"; exit 0; }
[ "$(id -u)" -eq 0 ] && command -v ip >/dev/null || skip "needs root and iproute2"
net=gg$((RANDOM % 900 + 100)) # names of this test alone
subnet=10.$((RANDOM % 100 + 100)).7
ip netns add "${net}h1" 2>/dev/null && unshare --uts --mount true 2>/dev/null || skip "no network namespaces here"
ip netns del "${net}h1"

down() {
    local i p
    for i in 1 2 3; do
        for p in $(ip netns pids "${net}h$i" 2>/dev/null); do kill -9 "$p"; done
        ip netns del "${net}h$i" 2>/dev/null
        rm -rf "/etc/netns/${net}h$i"
    done
    ip link del "${net}b" 2>/dev/null
    rm -rf "$work"
}
trap down EXIT

ip link add "${net}b" type bridge && ip addr add $subnet.254/24 dev "${net}b" && ip link set "${net}b" up ||
    skip "no bridges here"
for i in 1 2 3; do
    h=${net}h$i
    ip netns add "$h"
    ip link add "${net}v$i" type veth peer name eth0 netns "$h"
    ip link set "${net}v$i" master "${net}b" up
    ip -n "$h" addr add $subnet.$i/24 dev eth0
    ip -n "$h" link set eth0 up && ip -n "$h" link set lo up
done
{
    echo "127.0.0.1 localhost"
    echo "$subnet.254 $(hostname)"
    for i in 1 2 3; do echo "$subnet.$i ${net}h$i"; done
} >hosts

# What mpirun takes for ssh: enter the host.  AGENT [OPTION...] HOST COMMAND
cat >agent <<AGENT
#!/bin/bash
while [ "\${1#-}" != "\$1" ]; do shift; done
h=\$1
shift
exec nsenter --net=/run/netns/\$h unshare --uts --mount --propagation private sh -c '
    hostname "\$1"; mount --bind "$work/hosts" /etc/hosts; mount -t tmpfs tmpfs /dev/shm
    shift; exec sh -c "\$*"' - "\$h" "\$*"
AGENT
chmod +x agent
# Our own host must find the others by name as well, without a change of its files.
export OMPI_MCA_plm=rsh OMPI_MCA_plm_rsh_agent=$work/agent
export OMPI_MCA_btl_tcp_if_include=$subnet.0/24 OMPI_MCA_oob_tcp_if_include=$subnet.0/24
run=("$GGDM" run small.yaml --batch 4 --threads 1)

sweep_of 40 >small.yaml
"${run[@]}" --run reference --workers 0 >reference.out 2>reference.err
report $? "reference run" && [ "$failed" -eq 0 ] || { show reference; exit 1; }

# reach N: until N images are done.
reach() {
    while sleep 0.1 && kill -0 "$pid" 2>/dev/null; do
        reached many "$1" && return 0
    done
    return 1
}

lose_two() {
    local p rc
    LD_PRELOAD=$TOOLS/poison.so GGDM_SLOW=2000 "${run[@]}" --run many --hosts "${net}h1:1,${net}h2:1,${net}h3:1" >many.out 2>many.err &
    pid=$!
    reach 12 || return 1
    echo "# ${net}h2 is killed"
    for p in $(ip netns pids "${net}h2"); do kill -9 "$p"; done
    ip link set "${net}v2" down # nothing starts there any more
    while ! grep -aq "starting again" many.err && kill -0 $pid; do sleep 0.2; done
    reach $(($(number many done) + 24)) || return 1
    echo "# ${net}h1, with the coordinator, is cut off"
    ip link set "${net}v1" down
    wait $pid
    rc=$?
    echo "# exit code $rc"
    [ $rc -eq 0 ] && same many && at_rest many &&
        grep -aq "host ${net}h2 does not answer and is left out" many.err &&
        grep -aq "host ${net}h1 does not answer and is left out" many.err
}
lose_two
report $? "a killed and a cut off host: the run ends by itself on the third, the same bytes"
grep -a 'ggdm: \(warning\|error\)' many.err | sed 's/^/# /'
[ "$failed" -eq 0 ] || show many
exit "$failed"
