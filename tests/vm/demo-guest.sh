# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The part of tests/demo that runs in the guest, as root.

cd /mnt/share || exit 1
failed=0

show() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}

# run USER STATUS COMMAND...: shows and runs; the demo fails if the exit status is another one.
run() {
	local user=$1 expected=$2 status

	shift 2
	printf '  %s$ %s\n' "$user" "$*"
	runuser -u "$user" -- "$@" 2>&1 | sed 's/^/    /'
	status=${PIPESTATUS[0]}
	[[ $expected -eq 0 ]] || printf '    (exit status %d)\n' "$status"
	if [[ $status -ne $expected ]]; then
		printf '    THE DEMO FAILED: exit status %d, expected %d\n' "$status" "$expected"
		failed=1
	fi
}

show "5. The administrator trusts the publisher's key, and lets the group tracing use execwatch."
printf '  root# cp release.pem /etc/bpfgate/keys.d/\n'
install -m 644 release.pem /etc/bpfgate/keys.d/
cat >/etc/bpfgate/policy.d/50-tracing.json <<'END'
{ "rules": [ {
    "name": "tracing for developers", "effect": "allow",
    "subjects": { "groups": ["tracing"] },
    "bundles": ["execwatch"],
    "signatures": { "required": 1, "signers": ["release.pem"] },
    "programs": { "types": ["tracing"], "attach": ["tp_btf:sched_*"] },
    "grant": ["events", "read"] } ] }
END
sed 's/^/    /' /etc/bpfgate/policy.d/50-tracing.json
systemctl restart bpfgated.socket

show "6. alice is in that group. She has no privileges, and unprivileged BPF is switched off:"
run alice 0 id
run alice 0 grep CapEff /proc/self/status
run alice 0 sysctl -n kernel.unprivileged_bpf_disabled

show "7. She asks the daemon (systemd starts it now, by its socket) what it and the kernel can do:"
run alice 0 bpfctl status

show "8. She runs execwatch, and sees what others execute, live:"
(
	sleep 4
	for _ in 1 2; do
		runuser -u bob -- /usr/bin/uname -r >/dev/null
		/usr/bin/hostname >/dev/null
		sleep 0.5
	done
) &
run alice 0 bpfctl run execwatch.bpfb --duration 7

show "9. The same bundle with one byte changed:"
run alice 4 bpfctl run changed.bpfb
show "10. One that nobody signed:"
run alice 4 bpfctl run unsigned.bpfb
show "11. One signed by a key that nobody here trusts:"
run alice 4 bpfctl run stranger.bpfb
show "12. The good one, but by bob, whom no rule names:"
run bob 3 bpfctl run execwatch.bpfb
show "13. Nothing of this is left in the kernel, and the journal knows all of it:"
printf '  root# bpfctl list; journalctl -u bpfgated\n'
bpfctl list | sed 's/^/    /'
journalctl -u bpfgated -o cat | grep -v '^\(Starting\|Started\|Listening\)' | sed 's/^/    /'
exit $failed
