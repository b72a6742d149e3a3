/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <systemd/sd-journal.h>

#include "fuzz.h"
#include "loader-check.h"
#include "loader-data.h"

/* The daemon's, which the tests of a machine have no business to fill its journal with. */
int sd_journal_sendv_with_location(const char *file, const char *line, const char *func,
				   const struct iovec *iov, int n)
{
	return 0;
}

static void refuse_bpf(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	const struct sock_fprog program = {ARRAY_SIZE(code), code};

	fuzz_require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	fuzz_require(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* Still the same user, who can write the corpus; for root that is one without capabilities. */
void fuzz_confine(void)
{
	cap_t none = cap_init();

	fuzz_require(none && cap_set_proc(none) == 0);
	cap_free(none);
	refuse_bpf();
}

int fuzz_lowest_fd(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	fuzz_require(fd >= 0);
	close(fd);
	return fd;
}

void fuzz_check_error(int r, struct error *error)
{
	fuzz_require(r <= 0);
	fuzz_require((r < 0) == (error->code != ERROR_NONE));
	if (r < 0)
		fuzz_require(*error_message(error));
}

bool fuzz_loader_read(const uint8_t *data, size_t size, struct fuzz_loader *ret)
{
	size_t loader;

	if (size < FUZZ_LOADER_HEADER)
		return false;
	loader = ((size_t)data[2] | (size_t)data[3] << 8) * sizeof(struct bpf_insn);
	size -= FUZZ_LOADER_HEADER;
	loader = MIN(loader, size);
	/* a bundle has no section without content */
	if (!loader || loader == size)
		return false;
	ret->n_maps = data[0] % (MANIFEST_MAPS_MAX + 1);
	ret->openings = data[1];
	ret->loader = (struct blob){data + FUZZ_LOADER_HEADER, loader};
	ret->metadata = (struct blob){data + FUZZ_LOADER_HEADER + loader, size - loader};
	return true;
}

bool fuzz_loader_accepted(const struct fuzz_loader *loader, struct error *error)
{
	struct map_opening openings[MANIFEST_MAPS_MAX] = {};
	struct load_input input = {
		.loader = loader->loader,
		.metadata = loader->metadata,
		.n_programs = 1,
		.n_maps = loader->n_maps,
		.openings = openings,
	};
	int r;

	for (unsigned i = 0; i < loader->n_maps; i++) {
		if (!(loader->openings & 1u << i % 8))
			continue;
		openings[i].replace = true;
		openings[i].value_size = 8 * (i + 1);
		openings[i].max_entries = i + 1;
	}
	r = loader_check(input.loader, error);
	if (r == 0)
		r = loader_data_check(&input, error);
	fuzz_check_error(r, error);
	return r == 0;
}
