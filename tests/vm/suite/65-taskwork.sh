# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Task work: an unprivileged user sees strings that were not in memory when they were come across, and
# nobody calls a kernel function that manifest and policy do not both name.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

b=$share/bundles
text=/var/tmp/page-out # on a disk: what is on a tmpfs stays in memory

# policy KFUNCS: with programs.kfuncs of one pattern, or without.
policy() {
	local kfuncs=

	[[ -z $1 ]] || kfuncs=", \"kfuncs\": [\"$1\"]"
	configure release <<-END
		{ "rules": [ { "name": "task work", "effect": "allow", "subjects": { "users": ["alice"] },
		  "bundles": ["nmiwatch", "openargs", "other-kfunc"], "signatures": { "signers": ["release.pem"] },
		  "programs": { "types": ["raw_tracepoint", "perf_event", "tracing"]$kfuncs },
		  "grant": ["events", "read"], "lifetime": ["session", "persistent"] } ] }
	END
}

# variant NAME OBJECT PYTHON: OBJECT.bpfb with a manifest that PYTHON has changed, as the bundle NAME.bpfb.
variant() {
	python3 -c 'import json, sys
m = json.load(open(sys.argv[1]))
exec(sys.argv[2])
json.dump(m, sys.stdout)' "$share/bundles/$2.json" "$3" >"$work/$1.json"
	bpfctl build "$b/$2.bpf.o" -m "$work/$1.json" -o "$work/$1.bpfb" &&
		bpfctl sign "$work/$1.bpfb" --key "$share/keys/release.key" --cert "$share/keys/release.pem"
}

# events_of FILE EXPRESSION: how many of the events in FILE are as the Python EXPRESSION says of e.
events_of() {
	python3 -c 'import json, sys
print(sum(1 for line in open(sys.argv[1]) if line.endswith("\n") and eval(sys.argv[2], {"e": json.loads(line)})))' \
		"$1" "$2"
}

seen() {
	[[ $(events_of "$1" "$2") -ge 1 ]]
}

# start BUNDLE ARGUMENT...: runs it as alice in the background, events in $work/events.
start() {
	local bundle=$1

	shift
	: >"$work/events"
	as alice bpfctl run "$bundle" --duration 1000 --json=short "$@" >"$work/events" 2>"$work/errors" &
	run=$!
	if ! wait_for 60 grep -q "is attached to" "$work/errors"; then
		tap_not_ok "task work: $(basename "$bundle") runs" "$(cat "$work/errors" "$work/events")"
		tap_end
		exit 1
	fi
	sleep 1
}

stop() {
	pkill -INT -u alice -x bpfctl
	wait $run
}

policy 'bpf_task_work_schedule_*'
programs=$(bpf_ids prog)
maps=$(bpf_ids map)
status=$(as alice bpfctl status --json=short)
same "task work: status names the feature" task_work "$(json_get features.0.name <<<"$status")"
has=$(json_get features.0.present <<<"$status")
exists=false
bpftool btf dump file /sys/kernel/btf/vmlinux 2>/dev/null |
	grep -Eq "FUNC 'bpf_task_work_schedule_resume(_impl)?'" && exists=true
same "task work: status says whether the kernel has it" $exists "$has"

variant unknown openargs 'm["requires"] = ["teleportation"]' >"$work/build" 2>&1
same "task work: build refuses a feature that nobody knows" \
	"bpfctl: $work/unknown.json: requires \"teleportation\", which is no feature that this bpfgate knows; there is \"task_work\"" \
	"$(cat "$work/build")"

if [[ $has == false ]]; then
	for name in nmiwatch openargs; do
		same "task work: $name is refused by a kernel that has none" \
			"bpfctl: refused at step load: The bundle requires \"task_work\", which this kernel ($(uname -r)) does not have: Linux 6.18 and later have it, and 6.12 with bpfgate's patches." \
			"$(as alice bpfctl load "$b/$name.bpfb" 2>&1)"
	done
	expect "task work: status says which kernels have it" 0 \
		"task_work: this kernel does not have it: Linux 6.18 and later have it" as alice bpfctl status
	tap_skip "task work: strings that were not in memory" "Linux $(uname -r) has no task work"
	tap_end
	exit
fi
expect "task work: status says it to people, too" 0 "task_work: the kernel has it" as alice bpfctl status

# openargs: a path that is in no memory when the system call begins, across two pages.
start "$b/openargs.bpfb"
path=/nowhere/$(printf 'long/%.0s' $(seq 100))end
same "task work: page-out opens a path that mincore(2) says is not in memory" ENOENT \
	"$("$share/bin/page-out" open "$text" "$path")"
wait_for 20 seen "$work/events" "e['path'] == '$path'"
same "task work: openargs shows the path that was not there, whole" 1 \
	"$(events_of "$work/events" "e['path'] == '$path' and e['comm'] == 'page-out' and e['call'] == 'OPENAT'")"
same "task work: and that the tracepoint could not read it" 1 \
	"$(events_of "$work/events" "e['path'] == '$path' and e['resident'] is False")"
python3 -c 'import os
try: os.open("/nowhere/in/memory", os.O_RDONLY)
except OSError: pass'
wait_for 20 seen "$work/events" "e['path'] == '/nowhere/in/memory'"
same "task work: a path that is in memory is read at once" 1 \
	"$(events_of "$work/events" "e['path'] == '/nowhere/in/memory' and e['resident'] is True")"
stop
same "task work: openargs ends with status 0" 0 $?

# nmiwatch: a command line that is in no memory, of a process that makes no system call.
start "$b/nmiwatch.bpfb" --attach on_clock=perf_event:cpu-clock@1
id=$(as alice bpfctl list --json=short | json_get loads.0.id)
taskset -c 1 "$share/bin/page-out" spin "$text" "words that were paged out" 1000 >"$work/spin" 2>&1 &
spin=$!
hit="e['source'] == 'NMI' and e['resident'] is False and e['args'] == 'words that were paged out'"
# The kernel prints the backtraces, which takes an emulated serial port seconds.
dmesg -n 1
for _ in $(seq 60); do
	sleep 0.5
	# A backtrace of the other CPU, by an NMI.
	taskset -c 0 sh -c 'echo l >/proc/sysrq-trigger'
	seen "$work/events" "$hit" && break
done
dmesg -n 7
holds "task work: nmiwatch shows at NMIs the command line that was not in memory" \
	seen "$work/events" "$hit"
same "task work: with the path of the program" "$(events_of "$work/events" "$hit")" \
	"$(events_of "$work/events" "$hit and e['exe'] == '$share/bin/page-out' and e['comm'] == 'page-out'")"
holds "task work: the clock's samples are there, too" seen "$work/events" "e['source'] == 'CLOCK'"
same "task work: never of a kernel thread or an idle task" 0 \
	"$(events_of "$work/events" "e['pid'] == 0 or e['exe'] == ''")"
kill $spin
wait $spin
same "task work: mincore(2) never said that the page stayed" "" "$(cat "$work/spin")"
sleep 1
# While the samples go on, two of the numbers may be of different moments: a few tries.
adds_up() {
	as alice bpfctl show "$id" --maps --bundle "$b/nmiwatch.bpfb" --json=short >"$work/counts" &&
		python3 -c 'import json, sys

def find(value):
    if isinstance(value, dict):
        if "samples" in value:
            yield value
            return
        for key, part in value.items():
            if key != "perCpu":
                yield from find(part)
    elif isinstance(value, list):
        for part in value:
            yield from find(part)

c = next(find(json.load(open(sys.argv[1]))))
print("#", c)
ok = c["samples"] == c["skipped"] + c["waiting"] + c["busy"] + c["failed"] and \
    c["waiting"] == c["reported"] + c["gone"] + c["lost"] and c["failed"] == 0 and c["reported"] > 0
sys.exit(not ok)' "$work/counts"
}
holds "task work: the counters add up" wait_for 20 adds_up
stop
same "task work: nmiwatch ends with status 0" 0 $?

# What is called must be required and granted: first the denial, its allowed twin is above.
for name in nmiwatch openargs; do
	call=$([[ $name == nmiwatch ]] && echo on_nmi || echo on_open)
	kfunc=bpf_task_work_schedule_resume
	variant "$name-claims-nothing" $name 'del m["requires"]' >/dev/null
	same "task work: $name without \"requires\" is taken down" \
		"bpfctl: refused at step attest: program \"$call\" calls $kfunc(), but its manifest does not require \"task_work\"" \
		"$(as alice bpfctl load "$work/$name-claims-nothing.bpfb" 2>&1)"
done
echo '{"requires": ["task_work"]}' >"$work/other-kfunc.json"
bpfctl build "$share/bin/other-kfunc.bpf.o" -m "$work/other-kfunc.json" -o "$work/other-kfunc.bpfb" >/dev/null &&
	bpfctl sign "$work/other-kfunc.bpfb" --key "$share/keys/release.key" --cert "$share/keys/release.pem" >/dev/null
policy '*'
same "task work: a function that is not task work's is taken down, even where all are granted" \
	"bpfctl: refused at step attest: program \"on_switch\" calls a kernel function (kfunc) that belongs to no feature which a manifest can require" \
	"$(as alice bpfctl load "$work/other-kfunc.bpfb" 2>&1)"
policy 'bpf_task_work_schedule_signal*'
same "task work: a function that the rule does not name is taken down" \
	"bpfctl: refused at step attest: program \"on_open\" calls $kfunc(), which the rule does not name in its kfuncs" \
	"$(as alice bpfctl load "$b/openargs.bpfb" 2>&1)"
policy ''
expect "task work: a rule without kfuncs denies what requires task work" 3 \
	"authorise: no rule of the policy allows it to uid 1000; the nearest is 'task work' .*: the bundle requires 'task_work', and the rule's kfuncs name none of its kernel functions, such as bpf_task_work_schedule_signal$" \
	as alice bpfctl load "$b/openargs.bpfb"
same "task work: and takes down what only claims to need nothing" \
	"bpfctl: refused at step attest: program \"on_open\" calls $kfunc(), but its manifest does not require \"task_work\"" \
	"$(as alice bpfctl load "$work/openargs-claims-nothing.bpfb" 2>&1)"

# Where it cannot be told which function is called, nothing of the kind stays.
policy 'bpf_task_work_schedule_*'
restrict=$(sysctl -n kernel.kptr_restrict)
sysctl -q kernel.kptr_restrict=2
same "task work: where the kernel hides its functions from all, it is taken down" \
	"bpfctl: refused at step attest: cannot tell which kernel functions (kfuncs) program \"on_open\" calls: /proc/kallsyms shows no addresses: see CAPABILITIES in bpfgated(8)" \
	"$(as alice bpfctl load "$b/openargs.bpfb" 2>&1)"
sysctl -q kernel.kptr_restrict="$restrict"
mkdir -p /run/systemd/system/bpfgated.service.d
printf '[Service]\nCapabilityBoundingSet=~CAP_SYSLOG\n' >/run/systemd/system/bpfgated.service.d/50-syslog.conf
systemctl daemon-reload
restart_daemon
expect "task work: as it is where the daemon has no CAP_SYSLOG" 1 \
	"attest: cannot tell which kernel functions" as alice bpfctl load "$b/openargs.bpfb"
rm /run/systemd/system/bpfgated.service.d/50-syslog.conf
systemctl daemon-reload
restart_daemon
id=$(as alice bpfctl load "$b/openargs.bpfb" --json=short | json_get id)
expect "task work: the allowed twin loads, for good" 0 '^[0-9a-f]{16}$' echo "$id"
restart_daemon
expect "task work: and is there after a restart of the daemon" 0 openargs as alice bpfctl show "$id" --maps
expect "task work: unload" 0 '' as alice bpfctl unload "$id"

settles "task work: nothing of it stayed in the kernel: programs" "$programs" bpf_ids prog
settles "task work: maps" "$maps" bpf_ids map
same "task work: nothing is left in bpffs" "" "$(ls -A /sys/fs/bpf/bpfgate)"
same "task work: the daemon's effective capabilities are those without it" "cap_net_admin,cap_perfmon,cap_bpf" \
	"$(capsh --decode="$(awk '/^CapEff/ { print $2 }' "/proc/$(daemon_pid)/status")" | cut -d = -f 2)"
same "task work: the daemon never crashed" "" \
	"$(journalctl -u bpfgated.service -o cat | grep -iE "core-dump|sanitizer|runtime error|assert|exit-code")"
tap_end
