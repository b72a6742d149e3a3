/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "feature.h"

static const char *const task_work[] = {
	"bpf_task_work_schedule_signal",
	"bpf_task_work_schedule_resume",
	NULL,
};

static const struct {
	const char *name;
	const char *const *kfuncs;
	const char *kernels;
} features[_FEATURE_MAX] = {
	[FEATURE_TASK_WORK] =
		{
			.name = "task_work",
			.kfuncs = task_work,
			.kernels = "Linux 6.18 and later have it, and 6.12 with bpfgate's patches",
		},
};

const char *feature_name(enum feature feature)
{
	return (unsigned)feature < _FEATURE_MAX ? features[feature].name : NULL;
}

int feature_from_name(const char *name, enum feature *ret)
{
	for (unsigned i = 0; i < _FEATURE_MAX; i++) {
		if (streq(features[i].name, name)) {
			*ret = (enum feature)i;
			return 0;
		}
	}
	return -ENOENT;
}

const char *const *feature_kfuncs(enum feature feature)
{
	return features[feature].kfuncs;
}

const char *kfunc_old_name(const char *kfunc, char buffer[static KFUNC_NAME_MAX])
{
	snprintf(buffer, KFUNC_NAME_MAX, "%s_impl", kfunc);
	return buffer;
}

const char *feature_kernels(enum feature feature)
{
	return features[feature].kernels;
}

const char *feature_names(void)
{
	_Static_assert(_FEATURE_MAX == 1, "name them all");
	return "\"task_work\"";
}
