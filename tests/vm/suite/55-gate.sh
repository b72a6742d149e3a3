# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The gate: what somebody can no longer do who holds CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN,
# and what goes on as before. Each attempt is made without a gate as well, or with one that only counts.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

contract=$1
b=$share/bundles
bin=$share/bin
pins=/sys/fs/bpf/bpfgate
caps=-all,+bpf,+perfmon,+net_admin,+sys_admin
since=@$(date +%s)
drop_in=/run/systemd/system/bpfgated.service.d
mkdir -p $drop_in /etc/bpfgate/revoked.d
sysctl -q kernel.yama.ptrace_scope=0 2>/dev/null

# The attacker: not root, with these four.
attacker() {
	setpriv --reuid 1001 --regid 1001 --clear-groups --inh-caps "$caps" --ambient-caps "$caps" -- "$@"
}

# The same with root's number, as in a container: what root owns is its own.
attacker_root() {
	setpriv --inh-caps "$caps" --bounding-set "$caps" -- "$@"
}

# All but CAP_SYS_PTRACE, without which it cannot look into the daemon.
almost_root() {
	setpriv --inh-caps -sys_ptrace --bounding-set -sys_ptrace -- "$@"
}

root() {
	"$@"
}

# try NAME RESULT WHAT...: what gate-attacker says, in the attacker's hands; "by WHO" for another's.
try() {
	local name=$1 result=$2 who=attacker

	shift 2
	if [[ $1 == by ]]; then
		who=$2
		shift 2
	fi
	same "gate: $name" "$result" "$($who "$bin/gate-attacker" "$@" 2>&1)"
}

# in_journal NAME TEXT: an entry has the message TEXT, whole, with N for the process's number. What the gate
# refuses is read by the daemon when it has nothing else to do.
has_entry() {
	journalctl --sync
	journalctl -o cat --since "$since" | sed -E 's/process [0-9]+/process N/' | grep -Fx -- "$1"
}
in_journal() {
	if wait_for 20 has_entry "$2"; then
		tap_ok "gate: $1"
	else
		tap_not_ok "gate: $1" "expected: $2" "$(journalctl -u bpfgated.service -o cat --since "$since" -n 40)"
	fi
}

count_of() { # REASON refused|wouldBeRefused
	bpfctl gate --json=short | python3 -c 'import json, sys
print(*(c[sys.argv[2]] for c in json.load(sys.stdin)["counts"] if c["reason"] == sys.argv[1]))' "$1" "$2"
}

# What the gate itself has in the kernel.
gate_ids() { # prog|map|map-read|link
	bpftool -j "${1%-read}" list | python3 -c 'import json, sys
programs = {p["id"] for p in json.loads(sys.argv[1]) if p.get("name", "").startswith("gate_")}
print(*sorted(x["id"] for x in json.load(sys.stdin)
              if x.get("name", "").startswith("gate_") or x.get("prog_id") in programs))' "$(bpftool -j prog list)"
}

mode_of() {
	bpfctl status --json=short | json_get gate
}

user_loads() { # NAME
	expect "gate: $1: the user's signed load works" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1
}

# The daemon's options for the next start. A gate takes long to put up where the guest is slow.
options() {
	printf '[Service]\nTimeoutStartSec=600\nExecStart=\nExecStart=/usr/lib/bpfgate/bpfgated %s\nRestart=no\n' "$*" >$drop_in/55-gate.conf
	systemctl daemon-reload
}

keyring() {
	bpfctl status --json=short | json_get keyring
}

# kept: what has come of the loader that was loaded before there was a gate, once it has been run again.
kept_grew() { # LINES
	[[ $(wc -l <"$work/kept") -gt $1 ]]
}
kept() {
	local before

	before=$(wc -l <"$work/kept")
	echo >&7
	wait_for 10 kept_grew "$before"
	tail -n 1 "$work/kept"
}

# ---- what is tried in each mode: attempts MODE RESULT ----
attempts() {
	local mode=$1 result=$2 status=0 loaded='^loaded 1 times' type

	[[ $result == ok ]] || {
		status=255
		loaded='refused: the kernel refuses the signed loader: EPERM \(Operation not permitted\): the daemon needs CAP_BPF and CAP_PERFMON, and no security module in its way \(.*KernelRefused, load, errno 1\)'
	}
	for type in socket_filter tracepoint xdp cgroup_skb; do
		try "$mode: bpf(2), an unsigned program ($type)" "$result" load $type
	done
	try "$mode: bpf(2), an unsigned loader" "$result" load syscall
	same "gate: $mode: a loader that was loaded before the gate came up" "$result" "$(kept)"
	expect "gate: $mode: signed with a key in its own session keyring" $((status == 0 ? 0 : 5)) "$loaded" \
		attacker "$bin/loader-probe" load "$b/execwatch.bpf.o" "$work/own-key.pem" "$work/own.pem"
	try "$mode: a replay of what is revoked, with the daemon's keyring" "$result" \
		replay "$b/opencount.bpfb" "$contract" "$(keyring)"
	if [[ $result == ok ]]; then
		expect "gate: $mode: bpftool" 0 "" attacker_root bpftool prog load "$b/opencount.bpf.o" /sys/fs/bpf/attack
		rm -f /sys/fs/bpf/attack
		expect "gate: $mode: bpftrace" 0 "^works$" attacker_root bpftrace -e 'BEGIN { printf("works\n"); exit(); }'
	else
		expect "gate: $mode: bpftool" 255 "-EPERM|Operation not permitted" \
			attacker_root bpftool prog load "$b/opencount.bpf.o" /sys/fs/bpf/attack
		expect "gate: $mode: bpftrace" 255 "^ERROR: Loading BPF object\\(s\\) failed\\.$" \
			attacker_root bpftrace -e 'BEGIN { printf("works\n"); exit(); }'
	fi
}

# ---- off ----
policy_road | configure release
install -m 644 "$share/keys/untrusted.key" "$work/own-key.pem"
install -m 644 "$share/keys/untrusted.pem" "$work/own.pem"
expect "gate: off: is what there is without an option" 0 "^off$" bpfctl gate
expect "gate: status says so, to everybody" 0 "^        Gate: off$" as alice bpfctl status
expect "gate: others than root see and change nothing" 3 \
	"^bpfctl: refused at step request: Gate is for root alone, not for uid 1000$" as alice bpfctl gate audit
expect "gate: what is no mode" 2 \
	'^bpfctl: gate: give nothing, or one of off, audit and enforce; see "bpfctl gate --help"$' bpfctl gate on
expect "gate: nor for the daemon" 2 "^bpfgated: --gate on: must be off, audit or enforce$" \
	/usr/lib/bpfgate/bpfgated --gate on
expect "gate: what is no type" 2 "^bpfgated: --gate-types xdp,foo: 'foo' is no program type$" \
	/usr/lib/bpfgate/bpfgated --gate-types xdp,foo
same "gate: off: nothing is pinned" "" "$(ls $pins)"
expect "gate: a bundle loads that is going to be revoked" 0 "" as alice bpfctl run "$b/opencount.bpfb" --duration 1
printf '{ "revocations": [ { "bundle": "%s", "reason": "it has a hole" } ] }\n' \
	"$(bpfctl inspect --json=short "$b/opencount.bpfb" | json_get digest)" >/etc/bpfgate/revoked.d/gate.json
expect "gate: it is revoked" 0 "" bpfctl reload
expect "gate: and does not load any more" 4 "revoked" as alice bpfctl run "$b/opencount.bpfb" --duration 1
mkfifo "$work/in"
attacker "$bin/gate-attacker" keep <"$work/in" >"$work/kept" 2>&1 &
keeper=$!
exec 7>"$work/in"
wait_for 10 grep -q ready "$work/kept"
attempts off ok

# ---- audit ----
expect "gate: audit" 0 "^audit$" bpfctl gate audit
in_journal "a change is recorded" "User 0 changed the gate from off to audit."
attempts audit ok
user_loads audit
in_journal "audit: what would be refused is said: programs" \
	'The gate would have refused user 1001 (process N, "gate-attacker") to load a program of type socket_filter, which is for bpfgated and PID 1.'
in_journal "audit: loaders" \
	'The gate would have refused user 1001 (process N, "gate-attacker") to load a loader, which is for bpfgated.'
in_journal "audit: runs" \
	'The gate would have refused user 1001 (process N, "gate-attacker") to run a program by BPF_PROG_RUN, which is for bpfgated.'
holds "gate: audit: and counted: programs" test "$(count_of load wouldBeRefused)" -ge 6
holds "gate: audit: loaders" test "$(count_of loader wouldBeRefused)" -ge 3
holds "gate: audit: runs" test "$(count_of run wouldBeRefused)" -ge 1
same "gate: audit: nothing was refused" "0 0 0" \
	"$(count_of load refused) $(count_of loader refused) $(count_of run refused)"
# Five entries a minute is all that the journal has of a user's attempts of one kind: both messages are to be among them.
for kind in link map; do
	# shellcheck disable=SC2046 # one word each
	expect "gate: audit: the first $kind of the gate" 0 "^0$" attacker "$bin/gate-attacker" fds $kind $(gate_ids $kind | cut -d ' ' -f 1)
done
for kind in prog map map-read link; do
	# shellcheck disable=SC2046 # one word each
	expect "gate: audit: others get nothing of the gate itself ($kind)" 0 "^0$" \
		attacker "$bin/gate-attacker" fds $kind $(gate_ids $kind)
done

# ---- enforce ----
as alice bpfctl load "$b/execwatch.bpfb" >/dev/null
expect "gate: enforce, while something is loaded" 0 "^enforce$" bpfctl gate enforce
in_journal "and recorded" "User 0 changed the gate from audit to enforce."
expect "gate: status says so" 0 "^        Gate: enforce$" as alice bpfctl status
attempts enforce EPERM
user_loads enforce
in_journal "enforce: what is refused is said: programs" \
	'The gate refused user 1001 (process N, "gate-attacker") to load a program of type socket_filter, which is for bpfgated and PID 1.'
in_journal "enforce: loaders" \
	'The gate refused user 1001 (process N, "gate-attacker") to load a loader, which is for bpfgated.'
in_journal "enforce: runs" \
	'The gate refused user 1001 (process N, "gate-attacker") to run a program by BPF_PROG_RUN, which is for bpfgated.'
try "enforce: root itself" EPERM by root load socket_filter
exec 7>&-
wait $keeper

# ---- what is the daemon's ----
load_of() { # MEMBER
	as alice bpfctl list --json=short | json_get "loads.0.$1"
}
id=$(load_of id)
program=$(load_of programs.0.id)
map=$(load_of maps.0.id)
link=$(bpftool -j link list | python3 -c 'import json, sys
print(*(l["id"] for l in json.load(sys.stdin) if l["prog_id"] == int(sys.argv[1])))' "$program")
guards() { # MODE RESULT
	try "$1: a program by its id" "$2" fd prog "$program"
	try "$1: a map" "$2" fd map "$map"
	try "$1: a map, to read" "$2" fd map-read "$map"
	try "$1: a link" "$2" fd link "$link"
}
guards enforce EPERM
expect "gate: enforce: root sees with its tools what is loaded" 0 "name on_exec " bpftool prog list
expect "gate: enforce: and the maps" 0 "name totals " bpftool map list
try "enforce: a pin" EPERM by attacker_root unlink "$pins/$id/link-0"
try "enforce: by root itself" EPERM by root unlink "$pins/$id/link-0"
try "enforce: a pin of the gate's" EPERM by root unlink "$(echo $pins/gate/*/gate_bpf)"
try "enforce: a pin is not renamed" EPERM by attacker_root rename "$pins/$id/link-0" /sys/fs/bpf/away
try "enforce: nor its folder" EPERM by attacker_root rename "$pins/$id" "$pins/away"
try "enforce: nor the folder of all" EPERM by attacker_root rename "$pins" /sys/fs/bpf/away
try "enforce: folders stay" EPERM by attacker_root rmdir "$pins/$id"
try "enforce: none is made" EPERM by root mkdir $pins/gate/2
try "enforce: nor beside a gate" EPERM by attacker_root mkdir "$(echo $pins/gate/*)/more"
try "enforce: nothing is pinned there" EPERM by attacker_root pin $pins/attack
try "enforce: nor linked to there" EPERM by root symlink /etc/passwd $pins/attack
try "enforce: a pin is not linked to" EPERM by root link "$pins/$id/link-0" /sys/fs/bpf/away
try "enforce: nor given to others" EPERM by root chmod $pins
try "enforce: elsewhere all of that is done: a folder" ok by root mkdir /sys/fs/bpf/other
try "enforce: a pin" ok by attacker_root pin /sys/fs/bpf/other/map
try "enforce: a second one" ok by root link /sys/fs/bpf/other/map /sys/fs/bpf/other/link
rm -r /sys/fs/bpf/other
try "enforce: bpffs is not unmounted" EPERM umount /sys/fs/bpf
try "enforce: nor lazily" EPERM detach /sys/fs/bpf
try "enforce: nor with /sys" EPERM detach /sys
try "enforce: nor by way of another namespace" EPERM copy-detach /sys/fs/bpf
try "enforce: nor where it alone was made private there" EPERM private-detach /sys/fs/bpf
try "enforce: nor with what it hangs below" EPERM detach /
mkdir "$work/elsewhere"
try "enforce: nor below a folder of the attacker's own" EPERM by attacker_root below-detach /sys "$work/elsewhere"
umount "$work/elsewhere"
try "enforce: it is not moved" EPERM move /sys/fs/bpf "$work/elsewhere"
try "enforce: nor in the old way" EPERM move-old /sys/fs/bpf "$work/elsewhere"
try "enforce: nor covered" EPERM cover /sys/fs/bpf
try "enforce: nor with what it is in" EPERM cover /sys/fs
try "enforce: nor with /sys" EPERM cover /sys
try "enforce: nor by a move" EPERM by attacker_root move-tmpfs /sys/fs
try "enforce: nor made read-only" EPERM read-only /sys/fs/bpf
expect "gate: enforce: a namespace of its own it may change" 0 "^ok$" \
	unshare -m --propagation private setpriv --inh-caps "$caps" --bounding-set "$caps" \
	"$bin/gate-attacker" detach /sys/fs/bpf
try "enforce: other mounts as well: made" ok by root cover "$work/elsewhere"
try "enforce: and removed" ok by root umount "$work/elsewhere"
try "enforce: the daemon is not traced" EPERM by almost_root trace "$(daemon_pid)"
try "enforce: security modules are not switched off" EPERM by root write /proc/sys/kernel/ftrace_enabled
same "gate: enforce: which everybody may look up" 1 "$(cat /proc/sys/kernel/ftrace_enabled)"
try "enforce: other settings can be written" ok by root write /proc/sys/kernel/printk_ratelimit_burst
in_journal "enforce: objects" \
	'The gate refused user 1001 (process N, "gate-attacker") to open a program or map of bpfgated'"'"'s.'
in_journal "enforce: links" \
	'The gate refused user 1001 (process N, "gate-attacker") to open a link that is, or may be, bpfgated'"'"'s.'
in_journal "enforce: switching off" \
	'The gate refused user 0 (process N, "gate-attacker") to write to kernel.ftrace_enabled, which can switch the gate off.'
in_journal "enforce: pins" \
	'The gate refused user 0 (process N, "gate-attacker") to change what is pinned in /sys/fs/bpf/bpfgate, or add to it.'
in_journal "enforce: mounts" \
	'The gate refused user 1001 (process N, "gate-attacker") to change a mount that /sys/fs/bpf/bpfgate is in.'
in_journal "enforce: tracing" \
	'The gate refused user 0 (process N, "gate-attacker") to trace bpfgated or a process of it.'
same "gate: enforce: the load is as it was" "$id" "$(load_of id)"

# ---- who is not the daemon ----
unknown='^(<3>)?bpfgated: the gate: cannot open /sys/fs/bpf/bpfgate/gate/[01]/config: Operation not permitted: a gate is in force that does not take this process for bpfgated, since it was '
not_daemon=$unknown'either started through another program, such as a shell or env: let ExecStart= name bpfgated itself; or from another folder, or one that was made anew, than the bpfgated that put the gate up: move that folder back\. Where neither can be, set --gate off in ExecStart= and reboot: a gate does not outlive the kernel$'
expect "gate: a daemon that a shell starts" 1 "${unknown}not started by PID 1: systemctl start bpfgated\$" \
	/usr/lib/bpfgate/bpfgated --break-glass
expect "gate: one that PID 1 is handed" 0 "$not_daemon" \
	attacker_root "$bin/gate-attacker" orphan /usr/lib/bpfgate/bpfgated --break-glass
expect "gate: one that a service becomes" 1 "$not_daemon" \
	systemd-run -q --wait --pipe sh -c 'exec /usr/lib/bpfgate/bpfgated --break-glass'
cp /usr/lib/bpfgate/bpfgated "$work/bpfgated"
expect "gate: another file of that name" 1 "$not_daemon" systemd-run -q --wait --pipe "$work/bpfgated" --break-glass
mv "$work/bpfgated" "$work/another"
expect "gate: a file of another name" 1 "${unknown}started from a file of another name: the file must be called bpfgated\$" \
	systemd-run -q --wait --pipe "$work/another" --break-glass
install -m 775 "$work/another" "$work/bpfgated"
expect "gate: a file that others can write" 1 "${unknown}started from a file that others than root can write, or own: chown root: and chmod 755 it\$" \
	systemd-run -q --wait --pipe "$work/bpfgated" --break-glass
same "gate: it is still there" enforce "$(mode_of)"

# ---- what systemd does ----
cat >/run/systemd/system/gate-test.service <<-END
	[Service]
	Type=exec
	IPAddressDeny=any
	DevicePolicy=closed
	DeviceAllow=/dev/null rw
	RestrictFileSystems=ext4 tmpfs ramfs proc sysfs
	RestrictNetworkInterfaces=lo
	SocketBindDeny=any
	SetCredential=a:b
	ExecStart=/bin/sh -c 'echo the credential: \$(cat %d/a); ping -c 1 -W 1 127.0.0.1 >/dev/null && echo reached; exec sleep 600'
END
systemctl daemon-reload
systemd_since=@$(date +%s)
for _ in 1 2; do
	holds "gate: enforce: a service with IPAddressDeny=, DeviceAllow=, RestrictFileSystems=, SetCredential= restarts" \
		systemctl restart gate-test.service
done
sleep 2
journalctl --sync
same "gate: enforce: without an error in the journal" "" \
	"$(journalctl -o cat -p warning --since "$systemd_since" _PID=1 + UNIT=gate-test.service | grep -v '^The gate')"
same "gate: enforce: and with effect" "" \
	"$(journalctl -o cat -u gate-test.service --since "$systemd_since" | grep -x reached)"
same "gate: enforce: and with its credentials" "the credential: b" \
	"$(journalctl -o cat -u gate-test.service --since "$systemd_since" | grep credential: | sort -u)"
systemctl daemon-reexec
holds "gate: enforce: PID 1 begins anew" systemctl restart gate-test.service
systemctl stop gate-test.service
same "gate: enforce: nothing of PID 1's was refused" 0 "$(count_of init_type refused)"

# ---- without the daemon, and with the next ----
options --gate audit
systemctl restart bpfgated.service
same "gate: what is in force stays, where the option is weaker" enforce "$(mode_of)"
systemctl kill -s KILL bpfgated.service
wait_for 10 systemctl -q is-failed bpfgated.service
same "gate: the daemon is dead" failed "$(systemctl is-active bpfgated.service)"
try "without the daemon: an unsigned program" EPERM load socket_filter
try "without the daemon: a loader" EPERM load syscall
guards "without the daemon" EPERM
systemctl reset-failed bpfgated.service
user_loads "the next daemon"
same "gate: the next daemon has taken the load up" "$id" "$(load_of id)"
guards "the next daemon" EPERM

# An upgrade: new files in the old places. All the while somebody tries.
before=$(ls $pins/gate)
mkfifo "$work/hold"
attacker_root "$bin/gate-attacker" hold-link "$pins/gate/$before/gate_prog_load" <"$work/hold" >"$work/held" 2>&1 &
holder=$!
exec 8>"$work/hold"
wait_for 10 grep -q ready "$work/held"
cp -a /usr/lib/bpfgate/bpfgated /usr/lib/bpfgate/.new && mv /usr/lib/bpfgate/.new /usr/lib/bpfgate/bpfgated
cp /usr/lib/bpfgate/gate.bpf.o /usr/lib/bpfgate/.new && echo >>/usr/lib/bpfgate/.new
mv /usr/lib/bpfgate/.new /usr/lib/bpfgate/gate.bpf.o
(while [[ ! -e $work/upgraded ]]; do attacker "$bin/gate-attacker" load socket_filter; done) >"$work/tries" 2>&1 &
trier=$!
systemctl restart bpfgated.service
touch "$work/upgraded"
wait $trier
same "gate: an upgrade leaves no gap" EPERM "$(sort -u "$work/tries")"
same "gate: it is another gate, enforcing as the first" "$((1 - before)) enforce" "$(ls $pins/gate) $(mode_of)"
user_loads "after the upgrade"
guards "after the upgrade" EPERM

# The number of a link is guarded for as long as there is the link.
race() {
	local load racer

	load=$(as alice bpfctl load "$b/execwatch.bpfb" --json=short | json_get id)
	attacker "$bin/gate-attacker" race-link "$(bpf_ids link | awk '{ print $NF }')" &
	racer=$!
	as alice bpfctl unload "$load" >/dev/null
	wait $racer
}
same "gate: enforce: a link that goes cannot be kept" ENOENT "$(for _ in {1..6}; do race; done | sort -u)"

# ---- off again ----
expect "gate: off" 0 "^off$" bpfctl gate off
in_journal "and recorded" "User 0 changed the gate from enforce to off."
same "gate: off: nothing of it is pinned" "$id" "$(find $pins -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -r | xargs)"
same "gate: off: somebody has a link of the gate before that" ready "$(cat "$work/held")"
try "off: an unsigned program loads" ok load socket_filter
exec 8>&-
wait $holder
guards off ok
try "off: a daemon can be traced" ok by almost_root trace "$(daemon_pid)"
expect "gate: off: unload" 0 "" as alice bpfctl unload "$id"

# ---- from the start, and the break-glass ----
options --gate enforce
mkdir -p $pins/gate/0/config $pins/gate/1/config
systemctl restart bpfgated.service
same "gate: from the start, with folders in its way" "enforce 0" "$(mode_of) $(ls $pins/gate)"
try "from the start: an unsigned program" EPERM load socket_filter
user_loads "from the start"
systemctl stop bpfgated.service bpfgated.socket
mv /run/systemd/journal/socket /run/systemd/journal/away
expect "gate: break-glass: not without the journal" 1 "" systemctl start bpfgate-break-glass.service
mv /run/systemd/journal/away /run/systemd/journal/socket
in_journal "break-glass: and it says why" \
	"bpfgated: the gate is left as it is, for the journal cannot be told (No such file or directory): start systemd-journald, or reboot without --gate"
try "break-glass: the gate is still there" EPERM load socket_filter
mkdir -p /run/systemd/system/bpfgate-break-glass.service.d
printf '[Service]\nTemporaryFileSystem=/sys/fs\n' >/run/systemd/system/bpfgate-break-glass.service.d/55-gate.conf
systemctl daemon-reload
expect "gate: break-glass: not where the pins are hidden from it" 1 "" systemctl start bpfgate-break-glass.service
in_journal "break-glass: and it says so" \
	"bpfgated: a gate is in force, but it cannot be found in /sys/fs/bpf/bpfgate/gate: unmount what is mounted over /sys, /sys/fs or /sys/fs/bpf and start bpfgate-break-glass.service again, or reboot without --gate"
rm -r /run/systemd/system/bpfgate-break-glass.service.d
systemctl daemon-reload
expect "gate: break-glass" 0 "" systemctl start bpfgate-break-glass.service
in_journal "break-glass: the entry" "The gate is taken away by bpfgated --break-glass (user 0)."
in_journal "break-glass: what it was" "The gate (enforce) has been taken away."
try "break-glass: an unsigned program loads" ok load socket_filter
options
systemctl start bpfgated.socket
same "gate: break-glass: and a daemon without the option leaves it so" off "$(mode_of)"
user_loads "after the break-glass"

rm -r $drop_in/55-gate.conf /etc/bpfgate/revoked.d/gate.json
systemctl daemon-reload
restart_daemon
same "gate: the daemon never crashed" "" \
	"$(journalctl -u bpfgated.service -o cat --since "$since" | grep -iE "core-dump|sanitizer|runtime error|assert|exit-code")"
tap_end
