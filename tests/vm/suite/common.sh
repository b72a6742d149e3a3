# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Sourced by the suites, in a guest with systemd, as root. /mnt/share holds what tests/check put
# there: suite/, bin/ (test programs), keys/ and bundles/ (made on the host a moment ago).

share=/mnt/share
# shellcheck source=tests/tap.sh
. "$share/tap.sh"
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d /tmp/suite.XXXXXX)
chmod 755 "$work"

# A build with sanitizers looks for leaks at its end, by ptrace(2), and keeps freed memory for a while.
export sanitized=
if grep -aq __asan_init /usr/lib/bpfgate/bpfgated; then
	sanitized=yes
	mkdir -p /run/systemd/system/bpfgated.service.d
	printf '[Service]\nSystemCallFilter=@debug\nEnvironment=ASAN_OPTIONS=detect_leaks=1\n' \
		>/run/systemd/system/bpfgated.service.d/50-sanitize.conf
	systemctl daemon-reload
fi

as() {
	local user=$1

	shift
	# Starting a process takes some 50 ms under emulation: this is none beside the command.
	setpriv --reuid "$user" --regid "$user" --init-groups -- "$@"
}

# Installs the policy from standard input and the named certificates of keys/, then (re)starts.
configure() {
	rm -f /etc/bpfgate/keys.d/* /etc/bpfgate/policy.d/*
	cat >/etc/bpfgate/policy.d/50-test.json
	while [[ $# -gt 0 ]]; do
		install -m 644 "$share/keys/$1.pem" /etc/bpfgate/keys.d/
		shift
	done
	restart_daemon
}

restart_daemon() {
	systemctl reset-failed bpfgated.service bpfgated.socket 2>/dev/null
	systemctl stop bpfgated.service 2>/dev/null
	systemctl restart bpfgated.socket
}

daemon_pid() {
	systemctl show -P MainPID bpfgated.service
}

# What the daemon holds: open files, threads and child processes.
daemon_holds() {
	local pid

	pid=$(daemon_pid)
	echo "$(find "/proc/$pid/fd" -mindepth 1 | wc -l) fds," \
		"$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l) threads," \
		"$(pgrep -c -P "$pid") children"
}

# daemon_idle: whether the threads and children of the calls before have ended.
daemon_idle() {
	[[ $(daemon_holds) == *" 1 threads, 0 children" ]]
}

daemon_memory() {
	awk '/^(Private_Clean|Private_Dirty):/ { sum += $2 } END { print sum }' \
		"/proc/$(daemon_pid)/smaps_rollup"
}

# Ids of all BPF programs (or maps, links) in the kernel but those that systemd loads for its own units.
bpf_ids() {
	"$share/bin/bpf-ids" "$1"
}

# json_get PATH: that value of the JSON on standard input: "keys.0.state".
json_get() {
	jq -cr --arg path "$1" 'getpath($path | split(".") | map(tonumber? // .))'
}

# says NAME STATUS TEXT COMMAND...: it ends with STATUS, and a line of what it says is TEXT, whole.
says() {
	local name=$1 status=$2 text=$3 rc=0

	shift 3
	output=$("$@" 2>&1 </dev/null) || rc=$?
	if [[ $rc -eq $status ]] && grep -Fxq -- "$text" <<<"$output"; then
		tap_ok "$name"
	else
		tap_not_ok "$name" "exit status $rc, expected $status" "expected: $text" "$output"
	fi
}

# in_journal NAME TEXT: an entry since $since has the message TEXT, whole; if not at once, then soon: the daemon has
# a thread that writes.
in_journal() {
	if wait_for 10 journal_has "$2"; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "expected: $2" "$(journalctl -u bpfgated.service -o cat --since "$since")"
	fi
}
journal_has() {
	journalctl --sync
	journalctl -u bpfgated.service -o cat --since "$since" | grep -Fxq -- "$1"
}
mark() {
	since=$(date '+%F %T')
}

# The policy that most suites start from.
policy_road() {
	cat <<-'END'
		{ "rules": [
		  { "name": "tracing for developers", "effect": "allow",
		    "subjects": { "groups": ["tracing"] },
		    "bundles": ["execwatch", "opencount"],
		    "signatures": { "required": 1, "signers": ["release.pem"] },
		    "programs": { "types": ["tracing"], "attach": ["tp_btf:sched_*", "fentry:*"] },
		    "grant": ["events", "read"], "lifetime": ["session", "persistent"] },
		  { "name": "counting packets", "effect": "allow",
		    "subjects": { "users": ["alice"] },
		    "bundles": ["xdpcount"],
		    "signatures": { "signers": ["release.pem"] },
		    "programs": { "types": ["xdp"], "attach": ["xdp:lo", "xdp:dummy0"] },
		    "grant": ["read"], "lifetime": ["session", "persistent"] }
		] }
	END
}
