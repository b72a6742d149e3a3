/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the fuzz targets share. Each target is LLVMFuzzerTestOneInput() of one file; run-time and
 * mutations are libFuzzer's. A target checks what its module promises, too: fuzz_require() ends it
 * with a reproducer, as a sanitizer does.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bundle.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_require(condition)                                                                   \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			dprintf(2, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/* No capability, and no bpf(2), with which a target could reach the machine's own kernel. */
void fuzz_confine(void);

/* The lowest descriptor that is free: higher than before, where one was left open. */
int fuzz_lowest_fd(void);

/* Where a module says what is wrong in an error, there must be one, with a text. */
void fuzz_check_error(int r, struct error *error);

/* An input of the target "inspect" as what it stands for; borrows from @data. */
struct fuzz_loader {
	unsigned n_maps;
	uint8_t openings; /* bit i: of each map whose number modulo 8 is i */
	struct blob loader, metadata;
};
#define FUZZ_LOADER_HEADER 4 /* maps, openings, le16: instructions */
bool fuzz_loader_read(const uint8_t *data, size_t size, struct fuzz_loader *ret);
/* loader_check() and loader_data_check() of it. Accepted? */
bool fuzz_loader_accepted(const struct fuzz_loader *input, struct error *error);
