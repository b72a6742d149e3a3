# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# On a kernel that was booted without BPF security modules there is no gate, and nobody is told that there is one.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

why='the gate cannot be put up: this kernel does not call BPF security modules: it needs CONFIG_BPF_LSM, and "bpf" in the list of its lsm= parameter \(see /sys/kernel/security/lsm\)$'
drop_in=/run/systemd/system/bpfgated.service.d

policy_road | configure release
same "gate absent: the kernel was booted so" 0 "$(grep -c bpf /sys/kernel/security/lsm)"
expect "gate absent: off" 0 "^off$" bpfctl gate
expect "gate absent: and it says that there can be none" 0 \
	"^bpfctl: this kernel does not call BPF security modules: see bpfgated\(8\)$" bpfctl gate
for mode in audit enforce; do
	expect "gate absent: $mode is refused" 5 "^bpfctl: $why" bpfctl gate $mode
	same "gate absent: nothing of it is left" "" "$(bpf_ids link)$(ls /sys/fs/bpf/bpfgate)"
done
expect "gate absent: bundles load as before" 0 "" as alice bpfctl run "$share/bundles/execwatch.bpfb" --duration 1

mkdir -p $drop_in
printf '[Service]\nExecStart=\nExecStart=/usr/lib/bpfgate/bpfgated --gate enforce\nRestart=no\n' >$drop_in/56-gate.conf
systemctl daemon-reload
systemctl stop bpfgated.service
expect "gate absent: who asks for a gate gets no daemon without one" 1 "" systemctl start bpfgated.service
journalctl --sync
expect "gate absent: and hears why" 0 "^bpfgated: $why" journalctl -u bpfgated.service -o cat -n 10
rm $drop_in/56-gate.conf
systemctl daemon-reload
restart_daemon
tap_end
