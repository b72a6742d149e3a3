// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pairs.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "others.h"

#define PAGE 4096u

static uint64_t places[N_PLACES];

uint64_t pairs_place(enum pairs_place place)
{
	return places[place];
}

static void place_fds(enum pairs_place place, enum pairs_place first, enum pairs_place second)
{
	int *fds = calloc(3, sizeof(*fds));

	must("memory", fds ? 0 : -ENOMEM);
	/* For those who are told of one more. */
	fds[2] = (int)places[FD_CLOSED];
	fds[0] = first == NUMBER ? -1 : (int)places[first];
	fds[1] = second == NUMBER ? -1 : (int)places[second];
	places[place] = ptr(fds);
}

static void open_objects(void)
{
	static const struct bpf_insn insns[] = {MOV(0, 0), EXIT};
	struct code code = {insns, ARRAY_SIZE(insns)};
	_cleanup_request_ struct request q = {};
	uint8_t digest[32];

	program_digest(code, digest);
	request_init(&q, code);
	places[FD_CLOSED] = 1000;
	places[FD_FILE] = (uint64_t)must("/dev/null", open("/dev/null", O_RDWR | O_CLOEXEC));
	places[FD_MAP] = (uint64_t)must("map", map_create(&(struct map_spec){}));
	places[FD_PROGRAM] = (uint64_t)must("program", request_load(&q));
	places[FD_BTF] = (uint64_t)btf_make();
	/* A kernel that knows no exclusive maps has a plain one in its place. */
	places[FD_MAP_EXCLUSIVE] = (uint64_t)map_create(&(struct map_spec){.digest = digest});
	if ((int)places[FD_MAP_EXCLUSIVE] < 0)
		places[FD_MAP_EXCLUSIVE] = (uint64_t)must("map", map_create(&(struct map_spec){}));
}

static void open_arrays(void)
{
	place_fds(AT_FDS_CLOSED, FD_CLOSED, FD_MAP);
	place_fds(AT_FDS_MINUS_1, NUMBER, FD_MAP);
	place_fds(AT_FDS_FILE, FD_FILE, FD_MAP);
	place_fds(AT_FDS_PROGRAM, FD_PROGRAM, FD_MAP);
	place_fds(AT_FDS_BTF, FD_BTF, FD_MAP);
	place_fds(AT_FDS_BTF_MINUS_1, FD_BTF, NUMBER);
	place_fds(AT_FDS_MAP_CLOSED, FD_MAP, FD_CLOSED);
	place_fds(AT_FDS_MAP_BTF, FD_MAP, FD_BTF);
	place_fds(AT_FDS_EXCLUSIVE, FD_MAP_EXCLUSIVE, FD_MAP);
}

/* The last bytes of a page with nothing behind it. */
static void open_edge(void)
{
	uint8_t *pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int minus_1 = -1, fds[2] = {(int)places[FD_MAP], (int)places[FD_MAP]};

	must("pages", pages == MAP_FAILED || munmap(pages + PAGE, PAGE) ? -ENOMEM : 0);
	memcpy(pages + PAGE - sizeof(minus_1), &minus_1, sizeof(minus_1));
	places[AT_EDGE_MINUS_1] = ptr(pages + PAGE - sizeof(minus_1));
	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must("pages", pages == MAP_FAILED || munmap(pages + PAGE, PAGE) ? -ENOMEM : 0);
	memcpy(pages + PAGE - sizeof(fds), fds, sizeof(fds));
	places[AT_EDGE_FDS] = ptr(pages + PAGE - sizeof(fds));
}

static void open_records(void)
{
	static struct bpf_func_info good = {.insn_off = 0, .type_id = 4},
				    unknown = {.insn_off = 0, .type_id = 1000},
				    offset = {.insn_off = 1, .type_id = 4};
	static uint8_t zeros[16384], ones[16384], garbage[16384];
	static char long_name[256];

	memset(ones, 1, sizeof(ones));
	memset(garbage, 'g', sizeof(garbage));
	memset(long_name, 'n', sizeof(long_name));
	places[AT_NOTHING] = PAGE;
	places[AT_KERNEL] = 0xffff888000000000ull;
	places[AT_ZEROS] = ptr(zeros);
	places[AT_ONES] = ptr(ones);
	places[AT_GARBAGE] = ptr(garbage);
	places[AT_LONG_NAME] = ptr(long_name);
	places[AT_UNTRUE_LICENSE] = ptr("Proprietary");
	places[AT_FUNC_INFO] = ptr(&good);
	places[AT_FUNC_INFO_UNKNOWN] = ptr(&unknown);
	places[AT_FUNC_INFO_OFFSET] = ptr(&offset);
	places[AT_LINE_INFO] = ptr(zeros);
	places[AT_CORE_RELOS] = ptr(zeros);
}

void pairs_open(void)
{
	open_objects();
	open_arrays();
	open_edge();
	open_records();
}

static void change(struct pairs_request *q, const struct pairs_bad *bad)
{
	for (const struct pairs_change *c = bad->changes;
	     c < bad->changes + ARRAY_SIZE(bad->changes) && c->size; c++) {
		uint64_t value = c->place > BYTES ? places[c->place] : c->value;

		if (c->place == BYTES)
			memset((uint8_t *)q + c->offset, (int)c->value, c->size);
		else
			memcpy((uint8_t *)q + c->offset, &value, c->size);
	}
}

/* Whether both change the same, so that together they say nothing. */
static bool overlap(const struct pairs_bad *x, const struct pairs_bad *y)
{
	for (unsigned i = 0; i < ARRAY_SIZE(x->changes); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(y->changes); k++) {
			const struct pairs_change *a = &x->changes[i], *b = &y->changes[k];

			if (a->offset < b->offset + b->size && b->offset < a->offset + a->size)
				return true;
		}
	return false;
}

static void ask(const struct pairs *pairs, const struct pairs_bad *x, const struct pairs_bad *y)
{
	static const struct pairs_bad none = {"good", {}};
	static struct pairs_request q;
	char name[160];
	int r;

	memset(&q, 0, sizeof(q));
	change(&q, x ?: &none);
	change(&q, y ?: &none);
	pairs->base(&q);
	change(&q, x ?: &none);
	change(&q, y ?: &none);
	r = pairs->ask(&q);
	snprintf(name, sizeof(name), "%s/%s%s%s", pairs->name, (x ?: &none)->name, y ? "+" : "",
		 y ? y->name : "");
	row_result(name, NULL, r);
}

void pairs_run(const struct pairs *pairs)
{
	ask(pairs, NULL, NULL);
	for (unsigned i = 0; i < pairs->n_bad; i++) {
		ask(pairs, &pairs->bad[i], NULL);
		for (unsigned k = i + 1; k < pairs->n_bad; k++)
			if (!overlap(&pairs->bad[i], &pairs->bad[k]))
				ask(pairs, &pairs->bad[i], &pairs->bad[k]);
	}
}

/* Another user, who has these capabilities alone. */
static void become(uint64_t capabilities)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {};

	for (unsigned i = 0; i < 2; i++) {
		data[i].effective = data[i].permitted = (uint32_t)(capabilities >> (32 * i));
	}
	must("keep capabilities", prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	must("another user", syscall(SYS_setresuid, 65534, 65534, 65534) ? -errno : 0);
	must("capabilities", syscall(SYS_capset, &header, data) ? -errno : 0);
}

void pairs_run_as(const struct pairs *pairs, uint64_t capabilities)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		become(capabilities);
		pairs_run(pairs);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		must(pairs->name, -ECHILD);
}
