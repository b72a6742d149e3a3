// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * attach() with each kind of target, in a guest: the program runs while its link is open and never
 * after; and what must be refused is. As root, with the daemon's three capabilities and no other.
 *
 *   attach-kinds OBJECT      OBJECT: attach-kinds.bpf.o
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "loader.h"
#include "result.h"

static const char *object_path;
static char libc_path[PATH_MAX], cgroup_path[PATH_MAX];

/* ---- something happens ---- */

static void open_file(void)
{
	safe_close(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static long switches(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_THREAD, &usage) < 0)
		die("getrusage");
	return usage.ru_nvcsw;
}

/* Gives the processor away: on a busy machine a time can be over before anybody sleeps. */
static void sleep_a_little(void)
{
	long before = switches();

	do
		usleep(2000);
	while (switches() == before);
}

static void call_libc(void)
{
	/* Through a pointer the compiler cannot see through: a call into the library. */
	pid_t (*volatile call)(void) = getppid;

	call();
}

static void burn(void)
{
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += 300 * 1000 * 1000;
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - end.tv_sec) * 1000000000L + now.tv_nsec - end.tv_nsec < 0);
}

static void send_packet(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(to);
	int in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char byte = 1;

	if (in < 0 || out < 0 || bind(in, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    getsockname(in, (struct sockaddr *)&to, &size) < 0 ||
	    sendto(out, &byte, 1, 0, (struct sockaddr *)&to, size) != 1)
		die("sending a packet");
	if (recv(in, &byte, 1, 0) != 1)
		die("receiving a packet");
	close(in);
	close(out);
}

/* ---- one program, loaded plainly ---- */

struct loaded_program {
	struct bpf_object *object;
	int fd, runs;
	enum bpf_prog_type type;
};

static int load_program(const char *name, struct loaded_program *ret)
{
	struct bpf_program *program;
	int r;

	ret->object = open_for(object_path, name);
	r = bpf_object__load(ret->object);
	if (r < 0) {
		bpf_object__close(ret->object);
		return r;
	}
	program = bpf_object__find_program_by_name(ret->object, name);
	ret->fd = bpf_program__fd(program);
	ret->type = bpf_program__type(program);
	ret->runs = bpf_object__find_map_fd_by_name(ret->object, "runs");
	return 0;
}

static uint64_t runs_of(const struct loaded_program *program)
{
	uint32_t key = 0;
	uint64_t value = 0;

	if (bpf_map_lookup_elem(program->runs, &key, &value) < 0)
		die("reading a counter");
	return value;
}

/* Output of the iterator that links->items[0] is. */
static struct links *iterator;
static void read_iterator(void)
{
	char buffer[256];
	int fd;

	/* Closed by now: nothing can be made of it any more. */
	if (!iterator->n)
		return;
	fd = bpf_iter_create(iterator->items[0].fd);
	if (fd < 0)
		die("bpf_iter_create");
	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	close(fd);
}

static const struct kind {
	const char *program, *target;
	void (*happen)(void);
	bool perf; /* goes through a perf event, which a distribution may have closed */
} kinds[] = {
	{"on_tracepoint", "tracepoint:sched/sched_switch", sleep_a_little, true},
	{"on_raw_tp", "raw_tp:sched_switch", sleep_a_little, false},
	{"on_tp_btf", "tp_btf:sched_switch", sleep_a_little, false},
	{"on_fentry", "fentry:vfs_open", open_file, false},
	{"on_fexit", "fexit:vfs_open", open_file, false},
	{"on_kprobe", "kprobe:vfs_open", open_file, true},
	{"on_kprobe", "kprobe:vfs_open+0x0", open_file, true},
	{"on_kretprobe", "kretprobe:vfs_open", open_file, true},
	{"on_kprobe_multi", "kprobe:vfs_open", open_file, false},
	{"on_kretprobe_multi", "kretprobe:vfs_open", open_file, false},
	{"on_uprobe", "uprobe:LIBC:getppid", call_libc, false},
	{"on_uretprobe", "uretprobe:LIBC:getppid", call_libc, false},
	{"on_perf_event", "perf_event:cpu-clock@99", burn, true},
	{"on_xdp", "xdp:lo", send_packet, false},
	{"on_tcx", "tcx:lo/ingress", send_packet, false},
	{"on_tcx", "tcx:lo/egress", send_packet, false},
	{"on_ingress", "cgroup:CGROUP/ingress", send_packet, false},
	{"on_egress", "cgroup:CGROUP/egress", send_packet, false},
	{"on_sock_create", "cgroup:CGROUP/sock_create", send_packet, false},
	{"on_sock_release", "cgroup:CGROUP/sock_release", send_packet, false},
	{"on_device", "cgroup:CGROUP/device", open_file, false},
	{"on_lsm", "lsm:file_open", open_file, false},
	{"on_iter", "iter:task", read_iterator, false},
};

/* LIBC and CGROUP stand for paths that only this machine knows. */
static char *fill_in(const char *text)
{
	static const struct {
		const char *word, *value;
	} words[] = {{"LIBC", libc_path}, {"CGROUP", cgroup_path}};
	char *filled;

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		const char *at = strstr(text, words[i].word);

		if (!at)
			continue;
		if (asprintf(&filled, "%.*s%s%s", (int)(at - text), text, words[i].value,
			     at + strlen(words[i].word)) < 0)
			die("memory");
		return filled;
	}
	filled = strdup(text);
	if (!filled)
		die("memory");
	return filled;
}

static void parse(const char *text, struct target *ret)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_free_ char *filled = fill_in(text);

	if (target_parse(filled, ret, &error) < 0) {
		printf("not ok - attach: %s\n#   %s\n", text, error_message(&error));
		exit(1);
	}
}

static void check_kind(const struct kind *kind)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_target_ struct target target = {0};
	_cleanup_links_ struct links links = LINKS_INIT;
	struct loaded_program program;
	uint64_t before, during, after;
	char name[256];
	long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r;

	snprintf(name, sizeof(name), "%s to %s", kind->program, kind->target);
	parse(kind->target, &target);
	r = load_program(kind->program, &program);
	if (r < 0) {
		result(name, false, "cannot be loaded: %s", strerror(-r));
		return;
	}
	iterator = &links;
	r = attach_resolve(&target, &error);
	if (r == 0)
		r = attach(program.fd, program.type, &target, 7, &links, &error);
	if (r < 0) {
		result(name, false, "%s: %s", step_name(error.step), error_message(&error));
		bpf_object__close(program.object);
		return;
	}
	if (links.n != (target.kind == TARGET_PERF_EVENT ? (unsigned)n_cpus : 1) ||
	    links.items[0].attachment != 7)
		result(name, false, "%u links, attachment %u", links.n, links.items[0].attachment);
	before = runs_of(&program);
	kind->happen();
	during = runs_of(&program);
	links_done(&links);
	/* What was under way on another CPU may still end. */
	usleep(50 * 1000);
	after = runs_of(&program);
	kind->happen();
	result(name, during > before && runs_of(&program) == after,
	       "ran %llu times attached, %llu times after", (unsigned long long)(during - before),
	       (unsigned long long)(runs_of(&program) - after));
	bpf_object__close(program.object);
}

/* ---- refusals ---- */

static const struct refusal {
	const char *program, *target, *part;
	enum error_code code;
	enum step step; /* STEP_AUTHORISE: without a program already */
} refusals[] = {
	{"on_tracepoint", "tracepoint:sched/no_such", "no tracepoint", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_tracepoint", "tracepoint:no_such/sched_switch", "no tracepoint", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_raw_tp", "raw_tp:no_such", "no raw tracepoint", ERROR_BAD_TARGET, STEP_ATTACH},
	{"on_kprobe", "kprobe:no_such_function", "no function", ERROR_BAD_TARGET, STEP_ATTACH},
	{"on_kretprobe", "kretprobe:no_such_function", "no function", ERROR_BAD_TARGET,
	 STEP_ATTACH},
	{"on_kprobe", "kprobe:vfs_open+0xfffffff", "vfs_open", ERROR_BAD_TARGET, STEP_ATTACH},
	/* The kernel decodes its own functions from their beginning. */
	{"on_kprobe", "kprobe:vfs_open+0x1", "not the start of an instruction", ERROR_BAD_TARGET,
	 STEP_ATTACH},
	{"on_kprobe_multi", "kprobe:no_such_function", "no function", ERROR_BAD_TARGET,
	 STEP_ATTACH},
	{"on_uprobe", "uprobe:LIBC:no_such_function", "no function", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_uprobe", "uprobe:LIBC:getppid+0x1", "not where a function begins", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_uprobe", "uprobe:/no/such/file:main", "cannot open", ERROR_BAD_TARGET, STEP_AUTHORISE},
	{"on_uprobe", "uprobe:/usr/bin:main", "not a regular file", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_uprobe", "uprobe:/dev/null:0x10", "not a regular file", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_uprobe", "uprobe:/etc/passwd:main", "not an ELF file", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_uprobe", "uprobe:/run/attach-kinds/link:getppid", "symbolic link", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_uprobe", "uprobe:/run/attach-kinds/linked/copy:getppid", "symbolic link",
	 ERROR_BAD_TARGET, STEP_AUTHORISE},
	{"on_uprobe", "uprobe:/proc/self/exe:main", "symbolic link", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_uprobe", "uprobe:/run/attach-kinds/fifo:0x10", "not a regular file", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_uprobe", "uprobe:/run/attach-kinds/users:getppid", "not root's alone",
	 ERROR_BAD_TARGET, STEP_AUTHORISE},
	{"on_uprobe", "uprobe:/run/attach-kinds/writable:getppid", "not root's alone",
	 ERROR_BAD_TARGET, STEP_AUTHORISE},
	{"on_uprobe", "uprobe:/run/attach-kinds/open/copy:getppid", "writable by others",
	 ERROR_BAD_TARGET, STEP_AUTHORISE},
	{"on_plain_uprobe", "uprobe:LIBC:getppid", "multi uprobe", ERROR_KERNEL, STEP_ATTACH},
	{"on_perf_event", "perf_event:no-such@99", "no perf event", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_xdp", "xdp:nosuchif0", "no network interface", ERROR_BAD_TARGET, STEP_AUTHORISE},
	{"on_tcx", "tcx:nosuchif0/egress", "no network interface", ERROR_BAD_TARGET,
	 STEP_AUTHORISE},
	{"on_ingress", "cgroup:CGROUP/no-such/ingress", "cannot open control group",
	 ERROR_BAD_TARGET, STEP_AUTHORISE},
	{"on_sock_create", "cgroup:CGROUP/sock_release", "kernel refused", ERROR_KERNEL,
	 STEP_ATTACH},
	{"on_fentry", "fexit:vfs_open", "was not loaded for", ERROR_BAD_TARGET, STEP_ATTACH},
	{"on_fmod_ret", "fentry:security_file_open", "was not loaded for", ERROR_BAD_TARGET,
	 STEP_ATTACH},
	{"on_fmod_ret", "fexit:security_file_open", "was not loaded for", ERROR_BAD_TARGET,
	 STEP_ATTACH},
	{"on_xdp", "tcx:lo/ingress", "cannot be attached to", ERROR_BAD_TARGET, STEP_ATTACH},
	{"on_kprobe", "tracepoint:sched/sched_switch", "cannot be attached to", ERROR_BAD_TARGET,
	 STEP_ATTACH},
};

static void check_refusal(const struct refusal *refusal)
{
	_cleanup_error_ struct error error = ERROR_INIT, resolve_error = ERROR_INIT;
	_cleanup_target_ struct target target = {0};
	_cleanup_links_ struct links links = LINKS_INIT;
	struct loaded_program program;
	char name[256];
	int r;

	snprintf(name, sizeof(name), "refused: %s to %s", refusal->program, refusal->target);
	parse(refusal->target, &target);
	r = attach_resolve(&target, &resolve_error);
	if ((r < 0) != (refusal->step == STEP_AUTHORISE) ||
	    (r < 0 && resolve_error.step != STEP_AUTHORISE)) {
		result(name, false, "looked up: %d, at step %s: %s", r,
		       step_name(resolve_error.step), error_message(&resolve_error));
		return;
	}
	r = load_program(refusal->program, &program);
	if (r < 0) {
		result(name, false, "cannot be loaded: %s", strerror(-r));
		return;
	}
	r = attach(program.fd, program.type, &target, 0, &links, &error);
	result(name,
	       r < 0 && links.n == 0 && error.code == refusal->code && error.step == STEP_ATTACH &&
		       error.fields && strstr(error_message(&error), refusal->part),
	       "%d, %u links, %s: %s", r, links.n, error_code_name(error.code),
	       error_message(&error));
	bpf_object__close(program.object);
}

/* A second XDP program has no place, and says so; the first one stays. */
static void check_busy(void)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	_cleanup_target_ struct target target = {0};
	_cleanup_links_ struct links links = LINKS_INIT;
	struct loaded_program program;
	int r;

	parse("xdp:lo", &target);
	if (load_program("on_xdp", &program) < 0)
		die("loading on_xdp");
	r = attach(program.fd, program.type, &target, 0, &links, &error);
	if (r == 0)
		r = attach(program.fd, program.type, &target, 1, &links, &error);
	result("refused: a second XDP program",
	       r == -EBUSY && links.n == 1 && error.code == ERROR_KERNEL &&
		       strstr(error_message(&error), "has an XDP program already"),
	       "%d, %u links: %s", r, links.n, error_message(&error));
	bpf_object__close(program.object);
}

/*
 * Debian's kernels close perf to all but CAP_SYS_ADMIN by default: each kind that needs it must say
 * so. Then opens it, in a guest only.
 */
static bool check_closed_perf(void)
{
	const char *sysctl = "/proc/sys/kernel/perf_event_paranoid";
	char cmdline[4096] = "", name[256];
	FILE *file = fopen(sysctl, "r+e");
	int value = 0;

	if (!file || fscanf(file, "%d", &value) != 1)
		die(sysctl);
	for (unsigned i = 0; value > 2 && i < ARRAY_SIZE(kinds); i++) {
		_cleanup_error_ struct error error = ERROR_INIT;
		_cleanup_target_ struct target target = {0};
		_cleanup_links_ struct links links = LINKS_INIT;
		struct loaded_program program;
		int r;

		if (!kinds[i].perf)
			continue;
		parse(kinds[i].target, &target);
		if (load_program(kinds[i].program, &program) < 0)
			die(kinds[i].program);
		r = attach(program.fd, program.type, &target, 0, &links, &error);
		snprintf(name, sizeof(name), "refused: %s while perf is closed", kinds[i].target);
		result(name, r < 0 && strstr(error_message(&error), "perf_event_paranoid"),
		       "%d: %s", r, error_message(&error));
		bpf_object__close(program.object);
	}
	fclose(file);
	if (value <= 2)
		return true;
	file = fopen("/proc/cmdline", "re");
	if (!file || !fgets(cmdline, sizeof(cmdline), file) || !strstr(cmdline, "vm.init="))
		return false;
	fclose(file);
	file = fopen(sysctl, "we");
	if (!file || fputs("2", file) < 0 || fclose(file) != 0)
		die(sysctl);
	return true;
}

/* ---- set-up ---- */

static void copy_file(const char *to, uid_t uid, mode_t mode)
{
	_cleanup_close_ int in = open(libc_path, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char buffer[65536];
	ssize_t n;

	if (in < 0 || out < 0)
		die(to);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		if (write(out, buffer, (size_t)n) != n)
			die(to);
	if (fchmod(out, mode) < 0 || fchown(out, uid, 0) < 0)
		die(to);
}

static void make_files(void)
{
	const char *root = "/run/attach-kinds";
	Dl_info info;

	if (!dladdr((void *)getppid, &info) || !realpath(info.dli_fname, libc_path))
		die("finding libc");
	if ((mkdir(root, 0755) < 0 && errno != EEXIST) || chdir(root) < 0)
		die(root);
	mkdir("folder", 0755);
	mkdir("open", 0777);
	if (chmod("open", 0777) < 0)
		die("open");
	copy_file("folder/copy", 0, 0755);
	copy_file("open/copy", 0, 0755);
	copy_file("users", 1000, 0755);
	copy_file("writable", 0, 0775);
	unlink("link");
	unlink("linked");
	unlink("fifo");
	if (symlink("folder/copy", "link") < 0 || symlink("folder", "linked") < 0 ||
	    mkfifo("fifo", 0600) < 0)
		die("links");
}

static void enter_cgroup(void)
{
	static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	char path[PATH_MAX + 16];
	FILE *file;

	for (unsigned i = 0; i < ARRAY_SIZE(roots); i++) {
		struct statfs fs;

		/* CGROUP2_SUPER_MAGIC */
		if (statfs(roots[i], &fs) == 0 && fs.f_type == 0x63677270)
			snprintf(cgroup_path, sizeof(cgroup_path), "%s/attach-kinds", roots[i]);
	}
	if ((mkdir(cgroup_path, 0755) < 0 && errno != EEXIST) ||
	    snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup_path) < 0)
		die("control group");
	file = fopen(path, "we");
	if (!file || fprintf(file, "%d", getpid()) < 0 || fclose(file) != 0)
		die(path);
}

static void raise_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		die("ip link set lo up");
}

int main(int argc, char **argv)
{
	const char *only = argc > 2 ? argv[2] : "";
	char object[PATH_MAX];
	bool perf;

	if (argc < 2 || !realpath(argv[1], object)) {
		fprintf(stderr, "usage: attach-kinds OBJECT [WORD]\n");
		return 2;
	}
	object_path = object;
	result_area("attach");
	if (access("/sys/kernel/tracing/events", F_OK) < 0)
		mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	make_files();
	enter_cgroup();
	raise_loopback();
	drop_capabilities();
	perf = check_closed_perf();
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strstr(kinds[i].target, only) && (perf || !kinds[i].perf))
			check_kind(&kinds[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(refusals); i++)
		if (strstr(refusals[i].target, only))
			check_refusal(&refusals[i]);
	check_busy();
	return result_failed() > 0;
}
