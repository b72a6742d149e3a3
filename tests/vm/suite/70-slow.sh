# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# While slow loads run, other clients are answered and can load; nobody can take all the room. The build with hooks
# ends a load after two thirds of the time that others allow it.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

deadline=60
if grep -aq BPFGATE_TEST_LOAD_SECONDS /usr/lib/bpfgate/bpfgated; then
	deadline=$((40 * patience))
	mkdir -p /run/systemd/system/bpfgated.service.d
	printf '[Service]\nEnvironment=BPFGATE_TEST_LOAD_SECONDS=%d\n' $deadline >/run/systemd/system/bpfgated.service.d/60-slow.conf
	systemctl daemon-reload
fi
configure release <<-'END'
	{ "rules": [ { "name": "anything of ours", "effect": "allow", "subjects": { "users": ["alice", "bob"] },
	  "bundles": ["*"], "signatures": { "signers": ["release.pem"] },
	  "grant": ["none", "events", "read"], "lifetime": ["session", "persistent"] } ] }
END
slow_loads=4 # as many as a user may have at a time
as alice bpfctl status >/dev/null
pid=$(daemon_pid)
wait_for 30 daemon_idle
before=$(daemon_holds)
programs=$(bpf_ids prog) maps=$(bpf_ids map)

# children COUNT: has the daemon so many processes that load?
children() {
	[[ $(pgrep -c -P "$pid") -eq $1 ]]
}

# within NAME SECONDS STATUS REGEX COMMAND...: as expect, and in time. The output is left in $answer.
answer=
within() {
	local name=$1 limit=$(($2 * patience)) start took

	shift 2
	start=${EPOCHREALTIME/[.,]/}
	expect "$name" "$@"
	answer=$output
	took=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
	holds "$name, within $limit seconds ($took ms)" test $took -lt $((limit * 1000))
}

# Loaders that keep the verifier busy until the deadline of a load is over.
started=$SECONDS
for i in $(seq $slow_loads); do
	as alice bpfctl load "$share/hand/loop.bpfb" >"$work/slow.$i" 2>&1 &
	slow[i]=$!
done
holds "slow: $slow_loads slow loads are under way" wait_for 20 children $slow_loads
within "slow: one more of the same user is refused" 3 1 "under way.*try again later" \
	as alice bpfctl load "$share/hand/loop.bpfb"
within "slow: the user himself gets the status" 3 0 "Contract" as alice bpfctl status
within "slow: another user gets the status" 3 0 "Contract" as bob bpfctl status
# It shares two emulated CPUs with four verifiers.
within "slow: another user loads" 10 0 "^[0-9a-f]{16}$" as bob bpfctl load "$share/bundles/execwatch.bpfb"
within "slow: and unloads" 10 0 "" as bob bpfctl unload "$answer"
for i in $(seq 20); do
	as bob bpfctl status >"$work/many.$i" 2>&1 &
	many[i]=$!
done
failed=0
for i in $(seq 20); do
	wait "${many[i]}" || failed=$((failed + 1))
done
same "slow: 20 at once are answered" 0 $failed
holds "slow: all the while the slow loads ran on" children $slow_loads

for i in $(seq $slow_loads); do
	wait "${slow[i]}"
	same "slow: load $i ends as one that the kernel refused" 5 $?
	expect "slow: and says why" 0 "load.*did not end in time" cat "$work/slow.$i"
done
took=$((SECONDS - started))
holds "slow: after the deadline, and not much later ($took s)" test $took -ge $((deadline - 5)) -a $took -le $((deadline + 30 * patience))
expect "slow: then the user can load again" 0 "^[0-9a-f]{16}$" as alice bpfctl load "$share/bundles/execwatch.bpfb"
expect "slow: and unload" 0 "" as alice bpfctl unload "$output"
settled() {
	[[ $(daemon_holds) == "$before" ]]
}
wait_for 30 settled
same "slow: the daemon is the same" "$pid" "$(daemon_pid)"
same "slow: and holds what it held before" "$before" "$(daemon_holds)"
settles "slow: programs in the kernel" "$programs" bpf_ids prog
settles "slow: maps in the kernel" "$maps" bpf_ids map
tap_end
