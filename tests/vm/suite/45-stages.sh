# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Bundles of several payloads, and bundles that follow others.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

b=$share/bundles
revoked=/etc/bpfgate/revoked.d/10-test.json
mkdir -p /etc/bpfgate/revoked.d
rm -f /etc/bpfgate/revoked.d/*

configure release <<-'END'
	{ "rules": [ { "name": "stages", "effect": "allow", "subjects": { "users": ["alice", "bob"] },
	  "bundles": ["*"], "signatures": { "signers": ["release.pem"] }, "grant": ["events", "read"],
	  "limits": { "loads": 16, "mapMemory": "64M" }, "lifetime": ["session", "persistent"] } ] }
END

# sign FILE
sign() {
	bpfctl sign "$1" --key "$share/keys/release.key" --cert "$share/keys/release.pem" >/dev/null
}

# stage NAME OBJECT [ARGUMENT]...: a bundle of that name of one object file, as $work/NAME.bpfb.
stage() {
	local name=$1 object=$2

	shift 2
	printf '{ "name": "%s", "version": "1.0" }\n' "$name" >"$work/$name.json"
	bpfctl build "$object" -m "$work/$name.json" -o "$work/$name.bpfb" "$@" >/dev/null && sign "$work/$name.bpfb"
}

digest() {
	bpfctl inspect "$work/$1.bpfb" --json=short | json_get digest
}

# load USER NAME: prints the id.
load() {
	as "$1" bpfctl load "$work/$2.bpfb" --json=short | json_get id
}

# run USER NAME: a session in the background, until it is there; its process is $session.
run() {
	as "$1" bpfctl run "$work/$2.bpfb" --duration 1000 >/dev/null 2>"$work/session" &
	session=$!
	wait_for 20 grep -q attached "$work/session"
}

stop_session() {
	pkill -INT -u "$1" -x bpfctl
	wait "$session"
}

# session_id USER: of the only session.
session_id() {
	as "$1" bpfctl list --json=short | python3 -c 'import json, sys
print(*(l["id"] for l in json.load(sys.stdin)["loads"] if l["lifetime"] == "session"))'
}

# loads: the ids of all, oldest first.
loads() {
	bpfctl list --json=short | python3 -c 'import json, sys
print(*(l["id"] for l in json.load(sys.stdin)["loads"]))'
}

# memory USER: what a user's maps take, as the limit sees it.
memory() {
	as "$1" bpfctl explain "$work/pair.bpfb" --json=short | python3 -c 'import json, sys
print(*(l["used"] for l in json.load(sys.stdin)["limits"] if l["limit"] == "mapMemory"))'
}

# nothing_left NAME: neither in the kernel nor in the daemon.
nothing_left() {
	settles "$1: programs" "$programs" bpf_ids prog
	settles "$1: maps" "$maps" bpf_ids map
	same "$1: pins, loads, memory" "  0" "$(ls -A /sys/fs/bpf/bpfgate) $(loads) $(memory alice)"
}

cat >"$work/pair.json" <<-'END'
	{ "name": "pair", "version": "1.0",
	  "maps": { "events": { "grant": "events", "event": "exec_event" }, "totals": { "grant": "read" },
	    "commands": { "grant": "read" }, "uncounted": { "grant": "read" } } }
END
expect "stages: two object files" 0 '^/.*/pair.bpfb: pair 1.0, sequence 1, 2 payloads, 2 programs, 5 maps, ' \
	bpfctl build "$b/execwatch.bpf.o" "$b/opencount.bpf.o" -m "$work/pair.json" -o "$work/pair.bpfb"
holds "stages: signed" sign "$work/pair.bpfb"
expect "stages: verify looks at each payload" 0 \
	'^ok +kernel signature +contract v2, payload 1: verifies with release.pem$' bpfctl verify "$work/pair.bpfb"
bpfctl status >/dev/null
programs=$(bpf_ids prog)
maps=$(bpf_ids map)

# ---- payloads ----

as alice bpfctl run "$work/pair.bpfb" --duration $((30 * patience)) --interval 1 --json=short \
	>"$work/output" 2>"$work/errors" &
session=$!
wait_for 20 grep -q 'on_open is attached' "$work/errors"
for _ in 1 2 3; do
	as bob /usr/bin/env true
	sleep 0.5
done
wait_for 10 grep -q '"comm": *"cat"\|"comm": *"setpriv"' "$work/output"
expect "stages: the events of the first payload, by its types" 0 '"comm": ?"env".*"/usr/bin/env"' cat "$work/output"
expect "stages: the table of the second, by its own" 0 \
	'"map": ?"commands".*"comm": ?"(setpriv|env|bpfctl)".*"opens": ?[0-9]' cat "$work/output"
stop_session alice
nothing_left "stages: after the session"

id=$(load alice pair)
expect "stages: show" 0 'Program: on_open \(tracing, id [0-9]+, tag [0-9a-f]{16}, payload 1\)$' as alice bpfctl show "$id"
same "stages: which payload each is of" "on_exec 0 on_open 1 events 0 totals 0 execwatc.rodata 0 commands 1 uncounted 1" "$(
	as alice bpfctl show "$id" --json=short | python3 -c 'import json, sys
load = json.load(sys.stdin)
print(*("%s %d" % (x["name"], x["payload"]) for x in load["programs"] + load["maps"]))')"
kill -9 "$(daemon_pid)"
sleep 0.5
expect "stages: after a crash of the daemon, by the second's types" 0 'comm="setpriv".*opens=[0-9]' \
	as alice bpfctl show "$id" --bundle "$work/pair.bpfb"
expect "stages: unload" 0 '' as alice bpfctl unload "$id"
nothing_left "stages: after unload"

# A data section, whose map the kernel knows by the object file's name.
echo '{ "name": "sections", "maps": { ".bss": { "grant": "read" } } }' >"$work/sections.json"
bpfctl build "$b/opencount.bpf.o" "$share/bin/second.bpf.o" -m "$work/sections.json" -o "$work/sections.bpfb" >/dev/null
sign "$work/sections.bpfb"
id=$(load alice sections)
as bob true
expect "stages: a data section of the second payload" 0 'Map: second.bss \(array, 1 entries, id [0-9]+, payload 1\), granted: read$' \
	as alice bpfctl show "$id" --maps
expect "stages: and what is in it" 0 '^second.bss: .*[1-9a-f]' echo "$output"
as alice bpfctl unload "$id"

# All or none.
bpfctl build "$b/opencount.bpf.o" "$share/bin/refused.bpf.o" -o "$work/half.bpfb" >/dev/null
sign "$work/half.bpfb"
says "stages: a second payload that the verifier refuses" 5 \
	"bpfctl: refused at step load: payload 1: the kernel refuses a program or map of the bundle: EACCES (Permission denied): the verifier does not take a program" \
	as alice bpfctl load "$work/half.bpfb"
expect "stages: with the verifier's log" 5 'invalid access to map value' as alice bpfctl load "$work/half.bpfb"
nothing_left "stages: refused"
(cd "$share/suite" && python3 resign.py swap "$work/pair.bpfb" "$share/keys/release.key" "$work/swapped.bpfb")
says "stages: signatures of another payload: the kernel refuses the first" 5 \
	"bpfctl: refused at step load: payload 0: the kernel refuses the signed loader: EKEYREJECTED (Key was rejected by service): its signature was made over other bytes: sign the bundle again" \
	as alice bpfctl load "$work/swapped.bpfb"
(cd "$share/suite" && python3 resign.py second "$work/pair.bpfb" "$share/keys/release.key" "$work/second.bpfb")
says "stages: the second's signature is wrong" 5 \
	"bpfctl: refused at step load: payload 1: the kernel refuses the signed loader: EKEYREJECTED (Key was rejected by service): its signature was made over other bytes: sign the bundle again" \
	as alice bpfctl load "$work/second.bpfb"
expect "stages: verify says so" 4 'failed +kernel signature +contract v1, payload 1: it does not verify with release.pem' \
	bpfctl verify "$work/second.bpfb"
(cd "$share/suite" && python3 resign.py drop "$work/pair.bpfb" "$share/keys/release.key" "$work/dropped.bpfb")
says "stages: the second has no signature" 4 \
	"bpfctl: refused at step load: No trusted signer brought a signature of payload 1 that this kernel can check (contract $1): sign the bundle with an RSA or ECDSA key." \
	as alice bpfctl load "$work/dropped.bpfb"
nothing_left "stages: wrong signatures"

# ---- after ----

stage base "$b/opencount.bpf.o"
stage other "$b/opencount.bpf.o"
stage upper "$b/execwatch.bpf.o" --after "$work/base.bpfb"
stage aside "$b/execwatch.bpf.o" --after "$work/base.bpfb"
stage top "$b/execwatch.bpf.o" --after "$work/upper.bpfb"
base=$(digest base)
missing="bpfctl: refused at step authorise: The bundle is to be loaded after $base, which is not loaded: load that first, as a load of your own or as anybody's that lasts until it is unloaded."
says "stages: the base is missing" 1 "$missing" as alice bpfctl load "$work/upper.bpfb"
same "stages: the error's name and digest" "org.bpfgate.Gate.BaseNotLoaded $base" "$(
	as alice bpfctl load "$work/upper.bpfb" --json=short | python3 -c 'import json, sys
e = json.load(sys.stdin)
print(e["error"], e["digest"])')"
id=$(load alice other)
says "stages: explain says so" 1 "${missing#bpfctl: }" as alice bpfctl explain "$work/upper.bpfb"
says "stages: another bundle is no base" 1 "$missing" as alice bpfctl load "$work/upper.bpfb"
as alice bpfctl unload "$id"
run alice base
says "stages: another user's session is no base" 1 "$missing" as bob bpfctl load "$work/upper.bpfb"
expect "stages: one's own is" 0 '^[0-9a-f]{16}$' load alice upper
id=$output
says "stages: what policy denies hears nothing of bases" 3 \
	"bpfctl: refused at step authorise: no rule of the policy names uid 1 or its groups; an administrator can add one to /etc/bpfgate/policy.d" \
	as daemon bpfctl load "$work/upper.bpfb"

# The base's session ends.
first=$(session_id alice)
mark
stop_session alice
nothing_left "stages: a base's session ends, and what follows it with it"
in_journal "stages: the journal says why" "Load $id of user 1000 is unloaded: it follows load $first, which goes."

# A session that goes with its base is told.
base_id=$(load alice base)
run alice upper
expect "stages: a base goes, and a session that follows it" 0 '' as alice bpfctl unload "$base_id" --with-dependents
wait "$session"
same "stages: whose run ends with status 7" 7 $?
expect "stages: and says why" 0 \
	'^bpfctl: load [0-9a-f]{16} has been taken down: it followed another, which has been taken down$' cat "$work/session"
nothing_left "stages: both are gone"

# Unloading a base.
base_id=$(load alice base)
upper_id=$(load alice upper)
top_id=$(load alice top)
bob_id=$(load bob aside)
expect "stages: anybody's lasting load is a base" 0 '^[0-9a-f]{16}$' echo "$bob_id"
expect "stages: show says what it follows" 0 "After: $base\$" as alice bpfctl show "$upper_id"
says "stages: a base that is needed" 1 \
	"bpfctl: refused at step request: load $base_id (base 1.0) is needed by loads that follow it: $upper_id (upper 1.0), $top_id (top 1.0), and 1 of other users; unload them first, or all together with 'bpfctl unload --with-dependents'" \
	as alice bpfctl unload "$base_id"
says "stages: root sees all of them" 1 \
	"bpfctl: refused at step request: load $base_id (base 1.0) is needed by loads that follow it: $upper_id (upper 1.0), $top_id (top 1.0), $bob_id (aside 1.0); unload them first, or all together with 'bpfctl unload --with-dependents'" \
	bpfctl unload "$base_id"
same "stages: the error as JSON" "org.bpfgate.Gate.LoadNeeded $upper_id,$top_id 1 $base_id" "$(
	as alice bpfctl unload "$base_id" --json=short | python3 -c 'import json, sys
e = json.load(sys.stdin)
print(e["error"], ",".join(e["dependents"]), e["otherDependents"], e["id"])')"
says "stages: whoever may not see a load cannot unload it" 1 \
	"bpfctl: refused at step request: there is no load $base_id, or it is not yours; bpfctl list shows those that are" \
	as bob bpfctl unload "$base_id" --with-dependents
same "stages: refusals unload nothing" "$base_id $upper_id $top_id $bob_id" "$(loads)"
run bob base
expect "stages: with its dependents" 0 "^$upper_id: unloaded with $base_id\$" \
	as alice bpfctl unload "$base_id" --with-dependents
expect "stages: and theirs" 0 "^$top_id: unloaded with $base_id\$" echo "$output"
same "stages: bob's load stays on a base of his own" "$bob_id $(session_id bob)" "$(loads)"
second_id=$(load alice base)
stop_session bob
settles "stages: and then on another, as long as there is one" "$bob_id $second_id" loads
expect "stages: an upper stage alone can go" 0 '' as bob bpfctl unload "$bob_id"
expect "stages: and then the base" 0 '' as alice bpfctl unload "$second_id"
nothing_left "stages: all unloaded"
base_id=$(load alice base)
upper_id=$(load alice upper)
expect "stages: one that goes as a dependent may be named, too" 0 "^$upper_id: unloaded with $base_id\$" \
	as alice bpfctl unload "$base_id" "$upper_id" --with-dependents
base_id=$(load alice base)
upper_id=$(load bob upper)
same "stages: as JSON, of other users only how many" "{\"id\":\"$base_id\",\"dependents\":[],\"otherDependents\":1}" \
	"$(as alice bpfctl unload "$base_id" --with-dependents --json=short | tr -d ' ')"
nothing_left "stages: with dependents"

# ---- restarts ----

base_id=$(load alice base)
upper_id=$(load bob upper)
kill -9 "$(daemon_pid)"
sleep 0.5
says "stages: after a crash it is needed as before" 1 \
	"bpfctl: refused at step request: load $base_id (base 1.0) is needed by loads that follow it: 1 of other users; unload them first, or all together with 'bpfctl unload --with-dependents'" \
	as alice bpfctl unload "$base_id"
bpfctl unload "$upper_id" "$base_id"
run alice base
upper_id=$(load alice upper)
mark
kill -9 "$(daemon_pid)"
wait "$session"
bpfctl status >/dev/null
nothing_left "stages: a session that ended with the daemon"
journalctl --sync
expect "stages: and the journal says so" 0 \
	"^load $upper_id of an earlier bpfgated was removed: it follows $base, which is not loaded\$" \
	journalctl -o cat --since "$since" BPFGATE_LOAD="$upper_id"

run alice base
load alice upper >/dev/null
systemctl stop bpfgated.socket bpfgated.service
wait "$session"
settles "stages: a daemon that stops ends sessions and what follows them" "$programs" bpf_ids prog
systemctl start bpfgated.socket
nothing_left "stages: and nothing comes back"

# ---- revocation ----

base_id=$(load alice base)
upper_id=$(load bob upper)
top_id=$(load bob top)
printf '{ "revocations": [\n{ "bundle": "%s" } ] }\n' "$base" >"$revoked"
mark
says "stages: a base that is revoked" 0 "$base_id: revoked, and unloaded" bpfctl reload
expect "stages: reload names what follows it" 0 "^$upper_id: follows one that is revoked, and is unloaded\$" echo "$output"
nothing_left "stages: takes what follows it"
in_journal "stages: the journal has the base" \
	"Load $base_id (base 1.0) of user 1000 is unloaded: the bundle is revoked by $revoked:2."
in_journal "stages: and what followed it" "Load $top_id of user 1001 is unloaded: it follows load $base_id, which goes."
rm "$revoked"
bpfctl reload

# Kept by its rule, but nothing to build on.
sed -i 's/"lifetime"/"onRevocation": "keep", "lifetime"/' /etc/bpfgate/policy.d/50-test.json
bpfctl reload
base_id=$(load alice base)
upper_id=$(load alice upper)
printf '{ "revocations": [\n{ "bundle": "%s" } ] }\n' "$base" >"$revoked"
bpfctl reload >/dev/null 2>&1
expect "stages: a base that is kept keeps what follows it" 0 "After: $base" as alice bpfctl show "$upper_id"
says "stages: and nothing new follows it" 1 \
	"bpfctl: refused at step authorise: The bundle is to be loaded after $base, which is loaded and no longer trusted: load that first, as a load of your own or as anybody's that lasts until it is unloaded." \
	as alice bpfctl load "$work/upper.bpfb"
expect "stages: it can be unloaded" 0 "^$upper_id: unloaded with $base_id\$" \
	as alice bpfctl unload "$base_id" --with-dependents
rm "$revoked"
bpfctl reload
nothing_left "stages: at the end"
tap_end
