# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Policy: check and explain, groups of signers, limits, helpers, system units.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

b=$share/bundles

# policy MEMBERS: one rule, for alice, for what the two keys sign.
policy() {
	configure release second <<-END
		{ "rules": [
		  { "name": "other bundles", "effect": "allow", "subjects": { "users": ["alice"] },
		    "bundles": ["xdpcount"], "signatures": { "signers": ["release.pem"] }, "grant": ["read"] },
		  { "name": "r", "effect": "allow", "subjects": { "users": ["alice"] },
		    "grant": ["events", "read"], "lifetime": ["session", "persistent"]$1 } ] }
	END
}

# Mistakes, without the daemon.
policy ''
systemctl stop bpfgated.socket bpfgated.service
expect "policy: check, by a user, without the daemon" 0 "2 files, 2 rules: no mistakes found" as bob bpfctl policy check
same "policy: its rules, in order" "other bundles r" \
	"$(as bob bpfctl policy check --json=short | python3 -c 'import json, sys
print(*(r["name"] for r in json.load(sys.stdin)["rules"]))')"
printf '{ "rules": [\n  { "name": "x", "effect": "allow",\n    "subjects": { "uid": ["7"] } } ] }\n' >"$work/draft.json"
expect "policy: check of a draft says where the mistake is" 1 \
	"$work/draft.json:3:26: unknown member 'uid'" as bob bpfctl policy check "$work/draft.json"
cp "$work/draft.json" /etc/bpfgate/policy.d/60-draft.json
same "policy: and so does that of the folders" 3 \
	"$(as bob bpfctl policy check --json=short | json_get line)"
chmod 600 /etc/bpfgate/policy.d/60-draft.json
expect "policy: what a user cannot read is no policy without mistakes" 1 "60-draft.json: Permission denied" \
	as bob bpfctl policy check

# Which rule decides, and why.
policy ''
expect "policy: explain names the rule that allows" 0 "allowed: allowed by the rule 'r'" \
	as alice bpfctl explain "$b/execwatch.bpfb"
expect "policy: and why the one before does not match" 0 \
	"allow: other bundles: does not match: the bundle 'execwatch' is none of the rule's bundles" \
	as alice bpfctl explain "$b/execwatch.bpfb"
expect "policy: explain to somebody whom no rule names" 3 "no rule of the policy names uid 1001" \
	as bob bpfctl explain "$b/execwatch.bpfb"
same "policy: who sees none of the rules" "[]" \
	"$(as bob bpfctl explain "$b/execwatch.bpfb" --json=short | json_get rules)"
expect "policy: bob may not ask about alice" 3 "Only root may ask" \
	as bob bpfctl explain "$b/execwatch.bpfb" --user alice
expect "policy: root may" 0 "for uid 1000" bpfctl explain "$b/execwatch.bpfb" --user alice --persistent
expect "policy: a bundle that is not authentic is not explained" 4 "authenticate" \
	as alice bpfctl explain "$b/execwatch-untrusted.bpfb"
same "policy: nothing is loaded by that" "[]" "$(bpfctl list --json=short | json_get loads)"
expect "policy: what explain allows loads" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1

# One of each of two groups.
policy ', "signatures": { "groups": [ { "signers": ["release.pem", "second.pem"] }, { "signers": ["release.pem"] } ] }'
cp "$b/execwatch.bpfb" "$work/both.bpfb"
bpfctl sign --add "$work/both.bpfb" --key "$share/keys/second.key" --cert "$share/keys/second.pem" >/dev/null
chmod 644 "$work/both.bpfb"
expect "policy: a key counts for one group only" 3 \
	"0 of 1 required signatures by signers of the rule's group 2, and a key counts for one group only" \
	as alice bpfctl run "$b/execwatch.bpfb" --duration 1
expect "policy: two keys, of which one is in both" 0 "" as alice bpfctl run "$work/both.bpfb" --duration 1

# Limits: of what the kernel says was loaded, before anything is attached.
programs=$(bpf_ids prog)
policy ', "limits": { "mapMemory": "64K" }'
expect "policy: more map memory than allowed" 3 \
	"attest: the rule 'r' .* allows uid 1000 65536 bytes of map memory, 0 are used and this load takes [0-9]{6}" \
	as alice bpfctl load "$b/execwatch.bpfb"
same "policy: as an error with numbers" "mapMemory 65536 0" \
	"$(as alice bpfctl load "$b/execwatch.bpfb" --json=short | python3 -c 'import json, sys
e = json.load(sys.stdin); print(e["limit"], e["allowed"], e["used"])')"
settles "policy: and nothing of it stays" "$programs" bpf_ids prog
policy ', "limits": { "mapMemory": "480K" }'
id=$(as alice bpfctl load "$b/execwatch.bpfb" --json=short | json_get id)
expect "policy: one fits" 0 '^[0-9a-f]{16}$' echo "$id"
expect "policy: two do not" 3 "are used and this load takes [0-9]*; unload one first" \
	as alice bpfctl load "$b/execwatch.bpfb"
used() {
	as alice bpfctl explain "$b/execwatch.bpfb" --json=short | json_get limits.0.used
}
before=$(used)
holds "policy: explain says what is used ($before bytes)" test "$before" -gt 262144
restart_daemon
same "policy: and says the same after a restart" "$before" "$(used)"
expect "policy: unload gives it back" 0 "" as alice bpfctl unload "$id"
same "policy: all of it" 0 "$(used)"
expect "policy: and one fits again" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1
policy ', "limits": { "instructions": 10 }'
expect "policy: more instructions than allowed" 3 "allows uid 1000 10 instructions, 0 are used" \
	as alice bpfctl load "$b/execwatch.bpfb"
policy ', "limits": { "total": { "loads": 1 } }'
id=$(as alice bpfctl load "$b/execwatch.bpfb" --json=short | json_get id)
expect "policy: all users together have a limit of their own" 3 \
	"authorise: the rule 'r' .* allows all its users together 1 loads at a time, and there are 1" \
	as alice bpfctl load "$b/execwatch.bpfb"
as alice bpfctl unload "$id"
policy ', "limits": { "rate": "2/h" }'
expect "policy: the first of two in an hour" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1
expect "policy: the second" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1
expect "policy: the third is refused" 3 \
	"authorise: the rule 'r' .* allows uid 1000 2 loads in an hour, and so many have begun; try again in 3[0-9]{3} s" \
	as alice bpfctl run "$b/execwatch.bpfb" --duration 1
systemctl reload bpfgated.service
expect "policy: a reload does not begin anew" 3 "so many have begun" \
	as alice bpfctl run "$b/execwatch.bpfb" --duration 1

# Helpers: what the kernel shows.
# helpers NAME...: a rule that names those, and others that execwatch calls.
helpers() {
	local name names

	names='"bpf_probe_read_kernel_str", "bpf_map_lookup_elem", "bpf_ringbuf_submit", "bpf_get_current_uid_gid"'
	for name in "$@"; do
		names+=", \"$name\""
	done
	policy ", \"programs\": { \"helpers\": [$names, \"bpf_get_current_task_btf\", \"bpf_ktime_*\"] }"
}
helpers bpf_get_current_comm bpf_ringbuf_reserve
expect "policy: all helpers that are called are named" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1
helpers bpf_ringbuf_reserve
expect "policy: bpf_get_current_comm() is not" 1 \
	"attest: program \"[a-z_]*\" calls bpf_get_current_comm\(\), which the rule does not name in its helpers" \
	as alice bpfctl load "$b/execwatch.bpfb"
helpers bpf_get_current_comm
expect "policy: bpf_ringbuf_reserve() is not" 1 \
	"attest: program \"[a-z_]*\" calls bpf_ringbuf_reserve\(\), which the rule does not name in its helpers" \
	as alice bpfctl load "$b/execwatch.bpfb"
policy ', "programs": { "helpers": ["bpf_get_current_comm", "bpf_map_*"] }'
expect "policy: a map's operations are helpers" 0 "" as alice bpfctl run "$b/opencount.bpfb" --duration 1
policy ', "programs": { "helpers": ["bpf_get_current_comm", "bpf_map_lookup_elem"] }'
expect "policy: each of them" 1 "calls bpf_map_update_elem\(\), which the rule does not name" \
	as alice bpfctl load "$b/opencount.bpfb"
policy ', "programs": { "helpers": ["bpf_*"] }'
restrict=$(sysctl -n kernel.kptr_restrict)
sysctl -q kernel.kptr_restrict=2
expect "policy: where the kernel hides them, a rule with helpers refuses" 1 \
	"attest: (cannot tell which helpers|program .* calls a helper, and it cannot be told which)" \
	as alice bpfctl load "$b/execwatch.bpfb"
sysctl -q kernel.kptr_restrict="$restrict"
restart_daemon
expect "policy: its twin" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1

# System units.
configure release <<-'END'
	{ "rules": [ { "name": "ci", "effect": "allow", "subjects": { "units": ["ci@*.service"] },
	  "bundles": ["execwatch"], "signatures": { "signers": ["release.pem"] }, "grant": ["events", "read"] } ] }
END
in_unit() {
	local unit=$1

	shift
	systemd-run --quiet --wait --pipe --collect --unit="$unit" --uid=bob "$@"
}
expect "policy: bob, in a unit that a rule names" 0 "allowed by the rule 'ci'" \
	in_unit ci@1.service bpfctl explain "$b/execwatch.bpfb"
expect "policy: who may run it there" 0 "" in_unit ci@2.service bpfctl run "$b/execwatch.bpfb" --duration 1
expect "policy: in another" 3 "no rule of the policy names uid 1001" \
	in_unit cx@1.service bpfctl explain "$b/execwatch.bpfb"
expect "policy: in none" 3 "no rule of the policy names uid 1001" as bob bpfctl explain "$b/execwatch.bpfb"
expect "policy: in a slice of users, whatever it is called" 3 "no rule of the policy names uid 1001" \
	systemd-run --quiet --wait --pipe --collect --unit=ci@3.service --slice=user.slice --uid=bob \
	bpfctl explain "$b/execwatch.bpfb"
cat >"$work/deeper" <<-'END'
	own=/sys/fs/cgroup$(cut -d : -f 3 /proc/self/cgroup)
	mkdir "$own/ci@4.service" && echo $$ >"$own/ci@4.service/cgroup.procs" || exit 99
	exec bpfctl explain "$1"
END
chmod 644 "$work/deeper"
expect "policy: in a control group of that name deeper down" 3 "no rule of the policy names uid 1001" \
	in_unit deep.service --property=Delegate=yes sh "$work/deeper" "$b/execwatch.bpfb"
expect "policy: a persistent load is not among what CI may do" 3 "the lifetime 'persistent' is none of the rule's" \
	in_unit ci@5.service bpfctl load "$b/execwatch.bpfb"
same "policy: the daemon never crashed" "" \
	"$(journalctl -u bpfgated.service -o cat | grep -iE "core-dump|sanitizer|runtime error|assert|exit-code")"
tap_end
