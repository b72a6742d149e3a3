// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What somebody tries who holds CAP_BPF and the like, and wants past the daemon: one thing a run,
 * by bare system calls. Prints "ok" and ends with 0, or the errno's name and ends with 1.
 *
 *   gate-attacker load TYPE                a program of two instructions: socket_filter, syscall...
 *   gate-attacker replay BUNDLE v1|v2 KEYRING [run]
 *       loads the bundle's loader, as it was signed, with that keyring (a serial, or 0 to 2), and
 *       runs it
 *   gate-attacker keep                     loads a syscall program, prints "ready", and runs it at
 *                                          each line of its input
 *   gate-attacker fd prog|map|map-read|link ID
 *   gate-attacker fds prog|map|map-read|link ID...   how many of these it gets
 *   gate-attacker unlink|rmdir PATH        gate-attacker rename|link|symlink PATH PATH
 *   gate-attacker mkdir|chmod PATH         gate-attacker pin PATH: a map of its own
 *   gate-attacker write PATH               opens it to write, no more
 *   gate-attacker race-link ID             tries to open it until the answer is not EPERM, for two
 *                                          minutes
 *   gate-attacker hold-link PATH           opens the link that is pinned there, prints "ready", and
 *                                          keeps it until its input ends
 *   gate-attacker umount|detach PATH       the second with MNT_DETACH
 *   gate-attacker copy-detach PATH         in a mount namespace that passes it on
 *   gate-attacker private-detach PATH      the same, made private before, but not what it is in
 *   gate-attacker below-detach FROM PATH   FROM and all below it, bound in a tmpfs at PATH, which
 *                                          is detached then
 *   gate-attacker move PATH PATH           gate-attacker move-old PATH PATH: by mount(2)
 *   gate-attacker cover|move-tmpfs PATH    a tmpfs over it, by mount(2) or move_mount(2)
 *   gate-attacker read-only PATH           remounts it
 *   gate-attacker trace PID
 *   gate-attacker orphan PROGRAM [ARG]...  runs it as a process that PID 1 has been handed
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "bundle.h"
#include "enforce.h"
#include "owned.h"
#include "sys-bpf.h"

static int answer(long r)
{
	if (r >= 0) {
		puts("ok");
		return 0;
	}
	puts(strerrorname_np((int)-r) ?: "unknown");
	return 1;
}

static long result_of(long r)
{
	return r < 0 ? -errno : r;
}

static const struct bpf_insn two[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
	{.code = BPF_JMP | BPF_EXIT},
};

static int load_two(enum bpf_prog_type type)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.prog_flags = type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0;
	attr.insns = sys_ptr(two);
	attr.insn_cnt = ARRAY_SIZE(two);
	attr.license = sys_ptr("GPL");
	return sys_bpf(BPF_PROG_LOAD, &attr, ATTR_SIZE(keyring_id));
}

static int run_fd(int fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)fd;
	return sys_bpf(BPF_PROG_TEST_RUN, &attr, ATTR_SIZE(test));
}

static int load(const char *name)
{
	for (unsigned type = 1; type <= BPF_PROG_TYPE_NETFILTER; type++)
		if (streq(gate_type_name(type), name))
			return load_two((enum bpf_prog_type)type);
	return -EINVAL;
}

static int keep(void)
{
	int fd = load_two(BPF_PROG_TYPE_SYSCALL);
	char line[16];

	if (fd < 0)
		return answer(fd);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		answer(run_fd(fd));
		fflush(stdout);
	}
	return 0;
}

/* ---- what a trusted key once signed ---- */

static int make_metadata(struct blob metadata, struct blob loader)
{
	uint8_t digest[DIGEST_SIZE], hash[DIGEST_SIZE];
	struct bpf_map_info info;
	union bpf_attr attr;
	uint32_t zero = 0;
	int fd, r;

	sha256(loader.data, loader.size, digest);
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = sizeof(zero);
	attr.value_size = (uint32_t)metadata.size;
	attr.max_entries = 1;
	attr.excl_prog_hash = sys_ptr(digest);
	attr.excl_prog_hash_size = DIGEST_SIZE;
	fd = sys_bpf(BPF_MAP_CREATE, &attr, ATTR_SIZE(excl_prog_hash_size));
	if (fd < 0)
		return fd;
	r = bpf_map_update_elem(fd, &zero, metadata.data, 0);
	if (r == 0)
		r = bpf_map_freeze(fd);
	memset(&info, 0, sizeof(info));
	info.hash = sys_ptr(hash);
	info.hash_size = sizeof(hash);
	if (r == 0)
		r = sys_bpf_info(fd, &info, sizeof(info));
	return r < 0 ? r : fd;
}

static int load_signed(const struct bundle *bundle, enum contract contract, int keyring)
{
	struct blob loader = bundle_find(bundle, BUNDLE_LOADER, 0)->content;
	const struct bundle_kernel_sig *sig =
		bundle_find_kernel_sig(&bundle->signers[0], 0, contract);
	int map = make_metadata(bundle_find(bundle, BUNDLE_METADATA, 0)->content, loader);
	union bpf_attr attr;

	if (map < 0 || !sig)
		return map < 0 ? map : -ENODATA;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	attr.prog_flags = BPF_F_SLEEPABLE;
	attr.insns = sys_ptr(loader.data);
	attr.insn_cnt = (uint32_t)(loader.size / sizeof(struct bpf_insn));
	attr.license = sys_ptr("Dual BSD/GPL");
	attr.fd_array = sys_ptr(&map);
	attr.fd_array_cnt = contract == CONTRACT_V2;
	attr.signature = sys_ptr(sig->pkcs7.data);
	attr.signature_size = (uint32_t)sig->pkcs7.size;
	attr.keyring_id = keyring;
	return sys_bpf(BPF_PROG_LOAD, &attr, ATTR_SIZE(keyring_id));
}

static int replay(const char *path, const char *contract, const char *keyring)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;
	struct bundle bundle;
	size_t size;
	char *data;

	r = fd < 0 ? -errno : owned_read_all(fd, 16u << 20, &data, &size);
	if (r == 0)
		r = bundle_open(data, size, &bundle, &error);
	return r < 0 ? r
		     : load_signed(&bundle, streq(contract, "v1") ? CONTRACT_V1 : CONTRACT_V2,
				   atoi(keyring));
}

/* ---- objects ---- */

static int get_fd(const char *kind, uint32_t id)
{
	LIBBPF_OPTS(bpf_get_fd_by_id_opts, read_only, .open_flags = BPF_F_RDONLY);

	if (streq(kind, "prog"))
		return bpf_prog_get_fd_by_id(id);
	if (streq(kind, "link"))
		return bpf_link_get_fd_by_id(id);
	return bpf_map_get_fd_by_id_opts(id, streq(kind, "map-read") ? &read_only : NULL);
}

static int count_fds(const char *kind, char **ids)
{
	unsigned n = 0;

	for (; *ids; ids++) {
		int fd = get_fd(kind, (uint32_t)atoi(*ids));

		n += fd >= 0;
		safe_close(fd);
	}
	printf("%u\n", n);
	return 0;
}

/* Whoever takes a descriptor's number back before the link has gone leaves a gap. */
static int race_link(uint32_t id)
{
	time_t end = time(NULL) + 120;
	int r;

	do
		r = bpf_link_get_fd_by_id(id);
	while (r == -EPERM && time(NULL) < end);
	return r;
}

static int hold_link(const char *path)
{
	int fd = bpf_obj_get(path);
	char line[16];

	if (fd < 0)
		return answer(fd);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		;
	return 0;
}

static int pin_map(const char *path)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "attack", 4, 4, 1, NULL);

	return fd < 0 ? fd : bpf_obj_pin(fd, path);
}

/* ---- pins and mounts ---- */

static long copy_detach(const char *path)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	return result_of(umount2(path, MNT_DETACH));
}

static long private_detach(const char *path)
{
	static const struct mount_attr private = {.propagation = MS_PRIVATE};

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount_setattr(AT_FDCWD, path, 0, (struct mount_attr *)&private, sizeof(private)) < 0)
		return -errno;
	return result_of(umount2(path, MNT_DETACH));
}

static long below_detach(const char *from, const char *path)
{
	char to[PATH_MAX];

	snprintf(to, sizeof(to), "%s/below", path);
	if (unshare(CLONE_NEWNS) < 0 || mount("none", path, "tmpfs", 0, NULL) < 0 ||
	    mount(NULL, path, NULL, MS_PRIVATE, NULL) < 0 || mkdir(to, 0700) < 0 ||
	    mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0) {
		fprintf(stderr, "gate-attacker: cannot prepare %s: ", to);
		return -errno;
	}
	return result_of(umount2(path, MNT_DETACH));
}

static long move_tmpfs(const char *path)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", 0), mnt;

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mnt = (int)syscall(SYS_fsmount, fs, 0, 0);
	if (mnt < 0)
		return -errno;
	return result_of(syscall(SYS_move_mount, mnt, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH));
}

static long move_new(const char *from, const char *to)
{
	return result_of(syscall(SYS_move_mount, AT_FDCWD, from, AT_FDCWD, to, 0));
}

/* ---- processes ---- */

static long trace(pid_t pid)
{
	return result_of(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
}

/* What it prints goes where ours does; its status is lost with the parent that asked. */
static int orphan(char **argv)
{
	pid_t parent = getpid();
	int waiting[2], status = 0;

	if (pipe(waiting) < 0)
		return 1;
	if (fork() == 0) {
		if (fork() > 0)
			_exit(0);
		while (getppid() == parent || getppid() != 1)
			usleep(1000);
		fcntl(waiting[1], F_SETFD, 0);
		execv(argv[0], argv);
		_exit(127);
	}
	close(waiting[1]);
	wait(&status);
	/* until the orphan has ended */
	return read(waiting[0], &status, 1) != 0;
}

static int on_path(const char *verb, const char *path)
{
	if (streq(verb, "unlink"))
		return answer(result_of(unlink(path)));
	if (streq(verb, "rmdir"))
		return answer(result_of(rmdir(path)));
	if (streq(verb, "mkdir"))
		return answer(result_of(mkdir(path, 0700)));
	if (streq(verb, "chmod"))
		return answer(result_of(chmod(path, 0777)));
	if (streq(verb, "write"))
		return answer(result_of(open(path, O_WRONLY | O_CLOEXEC)));
	if (streq(verb, "pin"))
		return answer(pin_map(path));
	return 2;
}

static int on_mount(const char *verb, const char *path)
{
	if (streq(verb, "umount"))
		return answer(result_of(umount2(path, 0)));
	if (streq(verb, "detach"))
		return answer(result_of(umount2(path, MNT_DETACH)));
	if (streq(verb, "copy-detach"))
		return answer(copy_detach(path));
	if (streq(verb, "private-detach"))
		return answer(private_detach(path));
	if (streq(verb, "cover"))
		return answer(result_of(mount("none", path, "tmpfs", 0, NULL)));
	if (streq(verb, "move-tmpfs"))
		return answer(move_tmpfs(path));
	if (streq(verb, "read-only"))
		return answer(result_of(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL)));
	return on_path(verb, path);
}

static int two_words(char **argv)
{
	const char *verb = argv[1], *word = argv[2];

	if (streq(verb, "load"))
		return answer(load(word));
	if (streq(verb, "trace"))
		return answer(trace(atoi(word)));
	if (streq(verb, "race-link"))
		return answer(race_link((uint32_t)atoi(word)));
	if (streq(verb, "hold-link"))
		return hold_link(word);
	return on_mount(verb, word);
}

static int three_words(char **argv)
{
	const char *verb = argv[1];

	if (streq(verb, "fd"))
		return answer(get_fd(argv[2], (uint32_t)atoi(argv[3])));
	if (streq(verb, "below-detach"))
		return answer(below_detach(argv[2], argv[3]));
	if (streq(verb, "rename"))
		return answer(result_of(rename(argv[2], argv[3])));
	if (streq(verb, "link"))
		return answer(result_of(link(argv[2], argv[3])));
	if (streq(verb, "symlink"))
		return answer(result_of(symlink(argv[2], argv[3])));
	if (streq(verb, "move"))
		return answer(move_new(argv[2], argv[3]));
	if (streq(verb, "move-old"))
		return answer(result_of(mount(argv[2], argv[3], NULL, MS_MOVE, NULL)));
	return 2;
}

int main(int argc, char **argv)
{
	int fd;

	if (argc == 2 && streq(argv[1], "keep"))
		return keep();
	if (argc >= 3 && streq(argv[1], "orphan"))
		return orphan(argv + 2);
	if (argc >= 4 && streq(argv[1], "fds"))
		return count_fds(argv[2], argv + 3);
	if (argc == 3)
		return two_words(argv);
	if (argc == 4)
		return three_words(argv);
	if (argc >= 5 && streq(argv[1], "replay")) {
		fd = replay(argv[2], argv[3], argv[4]);
		return answer(fd >= 0 && argc == 6 ? run_fd(fd) : fd);
	}
	fprintf(stderr, "gate-attacker: see the head of its source\n");
	return 2;
}
