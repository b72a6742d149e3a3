# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Users who keep the maps of what they unload: the memory of these counts against their own limit, and nobody else's.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

b=$share/bundles
groups=/sys/fs/cgroup/system.slice/bpfgate-memory.service
drop_in=/run/systemd/system/bpfgated.service.d
mkdir -p $drop_in
for kind in array hash grow ring; do
	grant="read"
	[[ $kind != ring ]] || grant=events
	[[ $kind != grow ]] || grant=read-write
	printf '{ "name": "kept-%s", "maps": { "kept": { "grant": "%s" } } }' $kind $grant >"$work/$kind.json"
	bpfctl build "$share/bin/kept-$kind.bpf.o" -m "$work/$kind.json" -o "$work/$kind.bpfb" >/dev/null
	bpfctl sign "$work/$kind.bpfb" --key "$share/keys/release.key" --cert "$share/keys/release.pem" >/dev/null
done

# rule NAME USERS LIMITS
rule() {
	printf '{ "name": "%s", "effect": "allow", "subjects": { "users": [%s] }, "bundles": ["*"],
		"signatures": { "signers": ["release.pem"] }, "grant": ["events", "read", "read-write"],
		"lifetime": ["session", "persistent"]%s }' "$1" "$2" "${3:+, \"limits\": $3}"
}

# policy RULE...
policy() {
	local IFS=,

	printf '{ "rules": [ %s ] }' "$*" >"$work/policy.json"
	configure release <"$work/policy.json"
	as bob bpfctl status >/dev/null
}

# keep USER HOW MAX BUNDLE...: kept.py as that user, in the background; what it says is in $said, and it ends with let_go.
keep() {
	local user=$1

	shift
	rm -f "$work/end"
	mkfifo "$work/end"
	(cd "$share/suite" && exec setpriv --reuid "$user" --regid "$user" --init-groups python3 kept.py "$@") \
		<"$work/end" >"$work/said" 2>&1 &
	keeper=$!
	exec 9>"$work/end"
	wait_for 300 has_said
	said=$(cat "$work/said")
	jq -e .loads <<<"$said" >/dev/null || tap_not_ok "kept: kept.py $*" "$said"
}
has_said() {
	grep -q . "$work/said" || ! kill -0 $keeper
}
let_go() {
	exec 9>&-
	wait $keeper
}
# the refusal in one line
refusal() {
	jq -r '.refusal | "\(.error) \(.step) \(.limit) \(.allowed) \(.rule)"' <<<"$said"
}
# user_groups: how many groups of users there are.
user_groups() {
	find $groups -mindepth 2 -maxdepth 2 -name 'uid-*' 2>/dev/null | wc -l
}
swept() {
	bpfctl reload && [[ $(user_groups) == 0 ]]
}
# what is left in them, where that is not so
left() {
	grep -s '' $groups/rule-*/uid-*/memory.current | sed 's/^/#   /'
	grep -sv ' 0$' $groups/rule-*/uid-*/memory.stat | sed 's/^/#   /'
}
# charged RULE-FOLDER... bytes, at least NUMBER
charged() {
	[[ $(cat $groups/rule-*/uid-1000/memory.current) -ge $1 ]]
}

# ---- one user, one rule, each kind of map ----

policy "$(rule limited '"alice"' '{ "loads": 1, "mapMemory": "20M" }')" "$(rule free '"bob"' '')"
for kind in array hash ring; do
	keep alice load 30 "$work/$kind.bpfb"
	n=$(json_get loads <<<"$said")
	# what a load itself takes is allowed beside the limit: 52M together
	holds "kept: $kind: some can be kept, and no more than that ($n)" test "$n" -ge 2 -a "$n" -le 6
	same "kept: $kind: the limit is named" "Denied load mapMemory 20971520 limited" "$(refusal)"
	expect "kept: $kind: by bpfctl as well" 3 \
		"^bpfctl: refused at step load: the rule 'limited' \(.*\) allows uid 1000 20971520 bytes of map memory, and .*[0-9]{8} bytes" \
		as alice bpfctl load "$work/$kind.bpfb"
	expect "kept: $kind: others load" 0 '' as bob bpfctl run "$work/$kind.bpfb" --duration 1
	let_go
	expect "kept: $kind: when they are closed, it works again" 0 '' as alice bpfctl run "$work/$kind.bpfb" --duration 1
done
load_often() {
	local id i

	for ((i = 0; i < 8; i++)); do
		id=$(as alice bpfctl load "$work/array.bpfb") || return
		as alice bpfctl unload "$id" || return
	done
}
holds "kept: who keeps nothing loads as often as he likes" load_often
holds "kept: a group that nothing is charged to is removed at a reload" wait_for 20 swept
[[ $(user_groups) == 0 ]] || left

# ---- maps that are filled later ----

keep alice fill 10 "$work/grow.bpfb"
same "kept: maps that are empty can be kept" 10 "$(json_get loads <<<"$said")"
same "kept: but not be filled beyond the limit" ENOMEM "$(json_get filled.1 <<<"$said")"
n=$(json_get filled.0 <<<"$said")
holds "kept: up to it they can ($n)" test "$n" -ge $((20 * 1024)) -a "$n" -le $((52 * 1024))
expect "kept: and nothing is loaded beside them" 3 "allows uid 1000 20971520 bytes of map memory" \
	as alice bpfctl load "$work/array.bpfb"
let_go

# ---- the daemon goes, the maps stay ----

keep alice load 30 "$work/array.bpfb"
pid=$(daemon_pid)
kill -KILL "$pid"
restart_daemon
expect "kept: a daemon that is killed forgets nothing" 3 "allows uid 1000 20971520 bytes of map memory" \
	as alice bpfctl load "$work/array.bpfb"
systemctl daemon-reload
systemctl daemon-reexec
restart_daemon
expect "kept: nor one that is started anew" 3 "allows uid 1000 20971520 bytes of map memory" \
	as alice bpfctl load "$work/array.bpfb"
policy "$(rule limited '"alice"' '{ "loads": 1, "mapMemory": "1M" }')" "$(rule free '"bob"' '')"
expect "kept: a limit that is less than what is there" 3 "allows uid 1000 1048576 bytes of map memory" \
	as alice bpfctl load "$b/execwatch.bpfb"
expect "kept: does not end what others do" 0 '' as bob bpfctl run "$work/array.bpfb" --duration 1
let_go
policy "$(rule limited '"alice"' '{ "loads": 1, "mapMemory": "20M" }')" "$(rule free '"bob"' '')"
id=$(as alice bpfctl load "$work/array.bpfb")
holds "kept: what is loaded to stay is charged to the same group" charged $((8 << 20))
restart_daemon
expect "kept: and is unloaded by another daemon" 0 '' as alice bpfctl unload "$id"
holds "kept: which gives all of it back" wait_for 20 swept

# ---- all users of a rule ----

policy "$(rule shared '"alice", "bob"' '{ "total": { "mapMemory": "20M" } }')" "$(rule free '"root"' '')"
keep alice load 30 "$work/array.bpfb"
same "kept: the limit of all users is named" "Denied load total.mapMemory 20971520 shared" "$(refusal)"
expect "kept: it is that of the others, too" 3 "allows all its users together 20971520 bytes of map memory" \
	as bob bpfctl load "$work/array.bpfb"
expect "kept: and of no other rule" 0 '' bpfctl run "$work/array.bpfb" --duration 1
let_go
expect "kept: when one closes his, another loads" 0 '' as bob bpfctl run "$work/array.bpfb" --duration 1

# ---- as many groups as there can be ----

policy "$(rule limited '"alice"' '{ "loads": 1, "mapMemory": "20M" }')" "$(rule free '"bob"' '')"
expect "kept: a first load" 0 '' as alice bpfctl run "$work/array.bpfb" --duration 1
holds "kept: is no group any more" wait_for 20 swept
expect "kept: a first load" 0 '' as alice bpfctl run "$work/array.bpfb" --duration 1
rule=$(dirname $groups/rule-*/uid-1000)
fill_rule() {
	(cd "$rule" && seq -f "$1-%.0f" 100000 101100 | xargs mkdir 2>/dev/null)
}
rmdir "$rule/uid-1000"
fill_rule uid
expect "kept: groups of users who have nothing make room" 0 '' as alice bpfctl run "$work/array.bpfb" --duration 1
wait_for 20 swept
expect "kept: a first load" 0 '' as alice bpfctl run "$work/array.bpfb" --duration 1
rmdir "$rule/uid-1000"
fill_rule other
expect "kept: others do not" 1 "^bpfctl: refused at step load: 1024 users of the rule 'limited' .* have maps open" \
	as alice bpfctl load "$work/array.bpfb"
(cd "$rule" && rmdir other-*)
expect "kept: and when they are gone, he loads" 0 '' as alice bpfctl run "$work/array.bpfb" --duration 1

# ---- where there are no groups ----

printf '[Service]\nExecStart=\nExecStart=/usr/lib/bpfgate/bpfgated --memory-groups /run/none\n' >$drop_in/50-groups.conf
systemctl daemon-reload
mark
restart_daemon
says "kept: without groups a rule with such a limit allows nothing" 1 \
	"bpfctl: refused at step load: the rule 'limited' (/etc/bpfgate/policy.d/50-test.json:1) has a limit on map memory, which the kernel cannot be told, so nothing is loaded by it: /run/none: ENOENT (No such file or directory): see MEMORY in bpfgated(8)" \
	as alice bpfctl load "$work/array.bpfb"
expect "kept: and others as before" 0 '' as bob bpfctl run "$work/array.bpfb" --duration 1
in_journal "kept: which the journal says" \
	'The memory of maps cannot be bounded, so nothing is loaded by rules with a limit "mapMemory" (see MEMORY in bpfgated(8)): /run/none: ENOENT (No such file or directory)'
sed -i 's,/run/none,/run,' $drop_in/50-groups.conf
systemctl daemon-reload
restart_daemon
expect "kept: nor in a folder that is none" 1 "/run: EMEDIUMTYPE" as alice bpfctl load "$work/array.bpfb"
rm $drop_in/50-groups.conf
systemctl daemon-reload
restart_daemon
expect "kept: as before" 0 '' as alice bpfctl run "$work/array.bpfb" --duration 1
same "kept: nothing is loaded" "[]" "$(bpfctl list --json=short | json_get loads)"
for id in $(bpfctl list --json=short | jq -r '.loads[].id'); do
	bpfctl unload "$id"
done
tap_end
