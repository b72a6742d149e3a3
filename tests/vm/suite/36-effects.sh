# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What an unprivileged user may change: nothing that a rule does not grant by name, whatever the manifest
# says; and a uprobe goes where a function begins, and nowhere else.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

victim=/usr/local/bin/effect-victim
install -m 4755 "$share/bin/effect-victim" "$victim"

# Ids of all programs, maps and links.
objects() {
	echo "programs: $(bpf_ids prog); maps: $(bpf_ids map); links: $(bpf_ids link)"
}

# rule MEMBERS PATTERN [PATTERN]: alice may attach kprobe programs where one of the patterns fits.
rule() {
	local attach="\"$2\"${3:+, \"$3\"}"

	configure release <<-END
		{ "rules": [ { "name": "probes", "effect": "allow", "subjects": { "users": ["alice"] },
		  "bundles": ["effect-*"], "signatures": { "signers": ["release.pem"] }, $1
		  "programs": { "types": ["kprobe"], "attach": [$attach] },
		  "lifetime": ["session", "persistent"] } ] }
	END
}

# both MEMBERS: for uprobes and uretprobes of the victim's functions by name.
both() {
	rule "$1" "uprobe:$victim:*" "uretprobe:$victim:*"
}

sign() {
	bpfctl sign "$1" --key "$share/keys/release.key" --cert "$share/keys/release.pem"
}

# build NAME OBJECT [MANIFEST]: $work/NAME.bpfb, signed.
build() {
	printf '%s\n' "${3:-"{}"}" | python3 -c 'import json, sys
m = json.load(sys.stdin)
m["name"] = sys.argv[1]
json.dump(m, sys.stdout)' "$1" >"$work/$1.json"
	bpfctl build "$share/bin/effect-$2.bpf.o" -m "$work/$1.json" -o "$work/$1.bpfb" && sign "$work/$1.bpfb"
}

# lie NAME FROM: the bundle FROM without "effects" in its manifest, signed by a key that is trusted.
lie() {
	python3 - "$work/$2.bpfb" "$work/$1.bpfb" <<-'END' && sign "$work/$1.bpfb"
		import sys
		sys.path.insert(0, "/mnt/share/suite")
		from bundlefile import Bundle
		with open(sys.argv[1], "rb") as file:
		    bundle = Bundle(file.read())
		manifest = bundle.manifest
		del manifest["effects"]
		bundle.manifest = manifest
		bundle.records = b""
		with open(sys.argv[2], "wb") as file:
		    file.write(bundle.bytes())
	END
}

# offset_of FUNCTION: where it begins in the victim's file.
offset_of() {
	python3 - "$victim" "$1" <<-'END'
		import struct, sys
		data = open(sys.argv[1], "rb").read()
		phoff, shoff = struct.unpack_from("<QQ", data, 32)
		phnum, _, shnum = struct.unpack_from("<HHH", data, 56)
		sections = [struct.unpack_from("<IIQQQQIIQQ", data, shoff + 64 * i) for i in range(shnum)]
		loads = [struct.unpack_from("<IIQQQQ", data, phoff + 56 * i) for i in range(phnum)]
		for s in (s for s in sections if s[1] == 2):
		    names = sections[s[6]][4]
		    for at in range(s[4], s[4] + s[5], 24):
		        name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", data, at)
		        text = data[names + name : data.index(b"\0", names + name)].decode()
		        for kind, flags, offset, vaddr, _, size in loads:
		            if text == sys.argv[2] and kind == 1 and flags & 1 and 0 <= value - vaddr < size:
		                print("0x%x" % (value - vaddr + offset))
	END
}

# loaded NAME: loads it for alice until unloaded; its id is in $id.
loaded() {
	local rc=0

	id=$(as alice bpfctl load "$work/$1.bpfb" "${@:2}" 2>"$work/errors" </dev/null) || rc=$?
	if [[ $rc -ne 0 || ! $id =~ ^[0-9a-f]{16}$ ]]; then
		tap_not_ok "effects: $1 is loaded" "exit status $rc" "$id" "$(cat "$work/errors")"
		id=
		return 1
	fi
	tap_ok "effects: $1 is loaded"
}

unloaded() {
	[[ -z $id ]] || as alice bpfctl unload "$id" >/dev/null
	same "effects: the victim is as before" "not allowed" "$(as alice "$victim")"
}

for name in looks registers signals memory; do
	build "effect-$name" "$name" || tap_not_ok "effects: effect-$name is built"
done
has_registers=yes
[[ $(uname -r) == 6.12.* ]] && has_registers=

# ---- what bpfctl build derives ----

expect "effects: inspect says registers" 0 '^effects      registers$' bpfctl inspect "$work/effect-registers.bpfb"
expect "effects: inspect says signals" 0 '^effects      signals$' bpfctl inspect "$work/effect-signals.bpfb"
expect "effects: inspect says user-memory" 0 '^effects      user-memory$' bpfctl inspect "$work/effect-memory.bpfb"
same "effects: of one that looks there is nothing to say" "" \
	"$(bpfctl inspect "$work/effect-looks.bpfb" | grep '^effects')"
printf '{ "name": "x", "effects": [] }\n' >"$work/none.json"
expect "effects: a manifest cannot hide them" 1 'does not name "signals", which a program has' \
	bpfctl build "$share/bin/effect-signals.bpf.o" -m "$work/none.json" -o "$work/none.bpfb"

# ---- a rule that grants none ----

both ''
before=$(objects)
if loaded effect-looks; then
	same "effects: one that looks changes nothing" "not allowed" "$(as alice "$victim")"
	unloaded
fi
for name in registers:registers signals:signals memory:user-memory; do
	expect "effects: ${name#*:} is not granted where a rule leaves effects out" 3 \
		"programs can change '${name#*:}', and the rule's effects do not name it" \
		as alice bpfctl load "$work/effect-${name%:*}.bpfb"
	lie "effect-lie-${name%:*}" "effect-${name%:*}"
	expect "effects: ${name#*:} is found out where the manifest hides it" 1 \
		"program number 1 of the loader can have the effect \"${name#*:}\"" \
		as alice bpfctl load "$work/effect-lie-${name%:*}.bpfb"
done
expect "effects: explain says what is not granted" 3 "does not match: .*change 'registers'" \
	as alice bpfctl explain "$work/effect-registers.bpfb"
expect "effects: explain says what the bundle can change" 3 '^  can change registers$' \
	as alice bpfctl explain "$work/effect-registers.bpfb"
same "effects: nothing of all that is left" "$before" "$(objects)"
same "effects: the victim was never changed" "not allowed" "$(as alice "$victim")"

# ---- a rule that grants another ----

both '"effects": ["signals"],'
expect "effects: one does not grant another" 3 "programs can change 'registers'" \
	as alice bpfctl load "$work/effect-registers.bpfb"
if loaded effect-signals; then
	rc=0
	as alice "$victim" >/dev/null 2>&1 || rc=$?
	same "effects: a signal that is granted arrives" 140 "$rc"
	expect "effects: show says what a load can change" 0 '^ +Effect: signals$' as alice bpfctl show "$id"
	same "effects: and so does its JSON" '["signals"]' \
		"$(as alice bpfctl show "$id" --json=short | python3 -c 'import json, sys
print(json.dumps(json.load(sys.stdin)["effects"]))')"
	unloaded
fi

# ---- a rule that grants registers ----

both '"effects": ["registers"],'
expect "effects: a manifest that hides what is granted is not believed either" 1 \
	'can have the effect "registers"' as alice bpfctl load "$work/effect-lie-registers.bpfb"
if [[ -z $has_registers ]]; then
	tap_skip "effects: registers that are granted are written" "this kernel lets no probe write registers"
elif loaded effect-registers; then
	same "effects: registers that are granted are written" "allowed" "$(as alice "$victim")"
	unloaded
fi
cat >/etc/bpfgate/policy.d/40-deny.json <<-'END'
	{ "rules": [ { "name": "no registers", "effect": "deny", "subjects": { "users": ["alice"] },
	  "effects": ["registers", "return-values"] } ] }
END
restart_daemon
expect "effects: a deny rule by effects" 3 'no registers' as alice bpfctl load "$work/effect-registers.bpfb"
loaded effect-looks && unloaded
rm /etc/bpfgate/policy.d/40-deny.json
printf '{ "rules": [ { "name": "x", "effect": "allow", "subjects": { "uids": ["1000"] }, "effects": ["packets"] } ] }' \
	>"$work/wrong.json"
expect "effects: policy check knows their names" 1 "'packets' is no effect" bpfctl policy check "$work/wrong.json"

# ---- where a uprobe goes ----

entry=$(offset_of is_allowed)
middle=$(printf '0x%x' $((entry + 1)))
rule '' "uprobe:$victim:*"
build effect-place looks "{ \"programs\": { \"probe\": { \"attach\": [\"uretprobe:$victim:*\", \"uprobe:$victim:*\",
	\"uprobe:$victim:0x*\", \"uprobe:$victim:*+0x*\"], \"default\": [\"uprobe:$victim:is_allowed\"] } } }"
build effect-narrow looks "{ \"programs\": { \"probe\": { \"attach\": [\"uprobe:$victim:*\"],
	\"default\": [\"uprobe:$victim:is_allowed\"] } } }"
before=$(objects)
loaded effect-place && unloaded
expect "effects: a number is covered by no '*' of a rule" 3 "fits none of the rule's attach patterns" \
	as alice bpfctl load "$work/effect-place.bpfb" --attach "probe=uprobe:$victim:$entry"
expect "effects: nor is what is counted from a symbol" 3 "fits none of the rule's attach patterns" \
	as alice bpfctl load "$work/effect-place.bpfb" --attach "probe=uprobe:$victim:is_allowed+0x1"
expect "effects: a number is covered by no '*' of a manifest" 1 "does not let program probe be attached" \
	as alice bpfctl load "$work/effect-narrow.bpfb" --attach "probe=uprobe:$victim:$entry"
rule '' "uprobe:$victim:0x*" "uprobe:$victim:*+0x*"
loaded effect-place --attach "probe=uprobe:$victim:$entry" && unloaded
for place in "$middle" is_allowed+0x1 is_allowed+0x2; do
	expect "effects: not in the middle of a function: $place" 1 "is not where a function begins" \
		as alice bpfctl load "$work/effect-place.bpfb" --attach "probe=uprobe:$victim:$place"
done
expect "effects: not in what is no code" 1 "is not in an executable segment" \
	as alice bpfctl load "$work/effect-place.bpfb" --attach "probe=uprobe:$victim:0x40"
same "effects: nothing of all that is left either" "$before" "$(objects)"
same "effects: nor is the victim changed" "not allowed" "$(as alice "$victim")"
tap_end
