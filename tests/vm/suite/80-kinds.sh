# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Each attach kind, for real: the program runs, and stops when its link goes. Then what clients can do
# with their maps, and loads that outlive a daemon.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

for program in attach-kinds map-grants keep-loads; do
	"$share/bin/$program" "$share/bin/attach-kinds.bpf.o" || tap_failed=$((tap_failed + 1))
done
tap_end
