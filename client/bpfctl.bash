# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Completion for bpfctl(1).

_bpfctl_ids() {
	bpfctl --json=short list 2>/dev/null | grep -o '"id":"[^"]*"' | cut -d'"' -f4
}

# The tunables of the bundle on the command line.
_bpfctl_tunables() {
	local word

	for word in "${COMP_WORDS[@]}"; do
		if [[ $word == *.bpfb ]]; then
			bpfctl inspect "${word/#\~/$HOME}" 2>/dev/null | sed -n 's/^  tunable \([A-Za-z0-9_]*\):.*/\1/p'
			return
		fi
	done
}

_bpfctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verbs='build sign keygen inspect verify load run unload list show explain policy reload floor gate status'
	local common='--json --json=pretty --json=short --json=off --socket --help'
	local verb='' options='' files='' words='' i

	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ " $verbs " == *" ${COMP_WORDS[i]} "* ]]; then
			verb=${COMP_WORDS[i]}
			break
		fi
	done

	# "--json=sh" comes as three words where '=' breaks words.
	if [[ $prev == = && ${COMP_WORDS[COMP_CWORD - 2]} == --json ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'pretty short off' -- "$cur")
		return
	fi
	if [[ $cur == = && $prev == --json ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'pretty short off')
		return
	fi

	case $prev in
	--key | --cert | --pin-file | --source | --after | --output | -o | --manifest | -m | --socket | --out | --bundle)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	--keys | --policy | --export | --import)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return ;;
	--algorithm)
		mapfile -t COMPREPLY < <(compgen -W 'rsa ecdsa-p256 ecdsa-p384 ed25519' -- "$cur")
		return ;;
	--user)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		return ;;
	--set)
		compopt -o nospace
		mapfile -t COMPREPLY < <(compgen -S = -W "$(_bpfctl_tunables)" -- "$cur")
		return ;;
	--days | --subject | --attach | --duration | --interval)
		return ;;
	esac

	case $verb in
	'') options="$verbs --version" ;;
	build) options='--output --manifest --source --after -o -m' files='*.o' ;;
	sign) options='--key --cert --pin-file --add --export --import --output -o' files='*.bpfb' ;;
	keygen) options='--out --algorithm --days --subject' ;;
	inspect) files='*.bpfb' ;;
	verify) options='--keys' files='*.bpfb' ;;
	load) options='--attach --set' files='*.bpfb' ;;
	run) options='--attach --set --duration --interval' files='*.bpfb' ;;
	unload) options='--with-dependents' ;;
	show) options='--maps --bundle' ;;
	explain) options='--user --attach --set --persistent' files='*.bpfb' ;;
	policy) options='--policy' files='*.json' ;;
	floor) words='list set reset' ;;
	gate) words='off audit enforce' ;;
	esac

	if [[ $cur == -* || -z $verb ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options $common" -- "$cur")
	elif [[ $verb == show || $verb == unload ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_bpfctl_ids)" -- "$cur")
	elif [[ $verb == policy && $prev == policy ]]; then
		mapfile -t COMPREPLY < <(compgen -W check -- "$cur")
	elif [[ -n $words && ${COMP_WORDS[COMP_CWORD - 1]} == "$verb" ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	elif [[ -n $files ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(
			compgen -d -- "$cur"
			compgen -f -X "!$files" -- "$cur"
		)
	fi
}

complete -F _bpfctl bpfctl
