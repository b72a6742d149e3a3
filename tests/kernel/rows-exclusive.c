// SPDX-License-Identifier: LGPL-2.1-or-later
/* Exclusive maps: how they are made, and what user space may do with them. */

#include <sys/mman.h>

#include "kernel.h"
#include "row.h"

static const uint8_t some_digest[64] = {1, 2, 3};

static int create(const struct map_kind *kind, uint64_t hash, uint32_t size, size_t attr_size)
{
	union bpf_attr attr;

	map_attr(&(struct map_spec){.kind = kind}, &attr);
	attr.excl_prog_hash = hash;
	attr.excl_prog_hash_size = size;
	return sys_bpf(BPF_MAP_CREATE, &attr, attr_size ?: ATTR_SIZE(excl_prog_hash_size));
}

static void made(const char *name, const char *expected, uint64_t hash, uint32_t size)
{
	int fd = create(NULL, hash, size, 0);

	row_result(name, expected, fd);
	safe_close(fd);
}

static void rows_hash(void)
{
	uint8_t *pages =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t hash = ptr(some_digest);
	int fd;

	made("exclusive/hash-of-32", "ok", hash, 32);
	made("exclusive/hash-of-31", "EINVAL", hash, 31);
	made("exclusive/hash-of-33", "EINVAL", hash, 33);
	made("exclusive/hash-of-1", "EINVAL", hash, 1);
	made("exclusive/hash-of-64", "EINVAL", hash, 64);
	made("exclusive/hash-of-uint-max", "EINVAL", hash, UINT32_MAX);
	made("exclusive/hash-of-0", NULL, hash, 0);
	made("exclusive/null-hash-of-0", "ok", 0, 0);
	made("exclusive/null-hash-of-32", NULL, 0, 32);
	made("exclusive/null-hash-of-31", NULL, 0, 31);
	made("exclusive/bad-pointer", "EFAULT", 4096, 32);
	made("exclusive/bad-pointer-of-31", NULL, 4096, 31);
	made("exclusive/kernel-pointer", "EFAULT", 0xffff888000000000ull, 32);
	munmap(pages + 4096, 4096);
	made("exclusive/to-the-end-of-a-page", "ok", ptr(pages + 4096 - 32), 32);
	made("exclusive/into-a-missing-page", "EFAULT", ptr(pages + 4096 - 31), 32);

	fd = create(NULL, hash, 0, ATTR_SIZE(excl_prog_hash));
	row_result("exclusive/attribute-without-the-size", NULL, fd);
	safe_close(fd);
	fd = create(NULL, 0, 0, ATTR_SIZE(map_token_fd));
	row_result("exclusive/attribute-without-both", "ok", fd);
	safe_close(fd);
	fd = create(NULL, hash, 32, 92);
	row_result("exclusive/attribute-of-92-bytes", "ok", fd);
	safe_close(fd);
	fd = create(NULL, hash, 32, 96);
	row_result("exclusive/attribute-of-96-bytes", "ok", fd);
	safe_close(fd);
}

static void rows_tail(void)
{
	union bpf_attr attr;
	int fd;

	map_attr(&(struct map_spec){.digest = some_digest}, &attr);
	((uint8_t *)&attr)[92] = 1;
	fd = sys_bpf(BPF_MAP_CREATE, &attr, 96);
	row_result("exclusive/unknown-member-after-it", NULL, fd);
	safe_close(fd);
}

static void rows_types(void)
{
	for (unsigned i = 0; i < n_map_kinds; i++) {
		_cleanup_close_ int plain = map_create(&(struct map_spec){.kind = &map_kinds[i]});
		_cleanup_close_ int fd = -1;
		char name[64];

		snprintf(name, sizeof(name), "exclusive-type/%s", map_kinds[i].name);
		if (plain < 0) {
			row(name, NULL, "skip: no such map: %s", answer_name(plain));
			continue;
		}
		fd = map_create(&(struct map_spec){.kind = &map_kinds[i], .digest = some_digest});
		row_result(name, "ok", fd);
	}
}

static int fd_by_id(int fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_id = map_id(fd);
	return sys_bpf(BPF_MAP_GET_FD_BY_ID, &attr, ATTR_SIZE(open_flags));
}

static int batch_lookup(int fd)
{
	union bpf_attr attr;
	uint32_t next, key[1];
	uint64_t value[1];

	memset(&attr, 0, sizeof(attr));
	attr.batch.out_batch = ptr(&next);
	attr.batch.keys = ptr(key);
	attr.batch.values = ptr(value);
	attr.batch.count = 1;
	attr.batch.map_fd = (uint32_t)fd;
	return sys_bpf(BPF_MAP_LOOKUP_BATCH, &attr, ATTR_SIZE(batch));
}

static int next_key(int fd)
{
	union bpf_attr attr;
	uint32_t key;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.next_key = ptr(&key);
	return sys_bpf(BPF_MAP_GET_NEXT_KEY, &attr, ATTR_SIZE(flags));
}

/* User-space access is limited by freezing alone. */
static void rows_user_space(void)
{
	_cleanup_close_ int fd = -1, again = -1;
	uint64_t value = 5;
	void *page;

	fd = must("exclusive map",
		  map_create(&(struct map_spec){.digest = some_digest, .flags = BPF_F_MMAPABLE}));
	row_result("exclusive/update", "ok", map_update(fd, 0, &value));
	row_result("exclusive/look-up", "ok", map_lookup(fd, 0, &value));
	row_result("exclusive/look-up-batch", NULL, batch_lookup(fd));
	row_result("exclusive/next-key", "ok", next_key(fd));
	again = fd_by_id(fd);
	row_result("exclusive/fd-by-id", "ok", again);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	row_result("exclusive/map-writable", "ok", page == MAP_FAILED ? -errno : 0);
	munmap(page, 4096);
	row_result("exclusive/freeze", "ok", map_freeze(fd));
	row_result("exclusive/freeze-twice", NULL, map_freeze(fd));
	row_result("exclusive/update-when-frozen", "EPERM", map_update(fd, 0, &value));
	row_result("exclusive/look-up-when-frozen", "ok", map_lookup(fd, 0, &value));
}

void rows_exclusive(void)
{
	rows_hash();
	rows_tail();
	rows_types();
	rows_user_space();
}
