# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Sourced by the scripts under tests/: messages, the cache, and Debian packages of other suites.
#
# The cache is ${BPFGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bpfgate}. An entry's name ends in the
# SHA-256 of everything that decides its content (the text of the script that makes it, versions
# and digests of what goes in), so an entry is never out of date: another input is another entry.
# Entries are built in a temporary folder under a lock, then renamed into place.
#
# Which version of a Debian package is the newest comes from the mirror's index, which is looked at
# once a day (and when a recipe changes); BPFGATE_REFRESH=1 looks now.

tests_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=$(dirname "$tests_dir")
progname=${progname:-tests/$(basename "$0")}
cache_dir=${BPFGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bpfgate}
export source_dir

say() {
	printf '%s: %s\n' "$progname" "$*" >&2
}

# die STATUS MESSAGE: 1 for a failure, 2 for wrong usage, 77 for "cannot be done on this machine".
die() {
	local status=$1

	shift
	say "$*"
	exit "$status"
}

# step MESSAGE COMMAND...: runs a long command quietly, says what it is and how long it took, and
# shows the end of its output only when it failed.
step() {
	local message=$1 start=$SECONDS log status=0

	shift
	log=$(mktemp)
	say "$message ..."
	"$@" >"$log" 2>&1 </dev/null || status=$?
	if [ $status -ne 0 ]; then
		say "$message: failed (exit status $status): $*"
		tail -n 40 "$log" >&2
	else
		say "$message: $((SECONDS - start)) s"
	fi
	rm -f "$log"
	return $status
}

# digest FILE... [-- WORD...]: one SHA-256 over the files' content and the words.
digest() {
	local file

	{
		while [ $# -gt 0 ]; do
			file=$1
			shift
			[ "$file" = -- ] && break
			sha256sum <"$file"
		done
		printf '%s\n' "$@"
	} | sha256sum | cut -d ' ' -f 1
}

# cache_entry NAME KEY BUILDER [ARG...]: prints the path of the entry, building it first if it is not
# there: BUILDER is called with an empty folder and the ARGs, and fills the folder. Entries of that
# name that nobody has used for two weeks go.
cache_entry() {
	local name=$1 entry=$cache_dir/$1-$2 builder=$3 lock tmp

	shift 3
	if [ ! -d "$entry" ]; then
		mkdir -p "$cache_dir"
		exec {lock}>"$cache_dir/.lock-$name"
		flock "$lock"
		if [ ! -d "$entry" ]; then
			# A folder left by a killed run is ours to remove: we hold the lock.
			rm -rf "$cache_dir/.tmp-$name-"*
			tmp=$(mktemp -d "$cache_dir/.tmp-$name-XXXXXX")
			chmod 755 "$tmp"
			# In a subshell, with errexit: a builder must not go on after a failed command,
			# which it would as part of an || list.
			set +e
			(
				set -e
				"$builder" "$tmp" "$@"
			) {lock}>&- >&2
			local status=$?
			set -e
			if [ $status -ne 0 ]; then
				rm -rf "$tmp"
				exec {lock}>&-
				return $status
			fi
			mv -T "$tmp" "$entry"
			find "$cache_dir" -mindepth 1 -maxdepth 1 -name "$name-*" -mtime +14 \
				! -path "$entry" -exec rm -rf {} +
		fi
		exec {lock}>&-
	fi
	touch "$entry"
	printf '%s\n' "$entry"
}

# daily NAME COMMAND [ARG...]: prints what COMMAND printed when it last ran, if that was with the same
# ARGs and text and less than a day ago; else runs it. COMMAND may use nothing else. For questions to the Debian mirror.
daily() {
	local name=$1 file key new

	shift
	key=$(digest -- "$(declare -f "$1" apt_private)" "$@")
	file=$cache_dir/answer-$name-$key
	if [ -n "${BPFGATE_REFRESH:-}" ] || [ -z "$(find "$file" -mmin -1440 2>/dev/null)" ]; then
		mkdir -p "$cache_dir"
		rm -f "$cache_dir/answer-$name-"*
		# Not by a name of that pattern: two runs may ask the same at once.
		new=$(mktemp "$cache_dir/.answer-XXXXXX")
		"$@" >"$new" || {
			rm -f "$new"
			return 1
		}
		mv "$new" "$file"
	fi
	cat "$file"
}

# debian_mirror [SUITE]: the URI of the Debian archive with that suite as this machine's apt is configured. Security
# suites are in an archive of their own.
debian_mirror() {
	# shellcheck disable=SC2016 # apt's variables, not the shell's
	local format='$(ORIGIN)|$(LABEL)|$(REPO_URI)' uri label=Debian

	case ${1:-} in *-security) label=Debian-Security ;; esac
	uri=$(apt-get indextargets --format "$format" 'Created-By: Packages' 2>/dev/null |
		sed -n "s/^Debian|$label|//p" | head -n 1)
	[ -n "$uri" ] || die 1 "apt knows no archive of $label: add one to /etc/apt/sources.list and run 'apt-get update'"
	printf '%s\n' "${uri%/}"
}

# apt_private NAME SUITE... -- COMMAND...: runs an apt command with a state of its own, which knows only
# those suites (with their sources) and no installed package. Signatures are checked; the dates of
# testing and unstable are not, as mirrors hold snapshots of them that are past theirs.
apt_private() {
	local name=$1 dir=$cache_dir/apt-$1 suites=() mirror lock check=true

	shift
	while [ "$1" != -- ]; do
		suites+=("$1")
		case $1 in forky | sid) check=false ;; esac
		shift
	done
	shift
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/parts"
	exec {lock}>"$cache_dir/.lock-apt-$name"
	flock "$lock"
	if [ -z "$(find "$dir/stamp" -mmin -60 2>/dev/null)" ]; then
		apt_private_update || {
			exec {lock}>&-
			return 1
		}
	fi
	exec {lock}>&-
	APT_CONFIG=$dir/apt.conf "$@"
}

# The part of apt_private that asks the mirror, at most once an hour; works on apt_private's variables.
apt_private_update() {
	local suite

	for suite in "${suites[@]}"; do
		mirror=$(debian_mirror "$suite") || return 1
		printf "%s [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main\n" \
			deb deb-src
	done >"$dir/sources.list"
	: >"$dir/status"
	cat >"$dir/apt.conf" <<-END
		Dir::State "$dir";
		Dir::State::lists "$dir/lists";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "$dir/parts";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "$dir/parts";
		Acquire::Check-Valid-Until "$check";
		Acquire::Languages "none";
		Acquire::Retries "3";
		APT::Update::Error-Mode "any";
		APT::Sandbox::User "root";
		APT::Install-Recommends "false";
	END
	step "reading the package index of ${suites[*]}" \
		env APT_CONFIG="$dir/apt.conf" apt-get -q update || return 1
	touch "$dir/stamp"
}

# libbpf_pkgconfig: prints the folder with the libbpf.pc to use, or an empty line if the system's libbpf will
# do. Builds libbpf 1.7 or newer from Debian's source package the first time.
libbpf_pkgconfig() {
	local source version entry

	if pkg-config --atleast-version=1.7 libbpf 2>/dev/null; then
		echo
		return
	fi
	source=$(daily libbpf libbpf_source) || return 1
	version=${source%% *}
	entry=$(cache_entry libbpf "$(digest -- "$(declare -f libbpf_build)" "$(cc --version)" "$source")" \
		libbpf_build "$version")
	printf '%s\n' "$entry/lib/pkgconfig"
}

# Version and file digests of the source package, on one line.
libbpf_source() {
	local index

	index=$(apt_private libbpf forky -- apt-cache showsrc --only-source libbpf) || return 1
	[ -n "$index" ] || die 1 "the Debian mirror has no source package libbpf in forky"
	sed -n -e 's/^Version: //p' -e '/^Checksums-Sha256:/,/^[^ ]/s/^ \([0-9a-f]\{64\}\) .*/\1/p' \
		<<<"$index" | tr '\n' ' '
}

libbpf_build() {
	local dir=$1 version=$2 work=$1.work

	mkdir "$work"
	# shellcheck disable=SC2064 # the path as it is now
	trap "rm -rf '$work'" EXIT
	cd "$work"
	step "fetching libbpf $version" apt_private libbpf forky -- \
		apt-get -q source --download-only --only-source "libbpf=$version"
	dpkg-source --no-check -x ./*.dsc src >/dev/null
	# The prefix is where the entry will be, not where it is built: its path goes into libbpf.pc.
	step "building libbpf $version" make -C src/src -j"$(nproc)" BUILD_STATIC_ONLY=1 EXTRA_CFLAGS=-fPIC \
		PREFIX=/usr LIBSUBDIR=lib DESTDIR="$work/out" install install_uapi_headers
	cp -a "$work/out/usr/." "$dir"
	# shellcheck disable=SC2016 # pkg-config's variable, not the shell's
	sed -i 's,^prefix=.*,prefix=${pcfiledir}/../..,' "$dir/lib/pkgconfig/libbpf.pc"
}

# pkcs11_modules: prints the folder with OpenSSL's provider for PKCS#11, or an empty line if the system has it
# (Debian 13 and later). Unpacks the package of Debian 12's backports the first time. Only tests use it.
pkcs11_modules() {
	local package entry

	if compgen -G '/usr/lib/*/ossl-modules/pkcs11.so' >/dev/null; then
		echo
		return
	fi
	package=$(daily pkcs11 pkcs11_package) || return 1
	entry=$(cache_entry pkcs11 "$(digest -- "$(declare -f pkcs11_unpack)" "$package")" \
		pkcs11_unpack "${package%% *}") || return 1
	printf '%s\n' "$entry"
}

# Version and digest of the package, on one line.
pkcs11_package() {
	local index

	index=$(apt_private bookworm-backports bookworm-backports -- apt-cache --no-all-versions show pkcs11-provider) || return 1
	[ -n "$index" ] || die 1 "the Debian mirror has no package pkcs11-provider in bookworm-backports"
	sed -n -e 's/^Version: //p' -e 's/^SHA256: //p' <<<"$index" | tr '\n' ' '
}

pkcs11_unpack() {
	local dir=$1 version=$2 work=$1.work

	mkdir "$work"
	# shellcheck disable=SC2064 # the path as it is now
	trap "rm -rf '$work'" EXIT
	cd "$work"
	step "fetching pkcs11-provider $version" apt_private bookworm-backports bookworm-backports -- \
		apt-get -q download "pkcs11-provider=$version"
	dpkg-deb -x ./*.deb root
	cp root/usr/lib/*/ossl-modules/pkcs11.so "$dir"
}
