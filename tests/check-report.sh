# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # tests/check sets what they use
#
# Sourced by tests/check: counts results and says what matters at the end, where a log that is cut still has it.

passed=0 failed=0 skipped=0

slug() {
	tr -c 'a-z0-9\n' - <<<"$1"
}

# stamp FILE: copies standard input; FILE gets a line for each result, with the milliseconds since the one before.
stamp() {
	local line now last=${EPOCHREALTIME/[.,]/}

	while IFS= read -r line; do
		printf '%s\n' "$line"
		if [[ $line =~ ^[[:space:]]*(not )?ok\ +(-\ )?(.*) ]]; then
			now=${EPOCHREALTIME/[.,]/}
			printf '%d\t%s\n' $(((now - last) / 1000)) "${BASH_REMATCH[3]}" >>"$1"
			last=$now
		fi
	done
}

# numbers FILE: sets $ok, $bad and $skip to the results in it.
numbers() {
	skip=$(grep -cE '^\s*ok .*# SKIP' "$1")
	ok=$(($(grep -cE '^\s*ok ' "$1") - skip))
	bad=$(grep -cE '^\s*not ok ' "$1")
}

# row_line NAME PASSED FAILED SKIPPED TIME: for the screen and the table at the end.
row_line() {
	printf '%-24s %5d passed, %d failed, %d skipped (%s)\n' "$@" | tee -a "$work/table"
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
}

# report NAME STATUS FOLDER SECONDS: adds up what a suite wrote; one that failed or said nothing, and shows no failed
# test, is a failed test itself. Sets $ok, $bad and $skip.
report() {
	local name=$1 status=$2 folder=$3 seconds=$4

	if [[ $status -eq 77 ]]; then
		printf 'ok - %s # SKIP %s\n' "$name" "$(tail -n 1 "$folder/errors")" >>"$folder/output"
		status=0
	elif [[ $status -ne 0 ]]; then
		sed 's/^/#   /' "$folder/errors" | tail -n 40 >>"$folder/output"
	fi
	numbers "$folder/output"
	if [[ $bad -eq 0 && ($status -ne 0 || $((ok + skip)) -eq 0) ]]; then
		bad=1
		{
			printf 'not ok - %s ended with status %s\n' "$name" "$status"
			tail -n 30 "$folder/errors" | sed 's/^/#   /'
		} >>"$folder/output"
	fi
	printf '== %s\n' "$name"
	# A failed test with what it saw, and each skip with its reason; the rest is a number.
	awk '/^[ \t]*not ok / { print; show = 1; next }
		/^[ \t]*ok .*# SKIP/ { print; show = 0; next }
		/^#|^[ \t]+#/ { if (show) print; next }
		{ show = 0 }' "$folder/output" | tee "$folder/shown"
	[[ ! -s $folder/notes ]] || sed 's/^/#   /' "$folder/notes"
	awk -v name="$name" '/^[ \t]*not ok / { sub(/^[ \t]*/, ""); print name ": " $0; show = 1; next }
		/^[ \t]*ok / { show = 0 }
		show' "$folder/shown" >>"$work/failures"
	[[ ! -f $folder/times ]] || sed "s/\$/ ($name)/" "$folder/times" >>"$work/times"
	[[ ! -f $folder/retries ]] || sed "s/^/$name: /" "$folder/retries" >>"$work/retries"
	[[ -z ${BPFGATE_CHECK_LOG:-} ]] || cp "$folder/output" "$BPFGATE_CHECK_LOG/$(slug "$name").log"
	row_line "$name" "$ok" "$bad" "$skip" "$seconds s"
}

# report_retries: a guest that had to be started again is a fault of the emulator; many are one of ours.
report_retries() {
	local count=0 most=2

	[[ ! -s $work/retries ]] || count=$(wc -l <"$work/retries")
	if [[ $count -gt $most ]]; then
		printf 'not ok - retries: %d, at most %d\n' "$count" $most | tee -a "$work/failures"
		sed 's/^/#   /' "$work/retries" | head -n 20 | tee -a "$work/failures"
		row_line retries 0 1 0 "$count of at most $most"
	else
		[[ $count -eq 0 ]] || sed 's/^/retried: /' "$work/retries"
		row_line retries 1 0 0 "$count of at most $most"
	fi
}

# report_failures LINES: every failed test, and as much of what each printed as fits into so many lines.
report_failures() {
	local count each

	[[ -s $work/failures ]] || return 0
	count=$(grep -cE '(^|: )not ok ' "$work/failures")
	each=$((($1 - count) / (count > 0 ? count : 1)))
	printf '== failed: %d\n' "$count"
	awk -v each="$each" '/(^|: )not ok / { left = each; print substr($0, 1, 300); next }
		left > 0 { left--; print substr($0, 1, 300) }' "$work/failures" | head -n "$1"
}

# report_end: the tables, then what failed, then the sum.
report_end() {
	report_retries
	if [[ -s $work/times ]]; then
		printf '== the ten slowest tests\n'
		sort -rn "$work/times" | head -n 10 | awk -F '\t' '{ printf "%7.1f s  %s\n", $1 / 1000, substr($2, 1, 110) }'
	fi
	printf '== all suites (%d s)\n' "$SECONDS"
	cat "$work/table"
	report_failures 60
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
}
