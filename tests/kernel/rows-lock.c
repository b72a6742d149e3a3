// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Loads of processes without CAP_BPF are verified one at a time, in the whole system. What a load
 * may wait for on its way there must not hold up the others: memory that is read in user space.
 */

#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "kernel.h"
#include "keys.h"
#include "row.h"
#include "task-work/uffd.h"

#define SYSCTL "/proc/sys/kernel/unprivileged_bpf_disabled"

struct load {
	struct request request;
	pthread_t thread;
	int result;
	bool done;
};

/* Of this thread alone. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {};

	must("capset", syscall(SYS_capset, &header, none) < 0 ? -errno : 0);
}

static void *load_main(void *p)
{
	struct load *load = p;

	drop_capabilities();
	load->result = sys_bpf(BPF_PROG_LOAD, &load->request.attr, load->request.attr_size);
	__atomic_store_n(&load->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void load_begin(struct load *load)
{
	must("thread", -pthread_create(&load->thread, NULL, load_main, load));
}

static void load_end(struct load *load)
{
	pthread_join(load->thread, NULL);
	if (load->result >= 0)
		close(load->result);
	request_free(&load->request);
}

/* The rest is refused to those without capabilities. */
static void load_init(struct load *load)
{
	/* the thread reads them when this function has returned */
	static const struct bpf_insn insns[] = {MOV(0, 0), EXIT};

	load->done = false;
	request_init(&load->request, (struct code){insns, ARRAY_SIZE(insns)});
	load->request.attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	load->request.attr.prog_flags = 0;
}

static bool load_ends(const struct load *load)
{
	struct timespec ms = {.tv_nsec = 1000000};

	for (unsigned i = 0; i < 20000; i++) {
		if (__atomic_load_n(&load->done, __ATOMIC_ACQUIRE))
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

/* One load waits for a page that is what @use makes of it; another one begins after it. */
static void row_beside(const char *name, void (*use)(struct request *q, const void *page))
{
	static struct load first, second;
	const void *page = page_make();
	bool ends;

	if (!page) {
		row_skip(name, "no userfaultfd here");
		return;
	}
	load_init(&first);
	use(&first.request, page);
	load_begin(&first);
	must("a load that waits", page_wanted(20000) ? 0 : -ETIMEDOUT);
	load_init(&second);
	load_begin(&second);
	ends = load_ends(&second);
	row(name, "ok", "%s", ends ? answer_name(second.result) : "waits for the other one");
	page_give();
	load_end(&first);
	load_end(&second);
}

static void use_as_fd_array(struct request *q, const void *page)
{
	q->attr.fd_array = ptr(page);
	q->attr.fd_array_cnt = 1;
}

static void use_as_signature(struct request *q, const void *page)
{
	request_sign(q);
	q->attr.signature = ptr(page);
}

/* What it was; @value is written if it is something else. -errno if that cannot be. */
static int sysctl_set(int value)
{
	_cleanup_close_ int fd = open(SYSCTL, O_RDWR | O_CLOEXEC);
	char old[8] = "", new[8];

	if (fd < 0 || read(fd, old, sizeof(old) - 1) <= 0)
		return -errno;
	snprintf(new, sizeof(new), "%d\n", value);
	if (atoi(old) != value && pwrite(fd, new, strlen(new), 0) < 0)
		return -errno;
	return atoi(old);
}

void rows_lock(void)
{
	int old = sysctl_set(0);

	if (old < 0) {
		row_skip("lock/beside-one-that-waits-for-fd-array", "needs " SYSCTL " to be 0");
		row_skip("lock/beside-one-that-waits-for-a-signature", "needs " SYSCTL " to be 0");
		return;
	}
	row_beside("lock/beside-one-that-waits-for-fd-array", use_as_fd_array);
	row_beside("lock/beside-one-that-waits-for-a-signature", use_as_signature);
	sysctl_set(old);
}
