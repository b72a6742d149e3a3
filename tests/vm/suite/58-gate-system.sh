# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Under a gate that enforces, an ordinary system goes on: mounts, units, root's settings and tools. And what
# somebody cannot do who has root's number, but a root directory of his own. Each is tried without a gate first.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

bin=$share/bin
caps=-all,+bpf,+perfmon,+net_admin,+sys_admin,+chown
units=/run/systemd/system
mkdir -p "$work/a/in" "$work/b" "$work/chroot/sys" "$work/fresh" "$work/groups"
echo content >"$work/a/file"

outsider() {
	setpriv --inh-caps "$caps" --bounding-set "$caps" -- "$bin/gate-outsider" "$@" 2>&1
}

count_of() { # REASON refused|wouldBeRefused
	bpfctl gate --json=short | jq "[.counts[] | select(.reason == \"$1\") | .$2] | add // 0"
}

# total refused|wouldBeRefused: of all reasons
total() {
	bpfctl gate --json=short | jq "[.counts[].$1] | add"
}

# ---- mounts, as everybody makes them ----
unit_of_mount=$(systemd-escape -p --suffix=mount "$work/b")
printf '[Mount]\nWhat=%s\nWhere=%s\nType=none\nOptions=bind\n' "$work/a" "$work/b" >"$units/$unit_of_mount"

container() { # COMMAND...: as container managers do, a mount namespace that receives and does not pass on
	unshare -m --propagation slave sh -ec "$*"
}

# umount(8) looks into /proc, which is not there after pivot_root.
detach='import ctypes, sys; sys.exit(ctypes.CDLL(None).umount2(b"/opt", 2))'
ordinary() { # MODE
	expect "system: $1: mount --bind" 0 "" mount --bind "$work/a" "$work/b"
	same "system: $1: and it shows" content "$(cat "$work/b/file")"
	expect "system: $1: a bind mount of its own, made private" 0 "" mount --bind --make-private "$work/b" "$work/b"
	expect "system: $1: umount" 0 "" umount "$work/b"
	expect "system: $1: umount, the other" 0 "" umount "$work/b"
	expect "system: $1: mount --rbind /" 0 "" mount --rbind --make-rslave / "$work/b"
	expect "system: $1: and away with it" 0 "" umount -R "$work/b"
	systemctl daemon-reload
	expect "system: $1: a bind .mount unit" 0 "" systemctl start "$unit_of_mount"
	same "system: $1: and it shows" content "$(cat "$work/b/file")"
	expect "system: $1: the unit stops" 0 "" systemctl stop "$unit_of_mount"
	expect "system: $1: /sys in a chroot" 0 "" mount --rbind --make-rslave /sys "$work/chroot/sys"
	expect "system: $1: with the bpffs in it" 0 "" mountpoint -q "$work/chroot/sys/fs/bpf"
	expect "system: $1: away with it" 0 "" umount -R "$work/chroot/sys"
	expect "system: $1: /sys in a chroot, lazily" 0 "" sh -ec \
		"mount --rbind --make-rslave /sys '$work/chroot/sys'; umount -l '$work/chroot/sys'"
	expect "system: $1: a fresh sysfs" 0 "" mount -t sysfs sysfs "$work/fresh"
	expect "system: $1: away with it" 0 "" umount "$work/fresh"
	expect "system: $1: a fresh bpffs" 0 "" mount -t bpf bpf "$work/fresh"
	expect "system: $1: away with it" 0 "" umount "$work/fresh"
	expect "system: $1: a container's sysfs, over the one it was given" 0 "" \
		container "mount -t sysfs sysfs /sys; mount -t tmpfs none /sys/fs/bpf; umount -R /sys"
	expect "system: $1: a container's root" 0 "" \
		container "mount --bind / '$work/b'; cd '$work/b'; pivot_root . opt; python3 -c '$detach'"
	expect "system: $1: a service with a root directory of its own" 0 "" \
		systemd-run -q --wait -p RootDirectory=/ -p PrivateMounts=yes -p TemporaryFileSystem=/opt \
		-p BindPaths="$work/a:/srv" -p MountAPIVFS=yes -p ProtectKernelTunables=yes -p PrivateDevices=yes true
	expect "system: $1: a sandboxed service writes a setting" 0 "" \
		systemd-run -q --wait -p ProtectSystem=strict -p PrivateTmp=yes -p ProtectHome=yes \
		sh -c 'cat /proc/sys/kernel/core_pattern >/work && cat /work >/proc/sys/kernel/core_pattern || exec sh -c "echo core >/proc/sys/kernel/core_pattern"'
	expect "system: $1: root writes one" 0 "" sysctl -q -w kernel.core_pattern=core
	expect "system: $1: and one of a device's" 0 "" sh -c 'cat /sys/kernel/mm/transparent_hugepage/enabled >/dev/null; echo 0 >/sys/module/printk/parameters/time'
	same "system: $1: the pins are where they were" yes "$(mountpoint -q /sys/fs/bpf && test -d /sys/fs/bpf/bpfgate && echo yes)"
}

# ---- somebody with a root directory of his own ----
setting=module/printk/parameters/time
pci=$(cd /proc && find bus/pci -type f -name '*.*' | head -n 1)
mount -t cgroup -o none,name=groups groups "$work/groups"
mount | grep -q debugfs || mount -t debugfs debugfs /sys/kernel/debug
tries() { # MODE RESULT: ok, or EPERM
	local how mount given file

	mount=$2 given=$2
	[[ $2 == ok ]] || mount="mount: $2" given="give: $2"
	for how in old new; do
		same "outsider: $1: core_pattern ($how)" "$2" "$(outsider $how proc - sys/kernel/core_pattern)"
		same "outsider: $1: device nodes ($how)" "$mount" "$(outsider $how devtmpfs - vda)"
		same "outsider: $1: a release agent, as an option ($how)" "$mount" \
			"$(outsider $how cgroup "none,name=$1-$how,release_agent=/x" release_agent)"
	done
	same "outsider: $1: modprobe" "$2" "$(outsider old proc - sys/kernel/modprobe)"
	same "outsider: $1: poweroff_cmd" "$2" "$(outsider old proc - sys/kernel/poweroff_cmd)"
	same "outsider: $1: what helpers may do" "$2" "$(outsider old proc - sys/kernel/usermodehelper/bset)"
	same "outsider: $1: binfmt_misc" "$2" "$(outsider old binfmt_misc - register)"
	same "outsider: $1: a module's parameters" "$2" "$(outsider old sysfs - module/printk/parameters/time)"
	same "outsider: $1: a device's settings" "$2" "$(outsider new sysfs - block/vda/queue/read_ahead_kb)"
	same "outsider: $1: debugfs" "$2" "$(outsider old debugfs - clear_warn_once)"
	same "outsider: $1: debugfs, made another user's" "$given" "$(outsider give debugfs - clear_warn_once)"
	same "outsider: $1: a setting, made another user's" "$given" "$(outsider give sysfs - "$setting")"
	chown 1 "/sys/$setting"
	same "outsider: $1: a setting that is another user's" "$2" "$(outsider old sysfs - "$setting")"
	chown 0 "/sys/$setting" /sys/kernel/debug/clear_warn_once
	chmod 644 "/sys/$setting"
	same "outsider: $1: a release agent, mounted again" "$mount" \
		"$(outsider again cgroup "none,name=groups,release_agent=/x" "$work/groups")"
	for file in sysrq-trigger irq/default_smp_affinity "$pci"; do
		same "outsider: $1: /proc/$file" "$2" "$(outsider old proc - "$file")"
	done
	same "outsider: $1: his own process" ok "$(outsider old proc - self/oom_score_adj)"
	same "outsider: $1: his own thread" ok "$(outsider old proc - thread-self/comm)"
	same "outsider: $1: another process" ok "$(outsider old proc - 1/task/1/comm)"
	same "outsider: $1: pressure, to be told of it" ok "$(outsider old proc - pressure/memory)"
	expect "outsider: $1: a user's own network, in a user namespace" 0 "^own$" as alice unshare -Ur unshare -nm sh -c \
		'mount -t sysfs none /usr/local && exec chroot /usr /bin/sh -c "
			: >>/local/devices/virtual/net/lo/ifalias && echo own"'
	same "outsider: $1: what is his own he may write" ok "$(outsider old proc - sys/net/ipv4/ip_forward)"
	same "outsider: $1: and other settings" ok "$(outsider old proc - sys/vm/swappiness)"
	same "outsider: $1: and mount" ok "$(outsider new tmpfs - .)"
}

modprobe binfmt_misc 2>/dev/null
policy_road | configure release
ordinary off
tries off ok

sysctl -q -w net.core.bpf_jit_enable=0
expect "system: programs that are interpreted make no gate, and it says so" 5 \
	"^bpfctl: the gate cannot be put up while the kernel interprets BPF programs: sysctl net.core.bpf_jit_enable=1$" bpfctl gate audit
same "system: and nothing of it is left" "" "$(ls /sys/fs/bpf/bpfgate)"
sysctl -q -w net.core.bpf_jit_enable=1
expect "system: audit" 0 "^audit$" bpfctl gate audit
before=$(total refused)
expect "system: audit: bpftool prog show" 0 "name gate_bpf" bpftool prog show
expect "system: audit: bpftool map show" 0 "name gate_config" bpftool map show
expect "system: audit: bpftool link show" 0 "lsm" bpftool link show
same "system: audit: root's tools raise no alarm" "$before" "$(total refused)"
tries audit ok
holds "system: audit: each is counted" test "$(count_of helper wouldBeRefused)" -ge 8
holds "system: audit: each is counted: devices" test "$(count_of device wouldBeRefused)" -ge 5
# Ten times one program, then another one by the same user: both are listed, with the units that they ran in.
cp "$bin/gate-attacker" "$work/noisy"
cp "$bin/gate-attacker" "$work/seldom"
systemd-run -q --wait --unit=noisy-unit sh -c "for i in 1 2 3 4 5 6 7 8 9 10; do '$work/noisy' load xdp; done"
systemd-run -q --wait --unit=seldom-unit "$work/seldom" load xdp
expect "system: audit: who would be refused is listed by program" 0 \
	"^  noisy \\(noisy-unit.service, uid 0\\): load of xdp: 0 refused, 10 would have been$" bpfctl gate
expect "system: audit: the others as well" 0 \
	"^  seldom \\(seldom-unit.service, uid 0\\): load of xdp: 0 refused, 1 would have been$" bpfctl gate
entry='^The gate would have refused user 0 \(process [0-9]+, "seldom"\) to load a program of type xdp, which is for bpfgated and PID 1\.$'
has_entry() {
	journalctl --sync
	journalctl -u bpfgated.service -o cat | grep -Eq -- "$entry"
}
holds "system: audit: and has an entry of its own" wait_for 20 has_entry

# While one call is carried out, another one waits for its turn, and its client does not wait for the answer: what
# he asked for is not done later. (Audit to enforce puts a new gate up, which takes its time.)
before=$(ls /sys/fs/bpf/bpfgate/gate)
bpfctl gate enforce >"$work/enforced" 2>&1 &
enforcer=$!
wait_for 60 test -d "/sys/fs/bpf/bpfgate/gate/$((1 - before))"
PYTHONPATH=$share/suite python3 -c 'from gatewire import Wire, message
wire = Wire()
wire.send(message({"method": "org.bpfgate.Gate.Gate", "parameters": {"mode": "off"}}))
wire.close()'
wait $enforcer
same "system: enforce" enforce "$(head -n 1 "$work/enforced")"
wait_for 60 daemon_idle
same "system: an \"off\" whose client has gone is not carried out later" enforce "$(bpfctl gate --json=short | jq -r .mode)"
[[ $(bpfctl gate --json=short | jq -r .mode) == enforce ]] || bpfctl gate enforce
before=$(total refused)
expect "system: enforce: bpftool prog show" 0 "name gate_bpf" bpftool prog show
expect "system: enforce: bpftool map show" 0 "name gate_config" bpftool map show
same "system: enforce: root's tools raise no alarm" "$before" "$(total refused)"
ordinary enforce
same "system: enforce: of ordinary mounts none was refused" 0 "$(count_of mount refused)"
tries enforce EPERM
user_gate() {
	as alice bpfctl run "$share/bundles/execwatch.bpfb" --duration 1
}
expect "system: enforce: signed bundles load" 0 "" user_gate

# What is still refused: the places that the pins hang in, by their copies as well.
mount --rbind /sys "$work/chroot/sys" # not made a slave: what goes here goes there
expect "system: enforce: a copy that passes on is not taken down" 32 "" umount "$work/chroot/sys/fs/bpf"
expect "system: enforce: nor lazily" 32 "" umount -l "$work/chroot/sys"
expect "system: enforce: nor covered" 32 "" mount -t tmpfs none "$work/chroot/sys/fs"
mount --make-rslave "$work/chroot/sys"
expect "system: enforce: made a slave, it is" 0 "" umount -R "$work/chroot/sys"
expect "system: enforce: the bpffs" 32 "" umount /sys/fs/bpf
expect "system: enforce: lazily" 32 "" umount -l /sys/fs/bpf
expect "system: enforce: /sys, lazily" 32 "" umount -l /sys
expect "system: enforce: /sys/fs is not covered" 32 "" mount -t tmpfs none /sys/fs
expect "system: enforce: nor by a bind mount" 32 "" mount --bind "$work/a" /sys/fs/bpf
expect "system: enforce: /sys is not moved" 32 "" mount --move /sys "$work/fresh"

expect "system: off" 0 "^off$" bpfctl gate off
rm "$units/$unit_of_mount"
systemctl daemon-reload
tap_end
