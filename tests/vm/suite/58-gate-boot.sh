# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A gate from early in the boot on, without a client and before there is a daemon. The guest is booted with
# vm.early=bpfgate-gate.service.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

bin=$share/bin
same "gate at boot: there is no daemon yet" "inactive" "$(systemctl is-active bpfgated.service)"
same "gate at boot: the unit has done its work" "active exited" \
	"$(systemctl show --value -p ActiveState -p SubState bpfgate-gate.service | xargs)"
began() { # UNIT: when it was up, in microseconds since the boot
	systemctl show --value -p ActiveEnterTimestampMonotonic "$1"
}
holds "gate at boot: at a time of its own" test "$(began bpfgate-gate.service)" -gt 0
holds "gate at boot: before basic.target" test "$(began bpfgate-gate.service)" -lt "$(began basic.target)"
holds "gate at boot: and before sysinit.target" test "$(began bpfgate-gate.service)" -lt "$(began sysinit.target)"
same "gate at boot: an unsigned program" EPERM "$("$bin/gate-attacker" load socket_filter)"
same "gate at boot: an unsigned loader" EPERM "$("$bin/gate-attacker" load syscall)"
journalctl --sync
expect "gate at boot: it says what was loaded before" 0 \
	"^Loaded before the gate was put up, and not stopped by it: [0-9]+ programs" journalctl -u bpfgate-gate.service -o cat
expect "gate at boot: and that it is in force" 0 "^The gate \\(enforce\\) is in force\\.$" \
	journalctl -u bpfgate-gate.service -o cat

expect "gate at boot: it has to be said which gate" 2 "^bpfgated: --gate-only: needs --gate audit or --gate enforce$" \
	/usr/lib/bpfgate/bpfgated --gate-only

policy_road | configure release
expect "gate at boot: the first client finds it" 0 "^        Gate: enforce$" as alice bpfctl status
expect "gate at boot: and signed bundles load" 0 "" as alice bpfctl run "$share/bundles/execwatch.bpfb" --duration 1
expect "gate at boot: as do those that stay" 0 "" as alice bpfctl load "$share/bundles/execwatch.bpfb"
same "gate at boot: its link is guarded" EPERM \
	"$(setpriv --inh-caps -sys_ptrace --bounding-set -sys_ptrace "$bin/gate-attacker" fd link "$(bpf_ids link | awk '{ print $NF }')")"
expect "gate at boot: not a second time, beside a daemon" 1 "" systemctl restart bpfgate-gate.service
journalctl --sync
expect "gate at boot: and it says why" 0 "^bpfgated: bpfgated has run since the boot: bpfctl gate enforce$" \
	journalctl -u bpfgate-gate.service -o cat
expect "gate at boot: it is taken away by the daemon" 0 "^off$" bpfctl gate off
same "gate at boot: as can be seen" ok "$("$bin/gate-attacker" load socket_filter)"
expect "gate at boot: a gate that comes later names what is there" 0 "^enforce$" bpfctl gate enforce
journalctl --sync
expect "gate at boot: with its names" 0 \
	"^Loaded before the gate was put up, and not stopped by it: [0-9]+ programs: .*on_exec \\(" \
	journalctl -u bpfgated.service -o cat
tap_end
