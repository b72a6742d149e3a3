/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "requires.h"

int requires_check(const struct manifest *manifest, const struct kernel_probe *probe,
		   struct error *error)
{
	enum feature feature;

	for (unsigned i = 0; i < manifest->n_requires; i++) {
		if (feature_from_name(manifest->requires[i], &feature) < 0)
			return error_set(error, -EOPNOTSUPP, ERROR_FAILED, STEP_LOAD,
					 "The bundle requires \"%s\", which this version of "
					 "bpfgated does not know.",
					 manifest->requires[i]);
		if (kernel_has(feature))
			continue;
		error_set(error, -EOPNOTSUPP, ERROR_NO_FEATURE, STEP_LOAD,
			  "The bundle requires \"%s\", which this kernel (%s) does not have: %s.",
			  manifest->requires[i], probe -> release, feature_kernels(feature));
		error_field_string(error, "feature", manifest->requires[i]);
		return -EOPNOTSUPP;
	}
	return 0;
}
