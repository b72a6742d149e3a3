# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# Sourced, after tests/lib.sh, by the scripts here: Debian's source of Linux 6.12, the series, pahole,
# the builtin test key, and a build in a tree of its own.
#
# What a function here finds it leaves in a variable. They are called as plain commands, not in conditions nor in
# $(): there the shell would go on after a command that failed.

patches_dir=${source_dir:?}/kernel-patches
# series_choose chooses another.
series_file=$patches_dir/series
linux_package=linux-source-6.12
linux_config_package=linux-config-6.12
# Always the same path: it is in the debug information, and another path is another file to ccache.
build_dir=${cache_dir:?}/kernel-build
tree=$build_dir/linux
compiler=gcc
ccache_size=8G

# The suites that serve a source of Linux 6.12: of Debian 13, where "newest" is taken from; and of Debian 12.
debian_13=(trixie trixie-updates trixie-security)
debian_12=(bookworm-security bookworm-backports)

# linux_newest SUITE: "VERSION SHA256 SHA256" of the newest source package there and of its configurations; an empty
# line if there is none. Fails if the mirror does not answer.
linux_newest() {
	local names index

	names=$(apt_private "linux-$1" "$1" -- apt-cache pkgnames linux-source-6.12) || return 1
	if ! grep -qx linux-source-6.12 <<<"$names"; then
		echo
		return
	fi
	index=$(apt_private "linux-$1" "$1" -- apt-cache --no-all-versions show \
		linux-source-6.12 linux-config-6.12) || return 1
	printf '%s %s\n' "$(sed -n 's/^Version: //p' <<<"$index" | head -n 1)" \
		"$(sed -n 's/^SHA256: //p' <<<"$index" | tr '\n' ' ')"
}

# linux_find SUITE: sets $linux_suite, $linux_version, $linux_digest and $linux_config_digest. Ends with 77 if that
# suite has no such package, with 1 if the mirror does not answer.
linux_find() {
	local answer

	linux_suite=$1
	# No answer's name may be the beginning of another's: daily removes by that.
	answer=$(daily "source-$1-linux" linux_newest "$1") || return 1
	read -r linux_version linux_digest linux_config_digest <<<"$answer"
	[ -n "$linux_version" ] || return 77
	[[ $linux_digest =~ ^[0-9a-f]{64}$ ]]
}

# linux_find_newest SUITE...: the same for the suite among them that has the newest. Ends with 1 if one of them cannot be
# asked, as the newest may be there.
linux_find_newest() {
	local suite status newest_suite='' newest_version=''

	for suite; do
		status=0
		linux_find "$suite" || status=$?
		[ $status -eq 77 ] && continue
		[ $status -eq 0 ] || return 1
		if [ -z "$newest_suite" ] || dpkg --compare-versions "$linux_version" gt "$newest_version"; then
			newest_suite=$suite newest_version=$linux_version
		fi
	done
	[ -n "$newest_suite" ] || return 77
	linux_find "$newest_suite"
}

# linux_find_13: the newest that Debian 13 has.
linux_find_13() {
	linux_find_newest "${debian_13[@]}" ||
		die 77 "the Debian mirror has no package $linux_package in ${debian_13[*]}, or does not answer for one of them"
	say "the newest of ${debian_13[*]}: $linux_package $linux_version, from $linux_suite"
}

# linux_fetch: sets $linux_tar, the tree that linux_find found as a .tar.zst: xz takes ten times as long to unpack.
linux_fetch() {
	local entry

	entry=$(cache_entry linux-source "$(digest -- "$(declare -f linux_fetch_source)" "$linux_digest")" \
		linux_fetch_source)
	linux_tar=$entry/linux.tar.zst
}

# linux_download PACKAGE SHA256: leaves package.deb in the current folder.
linux_download() {
	apt_private "linux-$linux_suite" "$linux_suite" -- apt-get -q download "$1=$linux_version"
	mv "./$1"_*.deb package.deb
	sha256sum --quiet -c <<<"$2  package.deb"
}

linux_fetch_source() {
	cd "$1" || return
	step "fetching $linux_package $linux_version (150 MB)" \
		linux_download "$linux_package" "$linux_digest"
	step "recompressing it" bash -c "set -o pipefail
		dpkg-deb --fsys-tarfile package.deb | tar -xO ./usr/src/$linux_package.tar.xz |
			xz -dc | zstd -q -T0 -o linux.tar.zst"
	rm package.deb
}

# series_parts: the parts of the series that can be taken by themselves: NAME for each series.NAME.
series_parts() {
	find "$patches_dir" -maxdepth 1 -name 'series.*' -printf '%f\n' | sed 's/^series\.//' | sort
}

# series_choose NAME: series() is of that part from now on. False if there is none.
series_choose() {
	series_parts | grep -qxF -e "$1" || return 1
	series_file=$patches_dir/series.$1
}

# series [COUNT]: the paths of the patches, in order; all of them or the first COUNT.
series() {
	awk -v count="${1:-99999}" -v dir="$patches_dir" '
		{ sub(/#.*/, "") }
		NF && ++n <= count { print dir "/" $1 }' "$series_file"
}

# patch_apply TREE PATCH: exactly, or not at all. Lines may have moved; what is around them must be the same.
patch_apply() {
	patch -d "$1" -p1 -F0 --no-backup-if-mismatch --forward --reject-file=- <"$2"
}

# pahole_find: sets $pahole to one that writes the kfuncs' declaration tags, 1.26 or newer: the
# system's, or else Debian 13's with the libraries it wants.
pahole_find() {
	local version answer entry parts=(pahole libbpf1 libdw1t64 libelf1t64 libc6 zlib1g libzstd1
		liblzma5 libbz2-1.0)

	version=$(pahole --version 2>/dev/null) || version=v0
	if dpkg --compare-versions "${version#v}" ge 1.26; then
		pahole=$(command -v pahole)
		return
	fi
	answer=$(daily pahole pahole_packages "${parts[@]}")
	# shellcheck disable=SC2086 # words are what pahole_build wants
	entry=$(cache_entry pahole "$(digest -- "$(declare -f pahole_build)" "$answer")" pahole_build $answer)
	pahole=$entry/pahole
}

# pahole_packages NAME...: "NAME=VERSION SHA256" of each.
pahole_packages() {
	local name index

	for name; do
		index=$(apt_private linux-trixie trixie -- apt-cache --no-all-versions show "$name:amd64") || return 1
		sed -n "s/^Version: /$name=/p; s/^SHA256: //p" <<<"$index" | tr '\n' ' '
	done
}

# pahole_build DIR NAME=VERSION SHA256...
pahole_build() {
	local dir=$1 file packages=() work=$1.work

	shift
	mkdir "$work"
	# shellcheck disable=SC2064 # the path as it is now
	trap "rm -rf '$work'" EXIT
	cd "$work" || return
	while [ $# -gt 0 ]; do
		packages+=("$1")
		printf '%s\n' "$2" >>wanted
		shift 2
	done
	step "fetching ${packages[0]} of Debian 13 (the one here writes no declaration tags)" \
		apt_private linux-trixie trixie -- apt-get -q download "${packages[@]}"
	sha256sum ./*.deb | cut -d ' ' -f 1 | sort | diff - <(sort wanted)
	for file in ./*.deb; do
		dpkg-deb -x "$file" "$dir/root"
	done
	cat >"$dir/pahole" <<-'END'
		#!/bin/sh
		lib=$(dirname "$(readlink -f "$0")")/root/usr/lib/x86_64-linux-gnu
		exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$lib/../../bin/pahole" "$@"
	END
	chmod 755 "$dir/pahole"
	"$dir/pahole" --version >/dev/null
}

# builtin_key_find: sets $builtin_key, a folder with builtin.key and builtin.pem, the test key that guest kernels
# hold in their builtin keyring. Made once for this cache: another key would be another kernel.
builtin_key_find() {
	builtin_key=$(cache_entry builtin-key "$(digest -- "$(declare -f builtin_key_build)")" builtin_key_build)
}

builtin_key_build() {
	step "making a test key for the builtin keyring" \
		openssl req -new -x509 -newkey rsa:3072 -sha256 -nodes -batch -days 7300 \
		-subj '/O=bpfgate/CN=bpfgate builtin keyring test key' \
		-addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
		-addext extendedKeyUsage=codeSigning -addext subjectKeyIdentifier=hash \
		-keyout "$1/builtin.key" -out "$1/builtin.pem"
}

# tree_make ARG...: make in the tree. What decides the outcome is given here, and nothing of it comes from
# the caller's environment. One job more than processors, for ccache waits for files.
tree_make() {
	env -u MAKEFLAGS -u ARCH -u CROSS_COMPILE -u KBUILD_OUTPUT -u KCFLAGS -u KAFLAGS -u KCPPFLAGS -u LLVM -u V \
		LC_ALL=C CCACHE_DIR="$cache_dir/ccache" CCACHE_MAXSIZE=$ccache_size CCACHE_COMPRESS=1 \
		KBUILD_BUILD_TIMESTAMP="$(date -u -r "$tree/Makefile")" KBUILD_BUILD_VERSION=1 \
		KBUILD_BUILD_USER=bpfgate KBUILD_BUILD_HOST=bpfgate \
		make -C "$tree" -j$(($(nproc) + 1)) CC="ccache $compiler" HOSTCC="ccache $compiler" PAHOLE="$pahole" "$@"
}

# tree_prepare PATCH...: a fresh tree with the patches. One at a time, until the shell that called it ends.
tree_prepare() {
	local file

	mkdir -p "$build_dir"
	exec {build_lock}>"$build_dir/lock"
	if ! flock -n "$build_lock"; then
		say "another kernel is being built: waiting for it to end"
		flock "$build_lock"
	fi
	rm -rf "$tree"
	mkdir -p "$tree"
	step "unpacking Linux $linux_version" tar -C "$tree" --strip-components=1 -I zstd -xf "$linux_tar"
	for file; do
		step "applying ${file##*/}" patch_apply "$tree" "$file"
	done
}

# tree_build NAME LOG EXPECTED COMMAND...: a long make, with a line a minute on how far it is. NAME says for which
# kind of build the number of compiled files is remembered; EXPECTED is that number the first time.
tree_build() {
	local log=$2 expected=$3 remembered=$build_dir/count-$1 parent=$BASHPID start=$SECONDS \
		reporter status=0

	shift 3
	read -r expected 2>/dev/null <"$remembered" || true
	: >"$log"
	(
		# A descriptor that nothing is ever written to, to wait without another process.
		exec {nap}<> <(:)
		# The lock is not for this one, which may live a little longer.
		exec {build_lock}>&-
		while kill -0 "$parent" 2>/dev/null; do
			read -rt 60 -u "$nap" || true
			progress $((SECONDS - start)) "$(compiled "$log")" "$expected"
		done
	) </dev/null >&2 &
	reporter=$!
	"$@" >"$log" 2>&1 </dev/null || status=$?
	kill $reporter 2>/dev/null || true
	wait $reporter 2>/dev/null || true
	if [ $status -ne 0 ]; then
		say "make ${*: -1} failed (exit status $status) after $((SECONDS - start)) s:"
		grep -aE 'error:|Error [0-9]|undefined reference|FAILED|No rule' "$log" | head -n 20 >&2
		tail -n 20 "$log" >&2
		say "all it said: $log; the tree as it is until the next build: $tree"
		return $status
	fi
	compiled "$log" >"$remembered"
	say "compiled $(cat "$remembered") files in $(((SECONDS - start) / 60)) min $(((SECONDS - start) % 60)) s"
}

compiled() {
	grep -acE '^  (CC|AS|HOSTCC)( \[M\])? ' "$1" || true
}

# progress SECONDS DONE EXPECTED: the estimate is the rate so far. It is wrong where ccache had more of the files so
# far than it has of those to come. Linking and BTF at the end take another minute or two.
progress() {
	local elapsed=$1 done=$2 expected=$3 state

	state="$done of about $expected files compiled in $((elapsed / 60)) min"
	if [ "$done" -ge $((expected - 5)) ]; then
		say "  $done files compiled in $((elapsed / 60)) min; linking"
	elif [ "$done" -lt $((expected / 20)) ]; then
		say "  $state"
	else
		say "  $state; at this rate $(((elapsed * (expected - done) / done + 90) / 60 + 1)) min more"
	fi
}

# warnings LOG: what compiler, linker and kernel scripts warned of, without line numbers, sorted: to be
# compared with another version of the same tree.
warnings() {
	{ grep -aiE '(^|[^a-z])warning[: ]' "$1" || true; } | sed -E -e "s,$tree/,,g" \
		-e 's/:[0-9]+(:[0-9]+)?:/:/g' -e 's/\+0x[0-9a-f]+//g' | sort -u
}
