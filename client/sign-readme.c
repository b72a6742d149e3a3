/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text beside the files of a detached signature: what they are, and commands that sign them. */

#include "file.h"
#include "output.h"
#include "sign-detached.h"

/* What openssl pkeyutl needs beyond the key. */
static const char *pkeyutl_options(enum signer_algorithm algorithm)
{
	return algorithm == SIGNER_RSA_PSS_SHA256
		       ? " -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32"
			 " -pkeyopt rsa_mgf1_md:sha256"
		       : "";
}

/* A token hashes by itself, but for ECDSA, where not every token has a mechanism with a hash. */
static void put_token_command(FILE *f, enum signer_algorithm algorithm, const char *hash,
			      const char *name)
{
	static const char *const mechanisms[] = {
		[SIGNER_RSA_PKCS1_SHA256] = "SHA256-RSA-PKCS",
		[SIGNER_RSA_PSS_SHA256] = "SHA256-RSA-PKCS-PSS --hash-algorithm SHA256 "
					  "--mgf MGF1-SHA256 --salt-len 32",
		[SIGNER_ECDSA_P256_SHA256] = "ECDSA",
		[SIGNER_ECDSA_P384_SHA384] = "ECDSA",
		[SIGNER_ED25519] = "EDDSA",
	};
	bool hashed = streq(mechanisms[algorithm], "ECDSA");

	fputs("    ", f);
	if (hashed)
		fprintf(f, "openssl dgst -%s -binary -out %s.hash %s.tbs && ", hash, name, name);
	fprintf(f,
		"pkcs11-tool --module \"$MODULE\" --login --id \"$ID\" --sign --mechanism %s "
		"--input-file %s.%s --output-file %s.sig\n",
		mechanisms[algorithm], name, hashed ? "hash" : "tbs", name);
}

static void put_commands(FILE *f, const struct detached *d)
{
	enum signer_algorithm algorithm = d->certificate->algorithm;
	bool kernel = d->missing[0].use == RAW_SIG_KERNEL;
	char name[DETACHED_NAME_MAX];

	fputs("\nWith openssl, $KEY being the private key's file:\n\n", f);
	for (unsigned i = 0; i < d->n_missing; i++) {
		const char *hash = raw_sig_hash(algorithm, d->missing[i].use);

		detached_name(&d->missing[i], name);
		fprintf(f,
			"    openssl pkeyutl -sign -rawin%s%s%s -inkey \"$KEY\" -in %s.tbs -out "
			"%s.sig\n",
			hash ? " -digest " : "", hash ? hash : "", pkeyutl_options(algorithm), name,
			name);
	}
	if (kernel)
		fputs("\nThe same as PKCS#7:\n\n", f);
	for (unsigned i = 0; kernel && i < d->n_missing; i++) {
		detached_name(&d->missing[i], name);
		fprintf(f,
			"    openssl cms -sign -binary -noattr -nocerts -keyid -md sha256 -outform "
			"DER "
			"-signer certificate.pem -inkey \"$KEY\" -in %s.tbs -out %s.p7s\n",
			name, name);
	}
	fputs("\nIn a token, $MODULE being its PKCS#11 library and $ID the key's id (it asks for "
	      "the "
	      "PIN):\n\n",
	      f);
	for (unsigned i = 0; i < d->n_missing; i++) {
		detached_name(&d->missing[i], name);
		put_token_command(f, algorithm, raw_sig_hash(algorithm, d->missing[i].use), name);
	}
}

static void put_next(FILE *f, const struct detached *d, const struct signee *signee)
{
	const char *add = signee->bundle.n_signers > 0 ? " --add" : "";

	if (d->n_missing == 0) {
		fprintf(f,
			"\nAll is signed. What remains, where the bundle is:\n\n"
			"    bpfctl sign --import FOLDER%s BUNDLE\n",
			add);
		return;
	}
	if (d->missing[0].use == RAW_SIG_KERNEL)
		fputs("\nRound 1 of 2: the kernel's signatures. To sign, each into NAME.sig beside "
		      "NAME.tbs:\n\n",
		      f);
	else
		fputs("\nThe last round: the record, which covers the kernel's signatures. To "
		      "sign:\n\n",
		      f);
	for (unsigned i = 0; i < d->n_missing; i++) {
		const char *hash = raw_sig_hash(d->certificate->algorithm, d->missing[i].use);
		char name[DETACHED_NAME_MAX];

		detached_name(&d->missing[i], name);
		fprintf(f, "    %s.tbs  %s\n", name, hash ? hash : "whole, without a hash before");
	}
	put_commands(f, d);
	fprintf(f, "\nThen, where the bundle is:\n\n    bpfctl sign --%s FOLDER%s BUNDLE\n",
		d->missing[0].use == RAW_SIG_KERNEL ? "export" : "import", add);
}

int detached_write_readme(const struct detached *d, const struct signee *signee,
			  struct error *error)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	char digest[DIGEST_TEXT_SIZE], key[DIGEST_TEXT_SIZE];
	size_t size = 0;
	FILE *f;

	digest_format(signee->bundle.digest, digest);
	digest_format(d->certificate->digest, key);
	if (asprintf(&path, "%s/README", d->folder) < 0)
		path = NULL;
	f = path ? open_memstream(&text, &size) : NULL;
	if (!f)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	output_line(f, "Signatures for the bundle %s", file_base_name(signee->path));
	output_line(f, "  bundle %s", digest);
	output_line(f, "  signer %s (%s)", d->certificate->subject,
		    signer_algorithm_name(d->certificate->algorithm));
	output_line(f, "  key    %s", key);
	fputs("\nLook at what you sign (bpfctl inspect BUNDLE), and compare the bundle's digest.\n",
	      f);
	put_next(f, d, signee);
	if (fclose(f) != 0)
		return error_set(error, -ENOMEM, ERROR_FAILED, STEP_NONE, "out of memory");
	unlink(path);
	return file_create(path, 0644, text, size, error);
}
