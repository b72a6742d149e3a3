# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Users who want to keep others out: with memory that cannot be read, with refusals that fill the journal,
# with connections. Everybody else goes on, and what root does always works.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

configure release < <(policy_road)
drop_in=/run/systemd/system/bpfgated.service.d
mkdir -p $drop_in
as bob bpfctl status >/dev/null
press() {
	(cd "$share/suite" && python3 pressure.py "$@")
}

# ---- memory that cannot be read ----

dd if=/dev/zero of=/swap bs=1M count=64 status=none
chmod 600 /swap
mkswap -q /swap 2>/dev/null
if swapon /swap 2>"$work/swapon"; then
	press stuck 1001
	expect "pressure: and then others load" 0 "^[0-9a-f]{16}$" as alice bpfctl load "$share/bundles/execwatch.bpfb"
	expect "pressure: and unload" 0 "" as alice bpfctl unload "$output"
	holds "pressure: no process of the daemon is left" wait_for 30 daemon_idle
	echo max >/sys/fs/cgroup/unreadable/memory.max 2>/dev/null
	swapoff /swap
else
	tap_skip "pressure: memory that does not come back" "no swap: $(head -n 1 "$work/swapon")"
fi

# ---- the journal ----

# What the daemon writes is bounded by itself: with the least that journald lets through, nothing is lost.
printf '[Service]\nLogRateLimitIntervalSec=1min\nLogRateLimitBurst=150\n' >$drop_in/50-limit.conf
systemctl daemon-reload
restart_daemon
as bob bpfctl status >/dev/null
mark
press flood 1001 400
expect "pressure: a load after so many refusals" 0 "^[0-9a-f]{16}$" as alice bpfctl load "$share/bundles/execwatch.bpfb"
id=$output
has_entry() {
	journalctl -u bpfgated.service -o cat --since "$since" | grep "User 1000 loaded execwatch .* as $id"
}
holds "pressure: has its entry" wait_for 20 has_entry
left_out() {
	journalctl -u bpfgated.service -o cat --since "$since" | grep -E "[Aa]nd [0-9]+ more"
}
holds "pressure: and the refusals that have none are counted" wait_for 60 left_out
expect "pressure: unload" 0 "" as alice bpfctl unload "$id"
rm $drop_in/50-limit.conf
systemctl daemon-reload

# A journal that does not read any more.
restart_daemon
as bob bpfctl status >/dev/null
pid=$(daemon_pid)
systemctl kill -s STOP --kill-whom=main systemd-journald.service
press flood 1001 2000
press flood 1000 2000
expect "pressure: without a journal others are answered" 0 "Contract" timeout $((20 * patience)) bpfctl status
expect "pressure: and load" 0 "^[0-9a-f]{16}$" \
	setpriv --reuid 1000 --regid 1000 --init-groups timeout $((60 * patience)) bpfctl load "$share/bundles/execwatch.bpfb"
kill -TERM "$pid"
gone() {
	! kill -0 "$pid"
}
holds "pressure: without a journal the daemon ends when it is told to" wait_for 14 gone
systemctl kill -s CONT --kill-whom=main systemd-journald.service
restart_daemon
expect "pressure: what was loaded is there" 0 "execwatch" bpfctl list
for id in $(bpfctl list --json=short | python3 -c 'import json, sys
print(*(load["id"] for load in json.load(sys.stdin)["loads"]))'); do
	bpfctl unload "$id"
done

# ---- connections ----

restart_daemon
as bob bpfctl status >/dev/null
mkfifo "$work/end"
press hold 8 128 <"$work/end" >"$work/held" 2>&1 &
holder=$!
exec 9>"$work/end"
holds "pressure: eight users have all the connections there are" wait_for 60 grep -q held "$work/held"
expect "pressure: another user is answered" 0 "Contract" as bob bpfctl status
expect "pressure: and loads" 0 "^[0-9a-f]{16}$" as alice bpfctl load "$share/bundles/execwatch.bpfb"
expect "pressure: root unloads" 0 "" bpfctl unload "$output"
expect "pressure: and reloads" 0 "" bpfctl reload
exec 9>&-
wait $holder

# ---- the watchdog ----

printf '[Service]\nWatchdogSec=3\n' >$drop_in/50-watchdog.conf
systemctl daemon-reload
restart_daemon
bpfctl status >/dev/null
pid=$(daemon_pid)
told() {
	systemctl show -P WatchdogTimestampMonotonic bpfgated.service
}
before=$(told)
told_again() {
	local now

	now=$(told)
	[[ $before -gt 0 && $now -gt $before ]]
}
holds "pressure: the daemon says that it is alive" wait_for 60 told_again
same "pressure: and is the same" "$pid" "$(daemon_pid)"
kill -STOP "$pid"
restarted() {
	[[ $(systemctl show -P NRestarts bpfgated.service) -ge 1 && $(systemctl is-active bpfgated.service) == active ]]
}
holds "pressure: a daemon that hangs is started again" wait_for 60 restarted
rm $drop_in/50-watchdog.conf
systemctl daemon-reload
restart_daemon
tap_end
