# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Hundreds of loads and unloads under valgrind, two at a time, a tenth of them persistent: nothing leaks.
# valgrind's check for undefined values is off, as it doubles the time; the sanitizers' suites look for such.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

loads=${BPFGATE_LEAK_LOADS:-300}
log=/run/bpfgate-state/valgrind.log
policy_road | configure release
# It writes and maps code, needs memory and system calls that the daemon does not, and knows no fork that shares
# the descriptors: a test build has a hook for that. The lock is the fair kind: the other one writes to a pipe, which
# a load child may not.
mkdir -p /run/systemd/system/bpfgated.service.d
cat >/run/systemd/system/bpfgated.service.d/50-valgrind.conf <<-END
	[Service]
	Environment=BPFGATE_TEST_COPY_FDS=1
	ExecStart=
	ExecStart=/usr/bin/valgrind --leak-check=full --show-leak-kinds=definite,indirect,possible \\
		--errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 --num-callers=12 \\
		--undef-value-errors=no --read-inline-info=no --run-libc-freeres=no --vgdb=no --fair-sched=yes \\
		--child-silent-after-fork=yes --suppressions=$share/suite/valgrind.supp --log-file=$log \\
		/usr/lib/bpfgate/bpfgated
	MemoryDenyWriteExecute=no
	MemoryMax=infinity
	SystemCallFilter=
	TimeoutStartSec=300
	TimeoutStopSec=300
END
systemctl daemon-reload
restart_daemon 2>/dev/null
holds "leaks: the daemon starts under valgrind" systemctl start bpfgated.service
expect "leaks: and answers" 0 "Contract: *v[12]" as alice bpfctl status
expect "leaks: it is valgrind that runs" 0 memcheck cat "/proc/$(daemon_pid)/comm"

# What the first loads need for good is there after them.
(cd "$share/suite" && as alice python3 loops.py "$share/bundles/execwatch.bpfb" 10)
programs=$(bpf_ids prog) maps=$(bpf_ids map) links=$(bpf_ids link)
before=$(daemon_holds) memory=$(daemon_memory)
(cd "$share/suite" && as alice python3 loops.py "$share/bundles/execwatch.bpfb" "$loads")
settled() {
	[[ $(daemon_holds) == "$before" ]]
}
wait_for 20 settled
same "leaks: the daemon holds what it held before" "$before" "$(daemon_holds)"
settles "leaks: programs in the kernel" "$programs" bpf_ids prog
settles "leaks: maps in the kernel" "$maps" bpf_ids map
settles "leaks: links in the kernel" "$links" bpf_ids link
same "leaks: nothing is left in bpffs" "" "$(ls -A /sys/fs/bpf/bpfgate)"
echo "# memory, valgrind's included: $memory KiB, $(daemon_memory) KiB after $loads loads"

systemctl stop bpfgated.service
# Without its warnings of system calls that it does not know (pidfd_send_signal).
report=$(grep '^==' "$log")
same "leaks: the daemon ended as it should" success "$(systemctl show -P Result bpfgated.service)"
expect "leaks: valgrind finds none" 0 "ERROR SUMMARY: 0 errors from 0 contexts" echo "$report"
expect "leaks: nor memory definitely lost" 0 "definitely lost: 0 bytes|All heap blocks were freed" echo "$report"
tap_end
