/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memfd.h"

#include <fcntl.h>
#include <sys/mman.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

static int unreadable(int errnum, const char *path, struct error *error)
{
	return error_set(error, -errnum, ERROR_UNREADABLE, STEP_NONE, "cannot read %s: %s", path,
			 strerror(errnum));
}

static int memfd_new(void)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			size -= n;
		}
	}
	return 0;
}

/* Copies up to the end of @in; *ret_size is how much that was. */
static int copy(int in, int out, const char *path, size_t *ret_size, struct error *error)
{
	char buffer[65536];
	size_t size = 0;
	int r;

	for (;;) {
		ssize_t n = read(in, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return unreadable(errno, path, error);
		if (n == 0)
			break;
		size += n;
		if (size > BUNDLE_SIZE_MAX)
			return error_set(error, -EFBIG, ERROR_UNREADABLE, STEP_NONE,
					 "%s is larger than a bundle can be (%u bytes)", path,
					 BUNDLE_SIZE_MAX);
		r = write_all(out, buffer, n);
		if (r < 0)
			return unreadable(-r, path, error);
	}
	if (size == 0)
		return error_set(error, -ENODATA, ERROR_UNREADABLE, STEP_NONE, "%s is empty", path);
	*ret_size = size;
	return 0;
}

int bundle_memory_read(const char *path, struct bundle_memory *ret, struct error *error)
{
	_cleanup_close_ int in = -1, fd = -1;
	void *data;
	size_t size;
	int r;

	in = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (in < 0)
		return unreadable(errno, path, error);
	fd = memfd_new();
	if (fd < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE,
				 "cannot make a memory file: %s", strerror(errno));
	r = copy(in, fd, path, &size, error);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE,
				 "cannot seal a memory file: %s", strerror(errno));
	data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return error_set(error, -errno, ERROR_FAILED, STEP_NONE,
				 "cannot map a memory file: %s", strerror(errno));

	*ret = (struct bundle_memory){
		.fd = TAKE_FD(fd),
		.bytes = {.data = data, .size = size},
	};
	return 0;
}

void bundle_memory_done(struct bundle_memory *memory)
{
	if (memory->bytes.data)
		munmap((void *)memory->bytes.data, memory->bytes.size);
	memory->bytes = (struct blob){};
	memory->fd = safe_close(memory->fd);
}
