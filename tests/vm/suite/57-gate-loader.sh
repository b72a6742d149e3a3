# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Test builds only: the daemon does not read the loader, so that the gate alone stands in its way.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

configure release <<-'END'
	{ "rules": [ { "name": "anything of ours", "effect": "allow", "subjects": { "users": ["alice"] },
	  "bundles": ["*"], "signatures": { "signers": ["release.pem"] } } ] }
END
mkdir -p /run/systemd/system/bpfgated.service.d
printf '[Service]\nEnvironment=BPFGATE_TEST_SKIP_AUTHENTICATION=1\n' \
	>/run/systemd/system/bpfgated.service.d/50-hook.conf
systemctl daemon-reload
restart_daemon
hand=$share/hand

# A loader that attaches its program: without the gate, and with one that only looks, it is found out afterwards.
for mode in off audit; do
	expect "gate and loaders: $mode" 0 "^$mode$" bpfctl gate $mode
	expect "gate and loaders: $mode: one that attaches by itself is found out" 1 \
		"attest: .*does not declare: anon_inode:bpf_link" as alice bpfctl run "$hand/raw-tp-open.bpfb" --duration 1
done
expect "gate and loaders: audit: it is counted" 0 "^command: 0 refused, 1 would have been$" bpfctl gate

expect "gate and loaders: enforce" 0 "^enforce$" bpfctl gate enforce
links=$(bpf_ids link)
expect "gate and loaders: enforce: it is refused in the kernel" 5 "load: .*EPERM" \
	as alice bpfctl run "$hand/raw-tp-open.bpfb" --duration 1
# this one goes on without its map, to where that is missing
expect "gate and loaders: enforce: one that makes struct_ops, too" 5 "load: " \
	as alice bpfctl run "$hand/struct-ops.bpfb" --duration 1
settles "gate and loaders: enforce: there is no link more" "$links" bpf_ids link
expect "gate and loaders: enforce: they are counted" 0 "^command: 2 refused, 0 would have been$" bpfctl gate
expect "gate and loaders: enforce: an honest one loads" 0 "" as alice bpfctl run "$hand/honest.bpfb" --duration 1
expect "gate and loaders: the gate goes" 0 "^off$" bpfctl gate off
rm /run/systemd/system/bpfgated.service.d/50-hook.conf
tap_end
