/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interpreter of signed loaders: any instructions with any metadata. */
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_confine();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct fuzz_loader input;

	if (fuzz_loader_read(data, size, &input))
		fuzz_loader_accepted(&input, &error);
	return 0;
}
