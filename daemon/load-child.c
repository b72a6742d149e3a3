// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>
#include <sys/socket.h>

#include "load-child.h"
#include "loader-abi.h"
#include "sys-bpf.h"

#define LICENSE "Dual BSD/GPL" /* what the loaders of libbpf are written under */

/* The child's state. Too large for no stack, and there is no heap. */
struct child {
	const struct load_job *job;
	unsigned limit; /* on open files: where the fd table ends */
	uint32_t map_id;
	uint32_t loader_id;
	char socket_name[64];
	struct loader_context context;
	bool claimed[CHILD_FDS];
	int fds[MANIFEST_PROGRAMS_MAX + MANIFEST_MAPS_MAX];
	unsigned n_fds;
};

/* Sends @report, with the fds if it is good news, and ends. */
static _Noreturn void finish(struct child *child, const struct load_report *report)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(child->fds))];
	} control = {};
	struct iovec part = {(void *)report, sizeof(*report)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (report->stage == STAGE_DONE && child->n_fds > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(child->n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(child->n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), child->fds, child->n_fds * sizeof(int));
	}
	if (syscall(SYS_sendmsg, CHILD_SOCKET, &message, MSG_NOSIGNAL) < 0)
		syscall(SYS_exit_group, CHILD_EXIT_MUTE);
	for (;;)
		syscall(SYS_exit_group, 0);
}

static _Noreturn void fail(struct child *child, enum load_stage stage, int r)
{
	struct load_report report = {.stage = stage, .errnum = -r};

	finish(child, &report);
}

static _Noreturn void accuse(struct child *child, enum load_offence offence, unsigned index,
			     const char *object)
{
	struct load_report report = {.stage = STAGE_OBJECTS, .offence = offence, .index = index};

	for (size_t i = 0; object && object[i] && i < sizeof(report.object) - 1; i++)
		report.object[i] = object[i];
	finish(child, &report);
}

int fd_describe(int fd, char *ret, size_t size)
{
	char path[] = "/proc/self/fd/0000000000", *p = path + sizeof(path) - 1;
	char digits[12];
	unsigned n = 0;
	ssize_t length;

	/* No snprintf() in a forked child. */
	p = path + sizeof("/proc/self/fd/") - 1;
	for (unsigned rest = (unsigned)fd; n == 0 || rest > 0; rest /= 10)
		digits[n++] = (char)('0' + rest % 10);
	while (n > 0)
		*p++ = digits[--n];
	*p = '\0';

	length = syscall(SYS_readlinkat, AT_FDCWD, path, ret, size - 1);
	if (length < 0)
		return -errno;
	ret[length] = '\0';
	return 0;
}

/* An array of one element, which only the loader with our digest may touch, frozen for us. */
static int make_map(const struct load_job *job)
{
	union bpf_attr attr;
	uint32_t key = 0;
	int fd, r;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = sizeof(key);
	attr.value_size = (uint32_t)job->input->metadata.size;
	attr.max_entries = 1;
	memcpy(attr.map_name, LOADER_MAP_NAME, sizeof(LOADER_MAP_NAME));
	attr.excl_prog_hash = sys_ptr(job->loader_digest);
	attr.excl_prog_hash_size = DIGEST_SIZE;
	fd = sys_bpf(BPF_MAP_CREATE, &attr, ATTR_SIZE(excl_prog_hash_size));
	if (fd < 0)
		return fd;
	if (fd != CHILD_MAP)
		return -EBADFD;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = sys_ptr(&key);
	attr.value = sys_ptr(job->input->metadata.data);
	r = sys_bpf(BPF_MAP_UPDATE_ELEM, &attr, ATTR_SIZE(flags));
	if (r < 0)
		return r;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	return sys_bpf(BPF_MAP_FREEZE, &attr, ATTR_SIZE(map_fd));
}

/* Asking is not only for us: the kernel then keeps the digest where loaders of libbpf look. */
static int check_map(struct child *child)
{
	uint8_t digest[DIGEST_SIZE] = {};
	struct bpf_map_info info;
	int r;

	memset(&info, 0, sizeof(info));
	info.hash = sys_ptr(digest);
	info.hash_size = sizeof(digest);
	r = sys_bpf_info(CHILD_MAP, &info, sizeof(info));
	if (r < 0)
		return r;
	child->map_id = info.id;
	return memcmp(digest, child->job->metadata_digest, DIGEST_SIZE) == 0 ? 0 : -EBADE;
}

static int load_loader(struct child *child)
{
	const struct load_input *input = child->job->input;
	struct bpf_prog_info info;
	union bpf_attr attr;
	int map_fd = CHILD_MAP, fd, r;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	attr.prog_flags = BPF_F_SLEEPABLE;
	attr.insns = sys_ptr(input->loader.data);
	attr.insn_cnt = (uint32_t)(input->loader.size / sizeof(struct bpf_insn));
	attr.license = sys_ptr(LICENSE);
	memcpy(attr.prog_name, LOADER_PROGRAM_NAME, sizeof(LOADER_PROGRAM_NAME));
	attr.fd_array = sys_ptr(&map_fd);
	if (input->contract == CONTRACT_V2)
		attr.fd_array_cnt = 1;
	if (input->contract != CONTRACT_NONE) {
		attr.signature = sys_ptr(input->pkcs7.data);
		attr.signature_size = (uint32_t)input->pkcs7.size;
		attr.keyring_id = input->keyring;
	}
	if (child->job->log) {
		attr.log_level = 1;
		attr.log_size = LOAD_LOG_SIZE;
		attr.log_buf = sys_ptr(child->job->log);
	}
	fd = sys_bpf(BPF_PROG_LOAD, &attr, ATTR_SIZE(keyring_id));
	if (fd < 0)
		return fd;
	if (fd != CHILD_LOADER)
		return -EBADFD;

	memset(&info, 0, sizeof(info));
	r = sys_bpf_info(fd, &info, sizeof(info));
	child->loader_id = info.id;
	return r;
}

/* 0, or a negative errno: of the call, or (in *ret_result) what the loader returned. */
static int run_loader(struct child *child, int *ret_result)
{
	const struct load_input *input = child->job->input;
	union bpf_attr attr;
	int r;

	loader_context_init(&child->context, input->n_programs, input->n_maps);
	for (unsigned i = 0; input->openings && i < input->n_maps; i++)
		loader_context_open(&child->context, i, input->openings[i].max_entries,
				    input->openings[i].replace ? input->openings[i].value : NULL);
	if (child->job->log) {
		child->context.log_level = 1;
		child->context.log_size = LOAD_LOG_SIZE;
		child->context.log_buf = sys_ptr(child->job->log);
	}
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = CHILD_LOADER;
	attr.test.ctx_in = sys_ptr(&child->context);
	attr.test.ctx_size_in = child->context.size;
	r = sys_bpf(BPF_PROG_TEST_RUN, &attr, ATTR_SIZE(test));
	if (r < 0)
		return r;
	*ret_result = (int)attr.test.retval;
	return 0;
}

/* Are the three fds below what they were? The loader may have closed them and made others. */
static void check_own_fds(struct child *child)
{
	struct bpf_prog_info program;
	struct bpf_map_info map;
	char name[64];

	memset(&program, 0, sizeof(program));
	memset(&map, 0, sizeof(map));
	if (fd_describe(CHILD_SOCKET, name, sizeof(name)) < 0 || !streq(name, child->socket_name))
		syscall(SYS_exit_group, CHILD_EXIT_MUTE);
	if (fd_describe(CHILD_MAP, name, sizeof(name)) < 0 || !streq(name, FD_MAP) ||
	    sys_bpf_info(CHILD_MAP, &map, sizeof(map)) < 0 || map.id != child->map_id)
		accuse(child, OFFENCE_OWN_FD, CHILD_MAP, NULL);
	if (fd_describe(CHILD_LOADER, name, sizeof(name)) < 0 || !streq(name, FD_PROGRAM) ||
	    sys_bpf_info(CHILD_LOADER, &program, sizeof(program)) < 0 ||
	    program.id != child->loader_id)
		accuse(child, OFFENCE_OWN_FD, CHILD_LOADER, NULL);
}

/* Takes @fd as the declared object number @index, which must be of kind @kind. */
static void claim(struct child *child, int fd, const char *kind, enum load_offence missing,
		  unsigned index)
{
	char name[64];

	if (fd < CHILD_FIRST || fd >= (int)child->limit)
		accuse(child, missing, index, NULL);
	if (child->claimed[fd])
		accuse(child, OFFENCE_TWICE, (unsigned)fd, NULL);
	if (fd_describe(fd, name, sizeof(name)) < 0)
		accuse(child, missing, index, NULL);
	if (!streq(name, kind))
		accuse(child, OFFENCE_KIND, index, name);
	child->claimed[fd] = true;
	child->fds[child->n_fds++] = fd;
}

/* Programs first, then maps, each in the order of the manifest. */
static void claim_declared(struct child *child)
{
	const struct load_input *input = child->job->input;

	for (unsigned i = 0; i < input->n_programs; i++)
		claim(child, loader_context_program(&child->context, input->n_maps, i), FD_PROGRAM,
		      OFFENCE_MISSING_PROGRAM, i);
	for (unsigned i = 0; i < input->n_maps; i++)
		claim(child, loader_context_map(&child->context, i), FD_MAP, OFFENCE_MISSING_MAP,
		      i);
}

/* The whole fd table: the limit was set before the loader ran, so there is nothing beyond it. */
static void refuse_the_rest(struct child *child)
{
	char name[64];

	for (int fd = CHILD_FIRST; fd < (int)child->limit; fd++) {
		if (child->claimed[fd] || syscall(SYS_fcntl, fd, F_GETFD) < 0)
			continue;
		if (fd_describe(fd, name, sizeof(name)) < 0)
			name[0] = '\0';
		accuse(child, OFFENCE_UNDECLARED, (unsigned)fd, name);
	}
}

/* Before the first map: what is charged already stays where it is. */
static int join_group(const struct memory_group *group)
{
	int fd, r = 0;

	if (!group)
		return 0;
	fd = (int)syscall(SYS_openat, AT_FDCWD, group->procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_write, fd, "0", 1) < 0)
		r = -errno;
	syscall(SYS_close, fd);
	return r;
}

/* Not before the parent has told the gate who this is. */
static int wait_for_go(void)
{
	char byte;
	long n = syscall(SYS_recvfrom, CHILD_SOCKET, &byte, 1, 0, NULL, NULL);

	if (n < 0)
		return -errno;
	return n == 1 ? 0 : -ECANCELED;
}

static void prepare(struct child *child)
{
	int r;

	r = child_limit(child->job->parent, child->job->socket, child->limit);
	if (r == 0)
		r = wait_for_go();
	if (r == 0)
		r = fd_describe(CHILD_SOCKET, child->socket_name, sizeof(child->socket_name));
	if (r < 0)
		fail(child, STAGE_PREPARE, r);
	r = join_group(child->job->input->memory);
	if (r < 0)
		fail(child, STAGE_MEMORY, r);
	r = make_map(child->job);
	if (r < 0)
		fail(child, STAGE_MAP, r);
	r = check_map(child);
	if (r < 0)
		fail(child, STAGE_DIGEST, r);
	r = load_loader(child);
	if (r < 0)
		fail(child, STAGE_LOADER, r);
	r = child_limit_capabilities(child->job->input->program_types);
	if (r == 0)
		r = child_filter();
	if (r < 0)
		fail(child, STAGE_FILTER, r);
}

void load_child(const struct load_job *job)
{
	struct load_report report = {.stage = STAGE_DONE};
	struct child child = {
		.job = job,
		.limit = CHILD_FIRST + job->input->n_programs + job->input->n_maps + CHILD_SPARE,
	};
	int r, result = 0;

	prepare(&child);
	r = run_loader(&child, &result);
	if (r < 0)
		fail(&child, STAGE_RUN, r);
	check_own_fds(&child);
	if (result != 0)
		fail(&child, STAGE_RESULT, result < 0 ? result : -EPROTO);
	claim_declared(&child);
	refuse_the_rest(&child);
	finish(&child, &report);
}
