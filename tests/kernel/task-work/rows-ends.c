// SPDX-License-Identifier: LGPL-2.1-or-later
/* Requests for a task that is dying, and for memory that is counted. */
#include <fcntl.h>
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
	ends->tid = (uint32_t)getpid();
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

static const struct check checks[] = {
	{"dying-task", "EBADF, then ok", run_dying, 0, 0, 0, NULL},
	{"memory-of-contexts", "charged, given back", run_memory, 0, 0, 0, NULL},
};

void rows_tw_ends(void)
{
	CHECKS_RUN("ends", checks);
}
