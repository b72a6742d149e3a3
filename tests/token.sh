# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Sourced by tests that want keys in a token: SoftHSM in a folder of the test's own, used through OpenSSL's
# provider for PKCS#11. tests/setup installs all of it; token_reason says what is missing.

# shellcheck source=tests/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

token_module=
token_reason=
token_label=bpfgate-test
token_pin=648219

# token_available: is all of it there? (softhsm2, opensc, pkcs11-provider)
token_available() {
	local file modules

	for file in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
		[[ ! -e $file ]] || token_module=$file
	done
	if [[ -z $token_module ]] || ! command -v softhsm2-util >/dev/null; then
		token_reason="no SoftHSM here (package softhsm2)"
	elif ! command -v pkcs11-tool >/dev/null; then
		token_reason="no pkcs11-tool here (package opensc)"
	elif ! modules=$(pkcs11_modules); then
		# shellcheck disable=SC2034 # for whoever sources this
		token_reason="OpenSSL has no PKCS#11 provider here (package pkcs11-provider)"
	else
		[[ -z $modules ]] || export OPENSSL_MODULES=$modules
		return 0
	fi
	return 1
}

# token_make DIR: an empty token there, for this shell and what it starts.
token_make() {
	mkdir -p "$1/tokens"
	printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$1" >"$1/softhsm2.conf"
	export SOFTHSM2_CONF=$1/softhsm2.conf PKCS11_PROVIDER_MODULE=$token_module
	softhsm2-util --init-token --free --label "$token_label" --pin "$token_pin" --so-pin 951378 >/dev/null
}

token_tool() {
	pkcs11-tool --module "$token_module" --token-label "$token_label" --login --pin "$token_pin" "$@"
}

# token_id NAME: the id of its key, in hexadecimal digits.
token_id() {
	printf %s "$1" | sha256sum | head -c 16
}

# token_uri NAME
token_uri() {
	printf 'pkcs11:token=%s;id=%s;type=private' "$token_label" "$(token_id "$1" | sed 's/../%&/g')"
}

# token_key NAME KIND DIR: a key that is made in the token, its certificate in the token and as DIR/NAME.pem.
# KIND: rsa:2048, EC:prime256v1, ...
token_key() {
	local name=$1 dir=$3

	token_tool --keypairgen --key-type "$2" --id "$(token_id "$name")" --label "$name" >/dev/null 2>&1 || return 1
	# openssl(1) with SoftHSM can crash as it ends, when its work is done: what counts is the file.
	(
		OPENSSL_CONF=$(token_openssl_conf "$dir") openssl req -x509 -new -key "$(token_uri "$name")" \
			-passin "pass:$token_pin" -subj "/CN=$name" -days 2 -out "$dir/$name.pem" \
			-addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
			-addext extendedKeyUsage=codeSigning -addext subjectKeyIdentifier=hash || true
	) 2>"$dir/$name.log"
	[[ -s $dir/$name.pem ]] || cat "$dir/$name.log" >&2
	openssl x509 -in "$dir/$name.pem" -outform DER -out "$dir/$name.der" &&
		token_tool --write-object "$dir/$name.der" --type cert --id "$(token_id "$name")" --label "$name" >/dev/null
}

# token_openssl_conf DIR: a configuration for openssl(1) with the provider; prints its path.
token_openssl_conf() {
	cat >"$1/openssl-token.cnf" <<-END
		openssl_conf = init
		[init]
		providers = providers
		[providers]
		default = builtin
		pkcs11 = token
		[builtin]
		activate = 1
		[token]
		pkcs11-module-path = $token_module
		activate = 1
		[req]
		distinguished_name = name
		[name]
	END
	printf '%s\n' "$1/openssl-token.cnf"
}
