# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Openings: what a signer lets users set, within bounds, if policy allows it.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

b=$share/bundles

# policy MEMBERS: alice may load what release signs; with MEMBERS more.
policy() {
	configure release <<-END
		{ "rules": [
		  { "name": "r", "effect": "allow", "subjects": { "users": ["alice"] },
		    "grant": ["events", "read"], "lifetime": ["session", "persistent"]$1 } ] }
	END
}

# refused NAME STATUS MESSAGE COMMAND...: MESSAGE is all that is said.
refused() {
	local name=$1 status=$2 message=$3

	shift 3
	expect "$name" "$status" . "$@"
	same "$name: the whole message" "$message" "$output"
}

# watch OPTION...: execwatch with these, while root, alice and bob each execute something; then the uids that
# were seen are in $work/uids.
watch() {
	local run

	as alice bpfctl run "$b/execwatch.bpfb" --duration $((20 * patience)) --json=short "$@" \
		>"$work/events" 2>"$work/errors" &
	run=$!
	wait_for 20 grep -q 'is attached to' "$work/errors"
	sleep "$patience"
	for _ in 1 2 3; do
		/bin/true
		as alice /bin/true
		as bob /bin/true
	done
	wait_for 10 grep -q '"uid":1001' "$work/events"
	pkill -INT -u alice -x bpfctl
	wait $run
	python3 -c 'import json, sys
print(*sorted({json.loads(line)["uid"] for line in open(sys.argv[1])}))' "$work/events" >"$work/uids"
}

# map_of LOAD NAME: the kernel's id of a map of a load.
map_of() {
	as alice bpfctl show "$1" --json=short | python3 -c 'import json, sys
print(next(m["id"] for m in json.load(sys.stdin)["maps"] if m["name"] == sys.argv[1]))' "$2"
}

# tunable LOAD NAME: value, default and whether it was set.
tunable() {
	as alice bpfctl show "$1" --json=short | python3 -c 'import json, sys
t = next(t for t in json.load(sys.stdin)["tunables"] if t["name"] == sys.argv[1])
print(t["value"], t["default"], t["set"])' "$2"
}

entries() {
	bpftool -j map show id "$1" | json_get max_entries
}

policy ', "tunables": ["min_*", "buffer_size"]'

# Without any: as it was built.
watch
same "openings: nothing set: everybody's events" "0 1000 1001" "$(cat "$work/uids")"

# A variable.
watch --set min_uid=1001
same "openings: min_uid=1001: no event of root and alice" "1001" "$(cat "$work/uids")"
expect "openings: run tells what is set" 0 'min_uid is 1001 \(default 0\)' cat "$work/errors"
watch --set min_uid=0x3e8
same "openings: min_uid=0x3e8, which is 1000" "1000 1001" "$(cat "$work/uids")"

# It stays with the load; so does a map's size.
id=$(as alice bpfctl load "$b/execwatch.bpfb" --set min_uid=1001 --set buffer_size=65536)
expect "openings: load" 0 '^[0-9a-f]{16}$' echo "$id"
rodata=$(map_of "$id" execwatc.rodata)
same "openings: the kernel's ring buffer has the entries that were set" 65536 "$(entries "$(map_of "$id" events)")"
same "openings: the kernel's variable has the value that was set" '["0xe9","0x03","0x00","0x00"]' \
	"$(bpftool -j map dump id "$rodata" | json_get 0.value)"
expect "openings: and it is frozen" 0 frozen bpftool map show id "$rodata"
expect "openings: show: a variable" 0 '^ +Tunable: min_uid = 1001 \(u32, 0 to 65535, default 0\), set$' \
	as alice bpfctl show "$id"
expect "openings: show: a map's entries" 0 \
	'^ +Tunable: buffer_size = 65536 \(max_entries, 4096 to 16777216, default 262144\), set$' as alice bpfctl show "$id"
same "openings: show --json" "1001 0 True" "$(tunable "$id" min_uid)"
same "openings: list --json" 65536 "$(as alice bpfctl list --json=short | json_get loads.0.tunables.1.value)"
expect "openings: the journal has it" 0 \
	"loaded execwatch 1.0 as $id with min_uid=1001 buffer_size=65536, allowed by rule" \
	journalctl -u bpfgated.service -o cat
same "openings: and a field of it" "min_uid=1001 buffer_size=65536" \
	"$(journalctl -u bpfgated.service -o json BPFGATE_LOAD_ID="$id" | tail -n 1 | json_get BPFGATE_TUNABLES)"
systemctl restart bpfgated.service
same "openings: a restart keeps what is set" "1001 0 True" "$(tunable "$id" min_uid)"
same "openings: and the map" 65536 "$(entries "$(map_of "$id" events)")"
as alice bpfctl unload "$id"
same "openings: unload leaves nothing" "[]" "$(bpfctl list --json=short | json_get loads)"

# A hash, and the limits count what it really takes.
id=$(as alice bpfctl load "$b/opencount.bpfb")
same "openings: a hash as it was built" 4096 "$(entries "$(map_of "$id" commands)")"
same "openings: nothing of it is set" "4096 4096 False" "$(tunable "$id" max_commands)"
as alice bpfctl unload "$id"
policy ', "tunables": ["*"], "limits": { "mapMemory": "1M" }'
id=$(as alice bpfctl load "$b/opencount.bpfb" --set max_commands=2)
same "openings: a hash of two" 2 "$(entries "$(map_of "$id" commands)")"
for command in cat ls id stat; do
	$command /etc/hostname
done >/dev/null 2>&1
same "openings: it holds two and no more" 2 "$(bpftool -j map dump id "$(map_of "$id" commands)" |
	python3 -c 'import json, sys; print(len(json.load(sys.stdin)))')"
as alice bpfctl unload "$id"
expect "openings: the default size is within a limit" 0 "" as alice bpfctl run "$b/opencount.bpfb" --duration 1
expect "openings: a larger one is counted" 3 \
	"attest: the rule 'r' .* allows uid 1000 1048576 bytes of map memory, 0 are used and this load takes [0-9]{7}" \
	as alice bpfctl load "$b/opencount.bpfb" --set max_commands=100000
expect "openings: the kernel has no memory for one that is much larger" 3 \
	"load: the rule 'r' .* allows uid 1000 1048576 bytes of map memory, and this load does not fit" \
	as alice bpfctl load "$b/opencount.bpfb" --set max_commands=1000000

# Policy.
said="bpfctl: refused at step authorise: no rule of the policy allows it to uid 1000; the nearest is 'r'"
said+=" (/etc/bpfgate/policy.d/50-test.json:2): "
# denied NAME REASON COMMAND...
denied() {
	local name=$1 reason=$2

	shift 2
	expect "$name" 3 . "$@"
	same "$name: the whole message" "$said$reason" "$(head -n 1 <<<"$output")"
}
policy ''
expect "openings: without tunables in the rule: as it was built" 0 "" \
	as alice bpfctl run "$b/execwatch.bpfb" --duration 1
denied "openings: a rule without tunables: none is set" \
	"the tunable 'min_uid' is set, which the rule's tunables do not name" \
	as alice bpfctl load "$b/execwatch.bpfb" --set min_uid=1001
denied "openings: not to its default either" \
	"the tunable 'min_uid' is set, which the rule's tunables do not name" \
	as alice bpfctl load "$b/execwatch.bpfb" --set min_uid=0
policy ', "tunables": ["min_*"]'
denied "openings: all that are set must be named" \
	"the tunable 'buffer_size' is set, which the rule's tunables do not name" \
	as alice bpfctl load "$b/execwatch.bpfb" --set min_uid=1001 --set buffer_size=8192
expect "openings: one of them is" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --set min_uid=1001 --duration 1
expect "openings: explain says so, too" 3 "DENIED: .*the tunable 'buffer_size' is set, which" \
	as alice bpfctl explain "$b/execwatch.bpfb" --set buffer_size=8192
expect "openings: and of the other" 0 "with min_uid=1001" \
	as alice bpfctl explain "$b/execwatch.bpfb" --set min_uid=1001
# Maps are opened anew by what policy says today of what was set then.
id=$(as alice bpfctl load "$b/execwatch.bpfb" --set min_uid=1001)
policy ''
expect "openings: a rule that no longer names it opens no maps" 3 "the tunable 'min_uid' is set" \
	as alice bpfctl show "$id" --maps
as alice bpfctl unload "$id"
configure release <<-'END'
	{ "rules": [
	  { "name": "no sizes", "effect": "deny", "subjects": { "uids": ["0-60000"] }, "tunables": ["*_size"] },
	  { "name": "r", "effect": "allow", "subjects": { "users": ["alice"] },
	    "grant": ["events", "read"], "tunables": ["*"] } ] }
END
refused "openings: a deny rule" 3 \
	"bpfctl: refused at step authorise: denied by the rule 'no sizes' (/etc/bpfgate/policy.d/50-test.json:2)" \
	as alice bpfctl run "$b/execwatch.bpfb" --set min_uid=1 --set buffer_size=8192 --duration 1
expect "openings: its twin" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --set min_uid=1 --duration 1

# Whatever cannot be set.
policy ', "tunables": ["*"]'
# bad NAME MESSAGE SETTING...
bad() {
	local name=$1 message=$2 setting arguments=()

	shift 2
	for setting in "$@"; do
		arguments+=(--set "$setting")
	done
	refused "openings: $name" 1 "bpfctl: refused at step authorise: $message" \
		as alice bpfctl load "$b/execwatch.bpfb" "${arguments[@]}"
}
bad "more than its bounds" "--set min_uid=70000: it must be 0 to 65535 (u32)" min_uid=70000
bad "more than its type" "--set min_uid=4294967296: it must be 0 to 65535 (u32)" min_uid=4294967296
bad "below zero" "--set min_uid=-1: not a whole number; it must be 0 to 65535 (u32)" min_uid=-1
bad "a word" "--set min_uid=alice: not a whole number; it must be 0 to 65535 (u32)" min_uid=alice
bad "no tunable" \
	"--set min_gid=1: the bundle execwatch has no tunable min_gid; it has min_uid, buffer_size" min_gid=1
bad "a map that is none" \
	"--set events=4096: the bundle execwatch has no tunable events; it has min_uid, buffer_size" events=4096
bad "set twice" "--set min_uid=2: it is set twice, to 1 before" min_uid=1 min_uid=2
bad "a ring buffer of no power of two" \
	"--set buffer_size=5000: it must be a power of two, 4096 to 16777216 (max_entries)" buffer_size=5000
bad "a ring buffer too large" \
	"--set buffer_size=33554432: it must be a power of two, 4096 to 16777216 (max_entries)" buffer_size=33554432
refused "openings: a bundle without tunables" 1 \
	"bpfctl: refused at step authorise: --set x=1: the bundle xdpcount has no tunables" \
	as alice bpfctl load "$b/xdpcount.bpfb" --attach xdpcount=xdp:lo --set x=1
same "openings: as an error with a field" "org.bpfgate.Gate.BadTunable min_uid" \
	"$(as alice bpfctl load "$b/execwatch.bpfb" --set min_uid=70000 --json=short | python3 -c 'import json, sys
e = json.load(sys.stdin); print(e["error"], e["tunable"])')"
expect "openings: and in the journal" 0 "^BPFGATE_TUNABLE=min_uid" \
	journalctl -u bpfgated.service -o export BPFGATE_ERROR=BadTunable
for text in min_uid =1 min_uid= ''; do
	refused "openings: --set '$text'" 2 "bpfctl: --set $text: it is NAME=VALUE, for instance min_uid=1000" \
		as alice bpfctl load "$b/execwatch.bpfb" --set "$text"
done
same "openings: nothing is loaded by any of them" "[]" "$(bpfctl list --json=short | json_get loads)"

# A loader that has been signed and does not care: it makes its map of one entry, whatever it is told.
"$share/bin/hostile-loader" "$work" honest
python3 - "$work/honest.bpfb" <<-'END'
	import sys
	sys.path.insert(0, "/mnt/share/suite")
	from bundlefile import Bundle
	with open(sys.argv[1], "rb") as file:
	    bundle = Bundle(file.read())
	manifest = bundle.manifest
	manifest["tunables"] = {"entries": {"type": "max_entries", "map": "map", "min": 1, "max": 9, "default": 1}}
	bundle.manifest = manifest
	with open(sys.argv[1], "wb") as file:
	    file.write(bundle.bytes())
END
bpfctl sign "$work/honest.bpfb" --key "$share/keys/release.key" --cert "$share/keys/release.pem" >/dev/null
chmod 644 "$work/honest.bpfb"
refused "openings: a loader that does not do what is set" 1 \
	'bpfctl: refused at step attest: map "map" has keys of 4 bytes, values of 8 and 1 entries, not 4, 8 and 5 as was set' \
	as alice bpfctl load "$work/honest.bpfb" --set entries=5
expect "openings: its twin, which sets what it makes" 0 '^[0-9a-f]{16}$' \
	as alice bpfctl load "$work/honest.bpfb" --set entries=1
as alice bpfctl unload "$output"

# Two payloads, each with tunables; the variable is in the second.
cat >"$work/both.json" <<-'END'
	{ "name": "both",
	  "tunables": { "min_uid": { "min": 0, "max": 65535 },
	    "max_commands": { "type": "max_entries", "map": "commands", "min": 1, "max": 9999 } } }
END
bpfctl build "$b/opencount.bpf.o" "$b/execwatch.bpf.o" -m "$work/both.json" -o "$work/both.bpfb" >/dev/null
bpfctl sign "$work/both.bpfb" --key "$share/keys/release.key" --cert "$share/keys/release.pem" >/dev/null
chmod 644 "$work/both.bpfb"
# both_is NAME ENTRIES BYTE: what the kernel has of the two, of load $output.
both_is() {
	same "openings: two payloads, $1: the map of the first" "$2" "$(entries "$(map_of "$output" commands)")"
	same "openings: two payloads, $1: the variable of the second" "[\"$3\",\"0x00\",\"0x00\",\"0x00\"]" \
		"$(bpftool -j map dump id "$(map_of "$output" execwatc.rodata)" | json_get 0.value)"
	as alice bpfctl unload "$output"
}
expect "openings: two payloads, as they were built" 0 '^[0-9a-f]{16}$' as alice bpfctl load "$work/both.bpfb"
both_is "as they were built" 4096 0x00
expect "openings: two payloads, both set" 0 '^[0-9a-f]{16}$' \
	as alice bpfctl load "$work/both.bpfb" --set min_uid=33 --set max_commands=7
both_is "both set" 7 0x21
expect "openings: two payloads, the second set" 0 '^[0-9a-f]{16}$' \
	as alice bpfctl load "$work/both.bpfb" --set min_uid=34
both_is "the second set" 4096 0x22

# Loads and refusals leave nothing behind in the daemon.
holds_before() {
	[[ $(daemon_holds) == "$held" ]]
}
wait_for 10 daemon_idle
held=$(daemon_holds)
for value in 1 2 3; do
	as alice bpfctl run "$b/execwatch.bpfb" --set min_uid=$value --duration 0.2 >/dev/null 2>&1
	as alice bpfctl run "$b/execwatch.bpfb" --set min_uid=7000$value --duration 0.2 >/dev/null 2>&1
done
wait_for 30 holds_before
same "openings: the daemon holds what it held before" "$held" "$(daemon_holds)"
same "openings: the daemon never crashed" "" \
	"$(journalctl -u bpfgated.service -o cat | grep -iE "core-dump|sanitizer|runtime error|assert|exit-code")"
tap_end
