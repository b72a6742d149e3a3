# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # tests/check sets what they use
#
# Sourced by tests/check: results that are kept. A suite whose every input has the same digest as when it last
# passed on this machine need not run again.
#
# A suite names its inputs, a word each:
#
#   files:PATTERN   sources, scripts and data of the tree, as git knows a path; untracked ones as well
#   build:DIR       what is installed from DIR and what runs in guests: programs, BPF objects, bundles
#   unit:DIR        the unit tests there with their shared libraries
#   kernel:NAME     a kernel of tests/vm/kernel
#   image           the guest's root
#   mirror          what Debian serves now: a suite that asks it is never kept
#   seconds:N, ...  any other word stands for itself
#
# The packages that tests/setup installs are an input of all. Entries are in $cache_dir/kept, named after the suite
# and the digest of its inputs; a failure or a skip is never kept.

kept_dir=$cache_dir/kept

# kept_setup: what stays the same during a run.
kept_setup() {
	local package packages=()

	while read -r package; do
		packages+=("$package")
	done < <("$tests_dir/setup" --print-packages)
	{
		dpkg-query -W -f '${Package} ${Version} ${Architecture}\n' "${packages[@]}" libc6 gcc 2>/dev/null
		libbpf_pkgconfig
		uname -m
	} | sha256sum >"$work/tools"
	mkdir -p "$kept_dir" "$work/inputs"
	find "$kept_dir" -mindepth 1 -maxdepth 1 -mtime +14 -exec rm -rf {} +
}

# kept_files PATTERN...
kept_files() {
	git -C "$source_dir" ls-files -z --cached --others --exclude-standard -- "$@" |
		sort -zu | (cd "$source_dir" && xargs -0r sha256sum --)
}

# kept_binaries FOLDER...: what a build put there, by its path in the build folder.
kept_binaries() {
	local build=$1

	shift
	(cd "$build" && find "$@" -type f \( -perm -u+x -o -name '*.bpf.o' -o -name '*.bpfb' -o -name '*.bpf' -o -name '*.so' \) \
		! -path '*.p/*' -print0 2>/dev/null | sort -z | xargs -0r sha256sum --)
}

# kept_kernel NAME: fails if there is none yet. Which one it is, is asked once a run; of what was built from
# kernel-patches/, these files are an input themselves.
kept_kernel() {
	local name=$1 new=$work/kernel-$1.$BASHPID folder

	if [[ ! -s $work/kernel-$name ]]; then
		"$tests_dir/vm/kernel" "$name" >"$new" 2>/dev/null || return 1
		mv "$new" "$work/kernel-$name"
	fi
	read -r folder <"$work/kernel-$name"
	printf 'kernel %s %s\n' "$name" "${folder##*/}"
	(cd "$folder" && sha256sum -- vmlinuz initramfs.cpio cmdline)
	case $name in *patched*) kept_files kernel-patches ;; esac
}

kept_image() {
	local image new=$work/image-digest.$BASHPID

	image=$("$tests_dir/vm/image" 2>/dev/null) || return 1
	# Two gigabytes: once a run, unless it was written to.
	if [[ ! -f $work/image-digest || $image -nt $work/image-digest ]]; then
		sha256sum <"$image" >"$new"
		mv "$new" "$work/image-digest"
	fi
	printf 'image %s ' "${image#"$cache_dir"}"
	cat "$work/image-digest"
}

# kept_input WORD: that input's lines.
kept_input() {
	case $1 in
	files:*) kept_files "${1#files:}" ;;
	build:*) kept_binaries "${1#build:}" daemon client bpf tests/vm tests/bench ;;
	kernel-programs:*) kept_binaries "${1#kernel-programs:}" tests/kernel ;;
	unit:*) kept_binaries "${1#unit:}" tests/unit ;;
	kernel:*) kept_kernel "${1#kernel:}" ;;
	image) kept_image ;;
	mirror) return 1 ;;
	*) printf 'word %s\n' "$1" ;;
	esac
}

# kept_key NAME COMMAND WORD...: prints the digest of the inputs; nothing if one of them is not there.
kept_key() {
	local name=$1 command=$2 word list

	shift 2
	list=$(
		printf 'suite %s\ncommand %s\n' "$name" "$command"
		cat "$work/tools"
		declare -f guest guest_patched share_builtin unit unit_one conformance stress
		kept_files tests/check tests/check-kept.sh tests/tap.sh tests/lib.sh tests/build tests/setup
		for word; do
			printf 'input %s\n' "$word"
			kept_input "$word" || exit 1
		done
	) || return 0
	printf '%s\n' "$list" >"$work/inputs/$(slug "$name")"
	sha256sum <<<"$list" | cut -d ' ' -f 1
}

# kept_find NAME KEY: prints the folder of the kept result, if there is one.
kept_find() {
	local entry

	entry=$kept_dir/$(slug "$1")-$2
	[[ -n $2 && -s $entry/passed ]] && printf '%s\n' "$entry"
}

# kept_store NAME KEY PASSED: only what passed, whole, is stored.
kept_store() {
	local entry new

	[[ -n $2 ]] || return 0
	entry=$kept_dir/$(slug "$1")-$2
	new=$(mktemp -d "$kept_dir/.new-XXXXXX")
	printf '%d\n' "$3" >"$new/passed"
	date '+%F %T' >"$new/date"
	cp "$work/inputs/$(slug "$1")" "$new/inputs"
	rm -rf "$entry"
	mv -T "$new" "$entry" 2>/dev/null || rm -rf "$new"
}
