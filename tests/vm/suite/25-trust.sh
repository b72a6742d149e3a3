# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Keys that come and go while others load, what revocation does to what runs, and rollback floors.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

b=$share/bundles
keys=/etc/bpfgate/keys.d
revoked=/etc/bpfgate/revoked.d/10-test.json
mkdir -p /etc/bpfgate/revoked.d
rm -f /etc/bpfgate/revoked.d/*

# policy [MEMBER]: alice may load what release or second has signed.
policy() {
	cat >/etc/bpfgate/policy.d/50-test.json <<-END
		{ "rules": [ { "name": "ours", "effect": "allow", "subjects": { "users": ["alice"] },
		  "bundles": ["execwatch", "opencount"],
		  "signatures": { "signers": ["release.pem", "second.pem", "leaf.pem"] },
		  "grant": ["events", "read"], "lifetime": ["session", "persistent"]${1:+, $1} } ] }
	END
}

# revoke ENTRY...
revoke() {
	local IFS=,

	printf '{ "revocations": [\n%s ] }\n' "$*" >"$revoked"
}

# digest FILE: of a certificate's key.
digest() {
	openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | sed 's/^/sha256:/; s/ .*//'
}

# bundle NAME SEQUENCE KEY...: execwatch with that sequence, signed by those keys, as $work/NAME.bpfb.
bundle() {
	local file=$work/$1.bpfb add=()

	python3 -c 'import json, sys
m = json.load(open(sys.argv[1]))
m["sequence"] = int(sys.argv[2])
json.dump(m, sys.stdout)' "$b/execwatch.json" "$2" >"$work/$1.json"
	bpfctl build "$b/execwatch.bpf.o" -m "$work/$1.json" -o "$file" >/dev/null
	shift 2
	while [[ $# -gt 0 ]]; do
		bpfctl sign "${add[@]}" "$file" --key "${1%.pem}.key" --cert "$1" >/dev/null
		add=(--add)
		shift
	done
}

load() {
	as alice bpfctl load "$1" --json=short | json_get id
}

configure release <<<'{ "rules": [] }'
policy
restart_daemon
release=$(digest "$share/keys/release.pem")
bundle one 1 "$share/keys/release.pem"
bundle both 1 "$share/keys/release.pem" "$share/keys/second.pem"
bundle new 1 "$share/keys/second.pem"
expect "trust: the floor's folder is the daemon's alone" 0 'Revoked: 0 keys, 0 bundles, 0 ranges of releases' \
	as alice bpfctl status
same "trust: /var/lib/bpfgate" "700 root" "$(stat -c '%a %U' /var/lib/bpfgate)"
programs=$(bpf_ids prog)

# ---- reload ----

says "trust: reload is for root" 3 \
	'bpfctl: refused at step request: Reload is for root alone, not for uid 1000' as alice bpfctl reload
expect "trust: systemctl reload" 0 '' systemctl reload bpfgated.service
same "trust: and it runs" active "$(systemctl is-active bpfgated.service)"
same "trust: reload as JSON" '{"unloaded":[],"dependents":[],"kept":0,"untrusted":0}' "$(bpfctl reload --json=short | tr -d ' ')"
mark
kill -HUP "$(daemon_pid)"
sleep 1
in_journal "trust: SIGHUP" "Reloaded, asked for by a signal."
id=$(load "$b/opencount.bpfb")
printf '{ "rules": [\n  { "name": "x" } ] }\n' >/etc/bpfgate/policy.d/60-bad.json
bad="The new policy cannot be used, the previous one stays: /etc/bpfgate/policy.d/60-bad.json:2:3: 'effect' is missing"
mark
says "trust: a bad policy: who asked hears it" 1 "bpfctl: $bad" bpfctl reload
in_journal "trust: and the journal has it" "Reloaded, asked for by user 0: $bad"
expect "trust: systemctl reload fails" 1 'failed' systemctl reload bpfgated.service
same "trust: the daemon runs on" active "$(systemctl is-active bpfgated.service)"
says "trust: status says so to root" 0 "    OUTDATED: $bad" bpfctl status
says "trust: and to others that something is" 0 \
	"    OUTDATED: a file cannot be used; the journal says which and why" as alice bpfctl status
expect "trust: the previous policy is in force" 0 '' as alice bpfctl run "$work/one.bpfb" --duration 1
rm /etc/bpfgate/policy.d/60-bad.json
expect "trust: mended" 0 '' bpfctl reload
expect "trust: a load outlives all of that" 0 opencount as alice bpfctl show "$id" --maps

# ---- what explain says of what is to come ----

says "trust: explain: what nobody has, required" 1 \
	"refused at step load: The bundle requires \"teleportation\", which this version of bpfgated does not know." \
	as alice bpfctl explain "$share/hostile/requires-what-nobody-has.bpfb"
expect "trust: explain: nothing refuses what loads" 0 "^allowed: allowed by the rule 'ours' \(" \
	as alice bpfctl explain "$work/one.bpfb"

# ---- rotation: nobody who loads notices ----

rotate() {
	install -m 644 "$share/keys/second.pem" $keys/
	bpfctl reload || return 1
	(cd "$share/suite" && as alice python3 loops.py "$work/new.bpfb" 20) >"$work/loops-new" 2>&1 &
	for _ in 1 2 3 4 5; do
		bpfctl reload || return 1
	done
	rm $keys/release.pem
	bpfctl reload || return 1
	bpfctl reload
}
(cd "$share/suite" && as alice python3 loops.py "$work/both.bpfb" 60) >"$work/loops-both" 2>&1 &
sleep 1
expect "trust: keys are added and removed while bundles are loaded" 0 'go on although their key' rotate
same "trust: meanwhile" "still loading" "$(jobs -r | grep -q loops && echo still loading)"
wait
grep -E '^(not )?ok|^#' "$work/loops-both" | sed 's/loops:/trust: a bundle of both keys:/'
grep -E '^(not )?ok|^#' "$work/loops-new" | sed 's/loops:/trust: a bundle of the new key:/'
expect "trust: to take a key away is no revocation" 0 opencount as alice bpfctl show "$id"
expect "trust: but its bundles load no more" 4 "signed by $release only, which is no trusted key" \
	as alice bpfctl load "$work/one.bpfb"
expect "trust: and its maps are not opened again" 4 'of the keys that signed it 0 are trusted' \
	as alice bpfctl show "$id" --maps
install -m 644 "$share/keys/release.pem" $keys/
bpfctl reload
expect "trust: it is trusted again" 0 opencount as alice bpfctl show "$id" --maps

# ---- revocation ----

mark
revoke "{ \"key\": \"$release\", \"reason\": \"lost\" }"
same "trust: a revoked key: reload names the load" "$id: revoked, and unloaded" "$(bpfctl reload)"
settles "trust: the program is gone from the kernel" "$programs" bpf_ids prog
same "trust: nothing is left in bpffs" "" "$(ls -A /sys/fs/bpf/bpfgate)"
in_journal "trust: the journal has the revocation" "Revoked: the key $release ($revoked:2): lost."
in_journal "trust: and the load" \
	"Load $id (opencount 1.0) of user 1000 is unloaded: the key 'release.pem' is revoked by $revoked:2."
says "trust: nothing by that key is loaded" 4 \
	"bpfctl: refused at step authenticate: no trusted signature: the key 'release.pem' is revoked by $revoked:2; the publisher can add a signature by a valid key ('bpfctl sign --add')" \
	as alice bpfctl load "$work/one.bpfb"
says "trust: explain says so, beside what the rules say" 4 \
	"refused at step authenticate: no trusted signature: the key 'release.pem' is revoked by $revoked:2; the publisher can add a signature by a valid key ('bpfctl sign --add')" \
	as alice bpfctl explain "$work/one.bpfb"
says "trust: which would have allowed it" 4 \
	"DENIED: the rule 'ours' (/etc/bpfgate/policy.d/50-test.json:1) allows it, but it would be refused" \
	as alice bpfctl explain "$work/one.bpfb"
expect "trust: to somebody whom no rule names, too" 4 "^DENIED: no rule of the policy names uid 1001" \
	as bob bpfctl explain "$work/one.bpfb"
same "trust: the error's name and entry" "org.bpfgate.Gate.Revoked $revoked:2" "$(
	as alice bpfctl load "$work/one.bpfb" --json=short | python3 -c 'import json, sys
e = json.load(sys.stdin)
print(e["error"], e["revocation"])')"
expect "trust: what another key has signed too is loaded" 0 '' as alice bpfctl run "$work/both.bpfb" --duration 1
expect "trust: status" 0 'release.pem: revoked: /etc/bpfgate/revoked.d/10-test.json:2' bpfctl status

# While the daemon is not there.
rm "$revoked"
bpfctl reload
id=$(load "$b/opencount.bpfb")
systemctl stop bpfgated.socket bpfgated.service
revoke "{ \"key\": \"$release\" }"
systemctl start bpfgated.socket
expect "trust: revoked while the daemon was down: gone at its start" 1 'no load' as alice bpfctl show "$id"
settles "trust: and from the kernel" "$programs" bpf_ids prog

# Where the rule says so, it stays.
rm "$revoked"
policy '"onRevocation": "keep"'
bpfctl reload
id=$(load "$b/opencount.bpfb")
expect "trust: show says so" 0 'If revoked: keep$' as alice bpfctl show "$id"
policy
revoke "{ \"key\": \"$release\" }"
mark
says "trust: a load whose rule keeps it" 0 \
	"bpfctl: 1 loads are revoked and go on, as their rules say; the journal names them" bpfctl reload
expect "trust: goes on" 0 opencount as alice bpfctl show "$id"
in_journal "trust: and the journal says so" \
	"Load $id (opencount 1.0) of user 1000 goes on, as its rule says: the key 'release.pem' is revoked by $revoked:2."
systemctl restart bpfgated.service
expect "trust: after a restart, too" 0 opencount as alice bpfctl show "$id"
expect "trust: but its maps are not opened again" 4 "is revoked by $revoked:2" as alice bpfctl show "$id" --maps
expect "trust: its owner can unload it" 0 '' as alice bpfctl unload "$id"

# A session, a bundle by its digest, releases by their sequence.
rm "$revoked"
bpfctl reload
as alice bpfctl run "$work/one.bpfb" --duration 1000 >/dev/null 2>"$work/errors" &
run=$!
wait_for 20 grep -q attached "$work/errors"
one=$(bpfctl inspect "$work/one.bpfb" --json=short | json_get digest)
revoke "{ \"bundle\": \"$one\" }"
expect "trust: a session whose bundle is revoked" 0 'revoked, and unloaded' bpfctl reload
settles "trust: is over" "$programs" bpf_ids prog
wait $run
same "trust: its run ends by itself" 7 $?
expect "trust: and says why" 0 \
	"^bpfctl: load [0-9a-f]{16} has been taken down: the bundle is revoked by $revoked:2$" cat "$work/errors"
says "trust: that bundle is not loaded" 4 \
	"bpfctl: refused at step authenticate: the bundle is revoked by $revoked:2; its publisher may have a newer one" \
	as alice bpfctl load "$work/one.bpfb"
expect "trust: another one is" 0 '' as alice bpfctl run "$b/opencount.bpfb" --duration 1
bundle two 2 "$share/keys/release.pem"
bundle three 3 "$share/keys/release.pem"
revoke "{ \"name\": \"execwatch\", \"signer\": \"$release\", \"sequence\": 2 }"
bpfctl reload
says "trust: releases up to 2 are not loaded" 4 \
	"bpfctl: refused at step authenticate: no trusted signature: the key 'release.pem' is revoked by $revoked:2 for execwatch up to sequence 2, and this one has sequence 2; its publisher may have a newer one" \
	as alice bpfctl load "$work/two.bpfb"

# A file that cannot be used.
printf '{ "revocations": [ { "kye": "x" } ] }\n' >/etc/bpfgate/revoked.d/20-bad.json
bad="/etc/bpfgate/revoked.d/20-bad.json:1:29: unknown member 'kye'"
says "trust: a bad file: the previous revocations stay" 1 \
	"bpfctl: What is revoked now cannot be read, the previous revocations stay: $bad" bpfctl reload
expect "trust: and are in force" 4 'up to sequence 2' as alice bpfctl load "$work/two.bpfb"
restart_daemon
says "trust: at start it denies all" 3 \
	"bpfctl: refused at step authenticate: what is revoked cannot be known, so nothing is allowed; an administrator finds the reason in the journal of bpfgated" \
	as alice bpfctl load "$work/three.bpfb"
says "trust: root hears why" 3 \
	"bpfctl: refused at step authenticate: what is revoked cannot be known, so nothing is allowed: $bad" \
	bpfctl load "$work/three.bpfb"
says "trust: status, too" 0 "     Revoked: UNKNOWN, DENIES ALL LOADS: $bad" bpfctl status
rm /etc/bpfgate/revoked.d/20-bad.json "$revoked"
expect "trust: mended" 0 '' bpfctl reload

# ---- floors ----

expect "trust: sequence 3" 0 '' as alice bpfctl run "$work/three.bpfb" --duration 1
rollback="bpfctl: refused at step authorise: execwatch has sequence 2, and the floor for the key 'release.pem' is 3, as that has been loaded before; get a newer release, or an administrator lowers the floor ('bpfctl floor set')"
says "trust: then sequence 2 is older" 3 "$rollback" as alice bpfctl load "$work/two.bpfb"
says "trust: explain says so" 3 "${rollback#bpfctl: }" as alice bpfctl explain "$work/two.bpfb"
same "trust: the error's name and numbers" "org.bpfgate.Gate.Rollback 2 3" "$(
	as alice bpfctl load "$work/two.bpfb" --json=short | python3 -c 'import json, sys
e = json.load(sys.stdin)
print(e["error"], e["sequence"], e["floor"])')"
kill -9 "$(daemon_pid)"
sleep 0.5
says "trust: after a crash, too" 3 "$rollback" as alice bpfctl load "$work/two.bpfb"
expect "trust: sequence 3 again" 0 '' as alice bpfctl run "$work/three.bpfb" --duration 1
says "trust: a floor" 0 "execwatch $release 3" bpfctl floor list
expect "trust: floors are root's" 3 'ListFloors is for root alone, not for uid 1000' as alice bpfctl floor list
expect "trust: to set, too" 3 'SetFloor is for root alone' as alice bpfctl floor set execwatch release.pem 1
# What policy denies, and what fails on its way, raises nothing.
bundle nine 9 "$share/keys/release.pem"
expect "trust: denied" 3 'no rule' as bob bpfctl load "$work/nine.bpfb"
expect "trust: and no floor is raised" 0 "^execwatch $release 3$" bpfctl floor list
mark
says "trust: lowered" 0 "execwatch: 2, before 3" bpfctl floor set execwatch release.pem 2
in_journal "trust: with a record" \
	"User 0 set the rollback floor of execwatch by the key $release from 3 to 2."
expect "trust: sequence 2 is loaded" 0 '' as alice bpfctl run "$work/two.bpfb" --duration 1
says "trust: a signer nobody knows" 1 \
	"bpfctl: refused at step request: 'nobody.pem' is neither a key's digest ('sha256:...') nor a certificate of keys.d that could be read" \
	bpfctl floor set execwatch nobody.pem 2
cp /var/lib/bpfgate/floors.json "$work/floors"
echo '{ "version": 1 }' >/var/lib/bpfgate/floors.json
restart_daemon
says "trust: status says that they deny all" 0 \
	"      Floors: UNKNOWN, DENY ALL LOADS: /var/lib/bpfgate/floors.json: member floors: missing, unknown or of another type" \
	bpfctl status
says "trust: and to others, that something is wrong" 0 \
	"      Floors: UNKNOWN, DENY ALL LOADS: a file cannot be used; the journal says which and why" as alice bpfctl status
says "trust: floors that cannot be read" 3 \
	"bpfctl: refused at step authorise: the rollback floors cannot be read, so nothing is allowed; an administrator finds the reason in the journal of bpfgated" \
	as alice bpfctl load "$work/three.bpfb"
says "trust: reload says why" 1 \
	"bpfctl: The rollback floors cannot be read, all loads are denied: /var/lib/bpfgate/floors.json: member floors: missing, unknown or of another type" \
	bpfctl reload
cp "$work/floors" /var/lib/bpfgate/floors.json
expect "trust: mended" 0 '' bpfctl reload
expect "trust: and they are in force" 3 'the floor for' as alice bpfctl load "$work/one.bpfb"

# ---- an authority, and its list ----

# authority ARGUMENT...: openssl ca, for revocation lists.
authority() {
	openssl ca -config "$work/ca.cnf" -keyfile "$work/root.key" -cert "$work/root.pem" "$@" 2>/dev/null
}

cat >"$work/ca.cnf" <<-END
	[ca]
	default_ca = d
	[d]
	database = $work/index.txt
	default_md = sha256
	default_crl_days = 30
END
touch "$work/index.txt"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/root.key" -out "$work/root.pem" -subj /CN=root -days 30 \
	-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout "$work/leaf.key" -out "$work/leaf.csr" -subj /CN=leaf 2>/dev/null
printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature extendedKeyUsage=codeSigning \
	subjectKeyIdentifier=hash authorityKeyIdentifier=keyid:always >"$work/leaf.ext"
openssl x509 -req -in "$work/leaf.csr" -CA "$work/root.pem" -CAkey "$work/root.key" -CAcreateserial -days 20 \
	-extfile "$work/leaf.ext" -out "$work/leaf.pem" 2>/dev/null
bundle leaf 1 "$work/leaf.pem"
install -m 644 "$work/root.pem" $keys/
bpfctl reload
expect "trust: an authority alone vouches for nothing" 4 'which is no trusted key' \
	as alice bpfctl load "$work/leaf.bpfb"
says "trust: status: an authority" 0 \
	"         Key: root.pem: authority" bpfctl status
install -m 644 "$work/leaf.pem" $keys/
bpfctl reload
id=$(load "$work/leaf.bpfb")
expect "trust: a certificate beside it that it has issued" 0 execwatch as alice bpfctl show "$id"
authority -gencrl -out $keys/root.crl
says "trust: a list that does not name it" 0 "" bpfctl reload
authority -revoke "$work/leaf.pem"
authority -gencrl -out $keys/root.crl
mark
same "trust: one that does" "$id: revoked, and unloaded" "$(bpfctl reload)"
leaf=$(digest "$work/leaf.pem")
in_journal "trust: the journal has it" \
	"Revoked: the certificate 'leaf.pem' of the key $leaf: its issuer has revoked it (root.crl)."
in_journal "trust: and the load" \
	"Load $id (execwatch 1.0) of user 1000 is unloaded: the key 'leaf.pem' is revoked: its issuer has revoked it (root.crl)."
says "trust: nothing by it is loaded" 4 \
	"bpfctl: refused at step authenticate: no trusted signature: the key 'leaf.pem' is revoked: its issuer has revoked it (root.crl); the publisher can add a signature by a valid key ('bpfctl sign --add')" \
	as alice bpfctl load "$work/leaf.bpfb"
says "trust: status: a revoked certificate" 0 \
	"         Key: leaf.pem: revoked: its issuer has revoked it (root.crl)" bpfctl status
expect "trust: verify says the same" 4 'its issuer has revoked it \(root.crl\)' \
	as alice bpfctl verify "$work/leaf.bpfb"
echo x >$keys/root.crl
bpfctl reload
expect "trust: a list that cannot be used" 4 \
	"'leaf.pem' cannot be used: its issuer may have revoked it, but 'root.crl' cannot be used" \
	as alice bpfctl load "$work/leaf.bpfb"
rm $keys/root.crl $keys/root.pem $keys/leaf.pem
bpfctl reload

# ---- the kernel's own keyring ----

mkdir -p /run/systemd/system/bpfgated.service.d
printf '[Service]\nExecStart=\nExecStart=/usr/lib/bpfgate/bpfgated --keyring builtin\n' \
	>/run/systemd/system/bpfgated.service.d/50-keyring.conf
systemctl daemon-reload
restart_daemon
expect "trust: --keyring: status" 0 'Keyring: builtin 0$' bpfctl status
expect "trust: --keyring: the kernel does not have our key" 5 "ENOKEY.*not in the kernel's keyring" \
	as alice bpfctl load "$work/three.bpfb"
if [[ $(cat "$share/keys/builtin.release" 2>/dev/null) == "$(uname -r)" ]]; then
	install -m 644 "$share/keys/builtin.pem" $keys/
	sed -i 's/"leaf.pem"/"builtin.pem"/' /etc/bpfgate/policy.d/50-test.json
	restart_daemon
	expect "trust: --keyring: what the kernel's builtin key has signed loads" 0 '' \
		as alice bpfctl run "$share/bundles/execwatch-builtin.bpfb" --duration 1
	expect "trust: --keyring: still not what another has" 5 "ENOKEY.*not in the kernel's keyring" \
		as alice bpfctl load "$work/three.bpfb"
	rm $keys/builtin.pem
	policy
else
	tap_skip "trust: --keyring: what the kernel's builtin key has signed loads" \
		"nobody has the key in the builtin keyring of this kernel ($(uname -r)); that of the patched one is at hand"
fi
rm /run/systemd/system/bpfgated.service.d/50-keyring.conf
systemctl daemon-reload
restart_daemon
expect "trust: one of our own again" 0 'Keyring: own [0-9]+$' bpfctl status
expect "trust: which has it" 0 '' as alice bpfctl run "$work/three.bpfb" --duration 1

# ---- a key that expires ----

openssl req -x509 -key "$share/keys/second.key" -out "$work/second.pem" -subj /CN=second \
	-not_before 20200101000000Z -not_after 20210101000000Z -addext keyUsage=critical,digitalSignature \
	-addext basicConstraints=critical,CA:FALSE -addext subjectKeyIdentifier=hash
bundle ours 4 "$share/keys/second.pem"
id=$(load "$work/ours.bpfb")
install -m 644 "$work/second.pem" $keys/
says "trust: an expired key takes nothing down" 0 "" bpfctl reload
expect "trust: what runs goes on" 0 execwatch as alice bpfctl show "$id"
expect "trust: after a restart, too" 0 execwatch bash -c 'systemctl restart bpfgated.service; bpfctl show '"$id"
expect "trust: new loads do not" 4 "'second.pem' expired on 2021-01-01 00:00 UTC" as alice bpfctl load "$work/new.bpfb"
as alice bpfctl unload "$id"

settles "trust: nothing is left" "$programs" bpf_ids prog
same "trust: the daemon never crashed but when it was killed" "" \
	"$(journalctl -u bpfgated.service -o cat | grep -iE "core-dump|sanitizer|runtime error|assert|exit-code")"
rm -f /var/lib/bpfgate/floors.json /var/lib/bpfgate-marks/floors
tap_end
