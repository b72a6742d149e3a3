/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making, pinning and opening a gate. Where it is pinned:
 *
 *   PIN_ROOT/gate/GENERATION/config, tasks, links, counts, programs, events   maps
 *   PIN_ROOT/gate/GENERATION/NAME-OF-A-PROGRAM                      its link
 *
 * "config" comes last and goes first: with it, a generation is whole.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "enforce-internal.h"
#include "errno-text.h"
#include "owned.h"
#include "pin.h"
#include "sys-bpf.h"

#define GATE_ROOT   PIN_ROOT "/gate"
#define PATH_MAX_OF (sizeof(GATE_ROOT) + 64)
#define OBJECT_MAX  (4u << 20)
#define SHIELD	    "gate_shield"
#define LOG_SIZE    1024

/* What libbpf said first: the rest follows from it. By a load that one thread makes. */
static char libbpf_said[LOG_SIZE];

static _printf_(2, 0) int keep_warning(enum libbpf_print_level level, const char *format,
				       va_list ap)
{
	size_t length = strlen(libbpf_said);

	if (level != LIBBPF_WARN || length > sizeof(libbpf_said) / 2)
		return 0;
	vsnprintf(libbpf_said + length, sizeof(libbpf_said) - length, format, ap);
	for (char *p = libbpf_said; *p; p++)
		if (*p == '\n')
			*p = ' ';
	return 0;
}

static int fail_kernel(struct error *error, int r, const char *what)
{
	char buffer[ERRNO_TEXT_SIZE];

	error_set(error, r, ERROR_KERNEL, STEP_NONE, "the gate cannot be put up: %s: %s%s%s", what,
		  errno_text(-r, buffer), *libbpf_said ? ": " : "", libbpf_said);
	if (error && !error->errnum)
		error->errnum = -r;
	return r;
}

static int fail_pin(struct error *error, int r, const char *what, const char *path)
{
	error_set(error, r, ERROR_FAILED, STEP_NONE, "the gate: cannot %s %s: %s%s", what, path,
		  strerror(-r), r == -EPERM ? enforce_why_unknown() : "");
	return r;
}

/* ---- the maps ---- */

/* In the order in which they are pinned. */
static const struct {
	const char *map, *pin;
	size_t offset; /* of the descriptor in struct kernel_gate */
} maps[] = {
	{"gate_tasks", "tasks", offsetof(struct kernel_gate, tasks_fd)},
	{"gate_links", "links", offsetof(struct kernel_gate, links_fd)},
	{"gate_counts", "counts", offsetof(struct kernel_gate, counts_fd)},
	{"gate_programs", "programs", offsetof(struct kernel_gate, programs_fd)},
	{"gate_events", "events", offsetof(struct kernel_gate, events_fd)},
	{"gate_config", "config", offsetof(struct kernel_gate, config_fd)},
};

static int *map_fd(struct kernel_gate *gate, unsigned i)
{
	return (int *)((char *)gate + maps[i].offset);
}

void kernel_gate_close(struct kernel_gate *gate)
{
	if (gate->config)
		munmap(gate->config, sizeof(*gate->config));
	for (unsigned i = 0; i < ARRAY_SIZE(maps); i++)
		safe_close(*map_fd(gate, i));
	*gate = KERNEL_GATE_INIT;
}

static int map_config(struct kernel_gate *gate)
{
	void *p = mmap(NULL, sizeof(*gate->config), PROT_READ | PROT_WRITE, MAP_SHARED,
		       gate->config_fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	gate->config = p;
	/* A load child must not be able to write there, whatever a loader makes of it. */
	return madvise(p, sizeof(*gate->config), MADV_DONTFORK) < 0 ? -errno : 0;
}

bool kernel_gate_exists(void)
{
	return access(GATE_ROOT, F_OK) == 0;
}

static void pin_path(char path[static PATH_MAX_OF], unsigned generation, const char *name)
{
	snprintf(path, PATH_MAX_OF, GATE_ROOT "/%u%s%s", generation, *name ? "/" : "", name);
}

/* A folder in the place of a pin is somebody's who would have the daemon fail: it is no gate's. */
static bool is_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int kernel_gate_open(unsigned generation, struct kernel_gate *ret, struct error *error)
{
	struct kernel_gate gate = KERNEL_GATE_INIT;
	char path[PATH_MAX_OF] = "";
	int r = 0;

	gate.generation = generation;
	for (unsigned i = ARRAY_SIZE(maps); i-- > 0 && r == 0;) {
		pin_path(path, generation, maps[i].pin);
		r = bpf_obj_get(path);
		if (r >= 0) {
			*map_fd(&gate, i) = r;
			r = 0;
		} else if (r == -ENOENT && streq(maps[i].pin, "programs")) {
			/* gates of earlier versions have none, and are gates nevertheless */
			r = 0;
		}
	}
	if (r == -EACCES && is_folder(path))
		r = -ENOENT;
	if (r == 0)
		r = map_config(&gate);
	if (r == 0) {
		*ret = gate;
		return 0;
	}
	kernel_gate_close(&gate);
	return r == -ENOENT ? r : fail_pin(error, r, "open", path);
}

/* ---- the object file ---- */

static int read_object(char **ret, size_t *ret_size, uint8_t ret_build[static GATE_BUILD_SIZE],
		       struct error *error)
{
	_cleanup_close_ int fd = open(GATE_OBJECT_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? -errno : owned_read_all(fd, OBJECT_MAX, ret, ret_size);

	if (r == 0)
		r = sha256(*ret, *ret_size, ret_build);
	return r < 0 ? fail_pin(error, r, "read", GATE_OBJECT_FILE) : 0;
}

int kernel_gate_is_current(const struct kernel_gate *gate, struct error *error)
{
	_cleanup_free_ char *data = NULL;
	uint8_t build[GATE_BUILD_SIZE];
	size_t size;
	int r = read_object(&data, &size, build, error);

	return r < 0 ? r : memcmp(build, gate->config->build, sizeof(build)) == 0;
}

/* ---- making ---- */

static bool is_shield(const struct bpf_program *program)
{
	return streq(bpf_program__name(program), SHIELD);
}

/* With the shield alone and no map but the one with its constant, which is frozen; or without. */
static int open_object(const char *data, size_t size, bool shield, struct bpf_object **ret)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "gate");
	struct bpf_object *object = bpf_object__open_mem(data, size, &options);
	struct bpf_program *program;
	struct bpf_map *map;

	if (!object)
		return -errno;
	bpf_object__for_each_program (program, object)
		bpf_program__set_autoload(program, is_shield(program) == shield);
	bpf_object__for_each_map (map, object) {
		pid_t self = getpid();

		if (bpf_map__is_internal(map) && shield)
			bpf_map__set_initial_value(map, &self, sizeof(self));
		else if (shield)
			bpf_map__set_autocreate(map, false);
	}
	*ret = object;
	return 0;
}

struct making {
	struct kernel_gate gate;
	struct bpf_object *shield, *object;
	int shield_link;
	bool first;
	const char *failed; /* at what */
};

static int attach_lsm(const struct bpf_program *program)
{
	union bpf_attr attr;

	/* Not bpf_link_create() of libbpf, which tries another way where the kernel refuses. */
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)bpf_program__fd(program);
	attr.link_create.attach_type = BPF_LSM_MAC;
	return sys_bpf(BPF_LINK_CREATE, &attr, ATTR_SIZE(link_create));
}

static int put_up_shield(struct making *m, const char *data, size_t size)
{
	int r = open_object(data, size, true, &m->shield);

	m->failed = "its first part";
	if (r == 0)
		r = bpf_object__load(m->shield);
	if (r == 0)
		r = attach_lsm(bpf_object__find_program_by_name(m->shield, SHIELD));
	if (r < 0)
		return r;
	m->shield_link = r;
	return 0;
}

static int load_object(struct making *m, const char *data, size_t size)
{
	int r = open_object(data, size, false, &m->object);

	m->failed = "its programs";
	if (r == 0)
		r = bpf_object__load(m->object);
	for (unsigned i = 0; r == 0 && i < ARRAY_SIZE(maps); i++) {
		r = fcntl(bpf_object__find_map_fd_by_name(m->object, maps[i].map), F_DUPFD_CLOEXEC,
			  3);
		if (r < 0)
			return -errno;
		*map_fd(&m->gate, i) = r;
		r = 0;
	}
	return r == 0 ? map_config(&m->gate) : r;
}

/* As the kernel has device numbers inside. */
static uint32_t kernel_device(dev_t device)
{
	return major(device) << 20 | minor(device);
}

static int fill_config(struct making *m, uint64_t init_types)
{
	struct gate_config *config = m->gate.config;
	struct stat root, sys, sys_fs;

	m->failed = PIN_ROOT;
	if (stat(PIN_ROOT, &root) < 0 || stat("/sys", &sys) < 0 || stat("/sys/fs", &sys_fs) < 0)
		return -errno;
	config->init_types = init_types;
	config->pin_root = root.st_ino;
	config->pin_device = kernel_device(root.st_dev);
	config->sys_device = kernel_device(sys.st_dev);
	config->sys_root = sys.st_ino;
	config->sys_fs = sys_fs.st_ino;
	return 0;
}

static int register_daemon(struct making *m)
{
	const struct gate_task task = {.role = GATE_ROLE_DAEMON};
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	m->failed = "registering bpfgated with it";
	return pidfd < 0 ? -errno : bpf_map_update_elem(m->gate.tasks_fd, &pidfd, &task, BPF_ANY);
}

int link_id(int link_fd, uint32_t *ret)
{
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);
	int r = bpf_link_get_info_by_fd(link_fd, &info, &size);

	if (r == 0)
		*ret = info.id;
	return r;
}

static int attach_one(struct making *m, const struct bpf_program *program)
{
	static const uint32_t owner = GATE_OWNER_GATE;
	_cleanup_close_ int link = attach_lsm(program);
	char path[PATH_MAX_OF];
	uint32_t id;
	int r;

	m->failed = bpf_program__name(program);
	if (link < 0)
		return link;
	pin_path(path, m->gate.generation, bpf_program__name(program));
	r = bpf_obj_pin(link, path);
	if (r == 0)
		r = link_id(link, &id);
	return r == 0 ? bpf_map_update_elem(m->gate.links_fd, &id, &owner, BPF_ANY) : r;
}

static int attach_all(struct making *m)
{
	struct bpf_program *program;
	int r = 0;

	m->gate.config->attaching = 1;
	bpf_object__for_each_program (program, m->object)
		if (r == 0 && !is_shield(program))
			r = attach_one(m, program);
	return r;
}

/* The gate guards what the daemon opens while it is in force: its own programs as well. */
static int guard_programs(struct making *m)
{
	struct bpf_program *program;
	int r = 0;

	m->gate.config->making = (uint32_t)gettid();
	bpf_object__for_each_program (program, m->object) {
		_cleanup_close_ int again = -1;

		if (r == 0 && !is_shield(program))
			r = pin_reopen(bpf_program__fd(program), 0, &again, &m->failed);
	}
	m->gate.config->making = 0;
	return r;
}

/*
 * Programs can be attached to the hooks of a BPF LSM that was not turned on at boot; they are
 * never called then. This one learns, at any bpf(2) of ours, where the daemon lies.
 */
static int check_called(struct making *m, struct error *error)
{
	struct gate_count count;
	uint32_t zero = 0;

	bpf_map_lookup_elem(m->gate.counts_fd, &zero, &count);
	if (m->gate.config->daemon_folder)
		return 0;
	if (getppid() != 1)
		return error_set(
			error, -EPERM, ERROR_FAILED, STEP_NONE,
			"the gate can be put up only by a bpfgated that PID 1 has started, "
			"so that it knows the next one: systemctl start bpfgated");
	return error_set(error, -EOPNOTSUPP, ERROR_KERNEL, STEP_NONE,
			 "the gate cannot be put up: this kernel does not call BPF security "
			 "modules: it needs CONFIG_BPF_LSM, and \"bpf\" in the list of its lsm= "
			 "parameter (see /sys/kernel/security/lsm)");
}

static int pin_maps(struct making *m)
{
	char path[PATH_MAX_OF];
	int r = 0;

	for (unsigned i = 0; r == 0 && i < ARRAY_SIZE(maps); i++) {
		pin_path(path, m->gate.generation, maps[i].pin);
		m->failed = maps[i].pin;
		r = bpf_obj_pin(*map_fd(&m->gate, i), path);
	}
	return r;
}

static int make_folder(unsigned generation, struct error *error)
{
	char path[PATH_MAX_OF];
	int r = pin_root_check(error);

	if (r < 0)
		return r;
	r = kernel_gate_remove(generation, error);
	if (r < 0)
		return r;
	pin_path(path, generation, "");
	if ((mkdir(GATE_ROOT, 0700) < 0 && errno != EEXIST) || mkdir(path, 0700) < 0)
		return fail_pin(error, -errno, "make", path);
	return 0;
}

static int make(struct making *m, uint64_t init_types, struct error *error)
{
	_cleanup_free_ char *data = NULL;
	uint8_t build[GATE_BUILD_SIZE];
	size_t size;
	int r;

	r = enforce_check_jit(error);
	if (r == 0)
		r = make_folder(m->gate.generation, error);
	if (r == 0)
		r = read_object(&data, &size, build, error);
	if (r < 0)
		return r;
	r = put_up_shield(m, data, size);
	if (r == 0)
		r = load_object(m, data, size);
	if (r == 0)
		r = fill_config(m, init_types);
	if (r == 0)
		r = register_daemon(m);
	/* while looking at a program does not yet make it the daemon's */
	if (r == 0 && m->first)
		enforce_say_before((const struct bpf_object *[]){m->object, m->shield, NULL});
	if (r == 0)
		r = attach_all(m);
	if (r < 0)
		return fail_kernel(error, r, m->failed);
	r = check_called(m, error);
	if (r < 0)
		return r;
	r = guard_programs(m);
	if (r < 0)
		return fail_kernel(error, r, m->failed);
	memcpy(m->gate.config->build, build, sizeof(build));
	r = pin_maps(m);
	return r < 0 ? fail_kernel(error, r, m->failed) : 0;
}

int kernel_gate_make(unsigned generation, uint64_t init_types, bool first, struct kernel_gate *ret,
		     struct error *error)
{
	struct making m = {.gate = KERNEL_GATE_INIT, .shield_link = -1, .first = first};
	libbpf_print_fn_t before = libbpf_set_print(keep_warning);
	int r;

	m.gate.generation = generation;
	libbpf_said[0] = '\0';
	r = make(&m, init_types, error);
	libbpf_set_print(before);
	bpf_object__close(m.object);
	safe_close(m.shield_link);
	bpf_object__close(m.shield);
	/* libbpf has read all types of the kernel */
	malloc_trim(0);
	if (r == 0) {
		*ret = m.gate;
		return 0;
	}
	kernel_gate_close(&m.gate);
	kernel_gate_remove(generation, NULL);
	return r;
}

/* ---- removing ---- */

int kernel_gate_remove(unsigned generation, struct error *error)
{
	char path[PATH_MAX_OF];
	int r;

	pin_path(path, generation, "config");
	/* a folder of that name goes with the rest */
	if (unlink(path) < 0 && errno != ENOENT && errno != EISDIR)
		return fail_pin(error, -errno, "remove", path);
	pin_path(path, generation, "");
	r = pin_remove_folder(path + sizeof(PIN_ROOT));
	if (r < 0)
		return fail_pin(error, r, "remove", path);
	/* with the last one; else it is not empty */
	rmdir(GATE_ROOT);
	return 0;
}
