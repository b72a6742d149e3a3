// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a client can do with the maps that it is given, and which it cannot be given, with real maps
 * in a real bpffs. As root, with the daemon's three capabilities and no other: whatever these
 * cannot do, a user without any cannot either. In a mount namespace of its own.
 *
 *   map-grants OBJECT      OBJECT: attach-kinds.bpf.o, for its map with a spin lock
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "loader.h"
#include "result.h"

#define OWN_BPFFS "/run/map-grants/bpf"

/* How many names there are in a folder. */
static unsigned count_names(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned n = 0;

	if (!dir)
		return errno == ENOENT ? 0 : UINT_MAX;
	while ((entry = readdir(dir)))
		n += !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
	closedir(dir);
	return n;
}

/* Everything that a holder of @fd could try to change the map with. */
static const char *try_to_write(int fd)
{
	static const char pin[] = OWN_BPFFS "/map";
	_cleanup_close_ int again = -1;
	char key[64] = {0}, value[4096] = {0};
	const char *done = NULL;
	void *memory;

	if (bpf_map_update_elem(fd, key, value, BPF_ANY) == 0)
		return "update";
	if (bpf_map_delete_elem(fd, key) == 0)
		return "delete";
	if (bpf_map_lookup_and_delete_elem(fd, key, value) == 0)
		return "lookup and delete";
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory != MAP_FAILED)
		return "a writable mapping";
	if (bpf_obj_pin(fd, pin) < 0)
		return NULL;
	again = bpf_obj_get(pin);
	if (again >= 0 && bpf_map_update_elem(again, key, value, BPF_ANY) == 0)
		done = "update through a pin";
	if (again >= 0 && bpf_map_delete_elem(again, key) == 0)
		done = "delete through a pin";
	unlink(pin);
	return done;
}

static const struct map_case {
	enum bpf_map_type type;
	uint32_t key_size, value_size, max_entries, flags;
} map_cases[] = {
	{BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0},
	{BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE},
	{BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 4, 0},
	{BPF_MAP_TYPE_HASH, 4, 8, 4, 0},
	{BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 4, 0},
	{BPF_MAP_TYPE_LRU_HASH, 4, 8, 4, 0},
	{BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 4, 0},
	{BPF_MAP_TYPE_LPM_TRIE, 8, 8, 4, BPF_F_NO_PREALLOC},
	{BPF_MAP_TYPE_STACK_TRACE, 4, 64, 4, 0},
	{BPF_MAP_TYPE_QUEUE, 0, 8, 4, 0},
	{BPF_MAP_TYPE_STACK, 0, 8, 4, 0},
	{BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 4, 0},
	{BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0},
};

static void check_read_grant(const struct map_case *m)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = m->flags);
	_cleanup_close_ int map = -1, first = -1, second = -1;
	_cleanup_error_ struct error error = ERROR_INIT;
	const char *what;
	char name[128];
	int r;

	snprintf(name, sizeof(name), "a %s%s granted as read cannot be written",
		 libbpf_bpf_map_type_str(m->type), m->flags & BPF_F_MMAPABLE ? ", mmapable," : "");
	map = bpf_map_create(m->type, "granted", m->key_size, m->value_size, m->max_entries,
			     &options);
	if (map < 0) {
		result(name, false, "cannot be made: %s", strerror(errno));
		return;
	}
	if (m->type == BPF_MAP_TYPE_HASH || m->type == BPF_MAP_TYPE_QUEUE)
		bpf_map_update_elem(map, &(uint32_t){0}, &(uint64_t){1}, BPF_ANY);
	r = map_grant_open(map, m->type, GRANT_READ, &first, &error);
	if (r == 0) /* reopened later: frozen already */
		r = map_grant_open(map, m->type, GRANT_READ, &second, &error);
	if (r < 0) {
		result(name, false, "%s", error_message(&error));
		return;
	}
	what = try_to_write(first) ?: try_to_write(second) ?: try_to_write(map);
	result(name, !what && count_names(PIN_ROOT) == 0, "%s worked, %u names in " PIN_ROOT,
	       what ?: "nothing", count_names(PIN_ROOT));
}

static void check_other_grants(void)
{
	int array = bpf_map_create(BPF_MAP_TYPE_ARRAY, "array", 4, 8, 1, NULL);
	int ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, 4096, NULL);
	_cleanup_error_ struct error error = ERROR_INIT;
	int fd = -1, r;
	void *memory;

	if (array < 0 || ring < 0)
		die("maps");
	r = map_grant_open(array, BPF_MAP_TYPE_ARRAY, GRANT_NONE, &fd, &error);
	result("a map that is not granted is not opened", r == -EINVAL && fd == -1, "%d", r);
	error_done(&error);
	r = map_grant_open(array, BPF_MAP_TYPE_ARRAY, GRANT_EVENTS, &fd, &error);
	result("events are of ring buffers only",
	       r == -EINVAL && fd == -1 && strstr(error_message(&error), "ring buffer"), "%d: %s",
	       r, error_message(&error));
	error_done(&error);
	r = map_grant_open(array, BPF_MAP_TYPE_ARRAY, GRANT_READ_WRITE, &fd, &error);
	result("a read-write grant can be written",
	       r == 0 && bpf_map_update_elem(fd, &(uint32_t){0}, &(uint64_t){7}, BPF_ANY) == 0,
	       "%d: %s", r, error_message(&error));
	safe_close(fd);
	error_done(&error);
	r = map_grant_open(ring, BPF_MAP_TYPE_RINGBUF, GRANT_EVENTS, &fd, &error);
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	result("events can be consumed", r == 0 && memory != MAP_FAILED, "%d: %s", r,
	       error_message(&error));
	munmap(memory, 4096);
	safe_close(fd);
	close(array);
	close(ring);
}

/* @locked: a map whose values have spin locks. */
static void check_unfreezable(int locked)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "mapped", 4, 8, 1, &options), fd = -1, r;
	_cleanup_error_ struct error error = ERROR_INIT;
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);

	if (map < 0 || memory == MAP_FAILED)
		die("a writable mapping");
	r = map_grant_open(map, BPF_MAP_TYPE_ARRAY, GRANT_READ, &fd, &error);
	result("a map that is mapped writable is not granted as read",
	       r == -EBUSY && fd == -1 && strstr(error_message(&error), "cannot be frozen"),
	       "%d: %s", r, error_message(&error));
	munmap(memory, 4096);
	close(map);
	error_done(&error);
	r = map_grant_open(locked, BPF_MAP_TYPE_ARRAY, GRANT_READ, &fd, &error);
	result("a map with spin locks is not granted as read",
	       r < 0 && fd == -1 && strstr(error_message(&error), "spin locks"), "%d: %s", r,
	       error_message(&error));
	error_done(&error);
	r = map_grant_open(locked, BPF_MAP_TYPE_ARRAY, GRANT_READ_WRITE, &fd, &error);
	result("a map that could hold timers is not granted as read-write",
	       r < 0 && fd == -1 && strstr(error_message(&error), "keep its program running"),
	       "%d: %s", r, error_message(&error));
}

/* The map "locked" of the object file. */
static int make_locked(const char *path)
{
	struct bpf_object *object = open_for(path, "on_tp_btf");
	int fd;

	if (bpf_object__load(object) < 0)
		die(path);
	fd = dup(bpf_object__find_map_fd_by_name(object, "locked"));
	bpf_object__close(object);
	return fd;
}

static void prepare(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=700") < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0 ||
	    mkdir("/run/map-grants", 0755) < 0 || mkdir(OWN_BPFFS, 0755) < 0 ||
	    mount("bpf", OWN_BPFFS, "bpf", 0, "mode=1777") < 0)
		die("mounts");
}

int main(int argc, char **argv)
{
	int locked;

	if (argc != 2) {
		fprintf(stderr, "usage: map-grants OBJECT\n");
		return 2;
	}
	result_area("grant");
	/* Before /run is hidden: the object may be anywhere. */
	locked = make_locked(argv[1]);
	prepare();
	drop_capabilities();
	for (unsigned i = 0; i < ARRAY_SIZE(map_cases); i++)
		check_read_grant(&map_cases[i]);
	check_other_grants();
	check_unfreezable(locked);
	return result_failed() > 0;
}
