# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What somebody could write who has taken the daemon over: tried from inside the unit's own sandbox, by root's
# number without a capability, and with those that the daemon has.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

probe=/run/systemd/system/sandbox-probe.service
unit=/usr/lib/systemd/system/bpfgated.service

# All that can be written to, by folder; of processes in /proc only what is theirs anyhow. A socket that can be
# connected to is one of these, too.
cat >/usr/lib/sandbox-writable <<'END'
#!/bin/bash
find / \( -path '/proc/[0-9]*' -o -path /proc/self -o -path /proc/thread-self -o -path /mnt \) -prune -o \
	\( -type f -o -type d -o -type s -o -type b -o -type c \) -writable -print 2>/dev/null |
	sed -E 's,^/(tmp|var/tmp|dev|sys/fs/bpf|run/bpfgate-state|var/lib/bpfgate(-marks)?|sys/fs/cgroup/system.slice/bpfgate-memory.service)(/.*)?$,/\1,' | sort -u
END
chmod 755 /usr/lib/sandbox-writable

# inside [SETTING...] -- SCRIPT: in the sandbox of the unit as it is installed, with these settings beside; prints what
# it says.
inside() {
	local since settings=

	while [[ $1 != -- ]]; do
		settings+="$1\\n"
		shift
	done
	shift

	printf '{ %s; } 2>&1 | systemd-cat -t sandbox\n' "$1" >/usr/lib/sandbox-do
	sed -E -e '/^(Requires|After|Exec.*|Type|Restart|Condition.*|Watchdog.*|Timeout.*)=/d' \
		-e "s|^\[Service\]|&\nType=oneshot\nExecStart=/bin/sh /usr/lib/sandbox-do|" "$unit" >$probe
	printf '[Service]\n%b' "$settings" >>$probe
	systemctl daemon-reload
	since=@$(date +%s)
	systemctl start sandbox-probe.service || echo "failed to start"
	journalctl --sync
	journalctl -o cat -t sandbox --since "$since"
}

policy_road | configure release
expect "sandbox: the daemon runs" 0 "" as alice bpfctl status
/usr/lib/sandbox-writable >"$work/outside"
holds "sandbox: outside of it, root's number writes settings (else the next rows prove nothing)" \
	grep -qx /proc/sys/kernel/core_pattern "$work/outside"
holds "sandbox: and asks PID 1 for anything" grep -qx /run/systemd/private "$work/outside"

# Its own state; the sockets that it needs; what is private to it (/dev, /tmp, /var/tmp); bpffs, for the pins; the
# memory.pressure of its own control group, which systemd makes writable for each service: when to be told of it.
# The control groups of bpfgate-memory.service are what the daemon puts load children into, for their users' memory.
# AppArmor's .null is a device that takes everything and keeps nothing, as /dev/null.
expected='/dev
/run/bpfgate-state
/run/bpfgate/org.bpfgate.Gate
/run/systemd/journal/dev-log
/run/systemd/journal/io.systemd.journal
/run/systemd/journal/socket
/run/systemd/journal/stdout
/run/systemd/notify
/run/systemd/userdb/io.systemd.DynamicUser
/sys/fs/bpf
/sys/fs/cgroup/system.slice/bpfgate-memory.service
/sys/fs/cgroup/system.slice/sandbox-probe.service/memory.pressure
/sys/kernel/security/apparmor/.null
/tmp
/var/lib/bpfgate
/var/lib/bpfgate-marks
/var/tmp'
[[ -e /sys/kernel/security/apparmor/.null ]] || expected=$(grep -v /apparmor/ <<<"$expected")
for folder in /sys/*; do
	holds "sandbox: the unit names $folder" grep -Eq "^ReadOnlyPaths=.*-$folder( |$)" "$unit"
done
same "sandbox: what root's number writes in it, without a capability" "CapEff:	0000000000000000
$expected" \
	"$(inside 'CapabilityBoundingSet=' -- 'grep CapEff: /proc/self/status; /usr/lib/sandbox-writable')"
same "sandbox: and with what the daemon has" "$expected" "$(inside -- /usr/lib/sandbox-writable)"
says_no() { # NAME COMMAND...
	local name=$1

	shift
	same "sandbox: $name" refused \
		"$(inside -- "if $* >/dev/null 2>&1; then echo it was possible; else echo refused; fi")"
}
says_no "nothing is made writable again" mount -o remount,rw /proc/sys
says_no "nothing is mounted" mount -t proc proc /tmp
says_no "no other namespace is entered" nsenter -m -t 1 true
says_no "none is made" unshare -m true
says_no "no device is made" mknod /tmp/vda b 254 0
says_no "nothing of a device is read" head -c 1 /dev/vda

# And what the daemon needs goes on.
id=$(as alice bpfctl load "$share/bundles/execwatch.bpfb")
holds "sandbox: a load is pinned" test -e "/sys/fs/bpf/bpfgate/${id##* }"
expect "sandbox: systemctl reload" 0 "" systemctl reload bpfgated.service
systemctl restart bpfgated.service
same "sandbox: and taken up again" 1 "$(as alice bpfctl list --json=short | jq '.loads | length')"
expect "sandbox: and unloaded" 0 "" as alice bpfctl unload "${id##* }"
rm -f $probe /usr/lib/sandbox-writable /usr/lib/sandbox-do
systemctl daemon-reload
tap_end
