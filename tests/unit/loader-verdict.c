// SPDX-License-Identifier: LGPL-2.1-or-later
#include "loader-verdict.h"

#include "check.h"
#include "loader-check.h"
#include "loader-data.h"

int verdict_of(const struct loader_asm *a, const struct map_opening *openings, uint64_t types,
	       struct error *error)
{
	const struct load_input input = {
		.loader = {(const void *)a->insns, a->n * sizeof(a->insns[0])},
		.metadata = {a->data, a->size},
		.n_programs = 1,
		.n_maps = a->n_maps,
		.program_types = types,
		.effects = a->effects,
		.openings = openings,
	};
	int r = loader_check(input.loader, error);

	return r < 0 ? r : loader_data_check(&input, error);
}

int verdict(const struct loader_asm *a, const struct map_opening *openings, struct error *error)
{
	return verdict_of(a, openings, UINT64_C(1) << BPF_PROG_TYPE_TRACING, error);
}

void verdict_accepted(const struct loader_asm *a, const struct map_opening *openings)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	if (verdict(a, openings, &error) < 0)
		fail_msg("refused: %s", error_message(&error));
}

void verdict_refused(const struct loader_asm *a, const struct map_opening *openings,
		     const char *part)
{
	_cleanup_error_ struct error error = ERROR_INIT;

	assert_int_equal(verdict(a, openings, &error), -EPERM);
	check_error(&error, ERROR_ATTESTATION, part);
	assert_int_equal(error.step, STEP_LOAD);
}
