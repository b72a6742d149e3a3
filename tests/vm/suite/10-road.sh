# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The main job: an unprivileged user loads and runs the three programs and reads their maps.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

policy_road | configure release
b=$share/bundles

same "road: the daemon is not running before its socket is used" inactive \
	"$(systemctl is-active bpfgated.service)"
same "road: unprivileged BPF is off" 2 "$(cat /proc/sys/kernel/unprivileged_bpf_disabled)"
same "road: alice has no capabilities" 0000000000000000 \
	"$(as alice grep CapEff /proc/self/status | cut -f 2)"
expect "road: status, by socket activation" 0 "Contract: $1: the kernel verifies" as alice bpfctl status
same "road: the contract is $1" "$1" "$(as alice bpfctl status --json=short | json_get contract)"
same "road: the key is trusted" trusted "$(as alice bpfctl status --json=short | json_get keys.0.state)"
same "road: the daemon's effective capabilities" "cap_net_admin,cap_perfmon,cap_bpf" \
	"$(capsh --decode="$(awk '/^CapEff/ { print $2 }' "/proc/$(daemon_pid)/status")" | cut -d = -f 2)"
# Debian's kernels can want CAP_SYS_ADMIN for perf_event_open(2); only there it is kept for that.
paranoid=$(sysctl -n kernel.perf_event_paranoid)
same "road: and the permitted ones, as kernel.perf_event_paranoid is $paranoid" \
	"cap_net_admin,$([[ $paranoid -le 2 ]] || echo cap_sys_admin,)cap_syslog,cap_perfmon,cap_bpf" \
	"$(capsh --decode="$(awk '/^CapPrm/ { print $2 }' "/proc/$(daemon_pid)/status")" | cut -d = -f 2)"

programs_before=$(bpf_ids prog)
maps_before=$(bpf_ids map)

# execwatch: typed events, live, through a session.
as alice bpfctl run "$b/execwatch.bpfb" --duration $((30 * patience)) --json=short >"$work/events" 2>"$work/errors" &
run=$!
if wait_for 20 grep -q . "$work/errors"; then
	sleep "$patience"
	for _ in 1 2 3; do
		as bob /usr/bin/env true
		/bin/echo hello >/dev/null
	done
fi
wait_for 10 grep -q '"/usr/bin/env"\|"/bin/echo"' "$work/events"
expect "road: execwatch shows who executes what, as typed records" 0 \
	'"uid": ?1001.*"comm": ?"env".*"/usr/bin/env"' cat "$work/events"
holds "road: each event is one JSON line" python3 -c 'import json, sys
[json.loads(line) for line in open(sys.argv[1])]' "$work/events"
expect "road: list shows the session to its owner" 0 execwatch as alice bpfctl list
same "road: list shows it to nobody else" "[]" "$(as bob bpfctl list --json=short | json_get loads)"
pkill -INT -u alice -x bpfctl
wait $run
same "road: Ctrl-C ends run with status 0" 0 $?
settles "road: and with it the program" "$programs_before" bpf_ids prog
settles "road: and the maps" "$maps_before" bpf_ids map

# opencount: a table, over a persistent load.
id=$(as alice bpfctl load "$b/opencount.bpfb" --json=short | json_get id)
expect "road: load prints an id" 0 '^[0-9a-f]{16}$' echo "$id"
as bob bash -c 'for _ in {1..50}; do cat /etc/hostname; done' >/dev/null
expect "road: opencount's table names commands and counts" 0 '"?cat"?.*[0-9]+' \
	as alice bpfctl show "$id" --maps
expect "road: show tells what is attached where" 0 'fentry:' as alice bpfctl show "$id"
expect "road: bob does not see it" 1 "no load" as bob bpfctl show "$id"
expect "road: bob cannot unload it" 1 "no load" as bob bpfctl unload "$id"
expect "road: root sees it" 0 opencount bpfctl list

# A restart of the daemon, and a crash, leave it running.
link=$(bpf_ids link)
systemctl restart bpfgated.service
settles "road: a restart of the daemon keeps the links" "$link" bpf_ids link
expect "road: and its record" 0 opencount as alice bpfctl show "$id" --maps
kill -9 "$(daemon_pid)"
sleep 0.5
expect "road: after kill -9 the load is still there" 0 opencount as alice bpfctl show "$id" --maps
settles "road: with the same links" "$link" bpf_ids link
expect "road: unload" 0 '' as alice bpfctl unload "$id"
settles "road: unload takes the program out of the kernel" "$programs_before" bpf_ids prog
same "road: nothing is left in bpffs" "" "$(ls -A /sys/fs/bpf/bpfgate)"

# xdpcount: a per-CPU table, on an interface of the user's choice.
modprobe dummy numdummies=0 2>/dev/null
ip link add dummy0 type dummy && ip address add 192.0.2.1/24 dev dummy0 && ip link set dummy0 up
ip link set lo up
id=$(as alice bpfctl load "$b/xdpcount.bpfb" --attach xdpcount=xdp:lo --json=short | json_get id)
ping -c 5 -i 0.05 127.0.0.1 >/dev/null
expect "road: xdpcount counted the echo requests and replies" 0 'ICMP|[^0-9]1[^0-9].*packets=1[0-9]' \
	as alice bpfctl show "$id" --maps --bundle "$b/xdpcount.bpfb"
expect "road: bpftool sees the xdp link" 0 "xdp" bpftool link list
as alice bpfctl unload "$id"
expect "road: an interface the rule does not name is denied" 3 "authorise" \
	as alice bpfctl load "$b/xdpcount.bpfb" --attach xdpcount=xdp:eth9
expect "road: a target the manifest does not allow is refused" 1 "kprobe" \
	as alice bpfctl load "$b/xdpcount.bpfb" --attach xdpcount=kprobe:do_exit

# In a network namespace of one's own, network targets are not the daemon's to give.
ip netns add elsewhere
expect "road: no xdp for a client in another network namespace" 1 "network namespace" \
	ip netns exec elsewhere runuser -u alice -- \
	bpfctl load "$b/xdpcount.bpfb" --attach xdpcount=xdp:lo

# Who takes a session down is told to its client, as is why.
as alice bpfctl run "$b/execwatch.bpfb" --duration 1000 >/dev/null 2>"$work/errors" &
run=$!
wait_for 20 grep -q attached "$work/errors"
id=$(bpfctl list --json=short | json_get loads.0.id)
expect "road: root unloads a session" 0 "" bpfctl unload "$id"
wait $run
same "road: its run ends with status 7" 7 $?
expect "road: and says who it was" 0 "^bpfctl: load $id has been taken down: user 0 has unloaded it$" cat "$work/errors"
as alice bpfctl run "$b/execwatch.bpfb" --duration 1000 --json=short >"$work/events" 2>"$work/errors" &
run=$!
wait_for 20 grep -q attached "$work/errors"
id=$(bpfctl list --json=short | json_get loads.0.id)
expect "road: its owner can, by another connection" 0 "" as alice bpfctl unload "$id"
wait $run
same "road: the error, its reason and who" "org.bpfgate.Gate.LoadEnded unloaded $id 1000" "$(
	tail -n 1 "$work/events" | python3 -c 'import json, sys
e = json.load(sys.stdin)
print(e["error"], e["reason"], e["id"], e["uid"])')"
# The same on the wire: nothing is read until the load ends, and a client that goes takes it with it.
(cd "$share/suite" && as alice python3 more.py "$b/execwatch.bpfb")
settles "road: nothing is left of them" "$programs_before" bpf_ids prog

# When the daemon goes, so do sessions, and the client says so.
as alice bpfctl run "$b/execwatch.bpfb" --duration 30 >/dev/null 2>"$work/errors" &
run=$!
wait_for 20 grep -q . "$work/errors"
sleep 1
systemctl stop bpfgated.service
wait $run
same "road: run ends with status 6 when the daemon goes" 6 $?
settles "road: the session's program went with it" "$programs_before" bpf_ids prog
expect "road: the socket starts the daemon again" 0 "" as alice bpfctl status
systemctl stop bpfgated.socket bpfgated.service
expect "road: no daemon: exit status 6 and what to do" 6 "systemctl" as alice bpfctl status
systemctl start bpfgated.socket
expect "road: varlinkctl talks to it too" 0 "contract" \
	varlinkctl call /run/bpfgate/org.bpfgate.Gate org.bpfgate.Gate.Status '{}'
# What the host built, as root and on its kernel, is built here byte by byte the same, by whomever.
for user in root alice; do
	build=$(as "$user" mktemp -d)
	for name in execwatch opencount xdpcount; do
		as "$user" bpfctl build "$b/$name.bpf.o" -m "$b/$name.json" --source "/mnt/src/bpf/$name.bpf.c" \
			-o "$build/$name.bpfb" >/dev/null
		holds "road: $name built by $user on this kernel is the host's" \
			cmp "$b/$name-unsigned.bpfb" "$build/$name.bpfb"
	done
done
same "road: the daemon never crashed but when it was killed" "" \
	"$(journalctl -u bpfgated.service -o cat | grep -iE "core-dump|sanitizer|runtime error|assert|exit-code")"
tap_end
