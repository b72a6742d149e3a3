# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Loaders written by hand and signed by a trusted key, whose manifests promise one harmless program
# and one map (tests/unit/hostile.h): refused with these very words, and nothing of them stays.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

# Ids of all programs, maps and links.
objects() {
	echo "programs: $(bpf_ids prog); maps: $(bpf_ids map); links: $(bpf_ids link)"
}
unchanged() {
	[[ $(objects) == "$before" ]]
}

# fits TEXT: a line of $output is TEXT, in which # stands for a number.
fits() {
	# shellcheck disable=SC2016 # the characters of a regular expression
	grep -Exq -- "$(sed 's/[][\.*^$()+?{}|]/\\&/g; s/#/[0-9]+/g' <<<"$1")" <<<"$output"
}

# attest NAME: loads the bundle; it must be refused as its .expect says, or run.
attest() {
	local status text rc=0

	read -r status text <"$share/hand/$1.expect"
	output=$(as alice bpfctl run "$share/hand/$1.bpfb" --duration 1 2>&1 </dev/null) || rc=$?
	if [[ $rc -ne $status ]]; then
		tap_not_ok "attest: $1" "exit status $rc, expected $status" "expected: $text" "$output"
	elif [[ -n $text ]] && ! fits "$text"; then
		tap_not_ok "attest: $1" "expected: $text" "$output"
	elif ! wait_for 10 unchanged; then
		tap_not_ok "attest: $1: nothing of it is left" "before: $before" "after:  $(objects)"
	else
		tap_ok "attest: $1: ${text:-runs, and is gone afterwards}"
	fi
}

# rule MEMBERS: alice may load all that release has signed.
rule() {
	configure release <<-END
		{ "rules": [ { "name": "anything of ours", "effect": "allow", "subjects": { "users": ["alice"] },
		  "bundles": ["*"], "signatures": { "signers": ["release.pem"] }, $1
		  "grant": ["none", "events", "read", "read-write"], "lifetime": ["session", "persistent"] } ] }
	END
}

rule ''
before=$(objects)
for file in "$share"/hand/*.bpfb; do
	name=$(basename "$file" .bpfb)
	# 70-slow waits for the deadline of the one that never ends.
	[[ $name == prog-helper || $name == loop ]] || attest "$name"
done

# What a rule that names helpers does not name; without such a rule it is nobody's business.
expect "attest: a helper, where the rule names none" 0 "" as alice bpfctl run "$share/hand/prog-helper.bpfb" --duration 1
rule '"programs": { "helpers": ["bpf_map_lookup_elem"] },'
before=$(objects)
attest prog-helper
attest honest
rule '"programs": { "helpers": ["bpf_ktime_get_ns"] },'
before=$(objects)
expect "attest: the helper that the rule names" 0 "" as alice bpfctl run "$share/hand/prog-helper.bpfb" --duration 1

# A record of what was refused, and the daemon as before.
journalctl --sync
expect "attest: the journal has the refusals" 0 'map of type 26' journalctl -u bpfgated.service -o cat
same "attest: the daemon never crashed" "" \
	"$(journalctl -u bpfgated.service -o cat | grep -iE "core-dump|sanitizer|runtime error|assert|exit-code")"
tap_end
