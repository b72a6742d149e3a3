/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A manifest's text. What is accepted has one canonical text, which says the same. */
#include "fuzz.h"
#include "manifest.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_confine();
	return 0;
}

static void check_format(const struct manifest *manifest)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_manifest_ struct manifest *again = NULL;
	_cleanup_free_ char *text = NULL, *text_again = NULL;
	size_t size, size_again;

	fuzz_require(manifest_format(manifest, &text, &size) == 0);
	if (size > BUNDLE_MANIFEST_MAX)
		return;
	if (manifest_parse(text, size, &again, &error) < 0)
		fprintf(stderr, "%s\n", error_message(&error));
	fuzz_require(again);
	fuzz_require(manifest_format(again, &text_again, &size_again) == 0);
	fuzz_require(size == size_again && memcmp(text, text_again, size) == 0);
}

/* What the daemon asks of each manifest that it has accepted. */
static void check_parts(const struct manifest *manifest)
{
	unsigned n = manifest_n_payloads(manifest), programs = 0, maps = 0;

	fuzz_require(n >= 1 && n <= BUNDLE_PAYLOADS_MAX);
	for (unsigned i = 0; i < n; i++) {
		struct manifest_part part = manifest_part(manifest, i);

		fuzz_require(part.n_programs > 0);
		fuzz_require(part.first_program == programs && part.first_map == maps);
		programs += part.n_programs;
		maps += part.n_maps;
	}
	fuzz_require(programs == manifest->n_programs && maps == manifest->n_maps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_manifest_ struct manifest *manifest = NULL;
	int r;

	r = manifest_parse((const char *)data, size, &manifest, &error);
	fuzz_check_error(r, &error);
	if (r < 0)
		return 0;
	check_parts(manifest);
	check_format(manifest);
	return 0;
}
