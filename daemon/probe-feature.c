/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which features has the kernel? By the names of functions in its BTF, where the verifier finds
 * them. All names of a BTF lie one behind the other, each between two NULs; to take its types apart
 * would take half a second, and nothing but a function is called so.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "loader.h"

#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"

static struct {
	pthread_once_t once;
	bool has[_FEATURE_MAX];
} features = {.once = PTHREAD_ONCE_INIT};

static bool names_have(const char *btf, size_t size, const char *name)
{
	char between[128] = "";
	size_t length = strlen(name);

	memcpy(between + 1, name, length);
	return memmem(btf, size, between, length + 2) != NULL;
}

static ssize_t read_all(int fd, char *ret, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = read(fd, ret + done, size - done);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static void probe(void)
{
	_cleanup_close_ int fd = open(VMLINUX_BTF, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *btf = NULL;
	char old[KFUNC_NAME_MAX];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	btf = malloc((size_t)st.st_size);
	n = btf ? read_all(fd, btf, (size_t)st.st_size) : -ENOMEM;
	for (enum feature f = 0; n > 0 && f < _FEATURE_MAX; f++)
		for (const char *const *kfunc = feature_kfuncs(f); *kfunc; kfunc++)
			features.has[f] |= names_have(btf, (size_t)n, *kfunc) ||
					   names_have(btf, (size_t)n, kfunc_old_name(*kfunc, old));
}

bool kernel_has(enum feature feature)
{
	pthread_once(&features.once, probe);
	return features.has[feature];
}
