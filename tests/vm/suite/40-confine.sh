# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What a client can do with what it was granted: read, and nothing else.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

policy_road | configure release
as alice bpfctl status >/dev/null
ip link set lo up
programs=$(bpf_ids prog)
mkdir "$work/alice" "$work/bpffs"
chown alice "$work/alice"
mount -t bpf -o uid=1000,gid=1000,mode=700 bpf "$work/bpffs"
(cd "$share/suite" && as alice unshare --user --map-root-user --mount python3 confine.py \
	"$share/bundles/xdpcount.bpfb" "$share/bundles/execwatch.bpfb" "$work/alice" "$work/bpffs") ||
	tap_not_ok "confine: the test ran to its end" "exit status $?"
settles "confine: and no program is left in the kernel" "$programs" bpf_ids prog
tap_end
