# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The gate: what somebody can no longer do who holds CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN,
# and what goes on as before.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

b=$share/bundles
bin=$share/bin
pins=/sys/fs/bpf/bpfgate
caps=-all,+bpf,+perfmon,+net_admin,+sys_admin
since=@$(date +%s)

# The attacker: not root, with these four.
attacker() {
	setpriv --reuid 1001 --regid 1001 --clear-groups --inh-caps "$caps" --ambient-caps "$caps" -- "$@"
}

# The same by the number of root, as in a container: the pins are its own.
attacker_root() {
	setpriv --inh-caps "$caps" --bounding-set "$caps" -- "$@"
}

# try NAME RESULT WHAT...: as the attacker.
try() {
	same "gate: $1" "$2" "$(attacker "$bin/gate-attacker" "${@:3}" 2>&1)"
}

try_root() {
	same "gate: $1" "$2" "$(attacker_root "$bin/gate-attacker" "${@:3}" 2>&1)"
}

# in_journal NAME TEXT: an entry has the message TEXT, whole.
in_journal() {
	journalctl --sync
	if journalctl -o cat --since "$since" | grep -Fxq -- "$2"; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "expected: $2" "$(journalctl -u bpfgated.service -o cat --since "$since" -n 40)"
	fi
}

count_of() { # REASON refused|wouldBeRefused
	bpfctl gate --json=short | python3 -c 'import json, sys
print(*(c[sys.argv[2]] for c in json.load(sys.stdin)["counts"] if c["reason"] == sys.argv[1]))' "$1" "$2"
}

policy_road | configure release
expect "gate: it is off" 0 "^off$" bpfctl gate
expect "gate: status says so, to everybody" 0 "^        Gate: off$" as alice bpfctl status
expect "gate: others than root see and change nothing" 3 \
	"^bpfctl: refused at step request: Gate is for root alone, not for uid 1000$" as alice bpfctl gate audit
same "gate: nothing is pinned" "" "$(ls $pins)"
try "off: an unsigned program loads" ok load socket_filter
try "off: an unsigned loader loads" ok load syscall
mkfifo "$work/in"
attacker "$bin/gate-attacker" keep <"$work/in" >"$work/kept" 2>&1 &
exec 7>"$work/in"
wait_for 10 grep -q ready "$work/kept"

# ---- audit ----
expect "gate: audit" 0 "^audit$" bpfctl gate audit
in_journal "gate: with a record" "User 0 changed the gate from off to audit."
try "audit: an unsigned program loads" ok load socket_filter
try "audit: an unsigned loader loads" ok load syscall
echo >&7
wait_for 10 grep -q ok "$work/kept"
same "audit: a loader from before runs" "ready ok" "$(xargs <"$work/kept")"
same "audit: counts what would be refused: programs" 1 "$(count_of load wouldBeRefused)"
same "audit: loaders" 1 "$(count_of loader wouldBeRefused)"
same "audit: runs" 1 "$(count_of run wouldBeRefused)"
expect "audit: the user's signed load works" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1
bpfctl gate
journalctl -o cat --since "$since" | grep gate

# ---- enforce ----
expect "gate: enforce" 0 "^enforce$" bpfctl gate enforce
try "enforce: an unsigned program" EPERM load socket_filter
try "enforce: an unsigned loader" EPERM load syscall
echo >&7
wait_for 10 grep -q EPERM "$work/kept"
same "enforce: a loader from before" "ready ok EPERM" "$(xargs <"$work/kept")"
exec 7>&-
expect "enforce: the user's signed load works" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1
bpfctl gate
ls -R $pins
journalctl -u bpfgated -o cat --since "$since" | tail -20
systemctl kill -s KILL bpfgated
wait_for 10 systemctl -q is-active bpfgated
bpfctl status | tail -3
try "enforce: an unsigned program" EPERM load socket_filter
expect "enforce: the user's signed load works" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1
expect "gate: off" 0 "^off$" bpfctl gate off
try "off: an unsigned program loads" ok load socket_filter
same "gate: nothing is pinned" "" "$(ls $pins)"
journalctl -u bpfgated -o cat --since "$since" | tail -20
tap_end
