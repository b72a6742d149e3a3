# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the daemon needs is full, read-only, spoilt, stopped or used up: what runs goes on, what is asked for is
# answered with the reason, nothing is left half done, and afterwards all is as before.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

b=$share/bundles
state=/run/bpfgate-state
store=/var/lib/bpfgate
marks=/var/lib/bpfgate-marks
pins=/sys/fs/bpf/bpfgate
dropin=/run/systemd/system/bpfgated.service.d/72-faults.conf

rm -f $store/floors.json* $marks/floors
configure release <<-'END'
	{ "rules": [ { "name": "faults", "effect": "allow", "subjects": { "users": ["alice", "root"] },
	  "bundles": ["*"], "signatures": { "signers": ["release.pem"] }, "grant": ["events", "read"],
	  "programs": { "attach": ["fentry:vfs_*", "tp_btf:*", "xdp:lo"] }, "tunables": ["max_commands"],
	  "lifetime": ["session", "persistent"] } ] }
END

start() {
	restart_daemon
	systemctl start bpfgated.service
}

# with_setting LINE...: restarts the daemon with these in its unit; without any, as it is installed.
with_setting() {
	rm -f "$dropin"
	if [[ $# -gt 0 ]]; then
		mkdir -p "${dropin%/*}"
		printf '[Service]\n' >"$dropin"
		printf '%s\n' "$@" >>"$dropin"
	fi
	systemctl daemon-reload
	start
}

# load NAME [OPTION]...: of alice, prints the id.
load() {
	local name=$1

	shift
	as alice bpfctl load "$b/$name.bpfb" "$@" --json=short | json_get id
}

# small_disk FOLDER: a small file system in its place, with what is in it.
small_disk() {
	systemctl stop bpfgated.service bpfgated.socket
	mkdir -p "$1"
	cp -a "$1" "$work/saved"
	mount -t tmpfs -o size=64k,mode=700 tmpfs "$1"
	cp -a "$work/saved/." "$1/"
	rm -rf "$work/saved"
	start
}

fill() {
	dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null
}

# whole NAME: the load of the beginning still runs, and its owner sees it.
whole() {
	same "faults: $1: what is loaded runs on" "$links" "$(bpf_ids link)"
	expect "faults: $1: and is listed" 0 "^$id +opencount +persistent" as alice bpfctl list
}

# clean NAME: nothing is left of a load that was refused.
clean() {
	settles "faults: $1: nothing is left of what was refused" "$programs" bpf_ids prog
	same "faults: $1: nor in bpffs" "$id" "$(ls $pins)"
}

# back NAME: all is as before.
back() {
	local again

	again=$(load execwatch)
	expect "faults: $1: afterwards all is as before" 0 '^[0-9a-f]{16}$' echo "$again"
	as alice bpfctl unload "$again" >/dev/null
	whole "$1: afterwards"
}

id=$(load opencount)
expect "faults: a load to keep" 0 '^[0-9a-f]{16}$' echo "$id"
links=$(bpf_ids link)
programs=$(bpf_ids prog)

# ---- /run is full ----

small_disk $state
fill $state
expect "faults: full /run: a load is refused, with the reason" 1 'step record: .*No space left on device' \
	as alice bpfctl load "$b/execwatch.bpfb"
clean "full /run"
whole "full /run"
rm $state/filler
back "full /run"
systemctl stop bpfgated.service bpfgated.socket
cp -a $state "$work/saved"
umount $state
cp -a "$work/saved/." $state/
rm -rf "$work/saved"
start
whole "another /run"

# ---- /var is full, or read-only ----

small_disk $store
bpfctl floor set execwatch release.pem 0 >/dev/null
fill $store
expect "faults: full /var: what raises a floor is refused, with the reason" 1 \
	'the rollback floors cannot be written: No space left on device' as alice bpfctl load "$b/execwatch.bpfb"
clean "full /var"
whole "full /var"
rm $store/filler
mount -o remount,ro $store
expect "faults: read-only /var: what raises a floor is refused, with the reason" 1 \
	'the rollback floors cannot be written: Read-only file system' as alice bpfctl load "$b/execwatch.bpfb"
clean "read-only /var"
start
whole "read-only /var, after a restart"
mount -o remount,rw $store
expect "faults: read-only /var: the daemon's own mounts stay as they were, and it says what to do" 1 \
	'the rollback floors cannot be written: .*systemctl restart bpfgated' as alice bpfctl load "$b/execwatch.bpfb"
start
back "/var"
systemctl stop bpfgated.service bpfgated.socket
cp -a $store "$work/saved"
umount $store
cp -a "$work/saved/." $store/
rm -rf "$work/saved"
start

# ---- bpffs is read-only ----

# A pin in it cannot be opened, and none can be made. Once it is writable a reload takes up what runs; the daemon's own
# mounts stay as they were when it started, and what would be new waits for a restart.
mount -o remount,ro /sys/fs/bpf
expect "faults: read-only bpffs: a load is refused, with the reason" 1 \
	'step record: .*bpffs is read-only at /sys/fs/bpf.*mount -o remount,rw /sys/fs/bpf' \
	as alice bpfctl load "$b/execwatch.bpfb"
clean "read-only bpffs"
whole "read-only bpffs"
mark
start
in_journal "faults: read-only bpffs: the journal says so" \
	"Nothing can be loaded to stay: bpffs is read-only at /sys/fs/bpf, where bpfgated keeps what it loads: an administrator makes it writable (mount -o remount,rw /sys/fs/bpf) and restarts the daemon, whose own mounts stay as they were (systemctl restart bpfgated)"
in_journal "faults: read-only bpffs: and what it cannot take up" \
	"load $id of an earlier bpfgated cannot be taken up, and is left as it is: cannot open $pins/$id/prog-0: Read-only file system"
same "faults: read-only bpffs: after a restart what is loaded runs on" "$links" "$(bpf_ids link)"
expect "faults: read-only bpffs: after a restart it is listed as unknown" 0 "^$id +opencount +unknown" \
	as alice bpfctl list
expect "faults: read-only bpffs: with the reason" 0 'Unknown: cannot open .*: Read-only file system' \
	as alice bpfctl show "$id"
expect "faults: read-only bpffs: a reload tries, and fails" 1 'unknown' bpfctl reload
expect "faults: read-only bpffs: it cannot be unloaded, and still runs" 1 'still runs: Read-only file system' \
	as alice bpfctl unload "$id"
same "faults: read-only bpffs: so it does" "$links" "$(bpf_ids link)"
mount -o remount,rw /sys/fs/bpf
expect "faults: writable bpffs: a reload" 0 '' bpfctl reload
whole "writable bpffs"
expect "faults: writable bpffs: a load says that the daemon is to be restarted" 1 'systemctl restart bpfgated' \
	as alice bpfctl load "$b/execwatch.bpfb"
clean "writable bpffs"
start
back "writable bpffs"

# ---- floors spoilt, and lost ----

cp $store/floors.json "$work/floors.json"
echo '{' >$store/floors.json
start
whole "spoilt floors"
expect "faults: spoilt floors: nothing is loaded" 3 'the rollback floors cannot be read' \
	as alice bpfctl load "$b/execwatch.bpfb"
expect "faults: spoilt floors: 'floor list' says what is wrong, and the way back" 3 \
	"floors.json:.*: restore the file and reload, or give them up with 'bpfctl floor reset'" bpfctl floor list
expect "faults: spoilt floors: 'floor set' too" 3 'bpfctl floor reset' bpfctl floor set execwatch release.pem 1
expect "faults: spoilt floors: to give them up is root's" 3 'ResetFloors is for root alone' \
	as alice bpfctl floor reset
mark
expect "faults: spoilt floors: root gives them up" 0 '' bpfctl floor reset
in_journal "faults: spoilt floors: with a record" \
	"User 0 gave up all rollback floors: what could not be read is in floors.json.old."
same "faults: spoilt floors: what was there is kept" '{' "$(cat $store/floors.json.old)"
expect "faults: spoilt floors: there are none now" 0 '^bpfctl: no floors$' bpfctl floor list
back "spoilt floors"
rm $store/floors.json
start
whole "lost floors"
expect "faults: lost floors: are noticed" 0 \
	"Floors: UNKNOWN, DENY ALL LOADS: $store/floors.json is missing, and $marks/floors says that there was one" \
	bpfctl status
expect "faults: lost floors: nothing is loaded" 3 'the rollback floors cannot be read' \
	as alice bpfctl load "$b/execwatch.bpfb"
with_setting 'ExecStart=' 'ExecStart=/usr/lib/bpfgate/bpfgated --missing-floors warn'
expect "faults: lost floors: with --missing-floors warn, a warning" 0 'Floors: LOST: .*floors.json is missing' \
	bpfctl status
back "lost floors, warned of"
with_setting
cp "$work/floors.json" $store/floors.json
start
back "floors restored"

# ---- journald is stopped ----

journald=$(systemctl show -P MainPID systemd-journald.service)
kill -STOP "$journald"
start
whole "stopped journald"
back "stopped journald"
kill -CONT "$journald"

# ---- little memory ----

pid=$(daemon_pid)
restarts=$(systemctl show -P NRestarts bpfgated.service)
systemctl set-property --runtime bpfgated.service MemoryMax=32M MemorySwapMax=0
rc=0
as alice bpfctl load "$b/opencount.bpfb" --set max_commands=1048576 >"$work/big" 2>&1 || rc=$?
holds "faults: small MemoryMax: what takes too much is refused" test "$rc" -ne 0
same "faults: small MemoryMax: the daemon is the same process" "$pid $restarts" \
	"$(daemon_pid) $(systemctl show -P NRestarts bpfgated.service)"
whole "small MemoryMax"
clean "small MemoryMax"
back "small MemoryMax"
systemctl set-property --runtime bpfgated.service MemoryMax=40% MemorySwapMax=infinity
start

# ---- few descriptors ----

with_setting LimitNOFILE=200
same "faults: few descriptors: what is loaded runs on" "$links" "$(bpf_ids link)"
expect "faults: few descriptors: and is listed as unknown" 0 "^$id +opencount +unknown" bpfctl list
expect "faults: few descriptors: with the reason" 0 'Unknown: .*LimitNOFILE=' bpfctl show "$id"
with_setting LimitNOFILE=100
same "faults: too few descriptors: what is loaded runs on" "$links" "$(bpf_ids link)"
expect "faults: too few descriptors: a client is told" 1 'too many files open.*LimitNOFILE=' as alice bpfctl list
expect "faults: too few descriptors: root is served" 0 "^$id +opencount +unknown" bpfctl list
with_setting
whole "few descriptors"

# Each number of them: whoever asks is answered, by a load or by the reason. Users are not let in while only those are
# left that are root's, and no file of theirs is taken while there is no place for all that a message can bring. Root
# gets as far as there are some, and is told at each step of the road what is missing.
pid=$(daemon_pid)
as alice bpfctl list >/dev/null
settles "faults: few descriptors: an idle daemon" yes eval 'daemon_idle && echo yes'
count_open() {
	find "/proc/$pid/fd" -mindepth 1 | wc -l
}
open=$(count_open)
each_number() { # FIRST USER...: prints what was no answer; in $refused and $loaded how often it was which
	local n=$1 said rc

	shift
	refused=0 loaded=0 silent=
	for (( ; loaded < 2 && n < open + 500; n++)); do
		prlimit --pid "$pid" --nofile="$n:"
		rc=0
		said=$("$@" bpfctl load "$b/execwatch.bpfb" 2>&1) || rc=$?
		if [[ $rc -eq 0 ]]; then
			loaded=$((loaded + 1))
			prlimit --pid "$pid" --nofile=65536:
			bpfctl unload "${said##* }" >/dev/null
		elif grep -qiE 'too many (open files|files open)|LimitNOFILE=' <<<"$said"; then
			refused=$((refused + 1))
		else
			silent+="$n of them, $open in use: $said"$'\n'
		fi
	done
	prlimit --pid "$pid" --nofile=65536:
}
each_number $((open + 1)) env
same "faults: few descriptors: root is told" "" "$silent"
holds "faults: few descriptors: and was refused more than once" test "$refused" -gt 5
same "faults: few descriptors: in the end all goes" 2 "$loaded"
each_number $((open + 245)) as alice
same "faults: few descriptors: a user is told" "" "$silent"
holds "faults: few descriptors: he was refused as well" test "$refused" -gt 2
same "faults: few descriptors: in the end all goes for him" 2 "$loaded"
same "faults: few descriptors: it is the same daemon" "$pid" "$(daemon_pid)"
clean "few descriptors"
settles "faults: few descriptors: none stays open" "$open" count_open
back "few descriptors"

# ---- no keys left ----

keys=$(sysctl -n kernel.keys.root_maxkeys)
sysctl -q kernel.keys.root_maxkeys=1
expect "faults: key quota: a reload fails, and the previous keyring stays" 1 \
	'The previous keyring stays: .*root has too many keys' bpfctl reload
expect "faults: key quota: status says so" 0 'OUTDATED: The previous keyring stays' bpfctl status
back "key quota, with the previous keyring"
start
whole "key quota, after a restart"
expect "faults: key quota: a restart says why nothing can be loaded" 5 \
	'step load: The kernel has no keyring to verify signatures with: .*root has too many keys' \
	as alice bpfctl load "$b/execwatch.bpfb"
same "faults: key quota: it does not start over and over" 0 "$(systemctl show -P NRestarts bpfgated.service)"
sysctl -q kernel.keys.root_maxkeys="$keys"
start
back "key quota"

# ---- no bpffs ----

as alice bpfctl unload "$id" >/dev/null
systemctl stop bpfgated.service bpfgated.socket
systemctl mask --runtime sys-fs-bpf.mount 2>/dev/null
umount -l /sys/fs/bpf
mark
start
expect "faults: no bpffs: the daemon runs" 0 'Contract: v' as alice bpfctl status
expect "faults: no bpffs: a load is refused, with the reason and what to do" 1 \
	'no bpffs is mounted at /sys/fs/bpf.*systemctl start sys-fs-bpf.mount' as alice bpfctl load "$b/execwatch.bpfb"
in_journal "faults: no bpffs: the journal says so" \
	"Nothing can be loaded to stay: no bpffs is mounted at /sys/fs/bpf, where bpfgated keeps what it loads: an administrator mounts it (systemctl start sys-fs-bpf.mount)"
settles "faults: no bpffs: nothing is left" "" bpf_ids link
systemctl unmask --runtime sys-fs-bpf.mount 2>/dev/null
systemctl start sys-fs-bpf.mount || mount -t bpf -o mode=700 bpf /sys/fs/bpf
id=$(load opencount)
expect "faults: no bpffs: once it is mounted, without a restart" 0 '^[0-9a-f]{16}$' echo "$id"
as alice bpfctl unload "$id" >/dev/null
same "faults: the daemon never crashed" "" \
	"$(journalctl -u bpfgated.service -o cat | grep -iE "core-dump|sanitizer|runtime error|assert|exit-code")"
rm -f $store/floors.json* $marks/floors
tap_end
