# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The process that loads: what is said when something else ends it, and which capabilities it has.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

configure release <<-'END'
	{ "rules": [ { "name": "anything of ours", "effect": "allow", "subjects": { "users": ["alice"] },
	  "bundles": ["*"], "signatures": { "signers": ["release.pem"] },
	  "grant": ["none", "events", "read", "read-write"], "lifetime": ["session", "persistent"] } ] }
END
as alice bpfctl status >/dev/null
programs=$(bpf_ids prog)

# killer PID: waits for a load child of the daemon and kills it; it is the one that offers itself to the OOM killer.
killer() {
	local pid end=$((SECONDS + 60))

	echo ready
	while [[ $SECONDS -lt $end ]]; do
		for pid in $(pgrep -P "$1"); do
			[[ $(cat "/proc/$pid/oom_score_adj") == 1000 ]] && kill -KILL "$pid" && return
		done 2>/dev/null
	done
	return 1
}

# ending NAME STATUS TEXT COMMAND...: what a slow load says that COMMAND, given the daemon, ends.
ending() {
	local name=$1 status=$2 text=$3 rc=0

	shift 3
	"$@" "$(daemon_pid)" >"$work/ender" 2>&1 &
	wait_for 60 grep -q ready "$work/ender"
	as alice bpfctl load "$share/hand/loop.bpfb" >"$work/said" 2>&1 </dev/null || rc=$?
	wait $! || tap_not_ok "$name: it was ended" "exit status $?" "$(cat "$work/ender")"
	if [[ $rc -eq $status ]] && grep -Fxq -- "$text" "$work/said"; then
		tap_ok "$name"
	else
		tap_not_ok "$name" "exit status $rc, expected $status" "expected: $text" "$(cat "$work/said")"
	fi
}

# ---- what ended it ----

ending "child: killed by somebody" 1 \
	"bpfctl: refused at step load: the process that loads was killed (SIGKILL) by somebody else: that says nothing of the bundle, so try again" \
	killer
ending "child: killed for want of memory" 5 \
	"bpfctl: refused at step load: the process that loads was killed by the kernel, which ran out of memory: that of bpfgated.service (MemoryMax=) or of the machine" \
	python3 "$share/suite/hog.py"
expect "child: and the next load is as good as ever" 0 '' as alice bpfctl run "$share/bundles/execwatch.bpfb" --duration 1
settles "child: nothing is left of them" "$programs" bpf_ids prog

# ---- capabilities by the types that are declared ----

# reader HOW: loads a program on packets that reads the kernel's memory.
reader() {
	bpfctl build "$share/bin/reader-$1.bpf.o" -o "$work/$1.bpfb" &&
		bpfctl sign "$work/$1.bpfb" --key "$share/keys/release.key" --cert "$share/keys/release.pem" &&
		as alice bpfctl load "$work/$1.bpfb" --attach reader=xdp:lo
}

ip link set lo up
expect "child: no kernel memory for a bundle of xdp alone: a helper" 5 \
	'\(note: programs of the declared types may not read kernel memory: see CAPABILITIES in bpfgated\(8\)\)' reader helper
for how in cast plain context; do
	says "child: no kernel memory for a bundle of xdp alone: $how" 1 \
		"bpfctl: refused at step load: a program calls kernel functions or reads kernel variables, and programs of the declared types may not read kernel memory: see CAPABILITIES in bpfgated(8)" \
		reader $how
done
for how in helper cast; do
	expect "child: but where tracing is declared, too: $how" 0 '' reader $how-tracing
	as alice bpfctl unload "$(tail -n 1 <<<"$output")" || tap_not_ok "child: unload" "$output"
done
settles "child: nothing is left of these" "$programs" bpf_ids prog
tap_end
