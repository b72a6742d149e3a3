/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The load child with real and with hostile loaders. Needs root and Linux 6.18 or newer, but no
 * signatures: those are tried in the guest. Skips what cannot be done here, with the reason.
 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "hostile.h"
#include "load-child.h"
#include "sys-bpf.h"

static struct loader_asm loader;
static const char *skip_reason;

static struct load_input input_of(const struct loader_asm *a)
{
	return (struct load_input){
		.loader = {(const void *)a->insns, a->n * sizeof(a->insns[0])},
		.metadata = {a->data, a->size},
		.n_programs = 1,
		.n_maps = 1,
		.program_types = 1ULL << BPF_PROG_TYPE_RAW_TRACEPOINT,
		.daemon_only = true,
	};
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

#define SKIP_UNLESS_POSSIBLE()                                       \
	do {                                                         \
		if (skip_reason) {                                   \
			print_message("skipped: %s\n", skip_reason); \
			skip();                                      \
		}                                                    \
	} while (0)

static int group_setup(void **state)
{
	skip_reason = hostile_unable();
	return 0;
}

static void test_honest(void **state)
{
	_cleanup_loaded_ struct loaded loaded = LOADED_INIT;
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load_input input;
	char name[64];

	SKIP_UNLESS_POSSIBLE();
	asm_start(&loader, 1);
	hostile_find("honest")->write(&loader);
	input = input_of(&loader);
	if (loader_load(&input, 1, LOAD_DEADLINE_USEC, &loaded, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(loaded.n_programs, 1);
	assert_int_equal(loaded.n_maps, 1);
	assert_int_equal(fd_describe(loaded.programs[0], name, sizeof(name)), 0);
	assert_string_equal(name, FD_PROGRAM);
	assert_int_equal(fd_describe(loaded.maps[0], name, sizeof(name)), 0);
	assert_string_equal(name, FD_MAP);
	assert_int_equal(fcntl(loaded.maps[0], F_GETFD), FD_CLOEXEC);
}

static struct load_input input_by(struct loader_asm *a, const char *mode)
{
	asm_start(a, 1);
	hostile_find(mode)->write(a);
	return input_of(a);
}

/* Several payloads: all or none, and which of them it was that failed. */
static void test_several(void **state)
{
	static struct loader_asm second;
	_cleanup_loaded_ struct loaded loaded = LOADED_INIT;
	_cleanup_error_ struct error error = ERROR_INIT, late = ERROR_INIT, early = ERROR_INIT;
	unsigned before = count_fds();
	struct load_input inputs[2];

	SKIP_UNLESS_POSSIBLE();
	inputs[0] = input_by(&loader, "honest");
	inputs[1] = input_by(&second, "honest");
	if (loader_load(inputs, 2, LOAD_DEADLINE_USEC, &loaded, &error) < 0)
		fail_msg("%s", error_message(&error));
	assert_int_equal(loaded.n_programs, 2);
	assert_int_equal(loaded.n_maps, 2);
	assert_int_equal(count_fds(), before + 4);
	loaded_done(&loaded);

	inputs[1].n_maps = 2; /* one more than it makes */
	assert_true(loader_load(inputs, 2, LOAD_DEADLINE_USEC, &loaded, &late) < 0);
	check_error(&late, ERROR_ATTESTATION, "payload 1: ");
	assert_int_equal(loaded.n_programs, 0);
	inputs[1].loader.size -= 4;
	assert_true(loader_load(inputs, 2, LOAD_DEADLINE_USEC, &loaded, &early) < 0);
	check_error(&early, ERROR_ATTESTATION, "payload 1: ");
	assert_int_equal(count_fds(), before);
}

/* The deadline is for all together. */
static void test_several_deadline(void **state)
{
	static struct loader_asm second;
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load_input inputs[2];
	struct loaded loaded;

	SKIP_UNLESS_POSSIBLE();
	inputs[0] = input_by(&loader, "honest");
	inputs[1] = input_by(&second, "honest");
	assert_true(loader_load(inputs, 2, 0, &loaded, &error) < 0);
	check_error(&error, ERROR_KERNEL, "payload 0: there is no time left to load it");
}

static void refused_after(const struct hostile_mode *mode, const struct load_input *input)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct loaded loaded = {.n_programs = 77};
	bool fits, endless;

	/* only what is to take longer than it may is given little: a busy machine is slow */
	endless = strstr(mode->refusal, "in time") != NULL && !mode->caught;
	assert_true(load_unchecked(input, endless ? 500 * 1000 : LOAD_DEADLINE_USEC, &loaded,
				   &error) < 0);
	fits = mode->caught ? strstr(error_message(&error), mode->caught) != NULL
			    : hostile_refusal_fits(mode, error_message(&error));
	if (!fits)
		fail_msg("%s: %s", mode->name, error_message(&error));
	if (!mode->caught)
		assert_int_equal(error.code, mode->code);
	assert_int_equal(loaded.n_programs, 77);
}

static void refused_before(const struct hostile_mode *mode, const struct load_input *input)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct loaded loaded = {.n_programs = 77};

	assert_int_equal(loader_load(input, 1, LOAD_DEADLINE_USEC, &loaded, &error), -EPERM);
	if (!hostile_refusal_fits(mode, error_message(&error)))
		fail_msg("%s: %s", mode->name, error_message(&error));
	assert_int_equal(error.code, mode->code);
	assert_int_equal(error.step, mode->step);
	assert_int_equal(loaded.n_programs, 77);
}

/* A child that is stopped in the middle of a command can take a while to end. */
static void wait_for_fds(const char *mode, unsigned n)
{
	for (unsigned i = 0; i < 1000 && count_fds() != n; i++)
		usleep(10 * 1000);
	if (count_fds() != n)
		fail_msg("%s: %u fds, expected %u", mode, count_fds(), n);
}

/* What each mode is refused for, by the child alone and by the whole. Nothing is left of any. */
static void test_hostile(void **state)
{
	SKIP_UNLESS_POSSIBLE();
	for (size_t i = 0; i < n_hostile_modes; i++) {
		const struct hostile_mode *mode = &hostile_modes[i];
		struct load_input input;
		unsigned before = count_fds();

		asm_start(&loader, 1);
		mode->write(&loader);
		input = input_of(&loader);
		if (mode->when == HOSTILE_RUN || mode->caught)
			refused_after(mode, &input);
		if (mode->when == HOSTILE_READ)
			refused_before(mode, &input);
		wait_for_fds(mode->name, before);
	}
}

/* One program more than the manifest has, which the context has no room for; and one fewer. */
static void test_wrong_counts(void **state)
{
	_cleanup_error_ struct error more = ERROR_INIT, fewer = ERROR_INIT;
	struct load_input input;
	struct loaded loaded;

	SKIP_UNLESS_POSSIBLE();
	asm_start(&loader, 1);
	hostile_find("honest")->write(&loader);
	input = input_of(&loader);
	input.n_programs = 0;
	assert_int_equal(loader_load(&input, 1, LOAD_DEADLINE_USEC, &loaded, &more), -EINVAL);
	check_error(&more, ERROR_ATTESTATION, "more programs and maps than the manifest");
	input.n_programs = 2;
	assert_true(loader_load(&input, 1, LOAD_DEADLINE_USEC, &loaded, &fewer) < 0);
	check_error(&fewer, ERROR_ATTESTATION, "nothing for program 1");
}

/* A program that the verifier refuses: its log comes along. */
static void test_log(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load_input input;
	struct loaded loaded;

	SKIP_UNLESS_POSSIBLE();
	asm_start(&loader, 1);
	asm_make_program(&loader, "prog");
	asm_check(&loader);
	asm_return(&loader, 0);
	/* "r0 = 0" becomes "r0 = r9", which nobody has written. */
	for (size_t i = 0; i + 8 <= loader.size; i += 8)
		if (loader.data[i] == (BPF_ALU64 | BPF_MOV | BPF_K) && loader.data[i + 1] == 0) {
			loader.data[i] = BPF_ALU64 | BPF_MOV | BPF_X;
			loader.data[i + 1] = BPF_REG_9 << 4;
		}
	/* The log's place is the context's, as in a loader of libbpf. */
	input = input_of(&loader);
	assert_int_equal(loader_load(&input, 1, LOAD_DEADLINE_USEC, &loaded, &error), -EACCES);
	check_error(&error, ERROR_KERNEL, "the verifier does not take a program");
}

/* A loader of a program that reads the kernel's memory, by a helper. */
static struct load_input reader_of(enum bpf_prog_type type)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {.prog_type = type};

	memcpy(attr.prog_name, "prog", sizeof("prog"));
	asm_start(&loader, 1);
	hostile_make_map(&loader);
	asm_load_program(&loader, asm_program(&loader, &attr, program, ARRAY_SIZE(program), NULL));
	hostile_give_program(&loader);
	asm_return(&loader, 0);
	return input_of(&loader);
}

/* Only where a type is declared that reads it by its nature. */
static void test_kernel_memory(void **state)
{
	_cleanup_loaded_ struct loaded loaded = LOADED_INIT, both = LOADED_INIT;
	_cleanup_error_ struct error error = ERROR_INIT, other = ERROR_INIT;
	struct load_input input;

	SKIP_UNLESS_POSSIBLE();
	input = reader_of(BPF_PROG_TYPE_XDP);
	input.program_types = 1ULL << BPF_PROG_TYPE_XDP;
	assert_int_equal(loader_load(&input, 1, LOAD_DEADLINE_USEC, &loaded, &error), -EINVAL);
	check_error(&error, ERROR_KERNEL,
		    "programs of the declared types may not read kernel memory");
	input.program_types |= 1ULL << BPF_PROG_TYPE_TRACING;
	if (loader_load(&input, 1, LOAD_DEADLINE_USEC, &both, &other) < 0)
		fail_msg("%s", error_message(&other));
}

static int load_as(enum bpf_prog_type made, uint64_t declared)
{
	_cleanup_loaded_ struct loaded loaded = LOADED_INIT;
	struct load_input input;

	asm_start(&loader, 1);
	hostile_make_map(&loader);
	asm_make_program_of(&loader, "prog", made);
	hostile_give_program(&loader);
	asm_return(&loader, 0);
	input = input_of(&loader);
	input.program_types = declared;
	return loader_load(&input, 1, LOAD_DEADLINE_USEC, &loaded, NULL);
}

/* What is not declared is not loaded to begin with, if it takes more than what is. */
static void test_capabilities(void **state)
{
	static const struct {
		enum bpf_prog_type made, declared;
		int r;
	} rows[] = {
		{BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_XDP, 0},
		{BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_SCHED_CLS, 0},
		{BPF_PROG_TYPE_CGROUP_SKB, BPF_PROG_TYPE_CGROUP_SKB, 0},
		{BPF_PROG_TYPE_CGROUP_DEVICE, BPF_PROG_TYPE_CGROUP_DEVICE, 0},
		{BPF_PROG_TYPE_TRACEPOINT, BPF_PROG_TYPE_TRACEPOINT, 0},
		{BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_KPROBE, 0},
		{BPF_PROG_TYPE_PERF_EVENT, BPF_PROG_TYPE_PERF_EVENT, 0},
		{BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_RAW_TRACEPOINT, -EPERM},
		{BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_CGROUP_SKB, -EPERM},
		{BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_XDP, -EPERM},
		{BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_CGROUP_SKB, -EPERM},
		{BPF_PROG_TYPE_TRACEPOINT, BPF_PROG_TYPE_UNSPEC, -EPERM},
	};

	SKIP_UNLESS_POSSIBLE();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = load_as(rows[i].made, 1ULL << rows[i].declared);

		if (r != rows[i].r)
			fail_msg("type %d, declared %d: %d, expected %d", (int)rows[i].made,
				 (int)rows[i].declared, r, rows[i].r);
	}
}

static void test_changed(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load_input input;
	struct loaded loaded;

	SKIP_UNLESS_POSSIBLE();
	/* The digest of the map's contents, asked of the kernel, is compared with our own; here it
	 * fits, and the loader itself is refused by the verifier: R9 is not set. */
	asm_start(&loader, 1);
	asm_insn(&loader, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_9, 0, 0);
	asm_insn(&loader, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	input = input_of(&loader);
	assert_int_equal(loader_load(&input, 1, LOAD_DEADLINE_USEC, &loaded, &error), -EACCES);
	check_error(&error, ERROR_KERNEL, "refuses the signed loader: EACCES");
	assert_non_null(error.fields);
}

static void refused(const struct load_input *input, enum error_code code, const char *part)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct loaded loaded;

	assert_true(loader_load(input, 1, LOAD_DEADLINE_USEC, &loaded, &error) < 0);
	check_error(&error, code, part);
}

/* What is left to the load child of fcntl(2) and bpf(2), whoever has taken it over. */
static int filtered_calls(void)
{
	union bpf_attr attr;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || child_filter() < 0)
		return 1;
	if (syscall(SYS_fcntl, 0, F_GETFD) < 0)
		return 2;
	for (long command = 0; command < 2000; command++)
		if (command != F_GETFD &&
		    (syscall(SYS_fcntl, 0, command, 0) >= 0 || errno != EPERM))
			return 3;
	memset(&attr, 0, sizeof(attr));
	if (syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)) >= 0 || errno != EPERM)
		return 4;
	if (syscall(SYS_kill, getppid(), 0) >= 0 || errno != EPERM)
		return 5;
	return 0;
}

static void test_filter(void **state)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(filtered_calls());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Refused before there is a child: works anywhere. */
static void test_input(void **state)
{
	static const uint8_t long_signature[BUNDLE_KERNEL_SIG_MAX + 1] = {0x30};
	struct load_input input;

	asm_start(&loader, 1);
	hostile_find("honest")->write(&loader);
	input = input_of(&loader);
	input.daemon_only = false;
	refused(&input, ERROR_CANNOT_VERIFY, "cannot verify");
	input.contract = CONTRACT_V2;
	refused(&input, ERROR_NOT_AUTHENTIC, "no signature for this kernel (contract v2)");
	input.daemon_only = true; /* does not make up for a signature where one can be checked */
	refused(&input, ERROR_NOT_AUTHENTIC, "no signature");
	input.pkcs7 = (struct blob){long_signature, sizeof(long_signature)};
	refused(&input, ERROR_NOT_AUTHENTIC, "no signature");

	input = input_of(&loader);
	input.metadata.size -= 1;
	refused(&input, ERROR_MALFORMED, "multiple of 8");
	input.metadata.size = 0;
	refused(&input, ERROR_MALFORMED, "multiple of 8");
	input = input_of(&loader);
	input.n_maps = MANIFEST_MAPS_MAX + 1;
	refused(&input, ERROR_BAD_MANIFEST, "more programs or maps");
	input = input_of(&loader);
	input.n_programs = MANIFEST_PROGRAMS_MAX + 1;
	refused(&input, ERROR_BAD_MANIFEST, "more programs or maps");
	input = input_of(&loader);
	input.loader.size -= 1;
	refused(&input, ERROR_ATTESTATION, "whole number");
}

static uint64_t now_msec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The deadline holds, however long the loader would take. */
static void test_deadline(void **state)
{
	_cleanup_error_ struct error error = ERROR_INIT;
	struct load_input input;
	struct loaded loaded;
	uint64_t start = now_msec();

	SKIP_UNLESS_POSSIBLE();
	asm_start(&loader, 1);
	hostile_find("loop")->write(&loader);
	input = input_of(&loader);
	assert_int_equal(loader_load(&input, 1, 100 * 1000, &loaded, &error), -ETIMEDOUT);
	check_error(&error, ERROR_KERNEL, "did not end in time");
	assert_true(now_msec() - start < 5000);
}

static void *load_many(void *arg)
{
	struct load_input *input = arg;

	for (unsigned i = 0; i < 20; i++) {
		_cleanup_loaded_ struct loaded loaded = LOADED_INIT;

		if (loader_load(input, 1, LOAD_DEADLINE_USEC, &loaded, NULL) < 0 ||
		    loaded.n_programs != 1)
			return arg;
	}
	return NULL;
}

/* Several workers at once: no child keeps another's socket open, nobody's objects get mixed up. */
static void test_threads(void **state)
{
	struct load_input input;
	pthread_t threads[4];
	unsigned before = count_fds();
	void *result;

	SKIP_UNLESS_POSSIBLE();
	asm_start(&loader, 1);
	hostile_find("honest")->write(&loader);
	input = input_of(&loader);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, load_many, &input), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		pthread_join(threads[i], &result);
		assert_null(result);
	}
	assert_int_equal(count_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),		 cmocka_unit_test(test_input),
		cmocka_unit_test(test_honest),		 cmocka_unit_test(test_several),
		cmocka_unit_test(test_several_deadline), cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_wrong_counts),	 cmocka_unit_test(test_log),
		cmocka_unit_test(test_kernel_memory),	 cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_changed),		 cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
