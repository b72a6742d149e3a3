# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A daemon that cannot read what an earlier one left keeps it: only what is proven gone or foreign goes.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

b=$share/bundles
state=/run/bpfgate-state
pins=/sys/fs/bpf/bpfgate
dropin=/run/systemd/system/bpfgated.service.d/73-restart.conf

configure release <<-'END'
	{ "rules": [ { "name": "restarts", "effect": "allow", "subjects": { "users": ["alice", "bob"] },
	  "bundles": ["*"], "signatures": { "signers": ["release.pem"] }, "grant": ["events", "read"],
	  "lifetime": ["session", "persistent"] } ] }
END

# with_setting LINE...: restarts the daemon with these in its unit; without any, as it is installed.
with_setting() {
	rm -f "$dropin"
	if [[ $# -gt 0 ]]; then
		mkdir -p "${dropin%/*}"
		printf '[Service]\n' >"$dropin"
		printf '%s\n' "$@" >>"$dropin"
	fi
	systemctl daemon-reload
	restart_daemon
	systemctl start bpfgated.service
}

restart() {
	restart_daemon
	systemctl start bpfgated.service
}

# load USER NAME [OPTION]...: prints the id.
load() {
	local user=$1 name=$2

	shift 2
	as "$user" bpfctl load "$name" "$@" --json=short | json_get id
}

# of ID MEMBER: what List says of it to root; "none" where it says nothing.
of() {
	bpfctl list --json=short | python3 -c 'import json, sys
loads = [l for l in json.load(sys.stdin)["loads"] if l["id"] == sys.argv[1]]
print(loads[0].get(sys.argv[2], "none") if loads else "not listed")' "$1" "$2"
}

# is_unknown ID: listed, and not known.
is_unknown() {
	[[ $(of "$1" unknown) != "none" && $(of "$1" unknown) != "not listed" ]]
}

# edit ID PYTHON: changes the record r.
edit() {
	python3 -c 'import json, sys
path = sys.argv[1]
r = json.load(open(path))
exec(sys.argv[2])
json.dump(r, open(path, "w"))' "$state/$1.json" "$2"
}

before=$(bpf_ids prog)
id=$(load alice "$b/opencount.bpfb")
links=$(bpf_ids link)
expect "restart: a load to keep" 0 '^[0-9a-f]{16}$' echo "$id"

# ---- bpf(2) refused by a drop-in ----

mark
with_setting 'SystemCallFilter=~bpf'
same "restart: without bpf(2) the program runs on" "$links" "$(bpf_ids link)"
same "restart: and is listed with why" \
	"cannot open $pins/$id/prog-0: Operation not permitted" "$(of "$id" unknown)"
expect "restart: as unknown" 0 "^$id +opencount +unknown +1000 " bpfctl list
expect "restart: its owner sees it" 0 '^ +Unknown: cannot open .*: Operation not permitted$' \
	as alice bpfctl show "$id"
expect "restart: and nobody else" 1 "no load" as bob bpfctl show "$id"
expect "restart: its maps are not handed out" 1 "$id.*is unknown.*Operation not permitted" \
	as alice bpfctl show "$id" --maps
expect "restart: status counts it" 0 '^ +Unknown: 1 of the loads' bpfctl status
in_journal "restart: the journal says what it is and what to do" \
	"load $id of an earlier bpfgated cannot be taken up, and is left as it is: cannot open $pins/$id/prog-0: Operation not permitted"
with_setting
same "restart: with bpf(2) it is known again" none "$(of "$id" unknown)"
same "restart: it is the same" "$links" "$(bpf_ids link)"
expect "restart: its maps are handed out" 0 'counts|entries|comm' as alice bpfctl show "$id" --maps
expect "restart: status has none" 1 Unknown bash -c 'bpfctl status | grep Unknown || { echo no Unknown; exit 1; }'

# ---- bpffs hidden from the daemon ----

# hidden NAME WHY LINE...: it is started with these settings, under which it cannot see its pins, and again as it is.
hidden() {
	local name=$1 why=$2 try

	shift 2
	mark
	with_setting "$@"
	for try in 1 2; do
		same "restart: $name: the program runs on ($try)" "$links" "$(bpf_ids link)"
		expect "restart: $name: it is listed, with why ($try)" 0 "$why" of "$id" unknown
		restart
	done
	in_journal "restart: $name: the journal says so" \
		"load $id of an earlier bpfgated cannot be taken up, and is left as it is: $(of "$id" unknown)"
	expect "restart: $name: a reload tries in vain" 1 'unknown' bpfctl reload
	expect "restart: $name: its owner sees it" 0 "^$id +opencount +unknown" as alice bpfctl list
	with_setting
	same "restart: $name: with the unit as it is, it is known again" none "$(of "$id" unknown)"
	same "restart: $name: it never stopped" "$links" "$(bpf_ids link)"
	expect "restart: $name: its maps are handed out" 0 'counts|entries|comm' as alice bpfctl show "$id" --maps
}

# The unit's own list of writable paths, which has /sys/fs/bpf, goes before TemporaryFileSystem=.
hidden "a tmpfs in its place" '^no bpffs is mounted' 'ReadWritePaths=' 'TemporaryFileSystem=/sys/fs/bpf'
hidden "an empty folder in its place" '^no bpffs is mounted' 'ReadWritePaths=' 'TemporaryFileSystem=/sys/fs/bpf:ro'
hidden "out of reach" '^no bpffs is mounted' 'InaccessiblePaths=/sys/fs/bpf'
hidden "its folder out of reach" "^cannot open $pins: |^$pins is not in a bpffs" "InaccessiblePaths=$pins"
mkdir -p "$work/bpffs"
mount -t bpf -o mode=700 bpf "$work/bpffs"
hidden "another bpffs in its place" 'is not the one that it is pinned in' "BindPaths=$work/bpffs:/sys/fs/bpf"
umount "$work/bpffs"

# Another one is mounted over it: what is loaded now is in that, and each is known where it can be seen.
mount -t bpf -o mode=700 bpf /sys/fs/bpf
expect "restart: covered while the daemon runs: it is not said to be unloaded" 1 \
	'still runs: the bpffs at /sys/fs/bpf is not the one that it is pinned in' as alice bpfctl unload "$id"
same "restart: covered: the program runs on" "$links" "$(bpf_ids link)"
restart
same "restart: covered: after a restart as well" "$links" "$(bpf_ids link)"
expect "restart: covered: it is listed, with why" 0 'is not the one that it is pinned in' of "$id" unknown
over=$(load alice "$b/execwatch.bpfb")
restart
same "restart: covered: what was loaded since is known" none "$(of "$over" unknown)"
holds "restart: covered: the other is not" is_unknown "$id"
expect "restart: covered: nor can it be unloaded" 1 'still runs' as alice bpfctl unload "$id"
as alice bpfctl unload "$over" >/dev/null
settles "restart: covered: the program runs on" "$links" bpf_ids link
systemctl stop bpfgated.service bpfgated.socket
umount /sys/fs/bpf
restart
same "restart: uncovered: it is known" none "$(of "$id" unknown)"
same "restart: uncovered: it never stopped" "$links" "$(bpf_ids link)"
expect "restart: uncovered: its maps are handed out" 0 'counts|entries|comm' as alice bpfctl show "$id" --maps

# Taken away for good, and all that was pinned with it: what is listed can be unloaded, for the kernel has it no more.
lost=$(load alice "$b/execwatch.bpfb")
bpfctl unload "$id" >/dev/null
systemctl stop bpfgated.service bpfgated.socket
device=$(stat -c %d /sys/fs/bpf)
umount -l /sys/fs/bpf
settles "restart: unmounted: the program has gone" "$before" bpf_ids prog
# The number of its device is free, and the next one would have it: which also proves that the first is gone.
taken=
for ((n = 0; n < 50 && ${taken:-0} != device; n++)); do
	mkdir "$work/taken.$n"
	mount -t tmpfs tmpfs "$work/taken.$n"
	taken=$(stat -c %d "$work/taken.$n")
done
mount -t bpf -o mode=700 bpf /sys/fs/bpf
restart
expect "restart: unmounted: it is listed, with why" 0 'is not the one that it is pinned in' of "$lost" unknown
expect "restart: unmounted: it can be unloaded" 0 '' as alice bpfctl unload "$lost"
same "restart: unmounted: and is forgotten" "" "$(ls -A $state)"
umount "$work"/taken.*
id=$(load alice "$b/opencount.bpfb")
links=$(bpf_ids link)

# ---- records ----

chown alice "$state/$id.json"
restart
same "restart: a record that is not root's keeps the program" "$links" "$(bpf_ids link)"
holds "restart: root sees that there is one" is_unknown "$id"
expect "restart: nobody else does" 0 '^bpfctl: no loads$' as alice bpfctl list
chown root "$state/$id.json"
holds "restart: a reload tries again" bpfctl reload
same "restart: and takes it up" none "$(of "$id" unknown)"
same "restart: for its owner" 1000 "$(of "$id" uid)"
same "restart: it never stopped" "$links" "$(bpf_ids link)"

edit "$id" 'r["version"] = 99; r["more"] = 1'
restart
same "restart: a record of a later version keeps the program" "$links" "$(bpf_ids link)"
expect "restart: and says so" 0 'version 99, written by another bpfgated' of "$id" unknown
edit "$id" 'r["version"] = 4; del r["more"]'
bpfctl reload
same "restart: a reload takes it up" none "$(of "$id" unknown)"

edit "$id" 'r["version"] = 3; del r["pins"]'
restart
same "restart: the record of the version before is read" none "$(of "$id" unknown)"
same "restart: the program runs on" "$links" "$(bpf_ids link)"

mv "$state/$id.json" "$work/record"
restart
same "restart: pins without a record stay" "it has no record" "$(of "$id" unknown)"
same "restart: the program runs on without one" "$links" "$(bpf_ids link)"
mv "$work/record" "$state/$id.json"
bpfctl reload
same "restart: the record came back" none "$(of "$id" unknown)"

echo '{' >"$state/$id.json"
restart
holds "restart: half a record" is_unknown "$id"
same "restart: does not end the program" "$links" "$(bpf_ids link)"
expect "restart: root unloads what is unknown" 0 '' bpfctl unload "$id"
settles "restart: and it is gone" "$before" bpf_ids prog
same "restart: from bpffs" "" "$(ls -A $pins)"
same "restart: and from the records" "" "$(ls -A $state)"

# ---- what follows one that is unknown ----

digest=$(bpfctl inspect "$b/opencount.bpfb" --json=short | json_get digest)
printf '{ "name": "later", "version": "1.0" }\n' >"$work/later.json"
bpfctl build "$b/execwatch.bpf.o" -m "$work/later.json" -o "$work/later.bpfb" --after "$b/opencount.bpfb" >/dev/null
bpfctl sign "$work/later.bpfb" --key "$share/keys/release.key" --cert "$share/keys/release.pem" >/dev/null
id=$(load alice "$b/opencount.bpfb")
later=$(load alice "$work/later.bpfb")
links=$(bpf_ids link)
chown alice "$state/$id.json"
restart
same "restart: what follows an unknown one stays" "none later" "$(of "$later" unknown) $(of "$later" name)"
same "restart: and runs" "$links" "$(bpf_ids link)"
expect "restart: nothing new follows it" 1 "$digest" as alice bpfctl load "$work/later.bpfb"
chown root "$state/$id.json"
bpfctl reload
expect "restart: until it is known" 1 "needed by" as alice bpfctl unload "$id"
as alice bpfctl unload "$id" --with-dependents
settles "restart: both are gone" "$before" bpf_ids prog

# ---- proven gone, proven foreign ----

id=$(load alice "$b/opencount.bpfb")
systemctl stop bpfgated.service bpfgated.socket
rm "$pins/$id/link-0"
mark
restart
same "restart: a load whose link is gone is removed" "not listed" "$(of "$id" unknown)"
settles "restart: with its programs" "$before" bpf_ids prog
in_journal "restart: and the journal says so" \
	"load $id of an earlier bpfgated is not whole, and was removed: cannot open $pins/$id/link-0: No such file or directory"
id=$(load alice "$b/opencount.bpfb")
edit "$id" 'r["programs"][0]["tag"] = "0123456789abcdef"'
restart
same "restart: pins of another program than the record's are removed" "not listed" "$(of "$id" unknown)"
settles "restart: from the kernel" "$before" bpf_ids prog
echo '{' >"$state/0123456789abcdef.json"
restart
same "restart: a record that nothing is pinned of goes" "" "$(ls -A $state)"
tap_end
