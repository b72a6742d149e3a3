# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Debian's bpftool and bpfgate load the same object.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

policy_road | configure release
openssl x509 -in "$share/keys/release.pem" -outform DER -out "$work/release.der"
for name in execwatch opencount xdpcount; do
	expect "bpftool: $name by 'prog load -L -S' with the same key" 0 "" \
		bpftool prog load -L -S -k "$share/keys/release.key" -i "$work/release.der" \
		"$share/bundles/$name.bpf.o" "/sys/fs/bpf/bpftool-$name"
done
expect "bpftool: execwatch by bpfgate" 0 "" as alice bpfctl run "$share/bundles/execwatch.bpfb" --duration 1
expect "bpftool: opencount by bpfgate" 0 "" as alice bpfctl run "$share/bundles/opencount.bpfb" --duration 1
expect "bpftool: xdpcount by bpfgate" 0 "" \
	as alice bpfctl run "$share/bundles/xdpcount.bpfb" --attach xdpcount=xdp:lo --duration 1
tap_end
