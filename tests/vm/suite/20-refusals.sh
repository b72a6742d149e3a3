# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Bad input: each gets its named error, the daemon stays as it was, nothing is loaded.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

b=$share/bundles
refused=$work/refused
mkdir "$refused"

# Keys that are not valid now: made here, as the guest's openssl can set dates. They sign with a certificate
# that is valid: bpfctl signs with no other.
make_dated() {
	certify() {
		openssl req -x509 "$@" -nodes -addext keyUsage=critical,digitalSignature \
			-addext basicConstraints=critical,CA:FALSE -addext subjectKeyIdentifier=hash 2>/dev/null
	}
	certify -newkey rsa:2048 -keyout "$work/$1.key" -out "$work/$1-today.pem" -subj "/CN=$1" -days 2
	certify -key "$work/$1.key" -out "$work/$1.pem" -subj "/CN=$1" -not_before "$2" -not_after "$3"
	cp "$work/unsigned.bpfb" "$refused/$1.bpfb"
	bpfctl sign "$refused/$1.bpfb" --key "$work/$1.key" --cert "$work/$1-today.pem" >/dev/null 2>&1
	install -m 644 "$work/$1.pem" /etc/bpfgate/keys.d/
}

policy_road | configure release
cp "$b/execwatch-unsigned.bpfb" "$work/unsigned.bpfb"
make_dated expired 20200101000000Z 20210101000000Z
make_dated future 20990101000000Z 20991231000000Z
restart_daemon
expect "refusals: the good bundle loads before" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1
programs=$(bpf_ids prog)
maps=$(bpf_ids map)
wait_for 30 daemon_idle
holds=$(daemon_holds)

expect "refusals: no signature" 4 "authenticate.*no sign" as alice bpfctl load "$b/execwatch-unsigned.bpfb"
expect "refusals: a key nobody here trusts" 4 "authenticate.*no trusted key" \
	as alice bpfctl load "$b/execwatch-untrusted.bpfb"
expect "refusals: an expired key" 4 "authenticate.*expired.*2021" as alice bpfctl load "$refused/expired.bpfb"
expect "refusals: a key that is not yet valid" 4 "authenticate.*not.*valid.*2099" \
	as alice bpfctl load "$refused/future.bpfb"
expect "refusals: a user whom no rule names" 3 "authorise.*no rule" as bob bpfctl load "$b/execwatch.bpfb"
expect "refusals: root is subject to policy too" 3 "authorise" bpfctl load "$b/execwatch.bpfb"
truncate -s 17M "$work/large.bpfb"
expect "refusals: larger than a bundle can be" 1 "larger than.*16777216" as alice bpfctl load "$work/large.bpfb"
expect "refusals: no bundle at all" 1 "No such file" as alice bpfctl load /nowhere.bpfb
expect "refusals: the daemon says what is wrong with each key" 0 "expired.pem.*expired" bpfctl status

# The form of the file: malform.py writes each file with one rule broken.
python3 "$share/suite/malform.py" "$b/execwatch.bpfb" "$refused/form"
for file in "$refused"/form/*.bpfb; do
	name=$(basename "$file" .bpfb)
	expect "refusals: form: $name (daemon)" 4 "authenticate" as alice bpfctl load "$file"
	expect "refusals: form: $name (verify)" 4 "authenticate" as alice bpfctl verify --keys /etc/bpfgate/keys.d "$file"
done

# Manifests that lie, signed by the trusted key; loaders that do: 35-attest.
configure release <<-'END'
	{ "rules": [ { "name": "anything of ours", "effect": "allow", "subjects": { "users": ["alice"] },
	  "bundles": ["*"], "signatures": { "signers": ["release.pem"] },
	  "grant": ["none", "events", "read", "read-write"], "lifetime": ["session", "persistent"] } ] }
END
expect "refusals: all rules widened, the good bundle loads" 0 "" \
	as alice bpfctl run "$b/execwatch.bpfb" --duration 1
for file in "$share"/hostile/*.bpfb; do
	name=$(basename "$file" .bpfb)
	# One line a case: exit status, then what the message must hold.
	read -r status pattern <"${file%.bpfb}.expect"
	expect "refusals: hostile: $name" "$status" "$pattern" as alice bpfctl load "$file"
done
settles "refusals: nothing of it stayed in the kernel: programs" "$programs" bpf_ids prog
settles "refusals: maps" "$maps" bpf_ids map

# Descriptors that are no file, files that change or never answer.
modprobe fuse 2>/dev/null
mkdir "$work/hang" "$work/alice"
chown alice "$work/alice"
python3 "$share/suite/hangfs.py" "$work/hang" &
hangfs=$!
wait_for 5 mountpoint -q "$work/hang"
# In the background: whoever has the file that never answers open cannot even end before it is gone.
(cd "$share/suite" && as alice python3 fds.py "$b/execwatch.bpfb" "$work/alice" "$work/hang/bundle") >"$work/fds" 2>&1 &
wait_for 120 grep -q '^fds.py is done' "$work/fds" || tap_not_ok "refusals: fds.py ran to its end"
grep -v '^fds.py is done' "$work/fds"
kill -9 $hangfs
wait
umount -f -l "$work/hang" 2>/dev/null

# Messages.
(cd "$share/suite" && as alice python3 wire.py /usr/share/varlink/org.bpfgate.Gate.varlink)

sleep 2
settled() {
	[[ $(daemon_holds) == "$holds" ]]
}
wait_for 30 settled
same "refusals: the daemon holds what it held before" "$holds" "$(daemon_holds)"
settles "refusals: programs in the kernel" "$programs" bpf_ids prog
settles "refusals: maps in the kernel" "$maps" bpf_ids map
memory=$(daemon_memory)
(cd "$share/suite" && as alice python3 loops.py "$b/execwatch-untrusted.bpfb" 1000 refused)
grown=$(($(daemon_memory) - memory))
if [[ -n $sanitized ]]; then
	tap_skip "refusals: 1000 more refusals cost no memory" "a sanitized build keeps what was freed"
else
	holds "refusals: 1000 more refusals cost no memory (grew by $grown KiB)" test $grown -lt 200
fi

# A policy file that does not parse denies everything, and says where.
cp /etc/bpfgate/policy.d/50-test.json "$work/good.json"
printf '{ "rules": [\n  { "name": "x" "effect": "allow" } ] }\n' >/etc/bpfgate/policy.d/60-broken.json
restart_daemon
expect "refusals: a policy file that does not parse denies all" 3 "authorise.*policy cannot be used" \
	as alice bpfctl load "$b/execwatch.bpfb"
expect "refusals: and status says where, to root" 0 "60-broken.json:2:" bpfctl status
expect "refusals: as does the journal" 0 "60-broken.json:2:" journalctl -u bpfgated.service -o cat -n 20
rm /etc/bpfgate/policy.d/60-broken.json
chmod 666 /etc/bpfgate/policy.d/50-test.json
restart_daemon
expect "refusals: a policy file that others can write denies all" 3 "authorise.*policy cannot be used" \
	as alice bpfctl load "$b/execwatch.bpfb"
expect "refusals: and status says which, to root" 0 "50-test.json.*writable by others" bpfctl status
chmod 644 /etc/bpfgate/policy.d/50-test.json
restart_daemon
expect "refusals: the good bundle loads after" 0 "" as alice bpfctl run "$b/execwatch.bpfb" --duration 1
same "refusals: the daemon never crashed" "" \
	"$(journalctl -u bpfgated.service -o cat | grep -iE "core-dump|sanitizer|runtime error|assert|exit-code")"
tap_end
