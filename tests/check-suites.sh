# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # tests/check sets what they use
#
# Sourced by tests/check: which suites there are, what each runs, and what decides its outcome.
#
# suite NAME CORES "INPUT..." COMMAND... adds one. CORES is how many of the two processors it keeps busy: a suite that
# needs both, because of its time limits or its threads, has them for itself. tests/check-kept.sh says what an INPUT is.

# The suites that run in a guest are an input by themselves, each of its own.
guest_inputs="image files:tests/vm/run files:tests/vm/guest files:tests/vm/kernel files:tests/vm/image files:tests/vm/suite/run
	files:tests/vm/suite/common.sh files:tests/vm/suite/*.py files:tests/vm/suite/valgrind.supp files:tests/share files:tests/token.sh files:lib files:daemon files:client files:bpf
	files:systemd files:policy files:meson.build files:meson_options.txt files:tests/unit files:tests/bench"

# guest [--steady] [--append WORDS] KERNEL BUILD SUITE...: the suites in one guest with systemd, told which contract
# to expect: the patched kernel speaks v2. Once more, if the guest died of an int3 that nobody handled: emulated CPUs
# can meet the kernel's own breakpoint while it patches its code.
guest() {
	local options=() kernel build try status errors=$folder/guest-errors

	while [[ $1 == --* ]]; do
		case $1 in
		--steady) options+=(--steady) ;;
		--append)
			options+=(--append "$2")
			shift
			;;
		esac
		shift
	done
	kernel=$1 build=$2
	shift 2
	for try in 1 2 3; do
		rm -f "$folder/times"
		tests/vm/run --kernel "$kernel" "${options[@]}" --systemd --build "$build" --share "$share" --timeout "$guest_limit" -- \
			env "BPFGATE_PATIENCE=$patience" bash /mnt/share/suite/run "${kernel/#patched*/v2}" "$@" \
			2>"$errors" | stamp "$folder/times" >"$folder/guest"
		status=${PIPESTATUS[0]}
		if [[ $status -ne 125 || $try -eq 3 ]] || ! grep -q 'Oops: int3' "$errors"; then
			break
		fi
		say "the emulator failed (Oops: int3); the same again in a new guest"
		echo "Oops: int3 of the emulator" >>"$BPFGATE_RETRIES"
	done
	cat "$folder/guest"
	cat "$errors" >&2
	return "$status"
}

# unit BUILD: every cmocka program, as many at a time as there are processors.
unit() {
	local build=$1 status=0

	find "$build/tests/unit" -maxdepth 1 -name 'test-*' -type f -perm -u+x -print0 | sort -z |
		xargs -0 -P "$(nproc)" -I{} bash -c "$(declare -f unit_one)"'; unit_one "$@"' unit_one {} "$folder" || status=1
	cat "$folder"/unit-*
	return "$status"
}

# unit_one PROGRAM FOLDER: its results and its time go to files of its own.
# shellcheck disable=SC2317 # called by xargs
unit_one() {
	local program=$1 name=${1##*/} rc=0 start=${EPOCHREALTIME/[.,]/}

	CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 "$program" >"$2/unit-$name" 2>&1 </dev/null || rc=$?
	printf '%d\t%s\n' $(((${EPOCHREALTIME/[.,]/} - start) / 1000)) "$name" >>"$2/times"
	# One that says why it cannot run here.
	if [[ $rc -eq 77 ]]; then
		printf 'ok - %s # SKIP %s\n' "$name" "$(tail -n 1 "$2/unit-$name" | sed 's/.*# SKIP //')" >"$2/skipped-$name"
		mv "$2/skipped-$name" "$2/unit-$name"
		return 0
	fi
	[[ $rc -eq 0 ]] || printf 'not ok - %s: exit status %d\n' "$name" $rc >>"$2/unit-$name"
	return $rc
}

# What a guest of the patched kernel gets beside the others' bundles: one signed by the key in its builtin keyring.
share_builtin() {
	[[ -e $share/keys/builtin.release ]] || tests/share --builtin "$patched_folder" build "$share" >/dev/null ||
		die 1 "no bundle of the builtin key"
}

guest_patched() {
	guest --append "$patched_append" "$@"
}

conformance() {
	local status=0

	tests/kernel/conformance --kernel "$patched" --tries "$tries" --out "$folder/answers" \
		--builtin-key "$patched_folder/builtin.key" --builtin-cert "$patched_folder/builtin.pem" || status=$?
	[[ -z ${BPFGATE_CHECK_LOG:-} || ! -f $folder/answers/table.txt ]] || cp "$folder/answers/table.txt" "$BPFGATE_CHECK_LOG/"
	return "$status"
}

stress() {
	tests/kernel/stress --kernel "$patched" --seconds "$stress_seconds" | tee "$folder/notes"
	return "${PIPESTATUS[0]}"
}

# Signatures and task work, each without the other.
kernel_parts() {
	local part status=0

	for part in signing task-work; do
		kernel-patches/check-series --series "$part" --only apply || status=$?
	done
	return "$status"
}

part_style() {
	suite style 1 "files:*" tests/style
	suite "this check" 1 "files:tests/check* files:tests/tap.sh files:tests/lib.sh" tests/check-self
}

part_unit() {
	suite unit 2 "files:lib files:daemon files:client files:bpf files:policy files:tests/unit files:meson.build unit:build build:build" \
		unit build
}

part_sanitize() {
	suite "unit, sanitized" 2 "files:lib files:daemon files:client files:bpf files:policy files:tests/unit files:meson.build
		unit:build-sanitize build:build-sanitize" unit build-sanitize
}

part_verify() {
	local inputs="build:build files:lib files:client files:bpf files:tests/publisher files:tests/signing files:tests/every-byte
		files:tests/token.sh files:tests/share files:tests/vm/suite"

	suite publisher 1 "$inputs files:policy" tests/publisher build
	suite signing 1 "$inputs" tests/signing build
	suite "every byte" 2 "$inputs" tests/every-byte build "$share"
}

part_patches() {
	local served

	# Without an answer of the mirror nothing is kept.
	served=$(kernel-patches/check-series --print-sources 2>/dev/null | tr ' \n' '::') || served=mirror
	suite "kernel patches" 1 "files:kernel-patches ${served:-mirror}" kernel-patches/check-series --only apply --only checkpatch
	suite "kernel patches, in parts" 1 "files:kernel-patches ${served:-mirror}" kernel_parts
	suite "kernel sources" 1 "files:kernel-patches files:tests/kernel/sources mirror" tests/kernel/sources
}

# What asks nothing of the contract (refusals, policy, trust, stages) runs on one kernel; the first three once sanitized.
part_guest-v2() {
	local inputs="kernel:v2 build:build $guest_inputs"

	suite "policy and trust, v2" 1 "$inputs" guest v2 build 20-refusals 25-policy 25-trust 25-signers 30-bytes
	suite "gate, v2" 1 "$inputs" guest --steady v2 build 55-gate
	suite "guest v2" 1 "$inputs" guest v2 build 10-road 35-attest 35-openings 36-effects 40-confine 41-load-child 42-kept-maps 45-stages \
		60-bpftool 65-taskwork
	suite "ordinary systems, v2" 1 "$inputs" guest --steady v2 build 58-gate-system
	suite "sandbox, restart and faults, v2" 1 "$inputs" guest v2 build 59-sandbox 73-restart 72-faults
	suite "pressure, v2" 2 "$inputs" guest v2 build 71-pressure
	suite "gate at boot, v2" 1 "$inputs" guest --steady --append vm.early=bpfgate-gate.service v2 build 58-gate-boot
	suite "attach kinds, v2" 1 "$inputs" guest --steady v2 build 80-kinds
	suite "no gate, v2" 1 "$inputs" guest --steady --append "lsm=capability,landlock" v2 build 56-gate-absent
}

part_guest-v1() {
	local inputs="kernel:v1 build:build $guest_inputs"

	suite "gate, v1" 1 "$inputs" guest --steady v1 build 55-gate
	suite "guest v1" 1 "$inputs" guest v1 build 10-road 35-attest 36-effects 40-confine 41-load-child 42-kept-maps 65-taskwork
	suite "attach kinds, v1" 1 "$inputs" guest --steady v1 build 80-kinds
}

part_guest-patched() {
	local inputs="kernel:$patched build:build $patched_append $patience $guest_inputs"

	suite "gate, $patched" 1 "$inputs" guest_patched --steady "$patched" build 55-gate
	suite "guest $patched" 1 "$inputs" guest_patched "$patched" build "${patched_suites[@]}"
	suite "attach kinds, $patched" 1 "$inputs" guest_patched --steady "$patched" build 80-kinds
}

# The kernel by itself: nothing of the daemon is in it.
kernel_inputs="image files:tests/kernel files:tests/vm/run files:tests/vm/guest files:tests/vm/kernel files:tests/vm/image"

part_conformance() {
	suite "comparing pairs" 1 "files:tests/kernel" tests/kernel/compare-pairs-test
	suite conformance 1 "kernel:v2 kernel:$patched kernel-programs:build $tries $kernel_inputs" conformance
}

# Debian's own 6.12 stands for 6.12 without the patches: nothing has to be built for it.
part_pairs() {
	suite pairs 1 "kernel:v2 kernel:$patched kernel:lts kernel-programs:build $kernel_inputs" \
		tests/kernel/pairs --kernel "$patched" --lts lts
}

part_fuzz() {
	suite fuzz 1 "build:build files:lib files:daemon files:tests/fuzz files:tests/unit files:meson.build" tests/fuzz/run
}

part_stress() {
	suite "stress, $patched" 2 "kernel:$patched kernel-programs:build $stress_seconds $kernel_inputs" stress
}

part_hooks() {
	local inputs="build:build-hooks $guest_inputs"

	suite "the kernel alone, v2" 1 "kernel:v2 $inputs" guest v2 build-hooks 50-kernel-alone
	suite "the kernel alone, v1" 1 "kernel:v1 $inputs" guest v1 build-hooks 50-kernel-alone
	suite "the kernel alone, $patched" 1 "kernel:$patched $inputs" guest "$patched" build-hooks 50-kernel-alone
	suite "gate and loaders, v2" 1 "kernel:v2 $inputs" guest --steady v2 build-hooks 57-gate-loader
	suite "gate and loaders, $patched" 1 "kernel:$patched $inputs" guest --steady "$patched" build-hooks 57-gate-loader
	suite "slow loads, v2" 2 "kernel:v2 $inputs" guest v2 build-hooks 70-slow
	suite "no hooks in a release" 1 "build:build build:build-hooks files:tests/no-hooks" tests/no-hooks build build-hooks
}

# Not part of a whole run: under valgrind no load came to its end when this was last tried.
part_unfinished() {
	suite leaks 1 "kernel:v2 build:build-hooks $guest_inputs" guest v2 build-hooks 90-leaks
}

part_guest-sanitize() {
	suite "guest v2, sanitized" 1 "kernel:v2 build:build-sanitize $guest_inputs" \
		guest v2 build-sanitize 10-road 20-refusals 25-policy 25-signers 25-trust 30-bytes
}
