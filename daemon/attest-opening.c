// SPDX-License-Identifier: LGPL-2.1-or-later
#include "attest-opening.h"

#include "errno-text.h"
#include "sys-bpf.h"

static int refuse(struct error *error, const struct manifest_map *map, const char *what)
{
	return error_set(error, -EPERM, ERROR_ATTESTATION, STEP_ATTEST, "map \"%s\" %s", map->name,
			 what);
}

static int cannot_ask(struct error *error, const struct manifest_map *map, int r)
{
	char buffer[ERRNO_TEXT_SIZE];

	error_set(error, r, ERROR_KERNEL, STEP_ATTEST, "cannot ask the kernel about map \"%s\": %s",
		  map->name, errno_text(-r, buffer));
	if (error)
		error->errnum = -r;
	return r;
}

int attest_read_frozen(FILE *file, bool *ret)
{
	char line[256];
	unsigned frozen;

	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "frozen: %u", &frozen) == 1) {
			*ret = frozen == 1;
			return 0;
		}
	}
	return -ENODATA;
}

static int is_frozen(int fd, bool *ret)
{
	char path[sizeof("/proc/self/fdinfo/") + 3 * sizeof(int)];
	_cleanup_fclose_ FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	return file ? attest_read_frozen(file, ret) : -errno;
}

static int read_value(int fd, void *value)
{
	union bpf_attr attr;
	uint32_t key = 0;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = sys_ptr(&key);
	attr.value = sys_ptr(value);
	return sys_bpf(BPF_MAP_LOOKUP_ELEM, &attr, ATTR_SIZE(flags));
}

int attest_opening(const struct manifest_map *map, int fd, const struct map_opening *opening,
		   struct error *error)
{
	_cleanup_free_ void *value = NULL;
	struct bpf_map_info info;
	bool frozen = false;
	int r;

	if (!opening->value)
		return 0;
	memset(&info, 0, sizeof(info));
	r = sys_bpf_info(fd, &info, sizeof(info));
	if (r == 0)
		r = is_frozen(fd, &frozen);
	if (r < 0)
		return cannot_ask(error, map, r);
	if (!frozen || !(info.map_flags & BPF_F_RDONLY_PROG))
		return refuse(error, map, "holds tunables, but is not read-only in the kernel");
	if (info.type != BPF_MAP_TYPE_ARRAY || info.key_size != sizeof(uint32_t) ||
	    info.max_entries != 1 || info.value_size != opening->value_size)
		return refuse(error, map, "holds tunables, but is not as large as its image");

	value = malloc(opening->value_size);
	if (!value)
		return cannot_ask(error, map, -ENOMEM);
	r = read_value(fd, value);
	if (r < 0)
		return cannot_ask(error, map, r);
	if (memcmp(value, opening->value, opening->value_size) != 0)
		return refuse(error, map,
			      "does not hold its image with the tunables as they are set");
	return 0;
}
