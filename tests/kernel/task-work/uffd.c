// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../row.h"
#include "uffd.h"

static int uffd = -1;
static char *page;

void *page_make(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	if (uffd < 0) {
		uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		if (uffd < 0)
			return NULL;
		must("userfaultfd", ioctl(uffd, UFFDIO_API, &api) < 0 ? -errno : 0);
	}
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must("page", page == MAP_FAILED ? -errno : 0);
	range.range.start = (uintptr_t)page;
	range.range.len = 4096;
	must("userfaultfd", ioctl(uffd, UFFDIO_REGISTER, &range) < 0 ? -errno : 0);
	return page;
}

bool page_wanted(unsigned ms)
{
	struct pollfd p = {.fd = uffd, .events = POLLIN};
	struct uffd_msg message;

	return poll(&p, 1, (int)ms) == 1 &&
	       read(uffd, &message, sizeof(message)) == sizeof(message) &&
	       message.event == UFFD_EVENT_PAGEFAULT;
}

void page_give(void)
{
	static char content[4096];
	struct uffdio_copy copy = {
		.dst = (uintptr_t)page,
		.src = (uintptr_t)content,
		.len = sizeof(content),
	};

	memset(content, 0x5a, sizeof(content));
	must("page", ioctl(uffd, UFFDIO_COPY, &copy) < 0 ? -errno : 0);
}
