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
same "openings: the kernel's variable has the value that was set" "['0xe9', '0x03', '0x00', '0x00']" \
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

tap_end
