# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A changed byte anywhere in a bundle: at least 500 offsets over all sections, each refused by the daemon at
# the step where it must be; the unchanged bundle loads before, in between and after.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

policy_road | configure release
programs=$(bpf_ids prog)
expect "bytes: the unchanged bundle loads before" 0 "" \
	as alice bpfctl run "$share/bundles/execwatch.bpfb" --duration 1
(cd "$share/suite" && as alice python3 bytes.py "$share/bundles/execwatch.bpfb" 600) ||
	tap_not_ok "bytes: the test ran to its end" "exit status $?"
expect "bytes: the unchanged bundle loads after" 0 "" \
	as alice bpfctl run "$share/bundles/execwatch.bpfb" --duration 1
settles "bytes: nothing is left in the kernel" "$programs" bpf_ids prog
tap_end
