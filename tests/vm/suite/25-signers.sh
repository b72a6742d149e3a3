# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Bundles signed in every way that there is: each loads, with the kernel's own check of it.
# shellcheck source=tests/vm/suite/common.sh
. /mnt/share/suite/common.sh

b=$share/bundles
contract=$1

# signed_by REQUIRED SIGNER...: the policy, and the keys.
signed_by() {
	local required=$1 names

	shift
	names=$(printf '"%s.pem", ' "$@")
	configure "$@" <<-END
		{ "rules": [ { "name": "signed", "effect": "allow", "subjects": { "users": ["alice"] },
		  "bundles": ["execwatch"], "signatures": { "required": $required, "signers": [${names%, }] },
		  "grant": ["events", "read"], "lifetime": ["session", "persistent"] } ] }
	END
}

signed_by 2 release second
expect "signers: one of two is not enough" 3 "authorise.*sign.*2" as alice bpfctl run "$b/execwatch.bpfb" --duration 1
expect "signers: the publisher and an auditor (--add)" 0 "" as alice bpfctl run "$b/execwatch-two.bpfb" --duration 1

# Ed25519 counts as a signer, but the kernel's signatures must be another's.
signed_by 2 release auditor
expect "signers: an Ed25519 key beside an RSA key" 0 "" as alice bpfctl run "$b/execwatch-three.bpfb" --duration 1
signed_by 3 release second auditor
expect "signers: and beside both others" 0 "" as alice bpfctl run "$b/execwatch-three.bpfb" --duration 1
expect "signers: who count for it: two of three are not enough" 3 "authorise.*sign.*3" \
	as alice bpfctl run "$b/execwatch-two.bpfb" --duration 1
signed_by 2 second auditor
expect "signers: an Ed25519 key beside an ECDSA key" 0 "" as alice bpfctl run "$b/execwatch-three.bpfb" --duration 1
signed_by 1 release auditor
alone="bpfctl: refused at step load: No trusted signer brought a signature of payload 0 that this kernel can check (contract $contract): sign the bundle with an RSA or ECDSA key."
says "signers: an Ed25519 key alone" 4 "$alone" as alice bpfctl run "$b/execwatch-ed25519.bpfb" --duration 1
signed_by 1 auditor
says "signers: nor where it is the only one that is trusted" 4 "$alone" \
	as alice bpfctl run "$b/execwatch-ed25519.bpfb" --duration 1
signed_by 1 second
expect "signers: another's signature does not count" 4 "authenticate.*no trusted key" \
	as alice bpfctl run "$b/execwatch.bpfb" --duration 1
expect "signers: the auditor's brings the kernel's signatures, too" 0 "" \
	as alice bpfctl run "$b/execwatch-two.bpfb" --duration 1
expect "signers: signed by openssl (--export, --import)" 0 "" \
	as alice bpfctl run "$b/execwatch-detached.bpfb" --duration 1
if [[ -f $share/keys/no-token ]]; then
	tap_skip "signers: a key in a token" "$(cat "$share/keys/no-token")"
else
	expect "signers: a token's key that is not trusted" 4 "authenticate.*no trusted key" \
		as alice bpfctl run "$b/execwatch-token.bpfb" --duration 1
	signed_by 1 token
	expect "signers: a key in a token" 0 "" as alice bpfctl run "$b/execwatch-token.bpfb" --duration 1
fi
tap_end
