// SPDX-License-Identifier: LGPL-2.1-or-later
/* What has nothing to do with signatures goes on as it did; and who may load at all. */

#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "kernel.h"
#include "keys.h"
#include "row.h"

static int load_sized(union bpf_attr *attr, size_t size, uint8_t tail)
{
	struct {
		union bpf_attr attr;
		uint8_t tail[64];
	} longer;
	int fd;

	memset(&longer, 0, sizeof(longer));
	longer.attr = *attr;
	longer.tail[0] = tail;
	fd = sys_bpf(BPF_PROG_LOAD, &longer.attr, size);
	safe_close(fd);
	return fd < 0 ? fd : 0;
}

static void rows_sizes(void)
{
	static const uint32_t sizes[] = {32, 48, 120, 144, 148, 152, 156, 160, 164, 168, 176, 232};
	struct request q;

	request_init(&q, RETURN_0);
	q.attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	q.attr.prog_flags = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		char name[48];

		snprintf(name, sizeof(name), "unsigned/attribute-of-%u-bytes", sizes[i]);
		row_result(name, "ok", load_sized(&q.attr, sizes[i], 0));
	}
	row_result("unsigned/unknown-tail", "E2BIG", load_sized(&q.attr, sizeof(q.attr) + 8, 1));
	q.attr.keyring_id = 5;
	row_result("unsigned/keyring-alone", "ok", load_sized(&q.attr, 168, 0));
	q.attr.keyring_id = -5;
	q.attr.signature_size = 100000;
	row_result("unsigned/keyring-and-size", "ok", load_sized(&q.attr, 168, 0));
	request_free(&q);
}

/* A signature whose last member or members the kernel does not get: they are 0. */
static void rows_cut(void)
{
	static const struct {
		const char *name;
		size_t size;
	} cuts[] = {
		{"unsigned/signed-attribute-of-168-bytes", 168},
		{"unsigned/signed-without-keyring", 164},
		{"unsigned/signed-without-size", 160},
		{"unsigned/signed-without-signature", 152},
	};
	_cleanup_request_ struct request q = {};

	request_init(&q, RETURN_0);
	request_sign(&q);
	for (unsigned i = 0; i < ARRAY_SIZE(cuts); i++)
		row_result(cuts[i].name, NULL, load_sized(&q.attr, cuts[i].size, 0));
}

static int drop_to(uint64_t capabilities, bool root)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {};

	if (!root && syscall(SYS_setresuid, 65534, 65534, 65534) < 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++)
		data[i].effective = data[i].permitted = (uint32_t)(capabilities >> (32 * i));
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* Loads with those capabilities only: a signed program with a map, and an unsigned one. */
static void rows_with(const char *who, uint64_t capabilities, bool root)
{
	_cleanup_request_ struct request q = {}, plain = {};
	_cleanup_map_ struct map map = {};
	struct code code = READS_MAP(0);
	char name[64];
	int status;
	pid_t pid;

	map_make(&map, code, 8, 1);
	request_init(&q, code);
	request_bind(&q, &map);
	request_sign(&q);
	request_init(&plain, RETURN_0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		must("capabilities", drop_to(capabilities, root));
		snprintf(name, sizeof(name), "capabilities/%s-signed", who);
		row_load(name, NULL, &q);
		q.signature.data[q.signature.size - 1] ^= 1;
		snprintf(name, sizeof(name), "capabilities/%s-rejected", who);
		row_load(name, NULL, &q);
		snprintf(name, sizeof(name), "capabilities/%s-unsigned", who);
		row_load(name, NULL, &plain);
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		must("answers with fewer capabilities", -EIO);
}

#define CAP(c) (1ull << (c))

/* Other programs are verified as ever. */
static void rows_verifier(void)
{
	_cleanup_close_ int map = must("map", map_create(&(struct map_spec){}));
	_cleanup_request_ struct request ok = {}, bad = {}, filter = {};

	request_init(&ok, CODE(MAP_FD(1, map), MOV(0, 5), EXIT));
	row_load_run("unsigned/syscall-program-with-a-map", "ok, returns 0x5", &ok);
	request_init(&bad, CODE(MOV_REG(0, 5), EXIT));
	row_load("unsigned/uninitialised-register", "EACCES", &bad);
	request_init(&filter, RETURN_0);
	filter.attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	filter.attr.prog_flags = 0;
	row_load("unsigned/socket-filter", "ok", &filter);
}

void rows_unsigned(void)
{
	rows_sizes();
	rows_cut();
	rows_verifier();
	rows_with("none-of-nobody", 0, false);
	rows_with("none-of-root", 0, true);
	rows_with("bpf-of-root", CAP(CAP_BPF), true);
	rows_with("bpf-and-perfmon-of-root", CAP(CAP_BPF) | CAP(CAP_PERFMON), true);
	rows_with("sys-admin-of-root", CAP(CAP_SYS_ADMIN), true);
}
