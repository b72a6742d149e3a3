// SPDX-License-Identifier: LGPL-2.1-or-later
/* Requests for a task that is dying, for memory that is counted, and with the last reference to a
 * map. */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "checks.h"
#include "ends.h"
#include "subject.h"

#define CGROUP "/sys/fs/cgroup/bpf-task-work"

static struct bpf_object *object;
static struct ends *ends;

/* Loads the object with these programs; attaches those that have a place to be attached to. */
static void load(const char *const *programs)
{
	struct bpf_program *program;
	size_t size;

	object = bpf_object__open_file(checks_object("ends"), NULL);
	must("open", object ? 0 : -errno);
	for (unsigned i = 0; programs[i]; i++) {
		program = bpf_object__find_program_by_name(object, programs[i]);
		must(programs[i], bpf_program__set_autoload(program, true));
	}
	must("load", bpf_object__load(object));
	ends = bpf_map__initial_value(bpf_object__find_map_by_name(object, ".bss"), &size);
	must(".bss", ends && size >= sizeof(*ends) ? 0 : -ENOENT);
}

static struct bpf_program *program_named(const char *name)
{
	return bpf_object__find_program_by_name(object, name);
}

static struct bpf_link *attach(const char *name)
{
	struct bpf_link *link = bpf_program__attach(program_named(name));

	must(name, link ? 0 : -errno);
	return link;
}

static void run_program(const char *name)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	must(name, bpf_prog_test_run_opts(bpf_program__fd(program_named(name)), &opts));
}

/* A request that is refused for its task leaves the field to others. */
static void run_dying(const struct check *check)
{
	struct bpf_link *link;
	int gate[2], r;
	pid_t pid;

	load((const char *const[]){"of_the_dying", NULL});
	link = attach("of_the_dying");
	must("pipe", pipe2(gate, O_CLOEXEC) < 0 ? -errno : 0);
	pid = must("fork", fork());
	if (pid == 0) {
		close(gate[1]);
		r = (int)read(gate[0], &(char){0}, 1);
		_exit(r);
	}
	ends->dying = (uint32_t)pid;
	close(gate[0]);
	close(gate[1]);
	must("wait", waitpid(pid, NULL, 0) == pid ? 0 : -errno);
	if (!wait_for(&ends->met, 1, 30000))
		answer("its end was not seen");
	else
		answer("%s, then %s", answer_name(ends->first), answer_name(ends->second));
	bpf_link__destroy(link);
	bpf_object__close(TAKE_PTR(object));
}

static int write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static long long memory_now(void)
{
	_cleanup_close_ int fd = open(CGROUP "/memory.current", O_RDONLY | O_CLOEXEC);
	char text[32] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	return atoll(text);
}

/* The program's maps are charged to a cgroup, and so must be what is allocated for their work. */
static void fill(void)
{
	long long before, after, full = (long long)N_BIG * 100;

	load((const char *const[]){"fill", NULL});
	before = memory_now();
	run_program("fill");
	after = memory_now();
	note("%u contexts, %lld bytes", ends->scheduled, after - before);
	full = full * ends->scheduled / N_BIG;
	if (ends->scheduled < N_BIG / 2) {
		answer("only %u could be scheduled", ends->scheduled);
	} else if (after - before < full) {
		answer("not charged");
	} else {
		bpf_object__close(TAKE_PTR(object));
		for (unsigned i = 0; i < 30000 && memory_now() - before > full / 2; i++)
			sleep_ms(1);
		answer("charged, %s", memory_now() - before > full / 2 ? "kept" : "given back");
	}
	bpf_object__close(TAKE_PTR(object));
}

static void run_memory(const struct check *check)
{
	int r;

	/* Where the controller is on already, this fails. */
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	r = mkdir(CGROUP, 0755) < 0 ? -errno : 0;
	if (r < 0 || memory_now() < 0) {
		answer("skip: no memory controller: %s", answer_name(r));
		rmdir(CGROUP);
		return;
	}
	must("cgroup", write_file(CGROUP "/cgroup.procs", "0"));
	fill();
	must("cgroup", write_file("/sys/fs/cgroup/init.scope/cgroup.procs", "0"));
	rmdir(CGROUP);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must("CPU", sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0);
}

static atomic_bool stop;
static atomic_uint spinner;

static void *spin(void *p)
{
	pin(1);
	spinner = (unsigned)gettid();
	while (!stop)
		;
	return NULL;
}

static struct bpf_link *attach_clock(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, spinner, -1, -1, PERF_FLAG_FD_CLOEXEC);
	struct bpf_link *link;

	must("perf event", fd < 0 ? -errno : 0);
	link = bpf_program__attach_perf_event(program_named("drop_outer"), fd);
	must("drop_outer", link ? 0 : -errno);
	return link;
}

/* A map that the outer one has, with an element: its descriptor. */
static int make_inner(int outer)
{
	struct bpf_map *pattern = bpf_object__find_map_by_name(object, "inner");
	LIBBPF_OPTS(bpf_map_create_opts, opts, .btf_fd = (uint32_t)bpf_object__btf_fd(object),
		    .btf_key_type_id = bpf_map__btf_key_type_id(pattern),
		    .btf_value_type_id = bpf_map__btf_value_type_id(pattern));
	int fd = must("inner map", bpf_map_create(BPF_MAP_TYPE_HASH, "inner", 4,
						  sizeof(struct small), 4, &opts));
	uint32_t index = 0, key = INNER_KEY, size = sizeof(struct bpf_map_info);
	struct bpf_map_info info = {};
	struct small small = {};

	must("element", bpf_map_update_elem(fd, &key, &small, BPF_ANY));
	must("outer map", bpf_map_update_elem(outer, &index, &fd, BPF_ANY));
	must("map info", bpf_map_get_info_by_fd(fd, &info, &size));
	ends->map_id = info.id;
	return fd;
}

/* The descriptor goes, then the outer map's reference: what is left is that of the request. */
static const char *drop_last(void)
{
	int outer = bpf_object__find_map_fd_by_name(object, "outer"), fd;
	static const char *const where[] = {
		[NOT_YET] = "not dropped",
		[IN_INTERRUPT] = "in the interrupt",
		[IN_WORKER] = "in a worker",
		[ELSEWHERE] = "by user space",
	};
	uint32_t index = 0;
	struct target t;

	fd = make_inner(outer);
	target_process(&t);
	ends->tid = t.tid;
	run_program("schedule_inner");
	must("schedule", ends->result);
	sleep_ms(20); /* an interrupt hands it to the task */
	ends->tid = (uint32_t)getpid();
	ends->spinner = spinner;
	ends->armed = spinner;
	must("interrupt", wait_for(&ends->inside, 1, 20000) ? 0 : -ETIMEDOUT);
	must("delete", ends->deleted);
	close(fd);
	must("outer map", bpf_map_delete_elem(outer, &index));
	for (unsigned i = 0; i < 20000 && (!ends->left || !ends->dropped); i++)
		sleep_ms(1);
	target_end(&t);
	return ends->left == 1 ? where[ends->dropped] : "not met";
}

/*
 * An interrupt may come in the midst of what it would lock, so that is left to a worker. Not asked
 * of kernels whose requests do not hold their map.
 */
static void run_last_reference(const struct check *check)
{
	struct bpf_link *watch, *clock;
	const char *where = "";
	pthread_t thread;

	if (options.stock) {
		answer("skip: asked of the patched kernel only");
		return;
	}
	stop = false;
	spinner = 0;
	pin(0);
	must("thread", -pthread_create(&thread, NULL, spin, NULL));
	while (!spinner)
		sleep_ms(1);
	for (unsigned i = 0; i < 5; i++) {
		load((const char *const[]){"schedule_inner", "drop_outer", "watch_idr", NULL});
		watch = attach("watch_idr");
		clock = attach_clock();
		where = drop_last();
		bpf_link__destroy(clock);
		bpf_link__destroy(watch);
		bpf_object__close(TAKE_PTR(object));
		/* User space was slower than the interrupt's patience. */
		if (!streq(where, "by user space") && !streq(where, "not met"))
			break;
	}
	answer("%s", where);
	stop = true;
	pthread_join(thread, NULL);
}

static const struct check checks[] = {
	{"dying-task", "EBADF, then ok", run_dying, 0, 0, 0, NULL},
	{"memory-of-contexts", "charged, given back", run_memory, 0, 0, 0, NULL},
	{"last-reference-in-an-interrupt", "in a worker", run_last_reference, 0, 0, 0, NULL},
};

void rows_tw_ends(void)
{
	CHECKS_RUN("ends", checks);
}
