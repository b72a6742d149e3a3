/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "signature.h"

int signature_choose(const struct gate *gate, const struct snapshot *snapshot,
		     const struct authentic *authentic, unsigned payload, struct blob *ret,
		     struct error *error)
{
	const struct bundle_kernel_sig *sig;

	if (gate->probe.contract == CONTRACT_NONE) {
		if (gate->daemon_only)
			return 0;
		return error_set(error, -EOPNOTSUPP, ERROR_CANNOT_VERIFY, STEP_LOAD,
				 "This kernel (%s) does not verify signatures: %s",
				 gate->probe.release, gate->probe.reason);
	}
	if (snapshot->keyring == KEYRING_NONE)
		return error_set(error, -ENOKEY, ERROR_CANNOT_VERIFY, STEP_LOAD,
				 "The kernel has no keyring to verify signatures with: %s",
				 snapshot->keyring_reason ?: "no trusted key can be used");
	sig = authentic_kernel_sig(authentic, payload, gate->probe.contract);
	if (!sig)
		return error_set(error, -ENOKEY, ERROR_NOT_AUTHENTIC, STEP_LOAD,
				 "No trusted signer brought a signature of payload %u that this "
				 "kernel can check (contract v%d): sign the bundle with an RSA or "
				 "ECDSA key.",
				 payload, gate->probe.contract);
	*ret = sig->pkcs7;
	return 0;
}
