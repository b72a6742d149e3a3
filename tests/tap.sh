# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Results in the Test Anything Protocol's manner, on the host and in the guest: "ok - NAME",
# "not ok - NAME" with what was seen behind "#", "ok - NAME # SKIP REASON". tests/check counts them.

tap_failed=0

tap_ok() {
	printf 'ok - %s\n' "$1"
}

# tap_not_ok NAME DETAIL...
tap_not_ok() {
	printf 'not ok - %s\n' "$1"
	shift
	printf '%s\n' "$@" | sed 's/^/#   /'
	tap_failed=$((tap_failed + 1))
}

tap_skip() {
	printf 'ok - %s # SKIP %s\n' "$1" "$2"
}

# has_line REGEX TEXT: does a line of TEXT match the extended REGEX? As grep -E, without a process where it is short.
has_line() {
	local line

	if [[ ${#2} -gt 4096 ]]; then
		grep -Eq -- "$1" <<<"$2"
		return
	fi
	while IFS= read -r line; do
		[[ ! $line =~ $1 ]] || return 0
	done <<<"$2"
	return 1
}

# expect NAME STATUS REGEX COMMAND...: passes if COMMAND ends with exactly STATUS and its output
# (stdout and stderr) has a line that matches the extended REGEX. The output is left in $output.
output=
expect() {
	local name=$1 status=$2 regex=$3 rc=0

	shift 3
	output=$("$@" 2>&1 </dev/null) || rc=$?
	if [[ $rc -ne $status ]]; then
		tap_not_ok "$name" "exit status $rc, expected $status: $*" "$output"
		return 1
	fi
	if ! has_line "$regex" "$output"; then
		tap_not_ok "$name" "no line matches: $regex" "$output"
		return 1
	fi
	tap_ok "$name"
}

# same NAME EXPECTED ACTUAL
same() {
	if [[ $2 == "$3" ]]; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "expected: $2" "actual:   $3"
	fi
}

# holds NAME COMMAND...: passes if COMMAND succeeds.
holds() {
	local name=$1 rc=0

	shift
	output=$("$@" 2>&1 </dev/null) || rc=$?
	if [[ $rc -eq 0 ]]; then
		tap_ok "$name"
	else
		tap_not_ok "$name" "exit status $rc: $*" "$output"
	fi
}

# By how much longer everything may take: more than 1 on a kernel that checks itself.
patience=${BPFGATE_PATIENCE:-1}

# wait_for SECONDS COMMAND...: until COMMAND succeeds; its status otherwise.
wait_for() {
	local until=$((SECONDS + $1 * patience))

	shift
	until "$@" >/dev/null 2>&1; do
		[[ $SECONDS -lt $until ]] || return 1
		sleep 0.1
	done
}

prints() { # VALUE COMMAND...
	[[ $("${@:2}") == "$1" ]]
}

# settles NAME VALUE COMMAND...: that is what COMMAND prints, if not at once then soon: what is closed the kernel
# frees later.
settles() {
	wait_for 10 prints "${@:2}"
	same "$1" "$2" "$("${@:3}")"
}

# tap_end: the exit status of a suite.
tap_end() {
	[[ $tap_failed -eq 0 ]]
}
